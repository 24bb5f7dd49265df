"""What was missed and why; how long it took to hear; log-ins that end soon."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.utils import timezone, translation
from django.utils.formats import date_format

from helpdesk import notices
from helpdesk.models import Notice
from mentions import accounts, connecting, gaps, polling, sources, tasks
from mentions.models import Account, Gap, Source
from mentions.platforms.bluesky.connector import Bluesky
from tests.fakes import faults as fault
from tests.mentions.conftest import PASSWORD, Heard
from tests.world import World, minutes

pytestmark = pytest.mark.django_db


def on_the_screen(world: World) -> str:
    return " ".join(world.desk(world.manager).get("/desk/sources/").content.decode().split())


def test_an_outage_is_told_with_its_reason_once_it_is_over(world: World, heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    with time_machine.travel(start + minutes(30), tick=True):
        heard.network.fault("app.bsky.notification.listNotifications", fault.Status(503))
        assert heard.poll()["problem"]
        assert not Gap.objects.exists(), "it is not over"
    with time_machine.travel(start + minutes(60), tick=True):
        heard.poll()
        gap = Gap.objects.get()
        assert gap.until - gap.since > minutes(55)
        assert gap.problem["code"] == "unavailable"
        shown = on_the_screen(world)
        assert "Not heard from" in shown
        assert "is not well" in shown
        assert "It went on from where it was" in shown
        heard.poll()
        assert Gap.objects.count() == 1


def test_a_pause_and_a_house_without_workers_say_so(world: World, heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    with time_machine.travel(start + minutes(60), tick=True):
        sources.change(heard.source.pk, world.manager, is_active=False)
    with time_machine.travel(start + minutes(90), tick=True):
        sources.change(heard.source.pk, world.manager, is_active=True)
        heard.poll()
    with time_machine.travel(start + minutes(120), tick=True):
        heard.poll()
        assert [gap.problem["code"] for gap in Gap.objects.order_by("id")] == ["paused", "idle"]
        told = world.api(world.manager).get(f"/api/v1/sources/{heard.source.pk}/gaps/").json()
        assert [row["words"].split(".")[0] for row in told] == ["No worker looked", "Somebody had paused it"]


def test_a_pause_during_a_look_is_a_pause(world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    start = timezone.now()
    heard.poll()
    fetch = Bluesky.fetch

    def paused_meanwhile(self: Bluesky, *of: Any) -> Any:
        sources.change(heard.source.pk, world.manager, is_active=False)
        return fetch(self, *of)

    monkeypatch.setattr(Bluesky, "fetch", paused_meanwhile)
    heard.poll()
    monkeypatch.undo()
    with time_machine.travel(start + minutes(60), tick=True):
        sources.change(heard.source.pk, world.manager, is_active=True)
        heard.poll()
        assert [gap.problem["code"] for gap in Gap.objects.all()] == ["paused"]


def test_what_the_platform_keeps_no_longer_is_lost_and_told(heard: Heard) -> None:
    heard.poll()
    now = timezone.now() + dt.timedelta(days=9)
    source = Source.objects.select_related("account__channel").get(pk=heard.source.pk)
    source.account.platform, source.kind = "x", "search"
    gaps.note(source, now, {})
    gap = Gap.objects.get()
    assert gap.lost_until == now - dt.timedelta(days=7)
    gap.source = source
    assert "first part of it is no longer there" in gaps.words(gap)
    source.account.platform, source.kind = "feed", "entries"
    gaps.note(source, now, {})
    last = Gap.objects.latest("id")
    last.source = source
    assert "no longer showed" in gaps.words(last)


def test_short_silences_are_no_gaps(heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    with time_machine.travel(start + minutes(9), tick=True):
        heard.poll()
    assert not Gap.objects.exists()


def test_the_delay_is_measured_on_what_was_said_since_we_listen(world: World, heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    assert Source.objects.get(pk=heard.source.pk).delay_seconds is None, "the first look brings what is old"
    heard.network.post(heard.ana, "@northwind.test are you there?", mention=[heard.us])
    with time_machine.travel(start + minutes(4), tick=True):
        heard.poll()
        assert 230 <= (Source.objects.get(pk=heard.source.pk).delay_seconds or 0) <= 250
        assert "4 min after it was said" in on_the_screen(world) or "3 min after it was said" in on_the_screen(world)


def test_a_log_in_that_ends_soon_is_told_two_weeks_before_and_once(world: World, heard: Heard) -> None:
    today = timezone.localtime().date()
    Account.objects.update(settings={"expires_on": (today + dt.timedelta(days=15)).isoformat()})
    tasks.tidy()
    assert not Notice.objects.exists()
    Account.objects.update(settings={"expires_on": (today + dt.timedelta(days=14)).isoformat()})
    tasks.tidy()
    tasks.tidy()
    assert Notice.objects.get().code == "account.ending"
    with translation.override("de"):
        day = date_format(today + dt.timedelta(days=14), "j F")
        assert day in notices.wording(Notice.objects.get()), "in the reader's language"
    polling.poll(heard.source.pk, forced=True)
    Account.objects.update(settings={"expires_on": (today + dt.timedelta(days=14)).isoformat()})
    assert "Log-in ends soon" in on_the_screen(world)
    Account.objects.update(settings={})
    tasks.tidy()
    assert not Notice.objects.filter(settled_at=None).exists()


def test_what_was_not_yet_due_is_no_gap(heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    Source.objects.update(expected_at=start + minutes(120))  # the platform asked for rest, or money is short
    with time_machine.travel(start + minutes(121), tick=True):
        heard.poll()
    assert not Gap.objects.exists()


def test_the_first_reason_outlives_the_reconnection(world: World, heard: Heard) -> None:
    start = timezone.now()
    heard.poll()
    accounts.refused(Account.objects.get(), {"code": "credentials"})
    with time_machine.travel(start + minutes(60), tick=True):
        connecting.reconnect(Account.objects.select_related("channel").get(), world.manager, {"app_password": PASSWORD})
        heard.poll()
    assert Gap.objects.get().problem == {"code": "credentials"}
    assert Source.objects.get(pk=heard.source.pk).silent == {}
