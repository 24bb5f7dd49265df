"""The API against bare DRF views on the same server."""

from __future__ import annotations

from typing import Any

import httpx

from tests.bench.client import Visitor, compare
from tests.bench.figures import Figures, versus

LIST, BARE_LIST = "/api/v1/tickets/", "/bare/tickets/"
LIST_GOAL, CREATE_GOAL, GUARDS_GOAL = "<= 8", "<= 5", "<= 10"
# long enough for a careful agent, with all that guards look for; beside what 300 others got today (`prepare`)
DRAFT = (
    "Dear Ana, thank you for your patience, and sorry that nobody told you on the platform. The gate at pier 7 had lost its power and "
    "opened again at 9:40; your booking NW-00-771 is good for any ferry until Friday. We pay back 38 EUR by Monday to the card ending in "
    "4242, and I have asked my colleagues at the pier to put a sign up when it happens again. If anything is left open, write here or call "
    "+46 70 555 01 42; I will see to it myself. "
)


def measure(visitor: Visitor) -> Figures:
    brand = visitor.keys["insert"]["brand_id"]
    product = len(visitor.api(LIST).content)
    pad = max(0, product - len(visitor.api(f"{BARE_LIST}?brand={brand}").content))
    bare = f"{BARE_LIST}?brand={brand}&pad={pad}"
    assert abs(len(visitor.api(bare).content) - product) < 10, "the answers differ in size"
    ours, least = compare(lambda turn: visitor.api(LIST), lambda turn: visitor.api(bare), rounds=60)
    found = {"api.list.against_bare": versus(ours, least, "ms", LIST_GOAL)}
    ours, least = compare(lambda turn: _create(visitor, turn), lambda turn: _insert(visitor, turn), rounds=60)
    found["api.create.against_bare"] = versus(ours, least, "ms", CREATE_GOAL)
    tickets = visitor.keys["tickets"]
    ours, least = compare(
        lambda turn: visitor.post(f"/api/v1/tickets/{tickets[turn % len(tickets)]}/check/", _draft(turn)),
        lambda turn: visitor.post("/bare/echo/", _draft(turn)),
        rounds=60,
    )
    found["api.guards.against_bare"] = versus(ours, least, "ms", GUARDS_GOAL)
    found["api.create.rate"] = versus(1000 / ours, 1000 / least, "/s")
    return found


def _create(visitor: Visitor, turn: int) -> httpx.Response:
    text = f"The gate at pier {turn} did not open, and I missed the ferry. Please call me back, number {turn * 7919}."
    return visitor.post(
        LIST,
        {**_said(turn), "text": text, "name": f"Caller {turn}", "phone": f"+46 70 000 {turn:04d}", "channel": "Phone"},
    )


def _insert(visitor: Visitor, turn: int) -> httpx.Response:
    return visitor.post("/bare/ticket/", {**_said(turn), **visitor.keys["insert"]})


def _draft(turn: int) -> dict[str, Any]:
    return {"text": f"{DRAFT} #{turn}", "visibility": "public"}


def _said(turn: int) -> dict[str, Any]:
    return {"subject": f"The gate at pier {turn}"}
