"""Promises in time, in plain hours. First decided (pure), then written.

Business calendars come with the escalation workflow; only `due_after` will know them.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Greatest

from helpdesk.models import Brand, Deadline, Ticket

# A client may claim any time of writing; it can pull a deadline forward by a day at most.
LONGEST_CLAIM = dt.timedelta(hours=24)


def due_after(start: dt.datetime, hours: float) -> dt.datetime:
    return start + dt.timedelta(hours=float(hours))


def start_of(said_at: dt.datetime, heard_at: dt.datetime) -> dt.datetime:
    """When the customer's wait began."""
    return max(min(said_at, heard_at), heard_at - LONGEST_CLAIM)


def first_response(brand: Brand, ticket: Ticket, started_at: dt.datetime) -> Deadline:
    """Unsaved."""
    return _deadline(brand, ticket, Deadline.Kind.FIRST_RESPONSE, started_at, float(brand.first_response_hours))


def next_response(brand: Brand, ticket: Ticket, started_at: dt.datetime) -> Deadline:
    """Unsaved."""
    return _deadline(brand, ticket, Deadline.Kind.NEXT_RESPONSE, started_at, float(brand.next_response_hours))


def _deadline(brand: Brand, ticket: Ticket, kind: str, started_at: dt.datetime, hours: float) -> Deadline:
    return Deadline(brand=brand, ticket=ticket, kind=kind, started_at=started_at, due_at=due_after(started_at, hours))


def meet(ticket: Ticket, at: dt.datetime, *, all_of_them: bool = True) -> int:
    """An answer went out at `at`: the responses that wait are met, or (where the customer has written since) those that
    had begun by then. Returns how many that ended. An answer older than the clamped start counts as one at the start."""
    rows = _responses(ticket) if all_of_them else _responses(ticket).filter(started_at__lte=at)
    return rows.update(met_at=Greatest(F("started_at"), Value(at, output_field=DateTimeField())))


def awaits_response(ticket: Ticket) -> bool:
    return _responses(ticket).exists()


def _responses(ticket: Ticket) -> QuerySet[Deadline]:
    return _running(ticket).filter(kind__in=[Deadline.Kind.FIRST_RESPONSE, Deadline.Kind.NEXT_RESPONSE])


def drop(ticket: Ticket, at: dt.datetime) -> int:
    """No answer is due any more (resolved or closed)."""
    return _running(ticket).update(dropped_at=at)


def _running(ticket: Ticket) -> QuerySet[Deadline]:
    return Deadline.objects.filter(ticket=ticket, met_at=None, dropped_at=None)
