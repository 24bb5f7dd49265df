"""Sending at most once, to the right person: each rule of promise 3 and 7 on its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.utils import timezone

from helpdesk.models import Deadline, Delivery, DeliveryPart, Message, Notice, Ticket
from helpdesk.net import HttpClient
from helpdesk.workflow import replies
from helpdesk.workflow.verbs import Conflict
from mentions import accounts, delivery, polling, tasks
from mentions.models import Account, Mention
from mentions.platforms.base import PlatformError
from mentions.platforms.bluesky.connector import Bluesky
from tests.fakes import faults as fault
from tests.mentions.conftest import Heard
from tests.world import World, minutes

PUT = "com.atproto.repo.putRecord"

pytestmark = pytest.mark.django_db

LONG = " ".join(f"Sentence number {number} explains a little more." for number in range(12))


def orphaned(part: DeliveryPart) -> None:
    """As if the worker had died long ago."""
    DeliveryPart.objects.filter(pk=part.pk).update(lease_until=timezone.now() - minutes(5))


def sent_by_a_worker_that_died(sent: Delivery) -> None:
    claimed = delivery.claim(sent.pk)
    assert claimed is not None
    with HttpClient() as http:
        accounts.open_connector(claimed.account, http).send(claimed.part.payload or {})
    orphaned(claimed.part)


# --- to whom ---------------------------------------------------------------------------------------------------


def test_a_private_reply_goes_to_the_customer_whoever_spoke_last(heard: Heard) -> None:
    bo = heard.network.add_account("bo.test")
    heard.network.post(bo, "@northwind.test same here", reply_to=heard.uri, mention=[heard.us])
    heard.poll()
    assert Ticket.objects.get().customer.profiles.get().external_id == heard.ana
    sent = heard.reply("Ana, your booking number is 123", "private")
    assert (sent.parts.get().payload or {})["did"] == heard.ana
    public = heard.reply("Ana, it left at 8:12")
    assert (public.parts.get().payload or {})["record"]["reply"]["parent"]["uri"] == heard.uri


def test_a_like_refused_once_is_not_liked_twice(heard: Heard) -> None:
    first = replies.acknowledge(heard.ticket.pk, heard.world.agent)
    DeliveryPart.objects.update(state="failed")
    Delivery.objects.update(state="failed")
    replies.acknowledge(heard.ticket.pk, heard.world.agent)
    with pytest.raises(Conflict, match="another try"):
        replies.decide(first.pk, heard.world.lead, "again")


def test_nothing_goes_out_under_words_that_are_gone(heard: Heard) -> None:
    sent = heard.reply("You asked where it is")
    heard.network.delete(heard.uri)
    Mention.objects.update(check_at=timezone.now())
    heard.poll()
    delivery.deliver(sent.pk)
    sent.refresh_from_db()
    assert (sent.state, heard.network.posts_by(heard.us)) == ("failed", [])
    assert sent.parts.get().problem["code"] == "gone"
    assert Notice.objects.filter(code="delivery.failed").exists()


# --- at most once ----------------------------------------------------------------------------------------------


def test_an_orphan_waits_while_our_password_cannot_be_read(heard: Heard, settings: Any) -> None:
    sent = heard.reply("private words", "private")
    sent_by_a_worker_that_died(sent)
    good, settings.SEAL_KEYS = settings.SEAL_KEYS, [Fernet.generate_key().decode()]
    delivery.deliver(sent.pk)
    assert DeliveryPart.objects.get().state == "sending"
    settings.SEAL_KEYS = good
    Account.objects.update(state="fine", problem={})
    orphaned(sent.parts.get())
    delivery.deliver(sent.pk)
    assert DeliveryPart.objects.get().state == "sent"
    assert len(heard.network.messages_from(heard.us)) == 1


def test_an_orphan_is_looked_for_again_while_the_platform_is_away(heard: Heard) -> None:
    sent = heard.reply("private words", "private")
    sent_by_a_worker_that_died(sent)
    heard.network.fault("chat.bsky.convo.getMessages", fault.Status(502), 3)
    heard.network.fault("chat.bsky.convo.getConvoForMembers", fault.Status(502), 1)
    for _ in range(3):
        delivery.deliver(sent.pk)
        assert DeliveryPart.objects.get().state == "sending"
        orphaned(sent.parts.get())
    for _ in range(3):
        delivery.deliver(sent.pk)
        if DeliveryPart.objects.get().state == "sent":
            break
        orphaned(sent.parts.get())
    assert DeliveryPart.objects.get().state == "sent"
    assert len(heard.network.messages_from(heard.us)) == 1


def test_the_same_words_as_before_prove_nothing(heard: Heard) -> None:
    delivery.deliver(heard.reply("Thanks!", "private").pk)
    second = heard.reply("Thanks!", "private")
    claimed = delivery.claim(second.pk)  # its worker dies before the request
    assert claimed is not None
    orphaned(claimed.part)
    delivery.deliver(second.pk)
    second.refresh_from_db()
    assert second.state == "unknown"


@pytest.mark.parametrize("method", ["chat.bsky.convo.getConvoForMembers", "com.atproto.server.refreshSession"])
def test_an_outage_before_the_message_left_is_no_doubt(heard: Heard, method: str) -> None:
    if "refresh" in method:
        heard.network.expire_access_tokens(heard.us)
    sent = heard.reply("hello", "private")
    heard.network.fault(method, fault.Status(502), 3)
    delivery.deliver(sent.pk)
    sent.refresh_from_db()
    assert sent.state == "queued"


def test_our_private_message_heard_before_it_was_settled_is_one_message(heard: Heard) -> None:
    direct = heard.also_listen("direct")
    heard.network.direct(heard.ana, heard.us, "hello in private")
    polling.poll(direct.pk, forced=True)
    ticket = Message.objects.get(text="hello in private").ticket
    sent = replies.reply(ticket.pk, heard.world.agent, "our private answer", "private")
    claimed = delivery.claim(sent.pk)
    assert claimed is not None
    with HttpClient() as http:
        proof = accounts.open_connector(claimed.account, http).send(claimed.part.payload or {})
    polling.poll(direct.pk, forced=True)  # the ear is quicker
    delivery.settle(claimed, "sent", proof)
    assert Message.objects.filter(text="our private answer").count() == 1
    assert Mention.objects.filter(message__text="our private answer").count() == 1


# --- what becomes of a failed try ------------------------------------------------------------------------------

E = PlatformError
OUTCOMES = [
    # error, orphan, resendable, attempts -> state
    (E("unavailable", maybe_done=True), False, False, 1, "unknown"),
    (E("unavailable", maybe_done=True), False, True, 1, "queued"),
    (E("unavailable", maybe_done=True), False, True, 10, "queued"),
    (E("unavailable"), False, False, 1, "queued"),
    (E("unavailable"), False, False, 10, "queued"),
    (E("unavailable"), True, False, 1, "sending"),
    (E("unavailable"), True, False, 10, "unknown"),
    (E("unavailable"), True, True, 10, "queued"),
    (E("seal", permanent=True), True, False, 1, "sending"),
    (E("credentials", permanent=True), False, False, 1, "queued"),
    (E("credentials", permanent=True), False, False, 30, "queued"),
    (E("throttled"), False, False, 30, "queued"),
    (E("refused", permanent=True), False, False, 1, "failed"),
    (E("refused", permanent=True), False, True, 1, "failed"),
    (E("bug", maybe_done=True), False, True, 3, "queued"),
    (E("bug", maybe_done=True), False, False, 3, "unknown"),
]


@pytest.mark.parametrize(("error", "orphan", "resendable", "attempts", "state"), OUTCOMES)
def test_the_table_of_outcomes(error: E, orphan: bool, resendable: bool, attempts: int, state: str) -> None:
    assert delivery.outcome(error, orphan=orphan, resendable=resendable, attempts=attempts) == state


def test_what_can_be_sent_again_is_given_up_after_a_day() -> None:
    error, day = E("unavailable", maybe_done=True), dt.timedelta(hours=25)
    assert delivery.outcome(error, orphan=False, resendable=True, attempts=300, age=day) == "unknown"


def test_a_connector_that_stumbles_is_given_up_and_told(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(self: Bluesky, payload: Any) -> Any:
        raise KeyError("boom")

    monkeypatch.setattr(Bluesky, "send", stumble)
    sent = heard.reply("hello")
    for _ in range(delivery.MOST_ATTEMPTS):
        DeliveryPart.objects.update(send_after=timezone.now())
        delivery.deliver(sent.pk)
    part = DeliveryPart.objects.get()
    assert (part.state, part.attempts) == ("unknown", delivery.MOST_ATTEMPTS)
    assert Notice.objects.filter(code="delivery.unknown").exists()


def test_one_row_s_trouble_is_not_its_neighbours(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [heard.reply(f"hello {number}") for number in range(8)]
    deliver = delivery.deliver

    def trip(delivery_id: int) -> dict[str, int]:
        if delivery_id == sent[0].pk:
            raise ZeroDivisionError
        return deliver(delivery_id)

    monkeypatch.setattr(delivery, "deliver", trip)
    tasks.deliver_due()
    assert Delivery.objects.filter(state="sent").count() == 7


@pytest.mark.parametrize("body", [b'{"error":["x"]}', b"[]", b'{"error":{"a":1},"message":7}', b"<html>", b""])
def test_an_odd_refusal_is_a_refusal(heard: Heard, body: bytes) -> None:
    sent = heard.reply("hello")
    heard.network.always("com.atproto.repo.putRecord", fault.Status(400, body))
    delivery.deliver(sent.pk)
    sent.refresh_from_db()
    assert sent.state == "failed"


def test_what_a_person_saw_is_looked_up_before_the_next_part_goes(heard: Heard) -> None:
    sent = heard.reply(LONG)
    first = sent.parts.get(position=0)
    sent_by_a_worker_that_died(sent)
    DeliveryPart.objects.filter(pk=first.pk).update(state="unknown")
    Delivery.objects.filter(pk=sent.pk).update(state="unknown")
    replies.decide(sent.pk, heard.world.lead, "sent")
    delivery.deliver(sent.pk)
    sent.refresh_from_db()
    assert sent.state == "sent"
    posts = heard.network.posts_by(heard.us)
    assert posts[1].record["reply"]["parent"]["uri"] == posts[0].uri


def test_what_a_person_thought_to_see_ends_in_words(heard: Heard) -> None:
    sent = heard.reply(LONG)
    DeliveryPart.objects.filter(delivery=sent, position=0).update(state="unknown")
    Delivery.objects.filter(pk=sent.pk).update(state="unknown")
    replies.decide(sent.pk, heard.world.lead, "sent")
    delivery.deliver(sent.pk)
    part = sent.parts.get(position=1)
    assert (part.state, part.problem["code"]) == ("failed", "gone")


# --- deadlines -------------------------------------------------------------------------------------------------


def test_an_answer_that_knew_nothing_of_the_latest_words_leaves_the_next_one_due(heard: Heard) -> None:
    sent = heard.reply("first answer")
    heard.network.post(heard.ana, "@northwind.test and another thing!", reply_to=heard.uri, mention=[heard.us])
    heard.poll()
    delivery.deliver(sent.pk)
    ticket = heard.ticket
    assert ticket.state == "open"
    assert ticket.due_at is not None
    assert set(Deadline.objects.filter(met_at=None).values_list("kind", flat=True)) == {"next_response"}


def test_a_deadline_is_met_when_the_answer_arrives_not_when_it_is_written(heard: Heard) -> None:
    sent = heard.reply("first answer")
    with time_machine.travel(timezone.now() + dt.timedelta(hours=6), tick=True):
        delivery.deliver(sent.pk)
    deadline = Deadline.objects.get()
    assert deadline.met_at is not None
    assert deadline.met_at > deadline.due_at


def test_our_own_post_made_elsewhere_is_an_answer(heard: Heard) -> None:
    heard.network.post(heard.us, "Platform 4", reply_to=heard.uri)
    polling.poll(heard.also_listen("search", "Platform").pk, forced=True)
    ticket = heard.ticket
    assert (ticket.state, ticket.due_at) == ("waiting", None)
    assert ticket.answered_at is not None


def test_a_delivery_that_waits_is_not_due_for_the_sake_of_its_next_part(heard: Heard) -> None:
    sent = heard.reply(LONG)
    assert delivery.due_deliveries(timezone.now()) == [sent.pk]
    DeliveryPart.objects.filter(delivery=sent, position=0).update(send_after=timezone.now() + minutes(5))
    assert delivery.due_deliveries(timezone.now()) == []


def test_one_account_s_throttle_holds_all_its_replies_and_costs_no_try(heard: Heard) -> None:
    first, second = heard.reply("One."), heard.reply("Two.")
    heard.network.fault(PUT, fault.retry_after(60))
    delivery.deliver(first.pk)
    part = first.parts.get()
    assert (part.state, part.attempts) == ("queued", 0)
    assert delivery.due_deliveries(timezone.now()) == []
    assert delivery.deliver(second.pk) == {}
    assert len([request for request in heard.network.requests if request.method == PUT]) == 1
    later = timezone.now() + dt.timedelta(seconds=90)
    assert set(delivery.due_deliveries(later)) == {first.pk, second.pk}


def test_what_was_certainly_not_taken_is_given_up_after_a_day() -> None:
    """Greylisting, a mail server that is restarted: minutes, an hour."""
    hour, day = dt.timedelta(hours=1), dt.timedelta(hours=25)
    for age, state in ((hour, "queued"), (day, "failed")):
        assert delivery.outcome(E("unavailable"), orphan=False, resendable=False, attempts=30, age=age) == state


def test_a_part_of_unknown_fate_is_looked_for_again_and_settles_by_itself(heard: Heard) -> None:
    sent = heard.reply("On its way.")
    part = sent.parts.get()
    now = timezone.now()
    DeliveryPart.objects.filter(pk=part.pk).update(state="unknown", lease_until=now, problem={"code": "unsure"})
    Delivery.objects.filter(pk=sent.pk).update(state="unknown")
    assert delivery.due_looks(now) == [part.pk]
    assert delivery.look_again(part.pk) == "unknown", "it is not there"
    part.refresh_from_db()
    assert part.lease_until is not None
    assert part.lease_until > now
    assert delivery.look_again(part.pk) == "", "it is not time yet"
    other = accounts.open_connector(Account.objects.get())
    other.send(part.payload or {})  # it shows late
    DeliveryPart.objects.filter(pk=part.pk).update(lease_until=now)
    assert delivery.look_again(part.pk) == "sent"
    sent.refresh_from_db()
    assert sent.state == "sent"
    assert delivery.due_looks(now + minutes(600)) == []


def test_a_part_is_looked_for_a_few_times_and_then_left_to_people(heard: Heard) -> None:
    part = heard.reply("On its way.").parts.get()
    rows = DeliveryPart.objects.filter(pk=part.pk)
    rows.update(state="unknown", lease_until=timezone.now(), problem={"code": "unsure"})
    looks = 0
    while rows.exclude(lease_until=None).exists():
        rows.update(lease_until=timezone.now())
        delivery.look_again(part.pk)
        looks += 1
    assert looks == len(delivery.LOOKS)


def test_a_limit_on_private_answers_holds_no_public_one(world: World, heard: Heard) -> None:
    account = Account.objects.get()
    later = timezone.now() + minutes(15)
    Account.objects.filter(pk=account.pk).update(private_throttled_until=later)
    public, private = heard.reply("One."), heard.reply("Two.", "private")
    assert delivery.due_deliveries(timezone.now()) == [public.pk]
    assert delivery.claim(private.pk) is None
    assert set(delivery.due_deliveries(later + minutes(1))) == {public.pk, private.pk}
    page = world.desk(world.agent).get(f"/desk/tickets/{heard.ticket.pk}/").content.decode()
    assert page.count("asked us to slow down") == 1, "beside the one that waits"


def test_a_part_that_waited_for_days_is_given_its_tries() -> None:
    error, long = E("unavailable"), dt.timedelta(days=3)
    assert delivery.outcome(error, orphan=False, resendable=True, attempts=1, age=long) == "queued"
