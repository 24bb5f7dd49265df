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


FEW = 20  # rows for which a join costs more than a statement each


def update_each(rows: Sequence[models.Model], columns: Sequence[str]) -> None:
    """Write `columns` of every row as they stand on the instances: on PostgreSQL one UPDATE that joins them, else one
    prepared UPDATE, sent for all of them.

    Django's bulk_update builds a CASE of each row and column, which cost more than inserting the rows did.
    """
    if not rows:
        return
    meta, quoted = rows[0]._meta, connection.ops.quote_name
    fields: list[Any] = [meta.get_field(column) for column in columns]
    is_plain = not any(isinstance(field, models.JSONField) for field in fields)
    if connection.vendor == "postgresql" and len(rows) > FEW and is_plain:
        _update_joined(rows, fields)
        return
    changes = ", ".join(f"{quoted(field.column)} = %s" for field in fields)
    sql = f"UPDATE {quoted(meta.db_table)} SET {changes} WHERE {quoted('id')} = %s"  # noqa: S608 - names of our own columns
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[*(_stored(row, field) for field in fields), row.pk] for row in rows])


def _update_joined(rows: Sequence[models.Model], fields: Sequence[Any]) -> None:
    """One statement: the new values as arrays, unnested and joined by key. Of the same row twice the last counts."""
    latest = list({row.pk: row for row in rows}.values())
    meta, quoted = rows[0]._meta, connection.ops.quote_name
    names = [quoted(field.column) for field in fields]
    assert meta.pk is not None
    types = [field.cast_db_type(connection) for field in (meta.pk, *fields)]
    values = [[row.pk for row in latest], *([_stored(row, field) for row in latest] for field in fields)]
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    changes = ", ".join(f"{name} = fresh.{name}" for name in names)
    sql = (
        f"UPDATE {quoted(meta.db_table)} SET {changes} FROM unnest({arrays})"  # noqa: S608 - names of our own columns
        f" AS fresh({', '.join([quoted('id'), *names])}) WHERE {quoted(meta.db_table)}.{quoted('id')} = fresh.{quoted('id')}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert rows whose keys nobody needs: on PostgreSQL, where they are many, by COPY, which costs a third of the same by
    bulk_create. Database defaults are not asked: give each value."""
    if connection.vendor != "postgresql" or len(rows) <= FEW:
        if rows:
            type(rows[0])._default_manager.bulk_create(rows)
        return
    meta, quoted = rows[0]._meta, connection.ops.quote_name
    fields = [field for field in meta.concrete_fields if not field.primary_key]
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    written = [(field, isinstance(field, models.JSONField)) for field in fields]
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {quoted(meta.db_table)} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(
                [
                    field.get_db_prep_save(getattr(row, field.attname), connection)
                    if is_json
                    else field.pre_save(row, True)
                    for field, is_json in written
                ]
            )


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
