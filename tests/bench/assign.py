"""Step: what is asked finds its topic, as the worker keeps it, against the bare INSERT of such a row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from helpdesk.models import Brand
from knowledge.mining import learn
from knowledge.models import Inquiry
from tests.bench.asked import inquiry, invented
from tests.bench.wording import Library

ROUNDS, WARM_UP, MANY, TURNS = 200, 5, 100, 5


def run(brand: int, articles: int, inquiries: int) -> dict[str, Any]:
    """Milliseconds an inquiry, one at a time and a hundred at a time; and how many of them found a topic."""
    where = Brand.objects.get(pk=brand)
    library = Library(articles)
    library.dice.random()  # other words than the filling's
    fresh = _fresh(where, library, inquiries)
    one = _turns(lambda: _kept(where, [next(fresh)]), lambda: _bare([next(fresh)]), ROUNDS)
    many = _turns(lambda: _kept(where, _some(fresh)), lambda: _bare(_some(fresh)), TURNS)
    made = Inquiry.objects.filter(brand=where).order_by("-id")[: 2 * (ROUNDS + WARM_UP + MANY * (TURNS + WARM_UP))]
    found = sum(row.topic_id is not None for row in made)
    return {"one": one, "many": [each / MANY for each in many], "kept": len(made) // 2, "found_a_topic": found}


def _fresh(brand: Brand, library: Library, inquiries: int) -> Iterator[Inquiry]:
    while True:
        for _number, text in invented(library, min(24_000, inquiries // 4)):
            yield inquiry(brand, "en", text, timezone.now())


def _some(fresh: Iterator[Inquiry]) -> list[Inquiry]:
    return [next(fresh) for _ in range(MANY)]


@transaction.atomic
def _kept(brand: Brand, rows: list[Inquiry]) -> None:
    learn.keep(brand, rows)


def _bare(rows: list[Inquiry]) -> None:
    for row in rows:
        row.save(force_insert=True)


def _turns(ours: Callable[[], None], bare: Callable[[], None], rounds: int) -> list[float]:
    """The median milliseconds of each, by turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(-WARM_UP, rounds):
        for call, times in zip((ours, bare), found, strict=True):
            begun = time.perf_counter()
            call()
            if turn >= 0:
                times.append((time.perf_counter() - begun) * 1000)
    return [sorted(times)[len(times) // 2] for times in found]
