"""Business time: adding and measuring agree, whatever the clocks do."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.hours import ALWAYS, NO_TIME, BadHours, Hours, NeverOpen, Period, Span, moment, week_of

ZONES = ("UTC", "Europe/Stockholm", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Africa/Casablanca", "Pacific/Apia", "Asia/Tehran", "Europe/Dublin")  # fmt: skip
OFFICE = (((Period(540, 1020),),) * 5) + ((), ())


@st.composite
def weeks(draw: st.DrawFn) -> tuple[tuple[Period, ...], ...]:
    def day() -> tuple[Period, ...]:
        edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
        return tuple(Period(a * 15, b * 15) for a, b in zip(edges[::2], edges[1::2], strict=False))

    found = [day() for _ in range(7)]
    if not any(found):
        found[draw(st.integers(0, 6))] = (Period(540, 1020),)
    return tuple(found)


moments = st.datetimes(
    dt.datetime(2005, 1, 1), dt.datetime(2035, 1, 1), timezones=st.just(dt.UTC)
)  # fmt: skip
amounts = st.timedeltas(NO_TIME, dt.timedelta(hours=120))
spans = st.lists(st.tuples(moments, amounts).map(lambda pair: Span(pair[0], pair[0] + pair[1])), max_size=3)


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    closed = draw(st.sets(st.dates(dt.date(2005, 1, 1), dt.date(2035, 1, 1)), max_size=5))
    return Hours(draw(st.sampled_from(ZONES)), draw(weeks()), frozenset(closed))


@given(hours(), moments, amounts, spans)
def test_adding_and_measuring_agree(open_: Hours, start: dt.datetime, amount: dt.timedelta, pauses: list[Span]) -> None:
    end = open_.add(start, amount, pauses)
    assert open_.measure(start, end, pauses) == amount
    if amount:  # and no earlier moment will do
        assert open_.measure(start, end - dt.timedelta(microseconds=1), pauses) < amount


@given(hours(), moments, amounts, amounts)
def test_time_passes_piece_by_piece(open_: Hours, start: dt.datetime, one: dt.timedelta, two: dt.timedelta) -> None:
    middle, end = start + one, start + one + two
    assert open_.measure(start, end) == open_.measure(start, middle) + open_.measure(middle, end)
    assert NO_TIME <= open_.measure(start, end) <= end - start
    assert open_.add(start, one) <= open_.add(start, one + two)


@given(hours(), moments)
def test_the_next_opening_is_open_and_nothing_before_it_is(open_: Hours, at: dt.datetime) -> None:
    opening = open_.next_opening(at)
    assert opening >= at
    assert open_.is_open(opening)
    assert open_.measure(at, opening) == NO_TIME
    assert (opening == at) == open_.is_open(at)


@given(hours(), moments, amounts)
def test_a_pause_of_closed_time_changes_nothing(open_: Hours, start: dt.datetime, amount: dt.timedelta) -> None:
    opening = open_.next_opening(start)
    assert open_.add(start, amount, [Span(start, opening)]) == open_.add(start, amount)


@given(moments, amounts)
def test_round_the_clock_is_plain_time(start: dt.datetime, amount: dt.timedelta) -> None:
    assert ALWAYS.add(start, amount) == start + amount
    assert ALWAYS.measure(start, start + amount) == amount


def in_stockholm(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo("Europe/Stockholm")).astimezone(dt.UTC)


NIGHTS = Hours("Europe/Stockholm", ((Period(0, 360),),) * 7)  # midnight to six


def test_clocks_go_forward_and_the_night_is_an_hour_shorter() -> None:
    night = Span(in_stockholm("2026-03-29T00:00"), in_stockholm("2026-03-29T06:00"))
    assert NIGHTS.measure(*night) == dt.timedelta(hours=5)
    assert NIGHTS.add(night.since, dt.timedelta(hours=2)) == in_stockholm("2026-03-29T03:00")


def test_clocks_go_back_and_the_night_is_an_hour_longer() -> None:
    night = Span(in_stockholm("2026-10-25T00:00"), in_stockholm("2026-10-25T06:00"))
    assert NIGHTS.measure(*night) == dt.timedelta(hours=7)
    assert NIGHTS.add(night.since, dt.timedelta(hours=4)) == in_stockholm("2026-10-25T03:00")


def test_what_the_clocks_skip_is_the_moment_of_the_change() -> None:
    zone, day = zoneinfo.ZoneInfo("Europe/Stockholm"), dt.date(2026, 3, 29)
    change = dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)
    assert {moment(day, minute, zone) for minute in (120, 135, 150, 179, 180)} == {change}
    early = Hours("Europe/Stockholm", ((Period(150, 195),),) * 7)  # 2:30 to 3:15, of which 2:30 to 3:00 was skipped
    assert early.measure(change - dt.timedelta(hours=2), change + dt.timedelta(hours=2)) == dt.timedelta(minutes=15)


def test_a_complaint_late_on_the_eve_of_a_holiday() -> None:
    closed = {dt.date(2026, 12, 24), dt.date(2026, 12, 25), dt.date(2026, 12, 26)}
    open_ = Hours("Europe/Stockholm", OFFICE, closed)
    heard = in_stockholm("2026-12-23T23:50")
    assert open_.next_opening(heard) == in_stockholm("2026-12-28T09:00")
    assert open_.add(heard, dt.timedelta(hours=4)) == in_stockholm("2026-12-28T13:00")
    assert open_.next_closing(heard) == in_stockholm("2026-12-28T17:00")


def test_where_nothing_opens_nothing_is_due() -> None:
    shut = Hours("UTC", ((),) * 7)
    with pytest.raises(NeverOpen):
        shut.add(in_stockholm("2026-01-01T00:00"), dt.timedelta(hours=1))
    assert shut.measure(in_stockholm("2026-01-01T00:00"), in_stockholm("2026-02-01T00:00")) == NO_TIME


@pytest.mark.parametrize(
    ("days", "day", "code"),
    [
        ([[]] * 7, 0, "never_open"),
        ([[]] * 6, 0, "invalid"),
        ("nine to five", 0, "invalid"),
        ([[], "x", [], [], [], [], []], 1, "invalid"),
        ([[["09:00"]], [], [], [], [], [], []], 0, "invalid"),
        ([[], [], [["9", "17:00"]], [], [], [], []], 2, "invalid"),
        ([[], [], [["09:60", "17:00"]], [], [], [], []], 2, "invalid"),
        ([[], [], [["09:00", "25:00"]], [], [], [], []], 2, "invalid"),
        ([[], [], [["٠٩:00", "17:00"]], [], [], [], []], 2, "invalid"),
        ([[], [], [["22:00", "06:00"]], [], [], [], []], 2, "backwards"),
        ([[], [], [["09:00", "13:00"], ["12:30", "17:00"]], [], [], [], []], 2, "overlap"),
    ],
)
def test_a_week_that_is_none_is_told_by_its_day(days: object, day: int, code: str) -> None:
    with pytest.raises(BadHours) as told:
        week_of(days)
    assert (told.value.day, told.value.code) == (day, code)


def test_a_week_as_people_write_it() -> None:
    week = week_of([[["13:00", "24:00"], ["08:30", "12:00"]], [], [], [], [], [], []])
    assert week[0] == (Period(510, 720), Period(780, 1440))
