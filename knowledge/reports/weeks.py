"""The weeks that charts show: thirteen, a quarter of a year, the running one last."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

WEEKS = 13


def mondays(now: dt.datetime | None = None) -> list[dt.date]:
    today = timezone.localtime(now).date()
    monday = today - dt.timedelta(days=today.weekday())
    return [monday - dt.timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def start_of(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def shares(counts: list[int]) -> list[int]:
    """Each in percent of the largest."""
    most = max(counts, default=0) or 1
    return [round(100 * count / most) for count in counts]
