"""What happens by itself when somebody writes: when we are back is said once, and who was upset before comes first."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from helpdesk import summary
from helpdesk.models import Brand, Delivery, Message, Ticket
from helpdesk.text.triage import Triage, suggested_priority
from helpdesk.workflow import calendars, guarding, policies, replies, sweep, tickets
from mentions import delivery
from mentions.models import Mention
from tests.attacks.scene import heard
from tests.world import World

WEEK = [[["09:00", "17:00"]]] * 5 + [[], []]
FRIDAY_NIGHT = dt.datetime(2026, 11, 27, 22, 30, tzinfo=dt.UTC)  # 23:30 in Stockholm
NOON = dt.datetime(2026, 11, 27, 11, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _closed_at_night(world: World) -> None:
    Brand.objects.filter(pk=world.brand.pk).update(
        time_zone="Europe/Stockholm", away_text="Thank you, {name}. We are back {when} and answer then."
    )
    world.brand.refresh_from_db()
    calendar = calendars.save(world.brand, world.manager, name="Office", time_zone="Europe/Stockholm", week=WEEK)
    policies.save_service(world.brand, world.manager, name="All", next_response_minutes=60, first_response_minutes=60, calendar=calendar)  # fmt: skip


def said(world: World, at: dt.datetime, **values: Any) -> Ticket:
    with time_machine.travel(at, tick=False):
        ticket = heard(world, "Ana", world.brand, who="ana", **values).ticket
        sweep.sweep(at + dt.timedelta(seconds=5))
    return Ticket.objects.get(pk=ticket.pk)


def automatic() -> list[str]:
    return list(Message.objects.filter(is_automatic=True, kind="reply").order_by("id").values_list("text", flat=True))


class TestAway:
    def test_the_customer_hears_when_we_are_back_and_still_waits_for_an_answer(self, world: World) -> None:
        ticket = said(world, FRIDAY_NIGHT)
        assert automatic() == ["Thank you, Ana. We are back on Monday at 09:00 and answer then."]
        sent = Delivery.objects.get()
        with time_machine.travel(FRIDAY_NIGHT + dt.timedelta(minutes=1)):
            delivery.deliver(sent.pk)
        ticket.refresh_from_db()
        assert Delivery.objects.get().state == "sent"
        assert (ticket.state, ticket.answered_at, ticket.assignee) == ("new", None, None)
        assert ticket.deadlines.filter(kind="first_response", met_at=None).exists()
        assert summary.differences([ticket.pk]) == []

    def test_once_however_much_they_write(self, world: World) -> None:
        ticket = said(world, FRIDAY_NIGHT, thread="t")
        for minutes in (5, 60):
            said(world, FRIDAY_NIGHT + dt.timedelta(minutes=minutes), thread="t")
        assert (len(automatic()), Ticket.objects.get().pk) == (1, ticket.pk)

    def test_not_in_open_hours(self, world: World) -> None:
        said(world, NOON)
        assert automatic() == []

    @pytest.mark.parametrize("intent", ["praise", "spam"])
    def test_not_to_praise_or_spam(self, world: World, intent: str) -> None:
        said(world, FRIDAY_NIGHT, triage=Triage(intent=intent))
        assert automatic() == []

    def test_not_to_a_list_or_a_machine(self, world: World) -> None:
        for number, change in enumerate(({"is_automatic": True}, {})):
            with time_machine.travel(FRIDAY_NIGHT, tick=False):
                message = heard(world, "Ana", world.brand, who=f"list{number}", **change)
                if not change:
                    Mention.objects.filter(message=message).update(reference={"key": "x", "no_auto_answer": True})
                sweep.sweep(FRIDAY_NIGHT + dt.timedelta(seconds=5))
        assert automatic() == []

    def test_not_to_what_was_said_long_ago(self, world: World) -> None:
        said(world, FRIDAY_NIGHT, said_at=FRIDAY_NIGHT - dt.timedelta(days=3))
        assert automatic() == []

    def test_a_brand_that_says_nothing_says_nothing(self, world: World) -> None:
        Brand.objects.update(away_text="")
        said(world, FRIDAY_NIGHT)
        assert automatic() == []

    @pytest.mark.parametrize(
        ("at", "when"),
        [(dt.datetime(2026, 11, 26, 3, 0, tzinfo=dt.UTC), "today at 09:00"), (dt.datetime(2026, 11, 26, 18, 0, tzinfo=dt.UTC), "tomorrow at 09:00")],
    )  # fmt: skip
    def test_as_people_say_it(self, world: World, at: dt.datetime, when: str) -> None:
        said(world, at)
        assert f"We are back {when} and" in automatic()[0]


class TestPriority:
    @pytest.mark.parametrize(
        ("found", "before", "priority", "code"),
        [
            (Triage(urgency="normal"), False, 2, ""),
            (Triage(urgency="normal"), True, 3, "upset_before"),
            (Triage(urgency="critical"), True, 4, ""),
            (Triage(urgency="low", sentiment="negative", reach=50_000), False, 3, "reach"),
            (Triage(urgency="normal", sentiment="positive", reach=50_000), False, 2, ""),
            (Triage(intent="praise"), True, 2, ""),
        ],
    )
    def test_from_urgency_mood_reach_and_history(self, found: Triage, before: bool, priority: int, code: str) -> None:
        number, why = suggested_priority(found, upset_before=before)
        assert (number, [reason["code"] for reason in why]) == (priority, [code] if code else [])

    def test_who_was_upset_before_comes_first_and_the_ticket_says_why(self, world: World) -> None:
        first = world.ticket("When does it leave?")
        tickets.resolve(first.pk, world.agent)
        Ticket.objects.filter(pk=first.pk).update(
            verdict="unhappy", resolved_at=first.created_at - dt.timedelta(days=9)
        )
        second = world.ticket("When does it go to Lund?")
        other = world.ticket("When does it leave?", who="bo")
        assert second.customer == first.customer
        assert (second.priority, other.priority) == (3, 2)
        page = world.desk(world.agent).get(f"/desk/tickets/{second.pk}/").content.decode()
        assert "we have upset them before" in page


def test_what_a_guard_found_waits_for_a_second_pair_of_eyes_where_the_brand_wants_it(world: World) -> None:
    guarding.hold(world.brand.pk, world.manager, "promise", on=True)
    ticket = heard(world, "Ana", world.brand, who="ana").ticket
    words = "Ana, your train: we pay back 40 EUR by Friday."
    desk = world.desk(world.agent)
    answer = {"mode": "public", "text": words, "anyway": "1", "once": "a"}
    assert desk.post(f"/desk/tickets/{ticket.pk}/answer/", answer).status_code == 302
    row = Delivery.objects.get()
    assert (row.state, row.approval.reason) == ("held", {"code": "guard", "guard": "promise"})
    assert "yours to decide" in world.desk(world.lead).get("/desk/approvals/").content.decode()
    assert replies.reply(ticket.pk, world.lead, words, "public").state == "queued", "leads are exempt"
    quiet = replies.reply(ticket.pk, world.agent, "Ana, your train has left Valdemar.", "public")
    assert quiet.state == "queued"
    guarding.hold(world.brand.pk, world.manager, "promise", on=False)
    assert replies.reply(ticket.pk, world.agent, words, "public").state == "queued"
