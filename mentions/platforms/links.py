"""Where addresses stand in a text, by the rules of twitter-text 3.1: X and Mastodon count each as 23.

The library's own expressions take minutes over twenty thousand characters of dots [seen in a port of it], so a text is
walked here from dot to dot, and what a host may end in is looked up in a set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import regex

LONGEST_LABEL, LONGEST_URL = 63, 4096
# what may stand in a host: no punctuation, space, control or direction sign
HOST = regex.compile(
    r"(?:[^\p{P}\p{S}\p{Z}\p{Cc}\p{Cf}\ufffe\uffff]|[\p{S}--[$+<=>^`|~]]|[-_.]|\p{P}--[\x21-\x7e])++", regex.V1
)
LATIN = regex.compile(
    r"[a-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253-\u02bb\u0300-\u036f\u1e00-\u1eff._-]++", regex.I
)
NOT_BEFORE = regex.compile(r"[A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff]")
NOT_BEFORE_BARE = regex.compile(r"[A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff\-_./]")
PORT = regex.compile(r":[0-9]++")
QUERY = regex.compile(r"\?[a-z0-9!?*'();:&=+$/%#\[\]\-_.,~|@]*[a-z0-9\-_&=#/]", regex.I)
SHORTENED = regex.compile(r"https?://t\.co/[a-z0-9]++(?:\?[a-z0-9&=_]++)?", regex.I)  # ends with its slug
PUNYCODE = regex.compile(r"xn--[0-9a-z]+", regex.I)


@dataclass(frozen=True)
class Rules:
    """What one platform takes for an address. `path`: an expression that matches one, from its slash on."""

    schemes: str
    path: regex.Pattern[str]
    query: regex.Pattern[str]
    bare: bool


@cache
def top_level() -> frozenset[str]:
    lines = (Path(__file__).parent / "tlds.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def spans(text: str, rules: Rules) -> Iterator[tuple[int, int]]:
    """Beginning and end of each address, in order."""
    scheme = regex.compile(rf"(?:{rules.schemes})://", regex.I)
    at = 0
    for dot in regex.finditer(r"(?<=[^\s.])\.(?=[^\s.])", text):
        if dot.start() < at:
            continue
        found = _around(text, dot.start(), at, scheme, rules)
        if found is not None:
            yield found
            at = found[1]


def _around(text: str, dot: int, after: int, scheme: regex.Pattern[str], rules: Rules) -> tuple[int, int] | None:
    """The address whose host has its first dot here, if there is one."""
    start = _host_start(text, dot, after)
    opening = _scheme_before(text, start, after, scheme)
    if opening is not None:
        whole = HOST.match(text, start)
        if whole is None or (opening > after and NOT_BEFORE.match(text, opening - 1)):
            return None
        begin = opening
    elif rules.bare:
        start = max(start, _latin_start(text, dot, after))
        while start < dot and start > 0 and NOT_BEFORE_BARE.match(text, start - 1):
            start += 1
        whole = LATIN.match(text, start)
        if whole is None or start == dot:
            return None
        begin = start
    else:
        return None
    end = _host_end(text, start, whole.end(), scheme=opening is not None)
    if end is None:
        return None
    short = SHORTENED.match(text, begin)
    end = short.end() if short else _rest(text, end, rules)
    return (begin, end) if end - begin <= LONGEST_URL else None


def _host_start(text: str, dot: int, after: int) -> int:
    """Back over the label before the first dot."""
    start = dot
    while start > after and text[start - 1] != "." and dot - start <= LONGEST_LABEL and HOST.match(text[start - 1]):
        start -= 1
    return start


def _latin_start(text: str, dot: int, after: int) -> int:
    start = dot
    while start > after and text[start - 1] != "." and dot - start <= LONGEST_LABEL and LATIN.match(text[start - 1]):
        start -= 1
    return start


def _scheme_before(text: str, start: int, after: int, scheme: regex.Pattern[str]) -> int | None:
    head = text[max(after, start - 12) : start]
    found = next((hit for hit in scheme.finditer(head) if hit.end() == len(head)), None)
    return start - len(head) + found.start() if found else None


def _host_end(text: str, start: int, end: int, *, scheme: bool) -> int | None:
    """Where the host ends: after the last label that a top-level domain opens; None where there is none."""
    best, label = None, start
    labels = 0
    while label < end:
        dot = text.find(".", label, end)
        stop = end if dot < 0 else dot
        if stop == label or stop - label > LONGEST_LABEL:
            break
        if labels and (size := _top_level_length(text, label, stop)):
            best = label + size
        if not labels and text[label] in "-_":
            return None
        labels += 1
        if dot < 0 or text[stop - 1] in "-_":
            break
        label = stop + 1
    return best


def _top_level_length(text: str, start: int, stop: int) -> int:
    """How many characters of this label are a top-level domain, with nothing behind that goes on with it."""
    if punycode := PUNYCODE.match(text, start, stop):
        return int(punycode.end()) - start
    label = text[start:stop].lower()
    for size in range(min(len(label), 24), 1, -1):
        if label[:size] in top_level() and not (start + size < len(text) and _goes_on(text[start + size])):
            return size
    return 0


def _goes_on(letter: str) -> bool:
    return letter in "@+-" or (letter.isascii() and letter.isalnum())


def _rest(text: str, end: int, rules: Rules) -> int:
    """Port, path and query, where they follow."""
    if port := PORT.match(text, end):
        end = port.end()
    if path := rules.path.match(text, end):
        end = path.end()
    if query := rules.query.match(text, end):
        end = query.end()
    return end
