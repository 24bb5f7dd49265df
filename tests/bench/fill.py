"""Tickets by the hundred thousand, made inside the database: one statement a table, indexes built afterwards."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from helpdesk.models import Customer, Deadline, Message, Participant, Profile, Thread, Ticket
from mentions.models import Account, Mention
from tests.bench.people import PLATFORMS, House

MODELS: tuple[type[models.Model], ...] = (Customer, Profile, Thread, Ticket, Participant, Message, Deadline, Mention)
SPAN = 60_000_000  # seconds between the first ticket and the last
HASH = "(n * 2654435761 / 4096) % 1000000"  # scatters, the same on both databases


@dataclass(frozen=True)
class Filler:
    """Ticket n belongs to the small brand where 5 divides n, so that the big one holds 80 %. Every table counts from 1."""

    house: House
    size: int
    now: int

    def fill(self) -> None:
        with unhindered(), connection.cursor() as cursor:
            for table, columns, source in self._tables():
                cursor.execute(self._insert(table, columns, source))
        settle()

    # --- statements --------------------------------------------------------------------------------------------

    def _insert(self, table: type[models.Model], columns: dict[str, str], source: str) -> str:
        """INSERT … SELECT; columns not named get their model's default."""
        full = {"id": "n", **defaults(table, self._moment(str(self.now))), **columns}
        return f"INSERT INTO {table._meta.db_table} ({', '.join(full)}) {source.replace('<columns>', ', '.join(full.values()))}"

    def _tables(self) -> Iterator[tuple[type[models.Model], dict[str, str], str]]:
        people, rows = self._numbers(self.customers), self._numbers(self.size)
        yield Customer, {"brand_id": self._brand(), "public_id": "'c' || n", "name": "'Customer ' || n"}, people
        profile = {
            "brand_id": self._brand(),
            "customer_id": "n",
            "platform": f"'{PLATFORMS[0]}'",
            "namespace": f"'demo:{PLATFORMS[0]}'",
        }
        yield Profile, {**profile, "external_id": "'did:' || n", "handle": "'handle' || n", "reach": "n % 5000"}, people
        yield (
            Thread,
            {
                "brand_id": self._brand(),
                "channel_id": self._channel(),
                "kind": "'post'",
                "external_key": "'thread-' || n",
            },
            rows,
        )
        yield Ticket, self._ticket(), self._stages()
        yield (
            Participant,
            {"brand_id": self._brand(), "thread_id": "n", "profile_id": self._customer(), "ticket_id": "n"},
            rows,
        )
        yield Message, self._message(), self._from_tickets("")
        yield (
            Message,
            {**self._message(), "id": f"{self.size} + n"},
            self._from_tickets("WHERE state IN ('new', 'open', 'waiting')"),
        )
        yield Deadline, self._deadline(), self._from_tickets("WHERE state IN ('new', 'open')")
        yield Mention, self._mention(), self._from_tickets("WHERE state IN ('new', 'open', 'waiting')")

    @property
    def customers(self) -> int:
        return self.size * 2 // 5 // 5 * 5

    def _numbers(self, last: int) -> str:
        return f"WITH RECURSIVE s(n) AS ({self._series(last)}) SELECT <columns> FROM s"

    def _series(self, last: int) -> str:
        if connection.vendor == "postgresql":
            return f"SELECT generate_series(1, {last}::bigint)"
        return f"SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {last}"

    def _stages(self) -> str:
        """Numbers, then whether a ticket is open (5 %, most of them recent), then its state."""
        young = self.size * 9 // 10
        return (
            f"WITH RECURSIVE s(n) AS ({self._series(self.size)}),"
            f" h(n, h, is_open) AS (SELECT n, {HASH}, ({HASH}) % 1000 < CASE WHEN n > {young} THEN 400 ELSE 11 END FROM s),"
            " t(n, h, state) AS (SELECT n, h, CASE WHEN is_open THEN CASE WHEN h % 7 < 4 THEN 'new' WHEN h % 7 < 6 THEN 'open' ELSE 'waiting' END"
            " WHEN h % 5 < 3 THEN 'resolved' ELSE 'closed' END FROM h) SELECT <columns> FROM t"
        )

    def _from_tickets(self, where: str) -> str:
        return f"SELECT <columns> FROM (SELECT id AS n, helpdesk_ticket.* FROM helpdesk_ticket {where} ORDER BY id) t"

    # --- columns -----------------------------------------------------------------------------------------------

    def _ticket(self) -> dict[str, str]:
        created = f"{self.now} - ({self.size} - n) * {max(1, SPAN // self.size)}"
        shared, due = f"{self.now + 7200}", f"{self.now} - 150000 + h % 200000"
        tied = "n % 47 < 7 AND n % 5 <> 0"
        return {
            "number": "n",
            "public_id": "'t' || n",
            "brand_id": self._brand(),
            "state": "state",
            "close_reason": "CASE WHEN state = 'closed' THEN 'done' ELSE '' END",
            "subject": "'Matter ' || n",
            "customer_id": self._customer(),
            "channel_id": self._channel(),
            "assignee_id": f"CASE WHEN h % 5 < 2 THEN {self.house.one.pk} END",
            "priority": "CASE WHEN h % 20 = 0 THEN 4 WHEN h % 20 < 4 THEN 3 WHEN h % 20 < 6 THEN 1 ELSE 2 END",
            "resolved_at": f"CASE WHEN state IN ('resolved', 'closed') THEN {self._moment(created)} END",
            "created_at": self._moment(created),
            "platform": "CASE h % 3 " + " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(PLATFORMS)) + " END",
            "language": "'en'",
            "intent": "CASE WHEN h % 10 < 6 THEN 'complaint' WHEN h % 10 < 9 THEN 'question' ELSE 'praise' END",
            "sentiment": "'negative'",
            "urgency": "'normal'",
            "reach": "n % 5000",
            "next_due_at": f"CASE WHEN state IN ('new', 'open') THEN {self._moment(f'CASE WHEN {tied} THEN {shared} ELSE {due} END')} ELSE {self._far()} END",
            "last_inbound_at": self._moment(f"{created} - h % 7200"),
            "message_count": "1",
            "inbound_count": "1",
        }  # fmt: skip

    def _message(self) -> dict[str, str]:
        text = "'Invented words of ticket ' || n || ': the ferry was late, the gate did not open, and nobody knows when it will be repaired.'"
        said = {"said_at": "last_inbound_at", "heard_at": "created_at", "created_at": "created_at"}
        read = {name: name for name in ("language", "intent", "sentiment", "urgency", "reach", "brand_id")}
        return {
            **said,
            **read,
            "ticket_id": "n",
            "thread_id": "n",
            "profile_id": "customer_id",
            "kind": "'inbound'",
            "visibility": "'public'",
            "text": text,
        }

    def _deadline(self) -> dict[str, str]:
        day = "interval '4 hours'" if connection.vendor == "postgresql" else ""
        start = f"next_due_at - {day}" if day else "datetime(next_due_at, '-4 hours')"
        return {
            "brand_id": "brand_id",
            "ticket_id": "n",
            "kind": "'first_response'",
            "started_at": start,
            "due_at": "next_due_at",
        }

    def _mention(self) -> dict[str, str]:
        accounts = dict(Account.objects.values_list("channel_id", "pk"))
        account = (
            "CASE channel_id " + " ".join(f"WHEN {channel} THEN {pk}" for channel, pk in accounts.items()) + " END"
        )
        return {
            "brand_id": "brand_id",
            "account_id": account,
            "namespace": "'demo'",
            "kind": "'post'",
            "external_id": "'post-' || n",
            "message_id": "n",
        }

    def _brand(self) -> str:
        return f"CASE WHEN n % 5 = 0 THEN {self.house.small.pk} ELSE {self.house.big.pk} END"

    def _customer(self) -> str:
        """Of the same brand: the remainder by 5 is kept."""
        return f"5 * ((n / 5 * 7919) % {self.customers // 5}) + CASE WHEN n % 5 = 0 THEN 5 ELSE n % 5 END"

    def _channel(self) -> str:
        def case(brand: int) -> str:
            cases = " ".join(f"WHEN {at} THEN {pk}" for at, pk in enumerate(self.house.channels[brand]))
            return f"CASE ({HASH}) % 3 {cases} END"

        return f"CASE WHEN n % 5 = 0 THEN {case(self.house.small.pk)} ELSE {case(self.house.big.pk)} END"

    def _moment(self, seconds: str) -> str:
        return f"to_timestamp({seconds})" if connection.vendor == "postgresql" else f"datetime({seconds}, 'unixepoch')"

    def _far(self) -> str:
        return "'9999-01-01 00:00:00+00'::timestamptz" if connection.vendor == "postgresql" else "'9999-01-01 00:00:00'"


