"""Pushed events, worked on: each account's in turn, under the lease of the source that would have heard them.

A push and a poll may bring the same item at once; it is stored once, as ever. What cannot be read goes to quarantine.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F
from django.utils import timezone

from mentions import accounts, ingest
from mentions.models import Push, Source
from mentions.platforms.base import Connector, Malformed, Page, PlatformError, Post
from mentions.polling import back_off, claim, release

log = logging.getLogger(__name__)

SET = 100
KEPT = dt.timedelta(days=8)  # longer than an old body is taken


def due_accounts(most: int) -> list[int]:
    """Accounts with something pushed to work on, the longest waiting first."""
    rows = Push.objects.due(timezone.now()).filter(account__sources__is_active=True).order_by("due_at", "id")
    return list(dict.fromkeys(rows.values_list("account", flat=True)[: most * SET]))[:most]


def work_on(account_id: int) -> dict[str, int]:
    """Take in what waits, set by set, while the source is ours: {"done", "left"}."""
    counts = {"done": 0, "left": 0}
    while rows := list(Push.objects.due(timezone.now()).filter(account=account_id).order_by("id")[:SET]):
        streams = {row.stream for row in rows}
        for stream in streams:
            some = [row for row in rows if row.stream == stream]
            if not _take_in(account_id, stream, some):
                counts["left"] += len(some)
                return counts
            counts["done"] += len(some)
    return counts


def _take_in(account_id: int, stream: str, rows: Sequence[Push]) -> bool:
    """False where another worker has the source, or none listens: the rows wait."""
    source = _source(account_id, stream)
    lease = claim(source.pk, forced=True) if source else None
    now = timezone.now()
    if lease is None:
        later = now + dt.timedelta(seconds=2 if source else 60)
        Push.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=later)
        return False
    try:
        connector = accounts.open_connector(lease.source.account)
        ingest.store(lease, _page(connector, rows), connector)
        Push.objects.filter(pk__in=[row.pk for row in rows]).update(done_at=timezone.now(), body=None, problem={})
        return True
    except ingest.LeaseLost:
        return False
    except (PlatformError, SoftTimeLimitExceeded) as error:
        _put_off(rows, error.problem if isinstance(error, PlatformError) else {"code": "bug"})
        if isinstance(error, SoftTimeLimitExceeded):
            raise
        return False
    except Exception as error:
        log.exception("pushed to account %s", account_id)
        _put_off(rows, {"code": "bug", "detail": type(error).__name__})
        raise
    finally:
        release(lease)


def _source(account_id: int, stream: str) -> Source | None:
    """The source that would have heard it; any that listens where there is no such one."""
    rows = list(Source.objects.filter(account=account_id, is_active=True).order_by("id"))
    return next((row for row in rows if row.kind == stream), rows[0] if rows else None)


def _page(connector: Connector, rows: Sequence[Push]) -> Page:
    posts: list[Post] = []
    malformed: list[Malformed] = []
    gone: list[str] = []
    for row in rows:
        try:
            page = connector.read_push(row.body)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            malformed.append(Malformed(row.body, f"{type(error).__name__}: {error}"[:200]))
            continue
        posts += page.posts
        malformed += page.malformed
        gone += page.gone
    return Page(tuple(posts), tuple(malformed), tuple(gone))


def _put_off(rows: Sequence[Push], problem: dict[str, Any]) -> None:
    """Try again later, more and more seldom, until it is in."""
    now = timezone.now()
    for row in rows:
        wait = back_off(2, row.attempts + 1)
        Push.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1, due_at=now + dt.timedelta(seconds=wait), problem=problem
        )


def tidy(now: dt.datetime) -> None:
    Push.objects.filter(done_at__lt=now - KEPT).delete()
