"""The ladder, decided: a pure function of a ticket, the brand's policies and levels, and the time.

`decide` says which policies fire, whether the ticket goes up, and whether who was asked is reminded or passed over. It
reads no rows and no clock; `sweep` brings it the one and writes what it says. A decision carried out leaves nothing to
decide at the same moment: what was told, seen and fired is part of the case.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from helpdesk.hours import ALWAYS, Hours, NeverOpen
from helpdesk.models import FAR, FRONT_LINE, Deadline, EscalationPolicy, Level, Trigger
from helpdesk.workflow.promises import Facts, fits

Told = Deadline.Told
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
HIGHEST_MOOD = ("positive", "neutral")


class Due(NamedTuple):
    """A running deadline of a ticket."""

    id: int
    kind: str
    risk_at: dt.datetime | None
    due_at: dt.datetime
    told: int
    paused_at: dt.datetime | None


class Said(NamedTuple):
    """A customer's message that the ladder has not seen; `mood_before` is that of the one before it."""

    id: int
    text: str
    mood: str
    mood_before: str
    reach: int
    heard_at: dt.datetime


class Asked(NamedTuple):
    """The open escalation: at which level somebody was asked, how often reminded, and when it is looked at again."""

    level: int
    reminded: int
    next_at: dt.datetime


@dataclass(frozen=True)
class Case:
    """All of a ticket that the ladder decides by. `fired`: (policy, occasion) that have had their effect."""

    facts: Facts
    level: int = FRONT_LINE
    dues: tuple[Due, ...] = ()
    said: tuple[Said, ...] = ()
    reopened: int = 0
    missed: tuple[int, ...] = ()  # follow-ups that nobody kept
    asked: Asked | None = None
    fired: frozenset[tuple[int, str]] = frozenset()
    unhappy: tuple[int, ...] = ()  # surveys with such a verdict
    alike: int = 0  # earlier tickets of the last two days that are like it


@dataclass(frozen=True)
class Rung:
    """A level as the decision needs it."""

    number: int
    acknowledge: dt.timedelta
    reminders: int
    hours: Hours = ALWAYS

    def look_at(self, now: dt.datetime) -> dt.datetime:
        """By when somebody asked now has to acknowledge. FAR where their hours never open again."""
        try:
            return self.hours.add(now, self.acknowledge)
        except NeverOpen:
            return FAR


class Ladder:
    """A brand's rungs by number, and its policies in their order."""

    def __init__(self, rungs: Sequence[Rung], policies: Sequence[EscalationPolicy]) -> None:
        self.rungs = {rung.number: rung for rung in rungs}
        self.policies = tuple(policies)

    @property
    def top(self) -> int:
        return max(self.rungs, default=FRONT_LINE)

    def above(self, level: int) -> int | None:
        """The next rung that there is."""
        return min((number for number in self.rungs if number > level), default=None)

    def reached(self, wanted: int, level: int) -> int | None:
        """The rung that raising to `wanted` (0: one up) leads to from `level`; None where that is not up."""
        if wanted == 0:
            return self.above(level)
        to = max((number for number in self.rungs if number <= wanted), default=FRONT_LINE)
        return to if to > level else None


class Happening(NamedTuple):
    """Something that a policy may be about; `occasion` names it, so that it has its effect once."""

    trigger: str
    occasion: str
    deadline: str = ""
    text: str = ""
    amount: int = 0


class Fired(NamedTuple):
    policy: EscalationPolicy
    occasion: str
    reason: dict[str, Any]

    @property
    def is_kept(self) -> bool:
        """Whether a row has to remember it; of a deadline, what has been told remembers it."""
        return self.policy.trigger not in (Trigger.AT_RISK, Trigger.OVERDUE)


@dataclass
class Decision:
    """What is to be done. `raise_to` with its `reason`; `told` by deadline; `seen` up to a message."""

    fired: list[Fired] = field(default_factory=list)
    raise_to: int | None = None
    reason: dict[str, Any] = field(default_factory=dict)
    policy: EscalationPolicy | None = None
    climbs: bool = False
    reminds: bool = False
    is_spent: bool = False  # the top has been asked as often as it may be: the managers are told
    told: dict[int, int] = field(default_factory=dict)
    seen: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.fired or self.raise_to or self.reminds or self.is_spent or self.told or self.seen)


def decide(case: Case, ladder: Ladder, now: dt.datetime) -> Decision:
    """What the ladder does with this ticket now."""
    found = Decision(told=_newly_told(case, now), seen=max((said.id for said in case.said), default=0))
    happenings, had = list(_happenings(case, now)), set(case.fired)
    for policy in ladder.policies if happenings else ():
        if not fits(policy, case.facts):
            continue
        for happening in happenings:
            reason = reason_of(policy, happening)
            if reason is not None and (policy.pk, happening.occasion) not in had:
                had.add((policy.pk, happening.occasion))
                found.fired.append(Fired(policy, happening.occasion, reason))
    for fired in found.fired:
        wanted = fired.policy.raise_to
        to = None if wanted is None else ladder.reached(wanted, case.level)
        if to is not None and to > (found.raise_to or case.level):
            found.raise_to, found.reason, found.policy = to, fired.reason, fired.policy
    if found.raise_to is None and case.asked is not None and now >= case.asked.next_at:
        _wait_is_over(found, case.asked, ladder)
    return found


