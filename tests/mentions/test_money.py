"""What platforms charge is counted, and a brand's monthly budget holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from helpdesk.models import DeliveryPart, Notice, Ticket
from mentions import delivery, money, polling
from mentions.models import Account, Source, Usage
from tests.fakes import faults as fault
from tests.fakes.x import FakeX
from tests.world import World, connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(limits=False) as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def source(world: World, x: FakeX) -> Source:
    us = x.add_account("northwind")
    x.add_account("ana")
    return connect(world, "x", {"base_url": x.url, "access_token": x.token(us, owns_app=False)})


def say(x: FakeX, count: int) -> None:
    ana = next(one.id for one in x._ledger.accounts.values() if one.username == "ana")
    for number in range(count):
        x.post(ana, f"@northwind number {number}")


def set_budget(dollars: str) -> None:
    Account.objects.update(monthly_budget=Decimal(dollars))


def look(source: Source) -> dict[str, Any]:
    return polling.poll(source.pk, forced=True)


def test_what_is_read_is_counted_as_the_platform_charges_it(x: FakeX, source: Source) -> None:
    say(x, 7)
    before = x.charges["spent"]
    look(source)
    assert Usage.objects.get(what="posts read").count == 7
    assert money.spent_this_month(Account.objects.get()) == 7 * 5000
    assert x.charges["spent"] - before == pytest.approx(7 * 0.005)


def test_reading_stops_before_the_money_is_gone_and_says_so(x: FakeX, source: Source) -> None:
    set_budget("0.10")  # 18 posts and what answers need
    say(x, 100)
    first = look(source)
    assert first["problem"]["code"] == "money"
    assert money.spent_this_month(Account.objects.get()) <= 90_000
    assert Notice.objects.filter(code="account.money", settled_at=None).count() == 1
    assert Source.objects.get().next_poll_at == money.month_of(timezone.now())[1]
    assert polling.claim(source.pk) is None


def test_a_raised_budget_goes_on_at_once_and_loses_nothing(world: World, x: FakeX, source: Source) -> None:
    set_budget("0.05")
    say(x, 60)
    look(source)
    api = world.api(world.manager)
    answer = api.patch(f"/api/v1/sources/{source.pk}/", {"monthly_budget": "20.00"}, format="json")
    assert (answer.status_code, answer.json()["monthly_budget"]) == (200, "20.00")
    assert not Notice.objects.filter(code="account.money", settled_at=None).exists()
    look(source)
    assert Source.objects.get().heard_count == 60


def test_looks_come_seldom_where_money_goes_faster_than_the_month(source: Source) -> None:
    account = Account.objects.get()
    set_budget("10.00")
    account.refresh_from_db()
    with time_machine.travel(dt.datetime(2026, 3, 4, tzinfo=dt.UTC), tick=False):
        assert money.stretch(account, timezone.now()) == 1
        money.record(account, 1, {"posts read": (900, 4_500_000)})
        assert money.stretch(account, timezone.now()) == pytest.approx(5.17, abs=0.1)


def test_an_answer_waits_for_the_next_month_where_nothing_is_left(world: World, x: FakeX, source: Source) -> None:
    say(x, 1)
    look(source)
    set_budget("0.005")
    path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
    sent = world.api(world.agent).post(path, {"text": "We see it.", "visibility": "public"}, format="json")
    delivery.deliver(sent.json()["id"])
    part = DeliveryPart.objects.get()
    assert (part.state, part.problem, part.send_after) == (
        "queued",
        {"code": "money"},
        money.month_of(timezone.now())[1],
    )
    world.api(world.manager).patch(f"/api/v1/sources/{source.pk}/", {"monthly_budget": "1.00"}, format="json")
    delivery.deliver(sent.json()["id"])
    assert DeliveryPart.objects.get().state == "sent"
    assert Usage.objects.get(what="items written").micros == 10_000


def test_a_free_platform_has_no_budget(world: World) -> None:
    from tests.fakes.mastodon import FakeMastodon

    with FakeMastodon() as server:
        server.add_account("northwind", token="t" * 20)
        source = connect(world, "mastodon", {"base_url": server.url, "access_token": "t" * 20})
        refused = world.api(world.manager).patch(f"/api/v1/sources/{source.pk}/", {"monthly_budget": 5}, format="json")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "monthly_budget"


def test_what_was_not_sent_is_not_paid_for(world: World, x: FakeX, source: Source) -> None:
    say(x, 1)
    look(source)
    x.fault("POST /2/tweets", fault.Status(429, {"title": "Too Many Requests"}))
    path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
    sent = world.api(world.agent).post(path, {"text": "We see it.", "visibility": "public"}, format="json")
    delivery.deliver(sent.json()["id"])
    assert DeliveryPart.objects.get().state == "queued"
    assert Usage.objects.get(what="items written").micros == 0


def test_half_a_thread_is_not_sent(world: World, x: FakeX, source: Source) -> None:
    say(x, 1)
    look(source)
    set_budget("0.025")
    path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
    text = " ".join(f"Sentence number {number} of a long answer." for number in range(15))
    sent = world.api(world.agent).post(path, {"text": text, "visibility": "public"}, format="json")
    delivery.deliver(sent.json()["id"])
    assert set(DeliveryPart.objects.values_list("state", flat=True)) == {"queued"}


def test_a_backlog_is_read_once_whatever_the_money(x: FakeX, source: Source) -> None:
    set_budget("0.60")
    say(x, 150)
    first = look(source)
    assert (first["new"], first["problem"]["code"]) == (108, "money")
    set_budget("5.00")
    Source.objects.update(throttled_until=None)
    assert look(source)["new"] == 42
    assert Source.objects.get().heard_count == 150
    assert money.spent_this_month(Account.objects.get()) == 150 * 5000


def test_two_sources_of_an_account_do_not_spend_the_same_money(world: World, x: FakeX, source: Source) -> None:
    other = connect(
        world, "x", {**Account.objects.get().settings, **Account.objects.get().secrets}, stream="search", query="delay"
    )
    set_budget("1.00")
    assert polling.claim(source.pk, forced=True) is not None
    assert polling.claim(other.pk, forced=True) is None


def test_what_is_left_is_told_for_the_month_and_by_the_day() -> None:
    now = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
    assert money.left(None, Decimal(3), now) is None
    assert money.left(Decimal(40), Decimal("15.00"), now) == (Decimal("25.00"), Decimal("5.00"))
    assert money.left(Decimal(40), Decimal("45.00"), now) == (Decimal(0), Decimal("0.00"))
