"""Promises in time, on rows: business hours, pauses, and what a change of policy or priority makes of them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from helpdesk import summary
from helpdesk.models import FAR, Calendar, Deadline, ServicePolicy, Ticket
from helpdesk.tasks import look
from helpdesk.workflow import calendars, policies, sweep, tickets
from helpdesk.workflow.verbs import Conflict, Refused
from tests.world import World

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OFFICE = [[["09:00", "17:00"]]] * 5 + [[], []]
ICAL = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//x//EN
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20260601
DTEND;VALUE=DATE:20260603
SUMMARY:Summer closing
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;VALUE=DATE:20200110
RRULE:FREQ=YEARLY
SUMMARY:Founder's day
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART:20260610T100000Z
SUMMARY:A meeting, which closes nothing
END:VEVENT
END:VCALENDAR
"""


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


def office(world: World, **values: Any) -> Calendar:
    given = {"name": "Office", "time_zone": "Europe/Stockholm", "week": OFFICE, "country": "SE", **values}
    return calendars.save(world.brand, world.manager, **given)


def policy(world: World, **values: Any) -> ServicePolicy:
    given = {"name": "All", "first_response_minutes": 240, "next_response_minutes": 480, "risk_minutes": 60, **values}
    return policies.save_service(world.brand, world.manager, **given)


def running(ticket: Ticket, kind: str = "first_response") -> Deadline:
    return Deadline.objects.get(ticket=ticket, kind=kind, met_at=None, dropped_at=None)


def right(ticket: Ticket) -> bool:
    return summary.differences([ticket.pk]) == []


class TestHours:
    def test_a_complaint_late_on_the_eve_of_a_holiday(self, world: World) -> None:
        """Thursday 30 April, 23:50; Friday is May Day in Sweden, then a weekend."""
        policy(world, calendar=office(world))
        with time_machine.travel(at("2026-04-30T23:50"), tick=False):
            ticket = world.ticket("My train is late, what a mess")
        assert running(ticket).due_at == at("2026-05-04T13:00")
        assert running(ticket).risk_at == at("2026-05-04T12:00")
        assert (ticket.next_due_at, right(ticket)) == (at("2026-05-04T13:00"), True)

    def test_the_first_policy_that_fits_holds_and_else_the_brand(self, world: World) -> None:
        policy(world, name="VIP", tiers=["VIP"], first_response_minutes=30, position=1)
        policy(
            world, name="Praise", intents=["praise"], first_response_minutes=6000, resolution_minutes=None, position=2
        )
        now = at("2026-03-02T10:00")
        with time_machine.travel(now, tick=False):
            plain, praise = world.ticket("My train is late"), world.ticket("I love your trains, thank you!", who="bo")
            first = world.ticket("hello", who="cleo")
            tickets.close(first.pk, world.agent, "done")
            tickets.change_customer(first.customer_id, world.agent, tier="VIP")
            important = world.ticket("Where is my train", who="cleo")
        assert running(plain).due_at == now + dt.timedelta(hours=4)  # the brand's own
        assert running(praise).due_at == now + dt.timedelta(minutes=6000)
        assert running(important).due_at == now + dt.timedelta(minutes=30)

    def test_hours_that_never_open_promise_nothing(self, world: World) -> None:
        closed = office(world)
        Calendar.objects.filter(pk=closed.pk).update(
            closed_days=[{"day": str(dt.date(2026, 1, 1) + dt.timedelta(days=n)), "name": "", "origin": "hand"} for n in range(1200)]
        )  # fmt: skip
        policy(world, calendar=closed)
        with time_machine.travel(at("2026-03-02T10:00"), tick=False):
            ticket = world.ticket()
        assert not Deadline.objects.filter(ticket=ticket).exists()
        assert ticket.next_due_at == FAR


