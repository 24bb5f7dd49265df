"""Writing what search knows of editions, by the service that publishes them; and the same again from the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.db import transaction
from django.utils import timezone

from knowledge import markdown
from knowledge.models import Edition, SearchEntry
from knowledge.search import engine, shelf
from knowledge.search.terms import terms

BATCH = 500
COLUMNS = ("brand", "language", "visible", "title", "text", "updated_at")


@transaction.atomic
def write(editions: Collection[int]) -> int:
    """Index these editions as readers see them; those that are no longer live are forgotten. How many are indexed."""
    rows = list(Edition.objects.filter(pk__in=editions).live().select_related("live", "article"))
    forget(set(editions) - {row.pk for row in rows})
    entries = [_entry(row) for row in rows]
    SearchEntry.objects.bulk_create(entries, update_conflicts=True, unique_fields=["edition"], update_fields=COLUMNS)
    engine.write(
        [
            engine.Entry(
                row.pk, row.brand_id, row.language,
                " ".join(terms(f"{row.title} {row.summary}", row.language)), " ".join(terms(entry.text, row.language)),
            )
            for row, entry in zip(rows, entries, strict=True)
        ]
    )  # fmt: skip
    shelf.look_again()
    return len(rows)


def _entry(row: Edition) -> SearchEntry:
    assert row.live is not None
    text = markdown.rendered(row.live.body, f"{row.live_id}").text
    return SearchEntry(
        edition=row, brand_id=row.brand_id, language=row.language, visible=row.article.visible, title=row.title,
        text=f"{row.summary}\n{text}" if row.summary else text, updated_at=timezone.now(),
    )  # fmt: skip


@transaction.atomic
def forget(editions: Collection[int]) -> None:
    """They are found no more."""
    if editions:
        engine.forget(editions)
        SearchEntry.objects.filter(edition__in=editions).delete()


def rebuild(tell: Callable[[int, int], None] = lambda done, total: None) -> tuple[int, int]:
    """All of it anew from what is published: (indexed, forgotten). `tell` hears how far it is."""
    live = list(Edition.objects.live().order_by("pk").values_list("pk", flat=True))
    stale = SearchEntry.objects.exclude(edition__in=Edition.objects.live().values("pk"))
    lost = list(stale.values_list("pk", flat=True))
    forget(lost)
    for start in range(0, len(live), BATCH):
        write(live[start : start + BATCH])
        tell(min(start + BATCH, len(live)), len(live))
    return len(live), len(lost)
