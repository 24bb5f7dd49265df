"""Whether words read hot: said in anger, or down to somebody. Pure; a hint for who wrote them, never a verdict."""

from __future__ import annotations

import re
from typing import NamedTuple

# what a tired agent writes and wishes they had not; in the languages we are asked in most
BLAMING = (
    r"calm down", r"as (?:i|we)(?:'ve| have)? (?:already|told|said|explained)[^.!?]{0,20}", r"(?:i|we) already (?:told|said|explained)[^.!?]{0,20}",
    r"like (?:i|we) said", r"you (?:should|could) have (?:read|known|checked|thought)", r"if you had (?:read|bothered|listened|checked)",
    r"(?:you )?(?:clearly|obviously) (?:did ?n[o']t|have ?n[o']t|can ?no?t|don'?t|never)", r"not (?:my|our) (?:problem|fault)",
    r"your (?:own )?(?:fault|problem|mistake)", r"what do you expect", r"get over it", r"stop (?:shouting|complaining|whining|yelling|lying)",
    r"you people", r"ridiculous", r"nonsense", r"rubbish claim", r"are you (?:serious|kidding|stupid)", r"(?:learn|try) to read",
    r"read (?:it|the \w+|our \w+) (?:again|properly|first)", r"idiots?", r"stupid", r"liar", r"lying", r"grow up", r"whatever",
    r"do ?n[o']t (?:be|get) (?:so )?(?:rude|silly|smart)", r"that'?s (?:just )?(?:wrong|false|a lie)", r"enough (?:is enough|already)",
    r"beruhigen sie sich", r"wie (?:ich|wir) (?:schon|bereits) (?:sagten?|schrieben?|erklärt\w*)", r"nicht unser problem", r"ihre (?:eigene )?schuld",
    r"unsinn", r"lächerlich", r"lesen sie (?:erst|doch|mal|richtig)[^.!?]{0,20}", r"selbst schuld",
    r"calmez-vous", r"comme (?:je|nous) (?:vous )?l'(?:ai|avons) (?:déjà )?dit", r"pas notre problème", r"votre faute", r"ridicule", r"n'importe quoi",
    r"cálmese", r"como ya (?:le|te) (?:dije|dijimos)", r"no es (?:nuestro|mi) problema", r"(?:su|tu) culpa", r"ridículo", r"tonterías?",
    r"lugna (?:ner )?dig", r"som (?:jag|vi) redan (?:har )?(?:sagt|skrev|förklarat)", r"inte vårt problem", r"ditt eget fel", r"löjligt", r"struntprat",
)  # fmt: skip
_BLAMING = re.compile(rf"(?<!\w)(?:{'|'.join(BLAMING)})(?!\w)", re.IGNORECASE)
_SHOUTED = re.compile(r"(?<![\w@#/])[A-ZÅÄÖÆØÜÉ]{4,}(?![\w/])")
_MARKS = re.compile(r"(?:!{2,}|\?{2,}|[!?]{3,})")
FEWEST_SHOUTED = 3


class Hot(NamedTuple):
    """What reads hot at text[start:end], and how: blaming, shouting or marks."""

    how: str
    start: int
    end: int


def hot(text: str) -> list[Hot]:
    """The places of a draft that read hot, in order; empty where none do."""
    plain = text[:20_000].replace("\u2019", "'")
    found = [Hot("blaming", hit.start(), hit.end()) for hit in _BLAMING.finditer(plain)]
    shouted = [hit for hit in _SHOUTED.finditer(plain) if not hit[0].isdigit()]
    words = len(plain.split())
    if len(shouted) >= FEWEST_SHOUTED and 3 * len(shouted) >= words:
        found += [Hot("shouting", hit.start(), hit.end()) for hit in shouted]
    marks = [hit for hit in _MARKS.finditer(plain) if "?" in hit[0] or found]  # joy has its exclamation marks
    found += [Hot("marks", hit.start(), hit.end()) for hit in marks]
    return sorted(found, key=lambda one: one.start)
