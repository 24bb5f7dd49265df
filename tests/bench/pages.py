"""Pages at the full size against the same pages at a hundredth of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx

from tests.bench.client import Visitor, compare
from tests.bench.figures import Figures, versus

FLAT = "<= 1.3"
ORDERINGS = ("next_due", "last_inbound", "created", "priority")
Ask = Callable[[Visitor, int], httpx.Response]


def measure(small: Visitor, large: Visitor) -> Figures:
    """Milliseconds at the large size (value) and at the small one (baseline)."""
    pairs = {"one": (small, large), "both": (replace(small, who="both"), replace(large, who="both"))}
    found: Figures = {}
    for name, who, ask in _questions():
        few, many = (_bound(ask, visitor) for visitor in pairs[who])
        at_small, at_large = compare(few, many)
        found[name] = versus(at_large, at_small, "ms", FLAT)
        print(f"  {name}: {at_small:.1f} ms -> {at_large:.1f} ms", flush=True)
    return found


def _bound(ask: Ask, visitor: Visitor) -> Callable[[int], httpx.Response]:
    return lambda turn: ask(visitor, turn)


def _questions() -> Iterator[tuple[str, str, Ask]]:
    """(name, who asks, what)."""
    for who in ("one", "both"):
        suffix = "" if who == "one" else ".two_brands"
        yield f"inbox.first{suffix}", who, lambda visitor, turn: visitor.desk("/desk/inbox/next/")
        yield f"inbox.page200{suffix}", who, _deep_inbox(who)
    yield (
        "ticket",
        "one",
        lambda visitor, turn: visitor.desk(
            f"/desk/tickets/{visitor.keys['tickets'][turn % len(visitor.keys['tickets'])]}/"
        ),
    )
    for order in (sign + ordering for ordering in ORDERINGS for sign in ("", "-")):
        yield from _list_pages(f"api.{order}", "one", "api", {"ordering": order})
    yield from _list_pages(
        "api.open.next_due", "one", "api_open", {"state": "new,open,waiting", "ordering": "next_due"}
    )
    yield from _list_pages("api.two_brands.next_due", "both", "api_both", {"ordering": "next_due"})


def _list_pages(name: str, who: str, cursors: str, query: dict[str, str]) -> Iterator[tuple[str, str, Ask]]:
    yield f"{name}.first", who, _list(query, "")
    yield f"{name}.page200", who, _list(query, cursors)


def _list(query: dict[str, str], cursors: str) -> Ask:
    def ask(visitor: Visitor, turn: int) -> httpx.Response:
        cursor = {"cursor": visitor.keys[cursors][query["ordering"]]["cursor"]} if cursors else {}
        return visitor.api(f"/api/v1/tickets/?{urlencode({**query, **cursor})}")

    return ask


def _deep_inbox(who: str) -> Ask:
    return lambda visitor, turn: visitor.desk(f"/desk/inbox/next/?cursor={visitor.keys['inbox'][who]['cursor']}")
