"""The ladder, carried out: due tickets are claimed in sets, decided one by one, and written in sets.

A batch is one transaction: a worker that is killed leaves each ticket with its step and the event of it, or with
neither. Locked tickets are passed over, so that two workers share the work and never wait for each other.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery

from helpdesk import events, notices, summary
from helpdesk.models import (
    FAR,
    Brand,
    Deadline,
    Escalation,
    Event,
    Firing,
    FollowUp,
    Message,
    MessageKind,
    Ticket,
    update_each,
)
from helpdesk.permissions import Role
from helpdesk.workflow import deadlines
from helpdesk.workflow.duty import House
from helpdesk.workflow.ladder import Asked, Case, Decision, Due, Said, decide
from helpdesk.workflow.promises import Facts

log = logging.getLogger(__name__)

BATCH = 500
LATER = dt.timedelta(hours=1)  # until a ticket is looked at again that could not be decided
READ = (
    "brand_id", "number", "state", "channel_id", "intent", "priority", "level", "team_id", "reopened_count", "seen_message_id",
    "next_step_at", "customer__tier",
)  # fmt: skip
TICKET_COLUMNS = ("level", "priority", "team", "seen_message_id", "next_step_at")


def due(now: dt.datetime, most: int) -> list[int]:
    """Keys of tickets that the ladder has to look at, the longest overdue first."""
    rows = Ticket.objects.filter(next_step_at__lte=now).order_by("next_step_at", "id")
    return list(rows.values_list("id", flat=True)[:most])


def sweep(now: dt.datetime, size: int = BATCH) -> int:
    """Decide a batch of due tickets and carry it out; how many were looked at."""
    try:
        with transaction.atomic():
            return _step(now, _claimed(now, size))
    except Exception:
        log.exception("a batch could not be decided: its tickets are taken one by one")
    return sum(_alone(ticket_id, now) for ticket_id in due(now, size))


def look(ticket_id: int, now: dt.datetime) -> None:
    """Look at one ticket (locked by the caller, in its transaction), whenever it is due."""
    _step(now, list(_rows(Ticket.objects.filter(pk=ticket_id))))


def _rows(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """With what a decision needs, and no more: there may be a hundred thousand of them."""
    return tickets.select_related("customer").only(*READ)


def _claimed(now: dt.datetime, size: int) -> list[Ticket]:
    rows = _rows(Ticket.objects.filter(next_step_at__lte=now))
    skip = connection.features.has_select_for_update_skip_locked
    return list(rows.select_for_update(of=("self",), skip_locked=skip).order_by("next_step_at", "id")[:size])


def _alone(ticket_id: int, now: dt.datetime) -> int:
    try:
        with transaction.atomic():
            rows = _rows(Ticket.objects.filter(pk=ticket_id, next_step_at__lte=now))
            return _step(now, list(rows.select_for_update(of=("self",))))
    except Exception:  # one ticket's trouble is not its neighbours'
        log.exception("ticket %s could not be decided", ticket_id)
        Ticket.objects.filter(pk=ticket_id).update(next_step_at=now + LATER)
        return 0


@dataclass
class _Rows:
    """What one batch writes."""

    firings: list[Firing] = field(default_factory=list)
    raised: list[Escalation] = field(default_factory=list)
    changed: list[Escalation] = field(default_factory=list)
    told: list[Deadline] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    follows: list[int] = field(default_factory=list)


def _step(now: dt.datetime, tickets: Sequence[Ticket]) -> int:
    if not tickets:
        return 0
    running, said, asked, fired = _dues(tickets), _said(tickets), _asked(tickets), _fired(tickets)
    missed = _missed(tickets)
    houses: dict[int, House] = {}
    rows = _Rows()
    for ticket in tickets:
        if ticket.brand_id not in houses:
            houses[ticket.brand_id] = House(Brand.objects.get(pk=ticket.brand_id))
        house, open_step = houses[ticket.brand_id], asked.get(ticket.pk)
        if not ticket.is_open:
            ticket.next_step_at = FAR
            continue
        case = Case(
            Facts.of(ticket),
            ticket.level,
            tuple(_due(row) for row in running[ticket.pk]),
            tuple(said[ticket.pk]),
            ticket.reopened_count,
            tuple(missed[ticket.pk]),
            Asked(open_step.level, open_step.reminded, open_step.next_at) if open_step else None,
            frozenset(fired[ticket.pk]),
        )
        decision = decide(case, house.ladder, now)
        _carry_out(rows, house, ticket, open_step, decision, running[ticket.pk], now)
    _write(rows, tickets, now)
    return len(tickets)


def _due(row: Deadline) -> Due:
    return Due(row.pk, row.kind, row.risk_at, row.due_at, row.told, row.paused_at)


def _dues(tickets: Sequence[Ticket]) -> dict[int, list[Deadline]]:
    found: dict[int, list[Deadline]] = defaultdict(list)
    fields = ("id", "ticket_id", "kind", "risk_at", "due_at", "told", "paused_at")
    for row in Deadline.objects.filter(ticket__in=tickets, met_at=None, dropped_at=None).only(*fields):
        found[row.ticket_id].append(row)
    return found


def _said(tickets: Sequence[Ticket]) -> dict[int, list[Said]]:
    """What customers said since the ladder looked last, in order, each with the mood before it."""
    before = Message.objects.filter(
        ticket=OuterRef("ticket"), kind=MessageKind.INBOUND, said_at__lt=OuterRef("said_at")
    ).order_by("-said_at", "-id")
    unseen = Message.objects.filter(ticket__in=tickets, kind=MessageKind.INBOUND, id__gt=F("ticket__seen_message_id"))
    rows = unseen.annotate(mood_before=Subquery(before.values("sentiment")[:1])).order_by("said_at", "id")
    found: dict[int, list[Said]] = defaultdict(list)
    for owner, key, text, mood, mood_before, reach, heard_at in rows.values_list(
        "ticket_id", "id", "text", "sentiment", "mood_before", "reach", "heard_at"
    ):
        found[owner].append(Said(key, text, mood, mood_before or "", reach, heard_at))
    return found


def _asked(tickets: Sequence[Ticket]) -> dict[int, Escalation]:
    return {row.ticket_id: row for row in Escalation.objects.filter(ticket__in=tickets, ended_at=None)}


def _fired(tickets: Sequence[Ticket]) -> dict[int, set[tuple[int, str]]]:
    found: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for owner, policy, occasion in Firing.objects.filter(ticket__in=tickets).values_list(
        "ticket_id", "policy_id", "occasion"
    ):
        found[owner].add((policy, occasion))
    return found


def _missed(tickets: Sequence[Ticket]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = FollowUp.objects.filter(ticket__in=tickets, done_at=None, missed_at__isnull=False).order_by("id")
    for owner, key in rows.values_list("ticket_id", "pk"):
        found[owner].append(key)
    return found


def _carry_out(
    rows: _Rows,
    house: House,
    ticket: Ticket,
    asked: Escalation | None,
    decision: Decision,
    running: Sequence[Deadline],
    now: dt.datetime,
) -> None:
    ticket.seen_message_id = max(ticket.seen_message_id, decision.seen)
    for row in running:
        if row.pk in decision.told:
            row.told = decision.told[row.pk]
            rows.told.append(row)
    _fire(rows, ticket, decision)
    if decision.raise_to is not None:
        asked = _raise(rows, house, ticket, asked, decision, now)
    elif asked is not None and decision.reminds:
        asked.reminded += 1
        asked.next_at = house.ladder.rungs[asked.level].look_at(now)
        rows.changed.append(asked)
        rows.events.append(_happened("escalation.reminded", ticket, level=asked.level, count=asked.reminded))
    elif asked is not None and decision.is_spent:
        asked.next_at = FAR
        rows.changed.append(asked)
        rows.events.append(_happened("escalation.unanswered", ticket, level=asked.level))
        _tell_managers(ticket, asked)
    looks = [asked.next_at] if asked is not None and asked.ended_at is None else []
    ticket.next_step_at = summary.next_step(ticket, (), [summary.running(row) for row in running], looks)


def _fire(rows: _Rows, ticket: Ticket, decision: Decision) -> None:
    for fired in decision.fired:
        if fired.is_kept:
            rows.firings.append(
                Firing(brand_id=ticket.brand_id, ticket=ticket, policy=fired.policy, occasion=fired.occasion)
            )
        if fired.policy.set_priority and fired.policy.set_priority != ticket.priority:
            ticket.priority = fired.policy.set_priority
            rows.follows.append(ticket.pk)
        if fired.policy.team_id:
            ticket.team_id = fired.policy.team_id
        if fired.policy is not decision.policy:  # the step it led to names it
            reason = fired.reason["code"]
            rows.events.append(_happened("escalation.fired", ticket, policy=fired.policy.pk, reason=reason))


def _raise(
    rows: _Rows, house: House, ticket: Ticket, asked: Escalation | None, decision: Decision, now: dt.datetime
) -> Escalation:
    assert decision.raise_to is not None
    if asked is not None:
        asked.ended_at, asked.next_at = now, FAR
        asked.outcome = Escalation.Outcome.CLIMBED if decision.climbs else Escalation.Outcome.RAISED
        rows.changed.append(asked)
    fresh = raised(house, ticket, decision.raise_to, decision.reason, now)
    fresh.policy = decision.policy
    rows.raised.append(fresh)
    rows.events.append(
        _happened(
            "escalation.raised",
            ticket,
            level=fresh.level,
            before=fresh.before,
            reason=fresh.reason["code"],
            policy=decision.policy.pk if decision.policy else None,
        )
    )
    return fresh


def raised(house: House, ticket: Ticket, level: int, reason: dict[str, Any], now: dt.datetime) -> Escalation:
    """A step up to that level, unsaved; the ticket (unsaved, too) stands there."""
    who = house.responsible(level, now)
    by = house.ladder.rungs[level].look_at(now)
    row = Escalation(
        brand_id=ticket.brand_id,
        ticket=ticket,
        level=level,
        before=ticket.level,
        reason={**reason, "asked": who.reason},
        owner_id=who.user_id,
        team_id=who.team_id,
        raised_at=now,
        acknowledge_by=by,
        next_at=by,
    )
    ticket.level = level
    if who.team_id:
        ticket.team_id = who.team_id
    return row


def _happened(code: str, ticket: Ticket, **values: Any) -> Event:
    return events.happened(code, ticket.brand_id, ticket=ticket.pk, **values)


def _tell_managers(ticket: Ticket, asked: Escalation) -> None:
    key, link = f"escalation:{asked.pk}", f"/desk/tickets/{ticket.pk}/"
    notices.tell(ticket.brand_id, key, "escalation.unanswered", least=Role.MANAGER, link=link, number=ticket.number)


notices.WORDS["escalation.unanswered"] = (
    "Ticket #%(number)s stands at the top of the ladder and nobody has acknowledged it. Take it, or give it to somebody."
)


def _write(rows: _Rows, tickets: Sequence[Ticket], now: dt.datetime) -> None:
    Firing.objects.bulk_create(rows.firings, ignore_conflicts=True)
    update_each(rows.told, ["told"])
    update_each(
        rows.changed, ["reminded", "next_at", "ended_at", "outcome"]
    )  # ends the open one before the next is there
    Escalation.objects.bulk_create(rows.raised)
    update_each(tickets, TICKET_COLUMNS)
    if rows.follows:
        deadlines.follow(rows.follows, now, "priority")
        summary.refresh(rows.follows)
    events.record(rows.events)


def brands_to_follow(most: int) -> list[int]:
    """Brands whose policies have changed and whose running deadlines are still to be computed anew."""
    return list(Brand.objects.exclude(follow_after=None).order_by("id").values_list("id", flat=True)[:most])


def follow(brand_id: int, now: dt.datetime) -> None:
    """Compute a brand's running deadlines anew, batch by batch; goes on where a worker that was killed stopped."""
    while True:
        with transaction.atomic():
            brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
            if brand.follow_after is None:
                return
            brand.follow_after = deadlines.follow_some(brand, brand.follow_after, now)
            brand.save(update_fields=["follow_after"])
