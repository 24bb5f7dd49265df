"""Faults while listening (numbers as in the list of what may go wrong)."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time

import pytest
import time_machine
from django.utils import timezone

from helpdesk.models import Message, Notice
from mentions.models import Account, Mention, Quarantine, Source
from tests.fakes import faults as fault
from tests.faults.conftest import Stage, until
from tests.processes import Background, background
from tests.world import listen

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "app.bsky.notification.listNotifications"


def test_01_a_child_killed_in_the_middle_of_a_page(stage: Stage, workers: Background) -> None:
    workers.kill(workers.processes[0])
    workers.worker(processes=1, name="one")  # its only child is the one that works
    barrier = stage.network.pause_after("app.bsky.actor.getProfiles")
    for number in range(30):
        stage.mention(f"number {number}")
    assert barrier.reached(20)
    for child in workers.children(workers.processes[-1]):
        os.kill(child, signal.SIGKILL)
    barrier.release()
    stage.heard(30)
    stage.judge(30)


def test_02_a_whole_worker_killed_in_the_middle_of_a_pass(stage: Stage, workers: Background) -> None:
    with time_machine.travel(timezone.now() - dt.timedelta(hours=2)):  # older than the overlap of two looks
        for number in range(60):
            stage.mention(f"number {number}")
    for number in range(60, 150):
        stage.mention(f"number {number}")
    stage.heard(150)
    cursor = dict(Source.objects.get().cursor)
    Mention.objects.all().delete()
    Message.objects.all().delete()
    workers.kill(workers.processes[0])
    Source.objects.update(cursor={}, lease_until=None)
    second_page = stage.network.pause_before(LIST)
    workers.worker(name="two")
    assert second_page.reached(20)
    second_page.release()
    again = stage.network.pause_before(LIST)
    assert again.reached(20)
    workers.kill(workers.processes[-1])
    again.release()
    source = Source.objects.get()
    assert source.cursor == {} or source.cursor == cursor, "a cursor within a pass is no resume point"
    workers.worker(name="three")
    stage.heard(150)
    assert Mention.objects.count() == 150


@pytest.mark.parametrize("header", ["seconds", "date", "reset"])
def test_12_asked_to_slow_down(stage: Stage, header: str) -> None:
    answers = {"seconds": fault.retry_after(8), "date": fault.retry_after_date(18), "reset": fault.reset_at(18)}
    made = time.monotonic()
    stage.mention("hello")
    stage.network.fault(LIST, answers[header])
    with background(tick=1):
        until(lambda: Source.objects.get().throttled_until, 20)
        assert Source.objects.get().failures == 0, "slowing down is no failure"
        stage.heard(1)
    refused, again = [request.at for request in stage.network.requests if request.method == LIST][:2]
    earliest = refused + 8 if header == "seconds" else made + 17  # the others name a moment, in whole seconds
    assert again >= earliest, "it did not wait"
    stage.judge(1)


def test_13_a_burst_of_errors_opens_the_breaker_and_others_stay_on_time(stage: Stage, workers: Background) -> None:
    other = listen(stage.world, stage.network, stream="search", query="ferry")
    Source.objects.update(rhythm_seconds=1)
    stage.network.always(LIST, fault.Status(500))
    until(lambda: Source.objects.get(pk=stage.source.pk).breaker_until, 60, lambda: str(stage.state()))
    asked = len([r for r in stage.network.requests if r.method == LIST])
    looks = len([r for r in stage.network.requests if r.method.endswith("searchPosts")])
    time.sleep(6)
    assert len([r for r in stage.network.requests if r.method == LIST]) - asked <= 4
    assert len([r for r in stage.network.requests if r.method.endswith("searchPosts")]) - looks >= 2
    assert Source.objects.get(pk=other.pk).failures == 0
    assert Notice.objects.filter(code="source.broken", settled_at=None).count() == 1
    stage.network.clear()
    stage.mention("back again")
    Source.objects.update(next_poll_at="2020-01-01T00:00Z")
    stage.heard(1)
    until(lambda: not Notice.objects.filter(settled_at=None).exists(), 20)
    stage.judge(1)


@pytest.mark.parametrize("action", [fault.Hang(6), fault.Drip(0.4)], ids=["hang", "drip"])
def test_14_a_hanging_or_dripping_platform(stage: Stage, workers: Background, action: fault.Action) -> None:
    stage.mention("hello")
    Source.objects.update(rhythm_seconds=4)  # so that the problem stands long enough to be read
    stage.network.fault(LIST, action)
    until(lambda: stage.problem() == "unreachable", 20, lambda: str(stage.state()))
    stage.heard(1)
    stage.judge(1)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (fault.Truncated(), "unreachable"),
        (fault.Html(), "undecodable"),
        (fault.GzipBomb(40), "too_large"),
        (fault.Body(b'{"notifications": 7}'), "undecodable"),
        (fault.Body(b"[]"), "undecodable"),
    ],
    ids=["truncated", "html", "bomb", "wrong type", "list"],
)
def test_15_an_answer_that_is_none(stage: Stage, workers: Background, action: fault.Action, code: str) -> None:
    stage.mention("hello")
    Source.objects.update(rhythm_seconds=4)  # so that the problem stands long enough to be read
    stage.network.fault(LIST, action)
    until(lambda: stage.problem() == code, 20, lambda: str(stage.state()))
    stage.heard(1)
    assert Source.objects.get().cursor
    stage.judge(1)


def test_16_pages_that_overlap_and_are_out_of_order(stage: Stage) -> None:
    stage.network.options.shuffle_pages = True
    for number in range(230):
        stage.mention(f"number {number}")
    with background(tick=1):
        stage.heard(230)
        stage.mention("one more")
        stage.heard(231)
    stage.judge(231)


def test_19_hostile_text_is_kept_and_harmless(stage: Stage, workers: Background) -> None:
    texts = [
        "nul \x00 here",
        "override \u202egnp.exe",
        "family 👩‍👩‍👧 stays",
        "tag\u200dged",
        "bell \x07",
        "é as e\u0301",
        "z" * 25_000,
    ]
    for text in [*texts, "lone \ud800 surrogate"]:
        stage.mention(text)
    stage.network.raw_notification(stage.us, {"uri": "at://broken", "reason": "mention", "indexedAt": "yesterday"})
    stage.heard(8)
    kept = {message.text for message in Message.objects.filter(kind="inbound")}
    assert any("family 👩‍👩‍👧 stays" in text for text in kept)
    assert not any("\x00" in text or "\ud800" in text for text in kept)
    assert Message.objects.filter(is_cut=True).count() == 1
    until(lambda: Quarantine.objects.count() == 1, 10)
    page = stage.world.desk(stage.world.agent).get("/desk/inbox/next/").content.decode()
    assert "\u202e" not in page
    hostile = Message.objects.get(text__contains="gnp.exe")
    page = stage.world.desk(stage.world.agent).get(f"/desk/tickets/{hostile.ticket_id}/").content.decode()
    assert "⟦RLO⟧gnp.exe" in page, "what was turned round is shown, not obeyed"
    assert "\u202e" not in page


def test_21_two_beats_and_two_pollers(stage: Stage, workers: Background) -> None:
    workers.worker(name="two")
    workers.beat(name="two")
    for number in range(25):
        stage.mention(f"number {number}")
        time.sleep(0.1)
    stage.heard(25)
    stage.network.fault("chat.bsky.convo.sendMessage", fault.HangAfter(1.5))  # longer than a tick, shorter than a lease
    stage.settled(stage.reply("One answer."))
    stage.settled(stage.reply("And one in private.", "private"))
    assert stage.sent() == ["One answer."]
    assert len(stage.network.messages_from(stage.us)) == 1
    stage.judge(25)


def test_25_a_token_revoked_in_the_middle_of_a_pass(stage: Stage) -> None:
    for number in range(120):
        stage.mention(f"number {number}")
    barrier = stage.network.pause_after(LIST)
    with background(tick=1):
        assert barrier.reached(20)
        stage.network.set_app_password(stage.us, "another-secret-word", revoke_sessions=True)
        barrier.release()
        until(lambda: Account.objects.get().state == "reconnect", 30, lambda: str(stage.state()))
        assert Notice.objects.filter(code="account.reconnect", settled_at=None).count() == 1
        stage.mention("said while we were out")
        api = stage.world.api(stage.world.manager)
        body = {"settings": {"app_password": "another-secret-word"}}
        assert api.patch(f"/api/v1/sources/{stage.source.pk}/", body, format="json").status_code == 200
        stage.heard(121)
    assert Notice.objects.filter(settled_at=None).count() == 0
    stage.judge(121)


def test_17_edited_and_deleted_between_polls(stage: Stage, workers: Background) -> None:
    edited, deleted, kept = stage.mention("a tpyo"), stage.mention("gone soon"), stage.mention("stays")
    stage.heard(3)
    stage.network.edit(edited, "@northwind.test a typo")
    stage.network.delete(deleted)

    def followed() -> bool:
        texts = dict(Mention.objects.values_list("external_id", "message__text"))
        return texts[edited].endswith("a typo") and texts[deleted] == ""

    until(followed, 40, lambda: str(list(Message.objects.values_list("text", "deleted_at"))))
    assert Message.objects.get(mention__external_id=kept).text.endswith("stays")
    assert Message.objects.get(mention__external_id=edited).versions.get().text.endswith("a tpyo")
    stage.judge(3)


def test_18_a_body_of_50_megabytes(stage: Stage, workers: Background) -> None:
    stage.mention("hello")
    Source.objects.update(rhythm_seconds=4)
    stage.network.fault(LIST, fault.Body(b'{"notifications":[' + b" " * 50 * 1024 * 1024 + b"]}"))
    until(lambda: stage.problem() == "too_large", 20, lambda: str(stage.state()))
    stage.heard(1)
    stage.judge(1)
