"""What every table shares: the brand on every row, and querysets that start from it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.db import connection, models

if TYPE_CHECKING:
    from helpdesk.models.brand import Brand

M = TypeVar("M", bound=models.Model)


def public_id() -> str:
    """128 bits from the system's CSPRNG, in 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def update_each(rows: Sequence[models.Model], columns: Sequence[str]) -> None:
    """Write `columns` of every row as they stand on the instances: one prepared UPDATE, sent for all of them.

    Django's bulk_update builds a CASE of each row and column, which cost more than inserting the rows did.
    """
    if not rows:
        return
    meta, quoted = rows[0]._meta, connection.ops.quote_name
    fields: list[Any] = [meta.get_field(column) for column in columns]
    changes = ", ".join(f"{quoted(field.column)} = %s" for field in fields)
    sql = f"UPDATE {quoted(meta.db_table)} SET {changes} WHERE {quoted('id')} = %s"  # noqa: S608 - names of our own columns
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[*(_stored(row, field) for field in fields), row.pk] for row in rows])


def _stored(row: models.Model, field: Any) -> Any:
    """The column's value; a relation set before its row had a key gives the key it has now."""
    related = getattr(row, field.name) if field.is_relation and field.is_cached(row) else None
    return field.get_db_prep_save(getattr(row, field.attname) if related is None else related.pk, connection)


class BrandQuerySet(models.QuerySet[M]):
    """Rows of brands. Every query of a view starts from one of these two."""

    def visible_to(self, user: Any) -> Self:
        """Rows of the brands in which `user` has a membership (and its token, if any, allows)."""
        ids = list(user.roles) if user.is_authenticated and user.is_active else []
        if len(ids) == 1:
            return self.filter(**{self.brand_path(): ids[0]})
        return self.filter(**{f"{self.brand_path()}__in": ids})

    def for_brand(self, brand: Brand | int) -> Self:
        return self.filter(**{self.brand_path(): getattr(brand, "pk", brand)})

    def brand_path(self) -> str:
        return "brand_id"


class BrandRow(models.Model):
    """A row that belongs to one brand."""

    # no index of its own: what is listed by brand has one that begins with it and goes on with the order
    brand: models.ForeignKey[Brand, Brand] = models.ForeignKey(
        "helpdesk.Brand", models.CASCADE, related_name="+", db_index=False
    )
    brand_id: int
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = BrandQuerySet.as_manager()

    class Meta:
        abstract = True
