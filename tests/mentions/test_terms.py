"""Search terms: composed for each platform, sifted here, previewed, changed in one place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from helpdesk.models import Message
from mentions import polling, terms
from mentions.models import Account, Source, Term
from mentions.platforms.base import Search
from tests.fakes.bluesky import FakeBluesky
from tests.fakes.x import FakeX
from tests.world import World, connect, listen

pytestmark = pytest.mark.django_db


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(limits=False) as running:
        yield running
        assert running.crashes == []


def account(world: World, x: FakeX) -> Account:
    return connect(world, "x", {"base_url": x.url, "access_token": x.token(x.add_account("northwind"))}).account


def term(world: World, **values: Any) -> Term:
    given = {"name": "Us", "include": ["northwind rail"], "exclude": [], "language": "", "near_misses": False}
    return terms.create(world.brand, world.manager, **{**given, **values})


def heard(source: Source) -> int:
    return int(polling.poll(source.pk, forced=True)["new"])


def test_what_is_heard_is_what_was_asked_for(world: World, x: FakeX) -> None:
    ana = x.add_account("ana")
    ours = account(world, x)
    made = term(world, include=["northwind rail", "#nwr"], exclude=["vacancy"])
    source = terms.listen(made.pk, ours, world.manager)[0]
    for text in (
        "the northwind rail is late again",
        "a vacancy at northwind rail",
        "northwind railings are pretty",
        "what a day #nwr",
        "the wind from the north",
    ):
        x.post(ana, text)
    assert heard(source) == 2
    assert sorted(Message.objects.values_list("text", flat=True)) == [
        "the northwind rail is late again",
        "what a day #nwr",
    ]


def test_near_misses_are_heard_and_other_names_are_not(world: World) -> None:
    made = term(world, include=["Northwind Rail"], near_misses=True)
    assert {"northwind rail", "northwindrail", "northwind-rail"} <= set(terms.search_of(made).include)
    for text in ("NorthwindRail!", "love @northwindrail", "northwind-rail", "NORTHWIND  RAIL".replace("  ", " ")):
        assert terms.matches(made, text), text
    assert not terms.matches(made, "northern rail")


def test_another_language_is_sifted_out(world: World) -> None:
    made = term(world, include=["northwind"], language="de")
    assert terms.matches(made, "Der Zug von Northwind ist schon wieder zu spät, das ist wirklich ärgerlich")
    assert not terms.matches(made, "The train of Northwind is late again and nobody tells us anything about it")


@pytest.mark.parametrize("count", [1, 5, 60])
def test_queries_of_x_fit_its_512_characters(world: World, x: FakeX, count: int) -> None:
    from mentions import accounts

    connector = accounts.closed_connector(account(world, x))
    search = Search(tuple(f"a phrase number {n}" for n in range(count)), ("vacancy", "job offer"), "en")
    queries = connector.queries(search)
    assert all(len(query) <= 512 for query in queries)
    assert sum(query.count("phrase") for query in queries) == count
    assert all('-vacancy -"job offer" -from:northwind lang:en' in query for query in queries)


def test_a_changed_term_is_asked_anew_and_the_old_question_rests(world: World, bluesky: FakeBluesky) -> None:
    ours = listen(world, bluesky).account
    made = term(world, include=["northwind rail", "nwr trains"])
    terms.listen(made.pk, ours, world.manager)
    api = world.api(world.manager)
    changed = api.patch(f"/api/v1/terms/{made.pk}/", {"include": ["northwind rail", "quiet carriage"]}, format="json")
    assert changed.status_code == 200, changed.content
    asked = dict(Source.objects.filter(term=made).values_list("query", "is_active"))
    assert asked == {'"northwind rail"': True, '"nwr trains"': False, '"quiet carriage"': True}


def test_a_preview_counts_the_last_day_and_stores_nothing(world: World, x: FakeX) -> None:
    ana = x.add_account("ana")
    ours = account(world, x)
    x.post(ana, "northwind rail yesterday", at=time.time() - 30 * 3600)
    x.post(ana, "northwind rail now")
    x.post(ana, "northwind railings")
    made = term(world)
    api = world.api(world.manager)
    found = api.post(f"/api/v1/terms/{made.pk}/preview/", {"channel": ours.channel_id}, format="json").json()
    assert (found["count"], found["is_all"]) == (1, True)
    assert [item["text"] for item in found["items"]] == ["northwind rail now"]
    assert not Message.objects.exists()
    assert Source.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"include": []}, "include"),
        ({"include": ["ab"]}, "include"),
        ({"include": ["…!?"]}, "include"),
        ({"include": ['say "hi"']}, "include"),
        ({"exclude": ["x" * 61]}, "exclude"),
        ({"include": [f"phrase {n}" for n in range(21)]}, "include"),
        ({"language": "klingon"}, "language"),
    ],
)
def test_what_will_not_do_is_said_at_its_field(world: World, values: dict[str, Any], field: str) -> None:
    body = {"name": "Us", "include": ["northwind"], **values}
    refused = world.api(world.manager).post("/api/v1/terms/", body, format="json")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"].split(".")[0] == field


def test_a_platform_that_cannot_be_searched_says_so(world: World) -> None:
    from tests.world import listen_to_nothing

    source = listen_to_nothing(world, "email", "mail")
    body = {"channel": source.account.channel_id}
    refused = world.api(world.manager).post(f"/api/v1/terms/{term(world).pk}/listen/", body, format="json")
    assert "cannot be searched" in refused.json()["errors"][0]["message"]


def test_looking_for_phrases_takes_no_time_whatever_the_text(world: World) -> None:
    made = term(world, include=["northwind rail", "aaaaaaaa"], near_misses=True)
    begun = time.process_time()
    terms.matches(made, "a" * 20_000)
    terms.matches(made, "northwind " * 2_000)
    assert time.process_time() - begun < 2


def test_on_the_desk_a_preview_stands_beside_its_account_and_listening_can_stop(world: World, x: FakeX) -> None:
    ours = account(world, x)
    made = term(world, include=["northwind rail"])
    x.post(x.add_account("ana"), "the northwind rail is late again")
    desk, path = world.desk(world.manager), f"/desk/terms/{made.pk}/listen/"
    shown = " ".join(desk.post(path, {"account": ours.pk, "preview": "1"}).content.decode().split())
    assert "The last day: 1 fit, of 1 read." in shown
    assert "the northwind rail is late again" in shown
    assert not Source.objects.filter(term=made).exists()
    desk.post(path, {"account": ours.pk})
    assert Source.objects.filter(term=made, is_active=True).exists()
    desk.post(path, {"account": ours.pk, "stop": "1"})
    assert not Source.objects.filter(term=made, is_active=True).exists()
