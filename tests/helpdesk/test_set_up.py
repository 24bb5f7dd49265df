"""The pages on which managers set up promises and the ladder: what is kept, and what comes back with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from helpdesk.desk.set_up_forms import spanned
from helpdesk.models import Calendar, EscalationPolicy, Level, ServicePolicy, Shift, Team
from helpdesk.workflow import policies
from tests.helpdesk.test_promises import ICAL
from tests.world import World

DAYS = {f"day_{number}": "09:00-17:00" for number in range(5)}


def send(world: World, path: str, body: dict[str, Any] | None = None, who: str = "manager") -> Any:
    client = world.desk(getattr(world, who))
    return client.get(f"/desk/set-up/{path}") if body is None else client.post(f"/desk/set-up/{path}", body)


def shown(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_calendar_as_it_hangs_on_a_door(world: World) -> None:
    body = {"name": "Office", "time_zone": "Europe/Stockholm", "country": "se", **DAYS, "day_5": "10:00 – 12:00, 13:00–15:00",
            "closed_days": "2026-12-24 Christmas Eve\n2027-01-04", "ical": SimpleUploadedFile("x.ics", ICAL.encode())}  # fmt: skip
    assert send(world, "calendars/", body).status_code == 302
    row = Calendar.objects.get(brand=world.brand)
    assert row.week[5:] == [[["10:00", "12:00"], ["13:00", "15:00"]], []]
    assert (row.country, row.closed_days[0]["origin"]) == ("SE", "ical")
    assert {"day": "2026-12-24", "name": "Christmas Eve", "origin": "hand"} in row.closed_days
    page = shown(send(world, "calendars/"))
    assert "Monday–Friday 09:00–17:00 · Saturday 10:00–12:00, 13:00–15:00 · Sunday closed" in page
    again = {**body, "name": "Desk", "ical": "", "closed_days": "2026-12-24 Christmas Eve"}
    assert send(world, f"calendars/{row.pk}/", again).status_code == 302
    row.refresh_from_db()
    assert (row.name, len(row.closed_days)) == ("Desk", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"day_2": "nine to five"}, "Write a period as two times"),
        ({"day_2": "17:00-09:00"}, "A period ends after it begins"),
        (dict.fromkeys(DAYS, ""), "There are no open hours in this week"),
        ({"country": "QQ"}, "We know no holidays of “QQ”"),
        ({"time_zone": "Stockholm"}, "Stockholm is no time zone"),
        ({"closed_days": "Christmas"}, "Write the day as YYYY-MM-DD"),
    ],
)
def test_a_calendar_that_is_none(world: World, change: dict[str, str], words: str) -> None:
    answer = send(world, "calendars/", {"name": "Office", "time_zone": "UTC", **DAYS, **change})
    assert (answer.status_code, words in shown(answer)) == (400, True)
    assert not Calendar.objects.exists()


def test_a_promise_in_plain_spans(world: World) -> None:
    body = {"name": "Complaints", "first_response_minutes": "90 min", "resolution_minutes": "2 d", "next_response_minutes": "",
            "risk_minutes": "0.5 h", "intents": ["complaint"], "position": 10, "is_active": "on",
            "follow_up_minutes": "2 d", "follow_up_kind": "call"}  # fmt: skip
    assert send(world, "promises/", body).status_code == 302
    row = ServicePolicy.objects.get()
    assert (row.first_response_minutes, row.resolution_minutes, row.risk_minutes) == (90, 2880, 30)
    page = shown(send(world, "promises/"))
    assert "first answer within 90 min, solved within 2 d, looked after 2 d later, around the clock" in page
    assert "for complaint" in page
    for wrong, words in (("soon", "Write it as 30 min, 4 h or 2 d."), ("3 d", "sooner than the first answer")):
        answer = send(world, f"promises/{row.pk}/", {**body, "first_response_minutes": wrong})
        assert (answer.status_code, words in shown(answer)) == (400, True), wrong
    assert send(world, f"promises/{row.pk}/", {"remove": "1"}).status_code == 302
    assert not ServicePolicy.objects.exists()


@pytest.mark.parametrize(
    ("minutes", "text"), [(30, "30 min"), (60, "1 h"), (90, "90 min"), (1440, "1 d"), (1500, "25 h")]
)
def test_spans_read_as_they_are_written(minutes: int, text: str) -> None:
    assert spanned(minutes) == text


def test_a_level_its_team_and_a_shift(world: World) -> None:
    assert send(world, "teams/", {"name": "Specialists", "members": [world.agent.pk, world.lead.pk]}).status_code == 302
    team = Team.objects.get()
    assert "Noor Haddad, Sven Holm" in shown(send(world, "teams/"))
    body = {"name": "Area managers", "team": team.pk, "acknowledge_minutes": "2 h", "reminders": 0}
    assert send(world, "ladder/", body).status_code == 302
    level = Level.objects.get(number=3)
    assert (level.acknowledge_minutes, level.team) == (120, team)
    shift = {"level": level.pk, "user": world.agent.pk, "weekdays": [5, 6], "start": "8:30", "end": "24:00"}
    assert send(world, "duty/", shift).status_code == 302
    assert "Saturday, Sunday, 08:30–24:00" in shown(send(world, "duty/"))
    answer = send(world, f"duty/{Shift.objects.get().pk}/", {**shift, "start": "18:00", "end": "09:00"})
    assert (answer.status_code, "One that goes over midnight is two." in shown(answer)) == (400, True)
    removed = send(world, f"teams/{team.pk}/", {"remove": "1"})
    page = world.desk(world.manager).get(removed["Location"])
    assert Team.objects.exists()
    assert page.status_code == 200


def test_a_policy_is_off_until_it_is_switched_on(world: World) -> None:
    body = {
        "name": "Bridges",
        "trigger": "words",
        "words": "bridge\nviaduct",
        "raise_to": "2",
        "set_priority": "",
        "notify": ["desk"],
        "position": 5,
    }
    assert send(world, "policies/", body).status_code == 302
    row = EscalationPolicy.objects.get(name="Bridges")
    assert (row.is_active, row.params, row.raise_to) == (False, {"words": ["bridge", "viaduct"]}, 2)
    for ticket in ("The bridge is out", "A viaduct, a viaduct", "Nothing"):
        world.ticket(ticket, who=ticket[:5])
    page = shown(send(world, f"policies/{row.pk}/dry-run/"))
    assert "<b>2</b> tickets of 3" in page
    assert "The customer wrote “viaduct”" in page
    assert send(world, f"policies/{row.pk}/", {**body, "is_active": "on", "raise_to": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.is_active, row.raise_to) == (True, None)
    for change, words in (({"words": ""}, "Name at least one word"), ({"raise_to": "7"}, "not one of the available")):
        answer = send(world, f"policies/{row.pk}/", {**body, **change})
        assert (answer.status_code, words in shown(answer)) == (400, True), change


def test_a_policy_whose_trigger_has_no_fields_keeps_what_it_has(world: World) -> None:
    row = EscalationPolicy.objects.get(brand=world.brand, trigger="unhappy")
    body = {"name": "Unhappy", "trigger": "unhappy", "raise_to": "0", "position": 5}
    assert send(world, f"policies/{row.pk}/", body).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.trigger, row.raise_to) == ("Unhappy", "unhappy", 0)


def test_agents_do_not_set_up(world: World) -> None:
    assert send(world, "ladder/", who="agent").status_code == 403
    assert send(world, "ladder/", who="rival_owner").status_code == 200  # their own
    assert send(world, "nothing/").status_code == 404
    theirs = policies.save_level(world.rival, world.rival_owner, name="Quay masters")
    assert send(world, f"ladder/{theirs.pk}/").status_code == 404
