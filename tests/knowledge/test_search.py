"""Search: in customers' own words, with slips of the fingers, and nothing rather than something."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from knowledge import publishing, search
from knowledge.models import Article, HelpCentre, Search
from knowledge.search import engine, shelf
from knowledge.search.ranking import Bank, Text
from knowledge.search.terms import terms
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db

ARTICLES = {
    "I was charged twice": "Your bank may hold the amount for three working days. The hold is then released.",
    "When does my refund arrive?": "A refund arrives within five working days.",
    "Can I take a bike on the weekend pass?": "Bikes travel free at weekends, outside rush hour.",
    "My train was cancelled: what now?": "Take the next train with the same ticket, or ask for your money.",
    "I left my umbrella on the train": "Ask our lost property office. We keep things for a month.",
    "How do I change my password?": "Open your account, choose security, and set a new one.",
}


@pytest.fixture
def library(world: World, write: Write) -> None:
    for title, body in ARTICLES.items():
        write(title, body)


def titles(world: World, words: str, **options: str) -> list[str]:
    return [hit.title for hit in search.find(world.brand, "en", words, **options).hits]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("my card was charged two times", "I was charged twice"),
        ("refnud", "When does my refund arrive?"),
        ("bicycle", "Can I take a bike on the weekend pass?"),
        ("lost property", "I left my umbrella on the train"),
        ("forgot my login password", "How do I change my password?"),
        ("REFUND!!!", "When does my refund arrive?"),
        ("trains cancelled", "My train was cancelled: what now?"),
    ],
)
def test_found_in_other_words(world: World, library: None, words: str, title: str) -> None:
    assert titles(world, words)[:1] == [title]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "?!",
        "🚂🚂",
        "zebra licence for my yacht",
        "a" * 10_000,
        "NOT",
        '"',
        "*",
        "OR AND NOT (",
        "'; DROP TABLE x; --",
        "title:refund^9 NEAR(",
    ],
)
def test_odd_searches_find_nothing_odd(world: World, library: None, words: str) -> None:
    found = titles(world, search.asked(words))
    assert set(found) <= {"When does my refund arrive?"}


def test_what_was_found_is_marked_and_the_rest_escaped(world: World, write: Write) -> None:
    write("Refunds <b>fast</b>", "A refund & more: 5 < 6 days.")
    hit = search.find(world.brand, "en", "refund").hits[0]
    assert hit.title_html == "<mark>Refunds</mark> &lt;b&gt;fast&lt;/b&gt;"
    assert hit.excerpt_html == "A <mark>refund</mark> &amp; more: 5 &lt; 6 days."


def test_only_what_a_reader_may_see_is_found(world: World, write: Write) -> None:
    write("Refund for all", "refund")
    write("Refund for customers", "refund", visible="known")
    write("Refund for agents", "refund", visible="internal")
    write("Refund draft", "refund", live=False)
    write("Refund of theirs", "refund", brand=world.rival)
    assert titles(world, "refund") == ["Refund for all"]
    assert set(titles(world, "refund", reader="customer")) == {"Refund for all", "Refund for customers"}
    assert len(titles(world, "refund", reader="member")) == 3


def test_what_changes_is_found_as_it_is_now(world: World, write: Write) -> None:
    edition = write("Bikes", "Bikes travel free.")
    assert titles(world, "bikes")
    publishing.save(edition.pk, world.lead, publishing.Words("Scooters", "Scooters travel free."))
    assert titles(world, "scooters") == []
    publishing.publish(edition.pk, world.lead)
    assert titles(world, "scooters") == ["Scooters"]
    publishing.archive(edition.pk, world.lead)
    assert titles(world, "scooters") == []


def test_languages_are_apart_and_stemmed_by_their_own_rules(world: World, write: Write) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "de", "ja"])
    write("Wo sind meine Fahrkarten?", "Fahrkarten stehen im Konto.", language="de")
    write("忘れ物はどこですか", "東京駅の窓口へ。", language="ja")
    assert [hit.title for hit in search.find(world.brand, "de", "Fahrkarte").hits] == ["Wo sind meine Fahrkarten?"]
    assert [hit.title for hit in search.find(world.brand, "ja", "忘れ物").hits] == ["忘れ物はどこですか"]
    assert titles(world, "Fahrkarte") == []


def test_suggestions_while_typing(world: World, library: None) -> None:
    def suggested(words: str) -> list[str]:
        return [hit.title for hit in search.suggest(world.brand, "en", words, "anybody")]

    assert suggested("umb") == ["I left my umbrella on the train"]
    assert suggested("charged twi")[:1] == ["I was charged twice"]
    assert suggested("") == suggested("zzzz") == []


def test_a_search_is_written_down_without_private_data(world: World) -> None:
    row = search.remember(world.brand, "en", "refund to ana.lindq@example.com order 123-1234567-1234567", 0)
    kept = Search.objects.get(pk=row.pk)
    assert "ana.lindq" not in kept.words
    assert "1234567-1234567" not in kept.words


def test_rebuilding_repairs(world: World, library: None, capsys: pytest.CaptureFixture[str]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        if engine.is_postgres():
            cursor.execute(f"UPDATE {engine.TABLE} SET terms = NULL")
        else:
            cursor.execute(f"DELETE FROM {engine.FULLTEXT}")
    assert engine.matches(world.brand.pk, "en", ["refund"], ["public"], 9) == []
    call_command("rebuild_search")
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1]) == {"indexed": 6, "forgotten": 0}
    assert len(engine.matches(world.brand.pk, "en", ["refund"], ["public"], 9)) == 1


def test_two_processes_see_what_one_publishes(world: World, library: None, write: Write) -> None:
    other = shelf.Shelf(world.brand.pk, "en")
    other.refresh()
    assert len(other) == 6
    write("Dogs on trains", "Small dogs travel free.")
    other.looked_at = float("-inf")
    other.refresh()
    assert len(other) == 7


def test_putting_few_in_ranks_as_counting_all_anew() -> None:
    texts = [Text(number, title, body) for number, (title, body) in enumerate(ARTICLES.items())]
    whole, grown = Bank("en"), Bank("en")
    whole.put(texts)
    grown.put(texts[:5])
    grown.put(texts[5:])
    for bank in (whole, grown):
        query = bank.read("new password for my account")
        best = bank.rescored(query, range(len(bank)), bank.near(query))[0]
        assert bank.keys[best.place] == 5
    assert grown.often("train") == whole.often("train") == 2


def test_searching_while_articles_come_in(world: World, library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share one bank: whoever asks while it grows gets an answer, not half of an array."""
    monkeypatch.setattr(engine, "matches", lambda *_question: [])  # a thread has no part in the test's transaction
    place = shelf.shelf_of(world.brand, "en")
    wrong: list[BaseException] = []

    def grow() -> None:
        for number in range(150):
            with place.bank.lock:
                place.bank.put([Text(10_000 + number, f"Zone {number} fares", f"word{number} fares in zone {number}")])
                place.visible = np.full(len(place.bank), "public", dtype="U10")

    def ask() -> None:
        try:
            while grower.is_alive():
                search.ranked_for(place, "fares in my zone", ("public",))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
            wrong.append(error)

    grower = threading.Thread(target=grow)
    askers = [threading.Thread(target=ask) for _ in range(3)]
    for thread in (grower, *askers):
        thread.start()
    for thread in (grower, *askers):
        thread.join()
    assert wrong == []


