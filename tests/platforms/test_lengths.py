"""Every platform's own count of the same texts, against a table worked out from the platforms' rules."""

from __future__ import annotations

import time

import pytest

from mentions.platforms.mastodon import text as mastodon
from mentions.platforms.text import graphemes
from mentions.platforms.x import text as x
from tests.platforms.lengths import LENGTHS, Length


def shown(row: Length) -> str:
    return row.text[:30].encode("unicode_escape").decode()


@pytest.mark.parametrize("row", LENGTHS, ids=shown)
def test_each_platform_counts_a_text_as_it_does_itself(row: Length) -> None:
    counts = (x.weighted(row.text), mastodon.length(row.text, 23), graphemes(row.text), len(row.text.encode()))
    assert counts == (row.x, row.mastodon, row.bluesky, row.bytes), row.why


@pytest.mark.parametrize(
    "piece",
    [
        "a.",
        "https://",
        "http://a.",
        "@a@",
        "(",
        "/a(",
        "👩‍",
        "1",
        "a.com/(",
        ".com",
        "xn--",
        "日本.",
        "a-",
        "?",
        "@",
        "…",
    ],
)
def test_counting_takes_no_time_whatever_the_text(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    begun = time.process_time()
    x.weighted(text), mastodon.length(text, 23)
    assert time.process_time() - begun < 5, "seconds are a slow pattern; what is meant takes milliseconds"
