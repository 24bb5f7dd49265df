"""A source's past, read between two moments because somebody asked for it: in turns, within budgets, to be stopped at will.

It shares the source's lease with polling, so that the two take turns, and never moves the source's own position.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from helpdesk import events
from helpdesk.models import User
from helpdesk.net import HttpClient
from helpdesk.workflow.verbs import Conflict, Refused
from mentions import accounts, ingest, money, polling
from mentions.alive import still_here
from mentions.models import Account, ReadBack, Source
from mentions.platforms import registry
from mentions.platforms.base import Page, PlatformError, Span

log = logging.getLogger(__name__)

TURN = 15.0  # seconds after which polling has its turn
PAUSE = dt.timedelta(seconds=5)
FAILURES_TO_END = 12
LATEST = dt.timedelta(seconds=30)  # platforms take no end that is not in the past
MOST = 10_000
MARGIN = dt.timedelta(minutes=30)
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
FEWEST = 10  # no page is asked for where fewer are left


def price(source: Source, most: int) -> Decimal:
    """Dollars that reading so many items costs at most."""
    connector = accounts.closed_connector(source.account)
    return money.dollars(connector.read_price(source.kind) * most)


def ask(source: Source, user: User, since: dt.datetime, until: dt.datetime, most: int, *, is_history: bool) -> ReadBack:
    """Begin reading back. Refused names the field that cannot be; Conflict where one is going on."""
    platform, now = registry.platform(source.account.platform), timezone.now()
    stream = platform.stream(source.kind)
    if not accounts.closed_connector(source.account).reads_back(source.kind):
        raise Refused("source", "not_offered", _("%(name)s cannot be asked for its past.") % {"name": platform.name})
    until = min(until, now - LATEST)
    if since < EARLIEST:
        raise Refused("since", "too_early", _("Begin in %(year)d or later.") % {"year": EARLIEST.year})
    if since >= until:
        raise Refused("since", "order", _("The begin must lie before the end, and both in the past."))
    reach = stream.keeps_days
    if reach is not None and since < now - dt.timedelta(days=reach):
        words = ngettext(
            "%(name)s shows what was said in the last day and no earlier.",
            "%(name)s shows what was said in the last %(n)d days and no earlier.",
            reach,
        )
        raise Refused("since", "too_early", words % {"name": platform.name, "n": reach})
    if not FEWEST <= most <= MOST:
        raise Refused("most", "range", _("Between %(least)d and %(most)d.") % {"least": FEWEST, "most": MOST})
    left = money.left_for_reading(source.account)
    cost = accounts.closed_connector(source.account).read_price(source.kind) * most
    if left is not None and cost > left:
        words = _("So many may cost $%(cost)s, and $%(left)s of this month's budget is left for reading.")
        raise Refused("most", "money", words % {"cost": money.dollars(cost), "left": money.dollars(left)})
    try:
        with transaction.atomic():
            row = ReadBack.objects.create(
                brand_id=source.brand_id,
                source=source,
                since=since,
                until=until,
                most=most,
                is_history=is_history,
                asked_by=user,
                due_at=now,
            )
            details: dict[str, Any] = {
                "source": source.pk,
                "since": since.isoformat(),
                "until": until.isoformat(),
                "most": most,
            }
            events.record([events.happened("source.read_back", source.brand_id, actor=user, **details)])
    except IntegrityError as error:
        raise Conflict(_("This source is being read back already. Stop that first, or wait for it.")) from error
    return row


def stop(row: ReadBack, user: User) -> bool:
    """What was read stays. False where it had ended already."""
    ended: dict[str, Any] = {
        "finished_at": timezone.now(),
        "due_at": None,
        "outcome": ReadBack.Outcome.STOPPED,
        "problem": {},
    }
    with transaction.atomic():
        done = ReadBack.objects.filter(pk=row.pk, finished_at=None).update(**ended)
        if done:
            stopped = events.happened("source.read_back_stopped", row.brand_id, actor=user, source=row.source_id)
            events.record([stopped])
    return bool(done)


def latest(sources: Collection[int]) -> dict[int, ReadBack]:
    """The newest reading back of each of these sources: one query."""
    newest = ReadBack.objects.filter(source__in=sources).order_by().values("source").annotate(newest=Max("id"))
    rows = ReadBack.objects.filter(pk__in=newest.values("newest"))
    return {row.source_id: row for row in rows}


def due(most: int) -> list[int]:
    """Of sources in use: who pauses one pauses this too."""
    listening = {"source__is_active": True, "source__account__state": Account.State.FINE}
    rows = ReadBack.objects.filter(due_at__lte=timezone.now(), finished_at=None, **listening)
    return list(rows.order_by("due_at", "id").values_list("id", flat=True)[:most])


def work_on(row_id: int) -> None:
    """One turn. Where another worker has the source, a little later."""
    row = ReadBack.objects.filter(pk=row_id, finished_at=None).first()
    if row is None:
        return
    lease = polling.claim(row.source_id, forced=True)
    if lease is None:
        _later(row, PAUSE, {})
        return
    wait, problem = _must_wait(lease.source)
    if wait:
        _later(row, wait, problem)
        polling.release(lease)
        return
    try:
        _read(row, lease)
    except ingest.LeaseLost:
        _later(row, PAUSE, {})
    except PlatformError as error:
        _failed(row, error, lease)
    except Exception as error:
        log.exception("reading back %s", row_id)
        _failed(row, PlatformError("bug", type(error).__name__), lease)
        raise
    finally:
        polling.release(lease)


def _must_wait(source: Source) -> tuple[dt.timedelta, dict[str, Any]]:
    """How long, and why: the platform asked for rest, or the past has had its share of the hour's requests."""
    now = timezone.now()
    until = max((at for at in (source.throttled_until, source.breaker_until) if at), default=now)
    if until > now:
        return until - now, source.problem
    if source.budget_used >= _share(source):
        return (source.budget_window_at or now) + polling.HOUR - now, {"code": "budget"}
    return dt.timedelta(), {}


