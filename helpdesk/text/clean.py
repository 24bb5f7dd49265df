"""Text from outside, made safe once, at the edge; and text from inside, made fit to show.

`cleaned` runs on everything that enters: what leaves it can be stored by PostgreSQL and SQLite and encoded as
UTF-8. It keeps what carries meaning (emoji joiners, right-to-left letters) and removes what only harms (NUL,
lone surrogates, control characters). `shown` is for display: bidirectional controls are made visible instead
of obeyed, because an override can make one text look like another (CVE-2021-42574).
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import regex

from helpdesk.text.private import without_cards

MAX_CHARS = 20_000
SURROGATES = re.compile("[\ud800-\udfff]")
# C0 and C1 without tab, line feed and carriage return; the byte order mark; Unicode non-characters
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ufdd0-\ufdef]")
MOST_MARKS = 30  # on one letter; Unicode's own stream-safe format allows as many
MARKS = regex.compile(rf"\p{{M}}{{{MOST_MARKS + 1},}}")
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
BIDI_NAMES = {
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM",
}  # fmt: skip
STRONG_BIDI = set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


@dataclass(frozen=True)
class Cleaned:
    text: str
    is_cut: bool


def cleaned(raw: str, limit: int = MAX_CHARS) -> Cleaned:
    """`raw` as we keep it: NFC, one kind of line end, at most `limit` characters (and whether it was cut).

    Lone surrogates and NULs become U+FFFD, so that a reader sees that something stood there. Of a card number only its end
    stays: whole, it is stored nowhere.
    """
    head = raw[: limit * 2 + 1000]  # normalising may shorten, never more than this; and 50 MB need no NFC
    text = SURROGATES.sub("\ufffd", head).replace("\x00", "\ufffd")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROLS.sub("", text)
    text = MARKS.sub(lambda hit: hit[0][:MOST_MARKS], text)  # sorting them costs the square of their number
    text = without_cards(unicodedata.normalize("NFC", text).strip())
    return Cleaned(text[:limit].rstrip() if len(text) > limit else text, len(text) > limit or len(head) < len(raw))


def one_line(raw: str, limit: int) -> str:
    """A name, handle or subject: cleaned, on one line, without direction controls, at most `limit` characters."""
    text = BIDI.sub("", cleaned(raw, limit * 4).text)
    return " ".join(text.split())[:limit].strip()


def shown(text: str) -> str:
    """`text` for display: each direction control that could reorder what follows becomes its name, as ⟦RLO⟧.

    The marks that only help mixed text (LRM, RLM, ALM) and the end signs are dropped where nothing opened them.
    """
    if not BIDI.search(text):
        return text
    return BIDI.sub(lambda hit: f"⟦{BIDI_NAMES[hit[0]]}⟧" if hit[0] in STRONG_BIDI else "", text)


def excerpt(text: str, limit: int = 140) -> str:
    """The first `limit` characters on one line, cut at a word, with an ellipsis where cut."""
    line = " ".join(shown(text).split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[limit // 2 :] else head) + "…"


def storable(value: Any) -> Any:
    """A JSON value that every database takes: no NUL and no lone surrogate in any key or string."""
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value).replace("\x00", "\ufffd") if value else value
    if isinstance(value, dict):
        return {str(storable(str(key))): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
