"""Push in: verified before it is parsed, stored and answered at once, worked on in the background, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from helpdesk.models import Message
from mentions import polling, pushes
from mentions.models import Account, Mention, Push, Quarantine, Source
from tests.fakes.x import FakeX
from tests.world import World, connect

pytestmark = pytest.mark.django_db
SECRET = "consumer-secret"


@dataclass
class Scene:
    x: FakeX
    source: Source
    us: str
    ana: str
    path: str

    def push(self, event: Any, *, secret: str = SECRET, body: bytes = b"") -> Any:
        raw = body or json.dumps(event).encode()
        headers = {"x-twitter-webhooks-signature": FakeX.signature(secret, raw)}
        return Client().post(self.path, raw, content_type="application/json", headers=headers)

    def mention(self, words: str) -> Any:
        return self.x.mention_event(self.us, self.x.post(self.ana, f"@northwind {words}"))


@pytest.fixture(params=["tweet", "post"])
def scene(world: World, request: pytest.FixtureRequest) -> Iterator[Scene]:
    with FakeX(limits=False, spelling=request.param) as x:
        us = x.add_account("northwind")
        settings = {"base_url": x.url, "access_token": x.token(us), "consumer_secret": SECRET}
        source = connect(world, "x", settings)
        answer = world.api(world.manager).get(f"/api/v1/sources/{source.pk}/").json()
        path = "/" + answer["hook_url"].split("/", 3)[3]
        yield Scene(x, source, us, x.add_account("ana", followers=12), path)
        assert x.crashes == []


def work() -> dict[str, int]:
    return pushes.work_on(Account.objects.get().pk)


def test_what_is_for_another_account_of_the_app_is_that_account_s(world: World, scene: Scene) -> None:
    other = scene.x.add_account("railhelp")
    settings = {"base_url": scene.x.url, "access_token": scene.x.token(other), "consumer_secret": SECRET}
    connect(world, "x", settings, name="Rail help")
    post = scene.x.post(scene.ana, "@railhelp hello")
    assert scene.push(scene.x.mention_event(other, post)).status_code == 200
    assert Push.objects.get().account.external_id == other
    stranger = scene.x.add_account("stranger")
    assert scene.push(scene.x.mention_event(stranger, scene.x.post(scene.ana, "@stranger hi"))).status_code == 200
    assert Push.objects.count() == 1, "an account that is none of ours"


def test_a_challenge_is_answered_with_the_proof(scene: Scene) -> None:
    answer = Client().get(scene.path, {"crc_token": "abc"})
    assert answer.json() == {"response_token": FakeX.crc(SECRET, "abc")}


def test_a_pushed_mention_is_stored_answered_and_then_taken_in_once(scene: Scene) -> None:
    event = scene.mention("late again")
    assert scene.push(event).status_code == 200
    assert not Message.objects.exists()
    assert scene.push(event).status_code == 200
    assert Push.objects.count() == 1
    assert work() == {"done": 1, "left": 0}
    assert polling.poll(scene.source.pk, forced=True)["new"] == 0, "the poll finds what was pushed"
    message = Message.objects.get()
    assert (message.text, message.profile.handle, message.reach) == ("@northwind late again", "ana", 12)  # type: ignore[union-attr]
    assert scene.push(event).status_code == 200
    assert work() == {"done": 0, "left": 0}
    assert Push.objects.get().body is None, "the words stand in the message now, and nowhere else"


def test_a_direct_message_and_a_deletion_are_taken_in(scene: Scene) -> None:
    scene.push(scene.x.dm_event(scene.us, scene.x.dm(scene.ana, scene.us, "my number is N-1")))
    ours = scene.x.post(scene.us, "Trains run")
    scene.push(scene.x.mention_event(scene.us, ours))
    work()
    assert Message.objects.get().visibility == "private"
    scene.push(scene.x.delete_event(scene.us, ours))
    work()
    assert Mention.objects.get(external_id=ours).deleted_at is not None


@pytest.mark.parametrize(
    "headers", [{}, {"x-twitter-webhooks-signature": "sha256=AAAA"}, {"x-twitter-webhooks-signature": "ü"}]
)
def test_what_is_not_signed_is_refused_before_it_is_read(scene: Scene, headers: dict[str, str]) -> None:
    answer = Client().post(scene.path, b"{not json", content_type="application/json", headers=headers)
    assert answer.status_code == 403
    assert "signature" in answer.json()["detail"]
    assert scene.push(scene.mention("x"), secret="another").status_code == 403
    assert not Push.objects.exists()


def test_an_address_that_is_nobodys_says_nothing_more(scene: Scene) -> None:
    token = Account.objects.get().hook_token
    for path in ("/hooks/x/guessed/", f"/hooks/bluesky/{token}/", f"/hooks/nothing/{token}/", f"/hooks/feed/{token}/"):
        assert Client().post(path, b"{}", content_type="application/json").status_code == 404


def test_an_old_body_played_again_is_refused(scene: Scene) -> None:
    event = scene.mention("late again")
    assert scene.push(event).status_code == 200
    work()
    with time_machine.travel(timezone.now() + pushes.KEPT * 1.1):
        pushes.tidy(timezone.now())
        assert not Push.objects.exists()
        assert scene.push(event).status_code == 400
    assert Message.objects.count() == 1


def test_what_cannot_be_read_waits_in_quarantine(scene: Scene) -> None:
    event = scene.mention("fine")
    event["data"]["payload"]["created_at"] = None
    scene.push(event)
    scene.push({"what": "is this"})
    assert Push.objects.count() == 2
    work()
    assert Quarantine.objects.count() == 2


def test_what_is_signed_but_no_json_is_refused(scene: Scene) -> None:
    assert scene.push(None, body=b"{").status_code == 400
    assert scene.push(None, body=b"[" * 100_000).status_code == 400


def test_what_comes_while_another_worker_reads_waits_its_turn(scene: Scene) -> None:
    scene.push(scene.mention("late again"))
    lease = polling.claim(scene.source.pk, forced=True)
    assert lease is not None
    assert work() == {"done": 0, "left": 1}
    polling.release(lease)
    Push.objects.update(due_at=timezone.now())
    assert work() == {"done": 1, "left": 0}


def test_a_paused_source_takes_nothing_in_until_it_listens_again(scene: Scene) -> None:
    Source.objects.update(is_active=False)
    scene.push(scene.mention("late again"))
    assert pushes.due_accounts(10) == []
    Source.objects.update(is_active=True)
    assert pushes.due_accounts(10) == [Account.objects.get().pk]


def test_only_managers_see_the_address(world: World, scene: Scene) -> None:
    answer = world.api(world.agent).get(f"/api/v1/sources/{scene.source.pk}/").json()
    assert answer["hook_url"] is None
