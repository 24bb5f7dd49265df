"""X's text: how long it is by twitter-text's third configuration, and whom it names.

The text in NFC; 1 for U+0000-10FF, U+2000-200D, U+2010-201F and U+2032-2037, else 2; 2 for a whole emoji sequence; 23
for an address, with a scheme or without.
"""

from __future__ import annotations

import unicodedata

import phonenumbers
import regex

from mentions.platforms.links import QUERY, Rules, spans

MAX_LENGTH, MAX_LONG, URL_LENGTH = 280, 25_000, 23
_PATH = r"a-z0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&\u00c0-\u024f\u0253-\u02bb\u0300-\u036f\u0400-\u04ff\u1e00-\u1eff"
_END = r"a-z0-9=_#/+\-\u00c0-\u024f\u0253-\u02bb\u0300-\u036f\u0400-\u04ff\u1e00-\u1eff"
_BALANCED = rf"\((?:[{_PATH}]|\([{_PATH}]*\))*\)"
RULES = Rules(
    schemes="https?",
    path=regex.compile(rf"/(?:(?:[{_PATH}]|{_BALANCED})*(?:[{_END}]|{_BALANCED}))?", regex.I),
    query=QUERY,
    bare=True,
)
# flags are pairs of letters that name a region; any other pair is two emoji
REGIONS = {
    *phonenumbers.SUPPORTED_REGIONS,
    *["AQ", "BV", "CP", "DG", "EA", "EU", "GS", "HM", "IC", "PN", "TF", "UM", "UN"],
}
_ONE = r"(?:(?![0-9#*©®™♟])\p{Emoji}(?!\ufe0e)|[©®™♟]\ufe0f)(?:\ufe0f|\p{EMod})?"
EMOJI = regex.compile(
    rf"\p{{RI}}\p{{RI}}|[0-9#*]\ufe0f?\u20e3|\U0001f3f4[\U000e0020-\U000e007e]++\U000e007f|(?!\p{{RI}}){_ONE}(?:\u200d{_ONE})*"
)
HANDLE = regex.compile(r"(?<![\w@＠/])[@＠]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@＠])")


def weighted(text: str) -> int:
    """The length X counts."""
    text = unicodedata.normalize("NFC", text)
    total, at = 0, 0
    for start, end in spans(text, RULES):
        total += _without_links(text[at:start]) + URL_LENGTH
        at = end
    return total + _without_links(text[at:])


def _without_links(text: str) -> int:
    total, at = 0, 0
    for hit in EMOJI.finditer(text):
        total += sum(map(_weight, text[at : hit.start()])) + _emoji(hit[0])
        at = hit.end()
    return total + sum(map(_weight, text[at:]))


def _emoji(found: str) -> int:
    first = ord(found[0])
    if 0x1F1E6 <= first <= 0x1F1FF:
        region = "".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in found)
        return 2 if region in REGIONS else 4
    return 2


def _weight(letter: str) -> int:
    code = ord(letter)
    return (
        1 if code <= 0x10FF or 0x2000 <= code <= 0x200D or 0x2010 <= code <= 0x201F or 0x2032 <= code <= 0x2037 else 2
    )


def has_link(text: str) -> bool:
    """Whether X would find an address in it: such a post costs more."""
    return next(spans(unicodedata.normalize("NFC", text), RULES), None) is not None


def named(text: str) -> set[str]:
    """The handles a text mentions, in lower case."""
    return {hit[1].lower() for hit in HANDLE.finditer(text)}
