"""What is heard, what is ours, what is gone, and how long we wait: rule by rule on the fake network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils import timezone

from helpdesk import intake
from helpdesk.models import Event, Message, Ticket, User
from helpdesk.workflow import forget, replies
from helpdesk.workflow.verbs import Conflict
from mentions import accounts, connecting, delivery, gaps, ingest, polling
from mentions.models import Account, Gap, Mention, Quarantine, Source
from mentions.platforms.base import PlatformError, retry_after
from mentions.platforms.bluesky import connector
from mentions.platforms.bluesky.connector import Bluesky
from mentions.plugs import _people
from tests.fakes import faults as fault
from tests.fakes.bluesky import FakeBluesky
from tests.mentions.conftest import PASSWORD, Heard
from tests.world import World

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


def view(name: str, at: dt.datetime) -> dict[str, Any]:
    author = {"did": "did:plc:x", "handle": "x.test"}
    uri = f"at://did:plc:x/app.bsky.feed.post/{name}"
    record = {"text": name, "createdAt": at.isoformat()}
    return {
        "uri": uri,
        "cid": name,
        "record": record,
        "author": author,
        "reason": "mention",
        "indexedAt": at.isoformat(),
    }


Answers = Callable[..., None]


@pytest.fixture
def notifications(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let listNotifications answer these pages, in turn."""

    def answer(*pages: dict[str, Any]) -> None:
        left = iter(pages)

        def call(self: Bluesky, method: str, name: str, **options: Any) -> dict[str, Any]:
            return next(left) if name.endswith("listNotifications") else {"profiles": [], "posts": []}

        monkeypatch.setattr(Bluesky, "call", call)

    return answer


def is_stored(name: str) -> bool:
    return Mention.objects.filter(external_id__endswith=f"/{name}").exists()


# --- pages and watermarks --------------------------------------------------------------------------------------


def test_an_empty_page_with_a_cursor_is_not_the_end(heard: Heard, notifications: Answers) -> None:
    now = timezone.now()
    Source.objects.update(cursor={"indexed_at": (now - 5 * HOUR).isoformat()})
    notifications(
        {"notifications": [view("young", now)], "cursor": "1"},
        {"notifications": [], "cursor": "2"},
        {"notifications": [view("older", now - 2 * HOUR)]},
    )
    heard.poll()
    assert is_stored("young")
    assert is_stored("older")


def test_a_time_in_the_future_is_no_watermark(heard: Heard, notifications: Answers) -> None:
    notifications({"notifications": [view("future", timezone.now() + 24 * 365 * HOUR)]})
    heard.poll()
    heard.source.refresh_from_db()
    assert dt.datetime.fromisoformat(heard.source.cursor["indexed_at"]) <= timezone.now()


def test_the_first_look_goes_back_a_week(heard: Heard, notifications: Answers) -> None:
    Source.objects.update(cursor={})
    now = timezone.now()
    notifications({"notifications": [view("young", now - 24 * HOUR), view("old", now - 900 * 24 * HOUR)]})
    heard.poll()
    assert is_stored("young")
    assert not is_stored("old")


def test_more_than_one_look_reads_is_said(
    heard: Heard, notifications: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "MOST_PAGES", 2)
    now = timezone.now()
    notifications(*({"notifications": [view(f"n{number}", now)], "cursor": str(number)} for number in range(5)))
    heard.poll()
    heard.source.refresh_from_db()
    gap = Gap.objects.select_related("source__account__channel").get()
    assert gap.problem["code"] == "backlog"
    assert "the oldest of it was left out" in gaps.words(gap)
    assert heard.source.cursor["indexed_at"], "the next look goes on from here"


def test_a_claim_to_be_as_old_as_the_calendar_breaks_no_page(heard: Heard) -> None:
    User.objects.filter(pk=heard.world.agent.pk).update(time_zone="America/New_York")
    heard.world.agent.refresh_from_db()
    eve = heard.network.add_account("eve.test")
    heard.network.post(eve, "@northwind.test hi", mention=[heard.us], created_at="0001-01-01T00:00:00Z")
    heard.poll()
    desk = heard.world.desk(heard.world.agent)
    assert desk.get("/desk/inbox/next/").status_code == 200
    for ticket in Ticket.objects.all():
        assert desk.get(f"/desk/tickets/{ticket.pk}/").status_code == 200