class TestResolution:
    def test_it_stands_still_while_the_customer_has_the_word(self, world: World) -> None:
        policy(world, calendar=office(world), resolution_minutes=8 * 60)
        with time_machine.travel(at("2026-03-02T09:00"), tick=False) as clock:  # a Monday
            ticket = world.ticket("My bag is lost", thread="bag")
            assert running(ticket, "resolution").due_at == at("2026-03-02T17:00")
            clock.move_to(at("2026-03-02T11:00"))
            tickets.log_call(ticket.pk, world.agent, "Rang Ana")
            ticket.refresh_from_db()
            assert (ticket.state, ticket.next_due_at, right(ticket)) == ("waiting", FAR, True)
            assert running(ticket, "resolution").paused_at == at("2026-03-02T11:00")
            clock.move_to(at("2026-03-03T10:00"))
            world.hear("It is blue", thread="bag")
            row = running(ticket, "resolution")
            # two of its eight hours had passed
            assert (row.paused_at, row.due_at) == (None, at("2026-03-03T16:00"))
            ticket.refresh_from_db()
            assert right(ticket)
            tickets.resolve(ticket.pk, world.agent)
        row.refresh_from_db()
        assert (row.met_at, row.dropped_at) == (at("2026-03-03T10:00"), None)

    def test_reopened_it_is_promised_anew(self, world: World) -> None:
        policy(world, resolution_minutes=8 * 60)
        ticket = world.ticket()
        tickets.resolve(ticket.pk, world.agent)
        tickets.reopen(ticket.pk, world.agent)
        ticket.refresh_from_db()
        assert (ticket.reopened_count, right(ticket)) == (1, True)
        assert running(ticket, "resolution").due_at > ticket.created_at + dt.timedelta(hours=8)


class TestChanges:
    def test_priority_changes_what_is_due_and_says_why(self, world: World) -> None:
        policy(world, name="Urgent", priorities=[4], first_response_minutes=30, position=1)
        ticket = world.ticket()
        was = running(ticket).due_at
        tickets.change(ticket.pk, world.agent, priority=4)
        row = running(ticket)
        assert row.due_at == row.started_at + dt.timedelta(minutes=30)
        assert [(one["code"], one["was_due"]) for one in row.changes] == [("priority", was.isoformat())]
        ticket.refresh_from_db()
        assert (ticket.next_due_at, right(ticket)) == (row.due_at, True)

    def test_a_tier_does_too(self, world: World) -> None:
        policy(world, name="VIP", tiers=["VIP"], first_response_minutes=30, position=1)
        ticket = world.ticket()
        tickets.change_customer(ticket.customer_id, world.agent, tier="VIP")
        assert running(ticket).policy is not None
        assert right(ticket)

    def test_what_is_added_may_make_another_matter_of_it(self, world: World) -> None:
        policy(world, name="Complaints", intents=["complaint"], first_response_minutes=30, position=1)
        ticket = world.ticket("When does the next train leave?", thread="talk")
        assert running(ticket).policy is None
        world.hear("This is terrible, I am furious and want a refund", thread="talk")
        assert running(ticket).changes[0]["code"] == "matter"
        assert right(ticket)

    def test_a_policy_that_changes_is_followed_in_the_background(self, world: World) -> None:
        one = policy(world, first_response_minutes=600)
        some = [world.ticket(who=name) for name in ("ana", "bo", "cleo")]
        policies.save_service(world.brand, world.manager, one, first_response_minutes=60)
        assert running(some[0]).due_at == running(some[0]).started_at + dt.timedelta(minutes=600)
        look()
        sweep.follow(world.brand.pk, dt.datetime.now(dt.UTC))
        for ticket in some:
            assert running(ticket).due_at == running(ticket).started_at + dt.timedelta(minutes=60)
            assert running(ticket).changes[-1]["code"] == "policy"
            assert right(ticket)
        assert sweep.brands_to_follow(5) == []

    def test_one_that_is_removed_leaves_the_brands_own_promise(self, world: World) -> None:
        one = policy(world, first_response_minutes=600)
        ticket = world.ticket()
        policies.remove_service(one, world.manager)
        sweep.follow(world.brand.pk, dt.datetime.now(dt.UTC))
        assert running(ticket).due_at == running(ticket).started_at + dt.timedelta(hours=4)

    def test_overdue_is_taken_back_where_it_no_longer_is(self, world: World) -> None:
        policy(world, name="Urgent", priorities=[4], first_response_minutes=30, position=1)
        with time_machine.travel(at("2026-03-02T09:00"), tick=False) as clock:
            ticket = world.ticket()
            tickets.change(ticket.pk, world.agent, priority=4)
            clock.move_to(at("2026-03-02T10:00"))
            sweep.sweep(at("2026-03-02T10:00"))
            assert running(ticket).told == Deadline.Told.DUE
            tickets.change(ticket.pk, world.agent, priority=2)
        assert running(ticket).told == Deadline.Told.NOTHING


