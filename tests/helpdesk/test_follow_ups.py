"""Promises to come back: kept, tried again, or missed, which opens the ticket and climbs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from helpdesk import erasing, summary
from helpdesk.models import Calendar, Escalation, Event, FollowUp, Message, Ticket
from helpdesk.tasks import look, miss_follow_ups
from helpdesk.workflow import calendars, escalation, following_up, policies, sweep, tickets
from helpdesk.workflow.verbs import Conflict, Refused
from tests.attacks.scene import heard
from tests.world import World

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
FRIDAY = "Ana, we will come back to you by Friday."


def planned(world: World, ticket: Ticket, kind: str = "call") -> FollowUp:
    return following_up.plan(ticket.pk, world.agent, kind, timezone.now() + DAY)


class TestMissed:
    def test_a_missed_friday_call_opens_the_ticket_and_climbs(self, world: World) -> None:
        ticket = world.ticket()
        tickets.resolve(ticket.pk, world.agent)
        row = planned(world, ticket)
        now = row.due_at
        assert following_up.miss(now + dt.timedelta(minutes=10)) == 0, "a call at ten may be made at five past"
        assert [following_up.miss(now + HOUR), following_up.miss(now + HOUR)] == [1, 0]
        ticket.refresh_from_db()
        step = Escalation.objects.get()
        assert (ticket.state, ticket.level, step.reason["code"], step.owner) == ("open", 2, "missed", world.lead)
        assert summary.differences([ticket.pk]) == []
        sweep.sweep(now + 2 * HOUR)
        assert Escalation.objects.filter(reason__code="missed").count() == 1

    def test_a_kept_one_climbs_nowhere(self, world: World) -> None:
        row = planned(world, world.ticket())
        following_up.finish(row.pk, world.agent, "reached")
        with time_machine.travel(row.due_at + DAY):
            look()
            miss_follow_ups()
        assert not Escalation.objects.exists()
        with pytest.raises(Conflict, match="settled already: reached them"):
            following_up.finish(row.pk, world.lead, "dropped")

    def test_two_hands_miss_it_once(self, world: World) -> None:
        row = planned(world, world.ticket())
        for _ in range(3):
            following_up.miss(row.due_at + HOUR)
        assert Event.objects.filter(code="follow_up.missed").count() == 1


class TestPlanned:
    def test_by_the_policy_when_it_is_resolved(self, world: World) -> None:
        policies.save_service(world.brand, world.manager, name="Complaints", intents=["complaint"], first_response_minutes=60,
                              follow_up_minutes=48 * 60, follow_up_kind="call")  # fmt: skip
        complaint, question = world.ticket("This is terrible, I am furious"), world.ticket("When?", who="bo")
        for row in (complaint, question):
            tickets.resolve(row.pk, world.agent)
        found = FollowUp.objects.get()
        assert (found.ticket, found.kind, found.owner, found.reason) == (
            complaint,
            "call",
            world.agent,
            {"code": "resolved"},
        )
        assert dt.timedelta(hours=47) < found.due_at - timezone.now() <= dt.timedelta(hours=48)

    @pytest.mark.parametrize("hours", [[], [["09:00", "09:05"]]], ids=["never", "hardly"])
    def test_no_calendar_keeps_a_ticket_from_being_resolved(self, world: World, hours: list[list[str]]) -> None:
        week = [[["09:00", "17:00"]], *([[]] * 6)]
        calendar = calendars.save(world.brand, world.manager, name="Office", time_zone="UTC", week=week)
        policies.save_service(world.brand, world.manager, name="All", next_response_minutes=60, calendar=calendar,
                              follow_up_minutes=60 * 24)  # fmt: skip
        days = {(timezone.now() + n * DAY).date().isoformat() for n in range(-2, 1300)} if not hours else set[str]()
        closed = [{"day": day, "name": "", "origin": "hand"} for day in sorted(days)]
        Calendar.objects.update(week=[hours or week[0], *week[1:]], closed_days=closed)
        ticket = world.ticket()
        tickets.resolve(ticket.pk, world.agent)
        assert timezone.now() < FollowUp.objects.get().due_at <= timezone.now() + dt.timedelta(days=366)

    def test_nobody_answered_and_it_is_tried_again(self, world: World) -> None:
        row = planned(world, world.ticket())
        following_up.finish(row.pk, world.agent, "no_answer", timezone.now() + 2 * DAY)
        assert list(FollowUp.objects.order_by("id").values_list("outcome", "kind")) == [
            ("no_answer", "call"),
            ("", "call"),
        ]

    @pytest.mark.parametrize(
        ("values", "field"),
        [({"kind": "pigeon"}, "kind"), ({"due_at": "past"}, "due_at"), ({"due_at": "far"}, "due_at"), ({"owner": "outsider"}, "owner"),
         ({"owner": "auditor"}, "owner")],
    )  # fmt: skip
    def test_what_cannot_be_promised(self, world: World, values: dict[str, str], field: str) -> None:
        now = timezone.now()
        at = {"past": now - HOUR, "far": now + 400 * DAY, None: now + DAY}[values.get("due_at")]
        owner = getattr(world, values["owner"]) if "owner" in values else None
        with pytest.raises(Refused) as told:
            following_up.plan(world.ticket().pk, world.agent, values.get("kind", "call"), at, owner)
        assert told.value.field == field

    def test_an_erased_person_is_not_called(self, world: World) -> None:
        ticket = world.ticket()
        planned(world, ticket)
        erasing.erase(ticket.customer_id, world.owner)
        assert FollowUp.objects.get().outcome == "dropped"


class TestDesk:
    def test_a_promise_in_a_draft_becomes_a_reminder_in_one_tap(self, world: World) -> None:
        ticket = heard(world, "Ana", world.brand, who="ana").ticket
        desk = world.desk(world.agent)
        body = {"text": FRIDAY, "mode": "public", "once": "one"}
        page = desk.post(f"/desk/tickets/{ticket.pk}/answer/", body).content.decode()
        assert "“Friday” is a promise." in page
        on = page.split('name="remind_on" value="')[1][:10]
        sent = desk.post(f"/desk/tickets/{ticket.pk}/answer/", {**body, "fix": "remind", "remind_on": on})
        assert sent.status_code == 302
        row = FollowUp.objects.get()
        assert (row.kind, row.owner, row.reason["code"], row.due_at.date().isoformat()) == (
            "check",
            world.agent,
            "promised",
            on,
        )
        assert dt.date.fromisoformat(on).weekday() == 4
        again = desk.post(f"/desk/tickets/{ticket.pk}/answer/", {**body, "fix": "remind", "remind_on": on})
        assert (again.status_code, FollowUp.objects.count()) == (302, 1), "a double click plans once"
        wrong = desk.post(
            f"/desk/tickets/{ticket.pk}/answer/", {**body, "once": "2", "fix": "remind", "remind_on": "someday"}
        )
        assert (wrong.status_code, "Choose a day to be reminded on." in wrong.content.decode()) == (400, True)
        assert Message.objects.filter(text=FRIDAY).count() == 1

    def test_planned_and_kept_on_the_page(self, world: World) -> None:
        ticket = world.ticket()
        desk = world.desk(world.agent)
        day = (timezone.now() + 3 * DAY).date().isoformat()
        body: dict[str, Any] = {"kind": "call", "day": day, "once": "x"}
        for _ in range(2):  # a double click
            assert desk.post(f"/desk/tickets/{ticket.pk}/come_back/", body).status_code == 302
        row = FollowUp.objects.get()
        assert "Call them" in desk.get("/desk/follow-ups/").content.decode()
        assert "Nobody waits" in world.desk(world.lead).get("/desk/follow-ups/").content.decode()
        assert "Call them" in world.desk(world.lead).get("/desk/follow-ups/?of=all").content.decode()
        desk.post(f"/desk/follow-ups/{row.pk}/finish/", {"outcome": "no_answer", "back": "list"})
        assert list(FollowUp.objects.order_by("id").values_list("outcome", flat=True)) == ["no_answer", ""]
        wrong = desk.post(f"/desk/tickets/{ticket.pk}/come_back/", {"kind": "call", "day": "someday", "once": "y"})
        assert (wrong.status_code, "Choose a day." in wrong.content.decode()) == (400, True)


def test_by_api(world: World) -> None:
    ticket = world.ticket()
    api = world.api(world.agent)
    body = {"ticket": ticket.pk, "kind": "call", "due_at": (timezone.now() + DAY).isoformat(), "owner": world.lead.pk}
    made = api.post("/api/v1/follow-ups/", body, format="json")
    assert (made.status_code, made.json()["owner"]["name"]) == (201, "Sven Holm")
    assert api.get("/api/v1/follow-ups/?open=true&mine=true").json()["results"] == []
    done = api.post(f"/api/v1/follow-ups/{made.json()['id']}/finish/", {"outcome": "reached"}, format="json").json()
    assert (done["outcome"], done["done_by"]["name"]) == ("reached", "Noor Haddad")
    for change, field in (({"ticket": 10**9}, "ticket"), ({"owner": world.outsider.pk}, "owner"), ({"due_at": "2020-01-01T00:00Z"}, "due_at")):  # fmt: skip
        answer = api.post("/api/v1/follow-ups/", {**body, **change}, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_merged_it_goes_along(world: World) -> None:
    one = world.ticket(thread="a")
    tickets.resolve(one.pk, world.agent)
    other = world.ticket(thread="b")
    tickets.reopen(one.pk, world.agent)
    row = planned(world, one)
    from helpdesk import joining

    joining.merge(one.pk, other.pk, world.lead)
    row.refresh_from_db()
    assert row.ticket_id == other.pk
    assert escalation.open_of(other) is None


def test_a_hot_draft_is_kept_and_comes_back_in_ten_minutes_without_climbing(world: World) -> None:
    ticket = heard(world, "Ana", world.brand, who="ana").ticket
    desk = world.desk(world.agent)
    hot = "Ana, as I ALREADY told you TWICE, READ your ticket!!! This is ridiculous."
    body = {"text": hot, "mode": "public", "once": "one"}
    page = desk.post(f"/desk/tickets/{ticket.pk}/answer/", body).content.decode()
    assert "Remind me in 10 minutes" in page
    for _ in range(2):
        assert desk.post(f"/desk/tickets/{ticket.pk}/answer/", {**body, "fix": "later"}).status_code == 302
    row = FollowUp.objects.get()
    assert (row.owner, row.reason) == (world.agent, {"code": "cool"})
    assert dt.timedelta(minutes=9) < row.due_at - timezone.now() <= dt.timedelta(minutes=10)
    assert Message.objects.get(kind="note").text == f"Not sent yet:\n{hot}"
    assert not Message.objects.filter(kind="reply").exists()
    assert following_up.miss(row.due_at + DAY) == 0
    assert not Escalation.objects.exists()
