"""Business time: when a desk is open, and how its time passes. Pure: no rows, no clock.

A day is local to the calendar's zone and its periods are wall-clock minutes, so a day on which clocks go forward is an
hour shorter where that hour was open, and one on which they go back an hour longer. A time that a change of clocks skips
is the moment of the change; one that comes twice is its first coming.

`Hours.add` and `Hours.measure` agree: `add(start, amount)` is the first moment by which `amount` has passed since `start`.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

NO_TIME = dt.timedelta()
LONGEST_CLOSED = 800  # days without an opening after which none is looked for
DAY = 24 * 60


class Span(NamedTuple):
    """From one moment to a later one."""

    since: dt.datetime
    until: dt.datetime


class Period(NamedTuple):
    """Open minutes of a local day: 540 to 1020 is 9:00 to 17:00. `end` may be 1440, midnight."""

    start: int
    end: int


class NeverOpen(Exception):
    """The hours hold no opening from some day on: nothing can be due by them."""


class BadHours(ValueError):
    """What was written is no week of opening hours. `day` counts from Monday, 0."""

    def __init__(self, day: int, code: str, text: str) -> None:
        super().__init__(text)
        self.day, self.code = day, code


@dataclass(frozen=True)
class Hours:
    """A week of opening hours in a zone, and the days on which all stays closed."""

    zone: str
    week: tuple[tuple[Period, ...], ...]  # Monday first; in order, without overlap
    closed: Container[dt.date] = frozenset()
    _days: dict[dt.date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)

    def add(self, start: dt.datetime, amount: dt.timedelta, pauses: Sequence[Span] = ()) -> dt.datetime:
        """The first moment by which `amount` of open time has passed since `start`, pauses left out."""
        left = amount
        if left <= NO_TIME:
            return start
        for since, until in self._running(start, pauses):
            if until - since >= left:
                return since + left
            left -= until - since
        raise NeverOpen

    def measure(self, start: dt.datetime, end: dt.datetime, pauses: Sequence[Span] = ()) -> dt.timedelta:
        """How much open time passes from `start` to `end`, pauses left out; nothing where `end` is not later."""
        passed = NO_TIME
        if end <= start:
            return passed
        try:
            for since, until in self._running(start, pauses):
                if since >= end:
                    break
                passed += min(until, end) - since
        except NeverOpen:
            pass
        return passed

    def is_open(self, at: dt.datetime) -> bool:
        return any(since <= at < until for since, until in self._of_day(self._local_day(at)))

    def next_opening(self, at: dt.datetime) -> dt.datetime:
        """`at` itself where that is open; NeverOpen where nothing opens any more."""
        return next(self._open_from(at)).since

    def next_closing(self, at: dt.datetime) -> dt.datetime | None:
        """When the opening that `at` lies in, or the next one, ends; None where that is more than a fortnight away."""
        end: dt.datetime | None = None
        for since, until in self._open_from(at):
            if end is not None and since > end:
                return end
            end = until
            if end - at > dt.timedelta(days=14):
                return None
        return end

    def _running(self, start: dt.datetime, pauses: Sequence[Span]) -> Iterator[Span]:
        """Open spans from `start` on with the pauses cut out of them."""
        paused = _joined(pauses)
        for since, until in self._open_from(start):
            at = since
            for pause in paused:
                if pause.until <= at or pause.since >= until:
                    continue
                if pause.since > at:
                    yield Span(at, pause.since)
                at = min(pause.until, until)
            if at < until:
                yield Span(at, until)

    def _open_from(self, start: dt.datetime) -> Iterator[Span]:
        day, empty = self._local_day(start), 0
        while empty < LONGEST_CLOSED:
            empty += 1
            for since, until in self._of_day(day):
                if until > start:
                    empty = 0
                    yield Span(max(since, start), until)
            day += dt.timedelta(days=1)
        raise NeverOpen

    def _local_day(self, at: dt.datetime) -> dt.date:
        return at.astimezone(zoneinfo.ZoneInfo(self.zone)).date()

    def _of_day(self, day: dt.date) -> tuple[Span, ...]:
        found = self._days.get(day)
        if found is None:
            found = () if day in self.closed else tuple(self._spans(day))
            self._days[day] = found
        return found

    def _spans(self, day: dt.date) -> Iterator[Span]:
        zone = zoneinfo.ZoneInfo(self.zone)
        for period in self.week[day.weekday()]:
            since, until = moment(day, period.start, zone), moment(day, period.end, zone)
            if until > since:  # not where all of it was skipped
                yield Span(since, until)


class RoundTheClock(Hours):
    """Always open: time passes as it does everywhere."""

    def add(self, start: dt.datetime, amount: dt.timedelta, pauses: Sequence[Span] = ()) -> dt.datetime:
        return super().add(start, amount, pauses) if pauses else start + max(amount, NO_TIME)


ALWAYS = RoundTheClock("UTC", ((Period(0, DAY),),) * 7)


def moment(day: dt.date, minute: int, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """That wall-clock minute of the day, in UTC."""
    local = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(minutes=minute)  # wall-clock arithmetic
    utc = local.astimezone(dt.UTC)
    if utc.astimezone(zone).replace(fold=0) == local:
        return utc
    return _change_between(local.replace(fold=1).astimezone(dt.UTC), utc, zone)


def _change_between(before: dt.datetime, after: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The second at which the zone's clocks go forward, which lies between these."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > dt.timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _joined(spans: Sequence[Span]) -> list[Span]:
    """In order, overlapping ones as one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.since <= found[-1].until:
            found[-1] = Span(found[-1].since, max(found[-1].until, span.until))
        elif span.until > span.since:
            found.append(span)
    return found


# --- as people write it ----------------------------------------------------------------------------------------


def week_of(days: object) -> tuple[tuple[Period, ...], ...]:
    """Seven lists of [“09:00”, “17:00”] pairs, Monday first, as a week. BadHours says which day is wrong and how."""
    if not isinstance(days, list) or len(days) != 7:
        raise BadHours(0, "invalid", "Give seven days, Monday first, each a list of [from, to].")
    week = tuple(tuple(_periods(number, periods)) for number, periods in enumerate(days))
    if not any(week):
        raise BadHours(0, "never_open", "There are no open hours in this week. Open at least one day.")
    return week


def _periods(day: int, periods: object) -> list[Period]:
    if not isinstance(periods, list):
        raise BadHours(day, "invalid", "Give a list of [from, to] for each day.")
    found = []
    for pair in periods:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BadHours(day, "invalid", "Write a period as two times, such as 09:00 and 17:00.")
        start, end = _minute(day, pair[0]), _minute(day, pair[1])
        if end <= start:
            raise BadHours(day, "backwards", "A period ends after it begins. One that goes over midnight is two.")
        found.append(Period(start, end))
    found.sort()
    if any(later.start < earlier.end for earlier, later in pairwise(found)):
        raise BadHours(day, "overlap", "Two periods of this day overlap. Make one of them.")
    return found


def _minute(day: int, text: object) -> int:
    hour, colon, minute = str(text).partition(":")
    if isinstance(text, str) and colon and text.isascii() and hour.isdigit() and minute.isdigit():
        found = int(hour) * 60 + int(minute)
        if len(text) <= 5 and int(minute) < 60 and found <= DAY:
            return found
    raise BadHours(day, "invalid", "Write a time as 09:00; the end of the day is 24:00.")


def written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
