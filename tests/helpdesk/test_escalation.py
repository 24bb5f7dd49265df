"""The ladder on rows: the sweep and what people do; each step with its event, or neither."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.utils import timezone

from helpdesk import summary
from helpdesk.models import (
    FAR,
    Deadline,
    Escalation,
    EscalationPolicy,
    Event,
    Firing,
    Level,
    Membership,
    Notice,
    Shift,
    Team,
    Ticket,
    User,
)
from helpdesk.tasks import sweep_due
from helpdesk.workflow import escalation, ladder, policies, sweep, tickets
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused
from tests.world import World, person

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture
def specialist(world: World) -> User:
    """Ines, who makes up the team of the second level."""
    user = person("ines@northwind.example", "Ines Duarte", world.brand)
    team = Team.objects.create(brand=world.brand, name="Specialists")
    team.members.add(user)
    Level.objects.filter(brand=world.brand, number=2).update(team=team)
    return user


def overdue(world: World, **values: Any) -> Ticket:
    """A complaint whose first answer was due an hour ago."""
    ticket = world.ticket("This is terrible, I am furious", **values)
    Deadline.objects.filter(ticket=ticket).update(
        started_at=timezone.now() - 6 * HOUR, due_at=timezone.now() - HOUR, risk_at=timezone.now() - 2 * HOUR
    )
    summary.refresh([ticket.pk])
    ticket.refresh_from_db()
    return ticket


def step_of(ticket: Ticket) -> Escalation:
    return Escalation.objects.get(ticket=ticket, ended_at=None)


def codes(ticket: Ticket) -> list[str]:
    return list(Event.objects.filter(ticket_id=ticket.pk, code__startswith="escalation").order_by("id").values_list("code", flat=True))  # fmt: skip


def right(ticket: Ticket) -> bool:
    return summary.differences([ticket.pk]) == []


class TestSweep:
    def test_an_overdue_complaint_goes_up_once(self, world: World, specialist: User) -> None:
        ticket = overdue(world)
        now = timezone.now()
        assert sweep.due(now, 10) == [ticket.pk]
        assert [sweep.sweep(now), sweep.sweep(now), sweep.sweep(now)] == [1, 0, 0]
        ticket.refresh_from_db()
        row = step_of(ticket)
        assert (ticket.level, row.before, row.level, row.reason["code"], row.reason["asked"]) == (
            2,
            1,
            2,
            "overdue",
            "team",
        )
        assert (row.team, ticket.team, row.owner) == (specialist.teams.get(), specialist.teams.get(), None)
        assert row.acknowledge_by == now + 30 * MINUTE
        assert codes(ticket) == ["escalation.raised"]
        assert (ticket.next_step_at, right(ticket)) == (row.next_at, True)

    def test_what_is_no_complaint_stays(self, world: World) -> None:
        ticket = world.ticket("When does the train leave?")
        Deadline.objects.filter(ticket=ticket).update(started_at=timezone.now() - 6 * HOUR, due_at=timezone.now() - HOUR, risk_at=None)  # fmt: skip
        sweep.sweep(timezone.now())
        ticket.refresh_from_db()
        assert (ticket.level, Deadline.objects.get().told, ticket.next_step_at) == (1, 2, FAR)

    def test_words_make_it_urgent_at_once(self, world: World) -> None:
        ticket = world.ticket("My mother was injured on your train")
        sweep_due()
        ticket.refresh_from_db()
        assert (ticket.level, ticket.priority, step_of(ticket).reason["word"]) == (2, 4, "injured")
        # nobody is of the second level: the leads and up are asked, one of them
        assert (step_of(ticket).owner, step_of(ticket).reason["asked"]) == (world.lead, "role")
        assert right(ticket)

    def test_it_climbs_through_two_unacknowledged_levels_and_stops_at_an_acknowledgement(self, world: World, specialist: User) -> None:  # fmt: skip
        policies.save_level(world.brand, world.manager, name="Area managers", acknowledge_minutes=15, reminders=0)
        ticket = overdue(world)
        now = timezone.now()
        with time_machine.travel(now, tick=False) as clock:
            for minutes in (0, 29, 31, 59, 61, 62):
                clock.move_to(now + minutes * MINUTE)
                sweep.sweep(timezone.now())
            story = [(one.level, one.reminded, one.outcome) for one in Escalation.objects.order_by("id")]
            assert story == [(2, 1, "climbed"), (3, 0, "")]
            row = step_of(ticket)
            assert (row.reason["code"], row.owner, row.raised_at) == (
                "unacknowledged",
                world.manager,
                now + 61 * MINUTE,
            )
            escalation.acknowledge(ticket.pk, world.manager)
            clock.move_to(now + 10 * HOUR)
            assert sweep.sweep(timezone.now()) == 0
        ticket.refresh_from_db()
        assert (ticket.level, ticket.assignee, ticket.next_step_at, right(ticket)) == (3, world.manager, FAR, True)
        assert codes(ticket) == [
            "escalation.raised", "escalation.reminded", "escalation.raised", "escalation.acknowledged",
        ]  # fmt: skip

    def test_at_the_top_the_managers_are_told_once(self, world: World) -> None:
        ticket = overdue(world)
        now = timezone.now()
        for minutes in (0, 31, 62, 93, 124):
            sweep.sweep(now + minutes * MINUTE)
        assert [notice.code for notice in Notice.objects.filter(brand=world.brand)] == ["escalation.unanswered"]
        assert step_of(ticket).next_at == FAR
        escalation.acknowledge(ticket.pk, world.lead)
        assert Notice.objects.get().settled_at is not None

    def test_who_is_on_duty_is_asked_first(self, world: World, specialist: User) -> None:
        other = person("odd@northwind.example", "Odd Lien", world.brand)
        level = Level.objects.get(brand=world.brand, number=2)
        policies.save_shift(level, world.manager, user=other, weekdays=list(range(7)))
        ticket = overdue(world)
        sweep.sweep(timezone.now())
        assert (step_of(ticket).owner, step_of(ticket).reason["asked"]) == (other, "duty")

    def test_who_has_left_is_not_asked(self, world: World) -> None:
        level = Level.objects.get(brand=world.brand, number=2)
        policies.save_shift(level, world.manager, user=world.agent, weekdays=list(range(7)))
        Membership.objects.filter(user=world.agent).delete()
        ticket = overdue(world)
        sweep.sweep(timezone.now())
        assert step_of(ticket).owner == world.lead

    def test_the_work_is_shared_out(self, world: World) -> None:
        level = Level.objects.get(brand=world.brand, number=2)
        for user in (world.agent, world.lead):
            policies.save_shift(level, world.manager, user=user, weekdays=list(range(7)))
        for number in range(4):
            overdue(world, who=f"person{number}")
        sweep.sweep(timezone.now())
        owners = sorted(Escalation.objects.values_list("owner_id", flat=True))
        assert owners == sorted([world.agent.pk, world.lead.pk] * 2)

    def test_a_ticket_that_ends_ends_its_step(self, world: World) -> None:
        ticket = overdue(world)
        sweep.sweep(timezone.now())
        tickets.resolve(ticket.pk, world.agent)
        row = Escalation.objects.get()
        ticket.refresh_from_db()
        assert (row.outcome, ticket.next_step_at, right(ticket)) == ("resolved", FAR, True)
        assert sweep.sweep(timezone.now() + 5 * HOUR) == 0

    def test_one_that_cannot_be_decided_stops_no_other(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        bad, good = overdue(world), overdue(world, who="bo")
        decide = ladder.decide

        def broken(case: Any, *rest: Any) -> Any:
            if case.dues[0].id == Deadline.objects.get(ticket=bad).pk:
                raise RuntimeError("poison")
            return decide(case, *rest)

        monkeypatch.setattr("helpdesk.workflow.sweep.decide", broken)
        sweep.sweep(timezone.now())
        assert step_of(good).level == 2
        bad.refresh_from_db()
        assert (bad.level, Event.objects.filter(ticket_id=bad.pk, code__startswith="escalation").count()) == (1, 0)
        assert bad.next_step_at > timezone.now() + 50 * MINUTE

    def test_the_queries_of_a_batch_do_not_grow(self, world: World, django_assert_max_num_queries: Any) -> None:
        for number in range(20):
            overdue(world, who=f"person{number}")
        with django_assert_max_num_queries(25):
            assert sweep.sweep(timezone.now()) == 20


class TestPeople:
    def test_raised_by_hand_with_a_reason_for_colleagues(self, world: World) -> None:
        ticket = world.ticket()
        row = escalation.escalate(ticket.pk, world.agent, why="She called twice")
        note = ticket.messages.get(kind="note")
        assert (row.level, row.raised_by, row.reason) == (
            2, world.agent, {"code": "by_hand", "note": note.pk, "asked": "role"},
        )  # fmt: skip
        ticket.refresh_from_db()
        assert (note.text, ticket.level, right(ticket)) == ("She called twice", 2, True)
        with pytest.raises(Refused, match="top of the ladder"):
            escalation.escalate(ticket.pk, world.agent)

    def test_who_was_not_asked_does_not_acknowledge(self, world: World, specialist: User) -> None:
        ticket = world.ticket()
        escalation.escalate(ticket.pk, world.agent)
        with pytest.raises(PermissionRefused):
            escalation.acknowledge(ticket.pk, world.agent)
        with pytest.raises(PermissionRefused):
            escalation.acknowledge(ticket.pk, world.auditor)
        escalation.acknowledge(ticket.pk, specialist)
        with pytest.raises(Conflict, match="Ines Duarte has acknowledged"):
            escalation.acknowledge(ticket.pk, world.lead)

    def test_handed_back_it_is_in_the_front_lines_inbox_again(self, world: World) -> None:
        ticket = world.ticket()
        escalation.escalate(ticket.pk, world.agent)
        with pytest.raises(Refused, match="below 2"):
            escalation.lower(ticket.pk, world.lead, 2)
        escalation.lower(ticket.pk, world.lead, 1)
        ticket.refresh_from_db()
        assert (ticket.level, Escalation.objects.get().outcome, right(ticket)) == (1, "lowered", True)
        with pytest.raises(Conflict, match="Nothing waits"):
            escalation.acknowledge(ticket.pk, world.lead)

    def test_handed_back_by_one_somebody_is_asked_there(self, world: World) -> None:
        policies.save_level(world.brand, world.manager, name="Area managers")
        ticket = world.ticket()
        escalation.escalate(ticket.pk, world.agent, to=3)
        row = escalation.lower(ticket.pk, world.manager, 2)
        assert row is not None
        assert (row.level, row.before, row.reason["code"], row.owner) == (2, 3, "handed_back", world.lead)

    def test_a_resolved_ticket_is_not_raised(self, world: World) -> None:
        ticket = world.ticket()
        tickets.resolve(ticket.pk, world.agent)
        with pytest.raises(Conflict, match="Reopen it first"):
            escalation.escalate(ticket.pk, world.agent)


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "field", "code"),
        [
            ({"trigger": "full_moon"}, "trigger", "unknown"),
            ({"trigger": "words", "params": {}}, "params.words", "invalid"),
            ({"trigger": "words", "params": {"words": [" "]}}, "params.words", "required"),
            ({"trigger": "words", "params": {"words": ["x" * 61]}}, "params.words", "too_many"),
            ({"trigger": "reach", "params": {"reach": "many"}}, "params.reach", "invalid"),
            ({"trigger": "reopened", "params": {"times": True}}, "params.times", "invalid"),
            ({"trigger": "overdue", "params": {"deadlines": ["lunch"]}}, "params.deadlines", "unknown"),
            ({"trigger": "overdue", "params": {"words": ["x"]}}, "params.words", "unknown"),
            ({"trigger": "overdue", "params": []}, "params", "invalid"),
            ({"trigger": "overdue", "raise_to": 1}, "raise_to", "unknown"),
            ({"trigger": "overdue", "raise_to": 7}, "raise_to", "unknown"),
            ({"trigger": "overdue", "raise_to": None}, "raise_to", "does_nothing"),
            ({"trigger": "overdue", "notify": ["pigeon"]}, "notify", "unknown"),
            ({"trigger": "overdue", "team_id": 10**6}, "team", "unknown"),
        ],
    )  # fmt: skip
    def test_a_policy(self, world: World, values: dict[str, Any], field: str, code: str) -> None:
        with pytest.raises(Refused) as told:
            policies.save_escalation(world.brand, world.manager, **{"name": "New", "raise_to": 2, **values})
        assert (told.value.field, told.value.code) == (field, code)

    def test_a_level_of_which_nobody_is(self, world: World) -> None:
        team = Team.objects.create(brand=world.brand, name="Ghosts")
        team.members.add(world.outsider, world.auditor)
        with pytest.raises(Refused, match="Nobody of “Ghosts” works for this brand"):
            policies.save_level(world.brand, world.manager, name="Third", team=team)

    def test_a_ladder_has_no_gaps_and_gives_none_up_that_is_used(self, world: World) -> None:
        with pytest.raises(Refused, match="number 3"):
            policies.save_level(world.brand, world.manager, name="Ninth", number=9)
        third = policies.save_level(world.brand, world.manager, name="Third")
        second = Level.objects.get(brand=world.brand, number=2)
        with pytest.raises(Conflict, match="Only the topmost"):
            policies.remove_level(second, world.manager)
        ticket = world.ticket()
        escalation.escalate(ticket.pk, world.agent, to=3)
        with pytest.raises(Conflict, match="Tickets stand at this level"):
            policies.remove_level(third, world.manager)
        tickets.resolve(ticket.pk, world.agent)
        policies.remove_level(third, world.manager)
        with pytest.raises(Conflict, match="These policies raise to it"):
            policies.remove_level(second, world.manager)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"weekdays": []}, "weekdays"),
            ({"weekdays": [7]}, "weekdays"),
            ({"start": 600, "end": 540}, "end"),
            ({"since": dt.date(2026, 2, 2), "until": dt.date(2026, 2, 1)}, "until"),
        ],
    )
    def test_a_shift(self, world: World, values: dict[str, Any], field: str) -> None:
        level = Level.objects.get(brand=world.brand, number=2)
        with pytest.raises(Refused) as told:
            policies.save_shift(level, world.manager, user=world.agent, **{"weekdays": [0], **values})
        assert told.value.field == field
        with pytest.raises(Refused, match="works for this brand"):
            policies.save_shift(level, world.manager, user=world.outsider, weekdays=[0])
        assert not Shift.objects.exists()


def test_a_brand_from_before_gets_one_that_raises_nothing_yet(world: World) -> None:
    migration = importlib.import_module("helpdesk.migrations.0005_ladder_for_brands")
    ticket = overdue(world)
    Level.objects.all().delete()
    EscalationPolicy.objects.all().delete()
    Ticket.objects.update(next_step_at=FAR)
    migration.begin(apps, None)
    assert Level.objects.filter(brand=world.brand).count() == 2
    assert set(EscalationPolicy.objects.values_list("is_active", flat=True)) == {False}
    assert sweep.sweep(timezone.now()) == 1
    ticket.refresh_from_db()
    assert (ticket.level, right(ticket)) == (1, True)


def test_a_brand_begins_with_a_ladder(world: World) -> None:
    assert list(Level.objects.filter(brand=world.brand).order_by("number").values_list("name", flat=True)) == [
        "Front line", "Specialists",
    ]  # fmt: skip
    assert EscalationPolicy.objects.filter(brand=world.brand, is_active=True).count() == 8
    assert not Firing.objects.exists()
