"""Resident memory of a process and of all its children, and of a worker that has had work to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, Figures
from tests.bench.place import Place

WEB, WORKER = "<= 250", "<= 450"
AT_REST, AT_WORK = 10, 30  # seconds


def resident(pid: int) -> float:
    """MB, summed over the process and its descendants."""
    return sum(_rss(each) for each in _family(pid)) / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _rss(pid: int) -> int:
    """Kilobytes; 0 for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def figure(megabytes: float, goal: str) -> Figure:
    return Figure(megabytes, "MB", goal=goal, of_value=True)


def worker(place: Place, port: int) -> tuple[Figures, int]:
    """A worker at rest, then after it and beat have listened to demo sources; and how many mentions that brought."""
    place.extra["HELPDESK_DEMO"] = "true"
    made = place.step("demo", port=port)
    with place.running(made["commands"]["worker"]) as process:
        time.sleep(AT_REST)
        at_rest = resident(process.pid)
        with place.running(made["commands"]["beat"]):
            time.sleep(AT_WORK)
        after = resident(process.pid)
    heard = place.step("demo", port=port)["heard"] - made["heard"]
    return {"memory.worker.at_rest": figure(at_rest, WORKER), "memory.worker.after": figure(after, WORKER)}, heard
