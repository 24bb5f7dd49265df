"""Archives: whole conversations, both sides told apart, safe twice, resumable, and clear about broken rows."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from helpdesk.models import Customer, Deadline, Event, Message, Notice, Ticket
from mentions import archive
from mentions.archive.rows import Broken, kind_of, mapping_of, read, time_of
from mentions.models import ArchiveRun, Mention
from tests.conftest import SHARED
from tests.world import World

pytestmark = pytest.mark.django_db
MAP = "text=text,author=author_id,id=tweet_id,parent=in_response_to_tweet_id,time=created_at,inbound=inbound"
HEAD = ["tweet_id", "author_id", "inbound", "created_at", "text", "in_response_to_tweet_id"]
TALK = [
    ["1", "ana", "True", "Tue Oct 31 22:10:47 +0000 2017", "@northwind my train is late", ""],
    ["2", "northwind", "False", "Tue Oct 31 22:12:00 +0000 2017", "@ana which one?", "1.0"],
    ["3", "ana", "True", "Tue Oct 31 22:13:00 +0000 2017", "@northwind the 8:15", "2.0"],
    ["4", "ben", "True", "Tue Oct 31 22:14:00 +0000 2017", "same here", "2.0"],
    ["9", "cleo", "True", "Wed Nov 01 08:00:00 +0000 2017", "lost bag", "77.0"],
    ["8", "northwind", "False", "Wed Nov 01 07:00:00 +0000 2017", "we are sorry", "77.0"],
]


def written(path: Path, rows: list[list[str]], head: list[str] = HEAD) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def run(path: Path, **options: Any) -> tuple[dict[str, Any], str, int]:
    """(the JSON line, what was said, the exit code)"""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("import_archive", str(path), brand="northwind", stdout=out, stderr=err, **{"map": MAP, **options})
    except SystemExit as end:
        code = int(end.code or 0)
    return json.loads(out.getvalue()), err.getvalue(), code


@pytest.mark.django_db(transaction=True)
def test_it_needs_nobody_elses_transaction(world: World, tmp_path: Path) -> None:
    counts, _said, code = run(written(tmp_path / "a.csv", TALK))
    assert (code, counts["messages"]) == (0, 6)
    assert Event.objects.filter(code="archive.imported").count() == 1


def test_whole_conversations_come_in_settled_with_both_sides(world: World, tmp_path: Path) -> None:
    counts, _said, code = run(written(tmp_path / "a.csv", TALK))
    assert (code, counts["messages"], counts["tickets"], counts["broken"]) == (0, 6, 2, 0)
    ana = Ticket.objects.get(customer__name="ana")
    assert [(m.kind, m.text) for m in ana.messages.order_by("said_at")] == [
        ("inbound", "@northwind my train is late"),
        ("reply", "@ana which one?"),
        ("inbound", "@northwind the 8:15"),
        ("inbound", "same here"),
    ]
    assert (ana.state, ana.close_reason, ana.due_at, ana.answered_at is not None) == ("closed", "done", None, True)
    cleo = Ticket.objects.get(customer__name="cleo")
    assert cleo.messages.count() == 2, "two answers to a question that the file lacks stand together"
    assert set(Customer.objects.values_list("name", flat=True)) == {"ana", "ben", "cleo"}, "we are no customer"
    assert not Deadline.objects.exists()
    assert not Notice.objects.exists()


def test_a_second_run_adds_nothing_and_the_rest_of_a_grown_file_is_added(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    run(written(path, TALK))
    again, _said, _code = run(path)
    assert (again["messages"], again["tickets"], again["known"]) == (0, 0, 6)
    more = ["10", "ana", "True", "Wed Nov 01 09:00:00 +0000 2017", "still late", "3"]
    grown, _said, _code = run(written(path, [*TALK, more]))
    assert (grown["messages"], grown["tickets"]) == (1, 0)
    assert Message.objects.count() == Mention.objects.count() == 7


def test_an_import_that_was_broken_off_goes_on(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[str(n), f"p{n}", "True", "2020-01-01T00:00:00Z", f"number {n}", ""] for n in range(1, 31)]
    path = written(tmp_path / "a.csv", rows)
    monkeypatch.setattr(archive, "SET", 10)
    real, calls = archive._take_in, []

    def breaks(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(archive, "_take_in", breaks)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    assert (Message.objects.count(), ArchiveRun.objects.get().position) == (10, 10)
    counts, _said, _code = run(path)
    assert (counts["messages"], counts["known"]) == (20, 0)
    assert Message.objects.count() == 30


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["", "ana", "True", "2020-01-01", "hello", ""], "id is empty"),
        (["1", "ana", "True", "yesterday", "hello", ""], "time is “yesterday”"),
        (["1", "ana", "perhaps", "2020-01-01", "hello", ""], "inbound is “perhaps”"),
        (["1", "ana", "True", "2020-01-01", "", ""], "text is empty"),
        (["1", "", "True", "2020-01-01", "x", ""], "author is empty"),
    ],
)
def test_a_broken_row_is_named_and_costs_itself_only(world: World, tmp_path: Path, row: list[str], why: str) -> None:
    counts, said, code = run(written(tmp_path / "a.csv", [*TALK, row]))
    assert (code, counts["messages"], counts["broken"]) == (1, 6, 1)
    assert f"line 8: {why}" in said


def test_a_map_that_does_not_fit_is_said_before_anything_is_stored(world: World, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", TALK)
    with pytest.raises(CommandError, match="lacks time"):
        run(path, map="text=text,author=author_id,id=tweet_id")
    with pytest.raises(CommandError, match="no column “when”"):
        run(path, map=MAP.replace("created_at", "when"))
    with pytest.raises(CommandError, match="fields are text, author"):
        run(path, map=MAP + ",colour=blue")
    assert not Mention.objects.exists()


def test_json_lines_are_read_and_odd_ones_named(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = {"i": 1, "a": "ana", "t": "hello \u202e", "w": 1509487847}
    path.write_text("\n".join([json.dumps(good), "{", "[1]", "", '{"i": 2, "a": "b", "t": {"x": 1}, "w": 1}']))
    counts, said, code = run(path, map="id=i,author=a,text=t,time=w")
    assert (code, counts["messages"], counts["broken"]) == (1, 1, 3)
    assert "line 2: this line is no JSON" in said
    assert kind_of(path) == "jsonl"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_spreadsheet_of_any_country_is_read(world: World, tmp_path: Path, encoding: str, separator: str) -> None:
    lines = [
        "tweet_id,author_id,inbound,created_at,text,in_response_to_tweet_id",
        "1,ana,True,2020-01-01,Grüße aus Köln,",
    ]
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(lines).replace(",", separator).encode(encoding))
    counts, _said, code = run(path)
    assert (code, counts["messages"]) == (0, 1)
    assert Message.objects.get().text == "Grüße aus Köln"


def test_a_quotation_mark_that_is_never_closed_is_named(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'{n},ana,True,2020-01-01,"it is late",' for n in range(3, 8)]
    broken = '2,ana,True,2020-01-01,"it is late,'
    head = "tweet_id,author_id,inbound,created_at,text,in_response_to_tweet_id"
    path.write_text("\n".join([head, broken, *(row.replace('"', "") for row in rows), '99,ana,True,2020-01-01,"x",']))
    counts, said, code = run(path)
    assert code == 1
    assert counts["broken"] >= 1
    assert "never closed" in said


def test_a_long_letter_with_many_commas_is_one_row(world: World, tmp_path: Path) -> None:
    letter = "\n".join(f"line {n}, with, many, commas, in, it, and, more" for n in range(60))
    counts, _said, code = run(written(tmp_path / "a.csv", [["1", "ana", "True", "2020-01-01", letter, ""]]))
    assert (code, counts["messages"]) == (0, 1)


def test_rows_of_one_id_are_counted(world: World, tmp_path: Path) -> None:
    counts, _said, _code = run(written(tmp_path / "a.csv", [*TALK, TALK[0]]))
    assert (counts["messages"], counts["repeated"]) == (6, 1)


@pytest.mark.parametrize("time", ["45000.5", "2026", "1"])
def test_a_number_that_is_no_time_is_broken(world: World, tmp_path: Path, time: str) -> None:
    counts, said, _code = run(written(tmp_path / "a.csv", [*TALK, ["77", "ana", "True", time, "hello", ""]]))
    assert counts["broken"] == 1
    assert "no time we know" in said


@pytest.mark.parametrize("content", ["[{}]", '{"tickets": [{}]}'])
def test_a_zendesk_export_in_one_list_is_told_how_to_be_lines(world: World, tmp_path: Path, content: str) -> None:
    path = tmp_path / "z.json"
    path.write_text(content)
    with pytest.raises(CommandError, match="one ticket a line"):
        run(path, format="zendesk", map="")


def test_a_zendesk_export_keeps_public_comments_of_both_sides(world: World, tmp_path: Path) -> None:
    ticket = {
        "id": 42,
        "subject": "Lost bag",
        "created_at": "2024-02-01T10:00:00Z",
        "requester": {"id": 7, "name": "Ana Lind", "email": "ana@customer.test"},
        "users": [{"id": 9, "name": "Noor", "role": "agent"}],
        "comments": [
            {
                "id": 1,
                "author_id": 7,
                "plain_body": "My bag is gone",
                "public": True,
                "created_at": "2024-02-01T10:00:00Z",
            },
            {"id": 2, "author_id": 9, "body": "check the depot", "public": False, "created_at": "2024-02-01T10:05:00Z"},
            {"id": 3, "author_id": 9, "body": "We have it", "public": True, "created_at": "2024-02-01T11:00:00Z"},
        ],
    }
    bare = {"id": 43, "requester_id": 8, "description": "Hello?", "created_at": "2024-02-02T10:00:00Z"}
    path = tmp_path / "z.json"
    path.write_text(json.dumps(ticket) + "\n" + json.dumps(bare) + "\n" + json.dumps({"id": 44}) + "\n")
    counts, _said, code = run(path, format="zendesk", map="")
    assert (code, counts["messages"], counts["tickets"], counts["broken"]) == (1, 3, 2, 1)
    found = Ticket.objects.get(subject="Lost bag")
    assert [(m.kind, m.text) for m in found.messages.order_by("said_at")] == [
        ("inbound", "My bag is gone"),
        ("reply", "We have it"),
    ]
    assert found.customer.name == "Ana Lind"


def test_answers_in_a_circle_and_long_chains_end(world: World, tmp_path: Path) -> None:
    circle = [["1", "a", "True", "2020-01-01", "one", "2"], ["2", "b", "True", "2020-01-01", "two", "1"]]
    chain = [
        [f"c{n}", "ana", "True", f"2020-01-02T00:{n // 60:02}:{n % 60:02}Z", f"n {n}", f"c{n - 1}"] for n in range(300)
    ]
    counts, _said, _code = run(written(tmp_path / "a.csv", [*circle, *reversed(chain)]))
    assert counts["messages"] == 302
    assert Ticket.objects.filter(customer__name="ana").count() == 1


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("Tue Oct 31 22:10:47 +0000 2017", "2017-10-31T22:10:47+00:00"),
        ("2017-10-31T22:10:47+02:00", "2017-10-31T20:10:47+00:00"),
        ("Tue, 31 Oct 2017 22:10:47 +0000", "2017-10-31T22:10:47+00:00"),
        ("1509487847", "2017-10-31T22:10:47+00:00"),
        ("1509487847000", "2017-10-31T22:10:47+00:00"),
        ("2017-10-31", "2017-10-31T00:00:00+00:00"),
    ],
)
def test_times_are_read_in_the_forms_archives_have(text: str, iso: str) -> None:
    assert time_of(text).isoformat() == iso


@pytest.mark.shared
def test_the_shared_support_tweets_come_in_whole(world: World) -> None:
    path = SHARED / "data" / "twcs_head5k.csv"
    rows = [row for row in read(path, mapping_of(MAP), "csv") if not isinstance(row, Broken)]
    counts, _said, code = run(path)
    assert code == 0, (counts, _said)
    assert counts["rows"] == len(rows)
    assert counts["messages"] + counts["without_customer"] == len(rows)
    assert Message.objects.filter(kind="inbound").count() == sum(row.inbound for row in rows)
    by_id = {row.id: row for row in rows}
    pairs = [(row.id, row.parent) for row in rows if row.parent in by_id]
    threads = dict(Mention.objects.exclude(message=None).values_list("external_id", "message__thread"))
    assert all(threads[child] == threads[parent] for child, parent in pairs if child in threads and parent in threads)
    again, _said, _code = run(path)
    assert (again["messages"], again["tickets"]) == (0, 0)
