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
from helpdesk.hours import Hours
from helpdesk.models import (
    FAR,
    Alert,
    Brand,
    Deadline,
    Escalation,
    EscalationPolicy,
    Event,
    Firing,
    FollowUp,
    Likeness,
    Membership,
    Message,
    MessageKind,
    Notice,
    Survey,
    Ticket,
    Verdict,
    insert_all,
    update_each,
)
from helpdesk.permissions import Role
from helpdesk.summary import Running
from helpdesk.workflow import alerts, away, deadlines
from helpdesk.workflow.duty import House, raised
from helpdesk.workflow.ladder import Asked, Case, Decision, Due, Fired, Said, decide
from helpdesk.workflow.promises import Facts

log = logging.getLogger(__name__)

BATCH = 500
LATER = dt.timedelta(hours=1)  # until a ticket is looked at again that could not be decided
READ = (
    "brand_id", "number", "state", "channel_id", "intent", "priority", "level", "team_id", "reopened_count", "seen_message_id",
    "next_step_at",
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
    return tickets.annotate(tier=F("customer__tier")).only(*READ)


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
    told: dict[int, list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )  # keys of deadlines by what they have told
    events: list[Event] = field(default_factory=list)
    follows: list[int] = field(default_factory=list)
    greets: list[tuple[Ticket, Brand, Hours]] = field(default_factory=list)
    tellings: list[tuple[Ticket, Fired, Escalation | None]] = field(default_factory=list)


def _step(now: dt.datetime, tickets: Sequence[Ticket]) -> int:
    if not tickets:
        return 0
    running, said, asked, fired = _dues(tickets), _said(tickets), _asked(tickets), _fired(tickets)
    missed, unhappy, alike = _missed(tickets), _unhappy(tickets), _alike(tickets)
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
            Facts(ticket.channel_id, ticket.intent, ticket.priority, ticket.tier),  # type: ignore[attr-defined]
            ticket.level,
            tuple(running[ticket.pk]),
            tuple(said[ticket.pk]),
            ticket.reopened_count,
            tuple(missed[ticket.pk]),
            Asked(open_step.level, open_step.reminded, open_step.next_at) if open_step else None,
            frozenset(fired[ticket.pk]),
            tuple(unhappy[ticket.pk]),
            alike.get(ticket.pk, 0),
        )
        decision = decide(case, house.ladder, now)
        if said[ticket.pk] and house.brand.away_text:
            hours = house.promises.for_(case.facts).hours
            if away.says_so(house.brand, ticket, hours, now):
                rows.greets.append((ticket, house.brand, hours))
        _carry_out(rows, house, ticket, open_step, decision, running[ticket.pk], now)
    _write(rows, tickets, now)
    return len(tickets)


def _dues(tickets: Sequence[Ticket]) -> dict[int, list[Due]]:
    found: dict[int, list[Due]] = defaultdict(list)
    rows = Deadline.objects.filter(ticket__in=tickets, met_at=None, dropped_at=None)
    for owner, key, kind, risk_at, due_at, told, paused_at in rows.values_list(
        "ticket_id", "id", "kind", "risk_at", "due_at", "told", "paused_at"
    ):
        found[owner].append(Due(key, kind, risk_at, due_at, told, paused_at))
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


def _unhappy(tickets: Sequence[Ticket]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = Survey.objects.filter(ticket__in=tickets, verdict=Verdict.UNHAPPY).order_by("id")
    for owner, key in rows.values_list("ticket_id", "pk"):
        found[owner].append(key)
    return found


def _alike(tickets: Sequence[Ticket]) -> dict[int, int]:
    return dict(Likeness.objects.filter(ticket__in=tickets, alike__gt=0).values_list("ticket_id", "alike"))


def _carry_out(
    rows: _Rows,
    house: House,
    ticket: Ticket,
    asked: Escalation | None,
    decision: Decision,
    running: Sequence[Due],
    now: dt.datetime,
) -> None:
    ticket.seen_message_id = max(ticket.seen_message_id, decision.seen)
    for key, told in decision.told.items():
        rows.told[told].append(key)
    running = [due._replace(told=decision.told.get(due.id, due.told)) for due in running]
    _fire(rows, ticket, decision)
    if decision.raise_to is not None:
        asked = _raise(rows, house, ticket, asked, decision, now)
        rows.tellings += [(ticket, fired, asked) for fired in decision.fired if fired.policy is decision.policy]
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
    ticket.next_step_at = summary.next_step(
        ticket, (), [Running(due.due_at, due.risk_at, due.told, due.paused_at) for due in running], looks
    )


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
            rows.tellings.append((ticket, fired, None))
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
    for told, keys in rows.told.items():
        Deadline.objects.filter(pk__in=keys).update(told=told)
    update_each(
        rows.changed, ["reminded", "next_at", "ended_at", "outcome"]
    )  # ends the open one before the next is there
    insert_all(rows.raised)
    update_each(tickets, TICKET_COLUMNS)
    _tell_people(rows.tellings, now)
    if rows.follows:
        deadlines.follow(rows.follows, now, "priority")
        summary.refresh(rows.follows)
    events.record(rows.events)
    for ticket, brand, hours in rows.greets:
        away.greet(ticket, brand, hours, now)


def _tell_people(tellings: Sequence[tuple[Ticket, Fired, Escalation | None]], now: dt.datetime) -> None:
    """Whom policies ask to tell: who was asked to take it; where nobody was, leads and up."""
    found: list[Alert] = []
    told: list[Notice] = []
    once = {
        (ticket.pk, fired.policy.pk, step is None): (ticket, fired, step) for ticket, fired, step in reversed(tellings)
    }
    for ticket, fired, step in once.values():
        ways, link = set(fired.policy.notify), f"/desk/tickets/{ticket.pk}/"
        if step is None and EscalationPolicy.Notify.DESK in ways:
            key = f"policy:{fired.policy.pk}:{ticket.pk}:{fired.occasion}"
            params = {"number": ticket.number, "name": fired.policy.name}
            told.append(
                Notice(
                    brand_id=ticket.brand_id,
                    key=key,
                    code="escalation.noticed",
                    params=params,
                    least_role=Role.LEAD,
                    link=link,
                )
            )
        if ways & {Alert.By.EMAIL, Alert.By.HOOK}:
            found += _alerts(ticket, fired, step, link, now)
    Alert.objects.bulk_create(found)
    Notice.objects.bulk_create(told, ignore_conflicts=True)


def _alerts(ticket: Ticket, fired: Fired, step: Escalation | None, link: str, now: dt.datetime) -> list[Alert]:
    to: list[int] = []
    if EscalationPolicy.Notify.EMAIL in fired.policy.notify:
        seats = Membership.objects.filter(brand=ticket.brand_id, user__is_active=True).order_by("user")
        if step is not None and step.owner_id:
            seats = seats.filter(user=step.owner_id)
        elif step is not None and step.team_id:
            seats = seats.filter(user__teams=step.team_id)
        else:
            seats = seats.filter(role__in=[Role.LEAD, Role.MANAGER, Role.OWNER])
        to = list(seats.values_list("user_id", flat=True))
    who = getattr(step.owner or step.team, "name", "") if step is not None else ""
    code = "escalation.raised" if step is not None else "escalation.noticed"
    params = {
        "number": ticket.number,
        "level": ticket.level,
        "policy": fired.policy.name,
        "name": who,
        "reason": fired.reason,
    }
    return alerts.rows(ticket.brand_id, code, fired.policy.notify, to, now, link=link, **params)


notices.WORDS["escalation.noticed"] = "Ticket #%(number)s: “%(name)s” asks you to have a look."


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
