"""Agents' replies → sentences that answer everybody. Pure: what is said to one person only is left out, and nothing is invented.

A sentence is kept where it tells what is so, or what to do. Greetings, thanks, apologies, what we did or will do for one person,
and requests to write elsewhere are talk; a sentence with private data in it is a gap, not an answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import unescape

import numpy as np

from helpdesk.text import similar
from helpdesk.text.private import find as private_data
from knowledge.mining.questions import EMOJI, GREETING, HANDLE, LINK, parts_of
from knowledge.search.terms import terms

SENTENCE = re.compile(r"(?<=[.!?。？！])\s+|\n+")
SHORTEST, LONGEST = 4, 320  # words; characters
SAME = 0.8  # cosine from which two sentences say the same
COVERED = 0.8  # of a sentence's terms in another one, from which that one says it, too
MOST = 8  # sentences of a draft
TRAIL = re.compile(r"(?:\s*[\^~*/\-–—]\s?[A-Z][\w]{0,14}\s*$)|(?:\s*\(?\d+/\d+\)?\s*$)")

# what is said to one person, or only out of courtesy
TALK = re.compile(
    r"\b(?:sorry|apolog\w+|thanks?|thank you|appreciate|glad|happy to (?:help|hear|look|assist)|you(?:'|’)?re welcome|pleasure|"
    r"hope (?:this|that|you|it)|have a (?:great|good|nice|lovely)|enjoy your|let (?:us|me) know|let(?:'|’)?s (?:carry|continue|talk|chat|see|get|take)|"
    r"(?:please )?(?:dm|pm|direct message|private message|message us|write to us here|get in touch|reach out|follow us|tweet us|chat with us)\b|"
    r"(?:could|can|would|will) you (?:please |kindly )?(?:send|dm|share|provide|confirm|tell|let|follow|check your (?:dm|inbox))|"
    r"please (?:send|share|provide|confirm|tell|let|dm|follow|be sure|keep us)|send (?:us|me) |look(?:ing)? forward|bear with|stay tuned|"
    r"if you(?:'|’)?(?:re| are)? (?:still )?(?:need (?:anything|more|further|any|us)|have(?:ing)? (?:any|more|further|other|issues)|having (?:any|issues|trouble))|"
    r"(?:if )?anything else|(?:give|drop) us a|(?:here|around) (?:to help|for you|if you)|we(?:'|’)?re here|help(?:'|’)?s here|don(?:'|’)?t worry|no worries|"
    r"one tweet away|(?:click|tap|meet me|continue|back in) (?:here|there)\b|(?:we|i)(?:'|’)?d (?:like|love|be|hate|want)|"
    r"i(?:'|’)?(?:ve|m|ll|d)\b|\bi \w+|\bmy (?:vote|food|friend|colleagues?|team|apologies)|"
    r"feel free|next year|in the loop|say the word|in touch|(?:your|the|our) dms?\b|come in handy|follow up with you|we would need|"
    r"we(?:'|’)?d need|we only want|at all times|contact us for|"
    r"we(?:'|’)?(?:ve| have) (?:now |just |already |today )?(?:refunded|sent|credited|cancelled|canceled|booked|passed|forwarded|asked|received|found|fixed|escalated|sorted|looked|checked|raised)|"
    r"we(?:'|’)?(?:ll| will) (?:look|check|get|take|be in touch|come back|let you|see|keep you|pass|forward|call|refund you|send you|investigate|review|chase|"
    r"contact|reply|respond|do (?:our|what|everything)|make sure|help|assist|try|discuss|continue|explain)|"
    r"your (?:case|complaint|report|feedback|message|patience|comment|request|refund has|booking has|order has|account has)|"
    r"(?:this|that) (?:is|was) (?:not )?(?:acceptable|frustrating|annoying|disappointing)|as (?:i|we) said|in your case|"
    r"es tut (?:mir|uns) leid|vielen dank|danke|entschuldig\w+|désolé\w*|merci|lo siento|gracias)\b",
    re.IGNORECASE,
)
# points back to what somebody said, or to a feeling: nothing that stands by itself
POINTS_BACK = re.compile(
    r"^(?:that|this|these|those|it)(?:(?:'|’)?s|(?:'|’)?ll| is| was| are| were| sounds?| looks?| does(?:n(?:'|’)?t| not)?| is(?:n(?:'|’)?t| not)| should(?:n(?:'|’)?t| not)?)\b|"
    r"^(?:what a|how (?:nice|cool|sweet|lovely|awesome)|oh\b|wow\b|uh\b|haha|yikes|oops|love (?:it|this|that|the)|awesome|amazing|great (?:to|job|news)|so (?:cute|cool|nice))",
    re.IGNORECASE,
)
SHORTENED = re.compile(r"\bt\.co\b")  # a link nobody knows the end of
YES = re.compile(r"^(?:yes|sure|of course|certainly|ja|oui|sí|sim)\s*[,.!:–-]+\s*", re.IGNORECASE)
ASKS_BACK = re.compile(r"\?\s*$")
# what only holds for the day it was said
DATED = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|this (?:morning|afternoon|evening|week)|right now|at the moment|currently|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day(?! to\b|s\b|–|-)|heute|morgen|gestern|aujourd'hui|demain|hoy|mañana)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """What an agent said in a ticket that was settled. `worth`: more where the customer was satisfied."""

    message: int
    ticket: int
    text: str
    worth: float = 1.0


@dataclass(frozen=True)
class Sentence:
    """One sentence of a draft, and the replies that said it, or the same in other words."""

    text: str
    messages: tuple[int, ...]
    tickets: tuple[int, ...]
    worth: float


def telling(text: str, names: Collection[str] = (), countries: Sequence[str] = ()) -> list[str]:
    """The sentences of a reply that would answer somebody else, too, in their order."""
    kept = []
    for part in SENTENCE.split(EMOJI.sub(" ", unescape(text))):
        line = TRAIL.sub("", YES.sub("", GREETING.sub("", " ".join(part.split())))).strip(" -–—,;")
        if line and is_telling(line, names, countries):
            kept.append(line[0].upper() + line[1:] + ("" if line[-1] in ".!:)。！" else "."))
    return kept


def is_telling(line: str, names: Collection[str] = (), countries: Sequence[str] = ()) -> bool:
    """Whether a sentence is no talk, holds nothing private and names nobody."""
    words = re.findall(r"[^\W\d_]{2,}", line)
    if len(words) < SHORTEST or len(line) > LONGEST:
        return False
    if (
        TALK.search(line)
        or POINTS_BACK.match(line)
        or ASKS_BACK.search(line)
        or HANDLE.search(line)
        or DATED.search(line)
    ):
        return False
    if private_data(line, countries) or SHORTENED.search(line) or (LINK.search(line) and len(words) < 6):
        return False
    parts = {part.casefold() for name in names for part in parts_of(name)}
    # a name stands with a capital; at the beginning every word does, so there only where somebody is addressed
    called = [word for word in words[1:] if word[0].isupper()] + (words[:1] if re.match(r"\w+,", line) else [])
    return not parts & {word.casefold() for word in called}


def merged(
    replies: Sequence[Reply], names: Collection[str] = (), countries: Sequence[str] = (), language: str = "en"
) -> list[Sentence]:
    """What these replies say, each thing once, what most say first to be chosen, in the order in which it is said."""
    found: list[tuple[str, Reply, float]] = []
    for reply in replies:
        lines = telling(reply.text, names, countries)
        found += [(line, reply, place / max(len(lines), 1)) for place, line in enumerate(lines)]
    if not found:
        return []
    vectors = similar.matrix(similar.vectors([line for line, _reply, _place in found], 1))
    close = vectors @ vectors.T
    worth = np.array([reply.worth for _line, reply, _place in found])
    left = np.ones(len(found), dtype=bool)
    chosen: list[tuple[float, Sentence]] = []
    while left.any() and len(chosen) < MOST:
        near = (close >= SAME) & left[None, :]
        scores = np.where(left, near @ worth, -1.0)
        best = int(scores.argmax())
        group = [int(one) for one in np.flatnonzero(near[best])] or [best]
        said = [found[one] for one in group]
        left[group] = False
        # of those that say the same: the plainest, by the most satisfied
        text, _reply, _place = max(said, key=lambda one: (one[1].worth, -abs(len(one[0]) - 90)))
        made = Sentence(
            text, _once(one[1].message for one in said), _once(one[1].ticket for one in said), float(scores[best])
        )
        telling_it = next((at for at, (_where, other) in enumerate(chosen) if says(other.text, text, language)), None)
        if telling_it is None:
            chosen.append((float(np.mean([one[2] for one in said])), made))
        else:
            chosen[telling_it] = (chosen[telling_it][0], _joined(chosen[telling_it][1], made))
    return [sentence for _place, sentence in sorted(chosen, key=lambda one: one[0])]


def _once(keys: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(keys))


def _joined(one: Sentence, other: Sentence) -> Sentence:
    """The first one's words on the evidence of both."""
    return Sentence(
        one.text,
        _once((*one.messages, *other.messages)),
        _once((*one.tickets, *other.tickets)),
        one.worth + other.worth,
    )


def says(longer: str, shorter: str, language: str = "en") -> bool:
    """Whether a sentence tells all that another one tells, its numbers among it."""
    told, wanted = set(terms(longer, language)), set(terms(shorter, language))
    numbers = {term for term in wanted if any(sign.isdigit() for sign in term)}
    return numbers <= told and len(wanted & told) >= COVERED * len(wanted)


def diverse(texts: Sequence[str], title: str, most: int) -> list[str]:
    """Of these questions the ones that differ most from the title and from each other (maximal marginal relevance)."""
    pool = list(dict.fromkeys(text for text in texts if text != title))[:300]
    if not pool:
        return []
    vectors = similar.matrix(similar.vectors([title, *pool], 1))
    middle = vectors[1:].mean(axis=0)
    relevance, chosen = vectors[1:] @ middle, [0]
    found: list[str] = []
    while len(found) < min(most, len(pool)):
        alike = (vectors[1:] @ vectors[chosen].T).max(axis=1)
        score = np.where(alike > 0.92, -9.0, 0.5 * relevance - 0.5 * alike)
        score[[place - 1 for place in chosen if place]] = -10.0
        best = int(score.argmax())
        if score[best] <= -9.0:
            break
        chosen.append(best + 1)
        found.append(pool[best])
    return found
