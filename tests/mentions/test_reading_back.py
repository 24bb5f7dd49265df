"""A source's past, read because somebody asked: at a known cost, within budgets, in turns, to be stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from helpdesk.models import Deadline, Ticket
from helpdesk.workflow.verbs import Refused
from mentions import bouncing, ingest, money, reading_back, tasks
from mentions.models import Account, Mention, ReadBack, Source
from mentions.platforms import registry
from mentions.platforms.base import Bounce, Identity, Page, Span
from mentions.platforms.wordpress.connector import WordPress
from mentions.platforms.x.connector import X
from mentions.reading import prepare
from tests.fakes import faults as fault
from tests.fakes.mastodon import FakeMastodon
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


def ask(world: World, source: Source, most: int = 500, *, is_history: bool = False, hours: float = 1) -> ReadBack:
    """Of the last hours; the end lies ahead, since what the test says is said now."""
    now = timezone.now()
    row = reading_back.ask(source, world.manager, now - dt.timedelta(hours=hours), now, most, is_history=is_history)
    ReadBack.objects.filter(pk=row.pk).update(until=now + dt.timedelta(minutes=5))
    return row


def turns(row: ReadBack, most: int = 10) -> ReadBack:
    for _turn in range(most):
        reading_back.work_on(row.pk)
    row.refresh_from_db()
    return row


def test_no_more_is_read_than_was_paid_for(world: World, x: FakeX, source: Source) -> None:
    say(x, 150)
    assert reading_back.price(source, 100) == Decimal("0.50")
    row = turns(ask(world, source, 40))
    assert (row.outcome, row.read, row.new) == ("enough", 40, 40)
    assert money.spent_this_month(Account.objects.get()) == 40 * 5000
    assert row.percent == 100


def test_more_than_the_budget_holds_is_refused_before_it_begins(world: World, source: Source) -> None:
    Account.objects.update(monthly_budget=Decimal("1.00"))
    source.account.refresh_from_db()
    with pytest.raises(Refused, match=r"\$2.50, and \$0.90") as refused:
        ask(world, source, 500)
    assert refused.value.field == "most"


def test_history_asks_for_no_answer(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    assert turns(ask(world, source, is_history=True)).new == 3
    assert set(Ticket.objects.values_list("state", flat=True)) == {"closed"}
    assert not Deadline.objects.filter(met_at=None, dropped_at=None).exists()


def test_what_is_not_history_waits_for_an_answer(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    assert turns(ask(world, source)).new == 3
    assert set(Ticket.objects.values_list("state", flat=True)) == {"new"}


def test_it_goes_on_after_an_outage_from_where_it_was(world: World, x: FakeX, source: Source) -> None:
    say(x, 150)
    row = ask(world, source)
    x.fault("GET /2/users/:id/mentions", fault.Status(503))
    reading_back.work_on(row.pk)
    row.refresh_from_db()
    assert row.problem["code"] == "unavailable"
    assert row.due_at is not None
    assert row.due_at > timezone.now()
    turns(row)
    assert (row.outcome, row.new, Mention.objects.count()) == ("done", 150, 150)


def test_it_shares_the_hours_requests_with_listening(world: World, x: FakeX, source: Source) -> None:
    say(x, 250)
    Source.objects.update(budget_per_hour=2, budget_used=0, budget_window_at=timezone.now())
    row = ask(world, source)
    reading_back.work_on(row.pk)
    row.refresh_from_db()
    assert row.read == 100
    reading_back.work_on(row.pk)
    row.refresh_from_db()
    assert (row.read, row.problem) == (100, {"code": "budget"})


def test_it_waits_while_another_worker_has_the_source(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    row = ask(world, source)
    Source.objects.update(lease_until=timezone.now() + dt.timedelta(minutes=1))
    reading_back.work_on(row.pk)
    row.refresh_from_db()
    assert (row.read, row.finished_at) == (0, None)
    assert Source.objects.get().lease_until is not None, "their lease is theirs"


def test_a_worker_finds_it_by_itself(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    row = ask(world, source)
    tasks.read_back()
    row.refresh_from_db()
    assert row.outcome == "done"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"since": 0.0}, "since", "begin must lie before"),
        ({"most": 9}, "most", "Between 10 and 10000"),
        ({"most": 10_001}, "most", "Between"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    world: World, source: Source, change: dict[str, Any], field: str, words: str
) -> None:
    now = timezone.now()
    given = {"since": 3.0, "most": 100, **change}
    with pytest.raises(Refused, match=words) as refused:
        reading_back.ask(
            source, world.manager, now - dt.timedelta(hours=given["since"]), now, int(given["most"]), is_history=False
        )
    assert refused.value.field == field


def test_a_stream_that_keeps_a_week_says_so(world: World, x: FakeX, source: Source) -> None:
    Source.objects.update(kind="search", query="northwind")
    source.refresh_from_db()
    with pytest.raises(Refused, match="in the last 7 days and no earlier"):
        ask(world, source, hours=24 * 8)


def test_a_search_is_read_page_by_page_and_each_page_paid_once(world: World, x: FakeX, source: Source) -> None:
    say(x, 150)
    Source.objects.update(kind="search", query="northwind")
    source.refresh_from_db()
    row = ask(world, source)
    ReadBack.objects.update(until=timezone.now() - dt.timedelta(seconds=1))  # X takes no end that is not in the past
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=40), tick=True):
        ReadBack.objects.update(until=timezone.now() - dt.timedelta(seconds=30))
        turns(row)
    assert (row.outcome, row.read, row.new) == ("done", 150, 150)
    assert money.spent_this_month(Account.objects.get()) == 150 * 5000


def test_it_rests_while_the_platform_wants_rest(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    row, until = ask(world, source), timezone.now() + dt.timedelta(minutes=9)
    Source.objects.update(throttled_until=until, problem={"code": "throttled"})
    before = len(x.requests)
    reading_back.work_on(row.pk)
    row.refresh_from_db()
    assert len(x.requests) == before
    assert row.due_at is not None
    assert abs(row.due_at - until) < dt.timedelta(seconds=5)


def test_told_to_slow_down_it_makes_listening_slow_down_too(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    row = ask(world, source)
    x.fault("GET /2/users/:id/mentions", fault.retry_after(600))
    reading_back.work_on(row.pk)
    until = Source.objects.get().throttled_until
    assert until is not None
    assert until > timezone.now() + dt.timedelta(minutes=9)
    row.refresh_from_db()
    assert row.failures == 0


def test_who_pauses_a_source_pauses_its_past(world: World, source: Source) -> None:
    row = ask(world, source)
    assert reading_back.due(9) == [row.pk]
    Source.objects.update(is_active=False)
    assert reading_back.due(9) == []


def test_days_beyond_the_calendar_are_refused(world: World, source: Source) -> None:
    desk, path = world.desk(world.manager), f"/desk/sources/{source.pk}/read-back/"
    assert desk.post(path, form(since="0001-01-01", until="9999-12-31")).status_code == 400
    assert desk.post(path, form(until="9999-12-31")).status_code == 302
    assert ReadBack.objects.get().until <= timezone.now()


def test_the_end_of_a_log_in_can_be_entered_and_taken_away(world: World, source: Source) -> None:
    desk, path = world.desk(world.manager), f"/desk/sources/{source.pk}/"
    given = {"name": "X", "rhythm_seconds": "60", "budget_per_hour": "600", "settings.tier": "self_serve"}
    given |= {
        "settings.own_app": "no",
        "settings.long_posts": "no",
        "settings.base_url": source.account.settings["base_url"],
    }
    Account.objects.update(settings={name: v for name, v in source.account.settings.items() if name != "expires_on"})
    assert desk.post(path, {**given, "settings.expires_on": "2031-05-04"}).status_code == 302
    assert Account.objects.get().settings["expires_on"] == "2031-05-04"
    assert desk.post(path, given).status_code == 302
    assert not Account.objects.get().settings["expires_on"]


def test_no_platform_is_asked_inside_a_transaction(
    world: World, x: FakeX, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(x, 3)
    outside, seen = len(connection.savepoint_ids), list[int]()

    def preparing(*given: Any) -> Any:
        seen.append(len(connection.savepoint_ids))
        return prepare(*given)

    monkeypatch.setattr(ingest, "prepare", preparing)
    turns(ask(world, source))
    assert seen == [outside]


def test_what_bounced_long_ago_does_not_bounce_again(
    world: World, x: FakeX, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[Any]()
    monkeypatch.setattr(bouncing, "mark", lambda account, bounces: told.extend(bounces))
    pages = iter([Page(bounces=(Bounce("sent-long-ago", permanent=True),), cursor={"uid": 1})])
    monkeypatch.setattr(X, "past", lambda *given: (page for page in pages))
    assert turns(ask(world, source)).outcome == "done"
    assert told == []


def test_what_has_left_the_platforms_window_meanwhile_is_not_asked_for(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    Source.objects.update(kind="search", query="northwind")
    source.refresh_from_db()
    row = ask(world, source, hours=24 * 7 - 0.01)
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=90), tick=True):
        ReadBack.objects.update(until=timezone.now() - dt.timedelta(seconds=30))
        turns(row)
    assert (row.outcome, row.new) == ("done", 3)


def test_wordpress_goes_on_with_the_page_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()

    def items(connector: WordPress, params: Any) -> list[Any]:
        asked.append(params["page"])
        return [{}] * (100 if params["page"] < 3 else 7)

    monkeypatch.setattr(WordPress, "_items", items)
    blog = WordPress(
        {"base_url": "https://blog.example"}, {}, {}, identity=Identity("b", "b", "b", facts={"rest": "path"})
    )
    span, position = Span(timezone.now() - dt.timedelta(days=1), timezone.now()), dict[str, Any]()
    for _turn in range(3):
        position = dict(next(iter(blog.past("comments", "", span, position, 900))).cursor or {})
    assert asked == [1, 2, 3]


# --- on the screen and in the API -------------------------------------------------------------------------------


def form(**more: str) -> dict[str, str]:
    today = timezone.localtime().date()
    return {"since": today.isoformat(), "until": today.isoformat(), "most": "100", **more}


def test_the_desk_says_what_it_costs_begins_it_shows_it_and_stops_it(world: World, x: FakeX, source: Source) -> None:
    desk, path = world.desk(world.manager), f"/desk/sources/{source.pk}/"
    assert "A hundred cost $0.50 at most" in desk.get(path).content.decode()
    wrong = desk.post(f"{path}read-back/", form(most="3"))
    assert wrong.status_code == 400
    assert "greater than or equal to 10" in wrong.content.decode()
    assert desk.post(f"{path}read-back/", form()).status_code == 302
    twice = desk.post(f"{path}read-back/", form())
    assert "being read back already" in twice.content.decode()
    assert "<progress" in desk.get("/desk/sources/").content.decode()
    desk.post(f"{path}read-back/stop/")
    assert ReadBack.objects.get().outcome == "stopped"
    shown = desk.get("/desk/sources/").content.decode()
    assert "stopped, 0 items read" in shown
    assert "<progress" not in shown


def test_the_api_does_the_same(world: World, x: FakeX, source: Source) -> None:
    say(x, 3)
    api, path = world.api(world.manager), f"/api/v1/sources/{source.pk}/read-back/"
    given = {"since": (timezone.now() - dt.timedelta(hours=1)).isoformat(), "most": 100}
    begun = api.post(path, given, format="json")
    assert (begun.status_code, begun.json()["outcome"]) == (201, "")
    assert api.post(path, given, format="json").status_code == 409
    assert api.post(f"{path}stop/").json()["outcome"] == "stopped"
    assert api.post(f"{path}stop/").status_code == 409
    assert [row["outcome"] for row in api.get(path).json()] == ["stopped"]
    wrong = api.post(path, {**given, "most": 5}, format="json")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "most")


def test_a_feed_has_no_past(world: World, source: Source) -> None:
    platform = registry.platform("feed")
    assert not any(stream.reads_back for stream in platform.streams)
    Account.objects.update(platform="feed")
    Source.objects.update(kind="entries")
    desk = world.desk(world.manager)
    assert "Read back" not in desk.get(f"/desk/sources/{source.pk}/").content.decode()
    assert desk.post(f"/desk/sources/{source.pk}/read-back/", form()).status_code == 302
    assert not ReadBack.objects.exists()


def test_a_position_that_the_platform_knows_no_longer_begins_anew(world: World) -> None:
    with FakeMastodon() as server:
        us, ana = server.add_account("northwind", token="token"), server.add_account("ana")
        source = connect(world, "mastodon", {"base_url": server.url, "access_token": "token"})
        for number in range(3):
            server.post(ana, f"number {number}", mention=[us])
        row = ask(world, source)
        ReadBack.objects.update(position={"max_id": "1"})
        assert turns(row).finished_at is not None
