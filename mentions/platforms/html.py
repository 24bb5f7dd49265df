"""HTML from outside, as plain text: what a person would have read. Nothing of it is obeyed; nothing is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3

BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
APART = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "pre", "table"]
)  # an empty line between them
UNSEEN = frozenset(["head", "style", "script", "template", "noscript", "title", "svg", "math", "iframe", "object"])


def text_of_html(html: str, limit: int = 200_000) -> str:
    """The words of `html` (its first `limit` characters), paragraphs apart, list items with a dash.

    nh3 makes it well formed first: the standard library's parser takes minutes over what is not [seen].
    """
    whole = nh3.clean(
        html[:limit], tags=set(BLOCKS | {"br", "img"}), attributes={"img": {"alt"}}, clean_content_tags=set(UNSEEN)
    )
    reader = _Reader()
    reader.feed(whole)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.pieces.append("\n")
        elif tag in BLOCKS:
            self._break(tag)
        if tag == "li":
            self.pieces.append("- ")
        elif tag == "img":
            alt = dict(attrs).get("alt")
            self.pieces.append(f"[{alt}]" if alt else "")
        self.pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._break(tag)
        self.pre -= tag == "pre" and self.pre > 0

    def handle_data(self, data: str) -> None:
        self.pieces.append(data if self.pre else re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        self.pieces.append("\n\n" if tag in APART else "\f")  # \f: a new line, but no empty one

    def text(self) -> str:
        """Lines with their ends: any number of block ends is one line end, with a paragraph's an empty line."""
        lines: list[str] = []
        empty = 0  # how many empty lines are due before the next one
        for piece in re.split("([\n\f]+)", "".join(self.pieces)):
            if piece and not piece.strip(" \t\n\f"):
                empty = max(empty, piece.count("\n") > 1) if "\n" in piece or "\f" in piece else empty
                continue
            if piece:
                lines += [""] * (empty if lines else 0) + [piece.strip()]
                empty = 0
        return "\n".join(lines)
