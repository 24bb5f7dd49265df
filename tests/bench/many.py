"""Many sources on one worker, one of them hanging and one failing: how late the worst of the healthy ones is read."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import pairwise

from tests.bench.figures import Figure, Figures
from tests.bench.newsstand import Newsstand
from tests.bench.place import Place
from tests.fakes.faults import Hang, Status

RHYTHM = 60  # seconds between two looks
ROUNDS = 4  # rhythms that are watched, after the first look at each
GOAL = "<= 1.5"
HANGING, FAILING = "/feeds/0/", "/feeds/1/"


def measure(place: Place, port: int, sources: int, rhythm: int = RHYTHM) -> Figures:
    with Newsstand() as stand:
        paths = [f"/feeds/{number}/" for number in range(sources)]
        made = place.step("stands", port=port, urls=[stand.url + path for path in paths], rhythm=rhythm)
        stand.always(HANGING, Hang(3600))
        stand.always(FAILING, Status(500))
        begun = time.monotonic()
        with place.running(made["commands"]["worker"]), place.running(made["commands"]["beat"]):
            time.sleep(rhythm * (ROUNDS + 1))
            ended = time.monotonic()
        gaps = _gaps(stand, [path for path in paths if path not in (HANGING, FAILING)], begun, ended)
    found = place.step("stands", port=port, urls=[], rhythm=rhythm)
    return {
        "sources.longest_gap": Figure(max(gaps), "s", rhythm, max(gaps) / rhythm, GOAL),
        "sources.median_gap": Figure(sorted(gaps)[len(gaps) // 2], "s", rhythm, sorted(gaps)[len(gaps) // 2] / rhythm),
        "sources.heard": Figure(found["messages"] - made["messages"], "messages"),
    }


def _gaps(stand: Newsstand, paths: list[str], begun: float, ended: float) -> list[float]:
    """Seconds between two looks at each path, and from its last look to the end: none that starves goes unseen."""
    looks: dict[str, list[float]] = defaultdict(list)
    for request in stand.requests:
        if begun <= request.at <= ended:
            looks[request.method].append(request.at)
    gaps = []
    for path in paths:
        times = looks[path] or [begun]
        gaps += [later - earlier for earlier, later in pairwise([*times, ended])]
    return gaps
