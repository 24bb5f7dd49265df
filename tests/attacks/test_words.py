"""Text made to harm: signs that do not store, that reorder what is read, or that take long to look at."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.templatetags.desk import words
from helpdesk.text.clean import MAX_CHARS, cleaned, excerpt, one_line, shown, storable
from mentions import triage
from tests.attacks.scene import Scene

NASTY = [
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\ufeff",
    "\u202eevil",
    "a\x1b[31mb",
    "\r\n\r",
    "\ufffe\uffff",
    "\ufdd0",
    "x\x85y",
    "\x9b",
]
LONG = ["\u0301" * 1_000_000, "a\u0301" * 500_000, "!" * 1_000_000, "@a." * 300_000, "http://" * 150_000, "?" * 100_000 + "a", " \n" * 500_000,
        "\u1100\u1161\u11a8" * 100_000, "not " * 25_000, "\U0001f468\u200d" * 50_000, "<" * 100_000, "a@" * 50_000, "(" * 100_000]  # fmt: skip
BOUND = 5  # seconds: generous, and far below what a quadratic pattern takes


@pytest.mark.parametrize("raw", NASTY, ids=repr)
def test_what_leaves_can_be_stored_anywhere(raw: str) -> None:
    for text in (cleaned(f"a{raw}b").text, one_line(f"a{raw}b", 50)):
        assert text.encode()
        assert "\x00" not in text
        assert "\x1b" not in text
    assert str(storable({raw: [raw]})).encode()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_cleaning_twice_is_cleaning_once(raw: str) -> None:
    once = cleaned(raw).text
    assert cleaned(once).text == once
    assert shown(shown(once)) == shown(once)
    line = one_line(raw, 40)
    assert one_line(line, 40) == line


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(), max_size=200),
    st.sampled_from(["<script>", '"><img src=x onerror=x>', "http://a.example/\"x='", "javascript:x"]),
)
def test_shown_words_hold_no_tag_but_ours(raw: str, nasty: str) -> None:
    html = str(words(cleaned(raw + nasty + raw).text)).replace("<br>", "").replace("</a>", "")
    assert html.count("<") == html.count('<a href="http') + html.count('<a href="mailto:')


@pytest.mark.parametrize("sign", "\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
def test_overrides_are_named_not_obeyed(sign: str) -> None:
    assert sign not in str(words(f"pay {sign}live"))
    assert "⟦" in shown(f"pay {sign}live")
    assert sign not in excerpt(f"pay {sign}live")
    assert sign not in one_line(f"Ana{sign}gro.live", 50)


@pytest.mark.parametrize("raw", LONG, ids=lambda raw: repr(raw[:8]))
def test_long_text_is_read_in_bounded_time(raw: str) -> None:
    begun = time.monotonic()
    text = cleaned(raw)
    assert len(text.text) <= MAX_CHARS
    triage.read(raw)
    excerpt(text.text)
    words(text.text)
    one_line(raw, 200)
    assert time.monotonic() - begun < BOUND


def test_a_letters_ending_is_no_praise() -> None:
    for ending in ("Kind regards", "Best wishes", "Mit freundlichen Grüßen", "Bien cordialement"):
        assert triage.read(f"The seat map overlaps the pay button on my phone.\n\n{ending}\nBo").sentiment == "neutral"
    assert triage.read("You are kind, and the best").sentiment == "positive"


def test_triage_reads_the_beginning_only() -> None:
    head = "nothing much here. " * (triage.MOST_CHARS // 19 + 1)
    assert triage.read(head + "my lawyer will sue you! " * 4000) == triage.read(head)


@pytest.mark.django_db
def test_nasty_words_on_every_page(scene: Scene) -> None:
    message = scene.world.hear("".join(NASTY) + "Where is my train?", who="nasty")
    desk, api = scene.world.desk(scene.world.agent), scene.world.api(scene.world.agent)
    assert desk.get("/desk/inbox/next/").status_code == 200
    assert "\u202e" not in desk.get(f"/desk/tickets/{message.ticket_id}/").content.decode()
    assert api.get(f"/api/v1/messages/{message.pk}/").json()["text"].endswith("Where is my train?")
