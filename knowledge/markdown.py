"""Markdown of articles → HTML that is harmless, its table of contents, and its plain words.

CommonMark with tables, strikethrough and bare links (markdown-it-py). HTML in it is shown as text, never obeyed, and what is
rendered goes through nh3 all the same. Headings begin at the second level: the page's title is the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from html.parser import HTMLParser
from itertools import pairwise

import nh3
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge import kept

LONGEST = 100_000  # characters of one article
VERSION = 1  # raised when the same words are rendered otherwise
KEEP_SECONDS = 86_400

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "img": {"src", "alt", "title", "loading", "width", "height"},
    "ol": {"start"},
    "code": {"class"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
PICTURE = re.compile(r"\A/help/picture/[A-Za-z0-9_-]{16,32}\Z")
LOCAL = re.compile(r"\A(?:/(?!/)|#|\.{1,2}/)")


@dataclass(frozen=True)
class Heading:
    level: int  # 2 to 6
    anchor: str
    title: str


@dataclass(frozen=True)
class Rendered:
    """`html` is safe to show; `text` are its words, a line a block; `links` where it leads, in order, once each."""

    html: str
    headings: tuple[Heading, ...]
    text: str
    links: tuple[str, ...]


@cache
def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "linkify": True, "maxNesting": 20})
    return made.enable(["table", "strikethrough", "linkify"])


def rendered(body: str, key: str = "") -> Rendered:
    """The body, rendered; kept under `key` (a revision's, whose words never change) where one is given."""
    if not key:
        return _rendered(body)
    name = f"knowledge:rendered:{VERSION}:{key}"
    found = kept.get(name)
    if isinstance(found, Rendered):
        return found
    made = _rendered(body)
    kept.put(name, made, KEEP_SECONDS)
    return made


def _rendered(body: str) -> Rendered:
    parser = _parser()
    tokens = parser.parse(body[:LONGEST])
    headings = tuple(_headings(tokens))
    links = tuple(dict.fromkeys(_links(tokens)))
    _mark_pictures(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    return Rendered(_clean(html), headings, plain(html), links)


def parsed(body: str) -> list[Token]:
    """Its blocks in order, as markdown-it has them: `map` says from which line to which."""
    return _parser().parse(body)


def titled(body: str) -> tuple[str, str]:
    """(its first heading of the first level, the body without that); ("", body) where there is none."""
    tokens = parsed(body)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h1" and token.level == 0 and token.map:
            lines = body.split("\n")
            parts = ("\n".join(lines[: token.map[0]]), "\n".join(lines[token.map[1] :]))
            return _said(inline), "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return "", body


def _said(inline: Token) -> str:
    return "".join(part.content for part in inline.children or [] if part.type in ("text", "code_inline")).strip()


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Each heading with an anchor of its own; where an author begins with "#", all move down by one level."""
    down = any(token.type == "heading_open" and token.tag == "h1" for token in tokens)
    taken: set[str] = set()
    for token, inline in zip(tokens, [*tokens, None][1:], strict=True):
        if token.type not in ("heading_open", "heading_close"):
            continue
        level = min(int(token.tag[1]) + down, 6)
        token.tag = f"h{level}"
        if token.type == "heading_open" and inline is not None:
            title = _said(inline)
            token.attrSet("id", anchor := _free(slugify(title, allow_unicode=True)[:60] or "part", taken))
            yield Heading(level, anchor, title)


def _free(base: str, taken: set[str]) -> str:
    found = next(name for name in (base, *(f"{base}-{number}" for number in range(2, 10_000))) if name not in taken)
    taken.add(found)
    return found


def _inline(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _inline(token.children or [])


def _links(tokens: Sequence[Token]) -> Iterator[str]:
    for token in _inline(tokens):
        if token.type == "link_open":
            yield str(token.attrGet("href") or "")


def _mark_pictures(tokens: Sequence[Token]) -> None:
    for token in _inline(tokens):
        if token.type == "image":
            token.attrSet("loading", "lazy")


def _clean(html: str) -> str:
    """Pictures are our own alone (nothing is fetched from elsewhere); links outside say so to nobody."""

    def allowed(tag: str, name: str, value: str) -> str | None:
        if (tag, name) == ("img", "src"):
            return value if PICTURE.match(value) else None
        if (tag, name) == ("code", "class"):
            return value if re.fullmatch(r"language-[\w+-]{1,30}", value) else None
        return value

    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes={"https", "http", "mailto", "tel"},
        link_rel=None,
        clean_content_tags={"script", "style"},
        generic_attribute_prefixes=None,
    )


BREAKS = {"p", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "br", "hr", "table", "ul", "ol"}


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BREAKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain(html: str) -> str:
    """The words of our own rendered HTML, one line a block."""
    reader = _Words()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def as_paragraphs(text: str) -> str:
    """Plain text as HTML, everything escaped: what customers write."""
    parts = [escape(part.strip()).replace("\n", "<br>") for part in re.split(r"\n{2,}", text) if part.strip()]
    return "".join(f"<p>{part}</p>" for part in parts)
