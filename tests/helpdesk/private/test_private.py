"""Private data is found where it is and nowhere else: precision and recall over lines of many countries."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.text import private
from helpdesk.text.private import Found, find, mask, masked, without_cards
from helpdesk.workflow import tickets
from tests.world import World

LINES = [
    line for line in (Path(__file__).parent / "lines.txt").read_text().splitlines() if line and not line.startswith("#")
]
MARK = re.compile(r"⟦(\w+) (.+?)⟧")


def read(line: str) -> tuple[str, str, list[Found]]:
    """(country, the text without marks, what is private in it)."""
    country, marked = line.split(" | ", 1)
    parts: list[str] = []
    wanted: list[Found] = []
    at = length = 0
    for hit in MARK.finditer(marked):
        before = marked[at : hit.start()]
        length += len(before)
        wanted.append(Found(hit[1], length, length + len(hit[2])))
        parts += [before, hit[2]]
        length += len(hit[2])
        at = hit.end()
    return country, "".join([*parts, marked[at:]]), wanted


def judged(line: str) -> tuple[list[Found], list[Found], str]:
    """(missed, too much, text). The span must be right; of what a number names, order or account, either will do."""
    country, text, wanted = read(line)
    found = find(text, [country])
    loosely = {"order": "number", "account": "number"}
    named = [(loosely.get(one.kind, one.kind), one.start, one.end) for one in found]
    hoped = [(loosely.get(one.kind, one.kind), one.start, one.end) for one in wanted]
    missed = [one for one, name in zip(wanted, hoped, strict=True) if name not in named]
    return missed, [one for one, name in zip(found, named, strict=True) if name not in hoped], text


def test_precision_and_recall() -> None:
    there: Counter[str] = Counter()
    wrong: list[str] = []
    counts = Counter[str]()
    for line in LINES:
        missed, extra, text = judged(line)
        there.update(one.kind for one in read(line)[2])
        counts["missed"] += len(missed)
        counts["extra"] += len(extra)
        wrong += [f"missed {one.kind}: {text[one.start : one.end]!r} in {text!r}" for one in missed]
        wrong += [f"extra {one.kind}: {text[one.start : one.end]!r} in {text!r}" for one in extra]
    total = sum(there.values())
    right = total - counts["missed"]
    recall, precision = right / total, right / (right + counts["extra"])
    said = f"{len(LINES)} lines, {total} marked {dict(there)}: precision {precision:.3f}, recall {recall:.3f}"
    print(said)
    assert len(LINES) >= 200
    assert recall >= 0.98, "\n".join([said, *wrong])
    assert precision >= 0.98, "\n".join([said, *wrong])


@pytest.mark.parametrize(
    "trap",
    ["1 " * 10_000, "4111 " * 4000, "a@" * 10_000, "A-" * 10_000, "order number is " * 1200, "(at) " * 4000, "DE12 " * 4000,
     "1-" * 10_000, "9" * 20_000, "(1" * 10_000, "order:" * 3000, "+46 70 " * 2800, "a." * 10_000, "Konto 1-" * 2500],
    ids=lambda trap: trap[:8],
)  # fmt: skip
def test_no_text_is_a_trap(trap: str) -> None:
    began = time.perf_counter()
    find(trap, ["US", "SE"])
    assert time.perf_counter() - began < 2  # about 50 ms where nothing else runs


@given(st.text(max_size=300))
def test_what_is_found_lies_in_the_text_in_order_and_apart(text: str) -> None:
    found = find(text, ["SE", "US"])
    edges = [edge for one in found for edge in (one.start, one.end)]
    assert edges == sorted(edges)
    assert all(0 <= one.start < one.end <= len(text) and one.kind in private.KINDS for one in found)


def test_masks_keep_what_its_owner_knows_it_by() -> None:
    text = "Card 4111 1111 1111 1111, ana.lind@example.org, 070-123 45 67, order 88213456"
    assert masked(text, find(text, ["SE"])) == "Card ••••1111, a•••@example.org, ••••67, order ••••456"
    assert mask("account", "1234") == "••••34"


def test_the_brands_own_are_no_secret() -> None:
    text = "Write to support@northwind.example or call +46 8 123 456 78"
    assert find(text, ["SE"], ours=["support@northwind.example", "+46812345678"]) == []


@pytest.mark.django_db
def test_a_card_is_stored_nowhere_and_shown_in_no_list(world: World) -> None:
    ticket = world.ticket("My card 4111 1111 1111 1111 and my mail ana.lind@example.org, please")
    note = tickets.note(ticket.pk, world.agent, "She sent 4111-1111-1111-1111")
    assert "4111" not in ticket.messages.get(kind="inbound").text
    assert note.text == "She sent ••••1111"
    page = world.desk(world.agent).get("/desk/inbox/next/").content.decode()
    assert "a•••@example.org" in page
    assert "ana.lind@example.org" not in page
    assert "ana.lind@example.org" in world.desk(world.agent).get(f"/desk/tickets/{ticket.pk}/").content.decode()


def test_what_a_platform_sent_is_kept_without_cards_and_with_its_ids() -> None:
    raw = {
        "id": "4111111111111111",
        "text": "4111111111111111",
        "deep": [{"content": "pay 4242 4242 4242 4242"}, 7, None],
    }
    assert private.scrubbed(raw) == {
        "id": "4111111111111111",
        "text": "••••1111",
        "deep": [{"content": "pay ••••4242"}, 7, None],
    }


def test_cards_alone_can_be_taken_out() -> None:
    assert without_cards("4111-1111-1111-1111 and order 88213456") == "••••1111 and order 88213456"
    assert without_cards("nothing here") == "nothing here"
