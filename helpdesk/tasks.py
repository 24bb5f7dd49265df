"""Thin entries for Celery: the ladder. The rows are the queue; a message only says "look"."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from helpdesk.workflow import alerts, deciding, following_up, incidents, likeness, surveys, sweep

SOFT, HARD = 240, 300  # seconds
TURN = 20.0  # seconds after which a worker lets another message have its turn


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def look() -> None:
    """Call a worker where the ladder has something to look at. Two beats call twice; a ticket is decided once."""
    if sweep.due(timezone.now(), 1):
        sweep_due.delay()
    if deciding.due(timezone.now(), 1):
        climb_approvals.delay()
    if following_up.due(timezone.now(), 1):
        miss_follow_ups.delay()
    if sweep.brands_to_follow(1):
        follow_policies.delay()
    if surveys.due(timezone.now()):
        ask_how_it_went.delay()
    if incidents.due(timezone.now()):
        tell_the_affected.delay()
    if alerts.due(timezone.now()):
        send_alerts.delay()


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def sweep_due() -> None:
    until = time.monotonic() + TURN
    while sweep.sweep(timezone.now()) and time.monotonic() < until:
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def climb_approvals() -> None:
    while deciding.climb(timezone.now()):
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def miss_follow_ups() -> None:
    while following_up.miss(timezone.now()):
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def follow_policies() -> None:
    for brand_id in sweep.brands_to_follow(10):
        sweep.follow(brand_id, timezone.now())


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def ask_how_it_went() -> None:
    until = time.monotonic() + TURN
    while surveys.send(timezone.now()) + surveys.expire(timezone.now()) and time.monotonic() < until:
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def tell_the_affected() -> None:
    until = time.monotonic() + TURN
    while incidents.tell(timezone.now()) and time.monotonic() < until:
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def send_alerts() -> None:
    until = time.monotonic() + TURN
    while alerts.send(timezone.now(), until) and time.monotonic() < until:
        pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def look_for_alike() -> None:
    """Which of the latest tickets are about the same trouble."""
    for brand_id in likeness.brands_to_look_at(timezone.now()):
        while likeness.look(brand_id, timezone.now()):
            pass


@shared_task(queue="wake", soft_time_limit=SOFT, time_limit=HARD)
def catch_up_on_likeness() -> None:
    likeness.catch_up(timezone.now())
