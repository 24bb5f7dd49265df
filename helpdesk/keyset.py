"""Pages by key: the rows after (value, id), compared as one tuple, so that page 200 costs what page 1 costs.

Sort columns are NOT NULL. With several brands each brand's index gives its own head, and the heads are merged:
one `brand_id IN (…)` would make the database sort everything that is open.
"""

from __future__ import annotations

import base64
import datetime as dt
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import BooleanField, F, Func, Value

M = TypeVar("M", bound=models.Model)


class BadCursor(ValueError):
    """Not a cursor we gave out, or one for another ordering."""


class RowComparison(Func):
    """(a, b) < (c, d) in SQL's row-value sense, which PostgreSQL and SQLite both answer from an index."""

    output_field = BooleanField()
    arity = 4

    def __init__(self, *expressions: Any, operator: str) -> None:
        super().__init__(*expressions)
        self.operator = operator

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        parts = [compiler.compile(expression) for expression in self.source_expressions]
        a, b, c, d = (part[0] for part in parts)
        sql = f"(({a}, {b}) {self.operator} ({c}, {d}))"
        return sql, tuple(value for part in parts for value in part[1])


@dataclass(frozen=True)
class Order:
    """Sort by `column` then id, both ascending or both descending."""

    column: str
    descending: bool = False

    @property
    def name(self) -> str:
        return f"-{self.column}" if self.descending else self.column


@dataclass(frozen=True)
class Slice(Generic[M]):
    """One page, and the cursors of its neighbours ("" where there is none)."""

    rows: list[M]
    next: str
    previous: str


def encode(order: Order, row: models.Model, *, backwards: bool) -> str:
    value = getattr(row, order.column)
    plain = value.isoformat() if isinstance(value, dt.datetime) else value
    raw = json.dumps([order.name, plain, row.pk, int(backwards)])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode(order: Order, cursor: str, column: Any) -> tuple[Any, int, bool]:
    """(value, id, backwards); the value must be what `column`, the model's field, holds. Raises BadCursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, value, pk, backwards = json.loads(raw)
        if isinstance(column, models.DateTimeField):
            value = dt.datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise BadCursor
            value = value.astimezone(dt.UTC)
        elif type(value) is not int or abs(value) >= 2**31:
            raise BadCursor
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadCursor from error
    if name != order.name or type(pk) is not int or not 0 <= pk < 2**63 or backwards not in (0, 1):
        raise BadCursor
    return value, pk, bool(backwards)


def page(
    queryset: models.QuerySet[M], order: Order, size: int, cursor: str = "", brands: Sequence[int] = ()
) -> Slice[M]:
    """`size` rows after the cursor. `brands`: merge the heads of these brands' rows instead of sorting all."""
    field: Any = queryset.model._meta.get_field(order.column)
    value, pk, backwards = decode(order, cursor, field) if cursor else (None, 0, False)
    down = order.descending != backwards
    wanted = queryset.order_by(*((f"-{order.column}", "-id") if down else (order.column, "id")))
    if cursor:
        bound = RowComparison(
            F(order.column), F("id"), Value(value, output_field=field), Value(pk), operator="<" if down else ">"
        )
        wanted = wanted.filter(bound)
    rows = _merged(wanted, order, size, down, brands) if len(brands) > 1 else list(wanted[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    return Slice(
        rows,
        next=encode(order, rows[-1], backwards=False) if rows and (more or backwards) else "",
        previous=encode(order, rows[0], backwards=True) if rows and (more if backwards else bool(cursor)) else "",
    )


def _merged(wanted: models.QuerySet[M], order: Order, size: int, down: bool, brands: Sequence[int]) -> list[M]:
    heads = [wanted.filter(brand_id=brand).values_list(order.column, "id")[: size + 1] for brand in brands]
    keys = [key for key, _ in zip(heapq.merge(*heads, reverse=down), range(size + 1), strict=False)]
    found = wanted.in_bulk([pk for _, pk in keys])
    return [found[pk] for _, pk in keys if pk in found]