@pytest.mark.parametrize(("deep_hours_ago", "is_heard"), [(2, True), (0, False)])
def test_a_post_dated_before_the_watermark_is_heard_on_a_deep_look(
    heard: Heard, notifications: Answers, deep_hours_ago: int, is_heard: bool
) -> None:
    now = timezone.now()
    position = {"indexed_at": now.isoformat(), "deep_at": (now - deep_hours_ago * HOUR).isoformat()}
    Source.objects.update(cursor=position)
    notifications(
        {"notifications": [view("young", now - HOUR)], "cursor": "1"},
        {"notifications": [view("tunnel", now - 3 * HOUR)]},
    )
    heard.poll()
    assert is_stored("young")
    assert is_stored("tunnel") == is_heard
    heard.source.refresh_from_db()
    assert now - dt.datetime.fromisoformat(heard.source.cursor["deep_at"]) < HOUR


# --- ours, and theirs ------------------------------------------------------------------------------------------


def test_what_another_account_of_the_brand_says_is_no_customer_s(heard: Heard) -> None:
    heard.network.add_account("news.test", app_password=PASSWORD)
    news = heard.also_listen("notifications", handle="news.test")
    root = heard.network.post(news.account.external_id, "New timetable is out")
    heard.network.post(heard.ana, "@northwind.test is it valid?", reply_to=root, mention=[heard.us])
    heard.poll()
    polling.poll(news.pk, forced=True)
    asked = Message.objects.get(text__contains="is it valid")
    delivery.deliver(replies.reply(asked.ticket_id, heard.world.agent, "From Monday @news.test", "public").pk)
    heard.network.post(heard.us, "@news.test please answer", mention=[news.account.external_id])
    polling.poll(news.pk, forced=True)
    ours = Message.objects.filter(profile__external_id__in=[heard.us, news.account.external_id])
    assert not ours.filter(kind="inbound").exists()
    assert Message.objects.filter(text__contains="From Monday").count() == 1


def test_replies_closed_since_are_followed(heard: Heard) -> None:
    uri = heard.network.post(heard.network.add_account("cy.test"), "@northwind.test hush", mention=[heard.us])
    heard.poll()
    heard.network.close_replies(uri)
    Mention.objects.update(check_at=timezone.now())
    heard.poll()
    assert Mention.objects.get(external_id=uri).reference["closed"] is True


def test_handles_in_brackets_are_people_too(heard: Heard) -> None:
    channel = heard.ticket.channel
    assert _people(channel, "as (@ana.test) said, @ana.test.") == {"ana.test": heard.ana}


# --- gone ------------------------------------------------------------------------------------------------------


def test_one_absence_is_not_a_deletion(heard: Heard) -> None:
    Mention.objects.update(check_at=timezone.now())
    heard.network.fault("app.bsky.feed.getPosts", fault.Body(b'{"posts":[]}'))
    heard.poll()
    assert Message.objects.get().text


def test_a_quarantined_item_s_words_go_with_the_post(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = heard.network.post(heard.ana, "@northwind.test very secret words", mention=[heard.us])
    with monkeypatch.context() as broken:
        broken.setattr(intake, "take_in", lambda *args: 1 / 0)
        heard.poll()
    row = Quarantine.objects.get()
    assert row.external_id == uri
    assert polling.retry_quarantined(row.pk)
    row.refresh_from_db()
    assert (row.raw, bool(row.settled_at)) == ({}, True)
    with pytest.raises(Conflict):
        polling.retry_quarantined(row.pk)
    heard.network.delete(uri)
    Mention.objects.update(check_at=timezone.now())
    heard.poll()
    assert not Message.objects.filter(text__contains="secret").exists()


def test_the_subject_goes_with_the_last_word(world: World) -> None:
    ticket = world.ticket(thread="t", subject="A secret subject")
    world.hear("more", thread="t")
    for message in Message.objects.order_by("id"):
        assert Ticket.objects.get().subject
        with transaction.atomic():
            forget.tombstone([message], timezone.now())
    ticket.refresh_from_db()
    assert ticket.subject == ""


# --- waiting and log-ins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        fault.retry_after(31_536_000 * 20),
        fault.retry_after(10**14),
        fault.Status(503, headers={"Retry-After": "31536000"}),
        fault.Status(429, headers={"RateLimit-Reset": "9" * 40}),
        fault.Status(429, headers={"Retry-After": "\u00b2"}),
    ],
    ids=["years", "overflow", "503", "reset", "odd digit"],
)
def test_nobody_makes_us_wait_longer_than_a_day(heard: Heard, answer: Any) -> None:
    heard.network.fault("app.bsky.notification.listNotifications", answer)
    heard.poll()
    heard.source.refresh_from_db()
    assert heard.source.next_poll_at < timezone.now() + dt.timedelta(days=1, minutes=20)
    assert heard.source.lease_until is None


