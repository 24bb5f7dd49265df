"""The fake network keeps the rules it is there to enforce."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .bluesky import FakeBluesky
from .faults import (
    Action,
    Drip,
    GzipBomb,
    Hang,
    HangAfter,
    Html,
    ResetAfter,
    ResetBefore,
    Status,
    Truncated,
    reset_at,
    retry_after,
    retry_after_date,
)

PUT = "com.atproto.repo.putRecord"
LIST = "app.bsky.notification.listNotifications"
POST = "app.bsky.feed.post"
PROXY = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
FACET = "app.bsky.richtext.facet"


@dataclass
class Caller:
    """A bare XRPC client."""

    url: str
    did: str = ""
    session: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, /, body: Any = None, *, token: str | None = "access", **options: Any) -> Any:
        """The status, the JSON and the headers of one call."""
        query, headers = options.get("query", {}), dict(options.get("headers", {}))
        url = f"{self.url}/xrpc/{method}?{urllib.parse.urlencode(query, doseq=True)}"
        if token is not None and self.session:
            headers["Authorization"] = f"Bearer {self.session[f'{token}Jwt']}"
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=options.get("timeout", 5)) as answer:
                return answer.status, json.loads(answer.read()), answer.headers
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read()), refused.headers

    def sign_in(self, password: str = "abcd-efgh-ijkl-mnop") -> Any:
        """Open a session."""
        body = {"identifier": self.did, "password": password}
        status, answer, headers = self.call("com.atproto.server.createSession", body, token=None)
        if status == 200:
            self.session = answer
        return status, answer, headers

    def put(self, record: dict[str, Any], rkey: str = "3kabcdefghij2", **options: Any) -> Any:
        """Put a post."""
        body = {"repo": self.did, "collection": POST, "rkey": rkey, "record": record}
        return self.call(PUT, body, **options)


@pytest.fixture
def fake() -> Iterator[FakeBluesky]:
    with FakeBluesky() as network:
        yield network
    assert network.crashes == []


@pytest.fixture
def shop(fake: FakeBluesky) -> Caller:
    caller = Caller(fake.url, fake.add_account("shop.example"))
    caller.sign_in()
    return caller


@pytest.fixture
def ada(fake: FakeBluesky) -> str:
    return fake.add_account("ada.example", followers=7)


def text_record(text: str, **fields: Any) -> dict[str, Any]:
    return {"$type": POST, "text": text, "createdAt": "2026-11-22T10:00:00.000Z", **fields}


def facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def test_sessions_open_refresh_expire_and_end(fake: FakeBluesky, shop: Caller) -> None:
    assert shop.session["didDoc"]["service"][0]["serviceEndpoint"] == fake.url
    assert Caller(fake.url, shop.did).sign_in("wrong")[:2] == (
        401,
        {"error": "AuthenticationRequired", "message": "Invalid identifier or password"},
    )
    assert shop.call(LIST, token=None)[1]["error"] == "AuthMissing"
    first = dict(shop.session)
    status, second, _ = shop.call("com.atproto.server.refreshSession", b"", token="refresh")
    assert status == 200
    assert second["refreshJwt"] != first["refreshJwt"]
    assert shop.call(LIST)[0] == 200, "the old access token lives out its time"
    status, error, _ = shop.call("com.atproto.server.refreshSession", b"", token="refresh")
    assert (status, error["error"]) == (400, "ExpiredToken")
    shop.session = second
    fake.expire_access_tokens(shop.did)
    assert shop.call(LIST)[1]["error"] == "ExpiredToken"
    assert shop.sign_in()[0] == 200
    fake.set_app_password(shop.did, "new-password", revoke_sessions=True)
    assert shop.call(LIST)[:2] == (400, {"error": "ExpiredToken", "message": "Token has been revoked"})
    assert shop.call("com.atproto.server.refreshSession", b"", token="refresh")[0] == 400
    assert shop.sign_in()[0] == 401
    assert shop.sign_in("new-password")[0] == 200


def test_access_tokens_run_out_and_sign_ins_are_counted(fake: FakeBluesky, shop: Caller) -> None:
    fake.options.access_seconds = 0.2
    shop.sign_in()
    assert shop.call(LIST)[0] == 200
    time.sleep(0.3)
    assert shop.call(LIST)[1]["error"] == "ExpiredToken"
    answers = [shop.sign_in() for _ in range(29)]
    assert [status for status, _, _ in answers] == [200] * 28 + [429]
    assert answers[-1][2]["RateLimit-Remaining"] == "0"


def test_an_identical_put_changes_nothing_and_another_replaces(fake: FakeBluesky, shop: Caller) -> None:
    first, again = shop.put(text_record("Hello"))[1], shop.put(text_record("Hello"))[1]
    assert (first["uri"], first["cid"]) == (again["uri"], again["cid"])
    other = shop.put(text_record("Hello!"))[1]
    assert other["uri"] == first["uri"]
    assert other["cid"] != first["cid"]
    assert [write.changed for write in fake.writes] == [True, False, True]
    (post,) = fake.posts_by(shop.did)
    assert (post.record["text"], post.created_by_call) == ("Hello!", 2)
    body = {"repo": shop.did, "collection": POST, "rkey": "3kabcdefghij2", "record": text_record("x")}
    assert shop.call("com.atproto.repo.createRecord", body)[0] == 400
    del body["record"]
    assert shop.call("com.atproto.repo.deleteRecord", body)[0] == 200
    assert fake.posts_by(shop.did) == []
    query = {"repo": "shop.example", "collection": POST, "rkey": "3kabcdefghij2"}
    assert shop.call("com.atproto.repo.getRecord", query=query)[1]["error"] == "RecordNotFound"


@pytest.mark.parametrize(
    "record",
    [
        text_record("a" * 301),
        text_record("👩‍👩‍👧‍👧" * 121),
        text_record("no zone", createdAt="2026-11-22T10:00:00"),
        text_record("date", createdAt="2026-13-22T10:00:00Z"),
        text_record("type") | {"$type": "app.bsky.feed.like"},
        text_record("half \ud83d"),
        text_record("langs", langs=["en", "de", "fr", "it"]),
        text_record("é", facets=[facet(0, 1, **{"$type": f"{FACET}#tag", "tag": "x"})]),
        text_record("abc", facets=[facet(0, 4, **{"$type": f"{FACET}#tag", "tag": "x"})]),
        text_record("abc", facets=[facet(2, 2, **{"$type": f"{FACET}#tag", "tag": "x"})]),
        text_record("abc", facets=[facet(0, 3, **{"$type": f"{FACET}#mention", "did": "ada.example"})]),
        text_record("abc", facets=[facet(0, 3, **{"$type": f"{FACET}#link", "uri": "example"})]),
        text_record("abc", facets=[facet(0, 3, **{"$type": "bold"})]),
        text_record("abc", reply={"root": {"uri": "at://x/y/z", "cid": "bafy"}}),
    ],
)
def test_a_record_against_the_lexicon_is_refused(fake: FakeBluesky, shop: Caller, record: dict[str, Any]) -> None:
    status, error, _ = shop.put(record)
    assert (status, error["error"]) == (400, "InvalidRequest")
    assert error["message"]
    assert fake.writes == []


def test_keys_repositories_and_limits_of_text(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    assert shop.put(text_record("x"), rkey="my-own-key")[0] == 400
    body = {"repo": ada, "collection": POST, "rkey": "3kabcdefghij2", "record": text_record("x")}
    assert shop.call(PUT, body)[0] == 403
    assert shop.put(text_record("é" * 300, facets=[facet(0, 2, **{"$type": f"{FACET}#tag", "tag": "x"})]))[0] == 200
    assert shop.call(PUT, body, token=None)[1]["error"] == "AuthMissing"
    assert shop.call("app.bsky.feed.nothing")[0] == 501


def test_a_reply_names_known_versions_and_the_real_root(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    root = fake.post(ada, "My parcel is late")
    middle = fake.post(ada, "Still late", reply_to=root)
    reference = {uri: {"uri": uri, "cid": fake.cid(uri)} for uri in (root, middle)}
    wrong_root = {"root": reference[middle], "parent": reference[middle]}
    assert shop.put(text_record("Sorry", reply=wrong_root))[0] == 400
    wrong_cid = {"root": reference[root], "parent": reference[middle] | {"cid": reference[root]["cid"]}}
    assert shop.put(text_record("Sorry", reply=wrong_cid))[0] == 400
    fake.edit(middle, "Still very late")
    right = {"root": reference[root], "parent": reference[middle]}
    assert shop.put(text_record("Sorry", reply=right))[0] == 200, "a version that was once published"
    fake.delete(middle)
    assert shop.put(text_record("Sorry again", reply=right))[0] == 200
    assert shop.call("app.bsky.feed.getPostThread", query={"uri": middle})[1]["error"] == "NotFound"
    uri = fake.posts_by(shop.did)[0].uri
    thread = shop.call("app.bsky.feed.getPostThread", query={"uri": uri})[1]["thread"]
    assert thread["parent"] == {"$type": "app.bsky.feed.defs#notFoundPost", "uri": middle, "notFound": True}


def test_notifications_are_filtered_and_paged_backwards(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    own = fake.post(shop.did, "We are open")
    reply = fake.post(ada, "Until when?", reply_to=own)
    quote = fake.post(ada, "Look", quote=own)
    mention = fake.post(ada, "Grüße @shop.example!", mention=[shop.did])
    record = fake.posts_by(ada)[-1].record
    index = record["facets"][0]["index"]
    assert record["text"].encode()[index["byteStart"] : index["byteEnd"]] == b"@shop.example"

    def listed(**query: Any) -> Any:
        return shop.call(LIST, query=query)[1]

    reasons = [(one["uri"], one["reason"]) for one in listed()["notifications"]]
    assert reasons == [(mention, "mention"), (quote, "quote"), (reply, "reply")]
    assert [one["reason"] for one in listed(reasons=["mention", "reply"])["notifications"]] == ["mention", "reply"]
    first = listed(limit=2)
    fake.post(ada, "Later", mention=[shop.did])
    rest = listed(limit=2, cursor=first["cursor"])
    assert [one["uri"] for one in rest["notifications"]] == [reply]
    assert "cursor" not in rest
    assert [listed(limit=limit).get("error") for limit in (0, 101)] == ["InvalidRequest"] * 2
    fake.raw_notification(shop.did, {"reason": 5})
    assert listed(reasons=["reply"])["notifications"][0] == {"reason": 5}
    fake.delete(quote)
    assert quote not in [one.get("uri") for one in listed()["notifications"]]


def test_shuffled_pages_overlap_and_still_hold_everything(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    fake.options.shuffle_pages = True
    uris = [fake.post(ada, f"Number {number}", mention=[shop.did]) for number in range(10)]
    seen, query = [], {"limit": "4"}
    while True:
        answer = shop.call(LIST, query=query)[1]
        seen += [one["uri"] for one in answer["notifications"]]
        if "cursor" not in answer:
            break
        query["cursor"] = answer["cursor"]
    assert set(seen) == set(uris)
    assert len(seen) > len(uris)
    assert list(dict.fromkeys(seen)) != uris[::-1]


def test_posts_people_and_search_are_read(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    uri = fake.post(ada, "The Kettle leaks #help")
    fake.post(ada, "An old kettle", created_at="2020-01-01T00:00:00Z")
    found = shop.call("app.bsky.feed.searchPosts", query={"q": "kettle", "since": "2021-01-01"})[1]["posts"]
    assert [one["uri"] for one in found] == [uri]
    assert len(shop.call("app.bsky.feed.searchPosts", query={"q": "kettle", "sort": "latest"})[1]["posts"]) == 2
    assert shop.call("app.bsky.feed.searchPosts")[0] == 400
    assert len(shop.call("app.bsky.feed.getPosts", query={"uris": [uri, f"{uri}x"]})[1]["posts"]) == 1
    assert shop.call("app.bsky.feed.getPosts", query={"uris": [uri] * 26})[0] == 400
    (profile,) = shop.call("app.bsky.actor.getProfiles", query={"actors": ["ada.example", "nobody.example"]})[1][
        "profiles"
    ]
    assert (profile["did"], profile["followersCount"]) == (ada, 7)
    assert shop.call("com.atproto.identity.resolveHandle", query={"handle": "ada.example"})[1] == {"did": ada}
    body = {"repo": shop.did, "collection": "app.bsky.feed.like", "rkey": "3kabcdefghij2"}
    like = {"$type": "app.bsky.feed.like", "createdAt": "2026-11-22T10:00:00Z"}
    assert shop.call(PUT, {**body, "record": like})[0] == 400
    assert shop.call(PUT, {**body, "record": like | {"subject": {"uri": uri, "cid": fake.cid(uri)}}})[0] == 200
    assert len(fake.likes_by(shop.did)) == 1


def test_chat_keeps_a_durable_log_and_no_idempotency(fake: FakeBluesky, shop: Caller, ada: str) -> None:
    fake.direct(ada, shop.did, "Psst")

    def chat(name: str, body: Any = None, **query: Any) -> Any:
        return shop.call(f"chat.bsky.convo.{name}", body, headers=PROXY, query=query)

    assert shop.call("chat.bsky.convo.getLog")[0] == 501
    log = chat("getLog")[1]
    assert [entry["$type"].rpartition("#")[2] for entry in log["logs"]] == ["logBeginConvo", "logCreateMessage"]
    convo = chat("getConvoForMembers", members=[ada])[1]["convo"]["id"]
    message = {"convoId": convo, "message": {"text": "Yes?"}}
    assert [chat("sendMessage", message)[0] for _ in range(2)] == [200, 200]
    assert [one.text for one in fake.messages_from(shop.did)] == ["Yes?", "Yes?"]
    later = chat("getLog", cursor=log["cursor"])[1]
    assert [entry["message"]["text"] for entry in later["logs"]] == ["Yes?", "Yes?"]
    assert [one["text"] for one in chat("getMessages", convoId=convo)[1]["messages"]] == ["Yes?", "Yes?", "Psst"]
    assert chat("listConvos")[1]["convos"][0]["id"] == convo
    assert chat("sendMessage", {"convoId": convo, "message": {"text": "a" * 1001}})[0] == 400
    fake.refuse_chat(ada, "NotFollowedBySender")
    assert chat("sendMessage", message)[1]["error"] == "NotFollowedBySender"
    fake.options.chat = False
    assert chat("getLog")[:2] == (502, {"error": "UpstreamFailure", "message": "pipethrough network error"})


def test_limits_are_announced(fake: FakeBluesky, shop: Caller) -> None:
    fake.options.rate_limit = 1
    assert shop.call(LIST)[2]["RateLimit-Remaining"] == "0"
    status, error, headers = shop.call(LIST)
    assert (status, error["error"]) == (429, "RateLimitExceeded")
    assert 0 < int(headers["Retry-After"]) <= 301
    assert time.time() < int(headers["RateLimit-Reset"]) <= time.time() + 301
    fake.options.rate_limit = None
    fake.fault(LIST, retry_after(3))
    fake.fault(LIST, retry_after_date(3))
    fake.fault(LIST, reset_at(3))
    answers = [shop.call(LIST) for _ in range(4)]
    assert [status for status, _, _ in answers] == [429, 429, 429, 200]
    assert answers[0][2]["Retry-After"] == "3"
    assert answers[1][2]["Retry-After"].endswith("GMT")
    assert "Retry-After" not in answers[2][2]


@pytest.mark.parametrize(
    ("action", "performed", "failure"),
    [
        (Status(503), False, None),
        (Status(500, b"<h1>no JSON</h1>", perform=True), True, ValueError),
        (Hang(5), False, TimeoutError),
        (HangAfter(5), True, TimeoutError),
        (ResetBefore(), False, ConnectionResetError),
        (ResetAfter(), True, ConnectionResetError),
        (Truncated(), True, http.client.IncompleteRead),
        (Html(), False, ValueError),
        (Drip(0.001), True, None),
    ],
)
def test_faults_perform_or_not_as_they_say(
    fake: FakeBluesky, shop: Caller, action: Action, performed: bool, failure: type[Exception] | None
) -> None:
    fake.fault(PUT, action)
    if failure is None:
        shop.put(text_record("Hello"))
    else:
        with pytest.raises(failure):
            shop.put(text_record("Hello"), timeout=0.3)
    assert bool(fake.posts_by(shop.did)) is performed
    assert shop.put(text_record("Hello"))[0] == 200
    assert [write.changed for write in fake.writes] == ([True, False] if performed else [True])
    assert fake.requests[-1].status == 200


def test_a_bomb_unfolds(fake: FakeBluesky, shop: Caller) -> None:
    fake.always(LIST, GzipBomb(3))
    request = urllib.request.Request(f"{fake.url}/xrpc/{LIST}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        packed = answer.read()
    assert len(packed) < 10_000
    assert len(gzip.decompress(packed)) == 3 * 1024 * 1024 + 2
    fake.clear()
    assert shop.call(LIST)[0] == 200


def test_barriers_hold_and_a_stop_performs_nothing_held(fake: FakeBluesky, shop: Caller) -> None:
    after = fake.pause_after(PUT)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(shop.put(text_record("Hello"))))
    caller.start()
    assert after.reached(5)
    assert len(fake.posts_by(shop.did)) == 1
    assert answers == []
    after.release()
    caller.join(5)
    assert answers[0][0] == 200

    def fails() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            shop.put(text_record("Never"), rkey="3kabcdefghij3")

    before = fake.pause_before(PUT)
    caller = threading.Thread(target=fails)
    caller.start()
    assert before.reached(5)
    url = fake.url
    fake.stop()
    caller.join(5)
    with pytest.raises(urllib.error.URLError):
        shop.call(LIST)
    fake.start()
    before.release()
    assert fake.url == url
    assert [post.record["text"] for post in fake.posts_by(shop.did)] == ["Hello"]
    assert shop.call(LIST)[0] == 200, "sessions outlive a restart"
