"""Whole stories of complaints, told through the API as another system would: nobody falls through."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from helpdesk.models import Brand, Level, Message, Survey, Team, Ticket
from helpdesk.tasks import ask_how_it_went, miss_follow_ups, sweep_due, tell_the_affected
from helpdesk.workflow import surveys
from mentions import delivery
from tests.attacks.scene import called, heard
from tests.world import World, person

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
WEEK = [[["09:00", "17:00"]]] * 5 + [[], []]


def call(world: World, who: str, method: str, path: str, body: Any = None) -> Any:
    answer = getattr(world.api(getattr(world, who)), method)(f"/api/v1/{path}", body, format="json")
    assert answer.status_code < 300, (path, answer.status_code, answer.content[:400])
    return answer.json() if answer.content else None


def only(rows: Any) -> Any:
    assert len(rows["results"]) == 1, rows
    return rows["results"][0]


def test_a_complaint_on_the_eve_of_a_holiday_in_another_zone(world: World) -> None:
    """Said at 23:50 on 23 December in Tokyo, when Stockholm is at its desk until five; the 24th to 26th are closed there."""
    calendar = call(
        world, "manager", "post", "calendars/",
        {"name": "Stockholm", "time_zone": "Europe/Stockholm", "week": WEEK, "country": "SE", "closed_days": [{"day": "2026-12-24", "name": "Christmas Eve"}]},
    )  # fmt: skip
    call(world, "manager", "post", "policies/", {"name": "All", "calendar": calendar["id"], "first_response_minutes": 120, "risk_minutes": 30})  # fmt: skip
    call(world, "manager", "patch", f"brands/{world.brand.pk}/", {"time_zone": "Europe/Stockholm", "away_text": "{name}, we are back {when}."})  # fmt: skip
    said_at = dt.datetime(2026, 12, 23, 23, 50, tzinfo=dt.timezone(dt.timedelta(hours=9)))  # 15:50 in Stockholm
    with time_machine.travel(said_at, tick=False):
        ticket = heard(world, "Ana", world.brand, who="ana").ticket
        Message.objects.filter(ticket=ticket).update(intent="complaint")
        sweep_due()
        due = only({"results": call(world, "agent", "get", f"tickets/{ticket.pk}/deadlines/")})
    # 70 minutes are left of the 23rd; the 24th is closed, 25th and 26th are public holidays, the 27th is a Sunday
    assert due["due_at"] == "2026-12-28T08:50:00Z"
    assert not Message.objects.filter(is_automatic=True).exists(), "the desk is open"
    night = dt.datetime(2026, 12, 24, 20, 0, tzinfo=dt.UTC)
    with time_machine.travel(night, tick=False):
        late = heard(world, "Bo", world.brand, who="bo").ticket
        sweep_due()
    assert Message.objects.get(is_automatic=True).text == "Bo, we are back on Monday at 09:00."
    with time_machine.travel(dt.datetime(2026, 12, 28, 8, 20, tzinfo=dt.UTC), tick=False):
        sweep_due()
        assert call(world, "agent", "get", "escalations/?open=true")["results"] == [], "at risk, and nobody's fault yet"
    with time_machine.travel(dt.datetime(2026, 12, 28, 8, 51, tzinfo=dt.UTC), tick=False):
        Ticket.objects.filter(pk=ticket.pk).update(intent="complaint")
        sweep_due()
        step = only(call(world, "lead", "get", "escalations/?open=true"))
        assert (step["ticket"], step["reason"]["code"], step["owner"]["name"]) == (ticket.pk, "overdue", "Sven Holm")
    assert late.level == 1


def test_the_ladder_climbs_past_two_who_do_not_answer_and_stops_at_who_does(world: World) -> None:
    call(world, "manager", "post", "levels/", {"name": "Area managers", "acknowledge_minutes": 60, "reminders": 0})
    call(world, "manager", "post", "levels/", {"name": "Crisis", "acknowledge_minutes": 15, "reminders": 0})
    ticket = world.ticket("My lawyer will hear of this")
    at = timezone.now()
    asked = []
    for minutes in (0, 31, 62, 123):  # raised; reminded; climbed; climbed
        with time_machine.travel(at + minutes * MINUTE, tick=False):
            sweep_due()
            step = call(world, "manager", "get", f"escalations/?ticket={ticket.pk}&open=true")["results"][0]
            asked.append((step["level"], step["reminded"], step["reason"]["code"], step["next"]["words"] if step["next"] else ""))  # fmt: skip
    assert asked == [
        (2, 0, "words", "a reminder"),
        (2, 1, "words", "it climbs to level 3"),
        (3, 0, "unacknowledged", "it climbs to level 4"),
        (4, 0, "unacknowledged", "the managers are told"),
    ]
    with time_machine.travel(at + 125 * MINUTE, tick=False):
        step = only(call(world, "manager", "get", f"escalations/?ticket={ticket.pk}&open=true"))
        taken = call(world, "manager", "post", f"escalations/{step['id']}/acknowledge/", {})
        assert (taken["acknowledged_by"]["name"], taken["next"]) == ("Lena Karlsson", None)
    for hours in (4, 40):
        with time_machine.travel(at + hours * HOUR, tick=False):
            sweep_due()
    assert call(world, "manager", "get", f"tickets/{ticket.pk}/")["level"] == 4
    assert len(call(world, "manager", "get", f"escalations/?ticket={ticket.pk}")["results"]) == 3


def test_an_approval_refused_then_edited_then_as_it_is(world: World) -> None:
    ines = person("ines@northwind.example", "Ines Duarte", world.brand)
    team = Team.objects.create(brand=world.brand, name="Specialists")
    team.members.add(ines)
    Level.objects.filter(brand=world.brand, number=2).update(team=team, checks_replies=True)
    world.people["ines"] = ines
    ticket = heard(world, "Ana", world.brand, who="ana").ticket
    call(world, "agent", "post", f"tickets/{ticket.pk}/escalate/", {})
    for text, verb, body, sent in (
        ("We pay everything back.", "refuse", {"reason": "We do not"}, []),
        ("We pay all back.", "approve", {"text": "We pay the ticket back."}, ["We pay the ticket back."]),
        ("It is on its way.", "approve", {}, ["We pay the ticket back.", "It is on its way."]),
    ):
        held = call(world, "agent", "post", f"tickets/{ticket.pk}/replies/", {"text": text, "visibility": "public"})
        assert held["state"] == "held"
        row = only(call(world, "ines", "get", "approvals/?open=true&mine=true"))
        assert row["about"] == "reply"
        call(world, "ines", "post", f"approvals/{row['id']}/{verb}/", body)
        for one in call(world, "agent", "get", f"deliveries/?ticket={ticket.pk}&state=queued")["results"]:
            delivery.deliver(one["id"])
        replies = Message.objects.filter(ticket=ticket, kind="reply", sent_at__isnull=False).order_by("id")
        assert list(replies.values_list("text", flat=True)) == sent
    assert "We do not" in [note.text for note in Message.objects.filter(ticket=ticket, kind="note")]


def test_unhappy_opens_it_again_raises_it_and_is_written_up(world: World) -> None:
    call(world, "manager", "patch", f"brands/{world.brand.pk}/", {"survey_minutes": 60})
    ticket = heard(world, "Ana", world.brand, who="ana").ticket
    sent = call(world, "agent", "post", f"tickets/{ticket.pk}/replies/", {"text": "Ana, it leaves at noon.", "visibility": "public"})  # fmt: skip
    delivery.deliver(sent["id"])
    call(world, "agent", "post", f"tickets/{ticket.pk}/resolve/")
    with time_machine.travel(timezone.now() + 2 * HOUR, tick=False):
        ask_how_it_went()
        survey = only(call(world, "agent", "get", f"surveys/?ticket={ticket.pk}"))
        assert (survey["state"], survey["verdict"]) == ("sent", "")
        path = surveys.path_of(Survey.objects.get())
        assert Client().post(path, {"score": "1", "comment": "It left without me"}).status_code == 302
    found = call(world, "agent", "get", f"tickets/{ticket.pk}/")
    assert (found["state"], found["level"], found["verdict"]) == ("open", 2, "unhappy")
    step = only(call(world, "lead", "get", "escalations/?open=true&mine=true"))
    assert step["words"] == "The customer was unhappy with the outcome"
    call(world, "lead", "post", f"escalations/{step['id']}/acknowledge/", {})
    asked = call(world, "lead", "post", "concessions/", {"ticket": ticket.pk, "kind": "refund", "amount": "35", "why": "It left early", "grant": True})  # fmt: skip
    assert asked["state"] == "granted"
    call(world, "lead", "post", f"tickets/{ticket.pk}/calls/", {"text": "Said sorry; refunded."})
    call(world, "lead", "post", f"tickets/{ticket.pk}/resolve/")
    written = {"escalation": step["id"], "cause": "Left before its time", "area": "Dispatch", "recommendation": "Wait for the clock"}  # fmt: skip
    lesson = call(world, "lead", "post", "lessons/", written)
    assert call(world, "manager", "post", f"lessons/{lesson['id']}/answer/", {"state": "done"})["state"] == "done"
    assert call(world, "auditor", "get", "lessons/causes/")[0]["name"] == "Left before its time"
    counted = call(world, "auditor", "get", "surveys/verdicts/")
    assert (counted["asked"], counted["unhappy"], counted["share_satisfied"]) == (1, 1, 0)


def test_a_missed_friday_call_opens_the_ticket_and_climbs(world: World) -> None:
    ticket = heard(world, "Ana", world.brand, who="ana").ticket
    friday = dt.datetime(2026, 12, 4, 10, 0, tzinfo=dt.UTC)
    with time_machine.travel(dt.datetime(2026, 12, 2, 9, 0, tzinfo=dt.UTC), tick=False):
        call(world, "agent", "post", "follow-ups/", {"ticket": ticket.pk, "kind": "call", "due_at": friday.isoformat()})
        call(world, "agent", "post", f"tickets/{ticket.pk}/resolve/")
    with time_machine.travel(friday + 10 * MINUTE, tick=False):
        miss_follow_ups()
        assert call(world, "agent", "get", f"tickets/{ticket.pk}/")["state"] == "resolved"
    with time_machine.travel(friday + HOUR, tick=False):
        miss_follow_ups()
        found = call(world, "agent", "get", f"tickets/{ticket.pk}/")
        step = only(call(world, "lead", "get", "escalations/?open=true&mine=true"))
    assert (found["state"], found["level"], step["reason"]["code"]) == ("open", 2, "missed")


def test_one_cause_many_tickets_one_word_to_all(world: World) -> None:
    keys = []
    for number in range(12):
        message = heard(world, "x", world.brand, who=called(number))
        Message.objects.filter(pk=message.pk).update(text="Payment fails in the app, my card is refused")
        keys.append(message.ticket_id)
    made = call(world, "agent", "post", "incidents/", {"title": "Payments fail", "tickets": keys[:3]})
    near = call(world, "agent", "get", f"incidents/{made['id']}/suggestions/")
    assert {one["ticket"] for one in near} == set(keys[3:])
    assert call(world, "agent", "post", f"incidents/{made['id']}/link/", {"tickets": keys[3:]}) == {"linked": 9}
    body = {"kind": "holding", "text": "{name}, we know of it."}
    said = call(world, "lead", "post", f"incidents/{made['id']}/say/", body)
    assert (said["state"], said["to_come"]) == ("asked", 0)
    row = only(call(world, "manager", "get", "approvals/?open=true"))
    assert row["about"] == "statement"
    call(world, "manager", "post", f"approvals/{row['id']}/approve/", {"text": "{name}, it is us, not your card."})
    with time_machine.travel(timezone.now() + HOUR, tick=False):
        tell_the_affected()
    told = call(world, "agent", "get", f"incidents/{made['id']}/statements/")[0]
    assert (told["told"], told["passed"], told["to_come"], told["state"]) == (12, 0, 0, "done")
    closing = {"kind": "closing", "text": "{name}, it works again.", "resolves": True}
    call(world, "lead", "post", f"incidents/{made['id']}/say/", closing)
    row = only(call(world, "manager", "get", "approvals/?open=true"))
    call(world, "manager", "post", f"approvals/{row['id']}/approve/", {})
    with time_machine.travel(timezone.now() + HOUR, tick=False):
        tell_the_affected()
    assert call(world, "agent", "get", f"incidents/{made['id']}/")["state"] == "resolved"
    assert set(Ticket.objects.filter(pk__in=keys).values_list("state", flat=True)) == {"resolved"}
    call(world, "lead", "patch", f"incidents/{made['id']}/", {"cause": "A certificate", "lesson": "Watch its date"})
    numbers = call(world, "auditor", "get", f"incidents/{made['id']}/summary/")
    assert (numbers["tickets"], numbers["customers"], numbers["open"], numbers["told"]) == (12, 12, 0, 24)


@pytest.mark.parametrize(
    ("who", "path", "body", "status", "field"),
    [
        ("agent", "concessions/", {"ticket": 10**9, "kind": "refund", "amount": "5", "why": "x"}, 400, "ticket"),
        ("agent", "concessions/", {"ticket": "T", "kind": "pony", "amount": "5", "why": "x"}, 400, "kind"),
        ("agent", "concessions/", {"ticket": "T", "kind": "refund", "amount": "-5", "why": "x"}, 400, "amount"),
        ("agent", "concessions/", {"ticket": "T", "kind": "refund", "amount": "5"}, 400, "why"),
        ("agent", "surveys/", {"ticket": "T"}, 409, ""),
        ("agent", "lessons/", {"escalation": 10**9, "cause": "x", "area": "x", "recommendation": "x"}, 400, "escalation"),
        ("agent", "incidents/", {"title": "x", "tickets": [10**9]}, 400, "tickets"),
        ("agent", "incidents/", {"title": "", "tickets": ["T"]}, 400, "title"),
        ("manager", "areas/", {"name": "x", "manager": 10**9}, 400, "manager"),
        ("manager", "escalation-policies/", {"name": "x", "trigger": "alike", "params": {"count": 1}, "raise_to": 2}, 400, "params.count"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_field(
    world: World, who: str, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    ticket = world.ticket()
    given = {name: [ticket.pk] if value == ["T"] else ticket.pk if value == "T" else value for name, value in body.items()}  # fmt: skip
    answer = world.api(getattr(world, who)).post(f"/api/v1/{path}", given, format="json")
    assert answer.status_code == status, answer.content
    if field:
        assert answer.json()["errors"][0]["field"] == field
    assert Brand.objects.exists()
