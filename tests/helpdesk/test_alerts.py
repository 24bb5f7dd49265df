"""What leaves the desk for people of the brand: by email and in its chat; tried again, given up in words, sealed."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from helpdesk.models import Alert, Brand, Deadline, Escalation, EscalationPolicy, Level, Membership, Notice, Team
from helpdesk.workflow import alerts, policies, sweep
from helpdesk.workflow.verbs import Refused
from tests.world import World


class Chat:
    """A chat's incoming hook: takes {"text": …} over POST, as Slack's does, and answers `status`."""

    def __init__(self) -> None:
        self.status, self.lines = 200, []  # type: ignore[var-annotated]
        chat = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                given = json.loads(body)
                good = self.headers["Content-Type"] == "application/json" and set(given) == {"text"}
                if good and chat.status == 200:
                    chat.lines.append(given["text"])
                self.send_response(chat.status if good else 400)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/secret"


@pytest.fixture
def chat(world: World) -> Iterator[Chat]:
    found = Chat()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    alerts.set_hook(world.brand.pk, world.manager, found.url)
    yield found
    found.server.shutdown()
    found.server.server_close()


def raised(world: World, **values: Any) -> Escalation:
    """By a policy that tells by email and in the chat."""
    values = {"raise_to": 2, "notify": ["email", "hook"], "is_active": True, **values}
    policies.save_escalation(world.brand, world.manager, name="Law", trigger="words", params={"words": ["lawyer"]}, **values)  # fmt: skip
    EscalationPolicy.objects.exclude(name="Law").update(is_active=False)
    world.ticket("My lawyer <b>will</b> call")
    sweep.sweep(timezone.now() + dt.timedelta(minutes=1))
    return Escalation.objects.select_related("ticket").latest("id")


def later(minutes: int) -> dt.datetime:
    return timezone.now() + dt.timedelta(minutes=minutes)


class TestPolicies:
    def test_who_was_asked_is_written_to_and_the_chat_hears_it(self, world: World, chat: Chat) -> None:
        step = raised(world)
        assert step.owner == world.lead
        alerts.send(later(2))
        assert [letter.to for letter in mail.outbox] == [["lead@northwind.example"]]
        subject = f"#{step.ticket.number} was raised to level 2: The customer wrote “lawyer”"
        assert mail.outbox[0].subject == f"[Northwind Rail] {subject}"
        assert chat.lines == [f"{subject} Sven Holm is asked. Take it before it climbs further. http://localhost:8000/desk/tickets/{step.ticket_id}/"]  # fmt: skip
        assert "will" not in mail.outbox[0].body, "no word of the customer leaves the house"

    def test_a_team_is_written_to_each(self, world: World) -> None:
        team = Team.objects.create(brand=world.brand, name="Specialists")
        team.members.add(world.agent, world.lead)
        Level.objects.filter(brand=world.brand, number=2).update(team=team)
        raised(world, notify=["email"])
        assert {row.user for row in Alert.objects.all()} == {world.agent, world.lead}

    def test_a_policy_that_only_tells(self, world: World) -> None:
        raised_before = Escalation.objects.count()
        with pytest.raises(Escalation.DoesNotExist):
            raised(world, raise_to=None, notify=["desk", "email"])
        assert Escalation.objects.count() == raised_before
        assert Notice.objects.get(code="escalation.noticed").params["name"] == "Law"
        assert {row.user for row in Alert.objects.all()} == {world.lead, world.manager, world.owner}

    def test_told_once_however_often_it_is_looked_at(self, world: World) -> None:
        step = raised(world)
        for _ in range(3):
            sweep.look(step.ticket_id, later(2))
        assert Alert.objects.count() == 2

    def test_of_deadlines_too(self, world: World) -> None:
        EscalationPolicy.objects.all().delete()
        policies.save_escalation(
            world.brand, world.manager, name="Late", trigger="overdue", notify=["desk"], is_active=True
        )
        ticket = world.ticket()
        now = timezone.now()
        Deadline.objects.filter(ticket=ticket).update(started_at=now - dt.timedelta(hours=3), due_at=now, risk_at=None)
        sweep.sweep(later(1))
        sweep.look(ticket.pk, later(1))
        assert Notice.objects.filter(code="escalation.noticed").count() == 1


class TestSending:
    def test_a_chat_that_is_away_is_tried_again_later(self, world: World, chat: Chat) -> None:
        raised(world, notify=["hook"])
        chat.status = 503
        now = later(2)
        assert alerts.send(now) == 1
        row = Alert.objects.get()
        assert (row.problem, row.failed_at, row.due_at) == ("HTTP 503", None, now + dt.timedelta(minutes=2))
        assert alerts.send(now) == 0
        chat.status = 200
        assert alerts.send(now + dt.timedelta(minutes=3)) == 1
        assert len(chat.lines) == 1
        assert alerts.send(now + dt.timedelta(hours=9)) == 0

    def test_a_hook_that_is_gone_is_given_up_and_said(self, world: World, chat: Chat) -> None:
        raised(world, notify=["hook"])
        chat.status = 410
        alerts.send(later(2))
        assert Alert.objects.get().failed_at is not None
        assert Notice.objects.get(code="alert.failed").params["problem"] == "HTTP 410"

    def test_without_a_hook_or_a_mail_server_it_says_so(self, world: World, settings: Any) -> None:
        settings.EMAIL_BACKEND = alerts.DUMMY
        raised(world)
        alerts.send(later(2))
        assert {row.problem for row in Alert.objects.all()} == {
            "no mail server is set: HELPDESK_MAIL_URL", "the brand has no chat hook",
        }  # fmt: skip
        assert Notice.objects.filter(code="alert.failed").count() == 2

    def test_a_worker_that_died_in_between_leaves_it_due(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        raised(world, notify=["email"])

        def died(row: Alert) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(alerts, "_by_email", died)
        with pytest.raises(KeyboardInterrupt):
            alerts.send(later(2))
        monkeypatch.undo()
        assert alerts.send(later(3)) == 0, "it is still that worker's"
        assert alerts.send(later(10)) == 1
        assert len(mail.outbox) == 1

    def test_one_dead_chat_does_not_hold_up_its_other_lines(self, world: World, chat: Chat) -> None:
        raised(world, notify=["hook"])
        row = Alert.objects.get()
        Alert.objects.create(brand=world.brand, by="hook", code=row.code, params=row.params, due_at=row.due_at)
        chat.status = 503
        assert alerts.send(later(2)) == 1, "the second waits with the first"
        assert alerts.send(later(3)) == 0

    def test_who_has_left_the_brand_is_not_written_to(self, world: World) -> None:
        raised(world, notify=["email"])
        Membership.objects.filter(user=world.lead).delete()
        alerts.send(later(2))
        assert mail.outbox == []
        assert Alert.objects.get().problem == "they no longer work for the brand"


class TestHook:
    def test_is_kept_sealed(self, world: World, chat: Chat) -> None:
        stored = Brand.objects.get(pk=world.brand.pk).chat_hook
        assert "secret" not in stored
        assert alerts.hook_of(Brand.objects.get(pk=world.brand.pk)) == chat.url
        alerts.set_hook(world.brand.pk, world.manager, "")
        assert Brand.objects.get(pk=world.brand.pk).chat_hook == ""

    @pytest.mark.parametrize("url", ["chat", "ftp://x.example/y", "http://chat.example/hook", "https://user@:0/"])
    def test_needs_a_whole_address(self, world: World, url: str, settings: Any) -> None:
        settings.ALLOW_NETS = []
        with pytest.raises(Refused) as told:
            alerts.set_hook(world.brand.pk, world.manager, url)
        assert told.value.field == "chat_hook"

    def test_keeping_an_empty_field_changes_nothing_and_removing_says_so(self, world: World, chat: Chat) -> None:
        desk = world.desk(world.manager)
        desk.post("/desk/telling/", {"chat_hook": ""})
        assert alerts.hook_of(Brand.objects.get(pk=world.brand.pk)) == chat.url
        page = desk.post("/desk/telling/", {"chat_hook": "", "remove": "1"}, follow=True).content.decode()
        assert ("Removed." in page, Brand.objects.get(pk=world.brand.pk).chat_hook) == (True, "")
