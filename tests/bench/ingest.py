"""Step: mentions taken in through `mentions.ingest.store`, against the same rows in bare bulk_creates.

Each page goes in twice: through the product into one brand (timed), then its rows, read back and copied, as
ready-made instances through one bulk_create a table into another brand (timed), in one transaction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

from django.core.management import call_command
from django.db import connection, models, transaction
from django.utils import timezone

from helpdesk.models import (
    Brand,
    Channel,
    Customer,
    Deadline,
    Event,
    Message,
    Participant,
    Profile,
    Thread,
    Ticket,
    TicketLink,
    public_id,
)
from helpdesk.workflow.brands import open_brand
from mentions.ingest import Lease, store
from mentions.models import Account, Heard, Mention, Payload, Source
from mentions.platforms.base import Connector
from tests.bench.posts import Crowd

PAGE, WARM_UP, RAW_ROWS = 100, 3, 1000
# in the order of their foreign keys
TABLES: tuple[type[models.Model], ...] = (
    Customer, Profile, Thread, Ticket, TicketLink, Participant, Message, Deadline, Event, Mention, Payload, Heard,
)  # fmt: skip


class Silent:
    """A connector that has handed over its pages and knows nothing more about anybody."""

    def authors(self, ids: object) -> dict[str, Any]:
        return {}


@dataclass
class Copies:
    """The rows of one brand as new instances of another, related to each other as the originals are."""

    source: Source  # of the other brand
    last: dict[str, int] = field(default_factory=dict)
    made: dict[tuple[str, int], models.Model] = field(default_factory=dict)

    def next_page(self) -> dict[type[models.Model], list[models.Model]]:
        """Instances for all rows that came since the last call."""
        return {table: self._rows(table) for table in TABLES}

    def _rows(self, table: type[models.Model]) -> list[models.Model]:
        name = table.__name__
        rows = list(table._default_manager.filter(pk__gt=self.last.get(name, 0)).order_by("pk"))
        if rows:
            self.last[name] = rows[-1].pk
        return [self._copy(row) for row in rows]

    def skip(self) -> None:
        """Forget what was inserted by hand: the next page starts after it."""
        for table in TABLES:
            self.last[table.__name__] = table._default_manager.aggregate(last=models.Max("pk"))["last"] or 0

    def _copy(self, row: models.Model) -> models.Model:
        values: dict[str, Any] = {}
        for column in row._meta.concrete_fields:
            value = getattr(row, column.attname)
            if column.is_relation:
                values[column.name] = self._related(column, value)
            elif not column.primary_key and column.name != "transaction":
                values[column.name] = public_id() if column.name == "public_id" else value
        copy = type(row)(**values)
        self.made[type(row).__name__, row.pk] = copy
        return copy

    def _related(self, column: models.Field[Any, Any], key: int | None) -> models.Model | None:
        account = self.source.account
        ours: dict[str, models.Model] = {
            "Brand": account.brand,
            "Account": account,
            "Channel": account.channel,
            "Source": self.source,
        }
        kind = cast("type[models.Model]", column.related_model).__name__
        return None if key is None else ours.get(kind) or self.made[kind, key]


def run(mentions: int) -> dict[str, Any]:
    """Seconds of product and baseline over `mentions` mentions, and of raw INSERTs of rows like them."""
    call_command("migrate", verbosity=0)
    lease, copies = Lease(_source("product"), 0), Copies(_source("baseline"))
    crowd = Crowd()
    taken: list[float] = []
    bare: list[float] = []
    for number in range(max(1, mentions // PAGE) + WARM_UP):
        page = crowd.page(PAGE, timezone.now())
        begun = time.perf_counter()
        store(lease, page, cast("Connector", Silent()))
        taken.append(time.perf_counter() - begun)
        rows = copies.next_page()
        bare.append(_bulk(rows))
        copies.skip()
        assert len(rows[Mention]) == PAGE, f"page {number} brought {len(rows[Mention])} mentions"
    return {
        "mentions": (len(taken) - WARM_UP) * PAGE,
        "product": sum(taken[WARM_UP:]),
        "bulk": sum(bare[WARM_UP:]),
        "raw_rate": _raw_rate(),
        "counts": {table.__name__: table._default_manager.count() // 2 for table in TABLES},
    }


def _bulk(rows: dict[type[models.Model], list[models.Model]]) -> float:
    begun = time.perf_counter()
    with transaction.atomic():
        for table, copies in rows.items():
            later = [copy for copy in copies if _waits(copy)]  # a message that answers one of its own page
            table._default_manager.bulk_create([copy for copy in copies if not _waits(copy)])
            for copy in later:
                copy.save(force_insert=True)
    return time.perf_counter() - begun


def _waits(copy: models.Model) -> bool:
    return isinstance(copy, Message) and copy.parent is not None and copy.parent.pk is None


def _source(slug: str) -> Source:
    brand: Brand = open_brand(slug, slug.title())
    channel = Channel.objects.create(brand=brand, platform="demo", shown_as="bluesky", name="Bench")
    account = Account.objects.create(brand=brand, channel=channel, platform="demo", namespace="bench", external_id="us")
    source = Source.objects.create(
        brand=brand, account=account, kind="stream", name="Bench", next_poll_at=timezone.now()
    )
    found: Source = Source.objects.select_related("account__channel", "account__brand", "brand").get(pk=source.pk)
    return found


def _raw_rate(rounds: int = 5) -> float:
    """Rows a second of one INSERT of 1000 rows into a table like the mention's, the median of some rounds."""
    table = Mention._meta.db_table
    with connection.cursor() as cursor:
        names = _twin(cursor, table)
        cursor.execute(f"SELECT {', '.join(names)} FROM {table} LIMIT 1")
        row = list(cursor.fetchone())
        seconds = sorted(_insert_raw(cursor, names, row, turn) for turn in range(rounds))
    return RAW_ROWS / seconds[rounds // 2]


def _twin(cursor: Any, table: str) -> list[str]:
    """An empty table with the columns and indexes of `table`, called bench_mention; its columns but the key."""
    if connection.vendor == "postgresql":
        cursor.execute(f"CREATE TABLE bench_mention (LIKE {table} INCLUDING ALL)")
    else:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC", [table]
        )
        for name, sql in cursor.fetchall():
            cursor.execute(
                sql.replace(f'"{table}"', '"bench_mention"', 1 if name == table else -1).replace(
                    f'"{name}"', f'"bench_{name}"', int(name != table)
                )
            )
    return [column.attname for column in Mention._meta.concrete_fields if not column.primary_key]


def _insert_raw(cursor: Any, names: list[str], row: list[Any], turn: int) -> float:
    key, message = names.index("external_id"), names.index("message_id")
    rows = []
    for number in range(RAW_ROWS):
        fresh = list(row)
        fresh[key], fresh[message] = f"{row[key]}/{turn}/{number}", None
        rows.append(fresh)
    begun = time.perf_counter()
    with transaction.atomic():
        spots = "(" + ", ".join(["%s"] * len(names)) + ")"
        sql = f"INSERT INTO bench_mention ({', '.join(names)}) VALUES {', '.join([spots] * len(rows))}"
        cursor.execute(sql, [value for fresh in rows for value in fresh])
    return time.perf_counter() - begun
