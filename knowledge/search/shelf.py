"""What one process keeps in memory to rank the articles of a brand in one language. The database stays the judge of what there
is and who may read it.

Ten thousand articles take some seconds to count at the first search; what changed since is read at the next one.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Max

from helpdesk.models import Brand
from knowledge.models import SearchEntry
from knowledge.search.ranking import Bank, Text

MOST_SHELVES = 16
LOOK_SECONDS = 1.0
OVERLAP = dt.timedelta(seconds=30)  # what another process wrote earlier may be committed only now
BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Shelf:
    """One brand's articles in one language: their bank, and who may read each."""

    def __init__(self, brand: int, language: str) -> None:
        self.brand, self.language = brand, language
        self.bank = Bank(language)
        self.visible: npt.NDArray[Any] = np.zeros(0, dtype="U10")
        self.taken: dict[int, dt.datetime] = {}
        self.newest = BEGINNING
        self.looked_at = float("-inf")

    def __len__(self) -> int:
        return len(self.bank)

    def refresh(self) -> None:
        """Read what changed since the last look, which is a second old at most."""
        moment = time.monotonic()
        if moment - self.looked_at < LOOK_SECONDS:
            return
        rows = SearchEntry.objects.filter(brand=self.brand, language=self.language)
        newest = rows.aggregate(newest=Max("updated_at"))["newest"]
        if newest is not None and newest > self.newest:
            since = self.newest - OVERLAP if self.taken else BEGINNING
            self._take([row for row in rows.filter(updated_at__gte=since) if self.taken.get(row.pk) != row.updated_at])
            self.newest = newest
        self.looked_at = moment

    def _take(self, rows: list[SearchEntry]) -> None:
        self.bank.put([Text(row.pk, row.title, row.text) for row in rows])
        self.taken.update({row.pk: row.updated_at for row in rows})
        known = np.zeros(len(self.bank), dtype="U10")
        known[: len(self.visible)] = self.visible
        for row in rows:
            known[self.bank.places[row.pk]] = row.visible
        self.visible = known

    def may_see(self, visible: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """By place: whether a reader of these may see it."""
        return np.isin(self.visible, visible)


_shelves: OrderedDict[tuple[int, str], Shelf] = OrderedDict()
_lock = threading.Lock()


def shelf_of(brand: Brand | int, language: str) -> Shelf:
    """This process's shelf, brought up to date. The longest unused is given up where there are many."""
    key = (brand.pk if isinstance(brand, Brand) else brand, language)
    with _lock:
        found = _shelves.pop(key, None) or Shelf(*key)
        _shelves[key] = found
        while len(_shelves) > MOST_SHELVES:
            _shelves.popitem(last=False)
    with found.bank.lock:
        found.refresh()
    return found


def look_again() -> None:
    """Something was written here: the next search looks."""
    for shelf in list(_shelves.values()):
        shelf.looked_at = float("-inf")


def clear() -> None:
    """Forget all (a test begins with empty tables)."""
    with _lock:
        _shelves.clear()
