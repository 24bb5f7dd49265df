"""What becomes of items we know, and the replies that no notification tells of."""

from __future__ import annotations

import pytest
from django.utils import timezone

from helpdesk.models import Message, Profile, Ticket
from mentions import delivery, following, polling
from mentions.models import Mention, Quarantine, Source
from mentions.platforms.bluesky.connector import Bluesky
from tests.fakes import faults as fault
from tests.mentions.conftest import PASSWORD, Heard

pytestmark = pytest.mark.django_db

POSTS, THREAD = "app.bsky.feed.getPosts", "app.bsky.feed.getPostThread"


def look_again(heard: Heard) -> None:
    Mention.objects.update(check_at=timezone.now())
    heard.poll()


def test_a_reply_the_index_missed_is_found_beneath_ours(heard: Heard) -> None:
    sent = heard.reply("Which order?")
    delivery.deliver(sent.pk)
    ours = sent.parts.get().external_id
    bob = heard.network.add_account("bob.test")
    heard.network.post(heard.ana, "It is 4711.", reply_to=ours)
    heard.network.post(bob, "Mine too!", reply_to=ours)
    heard.network.drop_notifications(heard.us)
    look_again(heard)
    texts = heard.ticket.messages.filter(kind="inbound").values_list("text", flat=True)
    assert {"It is 4711.", "Mine too!"} <= set(texts)
    assert Ticket.objects.count() == 1


def test_a_customer_who_goes_on_beneath_their_own_post_is_heard(heard: Heard) -> None:
    heard.network.post(heard.ana, "And it was raining.", reply_to=heard.uri)
    heard.network.post(heard.network.add_account("bob.test"), "Same here.", reply_to=heard.uri)
    heard.network.drop_notifications(heard.us)
    look_again(heard)
    texts = set(Message.objects.values_list("text", flat=True))
    assert "And it was raining." in texts
    assert "Same here." not in texts, "what others say beneath a customer's post is not said to us"


def test_an_answer_by_the_platform_s_own_app_answers_the_ticket(heard: Heard) -> None:
    heard.network.post(heard.us, "Sorry, it runs again at noon.", reply_to=heard.uri)
    look_again(heard)
    message = Message.objects.get(kind="reply")
    assert (message.ticket, message.author) == (heard.ticket, None)
    assert heard.ticket.state == "waiting"
    look_again(heard)
    assert Message.objects.filter(kind="reply").count() == 1


def test_beneath_is_read_only_where_the_count_has_grown(heard: Heard) -> None:
    heard.network.post(heard.ana, "And it was raining.", reply_to=heard.uri)
    for _ in range(3):
        look_again(heard)
    asked = [request for request in heard.network.requests if request.method.endswith("getPostThread")]
    assert len(asked) == 1


def test_a_reply_of_ours_that_is_not_indexed_yet_is_not_gone(heard: Heard) -> None:
    sent = heard.reply("Which order?")
    delivery.deliver(sent.pk)
    heard.network.fault("app.bsky.feed.getPosts", fault.Body(b'{"posts":[]}'))
    heard.network.fault("app.bsky.feed.getPostThread", fault.Status(400, {"error": "NotFound"}), times=2)
    Mention.objects.exclude(seen_at=None).update(check_at=None)
    heard.poll()
    assert Message.objects.get(kind="reply").text == "Which order?"


def test_what_we_said_in_private_is_not_looked_for_in_public(heard: Heard) -> None:
    sent = heard.reply("Your booking?", "private")
    delivery.deliver(sent.pk)
    assert sent.parts.get().state == "sent"
    assert Mention.objects.count() == 1


def test_a_thread_of_one_s_own_is_heard_in_one_look(heard: Heard) -> None:
    above = heard.uri
    for number in range(2, 6):
        above = heard.network.post(heard.ana, f"{number}/5", reply_to=above)
    heard.network.drop_notifications(heard.us)
    look_again(heard)
    assert heard.ticket.inbound_count == 5


def test_pictures_and_quotes_are_not_empty(heard: Heard) -> None:
    quote = heard.network.post(heard.ana, "", quote=heard.uri)
    view = {
        "uri": quote,
        "cid": "c",
        "author": {"did": heard.ana},
        "indexedAt": timezone.now().isoformat(),
        "record": {"text": "", "embed": {"images": [{"alt": "a queue at the gate"}, {"alt": ""}]}},
    }
    post = Bluesky({}, {}, {})._post(view)
    assert post is not None
    assert post.text.split("\n")[1:] == ["[Picture: a queue at the gate]", "[Picture]"]


def test_a_reply_of_ours_deleted_on_the_platform_is_shown_as_gone(heard: Heard) -> None:
    sent = heard.reply("Which order?")
    delivery.deliver(sent.pk)
    look_again(heard)
    heard.network.delete(sent.parts.get().external_id)
    look_again(heard)
    message = Message.objects.get(kind="reply")
    assert (message.text, bool(message.deleted_at)) == ("", True)


# --- what goes wrong with one item, or takes too much ----------------------------------------------------------


