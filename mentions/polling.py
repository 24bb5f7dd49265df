"""Listening: a due source is claimed, its pages are stored, and its row says how it went.

Rhythm, budget, breaker and back-off stand on the source's row, so that any worker on any machine sees the same.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import statistics
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from helpdesk import notices
from helpdesk.net import HttpClient
from helpdesk.workflow.verbs import Conflict
from mentions import accounts, following, gaps, ingest, money
from mentions.models import Account, Quarantine, Source
from mentions.platforms.base import PlatformError

log = logging.getLogger(__name__)

FAILURES_TO_BREAK = 5
LONGEST_BACK_OFF = 900.0
HOUR = dt.timedelta(hours=1)


def claim(source_id: int, *, forced: bool = False) -> ingest.Lease | None:
    """The source with a new lease and fencing token; None where it is not due or in other hands.

    SKIP LOCKED on PostgreSQL; SQLite ignores that, but has one writer at a time (IMMEDIATE).
    """
    now = timezone.now()
    with transaction.atomic():
        rows = Source.objects.filter(pk=source_id).select_for_update(skip_locked=True, of=("self",))
        due = rows.filter(lease_until=None) | rows.filter(lease_until__lt=now) if forced else rows.due(now)
        source = due.select_related("account__channel", "account__brand", "brand", "term").first()
        if source is None or _another_reads(source, now):
            return None
        if not source.budget_window_at or now - source.budget_window_at >= HOUR:
            source.budget_window_at, source.budget_used = now, 0
        if source.budget_used >= source.budget_per_hour and not forced:
            source.next_poll_at = source.throttled_until = source.budget_window_at + HOUR
            source.problem = {"code": "budget"}
            source.silent = source.silent or source.problem
            source.save(update_fields=["next_poll_at", "throttled_until", "problem", "silent"])
            return None
        source.lease_until = now + dt.timedelta(seconds=settings.LEASE_SECONDS)
        source.lease_token += 1
        source.last_tried_at = now
        source.save(update_fields=["lease_until", "lease_token", "last_tried_at", "budget_window_at", "budget_used"])
    return ingest.Lease(source, source.lease_token)


def _another_reads(source: Source, now: dt.datetime) -> bool:
    """Whether another source of this account reads now and both would spend the same money."""
    if source.account.monthly_budget is None:
        return False
    Account.objects.select_for_update(no_key=True).get(pk=source.account_id)
    return Source.objects.filter(account=source.account_id, lease_until__gt=now).exclude(pk=source.pk).exists()


def poll_now(source_id: int) -> dict[str, Any]:
    """A look that a person asked for: at any time, but not while the platform or the budget says wait (Conflict)."""
    source = Source.objects.select_related("account").get(pk=source_id)
    until = source.throttled_until
    if until is not None and until > timezone.now():
        why = accounts.problem_words(source.problem, source.account.channel.appears_as)
        raise Conflict(
            _("%(why)s The next look is at %(time)s.")
            % {"why": why, "time": date_format(timezone.localtime(until), "H:i")}
        )
    return poll(source_id, forced=True)


def poll(source_id: int, *, forced: bool = False) -> dict[str, Any]:
    """One pass: {"claimed", "heard", "new", "edited", "deleted", "quarantined", "problem"}."""
    lease = claim(source_id, forced=forced)
    if lease is None:
        return {"claimed": False}
    problem: dict[str, Any] = {}
    requests = 0
    try:
        with HttpClient() as http:
            connector = accounts.open_connector(lease.source.account, http)
            books = money.Books(lease.source.account, connector)
            try:
                for page in connector.fetch(lease.source.kind, lease.source.query, lease.source.cursor):
                    ingest.store(lease, page, connector)
                    books.bring_up_to_date()
                following.check_again(lease, connector)
            except PlatformError as error:
                if error.code != "backlog":
                    raise
                problem = error.problem  # what was shown is in; what was not is written down
            finally:
                requests = connector.requests
                books.bring_up_to_date()
        _fine(lease, requests, connector.rest, problem)
    except ingest.LeaseLost:
        log.warning("source %s was taken over by another worker", source_id)
        return {"claimed": False}
    except PlatformError as error:
        problem = error.problem
        _failed(lease, error, requests)
    except OSError as error:  # our own disk, say
        log.exception("polling source %s failed", source_id)
        failure = PlatformError("house", error.strerror or type(error).__name__)
        problem = failure.problem
        _failed(lease, failure, requests)
    except Exception as error:
        log.exception("polling source %s failed", source_id)
        problem = {"code": "bug", "detail": type(error).__name__}
        _failed(lease, PlatformError("bug", type(error).__name__), requests)
        raise
    return {"claimed": True, **lease.counts, **({"problem": problem} if problem else {})}


def release(lease: ingest.Lease, **values: Any) -> bool:
    """End the lease, if it is still ours; whether it was."""
    mine = Source.objects.filter(pk=lease.source.pk, lease_token=lease.token)
    return bool(mine.update(lease_until=None, **values))


def _fine(lease: ingest.Lease, requests: int, rest: float, left_out: dict[str, Any]) -> None:
    """`left_out`: why this look could not read all that there was, if so."""
    source, now = lease.source, timezone.now()
    begun = source.last_tried_at or now
    pace = source.rhythm_seconds * money.stretch(source.account, now)
    measured = {}
    if lease.delays and source.last_fine_at is not None:  # the first look brings what is old
        measured["delay_seconds"] = min(max(0, round(statistics.median(lease.delays))), 2**31 - 1)
    due = begun + dt.timedelta(seconds=max(pace, rest))
    with transaction.atomic():
        is_ours = release(
            lease,
            next_poll_at=due,
            expected_at=due,
            failures=0,
            breaker_until=None,
            throttled_until=None,
            problem={},
            last_fine_at=now,
            budget_used=source.budget_used + requests,
            **measured,
        )
        if is_ours:
            gaps.note(source, now, left_out)
            Source.objects.filter(pk=source.pk, is_active=True).update(silent={})  # paused meanwhile, it stays silent
    if source.account.state == Account.State.RECONNECT:
        accounts.accepted(source.account)
    notices.settle(source.brand_id, f"source:{source.pk}")


def _failed(lease: ingest.Lease, error: PlatformError, requests: int) -> None:
    source, now = lease.source, timezone.now()
    used = source.budget_used + requests
    Source.objects.filter(pk=source.pk, lease_token=lease.token).fall_silent(error.problem)
    if error.code in ("credentials", "seal"):
        release(lease, problem=error.problem, budget_used=used)
        accounts.refused(source.account, error.problem)
        return
    if error.code == "ended":
        release(lease, is_active=False, problem=error.problem, budget_used=used)
        notices.tell(source.brand_id, f"source:{source.pk}", "source.ended", link="/desk/sources/", name=source.name)
        return
    if error.code == "money":
        until = money.month_of(now)[1]
        release(lease, next_poll_at=until, throttled_until=until, problem=error.problem, budget_used=used)
        money.tell(source.account)
        return
    if error.code == "throttled":
        asked = error.retry_after if error.retry_after is not None else back_off(source.rhythm_seconds, 1)
        until = now + dt.timedelta(seconds=asked + random.uniform(0, 1 + min(asked / 10, 600)))  # noqa: S311
        release(lease, next_poll_at=until, throttled_until=until, problem=error.problem, budget_used=used)
        return
    failures = min(source.failures + 1, 1000)
    wait = max(back_off(source.rhythm_seconds, failures), error.retry_after or 0)
    until = now + dt.timedelta(seconds=wait)
    opened = until if failures >= FAILURES_TO_BREAK else None
    release(lease, next_poll_at=until, failures=failures, breaker_until=opened, problem=error.problem, budget_used=used)
    if failures >= FAILURES_TO_BREAK or error.permanent:
        notices.tell(
            source.brand_id,
            f"source:{source.pk}",
            "source.broken",
            link="/desk/sources/",
            name=source.name,
            problem=error.code,
        )


def back_off(rhythm: float, failures: int) -> float:
    """Seconds until the next try: full jitter over a doubling window, never under half the rhythm."""
    window = min(LONGEST_BACK_OFF, rhythm * 2 ** min(failures, 20))
    return max(rhythm / 2, random.uniform(0, window))  # noqa: S311


def retry_quarantined(row_id: int) -> bool:
    """Read a quarantined item again with today's code. True where it is in now; Conflict where it was settled."""
    row = Quarantine.objects.select_related("source__account__channel", "source__account__brand").get(pk=row_id)
    if row.settled_at is not None:
        raise Conflict(_("This item has been settled already."))
    lease = claim(row.source_id, forced=True)
    if lease is None:
        return False
    account = row.source.account
    try:
        connector = accounts.open_connector(account)
        ingest.store(lease, connector.reread(row.source.kind, row.raw), connector)
    except PlatformError as error:  # the item's author could not be looked up, say
        raise Conflict(accounts.problem_words(error.problem, account.platform)) from error
    finally:
        release(lease)
    done = lease.counts["heard"] > 0 and not lease.counts["quarantined"]
    if done:  # the words stand in the message now, and nowhere else
        Quarantine.objects.filter(pk=row_id).update(settled_at=timezone.now(), raw={})
    return done


notices.WORDS.update(
    {
        "account.reconnect": "“%(name)s” needs reconnection: the platform refuses our log-in. Nothing is lost; enter a new password under Sources.",
        "account.ending": "The log-in of “%(name)s” ends on %(day)s. Enter a new token under Sources before that, and nothing is missed.",
        "source.ended": "“%(name)s” says that it is gone for good; it is no longer listened to. Enter another address under Sources.",
        "source.broken": "“%(name)s” cannot be heard. Sources says why; we keep trying.",
    }
)
