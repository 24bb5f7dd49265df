"""First triage: language, intent, sentiment, urgency and reach of a text, each with its reason.

`read` is pure and offline. Reasons are codes with parameters (`word` is what was found), worded at read by
`reason_words`; a person's correction always wins (`helpdesk.workflow.tickets.correct_triage`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from helpdesk.text.language import language_of
from helpdesk.text.triage import Triage
from mentions.triage import words

MOST_CHARS = 4000  # what comes after says the same again, and patterns stay fast
ASIDE = re.compile(r"https?://\S+|@[\w.\-]+")
# how letters end says nothing of their writer's mood
CIVIL = re.compile(
    r"\b(?:(?:kind(?:est)?|best|warm(?:est)?|many) (?:regards|wishes)|(?:mit )?(?:freundlichen|besten|lieben|viele|liebe) gr[uü](?:ß|ss)en?"
    r"|(?:bien )?cordialement|un cordial saludo|med vänlig hälsning|cordiali saluti|com os melhores cumprimentos)\b",
    re.IGNORECASE,
)
WIDE_REACH = 10_000
NEARBY = 3  # tokens
QUESTION_MARKS = ("?", "？", "؟")
THANKS_FOR_NOTHING = (["for", "nothing"], ["für", "nichts"], ["pour", "rien"], ["por", "nada"])


def read(text: str, reach: int = 0) -> Triage:
    """The reading of one text, followed by `reach` people."""
    found = _read_words(text[:MOST_CHARS])
    reasons = list(found.reasons)
    urgency = found.urgency
    if reach >= WIDE_REACH and found.intent == "complaint" and urgency in ("low", "normal"):
        urgency = "high"
        reasons.append({"field": "urgency", "code": "reach", "word": str(reach)})
    if reach:
        reasons.append({"field": "reach", "code": "followers", "word": str(reach)})
    return Triage(found.language, found.intent, found.sentiment, urgency, reach, tuple(reasons))


@lru_cache(maxsize=2048)
def _read_words(text: str) -> Triage:
    plain = CIVIL.sub(" ", ASIDE.sub(" ", text))
    language = language_of(plain)
    found = Found.of(plain)
    sentiment, why_sentiment = _sentiment(found)
    intent, why_intent = _intent(found, sentiment)
    urgency, why_urgency = _urgency(found, intent)
    reasons = [
        {"field": "language", "code": "guessed" if language else "too_short", "word": language},
        {"field": "intent", **why_intent},
        {"field": "sentiment", **why_sentiment},
        {"field": "urgency", **why_urgency},
    ]
    return Triage(language, intent, sentiment, urgency, 0, tuple(reasons))


@dataclass(frozen=True)
class Found:
    """The known words of a text by group, in order; `happy` without those a negation turned bitter."""

    groups: Mapping[str, list[str]]
    happy: list[str]
    unhappy: list[str]
    asks: bool
    shouts: bool

    @classmethod
    def of(cls, text: str) -> Found:
        tokens = words.tokens_of(text)
        groups: dict[str, list[str]] = defaultdict(list)
        denials = []
        happy: list[str] = []
        bitter: list[str] = []
        for hit in words.LEXICON.find(tokens):
            if hit.group == "negation":
                denials.append(hit.at)
            elif hit.group == "positive":
                turned = (
                    any(0 < hit.at - at <= NEARBY for at in denials)
                    or tokens[hit.at + 1 : hit.at + 3] in THANKS_FOR_NOTHING
                )
                (bitter if turned else happy).append(hit.words)
            else:
                groups[hit.group].append(hit.words)
        asks = bool(groups["question"]) or any(sign in tokens for sign in QUESTION_MARKS)
        return cls(groups, happy, groups["negative"] + bitter, asks, _shouts(text))

    @property
    def trouble(self) -> list[str]:
        return self.groups.get("trouble", [])


def _sentiment(found: Found) -> tuple[str, dict[str, Any]]:
    against = 2 * len(found.unhappy) + 1.5 * len(found.trouble) + found.shouts
    towards = 2 * len(found.happy)
    if against > towards:
        because = found.unhappy or found.trouble
        return "negative", _because(because) if because else {"code": "shouting", "word": ""}
    if towards > against:
        return "positive", _because(found.happy)
    return "neutral", {"code": "nothing_found", "word": ""}


def _intent(found: Found, sentiment: str) -> tuple[str, dict[str, Any]]:
    spam, ideas, questions = (found.groups.get(name, []) for name in ("spam", "idea", "question"))
    if spam and not found.trouble:
        return "spam", _because(spam)
    if sentiment == "negative" and (found.trouble or found.unhappy) and not (ideas and len(found.trouble) < 2):
        return "complaint", _because(found.trouble or found.unhappy)
    if ideas:
        return "idea", _because(ideas)
    if found.asks:
        return "question", _because(questions) if questions else {"code": "question_mark", "word": "?"}
    if sentiment == "positive":
        return "praise", _because(found.happy)
    if found.trouble or found.unhappy:
        return "complaint", _because(found.trouble or found.unhappy)
    return "other", {"code": "nothing_found", "word": ""}


def _urgency(found: Found, intent: str) -> tuple[str, dict[str, Any]]:
    if grave := found.groups.get("critical"):
        return "critical", _because(grave)
    pressing = found.groups.get("urgent")
    if pressing and intent in ("complaint", "question"):
        return "high", _because(pressing)
    if intent in ("praise", "spam"):
        return "low", {"code": "intent", "word": intent}
    return "normal", {"code": "nothing_found", "word": ""}


def _shouts(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return text.count("!") >= 3 or (len(letters) > 12 and sum(map(str.isupper, letters)) / len(letters) > 0.7)


def _because(found: list[str]) -> dict[str, Any]:
    return {"code": "word", "word": found[0][:40]}


REASONS = {
    "word": "says “%(word)s”",
    "question_mark": "asks a question",
    "shouting": "is shouted",
    "nothing_found": "no word says otherwise",
    "reach": "%(word)s people follow them",
    "followers": "%(word)s followers",
    "guessed": "guessed from its words",
    "too_short": "too short to tell",
    "upset_before": "we have upset them before",
    "intent": "it is %(word)s",
    "learned": "resembles what you marked so (%(word)s)",
}


def reason_words(reason: Mapping[str, Any]) -> str:
    """A stored reason as people read it."""
    return _(REASONS.get(str(reason.get("code")), "%(word)s")) % {"word": reason.get("word", "")}
