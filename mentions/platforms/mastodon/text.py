"""Mastodon's text: how long it is, whom it names, and whether two texts are the same post.

As its validator counts: grapheme clusters, an address with a scheme as so many, `@user@domain` as `@user`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

import regex

from mentions.platforms.links import Rules, spans
from mentions.platforms.text import graphemes

_PATH = r"[^\s<>()?]"
_BALANCED = rf"\((?:{_PATH}|\({_PATH}*\))*\)"
_END = rf"(?:[^\s()?!*\"'「」<>;:=,.$%\[\]~&|@]|{_BALANCED})"
RULES = Rules(
    schemes="https?|dat|dweb|ipfs|ipns|ssb|gopher|gemini",
    path=regex.compile(rf"/(?:(?:{_PATH}|{_BALANCED})*{_END})?"),
    query=regex.compile(
        r"\?[a-z0-9!?*'();:&=+$/%#\[\]\-_.,~|@^\u00a0-\ud7ff\uf900-\uffef\U00010000-\U000efffd]*"
        r"[a-z0-9_&=#/\-\u00a0-\ud7ff\uf900-\uffef\U00010000-\U000efffd]",
        regex.I,
    ),
    bare=False,
)
_LATIN = r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u1e00-\u1eff"
MENTION = regex.compile(
    r"(?<![=/\w])@(?>([a-z0-9_]++(?:[.-]++[a-z0-9_]++)*)(?:@(\w++(?:[.-]++\w++)*))?)" + rf"(?![@＠{_LATIN}]|://)",
    regex.I,
)


def length(text: str, url_length: int) -> int:
    """Characters as the server counts them; it trims both ends first."""
    pieces, at = [], 0
    text = text.strip()
    for start, end in spans(text, RULES):
        pieces += [_shortened(text[at:start]), "x" * url_length]
        at = end
    return graphemes("".join([*pieces, _shortened(text[at:])]))


def _shortened(text: str) -> str:
    return str(MENTION.sub(lambda hit: f"@{hit[1]}", text))


def names(text: str, acct: str, domain: str) -> bool:
    """Whether `text` mentions the person of this `acct`: what is local may carry the server's own domain."""
    wanted = full(acct, domain)
    return any(full(f"{hit[1]}@{hit[2]}" if hit[2] else hit[1], domain) == wanted for hit in MENTION.finditer(text))


def others(text: str, accts: Collection[str], domain: str) -> list[str]:
    """Who else is named in `text`, beside the people of these `accts`."""
    known = {full(acct, domain) for acct in accts if acct}
    found = (f"{hit[1]}@{hit[2]}" if hit[2] else hit[1] for hit in MENTION.finditer(text))
    return list(dict.fromkeys(name for name in found if full(name, domain) not in known))


def full(acct: str, domain: str) -> str:
    """`acct` with its domain, in lower case."""
    return (acct if "@" in acct else f"{acct}@{domain}").lower()


def same(one: str, other: str) -> bool:
    """Whether two texts are one post: the server shows mentions without their domain, and its own white space.

    Some set *marks* and `code` in type and leave them out.
    """
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    plain = _shortened(text).translate({ord(mark): None for mark in "*_`"})
    return " ".join(unicodedata.normalize("NFC", plain).lower().split())