class TestRefusals:
    def test_a_calendar_file(self, world: World) -> None:
        with time_machine.travel(at("2026-03-02T09:00")):
            found = office(world, ical=ICAL, closed_days=["2026-12-24"])
        assert [(entry["day"], entry["name"], entry["origin"]) for entry in found.closed_days] == [
            ("2026-01-10", "Founder's day", "ical"),
            ("2026-06-01", "Summer closing", "ical"),
            ("2026-06-02", "Summer closing", "ical"),
            ("2026-12-24", "", "hand"),
            ("2027-01-10", "Founder's day", "ical"),
            ("2028-01-10", "Founder's day", "ical"),
        ]

    @pytest.mark.parametrize(
        ("values", "field", "code"),
        [
            ({"week": [[]] * 7}, "week", "never_open"),
            ({"week": [[["9", "17"]]] + [[]] * 6}, "week.0", "invalid"),
            ({"country": "XX"}, "country", "unknown"),
            ({"country": "DE", "subdivision": "XX"}, "subdivision", "unknown"),
            ({"time_zone": "Mars/Olympus"}, "time_zone", "invalid"),
            ({"closed_days": ["tomorrow"]}, "closed_days.0", "invalid"),
            ({"closed_days": "x"}, "closed_days", "invalid"),
            ({"ical": "BEGIN:NOTHING"}, "ical", "invalid"),
            ({"ical": "BEGIN:VCALENDAR\nEND:VCALENDAR"}, "ical", "empty"),
            ({"ical": "x" * 1_000_001}, "ical", "too_large"),
            ({"name": " "}, "name", "blank"),
        ],
    )
    def test_a_calendar(self, world: World, values: dict[str, Any], field: str, code: str) -> None:
        with pytest.raises(Refused) as told:
            office(world, **values)
        assert (told.value.field, told.value.code) == (field, code)

    @pytest.mark.parametrize(
        ("values", "field", "code"),
        [
            ({"first_response_minutes": None, "next_response_minutes": None}, "first_response_minutes", "required"),
            ({"resolution_minutes": 10}, "resolution_minutes", "too_soon"),
            ({"first_response_minutes": 0, "next_response_minutes": 0, "resolution_minutes": 0}, "first_response_minutes", "required"),
            ({"first_response_minutes": 10**7}, "first_response_minutes", "invalid"),
            ({"channels": [10**6]}, "channels", "unknown"),
            ({"intents": ["fury"]}, "intents", "unknown"),
            ({"priorities": [7]}, "priorities", "unknown"),
            ({"tiers": [""]}, "tiers", "invalid"),
        ],
    )  # fmt: skip
    def test_a_policy(self, world: World, values: dict[str, Any], field: str, code: str) -> None:
        with pytest.raises(Refused) as told:
            policy(world, **values)
        assert (told.value.field, told.value.code) == (field, code)

    def test_a_policy_for_everything_hides_no_other(self, world: World) -> None:
        policy(world, name="VIP", tiers=["VIP"], position=10)
        with pytest.raises(Refused, match="“VIP” behind it would never be used"):
            policy(world, name="All", position=5)
        policy(world, name="All", position=20)
        with pytest.raises(Refused, match="“All” stands before it and is for all tickets"):
            policy(world, name="Praise", intents=["praise"], position=30)
        with pytest.raises(Refused, match="one of that name"):
            policy(world, name="VIP", tiers=["VIP"], position=1)

    def test_a_calendar_in_use_stays(self, world: World) -> None:
        one = office(world)
        policy(world, calendar=one)
        with pytest.raises(Conflict, match="in use by: All"):
            calendars.remove(one, world.manager)

    def test_another_brands_calendar_is_none(self, world: World) -> None:
        theirs = calendars.save(world.rival, None, name="Theirs", week=OFFICE)
        with pytest.raises(Refused, match="no such calendar"):
            policy(world, calendar=theirs)
