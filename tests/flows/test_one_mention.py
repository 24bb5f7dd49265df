"""The main job on a network with the platform's rules: heard, answered, on the network once, and followed."""

from __future__ import annotations

import pytest

from helpdesk.models import Delivery, DeliveryPart, Message, MessageVersion, Notice, Ticket
from mentions import delivery, polling
from mentions.models import Account, Mention, Payload, Source
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

pytestmark = pytest.mark.django_db


def answer(world: World, ticket: Ticket, text: str, visibility: str = "public") -> Delivery:
    response = world.api(world.agent).post(
        f"/api/v1/tickets/{ticket.pk}/replies/", {"text": text, "visibility": visibility}, format="json"
    )
    assert response.status_code == 202, response.content
    sent = Delivery.objects.get(pk=response.json()["id"])
    delivery.deliver(sent.pk)
    sent.refresh_from_db()
    return sent


def test_a_mention_is_heard_answered_once_and_threaded(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test", followers=1240)
    asked = bluesky.post(ana, "@northwind.test my train never came and nobody answers", mention=[us])

    assert polling.poll(source.pk, forced=True)["new"] == 1
    ticket = Ticket.objects.get()
    assert (ticket.state, ticket.intent, ticket.reach, ticket.platform) == ("new", "complaint", 1240, "bluesky")

    sent = answer(world, ticket, "Sorry, Ana! @ana.test see https://help.example/late #delay")
    assert sent.state == "sent"
    ours = bluesky.posts_by(us)
    assert len(ours) == 1
    record = ours[0].record
    assert record["reply"]["root"]["uri"] == record["reply"]["parent"]["uri"] == asked
    assert {facet["features"][0]["$type"].split("#")[1] for facet in record["facets"]} == {"mention", "link", "tag"}
    ticket.refresh_from_db()
    assert ticket.state == "waiting"
    assert ticket.answered_at is not None
    assert ticket.due_at is None
    part = DeliveryPart.objects.get()
    assert "Sorry" not in str(part.payload), "a sent part keeps no words"

    bluesky.post(ana, "Thanks, but the next one is late too", reply_to=ours[0].uri)
    polling.poll(source.pk, forced=True)
    ticket.refresh_from_db()
    assert (Ticket.objects.count(), ticket.inbound_count, ticket.state) == (1, 2, "open")
    assert ticket.due_at is not None


def test_a_long_answer_goes_out_as_a_thread_of_parts(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    bluesky.post(ana, "what happened?", mention=[us])
    polling.poll(source.pk, forced=True)
    text = " ".join(f"Sentence number {n} explains a little more." for n in range(18))
    assert answer(world, Ticket.objects.get(), text).state == "sent"
    posts = sorted(bluesky.posts_by(us), key=lambda record: record.seq)
    assert len(posts) == 3
    assert [post.record["reply"]["parent"]["uri"] for post in posts[1:]] == [post.uri for post in posts[:-1]]
    assert " ".join(post.record["text"] for post in posts) == text


def test_edits_and_deletions_are_followed(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    uri = bluesky.post(ana, "@northwind.test my trian is late", mention=[us])
    polling.poll(source.pk, forced=True)
    message = Message.objects.get(kind="inbound")

    bluesky.edit(uri, "@northwind.test my train is late")
    Mention.objects.update(check_at="2020-01-01T00:00Z")
    assert polling.poll(source.pk, forced=True)["edited"] == 1
    message.refresh_from_db()
    assert message.text.endswith("my train is late")
    assert MessageVersion.objects.get(message=message).text.endswith("my trian is late")

    bluesky.delete(uri)
    Mention.objects.update(check_at="2020-01-01T00:00Z")
    assert polling.poll(source.pk, forced=True)["deleted"] == 1
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert (message.text, MessageVersion.objects.get().text, Payload.objects.count()) == ("", "", 0)


def test_a_wrong_password_pauses_tells_once_and_recovers(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    bluesky.set_app_password(us, "new-pass-word-here", revoke_sessions=True)
    bluesky.post(ana, "anybody there?", mention=[us])
    for _ in range(3):
        polling.poll(source.pk, forced=True)
    assert Account.objects.get().state == "reconnect"
    assert Notice.objects.filter(settled_at=None).count() == 1
    api = world.api(world.manager)
    assert "reconnection" in api.get("/api/v1/notices/").json()["results"][0]["text"]
    assert api.get(f"/api/v1/sources/{source.pk}/").json()["health"]["code"] == "reconnect"
    assert world.api(world.agent).get("/api/v1/notices/").json()["results"] == []

    wrong = api.patch(f"/api/v1/sources/{source.pk}/", {"settings": {"app_password": "still-wrong"}}, format="json")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "settings.app_password")
    right = api.patch(
        f"/api/v1/sources/{source.pk}/", {"settings": {"app_password": "new-pass-word-here"}}, format="json"
    )
    assert right.status_code == 200, right.content
    assert Notice.objects.filter(settled_at=None).count() == 0
    assert polling.poll(source.pk)["new"] == 1
    assert Source.objects.get().failures == 0


def test_private_answers_go_by_direct_message(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    direct = listen(world, bluesky, stream="direct")
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test", followers=3)
    bluesky.post(ana, "my refund?", mention=[us])
    polling.poll(source.pk, forced=True)
    ticket = Ticket.objects.get()
    assert answer(world, ticket, "Send me the booking number?", "private").state == "sent"
    assert [m.text for m in bluesky.messages_from(us)] == ["Send me the booking number?"]
    bluesky.direct(ana, us, "NW-00-771")
    counts = polling.poll(direct.pk, forced=True)
    assert counts["new"] == 2, counts
    ticket.refresh_from_db()
    assert (Ticket.objects.count(), ticket.inbound_count) == (1, 2)
    assert Message.objects.filter(kind="reply").count() == 1, "our own message is known, not stored twice"


def test_a_like_answers_nothing(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    bluesky.post(ana, "lovely crew today", mention=[us])
    polling.poll(source.pk, forced=True)
    ticket = Ticket.objects.get()
    response = world.api(world.agent).post(f"/api/v1/tickets/{ticket.pk}/acknowledge/")
    delivery.deliver(response.json()["id"])
    assert len(bluesky.likes_by(us)) == 1
    ticket.refresh_from_db()
    assert (ticket.answered_at, ticket.state) == (None, "open")
    assert world.api(world.agent).post(f"/api/v1/tickets/{ticket.pk}/acknowledge/").status_code == 409
