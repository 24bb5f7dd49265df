"""The fake Mastodon server keeps the rules it is there to enforce."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .faults import Hang, ResetAfter, Status
from .mastodon import FakeMastodon
from .mastodon_caller import BACK, NOTIFICATIONS, STATUSES, Caller, links

MENTIONS = {"types[]": "mention"}


@pytest.fixture
def fake() -> Iterator[FakeMastodon]:
    with FakeMastodon() as server:
        yield server
    assert server.crashes == []


@pytest.fixture
def shop(fake: FakeMastodon) -> str:
    return fake.add_account("shop", token="shop-token")


@pytest.fixture
def ana(fake: FakeMastodon) -> str:
    return fake.add_account("ana", followers=7, token="ana-token")


@pytest.fixture
def zoe(fake: FakeMastodon) -> str:
    return fake.add_account("zoe", domain="far.example")


@pytest.fixture
def caller(fake: FakeMastodon, shop: str) -> Caller:
    return Caller(fake, "shop-token")


def test_min_id_follows_and_since_id_leaves_a_gap(fake: FakeMastodon, shop: str, ana: str, caller: Caller) -> None:
    for number in range(6):
        fake.post(ana, f"Question {number}", mention=[shop])
    newest = caller.ids()
    assert newest == sorted(newest, key=int, reverse=True)
    assert newest != sorted(newest, reverse=True), "the texts of ids do not sort as they do"
    third = newest[3]
    assert caller.ids(since_id=third, limit=2) == newest[0:2]
    assert caller.ids(min_id=third, limit=2) == newest[1:3]
    assert caller.ids(max_id=third) == newest[4:]
    assert caller.ids(min_id=third, max_id=newest[0]) == newest[1:3]
    assert caller.ids(min_id=newest[0]) == []
    assert caller.ids(limit=0) == []
    for foreign in ("banana", "01K0000000000000000000000A"):
        assert caller.ids(min_id=foreign, limit=2)[-1] in newest[4:], "issue 25245: the oldest page"


def test_a_page_has_at_most_eighty_and_links_to_its_neighbours(
    fake: FakeMastodon, shop: str, ana: str, caller: Caller
) -> None:
    for number in range(85):
        fake.post(ana, f"@shop {number}")
    assert len(caller.ids()) == 40
    answer = caller.get(NOTIFICATIONS, params={**MENTIONS, "limit": 500})
    page = [one["id"] for one in answer.json()]
    assert len(page) == 80
    expected = {"types[]": ["mention"], "limit": ["500"]}
    assert links(answer) == {"next": {**expected, "max_id": [page[-1]]}, "prev": {**expected, "min_id": [page[0]]}}
    last = caller.get(answer.links["next"]["url"])
    assert len(last.json()) == 5
    assert "next" in links(answer)
    assert "next" not in links(last), "nothing older can follow"
    assert "link" not in caller.get(answer.links["prev"]["url"]).headers


def test_notifications_have_types_and_authors(fake: FakeMastodon, shop: str, ana: str, zoe: str) -> None:
    caller = Caller(fake, "shop-token")
    ours = fake.post(shop, "We are open")
    fake.favourite(ana, ours)
    fake.favourite(ana, ours)
    fake.reblog(ana, ours)
    fake.post(zoe, "Really?", reply_to=ours)
    assert [one["type"] for one in caller.get(NOTIFICATIONS).json()] == ["mention", "reblog", "favourite"]
    (mention,) = caller.get(NOTIFICATIONS, params=MENTIONS).json()
    assert mention["group_key"] == f"ungrouped-{mention['id']}"
    assert mention["account"]["acct"] == "zoe@far.example"
    assert mention["status"]["in_reply_to_id"] == ours
    assert len(caller.ids(types="mention")) == 3, "without brackets it is no list"
    assert len(caller.ids(**{"exclude_types[]": ["favourite", "reblog"]})) == 1
    assert len(caller.ids(account_id=ana)) == 2
    fake.raw_notification(shop, {"odd": True})
    assert caller.get(NOTIFICATIONS, params=MENTIONS).json()[0] == {"odd": True}
    fake.drop_notifications(shop)
    assert caller.ids() == []


def test_a_filtered_author_is_listed_only_on_request(fake: FakeMastodon, shop: str, zoe: str, caller: Caller) -> None:
    first = fake.post(zoe, "Hello", mention=[shop])
    fake.filter_notifications(zoe)
    second = fake.post(zoe, "Hello again", mention=[shop])
    asked = caller.get(NOTIFICATIONS, params={"include_filtered": "true"}).json()
    assert [one["status"]["id"] for one in asked] == [second, first]
    assert [one["status"]["id"] for one in caller.get(NOTIFICATIONS).json()] == [first]
    assert len(caller.ids(include_filtered="false")) == 1


def test_tokens_and_scopes_decide(fake: FakeMastodon, shop: str) -> None:
    fake.add_account("reader", token="reader-token", scopes="read:statuses")
    public = fake.post(shop, "Hello")
    assert Caller(fake).get(NOTIFICATIONS).status_code == 401
    assert Caller(fake, "wrong").get(NOTIFICATIONS).json() == {"error": "The access token is invalid"}
    reader = Caller(fake, "reader-token")
    refused = [reader.get(NOTIFICATIONS), reader.say("Hi"), reader.post(f"{STATUSES}/{public}/favourite")]
    assert [one.status_code for one in refused] == [403] * 3
    assert refused[0].json() == {"error": "This action is outside the authorized scopes"}
    assert reader.get(f"{STATUSES}/{public}").status_code == 200
    fake.revoke("reader-token")
    assert reader.get(f"{STATUSES}/{public}").status_code == 401
    assert Caller(fake).get(f"{STATUSES}/{public}").status_code == 200


def test_a_status_tells_everything(fake: FakeMastodon, shop: str, ana: str, caller: Caller) -> None:
    text = 'Is this <fine> & "good"?\nSee https://shop.example/a?b=1.\n\nIt\'s #Late'
    status = caller.get(f"{STATUSES}/{fake.post(ana, text, mention=[shop], spoiler='Parcel')}").json()
    assert status["content"] == (
        '<p><span class="h-card" translate="no"><a href="https://social.test/@shop" class="u-url mention">'
        "@<span>shop</span></a></span> Is this &lt;fine&gt; &amp; &quot;good&quot;?<br />See "
        '<a href="https://shop.example/a?b=1" target="_blank" rel="nofollow noopener" translate="no">'
        '<span class="invisible">https://</span><span class="">shop.example/a?b=1</span>'
        '<span class="invisible"></span></a>.</p><p>It&#39;s <a href="https://social.test/tags/late" '
        'class="mention hashtag" rel="tag">#<span>Late</span></a></p>'
    )
    assert status["mentions"] == [
        {"id": shop, "username": "shop", "url": "https://social.test/@shop", "acct": "shop"},
    ]
    assert status["tags"] == [{"name": "late", "url": "https://social.test/tags/late"}]
    assert status["uri"] == f"https://social.test/users/ana/statuses/{status['id']}"
    assert status["url"] == f"https://social.test/@ana/{status['id']}"
    assert status["account"]["followers_count"] == 7
    assert (status["spoiler_text"], status["sensitive"], status["favourited"]) == ("Parcel", True, False)
    assert status["edited_at"] is status["in_reply_to_id"] is status["reblog"] is status["card"] is None
    assert "favourited" not in Caller(fake).get(f"{STATUSES}/{status['id']}").json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["created_at"])


def test_a_remote_status_has_another_id_at_home(fake: FakeMastodon, shop: str, zoe: str, caller: Caller) -> None:
    local = fake.post(zoe, "Hello", mention=[shop])
    status = caller.get(f"{STATUSES}/{local}").json()
    assert status["uri"] == fake.uri(local)
    assert status["uri"].startswith("https://far.example/users/zoe/statuses/")
    assert local not in status["uri"]
    assert status["content"].startswith('<p><span class="h-card" translate="no"><a href="https://social.test/@shop"')
    fake.set_handle(zoe, "zoey")
    renamed = caller.get(f"{STATUSES}/{local}").json()
    assert (renamed["uri"], renamed["account"]["acct"]) == (status["uri"], "zoey@far.example")


def test_edits_are_not_notified_and_deletions_leave_nothing(
    fake: FakeMastodon, shop: str, ana: str, caller: Caller
) -> None:
    status_id = fake.post(ana, "@shop Where is it?")
    answer = fake.post(shop, "Here", reply_to=status_id)
    fake.edit(status_id, "@shop Where is my parcel?")
    assert len(caller.ids()) == 1
    edited = caller.get(f"{STATUSES}/{status_id}").json()
    assert "parcel" in edited["content"]
    assert edited["edited_at"]
    history = caller.get(f"{STATUSES}/{status_id}/history").json()
    assert ["parcel" in one["content"] for one in history] == [False, True]
    fake.delete(status_id)
    assert caller.get(f"{STATUSES}/{status_id}").status_code == 404
    assert caller.ids() == []
    orphan = caller.get(f"{STATUSES}/{answer}").json()
    assert (orphan["in_reply_to_id"], orphan["in_reply_to_account_id"]) == (None, ana)
    assert [one.id for one in fake.statuses_by(ana)] == []


def test_a_direct_status_reaches_only_those_it_mentions(
    fake: FakeMastodon, shop: str, ana: str, caller: Caller
) -> None:
    secret = fake.post(ana, "My number is 5", mention=[shop], visibility="direct")
    fake.add_account("eve", token="eve-token")
    assert caller.get(f"{STATUSES}/{secret}").json()["visibility"] == "direct"
    for other in (Caller(fake), Caller(fake, "eve-token")):
        answer = other.get(f"{STATUSES}/{secret}")
        assert (answer.status_code, answer.json()) == (404, {"error": "Record not found"})
        assert other.get(f"{STATUSES}/{secret}/context").status_code == 404
        assert other.ids(f"/api/v1/accounts/{ana}/statuses") == []
    assert caller.ids(f"/api/v1/accounts/{ana}/statuses") == [secret]
    lost = caller.say("Thank you", visibility="direct", in_reply_to_id=secret).json()["id"]
    assert Caller(fake, "ana-token").get(f"{STATUSES}/{lost}").status_code == 404, "it mentions nobody"
    (talk,) = [one for one in caller.get("/api/v1/conversations").json() if one["accounts"]]
    assert (talk["last_status"]["id"], talk["unread"], talk["accounts"][0]["id"]) == (secret, True, ana)
    answer = caller.get("/api/v1/conversations", params={"limit": 1})
    assert links(answer)["next"]["max_id"] == [lost], "pages go by statuses, not by conversations"


def test_a_context_shows_more_to_a_token(fake: FakeMastodon, shop: str, ana: str, caller: Caller) -> None:
    root = last = fake.post(ana, "Up")
    for _ in range(45):
        last = fake.post(ana, "More", reply_to=last)
    answers = [fake.post(shop, f"Answer {number}", reply_to=last) for number in range(65)]
    below = fake.post(ana, "And?", reply_to=answers[0])
    context = caller.get(f"{STATUSES}/{last}/context").json()
    assert context["ancestors"][0]["id"] == root
    assert [one["id"] for one in context["descendants"]] == [answers[0], below, *answers[1:]]
    bare = Caller(fake).get(f"{STATUSES}/{last}/context").json()
    assert [len(bare[name]) for name in ("ancestors", "descendants")] == [40, 60]
    fake.incomplete_context(last)
    partial = caller.get(f"{STATUSES}/{last}/context")
    assert partial.json()["descendants"] == []
    assert re.fullmatch(r'id=".+", retry=\d+, result_count=\d+', partial.headers["Mastodon-Async-Refresh"])
    fake.complete_context(last)
    assert "Mastodon-Async-Refresh" not in caller.get(f"{STATUSES}/{last}/context").headers


def test_statuses_by_ids_leave_out_what_is_not_there(fake: FakeMastodon, ana: str, caller: Caller) -> None:
    kept, gone = fake.post(ana, "One"), fake.post(ana, "Two")
    secret = fake.post(ana, "Three", visibility="direct")
    fake.delete(gone)
    assert caller.ids(STATUSES, **{"id[]": [gone, kept, secret, "1"]}) == [kept]
    assert caller.ids(STATUSES, id=kept) == []
    assert caller.get(STATUSES, params={"id[]": [str(one) for one in range(21)]}).status_code == 422
    with FakeMastodon(version="4.2.9") as old:
        assert Caller(old).get(STATUSES, params={"id[]": "1"}).status_code == 404
        assert "api_versions" not in Caller(old).get("/api/v2/instance").json()


def test_a_tag_timeline_is_public(fake: FakeMastodon, ana: str, zoe: str) -> None:
    first, far = fake.post(ana, "#Late again"), fake.post(zoe, "Mine", tags=["late", "angry"])
    for visibility in ("unlisted", "private", "direct"):
        fake.post(ana, "#late", visibility=visibility)
    anyone, path = Caller(fake), "/api/v1/timelines/tag/LATE"
    assert anyone.ids(path) == [far, first]
    assert anyone.ids(path, **{"all[]": "angry"}) == [far]
    assert anyone.ids(path, **{"none[]": "angry"}) == [first]
    assert anyone.ids("/api/v1/timelines/tag/none", **{"any[]": "angry"}) == [far]
    assert (anyone.ids(path, local="true"), anyone.ids(path, remote="true")) == ([first], [far])
    assert anyone.ids(path, min_id=first) == [far]
    for number in range(45):
        fake.post(ana, f"#many {number}")
    assert len(anyone.ids("/api/v1/timelines/tag/many", limit=80)) == 40
    assert len(anyone.ids("/api/v1/timelines/tag/many")) == 20


def test_account_statuses_leave_out_replies_and_boosts(fake: FakeMastodon, shop: str, ana: str) -> None:
    anyone, path = Caller(fake), f"/api/v1/accounts/{shop}/statuses"
    old = fake.post(shop, "Earlier", at=datetime.now(UTC) - timedelta(days=2))
    own, question = fake.post(shop, "News"), fake.post(ana, "What?")
    thread, reply = fake.post(shop, "More news", reply_to=own), fake.post(shop, "That", reply_to=question)
    boost = fake.reblog(shop, question)
    assert anyone.ids(path) == [boost, reply, thread, own, old]
    assert anyone.ids(path, exclude_replies="true", exclude_reblogs="1") == [thread, own, old]
    assert anyone.ids(path, min_id=own, limit=1) == [thread]
    boosted = anyone.get(path).json()[0]
    assert (boosted["reblog"]["id"], boosted["content"]) == (question, "")
    assert anyone.get(f"/api/v1/accounts/{ana}").json()["acct"] == "ana"
    assert anyone.get("/api/v1/accounts/1").status_code == 404


def test_an_idempotency_key_gives_the_first_status(fake: FakeMastodon, shop: str, caller: Caller) -> None:
    first = caller.say("Hello", key="one").json()
    assert caller.say("Hello again", key="one").json()["id"] == first["id"]
    assert caller.say("Hello", key="two").json()["id"] != first["id"]
    fake.fault("POST /api/v1/statuses", ResetAfter())
    with pytest.raises(httpx.TransportError):
        caller.say("Once", key="three")
    assert caller.say("Once", key="three").status_code == 200
    assert [one.text for one in fake.statuses_by(shop)] == ["Hello", "Hello", "Once"]
    assert caller.say("", key="four").status_code == 422
    assert caller.say("Better", key="four").status_code == 200
    fake.options.idempotency_seconds = 0
    assert caller.say("Short", key="five").json()["id"] != caller.say("Short", key="five").json()["id"]


@pytest.mark.parametrize(
    ("text", "spoiler", "allowed"),
    [
        ("x" * 500, "", True),
        ("x" * 501, "", False),
        ("x" * 496, "cats", True),
        ("x" * 497, "cats", False),
        ("👩‍👩‍👧" * 500, "", True),
        ("x" * 476 + " https://shop.example/" + "y" * 300, "", True),
        ("x" * 477 + " https://a.example", "", False),
        ("x" * 495 + " @zoe@far.example", "", True),
        ("x" * 496 + " @zoe@far.example", "", False),
    ],
)
def test_length_counts_as_the_documentation_says(caller: Caller, text: str, spoiler: str, allowed: bool) -> None:
    answer = caller.say(text, spoiler_text=spoiler)
    assert answer.status_code == (200 if allowed else 422)
    assert allowed or answer.json() == {"error": "Validation failed: Text character limit of 500 exceeded"}


def test_posting_refuses_what_does_not_validate(fake: FakeMastodon, ana: str, caller: Caller) -> None:
    blank = caller.say(" \n")
    assert (blank.status_code, blank.json()) == (422, {"error": "Validation failed: Text can't be blank"})
    assert caller.say("Hi", visibility="secret").status_code == 422
    assert caller.say("Hi", media_ids=["1"]).status_code == 422
    missing = caller.say("Hi", in_reply_to_id="1")
    assert missing.status_code == 404
    assert missing.json() == {"error": "The post you are trying to reply to does not appear to exist"}
    hidden = fake.post(ana, "Hush", visibility="direct")
    assert caller.say("Hi", in_reply_to_id=hidden).status_code == 404
    assert caller.post(STATUSES, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    form = caller.post(STATUSES, data={"status": "As a form", "visibility": "unlisted"}).json()
    assert (form["content"], form["visibility"]) == ("<p>As a form</p>", "unlisted")
    fake.options.posting_limit = 1
    assert caller.say("Too much").status_code == 429


def test_replying_by_itself_mentions_nobody(fake: FakeMastodon, shop: str, ana: str, zoe: str, caller: Caller) -> None:
    customer = Caller(fake, "ana-token")
    question = fake.post(ana, "@shop Where?")
    silent = caller.say("Soon", in_reply_to_id=question).json()
    assert (silent["in_reply_to_id"], silent["in_reply_to_account_id"], silent["mentions"]) == (question, ana, [])
    assert customer.ids() == []
    heard = caller.say("@Ana @zoe@far.example @nobody Soon", in_reply_to_id=question).json()
    assert [one["acct"] for one in heard["mentions"]] == ["ana", "zoe@far.example"]
    assert [one["status"]["id"] for one in customer.get(NOTIFICATIONS).json()] == [heard["id"]]
    full = caller.say("@ana@social.test Hello", visibility="direct").json()
    assert customer.get(f"{STATUSES}/{full['id']}").status_code == 200
    assert fake.statuses_by(shop)[0].text == "Soon"


def test_favouriting_twice_is_once(fake: FakeMastodon, shop: str, ana: str, caller: Caller) -> None:
    status_id = fake.post(ana, "Lovely")
    for _ in range(2):
        status = caller.post(f"{STATUSES}/{status_id}/favourite").json()
        assert (status["favourited"], status["favourites_count"]) == (True, 1)
    assert caller.post(f"{STATUSES}/1/favourite").status_code == 404
    assert fake.favourites_by(shop) == caller.ids("/api/v1/favourites") == [status_id]
    assert len(Caller(fake, "ana-token").ids()) == 1


def test_the_rate_limit_speaks_in_timestamps(fake: FakeMastodon, shop: str, caller: Caller) -> None:
    assert "x-ratelimit-limit" not in caller.get(NOTIFICATIONS).headers
    fake.options.rate_limit, fake.options.window_seconds = 2, 1.5
    answers = [caller.get(NOTIFICATIONS) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["1", "0", "0"]
    reset = datetime.fromisoformat(answers[2].headers["X-RateLimit-Reset"])
    assert abs((reset - datetime.now(UTC)).total_seconds()) < 2
    assert answers[2].json() == {"error": "Too many requests"}
    assert "retry-after" not in answers[2].headers
    assert Caller(fake).get("/api/v2/instance").status_code == 200
    time.sleep(1.6)
    assert caller.get(NOTIFICATIONS).status_code == 200


def test_the_instance_tells_its_limits() -> None:
    with FakeMastodon(domain="small.test", characters=1000, version="4.5.2") as server:
        current, older = (Caller(server).get(f"/api/{version}/instance").json() for version in ("v2", "v1"))
    limits = {"max_characters": 1000, "max_media_attachments": 4, "characters_reserved_per_url": 23}
    assert current["configuration"]["statuses"] == older["configuration"]["statuses"] == limits
    assert (current["domain"], current["version"], older["uri"]) == ("small.test", "4.5.2", "small.test")
    assert current["configuration"]["urls"]["streaming"].startswith("wss://")
    assert current["api_versions"] == {"mastodon": 7}
    assert "max_toot_chars" not in older


def test_quotes_come_with_4_5(fake: FakeMastodon, shop: str, ana: str, caller: Caller) -> None:
    plain = caller.get(f"{STATUSES}/{fake.post(ana, 'Look', quote=fake.post(shop, 'News'))}").json()
    assert "quote" not in plain
    assert "RE: <a " in plain["content"]
    assert caller.ids() == []
    with FakeMastodon(version="4.5.0") as newer:
        shop, ana = newer.add_account("shop", token="shop-token"), newer.add_account("ana")
        news = newer.post(shop, "News")
        status_id = newer.post(ana, "Look", quote=news)
        quoting = Caller(newer, "shop-token")
        status = quoting.get(f"{STATUSES}/{status_id}").json()
        assert (status["quote"]["state"], status["quote"]["quoted_status"]["id"]) == ("accepted", news)
        assert [one["type"] for one in quoting.get(NOTIFICATIONS).json()] == ["quote"]
        assert quoting.get(f"{STATUSES}/{news}").json()["quotes_count"] == 1
        newer.delete(news)
        gone = quoting.get(f"{STATUSES}/{status_id}").json()["quote"]
        assert gone == {"state": "deleted", "quoted_status": None}


def test_search_finds_words_only_where_the_server_can(fake: FakeMastodon, ana: str, zoe: str, caller: Caller) -> None:
    found = fake.post(ana, "The parcel is #late")
    fake.post(ana, "A parcel nobody sees", visibility="unlisted")

    def search(by: Caller, **query: Any) -> Any:
        return by.get("/api/v2/search", params=query).raise_for_status().json()

    assert [one["id"] for one in search(caller, q="PARCEL", type="statuses")["statuses"]] == [found]
    assert search(Caller(fake), q="parcel")["statuses"] == []
    assert [one["acct"] for one in search(caller, q="@zoe@far.example")["accounts"]] == ["zoe@far.example"]
    assert [one["id"] for one in search(caller, q=fake.uri(found), resolve="true")["statuses"]] == [found]
    assert Caller(fake).get("/api/v2/search", params={"q": "x", "resolve": "true"}).status_code == 401
    assert caller.get("/api/v2/search").status_code == 400
    with FakeMastodon(search=False) as small:
        small.post(small.add_account("ana", token="t"), "The parcel")
        assert search(Caller(small, "t"), q="parcel")["statuses"] == []


def test_the_other_flavour_differs_where_real_servers_do() -> None:
    with FakeMastodon(flavour="ulid", full_handles=True) as server:
        shop, ana = server.add_account("shop", token="shop-token"), server.add_account("ana")
        caller = Caller(server, "shop-token")
        status_id = server.post(ana, "Hello", mention=[shop])
        (notification,) = caller.get(NOTIFICATIONS).json()
        assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", one) for one in (status_id, notification["id"], shop))
        assert notification["status"]["account"]["acct"] == "ana@social.test"
        assert notification["status"]["mentions"][0]["acct"] == "shop@social.test"
        second = server.post(ana, "Again", mention=[shop])
        assert [one["status"]["id"] for one in caller.get(NOTIFICATIONS).json()] == [second, status_id]
        assert len(caller.ids(min_id=notification["id"])) == 1
        assert len(caller.ids(min_id="117020579695730951", limit=1)) == 1
        refused = Caller(server, "wrong").get(NOTIFICATIONS)
        assert refused.status_code == 400
        assert list(refused.json()) == ["error"]
        assert caller.get(STATUSES, params={"id[]": status_id}).status_code == 404
        assert caller.get("/api/v2/search", params={"q": "Hello"}).json()["statuses"] == []
        assert caller.get("/api/v2/instance").json()["configuration"]["statuses"]["max_characters"] == 500
        assert caller.say("Hi", key="one").json()["id"] != caller.say("Hi", key="one").json()["id"]
    assert server.crashes == []


def test_paths_are_named_by_template_and_faults_meet_them(fake: FakeMastodon, ana: str, caller: Caller) -> None:
    status_id = fake.post(ana, "Hello")
    lost = caller.get("/api/v1/instance/")
    assert (lost.status_code, lost.json()) == (404, {"error": "Record not found"})
    fake.fault("GET /api/v1/statuses/:id/context", Status(503))
    assert caller.get(f"{STATUSES}/{status_id}/context").status_code == 503
    fake.fault("GET /api/v1/accounts/verify_credentials", Hang(0.05))
    with pytest.raises(httpx.TransportError):
        caller.get("/api/v1/accounts/verify_credentials")
    assert caller.get("/api/v1/accounts/verify_credentials").json()["source"]["privacy"] == "public"
    caller.get("/api/v1/timelines/tag/late")
    caller.get(f"/api/v1/accounts/{ana}/statuses")
    assert [(one.method, one.status) for one in fake.requests] == [
        ("GET /api/v1/instance/", 404),
        ("GET /api/v1/statuses/:id/context", 503),
        ("GET /api/v1/accounts/verify_credentials", 0),
        ("GET /api/v1/accounts/verify_credentials", 200),
        ("GET /api/v1/timelines/tag/:tag", 200),
        ("GET /api/v1/accounts/:id/statuses", 200),
    ]


class TestOAuth:
    """Registering, consenting and trading a code for a token."""

    @pytest.fixture
    def app(self, fake: FakeMastodon) -> dict[str, Any]:
        fields = {"client_name": "Desk", "redirect_uris": BACK, "scopes": "read write:statuses"}
        app: dict[str, Any] = Caller(fake).post("/api/v1/apps", data=fields).raise_for_status().json()
        return app

    def test_a_code_serves_once(self, fake: FakeMastodon, shop: str, app: dict[str, Any]) -> None:
        fake.who_authorises(shop)
        back = Caller(fake).consent(app)
        assert back["state"] == ["s1"]
        (code,) = back["code"]
        assert Caller(fake).trade(app, code, redirect_uri="https://desk.example/").json()["error"] == "invalid_grant"
        wrong = Caller(fake).trade(app, code, client_secret="guess")
        assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
        token = Caller(fake).trade(app, code).json()
        assert (token["token_type"], token["scope"]) == ("Bearer", "read")
        assert abs(token["created_at"] - time.time()) < 5
        assert Caller(fake).trade(app, code).status_code == 400
        caller = Caller(fake, token["access_token"])
        assert caller.get("/api/v1/accounts/verify_credentials").json()["id"] == shop
        assert caller.get("/api/v1/apps/verify_credentials").json()["name"] == "Desk"
        assert caller.say("Hi").status_code == 403
        identity = {name: app[name] for name in ("client_id", "client_secret")}
        for _ in range(2):
            revoked = caller.post("/oauth/revoke", data={**identity, "token": token["access_token"]})
            assert (revoked.status_code, revoked.json()) == (200, {})
        assert caller.get(NOTIFICATIONS).status_code == 401
        assert caller.post("/oauth/revoke", data={**identity, "token": "shop-token"}).status_code == 403

    def test_pkce_wants_its_verifier(self, fake: FakeMastodon, shop: str, app: dict[str, Any]) -> None:
        fake.who_authorises(shop)
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        plain = Caller(fake).consent(app, code_challenge=verifier, code_challenge_method="plain")
        assert plain["error"] == ["invalid_code_challenge_method"]
        (code,) = Caller(fake).consent(app, code_challenge=challenge, code_challenge_method="S256")["code"]
        assert Caller(fake).trade(app, code).status_code == 400
        assert Caller(fake).trade(app, code, code_verifier="w" * 43).json()["error"] == "invalid_grant"
        assert Caller(fake).trade(app, code, code_verifier=verifier).status_code == 200

    def test_consent_is_refused_where_it_must(self, fake: FakeMastodon, shop: str, app: dict[str, Any]) -> None:
        assert Caller(fake).consent(app)["error"] == ["access_denied"]
        fake.who_authorises(shop)
        assert Caller(fake).consent(app, scope="write")["error"] == ["invalid_scope"]
        query = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": "https://evil.example/"}
        assert Caller(fake).get("/oauth/authorize", params=query).status_code == 400
        fields = {"client_name": "Desk", "redirect_uris": [BACK], "scopes": "read"}
        for status, changed in ((200, {}), (422, {"redirect_uris": "back"}), (422, {"scopes": "all"})):
            assert Caller(fake).post("/api/v1/apps", json=fields | changed).status_code == status
        lone = Caller(fake).trade(app, "", grant_type="client_credentials").json()["access_token"]
        assert Caller(fake, lone).get("/api/v1/apps/verify_credentials").status_code == 200
        assert Caller(fake, lone).get(NOTIFICATIONS).status_code == 422
