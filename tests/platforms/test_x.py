"""X keeps the contract in both spellings, and what is its own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Delivery, DeliveryPart, Message, Notice, Ticket
from mentions import accounts, delivery, polling
from mentions.models import Account, Gap, Mention, Source
from tests.fakes import faults as fault
from tests.fakes.x import FakeX
from tests.platforms.contract import ConnectorContract
from tests.world import World, connect

LIST, POST = "GET /2/users/:id/mentions", "POST /2/tweets"


@dataclass
class XStage:
    x: FakeX
    source: Source
    us: str
    ana: str
    token: str

    def say(self, words: str) -> str:
        return self.x.post(self.ana, f"@northwind {words}")

    def go_on(self, external_id: str, words: str) -> str:
        return self.x.post(self.ana, words, reply_to=external_id)

    def edit(self, external_id: str, words: str) -> None:
        self.x.edit(external_id, f"@northwind {words}")

    def delete(self, external_id: str) -> None:
        self.x.delete(external_id)

    def malformed(self) -> None:
        self.x.raw_mention(self.us, {"id": None, "text": 7})

    def throttle(self, seconds: int) -> None:
        import time

        headers = {"x-rate-limit-reset": str(int(time.time()) + seconds + 1), "x-rate-limit-remaining": "0"}
        self.x.always(LIST, fault.Status(429, {"title": "Too Many Requests", "status": 429}, headers))

    def break_down(self) -> None:
        self.x.fault(LIST, fault.Status(503))

    def revoke(self) -> None:
        self.x.revoke(self.token)

    def sent(self) -> list[str]:
        return [post.said for post in self.x.posts_by(self.us)]

    def lose_answer(self) -> None:
        self.x.fault(POST, fault.ResetAfter())


@pytest.fixture(params=["tweet", "post"])
def x(request: pytest.FixtureRequest) -> Iterator[FakeX]:
    with FakeX(spelling=request.param) as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def stage(world: World, x: FakeX) -> XStage:
    us = x.add_account("northwind", name="Northwind Rail")
    token = x.token(us)
    source = connect(world, "x", {"base_url": x.url, "access_token": token})
    return XStage(x, source, us, x.add_account("ana", followers=12), token)


class TestContract(ConnectorContract):
    pass


def answer(world: World, text: str, visibility: str = "public") -> Delivery:
    path = f"/api/v1/tickets/{Ticket.objects.order_by('-id')[0].pk}/replies/"
    sent = world.api(world.agent).post(path, {"text": text, "visibility": visibility}, format="json")
    assert sent.status_code == 202, sent.content
    delivery.deliver(sent.json()["id"])
    return Delivery.objects.get(pk=sent.json()["id"])


def heard(stage: XStage, source: Source | None = None) -> dict[str, Any]:
    return polling.poll((source or stage.source).pk, forced=True)


def listen(world: World, stage: XStage, stream: str, query: str = "", **settings: str) -> Source:
    given = {"base_url": stage.x.url, "access_token": stage.token, **settings}
    return connect(world, "x", given, stream=stream, query=query)


@pytest.mark.django_db
class TestHearing:
    def test_words_are_whole_unescaped_and_show_their_links(self, stage: XStage) -> None:
        stage.say("R&D <3 https://example.com/a?b=1&c=2")
        stage.x.post(stage.ana, "@northwind " + "long " * 55, long_text="@northwind " + "long " * 200 + "end")
        heard(stage)
        first, second = sorted(Message.objects.values_list("text", flat=True), key=len)
        assert first == "@northwind R&D <3 https://example.com/a?b=1&c=2"
        assert second.endswith("end")

    def test_an_edit_has_a_new_id_and_stays_one_message(self, stage: XStage) -> None:
        name = stage.say("tpyo")
        heard(stage)
        stage.x.edit(name, "@northwind typo")
        heard(stage)
        assert Message.objects.get().text == "@northwind typo"
        assert Mention.objects.get().external_id == name

    def test_a_search_term_is_heard_and_its_posts_cannot_be_answered_there(self, world: World, stage: XStage) -> None:
        source = listen(world, stage, "search", "northwind delay")
        stage.x.post(stage.ana, "another northwind delay today")
        assert heard(stage, source)["new"] == 1
        refused = world.api(world.agent).post(
            f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/",
            {"text": "Sorry!", "visibility": "public"},
            format="json",
        )
        assert refused.status_code == 400
        assert "Open it on X" in refused.json()["errors"][0]["message"]
        assert Message.objects.get().url.startswith("https://x.com/ana/status/")

    def test_quotes_are_heard(self, world: World, stage: XStage) -> None:
        ours = stage.x.post(stage.us, "We are hiring")
        source = listen(world, stage, "quotes")
        stage.x.post(stage.ana, "Better hire some trains", quote=ours)
        assert heard(stage, source)["new"] == 1
        assert heard(stage, source)["new"] == 0

    def test_direct_messages_are_heard_and_answered(self, world: World, stage: XStage) -> None:
        source = listen(world, stage, "direct")
        stage.x.dm(stage.ana, stage.us, "my booking is N-1")
        assert heard(stage, source)["new"] == 1
        assert answer(world, "Thank you.", "private").state == "sent"
        assert [event.text for event in stage.x.dms_from(stage.us)] == ["Thank you."]
        stage.x.dm(stage.ana, stage.us, "welcome")
        heard(stage, source)
        assert sorted(Message.objects.values_list("text", flat=True)) == ["Thank you.", "my booking is N-1", "welcome"]

    def test_what_is_protected_is_not_taken_for_deleted(self, stage: XStage) -> None:
        name = stage.say("hello")
        heard(stage)
        stage.x.protect(stage.ana)
        connector = accounts.open_connector(Account.objects.get())
        from mentions.platforms.base import Ref

        assert connector.lookup([Ref(name, name)]).gone == ()


@pytest.mark.django_db
class TestAnswering:
    def test_a_long_answer_is_a_thread_of_parts_that_fit(self, world: World, stage: XStage) -> None:
        stage.say("hello")
        heard(stage)
        assert answer(world, "".join(f"これは長い返事です{number}。" for number in range(40))).state == "sent"
        posts = stage.x.posts_by(stage.us)
        assert len(posts) == 4
        assert [post.in_reply_to for post in posts[1:]] == [post.id for post in posts[:-1]]

    def test_what_x_refuses_is_said_with_the_way_out(self, world: World, stage: XStage) -> None:
        stage.x.options.auto_mention_summons = False
        stage.go_on(stage.x.post(stage.us, "All trains run."), "Not mine.")
        heard(stage)
        sent = answer(world, "Sorry.")
        assert (sent.state, sent.parts.get().problem["code"]) == ("failed", "not_summoned")

    def test_a_message_whose_answer_was_lost_is_found(self, world: World, stage: XStage) -> None:
        source = listen(world, stage, "direct")
        stage.x.dm(stage.ana, stage.us, "psst")
        heard(stage, source)
        stage.x.fault("POST /2/dm_conversations/:id/messages", fault.ResetAfter())
        assert answer(world, "Once.", "private").state == "sent"
        assert len(stage.x.dms_from(stage.us)) == 1

    def test_a_reply_whose_target_is_gone_is_no_post_of_its_own(self, world: World, stage: XStage) -> None:
        stage.say("hello")
        heard(stage)
        body = {
            "errors": [{"message": "in_reply_to_tweet_id 101 is deleted or not visible"}],
            "title": "Invalid Request",
        }
        stage.x.fault(POST, fault.Status(400, body))
        sent = answer(world, "Sorry.")
        assert (sent.state, sent.parts.get().problem["code"]) == ("failed", "gone")
        assert stage.x.posts_by(stage.us) == []

    def test_a_follow_up_without_our_name_can_be_answered(self, world: World, stage: XStage) -> None:
        stage.say("hello")
        heard(stage)
        answer(world, "Which train?")
        ours = stage.x.posts_by(stage.us)[0].id
        post = stage.x.post(stage.ana, "the 8:15", reply_to=ours)
        heard(stage)
        assert Mention.objects.get(external_id=post).reference["summoned"] is not False

    def test_an_answer_of_unknown_fate_that_is_heard_is_the_one_we_know(self, world: World, stage: XStage) -> None:
        name = stage.say("hello")
        heard(stage)
        stage.x.always("GET /2/users/:id/tweets", fault.Status(503))
        stage.lose_answer()
        assert answer(world, "On its way.").state == "unknown"
        stage.x.clear()
        source = listen(world, stage, "search", f"conversation_id:{name}")
        heard(stage, source)
        assert Message.objects.filter(kind="reply").count() == 1

    def test_a_limit_on_messages_holds_no_reply(self, world: World, stage: XStage) -> None:
        stage.say("hello")
        stage.x.dm(stage.ana, stage.us, "my number is 12")
        heard(stage)
        listen_direct = listen(world, stage, "direct")
        heard(stage, listen_direct)
        path = "POST /2/dm_conversations/:id/messages"
        stage.x.always(path, fault.Status(429, {"title": "Too Many Requests"}, {"Retry-After": "600"}))
        ticket = Ticket.objects.get(messages__visibility="private")
        sent = world.api(world.agent).post(
            f"/api/v1/tickets/{ticket.pk}/replies/", {"text": "Thanks", "visibility": "private"}, format="json"
        )
        delivery.deliver(sent.json()["id"])
        account = Account.objects.get()
        assert account.private_throttled_until is not None
        assert account.throttled_until is None

    def test_an_empty_purse_is_told_to_the_managers(self, world: World, stage: XStage) -> None:
        stage.say("hello")
        heard(stage)
        stage.x.fault(POST, fault.Status(402, {"title": "CreditsDepleted", "detail": "none left"}))
        row = answer(world, "On its way.")
        assert row.parts.get().problem["code"] == "credit"
        assert Notice.objects.filter(code="account.credit", settled_at=None).exists()
        DeliveryPart.objects.update(send_after=timezone.now())
        delivery.deliver(row.pk)
        assert not Notice.objects.filter(code="account.credit", settled_at=None).exists()

    def test_of_several_posts_the_newest_that_can_be_answered_is(self, world: World, stage: XStage) -> None:
        named = stage.say("hello")
        heard(stage)
        stage.x.post(stage.ana, "northwind trains are freezing", at=dt.datetime.now(dt.UTC))
        heard(stage, listen(world, stage, "search", "freezing"))
        assert Ticket.objects.count() == 1
        answer(world, "Sorry.")
        assert [post.in_reply_to for post in stage.x.posts_by(stage.us)] == [named]


@pytest.mark.django_db
class TestMuch:
    def test_more_mentions_than_x_shows_are_told(self, world: World) -> None:
        with FakeX(limits=False) as x:
            us, ana = x.add_account("northwind"), x.add_account("ana")
            source = connect(world, "x", {"base_url": x.url, "access_token": x.token(us)})
            x.post(ana, "@northwind hello")
            polling.poll(source.pk, forced=True)
            for number in range(850):
                x.post(ana, f"@northwind number {number}")
            assert "problem" in polling.poll(source.pk, forced=True)
            gap = Gap.objects.get()
            assert (gap.problem["code"], gap.lost_until is not None) == ("backlog", True)
            assert polling.poll(source.pk, forced=True)["new"] == 0
            assert Gap.objects.count() == 1

    def test_quotes_of_what_is_not_a_reply_are_heard_however_much_we_answer(self, world: World) -> None:
        with FakeX(limits=False) as x:
            us, ana = x.add_account("northwind"), x.add_account("ana")
            source = connect(world, "x", {"base_url": x.url, "access_token": x.token(us)}, stream="quotes")
            ours = x.post(us, "The night train is back")
            for number in range(30):
                x.post(us, f"Sorry {number}", reply_to=x.post(ana, f"@northwind {number}"))
            for number in range(130):
                x.post(ana, f"Really? {number}", quote=ours)
            assert polling.poll(source.pk, forced=True)["new"] == 130
            assert polling.poll(source.pk, forced=True)["heard"] == 0


@pytest.mark.django_db
class TestOddServers:
    @pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [None]}, {"meta": {"result_count": 0}}])
    def test_an_empty_answer_is_no_failure(self, stage: XStage, body: dict[str, Any]) -> None:
        stage.x.fault(LIST, fault.Status(200, json.dumps(body).encode(), {"Content-Type": "application/json"}))
        assert "problem" not in heard(stage)
        stage.say("hello")
        assert heard(stage)["new"] == 1

    def test_retry_after_is_obeyed_where_no_window_is_named(self, stage: XStage) -> None:
        stage.x.fault(LIST, fault.Status(429, {"title": "Too Many Requests"}, {"Retry-After": "600"}))
        heard(stage)
        row = Source.objects.get()
        assert row.last_tried_at
        assert (row.next_poll_at - row.last_tried_at).total_seconds() >= 600

    def test_a_second_stream_takes_the_log_in_as_it_stands(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read tweet.write users.read dm.read offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh, "client_id": client.client_id}
        settings["client_secret"] = client.client_secret
        source = connect(world, "x", settings)
        x.expire(access)
        assert "problem" not in polling.poll(source.pk, forced=True)
        connect(world, "x", settings, stream="direct")
        assert "problem" not in polling.poll(source.pk, forced=True)

    def test_a_firewall_at_the_token_endpoint_is_no_refusal(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read users.read dm.read offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh, "client_id": client.client_id}
        source = connect(world, "x", {**settings, "client_secret": client.client_secret})
        x.expire(access)
        x.fault("POST /2/oauth2/token", fault.Status(403, b"<html>blocked</html>"))
        assert polling.poll(source.pk, forced=True)["problem"]["code"] == "unavailable"
        assert "problem" not in polling.poll(source.pk, forced=True)


@pytest.mark.django_db
class TestTokens:
    def test_tokens_are_renewed_and_each_refresh_token_is_used_once(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read tweet.write users.read dm.read dm.write offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh}
        settings |= {"client_id": client.client_id, "client_secret": client.client_secret}
        source = connect(world, "x", settings)
        for _round in range(3):
            x.expire(accounts.open_connector(Account.objects.get()).token)  # type: ignore[attr-defined]
            assert "problem" not in polling.poll(source.pk, forced=True)
        assert Account.objects.get().state == "fine"
        assert Account.objects.get().session["refresh_token"] not in ("", refresh)

    def test_a_test_that_renewed_the_tokens_spoils_no_log_in(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read users.read dm.read offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh, "client_id": client.client_id}
        settings["client_secret"] = client.client_secret
        x.expire(access)
        body = {"platform": "x", "name": "X", "settings": settings}
        manager = world.api(world.manager)
        assert manager.post("/api/v1/sources/preview/", body, format="json").status_code == 200
        assert manager.post("/api/v1/sources/preview/", body, format="json").status_code == 200
        added = manager.post("/api/v1/sources/", body, format="json")
        assert added.status_code == 201, added.content
        changed = manager.patch(
            f"/api/v1/sources/{added.json()['id']}/", {"settings": {"long_posts": "yes"}}, format="json"
        )
        assert changed.status_code == 200, changed.content
        assert "problem" not in polling.poll(added.json()["id"], forced=True)

    def test_a_test_with_a_known_log_in_renews_the_account_s_tokens(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read users.read dm.read offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh, "client_id": client.client_id}
        settings["client_secret"] = client.client_secret
        source = connect(world, "x", settings)
        x.expire(access)
        body = {"platform": "x", "name": "X", "settings": settings, "stream": "search", "query": "rail"}
        assert world.api(world.manager).post("/api/v1/sources/preview/", body, format="json").status_code == 200
        assert "problem" not in polling.poll(source.pk, forced=True)

    def test_a_token_renewed_by_another_worker_is_taken_from_there(self, world: World, x: FakeX) -> None:
        us, client = x.add_account("northwind"), x.client()
        access, refresh = x.grant(us, "tweet.read users.read dm.read offline.access")
        settings = {"base_url": x.url, "access_token": access, "refresh_token": refresh, "client_id": client.client_id}
        connect(world, "x", {**settings, "client_secret": client.client_secret})
        account = Account.objects.get()
        one, other = accounts.open_connector(account), accounts.open_connector(Account.objects.get())
        x.expire(access)
        me = f"/2/users/{us}/mentions"
        one.call("GET", me)  # type: ignore[attr-defined]
        other.call("GET", me)  # type: ignore[attr-defined]
        assert x.requests[-1].status == 200
        assert [request.method for request in x.requests].count("POST /2/oauth2/token") == 1

    def test_credit_that_is_used_up_is_no_broken_password(self, stage: XStage) -> None:
        stage.say("hello")
        stage.x.set_credit(0)
        assert heard(stage)["problem"]["code"] == "credit"
        assert Account.objects.get().state == "fine"
        stage.x.set_credit(None)
        assert heard(stage)["new"] == 1


def test_stamps_are_in_utc() -> None:
    from mentions.platforms.x.posts import stamp

    assert stamp(dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == "2026-01-02T01:04:05Z"


@pytest.mark.django_db
def test_a_first_search_broken_off_goes_on_below_what_it_had(world: World) -> None:
    """X takes `until_id` beside no time, and a token with what its first page was asked with."""
    with FakeX(limits=False) as x:
        us, ana = x.add_account("northwind"), x.add_account("ana")
        settings = {"base_url": x.url, "access_token": x.token(us)}
        source = connect(world, "x", settings, stream="search", query="ferry")
        for number in range(350):
            x.post(ana, f"the ferry {number}")
        connector = accounts.open_connector(Account.objects.get())
        first = next(iter(connector.fetch("search", "ferry", {})))
        rest = list(connector.fetch("search", "ferry", dict(first.cursor or {})))
        names = [post.external_id for page in (first, *rest) for post in page.posts]
        assert len(names) == len(set(names)) == 350
        assert "since_id" in (rest[-1].cursor or {})
        assert source.kind == "search"
