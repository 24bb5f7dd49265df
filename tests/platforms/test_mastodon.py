"""Mastodon keeps the contract, on a server of each kind, and what is its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Delivery, Message, Ticket
from mentions import accounts, connecting, delivery, polling
from mentions.models import Account, Mention, Source
from tests.fakes import faults as fault
from tests.fakes.mastodon import FakeMastodon
from tests.platforms.contract import ConnectorContract
from tests.world import World, connect

LIST, POST = "GET /api/v1/notifications", "POST /api/v1/statuses"
TOKEN = "northwind-token"


@dataclass
class MastodonStage:
    server: FakeMastodon
    source: Source
    us: str
    ana: str
    local: dict[str, str]

    def say(self, words: str) -> str:
        return self._said(self.server.post(self.ana, words, mention=[self.us]))

    def go_on(self, external_id: str, words: str) -> str:
        return self._said(self.server.post(self.ana, words, reply_to=self.local[external_id]))

    def _said(self, local_id: str) -> str:
        uri = self.server.uri(local_id)
        self.local[uri] = local_id
        return uri

    def edit(self, external_id: str, words: str) -> None:
        self.server.edit(self.local[external_id], words)

    def delete(self, external_id: str) -> None:
        self.server.delete(self.local[external_id])

    def malformed(self) -> None:
        self.server.raw_notification(self.us, {"type": "mention", "status": {"id": 7}})

    def throttle(self, seconds: int) -> None:
        self.server.always(LIST, fault.retry_after(seconds))

    def break_down(self) -> None:
        self.server.fault(LIST, fault.Status(503), times=2)  # the second time it is asked for less

    def revoke(self) -> None:
        self.server.revoke(TOKEN)

    def sent(self) -> list[str]:
        return [re.sub(r"^@ana\S* ", "", status.text) for status in self.server.statuses_by(self.us)]

    def lose_answer(self) -> None:
        self.server.fault(POST, fault.ResetAfter())


@pytest.fixture(params=["mastodon", "ulid"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeMastodon]:
    with FakeMastodon(flavour=request.param, full_handles=request.param == "ulid") as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def stage(world: World, server: FakeMastodon) -> MastodonStage:
    us = server.add_account("northwind", token=TOKEN)
    source = connect(world, "mastodon", {"base_url": server.url, "access_token": TOKEN})
    return MastodonStage(server, source, us, server.add_account("ana", followers=12), {})


class TestContract(ConnectorContract):
    page_size = 80


def answer(world: World, text: str, visibility: str = "public") -> Delivery:
    path = f"/api/v1/tickets/{Ticket.objects.order_by('-id')[0].pk}/replies/"
    sent = world.api(world.agent).post(path, {"text": text, "visibility": visibility}, format="json")
    assert sent.status_code == 202, sent.content
    delivery.deliver(sent.json()["id"])
    return Delivery.objects.get(pk=sent.json()["id"])


def heard(stage: MastodonStage) -> dict[str, Any]:
    return polling.poll(stage.source.pk, forced=True)


@pytest.mark.django_db
class TestHearing:
    def test_html_becomes_the_words_a_person_reads(self, stage: MastodonStage) -> None:
        stage.say("Späti & <3\nhttps://example.com/a/very/long/path?that=is&cut=short #trains")
        heard(stage)
        text = Message.objects.get().text
        assert "Späti & <3\nhttps://example.com/a/very/long/path?that=is&cut=short #trains" in text

    def test_a_reply_deep_in_a_thread_joins_its_root(self, stage: MastodonStage) -> None:
        root = stage.say("first")
        heard(stage)
        stage.go_on(stage.go_on(root, "second"), "@northwind third")
        heard(stage)
        assert Ticket.objects.count() == 1
        assert set(Message.objects.values_list("thread__external_key", flat=True)) == {root}

    def test_a_direct_message_is_private_and_answered_so(self, world: World, stage: MastodonStage) -> None:
        stage.server.post(stage.ana, "my number is 12", visibility="direct", mention=[stage.us])
        heard(stage)
        assert Message.objects.get().visibility == "private"
        assert answer(world, "Thank you.", "private").state == "sent"
        status = stage.server.statuses_by(stage.us)[0]
        assert (status.visibility, "@ana" in status.text) == ("direct", True)

    def test_what_a_policy_filters_is_heard_all_the_same(self, stage: MastodonStage) -> None:
        stage.server.filter_notifications(stage.ana)
        stage.say("hello")
        assert heard(stage)["new"] == 1

    def test_a_position_of_another_server_loses_nothing(self, stage: MastodonStage) -> None:
        stage.say("one")
        heard(stage)
        Source.objects.update(cursor={"min_id": "zzz-not-an-id"})
        stage.say("two")
        assert heard(stage)["new"] == 1
        assert heard(stage)["new"] == 0

    def test_hashtags_are_heard(self, world: World, stage: MastodonStage) -> None:
        settings = {"base_url": stage.server.url, "access_token": TOKEN}
        source = connect(world, "mastodon", settings, stream="hashtag", query="#northwind")
        stage.server.post(stage.ana, "The #northwind trains again", tags=["northwind"])
        assert polling.poll(source.pk, forced=True)["new"] == 1
        assert polling.poll(source.pk, forced=True)["new"] == 0

    def test_a_renamed_customer_is_the_same_one(self, stage: MastodonStage) -> None:
        stage.say("hello")
        heard(stage)
        stage.server.set_handle(stage.ana, "anamaria")
        stage.say("and again")
        heard(stage)
        assert Ticket.objects.count() == 1
        assert "anamaria" in Ticket.objects.get().customer.profiles.get().handle


@pytest.mark.django_db
class TestAnswering:
    def test_the_person_is_named_or_they_would_not_hear_it(self, world: World, stage: MastodonStage) -> None:
        stage.say("hello")
        heard(stage)
        answer(world, "We are on it.")
        answer(world, "@ana, it is back.")
        said = [status.text for status in stage.server.statuses_by(stage.us)]
        assert [text.count("@ana") for text in said] == [1, 1]
        assert said[1] == "@ana, it is back."

    def test_a_long_answer_is_a_thread_whose_parts_follow_each_other(self, world: World, stage: MastodonStage) -> None:
        stage.say("hello")
        heard(stage)
        answer(world, "A sentence of some length. " * 40)
        statuses = stage.server.statuses_by(stage.us)
        assert len(statuses) == 3
        assert [one.in_reply_to_id for one in statuses[1:]] == [one.id for one in statuses[:-1]]

    def test_a_reply_is_no_more_public_than_what_it_answers(self, world: World, stage: MastodonStage) -> None:
        stage.server.post(stage.ana, "psst", visibility="unlisted", mention=[stage.us])
        heard(stage)
        answer(world, "We hear you.")
        assert stage.server.statuses_by(stage.us)[0].visibility == "unlisted"

    @pytest.mark.parametrize("visibility", ["public", "private"])
    def test_an_answer_of_unknown_fate_that_is_heard_is_the_one_we_know(
        self, world: World, stage: MastodonStage, visibility: str
    ) -> None:
        kind = "public" if visibility == "public" else "direct"
        stage.server.post(stage.ana, "@northwind hello", visibility=kind, mention=[stage.us])
        heard(stage)
        for method in ("GET /api/v1/accounts/:id/statuses", "GET /api/v1/statuses/:id/context"):
            stage.server.always(method, fault.Status(503))
        stage.lose_answer()
        assert answer(world, "Here it is: <https://northwind.example/a>", visibility).state == "unknown"
        stage.server.clear()
        Mention.objects.update(check_at=timezone.now())
        heard(stage)
        message = Message.objects.get(kind="reply")
        assert Mention.objects.get(message=message).local_id == stage.server.statuses_by(stage.us)[0].id

    def test_every_part_of_a_private_answer_names_the_person_and_nobody_else(
        self, world: World, stage: MastodonStage
    ) -> None:
        stage.server.post(stage.ana, "@northwind my number is 12", visibility="direct", mention=[stage.us])
        heard(stage)
        assert answer(world, "A sentence of some length. " * 30 + "Best wishes, @ana", "private").state == "sent"
        said = stage.server.statuses_by(stage.us)
        assert len(said) == 2
        assert all("@ana" in status.text for status in said)
        path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
        body = {"text": "Our partner @ben@elsewhere.example did it.", "visibility": "private"}
        refused = world.api(world.agent).post(path, body, format="json")
        assert refused.status_code == 400
        assert "@ben@elsewhere.example" in refused.json()["errors"][0]["message"]

    def test_a_public_thread_names_the_person_in_its_first_part(self, world: World, stage: MastodonStage) -> None:
        stage.say("hello")
        heard(stage)
        answer(world, "A sentence of some length. " * 30 + "Best wishes, @ana")
        assert stage.server.statuses_by(stage.us)[0].text.startswith("@ana")

    def test_limits_are_the_servers_own(self, world: World) -> None:
        with FakeMastodon(characters=5000) as server:
            server.add_account("northwind", token=TOKEN)
            connect(world, "mastodon", {"base_url": server.url, "access_token": TOKEN})
        assert accounts.closed_connector(Account.objects.get()).limits("public").max_length == 5000

    def test_a_favourite_acknowledges(self, world: World, stage: MastodonStage) -> None:
        stage.say("thank you")
        heard(stage)
        liked = world.api(world.agent).post(f"/api/v1/tickets/{Ticket.objects.get().pk}/acknowledge/")
        delivery.deliver(liked.json()["id"])
        assert stage.server.favourites_by(stage.us) == [Mention.objects.get().local_id]


@pytest.mark.django_db
class TestFollowing:
    def test_private_words_are_followed_too(self, stage: MastodonStage) -> None:
        local = stage.server.post(stage.ana, "@northwind my number is 12", visibility="direct", mention=[stage.us])
        gone = stage.server.post(stage.ana, "@northwind oh, and 13", visibility="direct", mention=[stage.us])
        heard(stage)
        stage.server.edit(local, "@northwind my number is 14")
        stage.server.delete(gone)
        stage.server.post(stage.us, "@ana thank you", visibility="direct", mention=[stage.ana], reply_to=local)
        Mention.objects.update(check_at=timezone.now())
        heard(stage)
        inbound = Message.objects.filter(kind="inbound")
        assert [bool(message.deleted_at) for message in inbound.order_by("deleted_at")].count(True) == 1
        assert "14" in inbound.get(deleted_at=None).text
        assert Message.objects.get(kind="reply").visibility == "private"

    def test_a_page_of_something_in_front_of_the_server_deletes_nothing(self, stage: MastodonStage) -> None:
        stage.say("hello")
        heard(stage)
        for path in ("GET /api/v1/statuses", "GET /api/v1/statuses/:id"):
            stage.server.always(path, fault.Status(404, b"<h1>404 Not Found</h1>nginx"))
        Mention.objects.update(check_at=timezone.now())
        heard(stage)
        assert "hello" in Message.objects.get().text
        assert Message.objects.get().deleted_at is None


@pytest.mark.django_db
class TestOddServers:
    @pytest.mark.parametrize("trouble", [fault.Status(500), fault.Status(200, b"<html>")])
    def test_one_conversation_that_cannot_be_read_holds_up_no_other(
        self, stage: MastodonStage, trouble: fault.Status
    ) -> None:
        root = stage.say("first")
        heard(stage)
        stage.server.always("GET /api/v1/statuses/:id/context", trouble)
        stage.go_on(root, "@northwind second")
        stage.server.post(stage.server.add_account("ben"), "@northwind urgent", mention=[stage.us])
        assert heard(stage)["new"] == 2
        assert Ticket.objects.count() == 2
        assert Message.objects.filter(thread__external_key=root).count() == 2, "by what it answers"

    def test_a_first_look_broken_off_goes_on_where_it_was(
        self, world: World, stage: MastodonStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(170):
            stage.say(f"number {number}")
        connector = accounts.open_connector(Account.objects.get())
        pages = connector.fetch("notifications", "", {})
        first = next(pages)
        rest = list(connector.fetch("notifications", "", dict(first.cursor or {})))
        names = [post.external_id for page in (first, *rest) for post in page.posts]
        assert len(names) == len(set(names)) == 170
        stage.say("one more")
        last = rest[-1].cursor or {}
        more = [post for page in connector.fetch("notifications", "", dict(last)) for post in page.posts]
        assert [post.external_id in names for post in more] == [False]

    def test_what_other_servers_send_late_stands_below_the_position_and_is_heard(
        self, world: World, stage: MastodonStage
    ) -> None:
        settings = {"base_url": stage.server.url, "access_token": TOKEN}
        source = connect(world, "mastodon", settings, stream="hashtag", query="northwind")
        stage.server.post(stage.ana, "The #northwind trains", tags=["northwind"])
        assert polling.poll(source.pk, forced=True)["new"] == 1
        row = Source.objects.get(pk=source.pk)
        late = stage.server.post(stage.ana, "#northwind, an hour ago", tags=["northwind"])
        row.cursor = {**row.cursor, "min_id": late}  # as if it stood below
        row.save(update_fields=["cursor"])
        assert polling.poll(source.pk, forced=True)["new"] == 1
        assert polling.poll(source.pk, forced=True)["heard"] == 0

    def test_a_server_that_is_not_well_is_connected_later(self, world: World) -> None:
        with FakeMastodon() as server:
            server.add_account("northwind", token=TOKEN)
            for path in ("GET /api/v2/instance", "GET /api/v1/instance"):
                server.always(path, fault.Status(503))
            body = {"platform": "mastodon", "name": "M", "settings": {"base_url": server.url, "access_token": TOKEN}}
            refused = world.api(world.manager).post("/api/v1/sources/", body, format="json")
            assert refused.status_code == 400, "who people are there depends on what it calls itself"
            assert not Account.objects.exists()

    def test_a_server_that_tells_less_of_itself_is_the_same_one(self, world: World, stage: MastodonStage) -> None:
        before = Account.objects.get()
        for path in ("GET /api/v2/instance", "GET /api/v1/instance"):
            stage.server.always(path, fault.Status(404, {"error": "Record not found"}))
        connecting.reconnect(before, world.manager, {"access_token": TOKEN})
        after = Account.objects.get()
        assert (after.namespace, after.facts) == (before.namespace, before.facts)

    def test_a_thread_that_hangs_keeps_nobody_from_being_heard(self, stage: MastodonStage) -> None:
        root = stage.say("first")
        heard(stage)
        stage.server.always("GET /api/v1/statuses/:id/context", fault.ResetBefore())
        stage.go_on(root, "@northwind second")
        stage.say("third")
        assert heard(stage)["new"] == 2
        for path in ("GET /api/v1/statuses/:id", "GET /api/v1/accounts/verify_credentials"):
            stage.server.always(path, fault.ResetBefore())
        stage.go_on(root, "@northwind fourth")
        assert heard(stage)["problem"]["code"] == "unreachable", "all of it is away: it is asked for again"

    def test_a_wrong_address_is_said_at_its_field(self, world: World) -> None:
        with FakeMastodon() as server:
            settings = {"base_url": f"{server.url}/elsewhere", "access_token": TOKEN}
            body = {"platform": "mastodon", "name": "M", "settings": settings}
            refused = world.api(world.manager).post("/api/v1/sources/", body, format="json").json()["errors"][0]
            assert refused["field"] == "settings.base_url"
            assert "There is no Mastodon at this address" in refused["message"]

    def test_a_mention_deleted_before_we_looked_is_nothing(self, stage: MastodonStage) -> None:
        item = {"id": "900", "type": "mention", "created_at": "2026-01-01T00:00:00Z", "status": None}
        stage.server.raw_notification(stage.us, item)
        assert heard(stage)["quarantined"] == 0

    def test_a_mention_that_was_boosted_is_the_mention(self, stage: MastodonStage) -> None:
        local = stage.server.post(stage.ana, "hello there", mention=[stage.us])
        status = stage.server.uri(local)
        stage.server.drop_notifications(stage.us)
        import httpx

        inner = httpx.get(
            f"{stage.server.url}/api/v1/statuses/{local}", headers={"authorization": f"Bearer {TOKEN}"}
        ).json()
        ben = {**inner["account"], "id": "77", "username": "ben", "acct": "ben"}
        wrapped = {
            **inner,
            "id": inner["id"] + "9",
            "uri": status + "/boost",
            "content": "",
            "account": ben,
            "reblog": inner,
        }
        item = {"id": "900", "type": "mention", "created_at": inner["created_at"], "account": ben, "status": wrapped}
        stage.server.raw_notification(stage.us, item)
        heard(stage)
        message = Message.objects.get()
        assert "hello there" in message.text
        assert Mention.objects.get().external_id == status

    def test_a_server_that_stumbles_over_quotes_is_asked_for_mentions_alone(self, stage: MastodonStage) -> None:
        stage.say("hello")
        stage.server.fault(LIST, fault.Status(500))
        assert heard(stage)["new"] == 1

    def test_a_hashtag_is_escaped(self, world: World, stage: MastodonStage) -> None:
        settings = {"base_url": stage.server.url, "access_token": TOKEN}
        source = connect(world, "mastodon", settings, stream="hashtag", query="#a/b c?d")
        assert polling.poll(source.pk, forced=True).get("problem", {}).get("code") != "unreachable"

    def test_an_unknown_visibility_is_answered_in_private_circles(self, stage: MastodonStage) -> None:
        from mentions.platforms.mastodon.connector import _as_open_as

        assert [_as_open_as(kind) for kind in ("public", "unlisted", "local", "list", "")] == [
            "public", "unlisted", "local", "private", "private",
        ]  # fmt: skip
