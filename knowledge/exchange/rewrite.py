"""Where the links and pictures of a Markdown text lead, changed in place: nothing else of it is touched, and no code."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from html import unescape
from posixpath import basename
from urllib.parse import unquote, urlsplit

from knowledge import markdown

ALT = r"(?P<alt>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)"
TO = r"(?P<to><[^<>\n]*>|(?:[^\s()<>\\]|\\.|\((?:[^\s()\\]|\\.)*\))+)"
TITLE = r"(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?"
IMAGE = re.compile(rf"(?<!\\)!\[{ALT}\](?:\(\s*{TO}{TITLE}\s*\)|\[(?P<label>[^\[\]]*)\])")
LINK = re.compile(rf"(?<!\\)\]\(\s*{TO}")  # the end of its words, and where it leads
DEFINITION = re.compile(rf"^ {{0,3}}\[(?P<label>[^\[\]]+)\]:\s*{TO}", re.MULTILINE)
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
Lead = Callable[[str, bool], str | None]  # (address, is it a picture's) -> the address instead; None leaves it


def rewritten(body: str, lead: Lead) -> str:
    """The body with every address that `lead` answers put in place of the one there was."""
    body = _replaced(body, IMAGE, lambda hit: _led(hit, lead, is_picture=True))
    body = _replaced(body, LINK, lambda hit: _led(hit, lead, is_picture=False))
    return _replaced(body, DEFINITION, lambda hit: _led(hit, lead, is_picture=False))


def without_remote(body: str) -> str:
    """Pictures that are fetched from elsewhere become links to them; of those written into the text their words stay."""
    known = {_label(hit["label"]): hit["to"] for hit in DEFINITION.finditer(body)}

    def plain(hit: re.Match[str]) -> str:
        to = hit["to"] or known.get(_label(hit["label"] or hit["alt"]), "")
        address = address_of(to)
        if address.lower().startswith("data:"):
            return hit["alt"]
        if not REMOTE.match(address):
            return hit[0]
        words = hit["alt"].strip() or _name(address)
        is_linked = body[: hit.start()].endswith("[") and body.startswith("](", hit.end())
        return words if is_linked else f"[{words}]{hit[0][len(hit['alt']) + 3 :]}"

    return _replaced(body, IMAGE, plain)


def address_of(to: str) -> str:
    """An address as it is meant, without the signs that Markdown needs."""
    bare = to[1:-1] if to.startswith("<") else to
    return unescape(ESCAPED.sub(r"\1", bare)).strip()


def _led(hit: re.Match[str], lead: Lead, *, is_picture: bool) -> str:
    if hit["to"] is None:
        return hit[0]
    found = lead(address_of(hit["to"]), is_picture)
    if found is None:
        return hit[0]
    start, end = (place - hit.start() for place in hit.span("to"))
    return f"{hit[0][:start]}{found}{hit[0][end:]}"


def _label(words: str) -> str:
    return " ".join(words.split()).casefold()


def _name(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "…"
    return re.sub(r"[\[\]\\]", "", unquote(basename(parts.path)) or parts.netloc) or "…"


def _replaced(body: str, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str]) -> str:
    ranges = sorted(_code(body))
    begins = [start for start, _end in ranges]

    def one(hit: re.Match[str]) -> str:
        at = bisect_right(begins, hit.start()) - 1
        return hit[0] if at >= 0 and hit.start() < ranges[at][1] else change(hit)

    return pattern.sub(one, body)


def _code(body: str) -> Iterator[tuple[int, int]]:
    """Where code stands, from which character to which: nothing in it leads anywhere."""
    starts = [0, *(hit.end() for hit in re.finditer("\n", body)), len(body) + 1]
    for token in markdown.parsed(body):
        if not token.map:
            continue
        start, end = starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)]
        if token.type in ("fence", "code_block"):
            yield start, end
        elif token.type == "inline":
            yield from _ticked(body, start, end)


def _ticked(body: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Code within a paragraph: from as many ticks to the next that are as many."""
    runs = [hit.span() for hit in re.compile("`+").finditer(body, start, end)]
    alike: dict[int, list[int]] = {}
    for number, (left, right) in enumerate(runs):
        alike.setdefault(right - left, []).append(number)
    at = 0
    while at < len(runs):
        left, right = runs[at]
        same = alike[right - left]
        after = bisect_left(same, at + 1)
        if after < len(same):
            at = same[after]
            yield left, runs[at][1]
        at += 1
