"""The ladder, decided: pure, so that it can be asked anything."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.hours import Hours, Period
from helpdesk.models import FAR, Deadline, EscalationPolicy, Trigger
from helpdesk.workflow.ladder import Asked, Case, Decision, Due, Ladder, Rung, Said, Watch, decide, on_duty
from helpdesk.workflow.promises import Facts

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FACTS = Facts(channel=1, intent="complaint", priority=2, tier="")
RUNGS = [Rung(1, HOUR, 1), Rung(2, HOUR / 2, 1), Rung(3, HOUR / 2, 0)]


def policy(trigger: str, key: int = 1, raise_to: int | None = 2, **values: object) -> EscalationPolicy:
    return EscalationPolicy(pk=key, trigger=trigger, raise_to=raise_to, **values)


def ladder(*policies: EscalationPolicy) -> Ladder:
    return Ladder(RUNGS, policies)


def due(at: dt.datetime, *, risk: dt.datetime | None = None, told: int = 0, key: int = 7, kind: str = "first_response",
        paused: dt.datetime | None = None) -> Due:  # fmt: skip
    return Due(key, kind, risk, at, told, paused)


def said(text: str, *, mood: str = "neutral", before: str = "", reach: int = 0, key: int = 5) -> Said:
    return Said(key, text, mood, before, reach, NOW)


class TestTriggers:
    @pytest.mark.parametrize(
        ("one", "case", "code"),
        [
            (policy(Trigger.OVERDUE), Case(FACTS, dues=(due(NOW - HOUR),)), "overdue"),
            (policy(Trigger.OVERDUE), Case(FACTS, dues=(due(NOW),)), "overdue"),
            (policy(Trigger.OVERDUE), Case(FACTS, dues=(due(NOW + HOUR),)), None),
            (policy(Trigger.OVERDUE), Case(FACTS, dues=(due(NOW - HOUR, told=2),)), None),
            (policy(Trigger.OVERDUE), Case(FACTS, dues=(due(NOW - HOUR, paused=NOW - 2 * HOUR),)), None),
            (policy(Trigger.OVERDUE, params={"deadlines": ["resolution"]}), Case(FACTS, dues=(due(NOW),)), None),
            (policy(Trigger.AT_RISK), Case(FACTS, dues=(due(NOW + HOUR, risk=NOW),)), "at_risk"),
            (policy(Trigger.AT_RISK), Case(FACTS, dues=(due(NOW + HOUR, risk=NOW + HOUR / 2),)), None),
            (policy(Trigger.AT_RISK), Case(FACTS, dues=(due(NOW - HOUR, risk=NOW - 2 * HOUR),)), "at_risk"),
            (policy(Trigger.WORDS, params={"words": ["sue"]}), Case(FACTS, said=(said("I'll SUE you."),)), "words"),
            (policy(Trigger.WORDS, params={"words": ["sue"]}), Case(FACTS, said=(said("an issue"),)), None),
            (policy(Trigger.WORDS, params={"words": ["弁護士"]}), Case(FACTS, said=(said("今日弁護士に相談"),)), "words"),
            (policy(Trigger.WORDS, params={"words": []}), Case(FACTS, said=(said("anything"),)), None),
            (policy(Trigger.SENTIMENT), Case(FACTS, said=(said("x", mood="negative", before="neutral"),)), "sentiment"),
            (policy(Trigger.SENTIMENT), Case(FACTS, said=(said("x", mood="negative"),)), None),
            (policy(Trigger.SENTIMENT), Case(FACTS, said=(said("x", mood="negative", before="negative"),)), None),
            (policy(Trigger.REACH, params={"reach": 100}), Case(FACTS, said=(said("x", reach=100),)), "reach"),
            (policy(Trigger.REACH, params={"reach": 100}), Case(FACTS, said=(said("x", reach=99),)), None),
            (policy(Trigger.REOPENED, params={"times": 2}), Case(FACTS, reopened=2), "reopened"),
            (policy(Trigger.REOPENED, params={"times": 2}), Case(FACTS, reopened=1), None),
            (policy(Trigger.REOPENED, params={}), Case(FACTS, reopened=9), None),
            (policy(Trigger.OVERDUE, intents=["praise"]), Case(FACTS, dues=(due(NOW),)), None),
            (policy(Trigger.OVERDUE, tiers=["VIP"]), Case(replace(FACTS, tier="VIP"), dues=(due(NOW),)), "overdue"),
        ],
    )  # fmt: skip
    def test_when(self, one: EscalationPolicy, case: Case, code: str | None) -> None:
        found = decide(case, ladder(one), NOW)
        assert [fired.reason["code"] for fired in found.fired] == ([code] if code else [])
        assert found.raise_to == (2 if code else None)

    def test_reasons_hold_the_policys_words_and_not_the_customers(self) -> None:
        one = policy(Trigger.WORDS, params={"words": ["legal action"]})
        found = decide(Case(FACTS, said=(said("Or I take LEGAL ACTION, says Ana"),)), ladder(one), NOW)
        assert found.reason == {"code": "words", "word": "legal action"}

    def test_a_long_text_is_no_trap(self) -> None:
        one = policy(Trigger.WORDS, params={"words": ["legal action", "sue", "a a a a b"]})
        began = time.perf_counter()
        decide(Case(FACTS, said=(said("a " * 50_000),)), ladder(one), NOW)
        assert time.perf_counter() - began < 1  # the rule of thumb is 100 ms; machines here are shared


class TestSteps:
    def test_the_highest_of_several_wins_and_each_is_told(self) -> None:
        both = (policy(Trigger.OVERDUE, 1, 2), policy(Trigger.REOPENED, 2, 3, params={"times": 1}))
        found = decide(Case(FACTS, dues=(due(NOW),), reopened=1), ladder(*both), NOW)
        assert (found.raise_to, found.reason["code"], len(found.fired)) == (3, "reopened", 2)

    @pytest.mark.parametrize(
        ("wanted", "level", "to"), [(0, 1, 2), (0, 2, 3), (0, 3, None), (2, 2, None), (2, 3, None), (9, 1, 3)]
    )
    def test_it_only_goes_up_to_rungs_that_there_are(self, wanted: int, level: int, to: int | None) -> None:
        found = decide(Case(FACTS, level, dues=(due(NOW),)), ladder(policy(Trigger.OVERDUE, raise_to=wanted)), NOW)
        assert found.raise_to == to
        assert found.fired

    def test_a_policy_may_do_without_raising(self) -> None:
        found = decide(Case(FACTS, dues=(due(NOW),)), ladder(policy(Trigger.OVERDUE, raise_to=None)), NOW)
        assert (found.raise_to, len(found.fired)) == (None, 1)

    def test_who_does_not_acknowledge_is_reminded_passed_over_and_at_the_top_the_managers_hear(self) -> None:
        at, case, story = NOW, Case(FACTS, 2, asked=Asked(2, 0, NOW)), []
        for _ in range(8):
            found = decide(case, ladder(), at)
            if found.is_nothing:
                break
            story.append("reminded" if found.reminds else "spent" if found.is_spent else f"to {found.raise_to}")
            case = carried_out(case, found, at)
            if case.asked is None or case.asked.next_at == FAR:
                break
            at = case.asked.next_at
        assert story == ["reminded", "to 3", "spent"]

    def test_before_the_time_is_up_nothing_happens(self) -> None:
        assert decide(Case(FACTS, 2, asked=Asked(2, 0, NOW + HOUR)), ladder(), NOW).is_nothing

    def test_quiet_hours_do_not_count(self) -> None:
        office = Hours("Europe/Stockholm", ((Period(540, 1020),),) * 7)
        evening = dt.datetime(2026, 3, 2, 16, 45, tzinfo=ZoneInfo("Europe/Stockholm"))
        assert Rung(2, HOUR, 1, office).look_at(evening) == dt.datetime(
            2026, 3, 3, 9, 45, tzinfo=ZoneInfo("Europe/Stockholm")
        )
        assert Rung(2, HOUR, 1, Hours("UTC", ((),) * 7)).look_at(NOW) == FAR


def carried_out(case: Case, found: Decision, now: dt.datetime) -> Case:
    """The case as it stands when the decision has been written."""
    asked, level = case.asked, case.level
    if found.raise_to is not None:
        level = found.raise_to
        asked = Asked(level, 0, now + {rung.number: rung for rung in RUNGS}[level].acknowledge)
    elif asked is not None and found.reminds:
        asked = Asked(asked.level, asked.reminded + 1, now + HOUR / 2)
    elif asked is not None and found.is_spent:
        asked = asked._replace(next_at=FAR)
    return replace(
        case,
        level=level,
        dues=tuple(one._replace(told=found.told.get(one.id, one.told)) for one in case.dues),
        said=(),
        asked=asked,
        fired=case.fired | {(fired.policy.pk, fired.occasion) for fired in found.fired},
    )


shifts = st.timedeltas(-3 * HOUR, 3 * HOUR)
policies = st.lists(
    st.builds(
        policy,
        st.sampled_from(Trigger.values),
        st.integers(1, 9),
        st.sampled_from([None, 0, 2, 3, 9]),
        params=st.just({"words": ["sue"], "reach": 10, "times": 1, "count": 3}),
    ),
    max_size=5,
    unique_by=lambda one: one.pk,
)
cases = st.builds(
    Case,
    st.just(FACTS),
    st.integers(1, 3),
    dues=st.lists(
        st.builds(
            lambda key, risk, late, told: Due(key, "first_response", NOW + min(risk, late), NOW + late, told, None),
            st.integers(1, 5), shifts, shifts, st.sampled_from(Deadline.Told.values),
        ),
        max_size=3, unique_by=lambda one: one.id,
    ).map(tuple),
    said=st.lists(
        st.builds(said, st.sampled_from(["I sue", "fine"]), mood=st.sampled_from(["negative", "neutral"]),
                  before=st.sampled_from(["positive", ""]), reach=st.integers(0, 20), key=st.integers(1, 9)),
        max_size=3,
    ).map(tuple),
    reopened=st.integers(0, 3),
    asked=st.none() | st.builds(Asked, st.integers(1, 3), st.integers(0, 2), shifts.map(lambda late: NOW + late)),
).map(lambda case: replace(case, level=case.asked.level) if case.asked else case)  # fmt: skip


@given(cases, policies)
def test_what_was_carried_out_is_not_decided_again(case: Case, given_: list[EscalationPolicy]) -> None:
    """The same minute twice, two workers one after the other, a beat too many: one step."""
    first = decide(case, ladder(*given_), NOW)
    after = carried_out(case, first, NOW)
    assert decide(after, ladder(*given_), NOW).is_nothing


@given(cases, policies, st.lists(shifts, max_size=6))
def test_a_clock_that_jumps_fires_nothing_twice(case: Case, given_: list[EscalationPolicy], jumps: list[dt.timedelta]) -> None:  # fmt: skip
    seen: list[tuple[int, str]] = []
    levels = [case.level]
    for jump in jumps:
        found = decide(case, ladder(*given_), NOW + jump)
        seen += [(fired.policy.pk, fired.occasion) for fired in found.fired]
        case = carried_out(case, found, NOW + jump)
        levels.append(case.level)
    assert len(seen) == len(set(seen))
    assert levels == sorted(levels)  # up, never down by itself


class TestDuty:
    def test_who_has_the_watch(self) -> None:
        weekdays, weekend = frozenset(range(5)), frozenset({5, 6})
        watches = [
            Watch(1, weekdays, 480, 1020, None, None),
            Watch(2, weekdays, 900, 1440, None, dt.date(2026, 3, 1)),  # was replaced
            Watch(3, weekdays, 900, 1440, dt.date(2026, 3, 2), None),
            Watch(4, weekend, 0, 1440, None, None),
        ]
        stockholm = ZoneInfo("Europe/Stockholm")
        at = {hour: dt.datetime(2026, 3, 2, hour, tzinfo=stockholm) for hour in (7, 9, 16, 23)}
        assert {hour: on_duty(watches, moment, stockholm) for hour, moment in at.items()} == {
            7: [], 9: [1], 16: [1, 3], 23: [3],
        }  # fmt: skip
        assert on_duty(watches, dt.datetime(2026, 3, 7, 3, tzinfo=stockholm), stockholm) == [4]
