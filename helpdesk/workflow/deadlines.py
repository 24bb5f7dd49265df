"""Promises in time: begun, met, paused, computed anew. First decided (`promises`, pure), then written here."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Greatest

from helpdesk import summary
from helpdesk.models import Brand, Deadline, Ticket, update_each
from helpdesk.states import TicketState
from helpdesk.workflow.promises import RESPONSES, Facts, Kind, Promise, Promises, pauses_of

# A client may claim any time of writing; it can pull a deadline forward by a day at most.
LONGEST_CLAIM = dt.timedelta(hours=24)
COLUMNS = ("policy", "due_at", "risk_at", "told", "paused_at", "pauses", "changes")


def start_of(said_at: dt.datetime, heard_at: dt.datetime) -> dt.datetime:
    """When the customer's wait began."""
    return max(min(said_at, heard_at), heard_at - LONGEST_CLAIM)


def begun(promises: Promises, ticket: Ticket, started_at: dt.datetime, running: Collection[str] = ()) -> list[Deadline]:
    """What the customer may expect from `started_at` on, unsaved, but for the kinds that run already."""
    promise = promises.for_(Facts.of(ticket))
    response = Kind.NEXT_RESPONSE if ticket.answered_at else Kind.FIRST_RESPONSE
    answers = [] if any(kind in running for kind in RESPONSES) else [response]
    wanted = [*answers, *([] if Kind.RESOLUTION in running else [Kind.RESOLUTION])]
    return [row for kind in wanted if (row := _deadline(promise, ticket, kind, started_at)) is not None]


def _deadline(promise: Promise, ticket: Ticket, kind: str, started_at: dt.datetime) -> Deadline | None:
    moments = promise.moments(kind, started_at)
    if moments is None:
        return None
    risk_at, due_at = moments
    return Deadline(
        brand_id=ticket.brand_id,
        ticket=ticket,
        kind=kind,
        policy=promise.policy,
        started_at=started_at,
        due_at=due_at,
        risk_at=risk_at,
    )


def begin(ticket: Ticket, started_at: dt.datetime) -> None:
    """An answer is due, and what else is promised and does not run yet."""
    kinds = set(_running(ticket).values_list("kind", flat=True))
    Deadline.objects.bulk_create(begun(Promises.of(ticket.brand), ticket, started_at, kinds))
    keep_time(ticket, started_at)


def meet(ticket: Ticket, at: dt.datetime, *, all_of_them: bool = True) -> int:
    """An answer went out at `at`: the responses that wait are met, or (where the customer has written since) those that
    had begun by then. Returns how many that ended. An answer older than the clamped start counts as one at the start."""
    rows = _responses(ticket) if all_of_them else _responses(ticket).filter(started_at__lte=at)
    return rows.update(met_at=Greatest(F("started_at"), Value(at, output_field=DateTimeField())))


def awaits_response(ticket: Ticket) -> bool:
    return _responses(ticket).exists()


def _responses(ticket: Ticket) -> QuerySet[Deadline]:
    return _running(ticket).filter(kind__in=RESPONSES)


def resolved(ticket: Ticket, at: dt.datetime) -> None:
    """Settled: the promise to resolve is kept, whatever else ran is no longer due."""
    _running(ticket).filter(kind=Kind.RESOLUTION).update(
        met_at=Greatest(F("started_at"), Value(at, output_field=DateTimeField())), paused_at=None
    )
    drop(ticket, at)


def drop(ticket: Ticket, at: dt.datetime) -> int:
    """No answer is due any more (closed or merged)."""
    return _running(ticket).update(dropped_at=at, paused_at=None)


def _running(ticket: Ticket) -> QuerySet[Deadline]:
    return Deadline.objects.filter(ticket=ticket, met_at=None, dropped_at=None)


# --- the customer has the word ---------------------------------------------------------------------------------


def keep_time(ticket: Ticket, at: dt.datetime) -> None:
    """The promise to resolve stands still while the customer has the word, and goes on when they have spoken."""
    if ticket.state == TicketState.WAITING:
        _running(ticket).filter(kind=Kind.RESOLUTION, paused_at=None).update(
            paused_at=Greatest(F("started_at"), Value(at, output_field=DateTimeField()))
        )
        return
    rows = list(_running(ticket).filter(paused_at__isnull=False).select_related("policy__calendar"))
    if rows:
        promises = Promises.of(ticket.brand)
        for row in rows:
            go_on(promises, ticket, row, at)
        update_each(rows, COLUMNS)


