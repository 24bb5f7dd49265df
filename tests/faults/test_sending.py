"""Faults while sending: at most once, and where nobody can tell, a person decides."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from helpdesk import erasing
from helpdesk.models import Delivery, DeliveryPart, Event, Message, Notice, Ticket
from mentions import polling
from mentions.models import Mention
from tests.fakes import faults as fault
from tests.faults.conftest import Stage, until
from tests.processes import Background, background

pytestmark = pytest.mark.django_db(transaction=True)

PUT, CHAT = "com.atproto.repo.putRecord", "chat.bsky.convo.sendMessage"


@pytest.fixture
def asked(stage: Stage, workers: Background) -> Stage:
    """Ana has asked, and it is a ticket."""
    stage.mention("where is my train?")
    stage.heard(1)
    return stage


def test_03_killed_after_the_platform_accepted(asked: Stage, workers: Background) -> None:
    barrier = asked.network.pause_after(PUT)
    sent = asked.reply("On platform 4.")
    assert barrier.reached(20)
    workers.kill(workers.processes[0])
    barrier.release()
    workers.worker(name="two")
    asked.settled(sent)
    assert asked.sent() == ["On platform 4."]
    assert sum(write.changed for write in asked.network.writes) == 1
    asked.judge(1)


def test_03_killed_after_a_private_message_was_accepted(asked: Stage, workers: Background) -> None:
    barrier = asked.network.pause_after(CHAT)
    sent = asked.reply("Your booking number?", "private")
    assert barrier.reached(20)
    workers.kill(workers.processes[0])
    barrier.release()
    workers.worker(name="two")
    asked.settled(sent)
    assert len(asked.network.messages_from(asked.us)) == 1
    assert not Event.objects.filter(code="delivery.unknown").exists(), "it is looked for before anybody is asked"
    asked.judge(1)


def test_04_killed_before_the_request(asked: Stage, workers: Background) -> None:
    barrier = asked.network.pause_before(PUT)
    sent = asked.reply("On platform 4.")
    assert barrier.reached(20)
    workers.kill(workers.processes[0])
    asked.network.stop()
    asked.network.clear()
    asked.network.start()
    workers.worker(name="two")
    asked.settled(sent)
    assert asked.sent() == ["On platform 4."]
    asked.judge(1)


def test_04_killed_before_a_private_message_left_nobody_knows(asked: Stage, workers: Background) -> None:
    barrier = asked.network.pause_before(CHAT)
    sent = asked.reply("Your booking number?", "private")
    assert barrier.reached(20)
    workers.kill(workers.processes[0])
    asked.network.stop()
    asked.network.clear()
    asked.network.start()
    workers.worker(name="two")
    asked.settled(sent, "unknown")
    assert asked.network.messages_from(asked.us) == []
    assert Notice.objects.filter(code="delivery.unknown", settled_at=None).count() == 1
    agent, lead = asked.world.api(asked.world.agent), asked.world.api(asked.world.lead)
    path = f"/api/v1/deliveries/{sent.pk}/decide/"
    assert agent.post(path, {"decision": "again"}, format="json").status_code == 403
    assert lead.post(path, {"decision": "again"}, format="json").status_code == 200
    asked.settled(sent)
    assert [message.text for message in asked.network.messages_from(asked.us)] == ["Your booking number?"]
    assert Notice.objects.filter(settled_at=None).count() == 0
    asked.judge(1)


@pytest.mark.parametrize(
    "action", [fault.ResetAfter(), fault.HangAfter(5), fault.Truncated(), fault.Status(502, perform=True)], ids=str
)
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_05_the_answer_is_lost(asked: Stage, action: fault.Action, visibility: str) -> None:
    asked.network.fault(PUT if visibility == "public" else CHAT, action)
    sent = asked.settled(asked.reply("One answer.", visibility))
    assert sent.state == "sent"
    texts = asked.sent() + [message.text for message in asked.network.messages_from(asked.us)]
    assert texts == ["One answer."]
    asked.judge(1)


@pytest.mark.parametrize("action", [fault.ResetBefore(), fault.Hang(5), fault.Status(503)], ids=str)
def test_05_the_request_is_lost(asked: Stage, action: fault.Action) -> None:
    asked.network.fault(PUT, action)
    asked.settled(asked.reply("One answer."))
    assert asked.sent() == ["One answer."]
    asked.network.fault(CHAT, action)
    unsure = asked.settled(asked.reply("And in private.", "private"), "unknown")
    assert asked.network.messages_from(asked.us) == []
    assert unsure.state == "unknown"


def test_06_asked_to_stop_while_sending(asked: Stage, workers: Background) -> None:
    barrier = asked.network.pause_after(PUT)
    sent = asked.reply("On platform 4.")
    assert barrier.reached(20)
    workers.kill(workers.processes[0], signal.SIGTERM, group=False)
    barrier.release()
    workers.processes[0].wait(30)
    workers.worker(name="two")
    asked.settled(sent)
    assert asked.sent() == ["On platform 4."]
    asked.judge(1)


def test_06_killed_between_two_parts(asked: Stage, workers: Background) -> None:
    text = " ".join(f"Sentence number {n} explains a little more." for n in range(12))
    barrier = asked.network.pause_after(PUT)
    sent = asked.reply(text)
    assert barrier.reached(20)
    workers.kill(workers.processes[0])
    barrier.release()
    workers.worker(name="two")
    asked.settled(sent)
    assert " ".join(sorted(asked.sent(), key=text.index)) == text
    asked.judge(1)


@pytest.mark.redis
def test_08_redis_is_flushed_with_500_rows_due(asked: Stage, workers: Background) -> None:
    import redis

    for number in range(19):
        asked.network.post(asked.network.add_account(f"person{number}.test"), "and mine?", mention=[asked.us])
    asked.heard(20)
    workers.kill(workers.processes[0])
    tickets = list(Ticket.objects.all())
    sent = [asked.reply(f"Answer number {number}.", ticket=tickets[number % 20]) for number in range(500)]
    redis.Redis.from_url(workers.env["REDIS_URL"]).flushall()
    workers.worker(name="two")
    until(lambda: len(asked.sent()) == 500, 240, lambda: f"{len(asked.sent())} of 500 sent")
    for delivery in sent:
        asked.settled(delivery, seconds=60)
    assert len(asked.sent()) == 500
    asked.judge(20)


def test_24_double_click_and_retry_with_one_key(asked: Stage) -> None:
    ticket = Ticket.objects.get()
    api = asked.world.api(asked.world.agent)
    body = {"text": "Only once.", "visibility": "public"}

    def click(_: int) -> int:
        try:
            answer = api.post(
                f"/api/v1/tickets/{ticket.pk}/replies/", body, format="json", headers={"Idempotency-Key": "one"}
            )
            return int(answer.json()["id"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(click, range(8)))
    assert len(ids) == 1
    other = api.post(
        f"/api/v1/tickets/{ticket.pk}/replies/",
        {**body, "text": "Other"},
        format="json",
        headers={"Idempotency-Key": "one"},
    )
    assert other.status_code == 422
    asked.settled(Delivery.objects.get())
    assert asked.sent() == ["Only once."]
    assert DeliveryPart.objects.count() == 1
    asked.judge(1)


def test_24_the_same_form_sent_twice(asked: Stage) -> None:
    """A double click that outruns the script that greys the button out; other words from the same page do count."""
    ticket = Ticket.objects.get()
    desk = asked.world.desk(asked.world.agent)
    page = desk.get(f"/desk/tickets/{ticket.pk}/").content.decode()
    once, seen = (page.split(f'name="{name}"')[1].split('value="')[1].split('"')[0] for name in ("once", "seen"))

    def click(number: int) -> int:
        try:
            body = {"text": "Only once.", "mode": "public", "once": once, "seen": str(int(seen) + number)}
            return int(desk.post(f"/desk/tickets/{ticket.pk}/answer/", body).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {302}
    asked.settled(Delivery.objects.get())
    desk.post(f"/desk/tickets/{ticket.pk}/answer/", {"text": "And this.", "mode": "public", "once": once})
    asked.settled(Delivery.objects.order_by("-id")[0])
    assert asked.sent() == ["Only once.", "And this."]


@pytest.mark.parametrize("how", ["deleted", "erased"])
def test_27_the_customer_goes_while_an_answer_is_queued(stage: Stage, how: str) -> None:
    post = stage.mention("my number is 7731")
    polling.poll(stage.source.pk, forced=True)
    sent = stage.reply("It is 7731, thank you.")
    if how == "deleted":
        stage.network.delete(post)
        Mention.objects.update(check_at="2020-01-01T00:00Z")
        polling.poll(stage.source.pk, forced=True)
    else:
        erasing.erase(sent.ticket.customer_id, stage.world.owner)
    with background(tick=1):
        stage.mention("somebody is heard meanwhile")
        until(lambda: Mention.objects.filter(message__text__contains="meanwhile").exists(), 40)
        time.sleep(3)
    assert stage.sent() == []
    sent.refresh_from_db()
    assert sent.state == {"deleted": "failed", "erased": "cancelled"}[how]
    assert not Message.objects.filter(kind="inbound", text__contains="7731").exists()
