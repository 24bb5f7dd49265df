"""Words as search compares them: lower case, without accents, reduced to their stem by their language (Snowball).

Both databases index these terms, so that they find the same; neither stems by itself. Scripts that put no spaces between words
are cut into pairs of letters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import snowballstemmer

LONGEST = 100_000  # characters of a text
LONGEST_WORD = 60
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """Plain words in their order: folded, not stemmed; of scripts without spaces pairs of letters."""
    found: list[str] = []
    for piece in _WORD.findall(text[:LONGEST]):
        if _IS_UNSPACED.match(piece):
            found += [piece[at : at + 2] for at in range(max(1, len(piece) - 1))]
        elif len(piece) <= LONGEST_WORD:
            found.append(_folded(piece))
    return found


def terms(text: str, language: str) -> list[str]:
    """The terms of a text in their order: its words, stemmed."""
    return [stem(word, language) for word in words(text)]


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    stemmer = _stemmer(STEMMERS.get(language.split("-", maxsplit=1)[0], ""))
    return str(stemmer.stemWord(word)) if stemmer and not word.isdigit() else word


@cache
def _stemmer(name: str) -> snowballstemmer.stemmer | None:
    return snowballstemmer.stemmer(name) if name else None


def _folded(word: str) -> str:
    """Lower case, without what English puts after a name ('s), without accents."""
    lower = re.sub(r"['’](?:s|S)$", "", word).casefold().replace("'", "").replace("’", "")
    if lower.isascii():
        return lower
    parts = unicodedata.normalize("NFKD", lower)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))