def go_on(promises: Promises, ticket: Ticket, row: Deadline, at: dt.datetime) -> None:
    """A paused deadline runs again from `at`; unsaved."""
    assert row.paused_at is not None
    row.pauses = [*row.pauses, [row.paused_at.isoformat(), max(at, row.paused_at).isoformat()]]
    row.paused_at = None
    _compute(promises.for_(Facts.of(ticket)), row)


# --- computed anew ---------------------------------------------------------------------------------------------


def _compute(promise: Promise, row: Deadline) -> bool:
    """Set when it is at risk and due; whether that is promised at all."""
    moments = promise.moments(row.kind, row.started_at, pauses_of(row))
    if moments is None:
        return False
    row.risk_at, row.due_at = moments
    row.policy = promise.policy
    return True


def follow(ticket_ids: Iterable[int], now: dt.datetime, code: str, *, anyway: bool = False) -> None:
    """Bring the running deadlines of these tickets of one brand (locked by the caller) in line with their policies.

    `code` says why, and stays with each deadline that moved. `anyway`: also where the policy is the same row as before
    (its hours may have changed). A promise that is no longer made is dropped; one that is newly made begins.
    """
    found = {row.pk: row for row in Ticket.objects.filter(pk__in=list(ticket_ids)).select_related("customer", "brand")}
    running: dict[int, list[Deadline]] = defaultdict(list)
    for row in Deadline.objects.filter(ticket__in=found, met_at=None, dropped_at=None):
        running[row.ticket_id].append(row)
    by_brand: dict[int, Promises] = {}
    changed: list[Deadline] = []
    gone: list[int] = []
    fresh: list[Deadline] = []
    for ticket in found.values():
        if ticket.brand_id not in by_brand:
            by_brand[ticket.brand_id] = Promises.of(ticket.brand)
        promise = by_brand[ticket.brand_id].for_(Facts.of(ticket))
        policy_id = promise.policy.pk if promise.policy else None
        rows = running[ticket.pk]
        for row in rows:
            if row.policy_id == policy_id and not anyway:
                continue
            was_due, was_policy = row.due_at, row.policy_id
            if not _compute(promise, row):
                gone.append(row.pk)
            elif row.due_at != was_due or row.policy_id != was_policy:
                row.told = _told_by(row, now)
                row.changes = [*row.changes[-19:], _change(code, was_due, was_policy, now)]
                changed.append(row)
        if rows and not any(row.kind == Kind.RESOLUTION for row in rows):
            started = _deadline(promise, ticket, Kind.RESOLUTION, ticket.created_at)
            if started is not None:
                started.paused_at = now if ticket.state == TicketState.WAITING else None
                fresh.append(started)
    update_each(changed, COLUMNS)
    Deadline.objects.filter(pk__in=gone).update(dropped_at=now, paused_at=None)
    Deadline.objects.bulk_create(fresh)


def _told_by(row: Deadline, now: dt.datetime) -> int:
    """What may stay told: not that it is overdue, where it no longer is."""
    if now < (row.risk_at or row.due_at):
        return Deadline.Told.NOTHING
    return min(row.told, Deadline.Told.RISK) if now < row.due_at else row.told


def _change(code: str, was_due: dt.datetime, was_policy: int | None, now: dt.datetime) -> dict[str, object]:
    return {"code": code, "at": now.isoformat(), "was_due": was_due.isoformat(), "was_policy": was_policy}


BATCH = 500


def follow_some(brand: Brand, after: int, now: dt.datetime) -> int | None:
    """The next open tickets of the brand with a key above `after`; the key to go on from, or None when all are done.

    In the caller's transaction.
    """
    rows = Ticket.objects.filter(brand=brand, pk__gt=after).open().order_by("pk").select_for_update(of=("self",))
    ids = list(rows.values_list("pk", flat=True)[:BATCH])
    follow(ids, now, "policy", anyway=True)
    summary.refresh(ids)
    return ids[-1] if len(ids) == BATCH else None
