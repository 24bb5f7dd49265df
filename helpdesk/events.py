"""What happened: written with the change, read by position.

An event is a code (`ticket.resolved`), ids and field names. It never holds people's words, so that erasing a
person needs no walk through history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils import timezone

from helpdesk.models import Brand, Event, User, insert_all


def happened(
    code: str, brand: Brand | int, *, ticket: int | None = None, actor: User | None = None, **values: Any
) -> Event:
    """An unsaved event; give several to `record`. `values`: ids, codes, field names, numbers."""
    return Event(
        brand_id=getattr(brand, "pk", brand),
        code=code,
        ticket_id=ticket,
        actor_id=actor.pk if actor else None,
        data=values,
    )


def record(events: Sequence[Event]) -> None:
    """Write events in the caller's transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("Events are written in the transaction of the change they tell of.")
    if events:
        number, now = _transaction(), timezone.now()
        for event in events:  # given here: a database default in each row costs more than the row
            event.transaction, event.at = number, now
        insert_all(events)


def _transaction() -> int:
    """The number of the running transaction; 0 on SQLite, where writers stand in line."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, order=True)
class Position:
    """How far a reader has read."""

    transaction: int = 0
    id: int = 0


def read_after(brand: Brand | int, position: Position, limit: int = 100) -> list[Event]:
    """The next events of the brand, in an order that never passes a writer that has not committed yet.

    On PostgreSQL ids are given before commit, so a higher id can become visible first; rows at or above the
    snapshot's oldest running transaction are therefore left for the next read. SQLite has one writer at a time.
    """
    after = models.Q(transaction__gt=position.transaction) | models.Q(
        transaction=position.transaction, id__gt=position.id
    )
    rows = Event.objects.filter(after, brand_id=getattr(brand, "pk", brand)).order_by("transaction", "id")
    if connection.vendor == "postgresql":
        rows = rows.extra(where=["transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"])
    return list(rows[:limit])


def position_of(event: Event) -> Position:
    return Position(event.transaction, event.pk)
