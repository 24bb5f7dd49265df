"""The service statement: when we answer, how fast we really were in thirty days, and how it ended. Kept for ten minutes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR

from helpdesk.models import Brand, Calendar, CloseReason, ServicePolicy, Ticket, Verdict
from knowledge import kept

KEEP_SECONDS, DAYS, FEWEST = 600, 30, 10


@dataclass(frozen=True)
class Statement:
    """`median_minutes`, `answered` and `satisfied` (percent) are None where fewer than ten tell of them."""

    hours: tuple[tuple[str, str], ...]  # (days, times), as a week reads; empty: around the clock
    zone: str
    promised_hours: float
    asked: int
    median_minutes: int | None
    answered: int | None
    satisfied: int | None
    judged: int


def of(brand: Brand) -> Statement:
    key = f"help:promise:{brand.pk}"
    found = kept.get(key)
    if not isinstance(found, Statement):
        found = made(brand)
        kept.put(key, found, KEEP_SECONDS)
    return found


def made(brand: Brand) -> Statement:
    since = timezone.now() - dt.timedelta(days=DAYS)
    to_answer = ~Q(
        close_reason__in=[CloseReason.SPAM, CloseReason.MERGED, CloseReason.AUTOMATIC, CloseReason.NO_ANSWER_NEEDED]
    )
    # what an archive brought in was promised and answered elsewhere, before
    rows = Ticket.objects.for_brand(brand).filter(to_answer, created_at__gte=since).exclude(platform="archive")
    counts: dict[str, int] = rows.aggregate(
        asked=Count("pk"),
        answered=Count("pk", filter=~Q(answered_at=None)),
        satisfied=Count("pk", filter=Q(verdict=Verdict.SATISFIED)),
        judged=Count("pk", filter=~Q(verdict=Verdict.NONE)),
    )
    policy = _policy(brand)
    calendar = policy.calendar if policy else None
    minutes = policy.first_response_minutes if policy else None
    return Statement(
        hours=_week(calendar) if calendar else (),
        zone=calendar.time_zone if calendar else brand.time_zone,
        promised_hours=minutes / 60 if minutes else float(brand.first_response_hours),
        asked=counts["asked"],
        median_minutes=_median(rows.exclude(answered_at=None)) if counts["answered"] >= FEWEST else None,
        answered=round(100 * counts["answered"] / counts["asked"]) if counts["asked"] >= FEWEST else None,
        satisfied=round(100 * counts["satisfied"] / counts["judged"]) if counts["judged"] >= FEWEST else None,
        judged=counts["judged"],
    )


def _median(rows: Any) -> int:
    """Minutes from what the customer said to our first answer."""
    took = ExpressionWrapper(F("answered_at") - F("created_at"), output_field=DurationField())
    waits = rows.annotate(waited=took).order_by("waited")
    middle = waits.count() // 2
    waited: dt.timedelta = waits.values_list("waited", flat=True)[middle]
    return max(0, round(waited.total_seconds() / 60))


def _policy(brand: Brand) -> ServicePolicy | None:
    """The promise that holds for all: the first without conditions."""
    rows = (
        ServicePolicy.objects.filter(brand=brand, is_active=True).select_related("calendar").order_by("position", "id")
    )
    return next((row for row in rows if not (row.channels or row.intents or row.priorities or row.tiers)), None)


def _week(calendar: Calendar) -> tuple[tuple[str, str], ...]:
    """Days with the same hours in one line, as a shop's door says them; in the reader's language."""
    days = [", ".join(f"{start}–{end}" for start, end in day) for day in calendar.week]
    spans: list[tuple[int, int, str]] = []
    for number, times in enumerate(days):
        if spans and spans[-1][2] == times:
            spans[-1] = (spans[-1][0], number, times)
        else:
            spans.append((number, number, times))
    return tuple(
        (
            str(WEEKDAYS_ABBR[first]) if first == last else f"{WEEKDAYS_ABBR[first]}–{WEEKDAYS_ABBR[last]}",
            times,
        )
        for first, last, times in spans
        if times
    )
