"""The one writer of a ticket's summary: the columns that lists sort, filter and show.

`summarise` is a pure function of a ticket's messages, running deadlines and open escalation; everything else only brings them to
it. Intake uses it on messages it is about to insert, `refresh` on rows, `differences` to prove the columns right.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from helpdesk.models import FAR, Brand, Deadline, Escalation, Message, Ticket, update_each
from helpdesk.text.triage import INTENT_WEIGHT, URGENCY_WEIGHT

COLUMNS = (
    "platform",
    "language",
    "intent",
    "sentiment",
    "urgency",
    "reach",
    "next_due_at",
    "next_step_at",
    "last_inbound_at",
    "answered_at",
    "message_count",
    "inbound_count",
)


class Entry(NamedTuple):
    """What the summary needs to know of one message."""

    id: int | None
    kind: str
    said_at: dt.datetime
    heard_at: dt.datetime
    sent_at: dt.datetime | None
    language: str
    intent: str
    sentiment: str
    urgency: str
    reach: int
    corrected: dict[str, Any]
    is_automatic: bool = False


FIELDS = Entry._fields


def entry(message: Message) -> Entry:
    return Entry(*(getattr(message, name) for name in FIELDS))


class Running(NamedTuple):
    """What the summary needs to know of one running deadline."""

    due_at: dt.datetime
    risk_at: dt.datetime | None
    told: int
    paused_at: dt.datetime | None


RUNNING = Running._fields


def running(deadline: Deadline) -> Running:
    return Running(*(getattr(deadline, name) for name in RUNNING))


def next_step(
    ticket: Ticket, entries: Iterable[Entry], deadlines: Iterable[Running], looks: Iterable[dt.datetime]
) -> dt.datetime:
    """When the ladder has to look at the ticket again: at words it has not seen, at a deadline that becomes at risk or
    overdue, or when its open escalation says so (`looks`). FAR where nothing will happen by itself."""
    if not ticket.is_open:
        return FAR
    unseen = [
        item.heard_at
        for item in entries
        if item.kind == "inbound" and (item.id is None or item.id > ticket.seen_message_id)
    ]
    return min([*unseen, *looks, *(_untold(row) for row in deadlines)], default=FAR)


def _untold(row: Running) -> dt.datetime:
    if row.paused_at is not None or row.told >= Deadline.Told.DUE:
        return FAR
    return row.due_at if row.risk_at is None or row.told >= Deadline.Told.RISK else row.risk_at


def summarise(
    ticket: Ticket, entries: Sequence[Entry], deadlines: Sequence[Running], looks: Sequence[dt.datetime] = ()
) -> dict[str, Any]:
    """The summary's columns, from the ticket's messages, running deadlines and what its open escalation waits for."""
    inbound = sorted((item for item in entries if item.kind == "inbound"), key=lambda item: item.said_at)
    answers = [
        item.said_at if item.kind == "call" else item.sent_at
        for item in entries
        if item.kind in ("reply", "call") and not item.is_automatic
    ]
    last = inbound[-1] if inbound else None
    return {
        "platform": ticket.channel.appears_as,
        "language": next((item.language for item in reversed(inbound) if item.language), ""),
        "intent": _chosen(inbound, "intent", INTENT_WEIGHT),
        "sentiment": last.sentiment if last else "",
        "urgency": _chosen(inbound, "urgency", URGENCY_WEIGHT),
        "reach": max((item.reach for item in inbound), default=0),
        "next_due_at": min((row.due_at for row in deadlines if row.paused_at is None), default=FAR),
        "next_step_at": next_step(ticket, inbound, deadlines, looks),
        "last_inbound_at": last.said_at if last else ticket.created_at,
        "answered_at": min((at for at in answers if at), default=None),
        "message_count": len(entries),
        "inbound_count": len(inbound),
    }


def _chosen(inbound: Sequence[Entry], field: str, weight: dict[str, int]) -> str:
    """What a person set last; else the weightiest reading."""
    corrected = [getattr(item, field) for item in inbound if field in item.corrected]
    if corrected:
        return str(corrected[-1])
    return max((str(getattr(item, field)) for item in inbound), key=lambda value: weight.get(value, 0), default="")


def fill(ticket: Ticket, entries: Sequence[Entry], due: Callable[[], Sequence[Deadline]]) -> None:
    """Set the columns on an instance that its caller is about to insert. `due` is asked when what was said is summed up:
    what a ticket is promised depends on what it is about."""
    for name, value in summarise(ticket, entries, ()).items():
        setattr(ticket, name, value)
    rows = [running(deadline) for deadline in due()]
    if rows:
        ticket.next_due_at = min(row.due_at for row in rows)
        ticket.next_step_at = next_step(ticket, entries, rows, ())


def refresh(ticket_ids: Iterable[int]) -> None:
    """Recompute and write the summary of these tickets: four queries and one update, however many."""
    update_each([ticket for ticket, values in _computed(ticket_ids) if _apply(ticket, values)], COLUMNS)


class Batch(NamedTuple):
    """Some tickets, and (ticket id, column, stored, right) wherever a stored summary is not what its rows say."""

    tickets: int
    differences: list[tuple[int, str, Any, Any]]


def differences(ticket_ids: Iterable[int]) -> list[tuple[int, str, Any, Any]]:
    """(ticket id, column, stored, right) for these tickets; empty where all is right."""
    return [
        (ticket.pk, name, getattr(ticket, name), value)
        for ticket, values in _computed(ticket_ids)
        for name, value in values.items()
        if getattr(ticket, name) != value
    ]


def rebuild(brand: Brand | None = None, *, repair: bool, size: int = 500) -> Iterator[Batch]:
    """Go through the tickets (of `brand`) in batches; `repair` writes what the rows say, each batch on its own."""
    tickets = Ticket.objects.all() if brand is None else Ticket.objects.for_brand(brand)
    last = 0
    while True:
        with transaction.atomic():
            rows = tickets.filter(pk__gt=last).order_by("pk").select_for_update()
            ids = list(rows.values_list("pk", flat=True)[:size])
            if not ids:
                return
            batch = Batch(len(ids), differences(ids))
            if repair:
                refresh({ticket for ticket, *_ in batch.differences})
        last = ids[-1]
        yield batch


def _apply(ticket: Ticket, values: dict[str, Any]) -> bool:
    moved = [name for name, value in values.items() if getattr(ticket, name) != value]
    for name in moved:
        setattr(ticket, name, values[name])
    return bool(moved)


def _computed(ticket_ids: Iterable[int]) -> Iterable[tuple[Ticket, dict[str, Any]]]:
    ids = list(ticket_ids)
    entries: dict[int, list[Entry]] = defaultdict(list)
    for owner, *values in (
        Message.objects.filter(ticket__in=ids).order_by("said_at", "id").values_list("ticket_id", *FIELDS)
    ):
        entries[owner].append(Entry(*values))
    dues: dict[int, list[Running]] = defaultdict(list)
    rows = Deadline.objects.filter(ticket__in=ids, met_at=None, dropped_at=None)
    for owner, *values in rows.values_list("ticket_id", *RUNNING):
        dues[owner].append(Running(*values))
    looks: dict[int, list[dt.datetime]] = defaultdict(list)
    for owner, at in Escalation.objects.filter(ticket__in=ids, ended_at=None).values_list("ticket_id", "next_at"):
        looks[owner].append(at)
    for ticket in Ticket.objects.filter(pk__in=ids).select_related("channel").order_by("pk"):
        yield ticket, summarise(ticket, entries[ticket.pk], dues[ticket.pk], looks[ticket.pk])
