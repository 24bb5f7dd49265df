"""Guards at work: the desk asks, a tap sends or mends, and what came of it is counted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Brand, Delivery, GuardRaise, Message, Ticket
from helpdesk.workflow import guarding
from mentions import delivery
from mentions.models import Account, DemoPost, Mention
from mentions.platforms.demo import ledger
from tests.attacks.scene import heard
from tests.world import World

DULL = "We are sorry to hear that. Please send us a direct message and our team will look into it."
LEAK = "Ana, your order number 88213456 has left the house."


@pytest.fixture
def ticket(world: World) -> Ticket:
    return heard(world, "Ana", world.brand, who="ana").ticket


def send(world: World, ticket: Ticket, text: str, mode: str = "public", **more: str) -> Any:
    body = {"text": text, "mode": mode, "once": f"{text}{more}"}
    return world.desk(world.agent).post(f"/desk/tickets/{ticket.pk}/answer/", {**body, **more})


def texts() -> list[str]:
    return list(Message.objects.filter(kind="reply").order_by("id").values_list("text", flat=True))


def test_the_desk_asks_before_what_could_go_to_anybody_and_one_tap_sends_it(world: World, ticket: Ticket) -> None:
    page = send(world, ticket, DULL)
    content = page.content.decode()
    assert page.status_code == 200
    assert "This could go to anybody. Name Ana, or say something of their case." in content
    assert DULL in content, "what was written is still there"
    assert texts() == []
    assert send(world, ticket, DULL, anyway="1").status_code == 302
    assert texts() == [DULL]
    assert [(row.guard, row.answer) for row in GuardRaise.objects.all()] == [("specific", "anyway")]


def test_the_name_is_put_before_it_in_one_tap_and_the_agent_sends_it(world: World, ticket: Ticket) -> None:
    assert "Begin with “Ana, …”" in send(world, ticket, DULL).content.decode()
    page = send(world, ticket, DULL, fix="name").content.decode()
    mended = f"Ana, we{DULL[2:]}"
    assert mended in page
    assert "This could go to anybody" not in page
    assert texts() == [], "it is the agent who sends"
    assert send(world, ticket, mended).status_code == 302
    assert texts() == [mended]


@pytest.mark.parametrize(
    ("text", "found"),
    [("I see to it.", "Ana, I see to it."), ("Malmö is open.", "Ana, Malmö is open."), ("Sorry, it is late.", "Ana, sorry, it is late."), ("Yes", "Ana, Yes")],
)  # fmt: skip
def test_begun_with_a_name(text: str, found: str) -> None:
    assert guarding.by_name(text, "Ana") == found


def test_private_data_is_hidden_or_moved_or_sent_as_it_is(world: World, ticket: Ticket) -> None:
    page = send(world, ticket, LEAK).content.decode()
    assert "An order number will show: “88213456”." in page
    assert ["Hide it" in page, "Send privately" in page, "Send as it is" in page] == [True, True, True]
    assert send(world, ticket, LEAK, fix="hide").status_code == 302
    assert texts() == ["Ana, your order number ••••456 has left the house."]
    assert GuardRaise.objects.get().answer == "changed"
    assert send(world, ticket, LEAK + " Again.", fix="move").status_code == 302
    assert Delivery.objects.order_by("-id")[0].visibility == "private"
    assert texts()[-1] == LEAK + " Again."


def test_notes_and_calls_are_not_asked_about(world: World, ticket: Ticket) -> None:
    for mode in ("note", "call"):
        assert send(world, ticket, LEAK, mode).status_code == 302
    assert not GuardRaise.objects.exists()


def test_past_a_deadline_only_private_data_speaks_up(world: World, ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(next_due_at=timezone.now() - dt.timedelta(minutes=1))
    assert "order number will show" in send(world, ticket, LEAK).content.decode()
    assert send(world, ticket, DULL).status_code == 302


def test_a_guard_that_is_turned_down_is_silent_and_private_data_is_not(world: World, ticket: Ticket) -> None:
    desk = world.desk(world.manager)
    desk.post("/desk/guards/", {"guard": "specific", "on": "0"})
    desk.post("/desk/guards/", {"guard": "private", "on": "0"})
    assert Brand.objects.get(pk=world.brand.pk).quiet_guards == ["specific"]
    assert send(world, ticket, DULL).status_code == 302
    assert send(world, ticket, LEAK).status_code == 200
    desk.post("/desk/guards/", {"guard": "specific", "on": "1"})
    assert Brand.objects.get(pk=world.brand.pk).quiet_guards == []


def test_how_often_each_was_sent_past(world: World, ticket: Ticket) -> None:
    for number in range(3):
        send(world, ticket, f"{DULL} {'!' * number}")
        send(world, ticket, f"{DULL} {'!' * number}", **({"anyway": "1"} if number < 2 else {"fix": ""}))
    report = {one.guard: one for one in guarding.report(world.brand, timezone.now())}
    assert (report["specific"].raised, report["specific"].anyway) == (3, 2)
    assert report["temper"].raised == 0
    page = world.desk(world.manager).get("/desk/guards/").content.decode()
    assert "100 % were sent as they were" in page


def test_by_api(world: World, ticket: Ticket) -> None:
    api = world.api(world.agent)
    answer = api.post(f"/api/v1/tickets/{ticket.pk}/check/", {"text": LEAK, "visibility": "public"}, format="json")
    found = answer.json()
    assert [(one["guard"], one["places"]) for one in found] == [("private", [[23, 31]])]
    assert found[0]["hidden"] == "Ana, your order number ••••456 has left the house."
    assert (
        api.post(f"/api/v1/tickets/{ticket.pk}/check/", {"text": LEAK, "visibility": "private"}, format="json").json()
        == []
    )
    sent = api.post(f"/api/v1/tickets/{ticket.pk}/replies/", {"text": LEAK, "visibility": "public"}, format="json")
    assert sent.status_code == 202, "a machine has no second thoughts: it asks first if it wants to"
    assert not GuardRaise.objects.exists()


def test_the_queries_of_a_check(world: World, ticket: Ticket, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        heard(world, "Bo", world.brand, who=f"bo{number}")
    row = Ticket.objects.with_people().get(pk=ticket.pk)
    with django_assert_max_num_queries(4):
        guarding.check(row, DULL, "public", timezone.now())


class TestWhatCustomersPost:
    def test_private_data_that_anybody_can_read_is_pointed_out_and_asked_to_be_deleted(self, world: World) -> None:
        ticket = heard(world, "Ana", world.brand, who="ana").ticket
        Message.objects.filter(ticket=ticket).update(text="Call me on +46 70 555 01 42, order NW-00-771")
        desk = world.desk(world.agent)
        page = desk.get(f"/desk/tickets/{ticket.pk}/").content.decode()
        assert "anybody can read it there" in page
        assert "Hide it there" not in page, "that platform hides nothing"
        page = desk.get(f"/desk/tickets/{ticket.pk}/?ask=delete").content.decode()
        assert "Ana, others can read your private data" in page
        Message.objects.filter(ticket=ticket).update(visibility="private")
        assert "anybody can read it there" not in desk.get(f"/desk/tickets/{ticket.pk}/").content.decode()

    def test_a_comment_on_our_own_blog_is_hidden_in_one_tap(self, world: World) -> None:
        message = heard(world, "Ana", world.brand, who="ana")
        Message.objects.filter(pk=message.pk).update(text="Call me on +46 70 555 01 42")
        Account.objects.filter(brand=world.brand).update(settings={"shown_as": "blog"})
        ledger.say(world.channel().account.pk, "key", "ana", "Call me", timezone.now())
        Mention.objects.filter(message=message).update(reference={"key": "key"})
        desk = world.desk(world.agent)
        assert "Hide it there" in desk.get(f"/desk/tickets/{message.ticket_id}/").content.decode()
        body = {"message": message.pk, "action": "hide"}
        assert desk.post(f"/desk/tickets/{message.ticket_id}/moderate/", body).status_code == 302
        delivery.deliver(Delivery.objects.get().pk)
        assert DemoPost.objects.get(key="key").about["held"] is True
        page = desk.get(f"/desk/tickets/{message.ticket_id}/").content.decode()
        assert "Hide it there" not in page
        assert Ticket.objects.get(pk=message.ticket_id).is_open
