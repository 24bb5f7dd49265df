"""A page of HTML as an article: its title, and its words as Markdown. Nothing of it is obeyed; nothing is fetched."""

from __future__ import annotations

import nh3
from bs4 import BeautifulSoup, Tag
from django.utils.translation import gettext as _
from markdownify import MarkdownConverter

from helpdesk.workflow.verbs import Refused

TAGS = {
    "a", "article", "b", "blockquote", "br", "caption", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "kbd", "li", "main", "ol", "p", "pre",
    "s", "samp", "section", "strong", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
UNSEEN = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "nav"}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}


def read(html: str) -> tuple[str, str]:
    """(title, Markdown). nh3 makes it well formed first: the standard library's parser takes minutes over what is not."""
    whole = nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, clean_content_tags=UNSEEN, link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
    )  # fmt: skip
    try:
        soup = BeautifulSoup(whole, "html.parser")
        title = _title(soup)
        part = soup.find("main") or soup.find("article") or soup
        assert isinstance(part, Tag)
        return title, _as_markdown(part)
    except RecursionError as error:
        raise Refused("file", "nested", _("This page is nested too deep to be read. Make it simpler.")) from error


def _title(soup: BeautifulSoup) -> str:
    """The page's title without the site's name, as far as its first heading tells; that heading goes."""
    named, heading = soup.find("title"), soup.find("h1")
    title = _words(named)
    for gone in soup.find_all("title"):
        gone.decompose()
    first = _words(heading)
    if heading is not None and first and (not title or first.casefold() in title.casefold()):
        heading.decompose()
        return first
    return title


def _words(tag: object) -> str:
    return " ".join(tag.get_text(" ").split()) if isinstance(tag, Tag) else ""


def _as_markdown(part: Tag) -> str:
    for image in part.find_all("img"):
        if not image.get("src"):
            image.replace_with(str(image.get("alt") or ""))
    return str(MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(part)).strip()
