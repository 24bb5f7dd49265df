"""Bluesky keeps the contract, and what is its own: graphemes, bytes, facets, TIDs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mentions.models import Account, Source
from mentions.platforms.bluesky import text
from mentions.platforms.bluesky.connector import SORTABLE, tid
from mentions.platforms.text import cut, graphemes
from tests.fakes import faults as fault
from tests.fakes.bluesky import FakeBluesky
from tests.platforms.contract import ConnectorContract
from tests.world import World, listen

LIST, PUT = "app.bsky.notification.listNotifications", "com.atproto.repo.putRecord"


@dataclass
class BlueskyStage:
    network: FakeBluesky
    source: Source
    us: str
    ana: str

    def say(self, words: str) -> str:
        return self.network.post(self.ana, f"@northwind.test {words}", mention=[self.us])

    def go_on(self, external_id: str, words: str) -> str:
        return self.network.post(self.ana, words, reply_to=external_id)

    def edit(self, external_id: str, words: str) -> None:
        self.network.edit(external_id, words)

    def delete(self, external_id: str) -> None:
        self.network.delete(external_id)

    def malformed(self) -> None:
        self.network.raw_notification(self.us, {"uri": 7, "reason": "mention", "record": None})

    def throttle(self, seconds: int) -> None:
        self.network.fault(LIST, fault.retry_after(seconds))

    def break_down(self) -> None:
        self.network.fault(LIST, fault.Status(503))

    def revoke(self) -> None:
        self.network.set_app_password(self.us, "somethingelse", revoke_sessions=True)

    def sent(self) -> list[str]:
        return [record.record["text"] for record in self.network.posts_by(self.us)]

    def lose_answer(self) -> None:
        self.network.fault(PUT, fault.ResetAfter())


class TestContract(ConnectorContract):
    @pytest.fixture
    def stage(self, world: World, bluesky: FakeBluesky) -> BlueskyStage:
        source = listen(world, bluesky)
        return BlueskyStage(bluesky, source, Account.objects.get().external_id, bluesky.add_account("ana.test"))


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("", 0), ("hello", 5), ("é", 1), ("e\u0301", 1), ("👩‍👩‍👧", 1), ("🇸🇪🇳🇴", 2), ("👍🏽", 1), ("日本語", 3), ("안녕", 2), ("\r\n", 1),
        ("नमस्ते", 3), ("1️⃣", 1), ("a\u200db", 2),
    ],
)  # fmt: skip
def test_length_is_counted_in_graphemes(words: str, count: int) -> None:
    assert graphemes(words) == count


def test_facets_count_bytes() -> None:
    words = "Grüße @ana.test 🎉 see https://example.org/a?b=c. #späti (@gone.test)"
    found = text.facets(words, {"ana.test": "did:plc:ana"}.get)
    raw = words.encode()
    marked = [raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode() for facet in found]
    assert marked == ["@ana.test", "https://example.org/a?b=c", "#späti"]
    assert found[0]["features"][0] == {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:ana"}


@pytest.mark.parametrize("length", [1, 299, 300, 301, 900])
def test_cutting_loses_nothing_and_every_piece_fits(length: int) -> None:
    words = ("Trains run. " * 100)[:length].strip()
    pieces = cut(words, text.fits)
    assert all(graphemes(piece) <= 300 for piece in pieces)
    assert " ".join(pieces).split() == words.split()


def test_cutting_never_breaks_a_family_or_the_byte_limit() -> None:
    family = "👩‍👩‍👧‍👦"
    pieces = cut(family * 400, text.fits)
    assert "".join(pieces) == family * 400
    assert all(len(piece.encode()) <= 3000 and piece.count(family) * len(family) == len(piece) for piece in pieces)


def test_tids_sort_by_time_and_differ() -> None:
    made = [tid() for _ in range(50)]
    assert len(set(made)) == 50
    assert all(len(key) == 13 and set(key) <= set(SORTABLE) for key in made)
    assert made[0][:8] <= made[-1][:8]


def no_one(handle: str) -> str | None:
    return None


# --- facets at their edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "link"),
    [
        ("see https://wiki.example/Rust_(x) now", "https://wiki.example/Rust_(x)"),
        ("(see https://wiki.example/Rust)", "https://wiki.example/Rust"),
        ("https://wiki.example/a_(b)), or", "https://wiki.example/a_(b)"),
        ("https://wiki.example/a?b=1.", "https://wiki.example/a?b=1"),
    ],
)
def test_a_link_keeps_the_brackets_it_opened(said: str, link: str) -> None:
    assert [facet["features"][0]["uri"] for facet in text.facets(said, no_one)] == [link]


def test_a_tag_longer_than_64_is_none() -> None:
    assert text.facets("#" + "a" * 65, no_one) == []
    assert text.facets("#" + "a" * 64, no_one)[0]["features"][0]["tag"] == "a" * 64
