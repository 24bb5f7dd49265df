"""A second pair of eyes: which replies need one, and who is asked. Deciding is in `deciding`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q
from django.utils import timezone

from helpdesk import events, notices
from helpdesk.models import FRONT_LINE, Approval, Delivery, Escalation, Level, Ticket, User
from helpdesk.permissions import RANK, Role, may, role_of
from helpdesk.workflow.duty import House

LONGEST = dt.timedelta(days=1)  # to decide, where the level's hours never open


def needed(ticket: Ticket, user: User) -> dict[str, Any]:
    """Why this user's reply to the ticket needs approval, as code and parameters; empty where it does not.

    Two queries, and none for a ticket at the front line.
    """
    if ticket.level <= FRONT_LINE:
        return {}
    level = Level.objects.filter(brand=ticket.brand_id, number=ticket.level).select_related("team").first()
    if level is None or stands_at(user, level):
        return {}
    if level.checks_replies:
        return {"code": "level", "level": ticket.level}
    asks = Escalation.objects.filter(ticket=ticket, ended_at=None, policy__needs_approval=True)
    return {"code": "policy", "level": ticket.level} if asks.exists() else {}


def stands_at(user: User, level: Level) -> bool:
    """Whether the user is of that level: of its team, on its rota, or of a role that stands as high."""
    role = role_of(user, level.brand_id)
    if role is None:
        return False
    least = Role.LEAD if level.number <= 2 else Role.MANAGER
    if RANK[role] >= RANK[least]:
        return True
    is_of_team = level.team_id is not None and user.teams.filter(pk=level.team_id).exists()
    today = timezone.localdate()
    on_the_rota = level.shifts.filter(user=user).filter(
        Q(since=None) | Q(since__lte=today), Q(until=None) | Q(until__gte=today)
    )
    return is_of_team or on_the_rota.exists()


def may_decide(row: Approval, user: User) -> bool:
    """Who was asked, who is of the team that was, and leads and up; never who wrote it."""
    role = role_of(user, row.brand_id)
    if role is None or role == Role.AUDITOR or row.asked_by_id == user.pk:
        return False
    if row.statement_id is not None:  # who may not speak to all may not let others speak to all
        return may(user, "incident.say", row.brand_id)
    if RANK[role] >= RANK[Role.LEAD] or row.owner_id == user.pk:
        return True
    return row.team_id is not None and user.teams.filter(pk=row.team_id).exists()


def ask(delivery: Delivery, user: User, why: dict[str, Any], now: dt.datetime) -> Approval:
    """Ask the ticket's level for an approval of a reply that is held."""
    ticket = delivery.ticket
    row = Approval(
        brand_id=ticket.brand_id,
        ticket=ticket,
        delivery=delivery,
        level=ticket.level,
        reason=why,
        asked_by=user,
        asked_at=now,
    )
    put_to(row, House(ticket.brand), ticket.level, now)
    row.save()
    events.record(
        [
            events.happened(
                "approval.asked", row.brand_id, ticket=ticket.pk, actor=user, approval=row.pk, level=row.level
            )
        ]
    )
    return row


def put_to(row: Approval, house: House, level: int, now: dt.datetime) -> None:
    """It is that level's to decide now; unsaved."""
    who = house.responsible(level, now, but=row.asked_by_id)
    by = house.ladder.rungs[level].look_at(now) if level in house.ladder.rungs else now + LONGEST
    row.level, row.owner_id, row.team_id = level, who.user_id, who.team_id
    row.due_at = min(by, now + dt.timedelta(days=30))


def withdrawn(delivery: Delivery, now: dt.datetime) -> None:
    """The reply is not to be sent any more: nobody has to decide on it. Its ticket is locked by the caller."""
    for row in Approval.objects.select_for_update(of=("self",)).filter(delivery=delivery, decided_at=None):
        row.decided_at, row.outcome = now, Approval.Outcome.WITHDRAWN
        row.save(update_fields=["decided_at", "outcome"])
        settled(row)
        events.record([events.happened("approval.withdrawn", row.brand_id, ticket=row.ticket_id, approval=row.pk)])


def settled(row: Approval) -> None:
    """Nobody has to be told of it any more."""
    for key in (f"approval:{row.pk}", f"approval:{row.pk}:late"):
        notices.settle(row.brand_id, key)
