"""A second pair of eyes: held, approved as it is or with changes, refused with a reason; overdue, it climbs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import (
    Approval,
    Delivery,
    DeliveryPart,
    EscalationPolicy,
    Level,
    Message,
    Notice,
    Team,
    Ticket,
    User,
)
from helpdesk.tasks import climb_approvals
from helpdesk.workflow import deciding, escalation, forget, policies, replies
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused
from mentions import delivery
from tests.attacks.scene import heard
from tests.world import World, person

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def specialist(world: World) -> User:
    user = person("ines@northwind.example", "Ines Duarte", world.brand)
    team = Team.objects.create(brand=world.brand, name="Specialists")
    team.members.add(user)
    Level.objects.filter(brand=world.brand, number=2).update(team=team, checks_replies=True)
    return user


@pytest.fixture
def ticket(world: World, specialist: User) -> Ticket:
    """At the second level, which approves what others answer."""
    row = heard(world, "Ana", world.brand, who="ana").ticket
    escalation.escalate(row.pk, world.agent)
    return row


def asked(world: World, ticket: Ticket, text: str = "We pay you back, Ana.") -> Approval:
    replies.reply(ticket.pk, world.agent, text, "public")
    return Approval.objects.select_related("delivery__message").latest("id")


def states() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("id").values_list("message__text", "state"))


class TestHeld:
    def test_what_the_front_line_answers_up_there_is_held(self, world: World, ticket: Ticket, specialist: User) -> None:
        row = asked(world, ticket)
        assert (row.level, row.team, row.owner, row.asked_by) == (2, specialist.teams.get(), None, world.agent)
        assert states() == [("We pay you back, Ana.", "held")]
        delivery.deliver(row.delivery_id or 0)
        assert DeliveryPart.objects.get().state == "held"

    def test_specialists_are_exempt_and_so_is_the_front_line_at_home(
        self, world: World, ticket: Ticket, specialist: User
    ) -> None:
        replies.reply(ticket.pk, specialist, "Ana, it is paid.", "public")
        at_home = heard(world, "Bo", world.brand, who="bo").ticket
        replies.reply(at_home.pk, world.agent, "Bo, it leaves at nine.", "public")
        assert [state for _text, state in states()] == ["queued", "queued"]
        assert not Approval.objects.exists()

    def test_a_policy_can_ask_for_it(self, world: World, specialist: User) -> None:
        Level.objects.update(checks_replies=False)
        EscalationPolicy.objects.filter(brand=world.brand, trigger="words").update(needs_approval=True)
        row = heard(world, "Ana, who was injured,", world.brand, who="ana").ticket
        from helpdesk.workflow import sweep

        sweep.sweep(timezone.now())
        assert asked(world, row).reason["code"] == "policy"


class TestDecided:
    def test_approved_it_goes(self, world: World, ticket: Ticket, specialist: User) -> None:
        row = asked(world, ticket)
        deciding.approve(row.pk, specialist)
        row.refresh_from_db()
        assert (row.outcome, row.decided_by) == ("approved", specialist)
        assert states() == [("We pay you back, Ana.", "queued")]
        delivery.deliver(row.delivery_id or 0)
        assert states() == [("We pay you back, Ana.", "sent")]
        with pytest.raises(Conflict, match="Ines Duarte has decided already: approved"):
            deciding.refuse(row.pk, world.lead, "No")

    def test_with_changes_it_goes_in_the_writers_name(self, world: World, ticket: Ticket, specialist: User) -> None:
        row = asked(world, ticket)
        deciding.approve(row.pk, specialist, "We pay you back twice, Ana.")
        assert states() == [("We pay you back, Ana.", "cancelled"), ("We pay you back twice, Ana.", "queued")]
        assert Message.objects.get(text__contains="twice").author == world.agent
        row.refresh_from_db()
        assert row.outcome == "edited"
        assert Approval.objects.count() == 1

    def test_refused_with_a_reason(self, world: World, ticket: Ticket, specialist: User) -> None:
        row = asked(world, ticket)
        with pytest.raises(Refused, match="Say why"):
            deciding.refuse(row.pk, specialist, " ")
        deciding.refuse(row.pk, specialist, "She was paid already")
        row.refresh_from_db()
        assert (row.outcome, row.refused_note and row.refused_note.text) == ("refused", "She was paid already")
        assert states() == [("We pay you back, Ana.", "cancelled")]

    def test_never_by_who_wrote_it_nor_by_who_was_not_asked(self, world: World, ticket: Ticket) -> None:
        row = asked(world, ticket)
        with pytest.raises(PermissionRefused, match="You wrote it"):
            deciding.approve(row.pk, world.agent)
        other = person("odd@northwind.example", "Odd Lien", world.brand)
        with pytest.raises(PermissionRefused, match="Somebody else was asked"):
            deciding.approve(row.pk, other)

    def test_taken_back_nobody_has_to_decide(self, world: World, ticket: Ticket) -> None:
        row = asked(world, ticket)
        replies.cancel(row.delivery_id or 0, world.agent)
        row.refresh_from_db()
        assert row.outcome == "withdrawn"

    def test_what_it_answers_may_be_gone(self, world: World, ticket: Ticket, specialist: User) -> None:
        row = asked(world, ticket)
        forget.tombstone(list(ticket.messages.filter(kind="inbound")), timezone.now())
        with pytest.raises(Conflict, match="What it answers is gone"):
            deciding.approve(row.pk, specialist)
        deciding.refuse(row.pk, specialist, "They took it back")


class TestOverdue:
    def test_it_climbs_and_at_the_top_the_managers_hear_once(self, world: World, ticket: Ticket) -> None:
        policies.save_level(world.brand, world.manager, name="Area managers", acknowledge_minutes=60)
        row = asked(world, ticket)
        now = timezone.now()
        assert deciding.climb(now) == 0
        assert deciding.climb(now + HOUR) == 1
        row.refresh_from_db()
        assert (row.level, row.owner, row.due_at) == (3, world.manager, now + 2 * HOUR)
        assert [deciding.climb(now + 3 * HOUR), deciding.climb(now + 9 * HOUR)] == [1, 0]
        assert [notice.code for notice in Notice.objects.all()] == ["approval.overdue"]
        deciding.approve(row.pk, world.owner)
        assert Notice.objects.get().settled_at is not None

    def test_nothing_due_asks_once(self, world: World, ticket: Ticket, django_assert_max_num_queries: Any) -> None:
        asked(world, ticket)
        with django_assert_max_num_queries(3):
            climb_approvals()


class TestSeen:
    def test_in_the_desk(self, world: World, ticket: Ticket, specialist: User) -> None:
        said = world.desk(world.agent).post(
            f"/desk/tickets/{ticket.pk}/answer/", {"text": "We pay you back, Ana.", "mode": "public"}, follow=True
        )
        assert "It waits for a second pair of eyes" in said.content.decode()
        row = Approval.objects.get()
        page = world.desk(specialist).get("/desk/approvals/").content.decode()
        assert ["We pay you back, Ana." in page, "yours to decide" in page] == [True, True]
        beside = world.desk(specialist).get(f"/desk/tickets/{ticket.pk}/").content.decode()
        assert "Waits for Specialists to approve it" in beside
        mine = world.desk(world.agent).get(f"/desk/tickets/{ticket.pk}/").content.decode()
        assert "Change or refuse" not in mine
        world.desk(specialist).post(f"/desk/approvals/{row.pk}/decide/", {"decision": "approve", "text": "Paid, Ana."})
        assert states()[-1] == ("Paid, Ana.", "queued")
        assert "Nothing waits" in world.desk(specialist).get("/desk/approvals/").content.decode()

    def test_by_api(self, world: World, ticket: Ticket, specialist: User) -> None:
        sent = world.api(world.agent).post(
            f"/api/v1/tickets/{ticket.pk}/replies/", {"text": "Paid, Ana.", "visibility": "public"}, format="json"
        )
        assert (sent.status_code, sent.json()["state"]) == (202, "held")
        api = world.api(specialist)
        row = api.get("/api/v1/approvals/?open=true&mine=true").json()["results"][0]
        assert (row["delivery"], row["asked_by"]["name"], row["team"]["name"]) == (
            sent.json()["id"],
            "Noor Haddad",
            "Specialists",
        )
        done = api.post(f"/api/v1/approvals/{row['id']}/refuse/", {"reason": "Not yet"}, format="json").json()
        assert (done["outcome"], done["decided_by"]["name"]) == ("refused", "Ines Duarte")
        assert api.post(f"/api/v1/approvals/{row['id']}/approve/", {}, format="json").status_code == 409
