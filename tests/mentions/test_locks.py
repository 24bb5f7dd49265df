"""Two connections at once on PostgreSQL: one order of locks everywhere, and nobody's change is overwritten.

Source, then the brand's counter, then tickets by key, then what hangs on them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.db import connections
from django.utils import timezone

from helpdesk import summary
from helpdesk.models import Message
from helpdesk.workflow import tickets, verbs
from mentions import connecting, ingest, polling
from mentions.models import Account
from mentions.platforms.base import Author, Connector, Page, Post
from tests.mentions.conftest import PASSWORD, Heard

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

Act = Callable[[], object]


class Silent:
    def authors(self, ids: object) -> dict[str, Author]:
        return {}


NOBODY = cast("Connector", Silent())


def at_once(*acts: Act) -> None:
    """Run each in a thread with a connection of its own; none may fail."""
    errors: list[BaseException] = []

    def go(act: Act) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert errors == []


def post(did: str, uri: str, text: str, root: str, version: str = "v") -> Post:
    return Post(
        kind="post",
        external_id=uri,
        author=Author(did, reach=1),
        text=text,
        said_at=timezone.now(),
        thread_key=root,
        version=version,
        root_author_id=did,
        raw={"text": text},
    )


def stored(heard: Heard, lease: ingest.Lease | None, *posts: Post) -> None:
    assert lease is not None
    ingest.store(lease, Page(posts), NOBODY)


def test_an_edit_and_a_new_message_of_one_ticket(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    search = heard.also_listen("search", "train")
    leases = polling.claim(heard.source.pk, forced=True), polling.claim(search.pk, forced=True)
    edited, follow = threading.Event(), ingest.follow_edit

    def slow(*args: Any) -> None:
        follow(*args)
        edited.set()
        time.sleep(1)

    monkeypatch.setattr(ingest, "follow_edit", slow)

    def new_message() -> None:
        edited.wait(10)
        stored(heard, leases[1], post(heard.ana, "at://x/p/2", "another train", heard.uri))

    stranger = post("did:x", "at://did:x/p/1", "a train", "at://did:x/p/1")
    at_once(
        lambda: stored(heard, leases[0], post(heard.ana, heard.uri, "edited train", heard.uri, "v2"), stranger),
        new_message,
    )
    assert Message.objects.filter(text="edited train").exists()
    assert Message.objects.count() == 3


def test_a_correction_and_an_edit(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, message = polling.claim(heard.source.pk, forced=True), Message.objects.get()
    held, locked = threading.Event(), verbs.locked

    def slow(ticket_id: int) -> Any:
        row = locked(ticket_id)
        held.set()
        time.sleep(1)
        return row

    monkeypatch.setattr("helpdesk.workflow.tickets.locked", slow)

    def edit() -> None:
        held.wait(10)
        stored(heard, lease, post(heard.ana, heard.uri, "terrible, I want a refund", heard.uri, "v2"))

    at_once(lambda: tickets.correct_triage(message.pk, heard.world.agent, intent="idea"), edit)
    message.refresh_from_db()
    assert (message.intent, message.text) == ("idea", "terrible, I want a refund")


def test_a_correction_made_while_an_edit_is_on_its_way(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, message = polling.claim(heard.source.pk, forced=True), Message.objects.get()
    begun, corrected, follow = threading.Event(), threading.Event(), ingest.follow_edit

    def late(*args: Any) -> None:
        begun.set()
        corrected.wait(10)
        follow(*args)

    monkeypatch.setattr(ingest, "follow_edit", late)

    def correct() -> None:
        begun.wait(10)
        tickets.correct_triage(message.pk, heard.world.agent, intent="idea")
        corrected.set()

    at_once(
        lambda: stored(heard, lease, post(heard.ana, heard.uri, "terrible, I want a refund", heard.uri, "v2")), correct
    )
    message.refresh_from_db()
    assert message.intent == "idea"


def test_a_call_logged_while_an_edit_is_summed_up(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    lease, ticket = polling.claim(heard.source.pk, forced=True), heard.ticket
    computed, compute, editor = threading.Event(), summary._computed, threading.Event()

    def slow(ids: Any) -> Any:
        rows = list(compute(ids))
        if not editor.is_set():
            editor.set()
            computed.set()
            time.sleep(1)
        return rows

    monkeypatch.setattr(summary, "_computed", slow)

    def call() -> None:
        computed.wait(10)
        tickets.log_call(ticket.pk, heard.world.agent, "called her")

    at_once(lambda: stored(heard, lease, post(heard.ana, heard.uri, "edited", heard.uri, "v2")), call)
    monkeypatch.undo()
    assert summary.differences([ticket.pk]) == []


def test_a_page_and_a_reconnection(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = polling.claim(heard.source.pk, forced=True)
    begun, fenced = threading.Event(), ingest.fenced

    def slow(claimed: ingest.Lease) -> Any:
        row = fenced(claimed)
        begun.set()
        time.sleep(1.5)
        return row

    monkeypatch.setattr(ingest, "fenced", slow)

    def reconnect() -> None:
        begun.wait(10)
        connecting.reconnect(Account.objects.get(), heard.world.manager, {"app_password": PASSWORD})

    at_once(lambda: stored(heard, lease, post("did:x", "at://did:x/p/1", "a train", "at://did:x/p/1")), reconnect)