@pytest.mark.parametrize("method", [POSTS, THREAD])
def test_an_item_that_cannot_be_looked_at_costs_neither_hearing_nor_the_others(heard: Heard, method: str) -> None:
    heard.network.post(heard.ana, "And it was raining.", reply_to=heard.uri)
    heard.network.always(method, fault.Status(502))
    for number in range(6):
        heard.network.post(heard.ana, f"number {number}", mention=[heard.us])
        look_again(heard)
    heard.source.refresh_from_db()
    assert (heard.source.failures, heard.source.problem) == (0, {})
    assert Mention.objects.count() == 7
    assert not Mention.objects.filter(check_at__lte=timezone.now()).exists(), "each waits for its next turn"
    heard.network.clear()
    look_again(heard)
    assert Message.objects.filter(text="And it was raining.").exists()


def test_looking_again_leaves_enough_of_the_hour_for_hearing(heard: Heard) -> None:
    for number in range(30):
        uri = heard.network.post(heard.ana, f"number {number}", mention=[heard.us])
        heard.network.post(heard.network.add_account(f"p{number}.test"), "lol", reply_to=uri)
    Source.objects.update(budget_per_hour=40, budget_used=0, rhythm_seconds=60)
    for _ in range(10):
        look_again(heard)
    heard.source.refresh_from_db()
    assert heard.source.budget_used < 40
    heard.source.refresh_from_db()
    assert heard.source.problem == {}


def test_no_pass_reads_beneath_more_than_a_handful(heard: Heard) -> None:
    for number in range(30):
        uri = heard.network.post(heard.ana, f"number {number}", mention=[heard.us])
        heard.network.post(heard.ana, f"more of {number}", reply_to=uri)
    heard.network.drop_notifications(heard.us)
    Mention.objects.update(check_at=None)
    heard.source.refresh_from_db()
    lease = polling.claim(heard.source.pk, forced=True)
    assert lease is not None
    asked = count(heard, THREAD)
    heard.poll()
    assert count(heard, THREAD) - asked <= following.MOST_READ


def count(heard: Heard, method: str) -> int:
    return sum(request.method == method for request in heard.network.requests)


def test_a_follow_up_deleted_and_written_again_is_heard(heard: Heard) -> None:
    first = heard.network.post(heard.ana, "It is 4711.", reply_to=heard.uri)
    heard.network.drop_notifications(heard.us)
    look_again(heard)
    heard.network.delete(first)
    heard.network.post(heard.ana, "It is 4712, sorry.", reply_to=heard.uri)
    heard.network.drop_notifications(heard.us)
    for _ in range(2):
        look_again(heard)
    assert Message.objects.filter(text="It is 4712, sorry.").exists()


@pytest.mark.parametrize(
    "answer", [fault.Status(404, {"error": "XRPCNotSupported"}), fault.Status(400, {"error": "InvalidRequest"})]
)
def test_only_not_found_is_gone(heard: Heard, answer: fault.Status) -> None:
    heard.network.always(POSTS, fault.Body(b'{"posts":[]}'))
    heard.network.always(THREAD, answer)
    look_again(heard)
    assert Message.objects.get().text, "another refusal says nothing about the post"


def test_an_edit_makes_nobody_smaller(heard: Heard) -> None:
    Profile.objects.filter(external_id=heard.ana).update(reach=250_000)
    heard.network.edit(heard.uri, "@northwind.test where is my train, please")
    look_again(heard)
    message = Message.objects.get()
    assert message.text.endswith("please")
    assert message.reach == 250_000
    assert heard.ticket.reach == 250_000
    shown = heard.world.api(heard.world.agent).get(f"/api/v1/messages/{message.pk}/").json()
    assert [version["text"] for version in shown["versions"]] == ["@northwind.test where is my train"]
    assert all(reason["words"] for reason in shown["reasons"])


def test_a_colleague_who_answers_from_another_account_of_ours_is_heard(heard: Heard) -> None:
    heard.network.add_account("news.test", app_password=PASSWORD)
    news = heard.also_listen("notifications", handle="news.test")
    heard.network.post(news.account.external_id, "It runs again at noon.", reply_to=heard.uri)
    look_again(heard)
    assert Message.objects.get(kind="reply").text == "It runs again at noon."
    assert heard.ticket.state == "waiting"


def test_what_could_not_be_read_beneath_can_be_retried(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    heard.network.post(heard.ana, "And it was raining.", reply_to=heard.uri)
    heard.network.drop_notifications(heard.us)
    with monkeypatch.context() as broken:
        read = Bluesky._post

        def stumble(self: Bluesky, view: object) -> object:
            if "raining" in str(view):
                raise ValueError("not today")
            return read(self, view)

        broken.setattr(Bluesky, "_post", stumble)
        look_again(heard)
    row = Quarantine.objects.get()
    heard.network.fault("app.bsky.actor.getProfiles", fault.Status(503))
    assert polling.retry_quarantined(row.pk)
    assert Message.objects.filter(text="And it was raining.").exists()
    heard.source.refresh_from_db()
    assert heard.source.lease_until is None


def test_an_id_that_is_no_uri_spoils_no_look(heard: Heard) -> None:
    Mention.objects.create(
        brand=heard.world.brand,
        account=heard.source.account,
        namespace="atproto",
        kind="post",
        external_id="convo/1",
        seen_at=timezone.now(),
    )
    heard.network.edit(heard.uri, "@northwind.test edited")
    look_again(heard)
    assert Message.objects.get().text.endswith("edited")
    assert Mention.objects.get(external_id="convo/1").deleted_at is None
