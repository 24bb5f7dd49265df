"""The help centre as its readers meet it, and what agents see of it, against bare views of the same server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.bench.client import Visitor, compare, good, timed
from tests.bench.figures import Figure, Figures, versus

ARTICLE, HALF, WORST, DESK, SUGGESTION = "<= 5", "<= 15", "<= 40", "<= 10", "<= 15"
FEW = 90  # requests from one address: a minute allows 120 searches
AGAIN = 60  # articles that are read a second time


@dataclass
class Readers:
    """People nobody knows, each at an address of their own, so that nobody searches more than one may."""

    port: int
    keys: dict[str, Any]
    people: list[httpx.Client] = field(default_factory=list)

    def page(self, turn: int, path: str) -> httpx.Response:
        return good(self._person(turn).get(path))

    def bare(self, turn: int, pad: int) -> httpx.Response:
        return self.page(turn, f"/bare/page/{self.keys['brand']}/?pad={pad}")

    def _person(self, turn: int) -> httpx.Client:
        while len(self.people) <= turn // FEW:
            way = httpx.HTTPTransport(local_address=f"127.0.0.{len(self.people) + 2}")
            self.people.append(httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, transport=way))
        return self.people[turn // FEW]

    def search(self, turn: int, words: str) -> httpx.Response:
        return self.page(turn, f"{self.keys['home']}search/?{urlencode({'q': words})}")


def measure(port: int, keys: dict[str, Any]) -> Figures:
    readers = Readers(port, keys)
    begun = time.perf_counter()
    size = len(readers.search(0, "lantern ferry").content)  # counts all articles first
    found = {"help.search.first": Figure(time.perf_counter() - begun, "s")}
    return {**_articles(readers), **_searches(readers, size), **found}


def _articles(readers: Readers) -> Figures:
    """Each for the first time; then some of them again, as the cache has them."""
    paths = readers.keys["articles"]
    pad = len(readers.page(0, paths[-1]).content) - len(readers.bare(0, 0).content)
    first, bare = compare(
        lambda turn: readers.page(0, paths[turn]), lambda turn: readers.bare(0, pad), rounds=len(paths) - 5
    )
    again = paths[-AGAIN - 5 : -5]
    later, beside = compare(
        lambda turn: readers.page(0, again[turn % AGAIN]), lambda turn: readers.bare(0, pad), rounds=AGAIN
    )
    return {
        "help.article": versus(first, bare, "ms", ARTICLE),
        "help.article.again": versus(later, beside, "ms", ARTICLE),
    }


def _searches(readers: Readers, size: int) -> Figures:
    """Every search once. The slowest are judged by the bare view's median, too."""
    pad, words = size - len(readers.bare(0, 0).content), readers.keys["searches"]
    start = FEW  # others than who asked first
    bare, ours = timed(
        lambda turn: readers.bare(start + turn, pad),
        lambda turn: readers.search(start + turn, words[turn][1]),
        rounds=len(words) - 2,
    )
    kinds: dict[str, list[float]] = {}
    for (kind, _words), took in zip(words[2:], ours, strict=True):
        kinds.setdefault(kind, []).append(took)
    for kind, times in kinds.items():
        print(f"  search, {kind}: {median(times):.1f} ms, at most {max(times):.1f} ms", flush=True)
    least = median(bare)
    return {
        "help.search.p50": versus(median(ours), least, "ms", HALF),
        "help.search.p95": versus(sorted(ours)[int(0.95 * len(ours))], least, "ms", WORST),
    }


# --- at the desk -------------------------------------------------------------------------------------------------


def at_the_desk(visitor: Visitor) -> Figures:
    """Topics, one topic, and the articles beside a ticket, for an agent; against the bare list of who has a token."""
    topics, tickets = visitor.keys["topics"], visitor.keys["tickets"]
    found = {
        "help.topics": _beside(visitor, ["/desk/topics/"], 30, DESK),
        "help.topic": _beside(visitor, [f"/desk/topics/{key}/" for key in topics], 30, DESK),
    }
    paths = [f"/desk/tickets/{key}/articles/" for key in tickets]
    probe = visitor.http.get(paths[0], headers={"Cookie": f"sessionid={visitor.keys['sessions']['one']}"})
    if probe.status_code == 404:
        print("  help.suggestion is left out: there is no /desk/tickets/<id>/articles/ yet", flush=True)
        return found
    return {**found, "help.suggestion": _beside(visitor, paths, len(paths) - 2, SUGGESTION)}


def _beside(visitor: Visitor, paths: list[str], rounds: int, goal: str) -> Figure:
    brand = visitor.keys["brand"]
    plain = f"/bare/tickets/?brand={brand}"
    pad = max(0, len(visitor.desk(paths[0]).content) - len(visitor.api(plain).content))
    ours, bare = compare(
        lambda turn: visitor.desk(paths[turn % len(paths)]),
        lambda turn: visitor.api(f"{plain}&pad={pad}"),
        rounds=rounds,
    )
    return versus(ours, bare, "ms", goal)
