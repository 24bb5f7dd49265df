"""What is counted about articles: a row a day and edition, written in one go every few seconds.

A page view must not cost a write. Each process adds up in memory and a thread of its own writes every `EVERY` seconds and
at the end; a process that is killed loses those few seconds of views, and nothing else. Votes, tickets and links that were
handed out are counted in the transaction that stores them.
"""

from __future__ import annotations

import atexit
import datetime as dt
import logging
import re
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from knowledge.models import Edition, Handed, Reading, Search

log = logging.getLogger(__name__)

MACHINES = re.compile(r"bot\b|bot/|crawl|spider|slurp|facebookexternalhit", re.IGNORECASE)
Key = tuple[int, int, dt.date, str]  # brand, edition, day, column


class Counts:
    """Additions that are not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[Key] = Counter()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def add(self, brand: int, edition: int, column: str) -> None:
        with self._lock:
            self._waiting[(brand, edition, timezone.now().date(), column)] += 1
        if settings.HELP_COUNT_SECONDS == 0:
            self.flush()
        elif self._thread is None:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="help-counts", daemon=True)
                self._thread.start()
                atexit.register(self.flush_quietly)

    def _run(self) -> None:
        while not self._stop.wait(settings.HELP_COUNT_SECONDS):
            self.flush_quietly()
            connection.close()

    def flush_quietly(self) -> None:
        try:
            self.flush()
        except Exception:
            log.exception("views are not counted just now; they are kept and tried again")

    def flush(self) -> int:
        """Write what waits; it waits again where that fails. How many additions."""
        with self._lock:
            taken, self._waiting = self._waiting, Counter()
        if not taken:
            return 0
        try:
            write(taken)
        except Exception:
            with self._lock:
                self._waiting.update(taken)
            raise
        return sum(taken.values())


counts = Counts()


def write(counted: Mapping[Key, int]) -> None:
    """Add to the day's rows, making those that are missing. Editions that are gone by now are left out."""
    by_row: dict[tuple[int, int, dt.date], dict[str, int]] = {}
    for (brand, edition, day, column), count in counted.items():
        by_row.setdefault((brand, edition, day), {})[column] = count
    with transaction.atomic():
        alive = set(Edition.objects.filter(pk__in={key[1] for key in by_row}).values_list("pk", flat=True))
        rows = {key: values for key, values in sorted(by_row.items()) if key[1] in alive}
        Reading.objects.bulk_create(
            [Reading(brand_id=brand, edition_id=edition, day=day) for brand, edition, day in rows],
            ignore_conflicts=True,
        )
        for (_brand, edition, day), values in rows.items():
            more: dict[str, Any] = {column: F(column) + count for column, count in values.items()}
            Reading.objects.filter(edition=edition, day=day).update(**more)


def add(edition: Edition, column: str, count: int = 1) -> None:
    """One more of `column` today, in the caller's transaction."""
    write({(edition.brand_id, edition.pk, timezone.now().date(), column): count})


def take_back(edition: Edition, column: str, day: dt.date) -> None:
    """One less on that day: somebody changed their mind."""
    rows = Reading.objects.filter(edition=edition, day=day, **{f"{column}__gt": 0})
    rows.update(**{column: F(column) - 1})


def is_person(request: HttpRequest) -> bool:
    """Whether this looks like somebody reading: no machine by its own word, no page fetched ahead."""
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return (
        request.method == "GET"
        and "prefetch" not in ahead
        and not MACHINES.search(request.headers.get("User-Agent", ""))
    )


def seen(edition: Edition, request: HttpRequest) -> None:
    """A page view; where a search or an answer of ours led here, that it did."""
    if not is_person(request):
        return
    counts.add(edition.brand_id, edition.pk, "views")
    if search := request.GET.get("s", "")[:32]:
        Search.objects.filter(brand=edition.brand_id, public_id=search, chosen=None).update(chosen=edition)
    if code := request.GET.get("r", "")[:16]:
        opened = Handed.objects.filter(brand=edition.brand_id, edition=edition, code=code, opened_at=None)
        opened.update(opened_at=timezone.now())
