"""Step: a sweep of due tickets, then the bare UPDATE and INSERTs it comes down to.

A brand with so many open tickets of which so many are overdue complaints; each is raised a level. The bare
statements write the same columns of as many tickets, in transactions of the same size, and nothing is decided.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from helpdesk.models import Deadline, Escalation, Event, Firing, Ticket
from helpdesk.workflow import sweep
from tests.bench.fill import fill
from tests.bench.people import open_house


def run(tickets: int, due: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    house = open_house()
    fill(house, tickets + due)
    now = timezone.now()
    _all_open(tickets, now)
    _settle()
    begun, done = time.perf_counter(), 0
    while found := sweep.sweep(now):
        done += found
    seconds = time.perf_counter() - begun
    raised = Escalation.objects.count()
    assert done == raised == due, (done, raised, due)
    keys = list(Ticket.objects.filter(pk__gt=tickets).order_by("pk").values_list("pk", "brand_id"))
    _as_before(tickets)
    return {"due": due, "seconds": seconds, "bare_seconds": _bare(keys, now)}


def _all_open(tickets: int, now: dt.datetime) -> None:
    """Every ticket is open; those with the highest keys wait for an answer that was due an hour ago."""
    Deadline.objects.all().delete()
    later, past = now + dt.timedelta(days=2), now - dt.timedelta(hours=1)
    Ticket.objects.update(
        state="open", close_reason="", resolved_at=None, next_due_at=later, next_step_at=later, intent="complaint"
    )
    late = Ticket.objects.filter(pk__gt=tickets)
    late.update(next_due_at=past, next_step_at=past, seen_message_id=2**40)
    Deadline.objects.bulk_create(
        (
            Deadline(
                brand_id=brand, ticket_id=key, kind="first_response", started_at=past - dt.timedelta(hours=4), due_at=past,
                risk_at=past - dt.timedelta(hours=1),
            )
            for key, brand in late.values_list("pk", "brand_id").iterator()
        ),
        batch_size=2000,
    )  # fmt: skip


def _as_before(tickets: int) -> None:
    Firing.objects.all().delete()
    Escalation.objects.all().delete()
    Event.objects.all().delete()
    Ticket.objects.filter(pk__gt=tickets).update(level=1)
    _settle()


def _settle() -> None:
    with connection.cursor() as cursor:
        for words in ("VACUUM ANALYZE", "CHECKPOINT") if connection.vendor == "postgresql" else ("ANALYZE",):
            cursor.execute(words)


def _bare(keys: list[tuple[int, int]], now: dt.datetime) -> float:
    """The same tickets raised by plain SQL: an UPDATE each, a row of the step and a row of its event."""
    zone = "%s::timestamptz" if connection.vendor == "postgresql" else "%s"
    update = f"UPDATE helpdesk_ticket SET level = 2, next_step_at = {zone} WHERE id = %s"
    steps = (
        "INSERT INTO helpdesk_escalation (brand_id, ticket_id, level, before, reason, raised_at, acknowledge_by, next_at, reminded,"
        f" outcome, created_at) VALUES (%s, %s, 2, 1, '{{}}', {zone}, {zone}, {zone}, 0, '', {zone})"
    )
    told = "INSERT INTO helpdesk_event (brand_id, ticket_id, code, data, \"transaction\", at) VALUES (%s, %s, 'escalation.raised', '{}', 0, "
    at = now if connection.vendor == "postgresql" else now.replace(tzinfo=None).isoformat(" ")
    begun = time.perf_counter()
    for first in range(0, len(keys), sweep.BATCH):
        batch = keys[first : first + sweep.BATCH]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(update, [(at, key) for key, _brand in batch])
            cursor.executemany(steps, [(brand, key, at, at, at, at) for key, brand in batch])
            cursor.executemany(f"{told}{zone})", [(brand, key, at) for key, brand in batch])
    return time.perf_counter() - begun