def test_seconds_and_dates_are_read() -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    assert retry_after({"retry-after": "120"}, now) == 120
    assert retry_after({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, now) == 90
    assert retry_after({"retry-after": "soon"}, now) is None
    assert retry_after({}, now) is None


def test_a_throttled_look_at_the_authors_is_obeyed(heard: Heard) -> None:
    heard.network.post(heard.network.add_account("q.test"), "@northwind.test hi", mention=[heard.us])
    heard.network.fault("app.bsky.actor.getProfiles", fault.retry_after(120))
    heard.poll()
    heard.source.refresh_from_db()
    assert heard.source.next_poll_at > timezone.now() + dt.timedelta(seconds=100)


def test_a_refusal_of_the_chat_service_alone_pauses_nothing_else(heard: Heard) -> None:
    direct = heard.also_listen("direct")
    heard.network.always("chat.bsky.convo.getLog", fault.Status(401))
    assert "problem" in polling.poll(direct.pk, forced=True)
    assert Account.objects.get().state == "fine"
    logins = sum(request.method.endswith("createSession") for request in heard.network.requests)
    polling.poll(direct.pk, forced=True)
    assert sum(request.method.endswith("createSession") for request in heard.network.requests) == logins


def test_a_refusal_from_before_the_reconnection_is_an_old_one(heard: Heard) -> None:
    lease = polling.claim(heard.source.pk, forced=True)
    assert lease is not None
    heard.network.set_app_password(heard.us, "new-new-new-new", revoke_sessions=True)
    connecting.reconnect(Account.objects.get(), heard.world.manager, {"app_password": "new-new-new-new"})
    polling._failed(lease, PlatformError("credentials", permanent=True), 1)
    assert Account.objects.get().state == "fine"


def test_a_log_in_that_works_again_leaves_an_event(heard: Heard) -> None:
    accounts.refused(Account.objects.get(), {"code": "credentials"})
    heard.poll()
    assert Account.objects.get().state == "fine"
    codes = Event.objects.filter(code__startswith="account.").values_list("code", flat=True)
    assert set(codes) >= {"account.refused", "account.accepted"}


def test_our_time_being_up_quarantines_nothing(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    heard.network.post(heard.ana, "@northwind.test another", mention=[heard.us])

    def too_long(*args: Any) -> Any:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(ingest, "_add", too_long)
    with pytest.raises(SoftTimeLimitExceeded):
        heard.poll()
    assert not Quarantine.objects.exists()


def test_a_stored_password_goes_to_no_other_server(heard: Heard) -> None:
    with FakeBluesky() as elsewhere:
        api = heard.world.api(heard.world.manager)
        body = {"settings": {"base_url": elsewhere.url}}
        answer = api.patch(f"/api/v1/sources/{heard.source.pk}/", body, format="json")
        assert elsewhere.requests == []
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "settings.app_password"


def test_a_look_by_hand_waits_where_the_platform_said_so(heard: Heard) -> None:
    heard.network.fault("app.bsky.notification.listNotifications", fault.retry_after(3600))
    heard.poll()
    asked = len(heard.network.requests)
    api = heard.world.api(heard.world.lead)
    answer = api.post(f"/api/v1/sources/{heard.source.pk}/poll/")
    assert answer.status_code == 409
    assert "slow down" in answer.json()["detail"]
    assert len(heard.network.requests) == asked