def _wait_is_over(found: Decision, asked: Asked, ladder: Ladder) -> None:
    """Nobody acknowledged in time: a reminder while there are any left, then the next rung, then the managers."""
    rung = ladder.rungs.get(asked.level)
    if rung is not None and asked.reminded < rung.reminders:
        found.reminds = True
        return
    above = ladder.above(asked.level)
    if above is None:
        found.is_spent = True
        return
    found.raise_to, found.climbs = above, True
    found.reason = {"code": "unacknowledged", "level": asked.level}


def _newly_told(case: Case, now: dt.datetime) -> dict[int, int]:
    stages = {due.id: _stage(due, now) for due in case.dues}
    return {due.id: stages[due.id] for due in case.dues if stages[due.id] > due.told}


def _stage(due: Due, now: dt.datetime) -> int:
    if due.paused_at is not None:
        return Told.NOTHING
    if now >= due.due_at:
        return Told.DUE
    return Told.RISK if due.risk_at is not None and now >= due.risk_at else Told.NOTHING


def _happenings(case: Case, now: dt.datetime) -> Iterator[Happening]:
    for due in case.dues:
        stage = _stage(due, now)
        for least, trigger in ((Told.RISK, Trigger.AT_RISK), (Told.DUE, Trigger.OVERDUE)):
            if due.told < least <= stage:
                yield Happening(trigger, f"{trigger}:{due.id}", deadline=due.kind)
    yield from heard(case.said)
    for key in case.missed:
        yield Happening(Trigger.MISSED, f"missed:{key}")
    for key in case.unhappy:
        yield Happening(Trigger.UNHAPPY, f"unhappy:{key}")
    if case.alike:
        yield Happening(Trigger.ALIKE, "alike", amount=case.alike)
    if case.reopened:
        yield Happening(Trigger.REOPENED, f"reopened:{case.reopened}", amount=case.reopened)


def heard(said: Sequence[Said]) -> Iterator[Happening]:
    """What the customer's words may set off."""
    for one in said:
        yield Happening(Trigger.WORDS, f"said:{one.id}", text=one.text)
        if one.mood == "negative" and one.mood_before in HIGHEST_MOOD:
            yield Happening(Trigger.SENTIMENT, f"said:{one.id}")
        if one.reach:
            yield Happening(Trigger.REACH, "reach", amount=one.reach)


def reason_of(policy: EscalationPolicy, happening: Happening) -> dict[str, Any] | None:
    """Why this policy is set off by that, as code and parameters; None where it is not."""
    if policy.trigger != happening.trigger:
        return None
    params: Mapping[str, Any] = policy.params
    match policy.trigger:
        case Trigger.AT_RISK | Trigger.OVERDUE:
            kinds = params.get("deadlines") or list(Deadline.Kind.values)
            return {"code": policy.trigger, "deadline": happening.deadline} if happening.deadline in kinds else None
        case Trigger.WORDS:
            found = _pattern(tuple(params.get("words") or ())).search(happening.text)
            return {"code": "words", "word": _as_written(found[0], params["words"])} if found else None
        case Trigger.REACH:
            return _from(happening.amount, params.get("reach"), "reach")
        case Trigger.REOPENED:
            return _from(happening.amount, params.get("times"), "reopened")
        case Trigger.ALIKE:
            return _from(happening.amount, params.get("count"), "alike")
        case _:
            return {"code": str(policy.trigger)}


def _from(amount: int, least: Any, code: str) -> dict[str, Any] | None:
    return {"code": code, "amount": amount} if isinstance(least, int) and amount >= least else None


def _as_written(found: str, words: Sequence[str]) -> str:
    """The policy's own word, not the customer's: reasons hold nobody's words."""
    return next((word for word in words if word.casefold() == found.casefold()), words[0])


@lru_cache(maxsize=500)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of these words, whole where their script parts words."""
    parts = [_whole(word.strip()) for word in sorted(words, key=len, reverse=True) if word.strip()]
    return re.compile("|".join(parts) if parts else r"(?!)", re.IGNORECASE)


def _whole(word: str) -> str:
    before = "" if UNSPACED.match(word[0]) else r"(?<!\w)"
    after = "" if UNSPACED.match(word[-1]) else r"(?!\w)"
    return f"{before}{re.escape(word)}{after}"


# --- who is asked ----------------------------------------------------------------------------------------------


class Watch(NamedTuple):
    """A shift, in the zone that its level is in."""

    user: int
    weekdays: frozenset[int]
    start: int
    end: int
    since: dt.date | None
    until: dt.date | None


def on_duty(watches: Sequence[Watch], now: dt.datetime, zone: dt.tzinfo) -> list[int]:
    """Who is on duty then, in the order of the shifts."""
    local = now.astimezone(zone)
    minute, day = local.hour * 60 + local.minute, local.date()
    found = [
        watch.user
        for watch in watches
        if day.weekday() in watch.weekdays
        and watch.start <= minute < watch.end
        and (watch.since is None or day >= watch.since)
        and (watch.until is None or day <= watch.until)
    ]
    return list(dict.fromkeys(found))


def rung_of(level: Level, hours: Hours) -> Rung:
    return Rung(level.number, dt.timedelta(minutes=level.acknowledge_minutes), level.reminders, hours)