def _share(source: Source) -> int:
    """Of the hour's requests: the rest is for listening."""
    return max(1, source.budget_per_hour // 2)


def _span(row: ReadBack, source: Source) -> Span:
    """What was asked for, as far as the platform still shows it."""
    keeps = registry.platform(source.account.platform).stream(source.kind).keeps_days
    if keeps is None:
        return Span(row.since, row.until)
    return Span(max(row.since, timezone.now() - dt.timedelta(days=keeps) + MARGIN), row.until)


def _read(row: ReadBack, lease: ingest.Lease) -> None:
    source, until = lease.source, time.monotonic() + TURN
    with HttpClient() as http:
        connector = accounts.open_connector(source.account, http)
        books = money.Books(source.account, connector)
        span = _span(row, source)
        if span.since >= span.until:
            _end(row, ReadBack.Outcome.DONE)
            return
        pages = connector.past(source.kind, source.query, span, dict(row.position), row.most - row.read)
        try:
            for page in pages:
                if not _store(row, lease, page, connector):
                    return  # somebody stopped it
                books.bring_up_to_date()
                still_here()
                if row.most - row.read < FEWEST:
                    _end(row, ReadBack.Outcome.ENOUGH)
                    return
                used = source.budget_used + connector.requests
                if time.monotonic() > until or used >= _share(source):
                    _later(row, PAUSE, {})
                    return
        finally:
            pages.close()  # type: ignore[attr-defined]
            books.bring_up_to_date()
            Source.objects.filter(pk=source.pk).update(budget_used=F("budget_used") + connector.requests)
    _end(row, ReadBack.Outcome.DONE)


def _store(row: ReadBack, lease: ingest.Lease, page: Page, connector: Any) -> bool:
    """A page and how far it brings us, together; False where the reading back has been stopped meanwhile.

    Bounces are left out: what they tell of may have been sent again since, and arrived.
    """
    posts = tuple(replace(post, settled=True) for post in page.posts) if row.is_history else page.posts
    before, told = lease.counts["new"], 0

    def keep() -> None:
        nonlocal told
        row.position = dict(page.cursor or {})
        row.read += len(page.posts) + len(page.malformed)
        row.new += lease.counts["new"] - before
        times = [at for at in (row.earliest_at, row.latest_at, *(post.said_at for post in posts)) if at]
        row.earliest_at, row.latest_at = min(times, default=None), max(times, default=None)
        row.problem, row.failures = {}, 0
        names = ("position", "read", "new", "earliest_at", "latest_at", "problem", "failures")
        mine = ReadBack.objects.filter(pk=row.pk, finished_at=None)
        told = mine.update(**{name: getattr(row, name) for name in names})

    ingest.store(lease, replace(page, posts=posts, bounces=(), cursor=None), connector, keep)
    return bool(told)


def _later(row: ReadBack, wait: dt.timedelta, problem: dict[str, Any]) -> None:
    """Unless another worker has put it off meanwhile, and knows why."""
    mine = ReadBack.objects.filter(pk=row.pk, finished_at=None, due_at=row.due_at)
    mine.update(due_at=timezone.now() + wait, problem=problem)


def _end(row: ReadBack, outcome: str, problem: dict[str, Any] | None = None) -> None:
    ReadBack.objects.filter(pk=row.pk, finished_at=None).update(
        finished_at=timezone.now(), due_at=None, outcome=outcome, problem=problem or {}
    )


def _failed(row: ReadBack, error: PlatformError, lease: ingest.Lease) -> None:
    if error.code in ("credentials", "seal"):
        accounts.refused(lease.source.account, error.problem)  # it goes on when somebody has reconnected
        _later(row, dt.timedelta(minutes=1), error.problem)
    elif error.code == "money":
        _later(row, money.month_of(timezone.now())[1] - timezone.now(), error.problem)
    elif error.code == "throttled":
        asked = dt.timedelta(seconds=error.retry_after if error.retry_after is not None else 60)
        until = timezone.now() + asked
        polling.release(lease, next_poll_at=until, throttled_until=until, problem=error.problem)
        _later(row, asked, error.problem)
    elif error.code == "refused" and row.position and not price(lease.source, 100):
        # a position that the platform knows no longer: from the beginning, what is in is known; what is read counts on
        ReadBack.objects.filter(pk=row.pk).update(failures=F("failures") + 1, position={})
        _later(row, PAUSE, {})
    elif error.permanent or row.failures + 1 >= FAILURES_TO_END:
        _end(row, ReadBack.Outcome.FAILED, error.problem)
    else:
        ReadBack.objects.filter(pk=row.pk).update(failures=F("failures") + 1)
        wait = max(polling.back_off(30, row.failures + 1), error.retry_after or 0)
        _later(row, dt.timedelta(seconds=wait), error.problem)
