"""Thin entries for Celery: claim rows, call the domain. Every one is safe to run twice or never.

The rows are the queue; a message only says "look". A tick therefore sends a handful of messages, however much is
due, and each worker that hears one goes on taking due rows for a while. (A message per due row would pile up while
workers are busy, and expired messages are not free either: discarding one can cost Celery the better part of a second.)
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Sequence

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection
from django.utils import timezone

from helpdesk import files
from helpdesk.models import Alert, Brand, Event, IdempotencyRecord
from mentions import accounts, delivery, polling, pushes, reading_back
from mentions.alive import still_here
from mentions.models import Gap, KeptSession, Payload, Quarantine, Source

log = logging.getLogger(__name__)

SOFT, HARD = 240, 300  # seconds
TURN = 20.0  # seconds after which a worker lets another message have its turn
HANDFUL = 10


def due_sources(most: int) -> list[int]:
    rows = Source.objects.due(timezone.now()).order_by("next_poll_at", "id")
    return list(rows.values_list("id", flat=True)[:most])


def due_deliveries(most: int) -> list[int]:
    return delivery.due_deliveries(timezone.now(), most)


def due_looks(most: int) -> list[int]:
    return delivery.due_looks(timezone.now(), most)


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def wake() -> None:
    """Call as many workers as there are hands and due rows. Two beats call twice; a row is claimed once."""
    for _ in due_deliveries(settings.WORKER_PROCESSES):
        deliver_due.delay()
    if due_looks(1):
        look_again.delay()
    for _ in due_sources(settings.WORKER_PROCESSES):
        poll_due.delay()
    if pushes.due_accounts(1):
        take_pushes.delay()
    if reading_back.due(1):
        read_back.delay()
    still_here()


@shared_task(queue="poll", soft_time_limit=SOFT, time_limit=HARD)
def poll_due() -> None:
    _take_turn(due_sources, polling.poll)


@shared_task(queue="poll", soft_time_limit=SOFT, time_limit=HARD)
def take_pushes() -> None:
    _take_turn(pushes.due_accounts, pushes.work_on)


@shared_task(queue="poll", soft_time_limit=SOFT, time_limit=HARD)
def read_back() -> None:
    _take_turn(reading_back.due, reading_back.work_on)


@shared_task(queue="deliver", soft_time_limit=SOFT, time_limit=HARD)
def deliver_due() -> None:
    _take_turn(due_deliveries, delivery.deliver)


@shared_task(queue="deliver", soft_time_limit=SOFT, time_limit=HARD)
def look_again() -> None:
    _take_turn(due_looks, delivery.look_again)


def _take_turn(due: Callable[[int], Sequence[int]], act: Callable[[int], object]) -> None:
    """Act on due rows, each once, until none are left or the turn is over. In random order: colleagues do the same."""
    until, done = time.monotonic() + TURN, set[int]()
    while fresh := [row_id for row_id in due(HANDFUL + len(done)) if row_id not in done]:
        random.shuffle(fresh)
        for row_id in fresh[:HANDFUL]:
            if time.monotonic() > until:
                return
            done.add(row_id)
            still_here()
            try:
                act(row_id)
            except SoftTimeLimitExceeded:
                raise
            except Exception:  # one row's trouble is not its neighbours'
                log.exception("%s %s", act.__name__, row_id)


@shared_task(queue="deliver", soft_time_limit=SOFT, time_limit=HARD)
def deliver(delivery_id: int) -> None:
    delivery.deliver(delivery_id)


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def tidy() -> None:
    """Let expire what expires: payloads, events, kept answers, settled quarantine; keep the planner informed."""
    now = timezone.now()
    if connection.vendor == "sqlite":  # PostgreSQL has its autovacuum for this
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit=1000")
            cursor.execute("PRAGMA optimize")
    Payload.objects.filter(expires_at__lt=now).delete()
    pushes.tidy(now)
    files.sweep(86_400, now.timestamp())
    Quarantine.objects.filter(settled_at__lt=now - dt.timedelta(days=30)).delete()
    KeptSession.objects.filter(kept_at__lt=now - dt.timedelta(days=2)).delete()
    Alert.objects.filter(created_at__lt=now - dt.timedelta(days=30)).delete()
    IdempotencyRecord.objects.filter(created_at__lt=now - dt.timedelta(days=2)).delete()
    for brand in Brand.objects.all():
        kept_from = now - dt.timedelta(days=brand.keep_event_days)
        Event.objects.filter(brand=brand, at__lt=kept_from).delete()
        Gap.objects.filter(brand=brand, until__lt=kept_from).delete()
    accounts.tell_of_endings(now)