def test_terms() -> None:
    assert terms("My refunds weren't paid: O’Brien’s München 10:30", "en") == [
        "my", "refund", "werent", "paid", "obrien", "munchen", "10", "30",
    ]  # fmt: skip
    assert terms("東京駅", "ja") == ["東京", "京駅"]


# --- the batch command -----------------------------------------------------------------------------------------


def run(tmp_path: Path, bank: str, queries: str) -> list[dict[str, object]]:
    (tmp_path / "bank").write_text(bank)
    (tmp_path / "queries").write_text(queries)
    call_command(
        "search_articles", bank=tmp_path / "bank", queries=tmp_path / "queries", output=tmp_path / "out", verbosity=0
    )
    return [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]


def test_searching_files(tmp_path: Path) -> None:
    bank = "\n".join(
        json.dumps({"faq": f"f{number}", "question": title, "answers": [body]})
        for number, (title, body) in enumerate(ARTICLES.items())
    )
    queries = '{"q": "where is my refnud", "gold": 1}\n{"q": ""}\n{"q": "bycicle at the weekend"}\n'
    rows = run(tmp_path, bank, queries)
    assert rows[0]["gold"] == 1
    firsts = [row["results"][:1] for row in rows]  # type: ignore[index]
    assert (firsts[0], firsts[2]) == (["f1"], ["f2"])
    assert all(len(row["results"]) <= 5 for row in rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bank", "queries", "says"),
    [
        ('{"question": "x"}', '{"q": "x"}', "line 1: there is no “faq”"),
        ('{"faq": 1}', '{"x": "x"}', "line 1: there is no “q”"),
        ('{"faq": 1}\nnonsense', '{"q": "x"}', "line 2: this is no JSON"),
        ("[1]", '{"q": "x"}', "no JSON object"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, bank: str, queries: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(tmp_path, bank, queries)


def test_no_articles_at_all(tmp_path: Path, world: World) -> None:
    assert run(tmp_path, "", '{"q": "x"}')[0]["results"] == []
    assert titles(world, "refund") == []


def test_what_was_hidden_a_moment_ago_is_not_found(world: World, write: Write) -> None:
    """Another process knows of it only at its next look at the index; the rows are asked each time."""
    edition = write("Late trains", "Wait a little.")
    assert search.find(world.brand, "en", "late trains").hits
    Article.objects.filter(pk=edition.article_id).update(visible="internal")
    assert search.find(world.brand, "en", "late trains").hits == []
