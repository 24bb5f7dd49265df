"""The ladder: a sweep of due tickets against the bare statements it comes down to, and flat in what is not due."""

from __future__ import annotations

from typing import Any

from tests.bench.figures import Figure, Figures
from tests.bench.place import Place

OPEN, MANY, DUE, FEW = 10_000, 1_000_000, 100_000, 10_000
THEIRS, RATE, BARE, FLAT = 69, ">= 25", "<= 3", "<= 1.3"  # theirs: tickets/s of django-helpdesk's escalation


def measure(place: Any, scale: float) -> tuple[Figures, dict[str, int]]:
    """`place`: makes a named place. All due tickets beside few open ones; then fewer beside many."""
    small, many = max(500, int(OPEN * scale)), max(5000, int(MANY * scale))
    due, few = max(2000, int(DUE * scale)), max(500, int(FEW * scale))
    with place("ladder") as here:
        found = _step(here, small, due)
    with place("ladder-many") as here:
        beside_many = _step(here, many, few)
    rate, bare = found["due"] / found["seconds"], found["due"] / found["bare_seconds"]
    flat = (beside_many["seconds"] / beside_many["due"]) / (found["seconds"] / found["due"])
    figures = {
        "ladder.rate": Figure(rate, "tickets/s", THEIRS, rate / THEIRS, RATE),
        "ladder.against_bare": Figure(found["seconds"], "s", found["bare_seconds"], bare / rate, BARE),
        "ladder.beside_many": Figure(beside_many["due"] / beside_many["seconds"], "tickets/s", rate, flat, FLAT),
    }
    return figures, {"open": small, "due": due, "open_many": many, "due_beside_many": few}


def _step(place: Place, tickets: int, due: int) -> dict[str, Any]:
    found: dict[str, Any] = place.step("ladder", tickets=tickets, due=due)
    return found
