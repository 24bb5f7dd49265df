"""What pages say to search engines: JSON-LD by schema.org's words (Article, FAQPage, BreadcrumbList, WebSite)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.utils.safestring import SafeString, mark_safe

from knowledge.markdown import Rendered
from knowledge.models import Edition

if TYPE_CHECKING:
    from knowledge.centre.place import Place

CONTEXT = "https://schema.org"
LONGEST_ANSWER = 5000
Crumbs = Sequence[tuple[str, str]]


def script(*things: dict[str, Any]) -> SafeString:
    """The element for the page's head. In JSON within HTML no "<" may stand as such."""
    body = json.dumps(things[0] if len(things) == 1 else list(things), ensure_ascii=False, separators=(",", ":"))
    safe = (
        body.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
    return mark_safe(f'<script type="application/ld+json">{safe}</script>')  # noqa: S308 - escaped above


def site(place: Place) -> SafeString:
    home = place.whole("home")
    return script(
        {
            "@context": CONTEXT,
            "@type": "WebSite",
            "name": place.brand.name,
            "url": home,
            "inLanguage": place.language,
            "potentialAction": {
                "@type": "SearchAction",
                "target": {"@type": "EntryPoint", "urlTemplate": place.whole("search") + "?q={search_term_string}"},
                "query-input": "required name=search_term_string",
            },
        }
    )


def crumbs(steps: Crumbs) -> SafeString:
    return script(breadcrumbs(steps))


def breadcrumbs(steps: Crumbs) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": url}
            for number, (name, url) in enumerate(steps, 1)
        ],
    }


def article(place: Place, edition: Edition, body: Rendered, steps: Crumbs) -> SafeString:
    """The article, the one question it answers, and where it stands."""
    url = place.whole("article", edition.slug)
    publisher = {"@type": "Organization", "name": place.brand.name, "url": place.centre.website or place.whole("home")}
    written = edition.published_at or edition.created_at
    about: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "Article",
        "headline": edition.title[:110],
        "description": edition.summary or body.text[:160],
        "inLanguage": edition.language,
        "datePublished": written.isoformat(),
        "dateModified": (edition.changed_at or written).isoformat(),
        "mainEntityOfPage": {"@type": "WebPage", "@id": url},
        "author": publisher,
        "publisher": publisher,
        "url": url,
    }
    if place.centre.logo:
        about["image"] = place.request.build_absolute_uri(f"/help/picture/{place.centre.logo}")
    question = {
        "@context": CONTEXT,
        "@type": "FAQPage",
        "inLanguage": edition.language,
        "mainEntity": [
            {
                "@type": "Question",
                "name": edition.title,
                "acceptedAnswer": {"@type": "Answer", "text": body.text[:LONGEST_ANSWER] or edition.title, "url": url},
            }
        ],
    }
    return script(about, question, breadcrumbs(steps))
