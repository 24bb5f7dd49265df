"""The same main job on a real Bluesky network (PLC, PDS and AppView from their published packages)."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from helpdesk.models import Message, Notice, Ticket
from mentions.models import Account
from tests.conftest import SHARED
from tests.processes import Background, background
from tests.turns import turn
from tests.world import World

pytestmark = [pytest.mark.shared, pytest.mark.postgres, pytest.mark.redis, pytest.mark.django_db(transaction=True)]

PDS = "http://127.0.0.1:2583"


def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    """What `condition` gives once it is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.25)
    pytest.fail(f"not within {seconds} s")


class Person:
    """An account on the network, used through its own API."""

    def __init__(self, name: str) -> None:
        self.handle = f"{name}{int(time.time() * 1000) % 10**9}.test"
        body = {"handle": self.handle, "email": f"{self.handle}@mail.test", "password": "secret-main"}
        answer = httpx.post(f"{PDS}/xrpc/com.atproto.server.createAccount", json=body).raise_for_status().json()
        self.did, self.headers = answer["did"], {"authorization": f"Bearer {answer['accessJwt']}"}

    def call(self, name: str, /, **body: Any) -> Any:
        answer = httpx.post(f"{PDS}/xrpc/{name}", json=body, headers=self.headers)
        return answer.raise_for_status().json() if answer.content else {}

    def app_password(self, name: str) -> str:
        return str(self.call("com.atproto.server.createAppPassword", name=name)["password"])

    def say(self, text: str, mentions: Person | None = None, reply: dict[str, Any] | None = None) -> dict[str, str]:
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "createdAt": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
        }
        if mentions:
            start = text.encode().index(b"@")
            end = start + len(f"@{mentions.handle}")
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": mentions.did}
            record["facets"] = [{"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}]
        if reply:
            record["reply"] = reply
        answer = self.call(
            "com.atproto.repo.createRecord", repo=self.did, collection="app.bsky.feed.post", record=record
        )
        return {"uri": answer["uri"], "cid": answer["cid"]}

    def posts(self) -> list[dict[str, Any]]:
        params = {"repo": self.did, "collection": "app.bsky.feed.post"}
        return list(httpx.get(f"{PDS}/xrpc/com.atproto.repo.listRecords", params=params).json()["records"])


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """The network, started where it does not run yet; one that ran before is left running."""
    try:
        ran = httpx.get(f"{PDS}/xrpc/_health", timeout=3).status_code == 200
    except httpx.HTTPError:
        ran = False
    folder = SHARED / "realservers"
    if not ran:
        with turn("start"):
            subprocess.run([str(folder / "bluesky" / "start.sh")], check=True, timeout=420, env=os.environ)
    yield
    if not ran:
        subprocess.run([str(folder / "stop.sh"), "bluesky"], check=False, timeout=30)


@pytest.fixture
def workers(transactional_db: None) -> Iterator[Background]:
    with background(tick=1) as running:
        yield running


def test_a_mention_on_a_real_network_is_answered_exactly_once(network: None, workers: Background, world: World) -> None:
    us, ana = Person("northwind"), Person("ana")
    manager, agent = world.api(world.manager), world.api(world.agent)
    settings = {"base_url": PDS, "identifier": us.handle, "app_password": us.app_password("first")}
    body = {"platform": "bluesky", "name": "Bluesky", "settings": settings, "rhythm_seconds": 2}
    made = manager.post("/api/v1/sources/", body, format="json")
    assert made.status_code == 201, made.content

    asked = ana.say(f"@{us.handle} my order never arrived", mentions=us)
    ticket = until(Ticket.objects.first)
    reply = {"text": f"@{ana.handle} sorry! Please send us the order number.", "visibility": "public"}
    sent = [
        agent.post(f"/api/v1/tickets/{ticket.pk}/replies/", reply, format="json", headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [202, 202]
    until(lambda: agent.get(f"/api/v1/deliveries/{sent[0].json()['id']}/").json()["state"] == "sent")
    posts = us.posts()
    assert len(posts) == 1
    assert posts[0]["value"]["reply"]["parent"] == asked == posts[0]["value"]["reply"]["root"]

    again = ana.say("It is 4711.", reply={"root": asked, "parent": {"uri": posts[0]["uri"], "cid": posts[0]["cid"]}})
    until(lambda: Message.objects.filter(kind="inbound").count() == 2)
    assert Ticket.objects.count() == 1

    edited = {
        "$type": "app.bsky.feed.post",
        "text": "It is 4712.",
        "createdAt": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
    }
    edited["reply"] = {"root": asked, "parent": {"uri": posts[0]["uri"], "cid": posts[0]["cid"]}}  # type: ignore[assignment]
    rkey = again["uri"].rsplit("/", 1)[1]
    ana.call("com.atproto.repo.putRecord", repo=ana.did, collection="app.bsky.feed.post", rkey=rkey, record=edited)
    until(lambda: Message.objects.filter(text="It is 4712.").exists())
    ana.call("com.atproto.repo.deleteRecord", repo=ana.did, collection="app.bsky.feed.post", rkey=rkey)
    gone = until(lambda: Message.objects.filter(kind="inbound").exclude(deleted_at=None).first())
    assert gone.text == ""

    us.call("com.atproto.server.revokeAppPassword", name="first")
    Account.objects.update(sealed_session="")
    until(lambda: Notice.objects.filter(settled_at=None, code="account.reconnect").exists())
    source = f"/api/v1/sources/{made.json()['id']}/"
    assert manager.get(source).json()["health"]["code"] == "reconnect"
    assert len(manager.get("/api/v1/notices/?open=true").json()["results"]) == 1
    ana.say(f"@{us.handle} are you still there?", mentions=us)
    fresh = {"settings": {"app_password": us.app_password("second")}}
    assert manager.patch(source, fresh, format="json").status_code == 200
    until(lambda: Message.objects.filter(text__contains="still there").exists())
    assert manager.get("/api/v1/notices/?open=true").json()["results"] == []
