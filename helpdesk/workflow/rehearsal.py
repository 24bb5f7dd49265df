"""A dry run: which tickets of the last days an escalation policy would have touched. Nothing is written.

What happened is read off the rows that are kept anyway (deadlines, messages, counts) and put to the same `reason_of`
that decides in earnest. Tickets are judged by what is known of them today: their intent, priority and tier.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from helpdesk.models import Deadline, EscalationPolicy, Message, MessageKind, Ticket, Trigger
from helpdesk.workflow.ladder import Happening, Said, heard, reason_of
from helpdesk.workflow.promises import Facts, fits

DAYS = 90
EXAMPLES = 10
MOST = 100_000  # rows of one kind that are looked at
FACTS = ("ticket__channel_id", "ticket__intent", "ticket__priority", "ticket__customer__tier")


class Example(NamedTuple):
    ticket: int
    number: int
    at: dt.datetime
    reason: dict[str, Any]


@dataclass(frozen=True)
class Rehearsal:
    """What would have happened: tickets touched, how often in each week (Mondays), the newest of them, and the tickets
    there were at all. `is_all` is false where there was more than is looked at."""

    tickets: int
    firings: int
    weeks: list[tuple[dt.date, int]]
    examples: list[Example]
    of: int
    is_all: bool


class _Moment(NamedTuple):
    ticket: int
    number: int
    at: dt.datetime
    facts: Facts
    happenings: tuple[Happening, ...]


def rehearse(policy: EscalationPolicy, now: dt.datetime, days: int = DAYS) -> Rehearsal:
    """What the policy (saved or not) would have done in the days before `now`."""
    since = now - dt.timedelta(days=days)
    seen: set[tuple[int, str]] = set()
    found: list[Example] = []
    weeks: Counter[dt.date] = Counter()
    looked_at = 0
    for moment in _moments(policy, since, now):
        looked_at += 1
        if not fits(policy, moment.facts):
            continue
        for happening in moment.happenings:
            reason = reason_of(policy, happening)
            if reason is None or (moment.ticket, happening.occasion) in seen:
                continue
            seen.add((moment.ticket, happening.occasion))
            found.append(Example(moment.ticket, moment.number, moment.at, reason))
            weeks[moment.at.date() - dt.timedelta(days=moment.at.weekday())] += 1
    tickets = {ticket for ticket, _occasion in seen}
    of = Ticket.objects.filter(brand=policy.brand_id, created_at__gte=since, created_at__lt=now).count()
    first = since.date() - dt.timedelta(days=since.weekday())
    mondays = [first + dt.timedelta(days=7 * week) for week in range((now.date() - first).days // 7 + 1)]
    newest = sorted(found, key=lambda one: one.at, reverse=True)[:EXAMPLES]
    return Rehearsal(len(tickets), len(found), [(day, weeks[day]) for day in mondays], newest, of, looked_at < MOST)


def _moments(policy: EscalationPolicy, since: dt.datetime, now: dt.datetime) -> Iterator[_Moment]:
    match policy.trigger:
        case Trigger.AT_RISK:
            yield from _late(policy.brand_id, "risk_at", since, now)
        case Trigger.OVERDUE:
            yield from _late(policy.brand_id, "due_at", since, now)
        case Trigger.WORDS | Trigger.SENTIMENT | Trigger.REACH:
            yield from _said(policy.brand_id, since, now)
        case Trigger.REOPENED:
            yield from _tickets(Ticket.objects.filter(brand=policy.brand_id, reopened_count__gt=0), since, now)


def _late(brand_id: int, column: str, since: dt.datetime, now: dt.datetime) -> Iterator[_Moment]:
    """Deadlines that became at risk (or overdue) before they ended."""
    over = Q(met_at=None, dropped_at=None) | Q(met_at__gt=F(column)) | Q(dropped_at__gt=F(column))
    rows = Deadline.objects.filter(
        over, brand=brand_id, paused_at=None, **{f"{column}__gte": since, f"{column}__lt": now}
    )
    trigger = Trigger.OVERDUE if column == "due_at" else Trigger.AT_RISK
    names = ("id", "kind", "ticket_id", "ticket__number", column, *FACTS)
    for key, kind, ticket, number, at, *facts in rows.order_by(column).values_list(*names)[:MOST].iterator(2000):
        yield _Moment(ticket, number, at, Facts(*facts), (Happening(trigger, f"{trigger}:{key}", deadline=kind),))


def _said(brand_id: int, since: dt.datetime, now: dt.datetime) -> Iterator[_Moment]:
    before = Message.objects.filter(
        ticket=OuterRef("ticket"), kind=MessageKind.INBOUND, said_at__lt=OuterRef("said_at")
    ).order_by("-said_at", "-id")
    rows = Message.objects.filter(
        brand=brand_id, kind=MessageKind.INBOUND, deleted_at=None, created_at__gte=since, created_at__lt=now
    ).annotate(mood_before=Subquery(before.values("sentiment")[:1]))
    names = ("id", "text", "sentiment", "mood_before", "reach", "ticket_id", "ticket__number", "created_at", *FACTS)
    for key, text, mood, mood_before, reach, ticket, number, at, *facts in (
        rows.order_by("created_at", "id").values_list(*names)[:MOST].iterator(2000)
    ):
        said = Said(key, text, mood, mood_before or "", reach, at)
        yield _Moment(ticket, number, at, Facts(*facts), tuple(heard([said])))


def _tickets(rows: QuerySet[Ticket], since: dt.datetime, now: dt.datetime) -> Iterator[_Moment]:
    """When it was reopened is not kept on the ticket: its customer's latest words stand for it."""
    recent = rows.filter(last_inbound_at__gte=since, last_inbound_at__lt=now).order_by("last_inbound_at")
    names = ("id", "number", "last_inbound_at", "reopened_count", "channel_id", "intent", "priority", "customer__tier")
    for ticket, number, at, count, *facts in recent.values_list(*names)[:MOST].iterator(2000):
        happening = Happening(Trigger.REOPENED, f"reopened:{count}", amount=count)
        yield _Moment(ticket, number, at, Facts(*facts), (happening,))