def fill(house: House, size: int) -> float:
    """Make `size` tickets and all that belongs to them; returns the seconds it took."""
    begun = time.perf_counter()
    Filler(house, size, int(time.time())).fill()
    return time.perf_counter() - begun


def defaults(table: type[models.Model], now: str) -> dict[str, str]:
    """SQL literals for the columns that must hold something."""
    found: dict[str, str] = {}
    for column in table._meta.concrete_fields:
        has_own = column.db_default is not models.NOT_PROVIDED
        if column.primary_key or column.is_relation or column.null or has_own:
            continue
        if getattr(column, "auto_now_add", False):
            found[column.attname] = now
        else:
            found[column.attname] = _literal(column, column.get_default())
    return found


def _literal(column: models.Field[Any, Any], value: Any) -> str:
    if isinstance(column, models.JSONField):
        return f"'{json.dumps(value)}'"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return f"'{value:%Y-%m-%d %H:%M:%S}'"
    return str(value) if isinstance(value, int) else "'" + str(value or "").replace("'", "''") + "'"


# --- quickly ---------------------------------------------------------------------------------------------------

HURRY = {
    "postgresql": (
        "SET session_replication_role = replica",
        "SET synchronous_commit = off",
        "SET maintenance_work_mem = '256MB'",
    ),
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000"),
}


@contextmanager
def unhindered(tables: Sequence[type[models.Model]] = MODELS) -> Iterator[None]:
    """No checks of foreign keys and no indexes, but those of constraints, while the block runs."""
    with connection.cursor() as cursor:
        for words in HURRY[connection.vendor]:
            cursor.execute(words)
        indexes = [index for table in tables for index in _indexes(cursor, table._meta.db_table)]
        for name, _sql in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _name, sql in indexes:
            cursor.execute(sql)


def _indexes(cursor: Any, table: str) -> list[tuple[str, str]]:
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid WHERE i.indrelid = %s::regclass AND c.oid IS NULL",
            [table],
        )
    else:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = %s", [table]
        )
    return [(name.strip('"'), sql) for name, sql in cursor.fetchall()]


def settle(tables: Sequence[type[models.Model]] = MODELS) -> None:
    """Sequences after the last key; statistics; and no maintenance left to run in the middle of a measurement."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in tables:
                name = table._meta.db_table
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
