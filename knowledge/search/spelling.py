"""Misspelt words: looked for among the words there are, and only where a word occurs nowhere.

A word that the model knows as a whole is an everyday word that merely no article has: it stays.
"""

from __future__ import annotations

from rapidfuzz import process
from rapidfuzz.distance import OSA

from helpdesk.text.similar import word_vectors
from knowledge.search.ranking import Bank
from knowledge.search.terms import words

SHORTEST = 4  # letters of a word that is corrected
MOST_WORDS = 20  # of a search that are looked at


def corrected(text: str, bank: Bank) -> str:
    """The text with words that occur nowhere replaced by the nearest that do; itself where all is known or nothing is near."""
    every = words(text)
    unknown = [
        word for word in dict.fromkeys(every) if len(word) >= SHORTEST and word.isalpha() and not bank.knows(word)
    ]
    if not unknown:
        return text
    pieces = word_vectors(unknown[:MOST_WORDS])[1]
    changed = {
        word: better
        for word, count in zip(unknown, pieces, strict=False)
        if count > 1 and (better := nearest(word, bank))
    }
    return " ".join(changed.get(word, word) for word in every) if changed else text


def nearest(word: str, bank: Bank) -> str:
    """The word meant: one slip of the fingers away (two in a long word), the more frequent where several are; "" for none."""
    most = 1 if len(word) < 8 else 2
    spellings = list(bank.vocabulary)
    found = process.extract(word, spellings, scorer=OSA.distance, score_cutoff=most, limit=20)
    near = [
        (distance, known[0] != word[0], -bank.frequency[bank.stem_of[row]], known)
        for known, distance, row in found
        if len(known) >= SHORTEST and (distance < 2 or known[0] == word[0])
    ]
    return str(min(near)[3]) if near else ""


def beginning_with(start: str, bank: Bank) -> list[str]:
    """Words that begin so, the most frequent first."""
    found = [
        (-bank.frequency[bank.stem_of[row]], word) for word, row in bank.vocabulary.items() if word.startswith(start)
    ]
    return [word for _often, word in sorted(found)]
