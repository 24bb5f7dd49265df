"""Which language a text is in: py3langid (offline, 97 languages), with doubt said as "" instead of a guess."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

NOISE = re.compile(r"https?://\S+|[@#][\w.\-]+|\b\w+\.(?:com|org|net|test|example)\b|[\d_]+")
LEAST_LETTERS = 4
LEAST_CERTAIN = 0.5


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str:
    """ISO 639-1 code, or "" where there is too little text to tell."""
    words = NOISE.sub(" ", text)
    if sum(letter.isalpha() for letter in words) < LEAST_LETTERS:
        return ""
    code, certainty = _identifier().classify(words)
    return str(code) if certainty >= LEAST_CERTAIN else ""
