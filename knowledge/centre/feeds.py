"""For machines that read: an Atom feed of what is new, a sitemap a brand, robots.txt, pictures."""

from __future__ import annotations

from html import escape
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from helpdesk.models import Brand
from knowledge import markdown, pictures
from knowledge.centre.pages import asked_now, readable
from knowledge.centre.place import Place, address_of, base_of, in_place
from knowledge.models import Category, Edition, HelpCentre, Picture

NEWEST = 30
MOST_IN_A_MAP = 45_000  # the protocol allows 50,000 addresses
YEAR = 31_536_000


@require_safe
@in_place
def feed(place: Place) -> HttpResponse:
    """What is new and what was asked, to be read like a blog: whole articles, the newest first."""
    rows = list(readable(place).select_related("live").order_by("-changed_at", "-id")[:NEWEST])
    made = Atom1Feed(
        title=f"{place.brand.name} · {_('Help')}",
        link=place.whole("home"),
        description=place.centre.intro or _("What is new, and what was asked"),
        language=place.language,
        feed_url=place.whole("feed"),
        author_name=place.brand.name,
    )
    for row in rows:
        link = place.whole("article", row.slug)
        body = markdown.rendered(row.live.body, f"{row.live_id}").html
        made.add_item(
            title=row.title, link=link, description=absolute(body, base_of(place.centre, place.request)),
            unique_id=f"urn:article:{row.article_id}:{row.language}", pubdate=row.published_at, updateddate=row.changed_at,
        )  # fmt: skip
    asked = [one for one in asked_now(place) if "/search/" in one["url"]]
    if asked and rows:
        words = "".join(f"<li>{escape(one['title'])}</li>" for one in asked)
        day = max(row.changed_at for row in rows)
        made.add_item(
            title=_("What people ask now"), link=place.whole("home"), description=f"<ul>{words}</ul>",
            unique_id=f"urn:asked:{place.brand.slug}:{place.language}", updateddate=day,
        )  # fmt: skip
    return HttpResponse(made.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


def absolute(html: str, base: str) -> str:
    return html.replace('src="/help/', f'src="{base}/help/').replace('href="/', f'href="{base}/')


@require_safe
def sitemap(request: HttpRequest, slug: str = "") -> HttpResponse:
    """All public pages of one brand, each with its other languages; shelves and articles with when they changed."""
    centre = _centre(request, slug)
    brand = centre.brand
    found = Edition.objects.for_brand(brand).filter(language__in=centre.spoken).readable("anybody")
    columns = ("article", "language", "slug", "changed_at")
    rows: list[Any] = list(found.order_by("article", "language").values_list(*columns)[:MOST_IN_A_MAP])
    by_article: dict[int, list[Any]] = {}
    for row in rows:
        by_article.setdefault(row[0], []).append(row)

    def to(language: str, name: str, *args: Any) -> str:
        return address_of(brand, centre, language, name, *args, request=request)

    entries = [
        _entry(to(code, "home"), None, [(other, to(other, "home")) for other in centre.spoken])
        for code in centre.spoken
    ]
    shelves = set(
        Edition.objects.for_brand(brand).readable("anybody").exclude(article__category=None)
        .order_by().values_list("article__category", "language").distinct()
    )  # fmt: skip
    for shelf in Category.objects.for_brand(brand):
        spoken = [code for code in centre.spoken if (shelf.pk, code) in shelves]
        others = [(code, to(code, "category", shelf.slug)) for code in spoken]
        entries += [_entry(url, None, others) for _code, url in others]
    for editions in by_article.values():
        others = [(language, to(language, "article", name)) for _article, language, name, _changed in editions]
        entries += [_entry(url, row[3], others) for row, (_language, url) in zip(editions, others, strict=True)]
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n{"".join(entries)}</urlset>\n'
    )
    response = HttpResponse(body, content_type="application/xml; charset=utf-8")
    response["Cache-Control"] = "public, max-age=600"
    return response


def _entry(url: str, changed: Any, others: list[tuple[str, str]]) -> str:
    when = f"<lastmod>{changed.isoformat()}</lastmod>" if changed else ""
    links = (
        "".join(
            f'<xhtml:link rel="alternate" hreflang="{escape(code)}" href="{escape(other)}"/>' for code, other in others
        )
        if len(others) > 1
        else ""
    )
    return f"<url><loc>{escape(url)}</loc>{when}{links}</url>\n"


def _centre(request: HttpRequest, slug: str) -> HelpCentre:
    own = getattr(request, "help_domain", "")
    if own:
        found = HelpCentre.objects.select_related("brand").filter(domain=own, is_open=True).first()
    else:
        brand = Brand.objects.select_related("help_centre").filter(slug=slug).first()
        found = (getattr(brand, "help_centre", None) or HelpCentre(brand=brand)) if brand else None
    if found is None or not found.is_open:
        raise Http404
    return found


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What may be indexed: the help centre but for its forms; nothing else of the house."""
    own = getattr(request, "help_domain", "")
    base = f"{request.scheme}://{request.get_host()}"
    if own:
        lines = ["User-agent: *", "Disallow: /*/search/", "Disallow: /*/request/", f"Sitemap: {base}/sitemap.xml"]
    else:
        brands = list(Brand.objects.order_by("id").values_list("slug", flat=True)[:2])
        maps = [f"Sitemap: {base}/help/{brands[0]}/sitemap.xml"] if len(brands) == 1 else []
        lines = [
            "User-agent: *",
            "Allow: /help/",
            "Disallow: /help/*/search/",
            "Disallow: /help/*/request/",
            "Disallow: /",
            *maps,
        ]
    response = HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "public, max-age=3600"
    return response


@require_safe
def picture(request: HttpRequest, key: str) -> HttpResponseBase:
    """An image of an article; its address is random and its bytes never change."""
    row = Picture.objects.filter(key=key).first()
    if row is None:
        raise Http404
    try:
        stream = pictures.opened(row)
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(stream, content_type=row.media_type)
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response
