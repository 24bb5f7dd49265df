"""Calendars, promises and the ladder by API: what is sent, what comes back, and what is refused in which words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Deadline, EscalationPolicy, Team
from helpdesk.workflow import escalation, sweep, tickets
from tests.world import World

WEEK = [[["09:00", "17:00"]]] * 5 + [[], []]


def send(world: World, method: str, path: str, body: Any = None, who: str = "manager") -> Any:
    client = world.api(getattr(world, who))
    return getattr(client, method)(f"/api/v1/{path}", body, format="json")


def test_promises_from_an_empty_brand_to_a_due_answer(world: World) -> None:
    calendar = send(world, "post", "calendars/", {"name": "Office", "time_zone": "Europe/Stockholm", "week": WEEK, "country": "SE"})  # fmt: skip
    assert calendar.status_code == 201, calendar.json()
    policy = send(
        world, "post", "policies/",
        {"name": "Complaints", "intents": ["complaint"], "calendar": calendar.json()["id"], "first_response_minutes": 60,
         "resolution_minutes": 600, "risk_minutes": 15},
    )  # fmt: skip
    assert policy.status_code == 201, policy.json()
    assert policy.json()["next_response_minutes"] is None
    ticket = world.ticket("This is terrible, I am furious")
    found = send(world, "get", f"tickets/{ticket.pk}/deadlines/").json()
    assert [(one["kind"], one["policy"], one["is_paused"]) for one in found] == [
        ("first_response", policy.json()["id"], False),
        ("resolution", policy.json()["id"], False),
    ]
    changed = send(world, "patch", f"policies/{policy.json()['id']}/", {"first_response_minutes": 30, "calendar": None})
    assert (changed.json()["first_response_minutes"], changed.json()["calendar"]) == (30, None)
    sweep.follow(world.brand.pk, timezone.now())
    found = send(world, "get", f"tickets/{ticket.pk}/deadlines/").json()
    assert found[0]["changes"][-1]["words"] == "what we promise changed"
    assert send(world, "delete", f"calendars/{calendar.json()['id']}/").status_code == 204


def test_a_step_of_the_ladder(world: World) -> None:
    ticket = world.ticket()
    made = send(world, "post", f"tickets/{ticket.pk}/escalate/", {"why": "She rang twice"}, "agent")
    assert made.status_code == 201
    body = made.json()
    assert (body["level"], body["before"], body["words"], body["raised_by"]["name"]) == (2, 1, "Raised by hand", "Noor Haddad")  # fmt: skip
    assert body["asked"] == "nobody is on duty or of a team there, so it went by role"
    assert body["next"]["words"] == "a reminder"
    assert send(world, "get", "escalations/?open=true&mine=true", who="lead").json()["results"][0]["id"] == body["id"]
    assert send(world, "get", "escalations/?mine=true", who="agent").json()["results"] == []
    assert send(world, "get", "tickets/?level=2").json()["results"][0]["level"] == 2
    refused = send(world, "post", f"escalations/{body['id']}/acknowledge/", {}, "agent")
    assert (refused.status_code, refused.json()["detail"]) == (403, "Somebody else was asked. A lead or higher may take it over.")  # fmt: skip
    taken = send(world, "post", f"escalations/{body['id']}/acknowledge/", {}, "lead").json()
    assert (taken["acknowledged_by"]["name"], taken["next"]) == ("Sven Holm", None)
    assert send(world, "post", f"escalations/{body['id']}/acknowledge/", {}, "manager").status_code == 409
    over = send(world, "post", f"escalations/{body['id']}/lower/", {"level": 1}, "lead").json()
    assert over["outcome"] == "lowered"
    assert send(world, "post", f"escalations/{body['id']}/lower/", {"level": 1}, "lead").status_code == 409


def test_a_dry_run_touches_nothing_and_tells_all(world: World) -> None:
    for name in ("ana", "bo", "cleo"):
        world.ticket("I will call my lawyer about this", who=name)
    late = world.ticket("When does it leave?", who="dora")
    Deadline.objects.filter(ticket=late).update(
        started_at=timezone.now() - dt.timedelta(days=9), due_at=timezone.now() - dt.timedelta(days=8), risk_at=None
    )
    before = list(EscalationPolicy.objects.order_by("id").values())
    words = send(world, "post", "escalation-policies/", {"name": "Law", "trigger": "words", "params": {"words": ["lawyer"]}, "raise_to": 2}).json()  # fmt: skip
    found = send(world, "post", f"escalation-policies/{words['id']}/dry-run/", {}).json()
    assert (found["tickets"], found["of"], found["firings"], found["is_all"]) == (3, 4, 3, True)
    assert {one["words"] for one in found["examples"]} == {"The customer wrote “lawyer”"}
    assert sum(week["firings"] for week in found["weeks"]) == 3
    assert len(found["weeks"]) in (13, 14)
    overdue = send(world, "post", "escalation-policies/", {"name": "Late", "trigger": "overdue", "raise_to": 2}).json()
    found = send(world, "post", f"escalation-policies/{overdue['id']}/dry-run/", {}).json()
    assert [(one["ticket"], one["words"]) for one in found["examples"]] == [(late.pk, "First answer is overdue")]
    assert list(EscalationPolicy.objects.order_by("id").values())[: len(before)] == before
    late.refresh_from_db()
    assert late.level == 1


def test_reopened_counts_in_a_dry_run_as_in_earnest(world: World) -> None:
    ticket = world.ticket()
    for _ in range(2):
        tickets.resolve(ticket.pk, world.agent)
        tickets.reopen(ticket.pk, world.agent)
    policy = EscalationPolicy.objects.get(brand=world.brand, trigger="reopened")
    found = send(world, "post", f"escalation-policies/{policy.pk}/dry-run/", {}).json()
    assert [one["words"] for one in found["examples"]] == ["Reopened 2 times"]
    sweep.sweep(timezone.now())
    assert ticket.escalations.get().reason["code"] == "reopened"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("calendars/", {"name": "x", "time_zone": "UTC", "week": [[]] * 7}, "week"),
        ("calendars/", {"name": "x", "time_zone": "UTC", "week": [[["17:00", "09:00"]]] + [[]] * 6}, "week.0"),
        ("policies/", {"name": "x"}, "first_response_minutes"),
        ("policies/", {"name": "x", "first_response_minutes": 60, "calendar": 999}, "calendar"),
        ("policies/", {"name": "x", "first_response_minutes": 60, "surprise": 1}, "surprise"),
        ("levels/", {"name": "x", "number": 7}, "number"),
        ("levels/", {"name": "x", "team": 999}, "team"),
        ("shifts/", {"level": 10**9, "user": 1, "weekdays": [1]}, "level"),
        ("escalation-policies/", {"name": "x", "trigger": "moon"}, "trigger"),
        ("escalation-policies/", {"name": "x", "trigger": "words", "params": {"words": []}}, "params.words"),
        ("teams/", {"name": "x", "members": [10**9]}, "members"),
        ("teams/", {"name": " "}, "name"),
    ],
)
def test_refusals_name_the_field(world: World, path: str, body: dict[str, Any], field: str) -> None:
    answer = send(world, "post", path, body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_shift_is_written_as_a_clock_shows_it(world: World) -> None:
    level = send(world, "get", "levels/").json()["results"][1]
    body = {"level": level["id"], "user": world.agent.pk, "weekdays": [5, 6], "start": "08:30", "end": "24:00"}
    made = send(world, "post", "shifts/", body).json()
    assert (made["start"], made["end"]) == ("08:30", "24:00")
    for wrong in ("8:30", "24:30", "noon", 510):
        answer = send(world, "patch", f"shifts/{made['id']}/", {"start": wrong})
        assert answer.json()["errors"][0]["field"] == "start"


def test_a_team_that_a_level_asks_stays(world: World) -> None:
    team = send(world, "post", "teams/", {"name": "Specialists", "members": [world.agent.pk]}).json()
    level = send(world, "get", "levels/").json()["results"][1]
    assert send(world, "patch", f"levels/{level['id']}/", {"team": team["id"]}).json()["team"] == team["id"]
    answer = send(world, "delete", f"teams/{team['id']}/")
    assert (answer.status_code, "These levels ask this team: Specialists" in answer.json()["detail"]) == (409, True)
    assert Team.objects.count() == 1
    made = escalation.escalate(world.ticket().pk, world.agent)
    assert (made.team_id, made.owner) == (team["id"], None)


def test_a_page_of_steps_asks_no_more_the_longer_it_is(world: World, django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        escalation.escalate(world.ticket(who=f"p{number}").pk, world.agent)
    client = world.api(world.manager)
    client.get("/api/v1/escalations/")
    with django_assert_max_num_queries(11):
        assert len(client.get("/api/v1/escalations/").json()["results"]) == 12
