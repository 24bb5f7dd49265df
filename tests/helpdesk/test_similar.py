"""Which texts are about the same trouble, measured on invented posts of a railway."""

from __future__ import annotations

from itertools import combinations

from helpdesk.text import similar

STUCK = [
    "@northwindrail train stuck at Valdemar for an hour, no information",
    "why is my train standing at Valdemar since 40 minutes??",
    "No info at all, we have been stuck near Valdemar forever",
    "Stuck outside Valdemar. Again. What is going on @northwindrail",
    "Is the line blocked at Valdemar? I need to get to Lund",
    "Train has been standing still outside Valdemar for 50 minutes",
]
PAYMENT = [
    "app crashes when I pay for my ticket",
    "payment fails in the app every time",
    "The app does not let me pay, card refused three times",
    "Can't pay in the app since this morning",
    "@northwindrail your app won't take my card, payment error",
    "I cannot buy a ticket, payment page keeps failing",
]
TWICE = [
    "I was charged twice for the Malmö ticket",
    "double charge on my card for one ticket",
    "charged two times, want my money back",
    "My card was billed twice for the same trip",
]
OTHER = [
    "How do I book the wheelchair ramp at Elm Street?",
    "Lost umbrella, platform 4",
    "wifi on the 8:05 is down again",
    "The new quiet carriage is lovely",
    "Is there a direct train to Lund on Tuesdays?",
    "Would be great if the app showed which carriage has free seats",
    "My train to Lund was cancelled",
    "a door closed on my daughter's arm",
    "the seat is dirty and broken",
    "rude conductor on the 9:40",
    "Does the annual pass pay off?",
]
GROUPS = [STUCK, PAYMENT, TWICE, *([one] for one in OTHER)]
LINES = [(text, number) for number, group in enumerate(GROUPS) for text in group]


def test_pairs() -> None:
    """Precision over recall: a wrong companion costs trust, a missed one only a look."""
    rows = similar.matrix(similar.vectors([text for text, _group in LINES]))
    close = rows @ rows.T
    hits = [(LINES[i][1] == LINES[j][1]) for i, j in combinations(range(len(LINES)), 2) if close[i, j] >= similar.ALIKE]
    same = sum(LINES[i][1] == LINES[j][1] for i, j in combinations(range(len(LINES)), 2))
    assert sum(hits) / len(hits) >= 0.85
    assert sum(hits) / same >= 0.6


def test_three_find_the_rest_and_nobody_else() -> None:
    stored = similar.vectors([text for text, _group in LINES])
    rows = similar.matrix(stored)
    for number, group in enumerate((STUCK, PAYMENT, TWICE)):
        begin = sum(map(len, GROUPS[:number]))
        close = similar.closeness(stored[begin : begin + 3], rows)
        found = {place for place in range(len(LINES)) if close[place] >= similar.ALIKE_TO_SEVERAL}
        assert found == set(range(begin, begin + len(group)))


def test_too_little_is_like_nothing() -> None:
    assert similar.vectors(["@northwindrail https://example.com 12345", "thanks", ""]) == [b"", b"", b""]
    made = similar.vectors(["the train is late again"])
    assert len(made[0]) == 512
    assert list(similar.closeness([b""], similar.matrix(made))) == [0.0]
    assert not similar.matrix([b"", b"short"]).any()
