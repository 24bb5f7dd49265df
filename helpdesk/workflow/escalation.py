"""What people do on the ladder: raise by hand, acknowledge, hand back. What the clock does is in `sweep`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices, summary
from helpdesk.models import FAR, FRONT_LINE, Escalation, Message, MessageKind, Ticket, User, Visibility
from helpdesk.permissions import RANK, Role, role_of
from helpdesk.text.clean import cleaned
from helpdesk.workflow.duty import House, raised
from helpdesk.workflow.ladder import Ladder
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused, locked

LONGEST_WHY = 1000


def _open(ticket_id: int) -> Ticket:
    """The ticket, locked. Conflict where it has ended."""
    ticket = locked(ticket_id)
    if not ticket.is_open:
        state = ticket.get_state_display().lower()
        raise Conflict(_("This ticket is %(state)s. Reopen it first.") % {"state": state})
    return ticket


def open_of(ticket: Ticket) -> Escalation | None:
    """The ticket's open step, locked."""
    rows = Escalation.objects.select_for_update(of=("self",)).select_related("acknowledged_by")
    return rows.filter(ticket=ticket, ended_at=None).first()


@transaction.atomic
def escalate(ticket_id: int, user: User, *, to: int = 0, why: str = "") -> Escalation:
    """Raise by hand: to a level, or one up (0). `why` becomes a note."""
    ticket = _open(ticket_id)
    house = House(ticket.brand)
    level = house.ladder.reached(to, ticket.level)
    if level is None:
        raise Refused("level", "not_up", _not_up(house.ladder, ticket))
    now = timezone.now()
    before = open_of(ticket)
    if before is not None:
        end(before, Escalation.Outcome.RAISED, now)
    reason: dict[str, Any] = {"code": "by_hand"}
    if why.strip():
        reason["note"] = _note(ticket, user, why, now).pk
    row = raised(house, ticket, level, reason, now)
    row.raised_by = user
    row.save()
    ticket.save(update_fields=["level", "team"])
    _told(ticket, "escalation.raised", user, level=row.level, before=row.before, reason="by_hand")
    return row


def _not_up(ladder: Ladder, ticket: Ticket) -> str:
    if not ladder.rungs:
        return _("This brand has no ladder yet. A manager can set its levels up.")
    if ticket.level >= ladder.top:
        return _("It stands at the top of the ladder already.")
    return _("Choose a level above %(level)s.") % {"level": ticket.level}


def _note(ticket: Ticket, user: User, why: str, now: dt.datetime) -> Message:
    """Why, for colleagues: people's words live in messages alone."""
    return Message.objects.create(
        brand_id=ticket.brand_id,
        ticket=ticket,
        kind=MessageKind.NOTE,
        visibility=Visibility.INTERNAL,
        author=user,
        text=cleaned(why).text[:LONGEST_WHY],
        said_at=now,
        heard_at=now,
        created_at=now,
    )


@transaction.atomic
def acknowledge(ticket_id: int, user: User) -> Escalation:
    """“I have it”: the step is the user's, and so is the ticket."""
    ticket = _open(ticket_id)
    row = open_of(ticket)
    if row is None:
        raise Conflict(_("Nothing waits to be acknowledged here."))
    if row.acknowledged_at is not None:
        name = row.acknowledged_by.name if row.acknowledged_by else _("Somebody")
        raise Conflict(_("%(name)s has acknowledged it already.") % {"name": name})
    if not may_acknowledge(row, user):
        raise PermissionRefused(_("Somebody else was asked. A lead or higher may take it over."))
    now = timezone.now()
    row.acknowledged_at, row.acknowledged_by, row.owner, row.next_at = now, user, user, FAR
    row.save(update_fields=["acknowledged_at", "acknowledged_by", "owner", "next_at"])
    ticket.assignee = user
    ticket.save(update_fields=["assignee"])
    notices.settle(ticket.brand_id, f"escalation:{row.pk}")
    _told(ticket, "escalation.acknowledged", user, level=row.level)
    return row


def may_acknowledge(row: Escalation, user: User) -> bool:
    """Whom it was given to, who is of the team that was asked, and leads and up."""
    role = role_of(user, row.brand_id)
    if role is None or role == Role.AUDITOR:
        return False
    if RANK[role] >= RANK[Role.LEAD] or row.owner_id == user.pk:
        return True
    return row.team_id is not None and user.teams.filter(pk=row.team_id).exists()


def may_lower(row: Escalation | None, user: User, brand_id: int) -> bool:
    if row is not None:
        return may_acknowledge(row, user)
    role = role_of(user, brand_id)
    return role is not None and RANK[role] >= RANK[Role.LEAD]


@transaction.atomic
def lower(ticket_id: int, user: User, to: int) -> Escalation | None:
    """Hand it back to a lower level, where somebody is asked in turn (not at the front line, whose inbox it is in again)."""
    ticket = _open(ticket_id)
    house = House(ticket.brand)
    if to >= ticket.level or (to not in house.ladder.rungs and to != FRONT_LINE):
        raise Refused("level", "not_down", _("Choose a level below %(level)s.") % {"level": ticket.level})
    now, before = timezone.now(), ticket.level
    row = open_of(ticket)
    if not may_lower(row, user, ticket.brand_id):
        raise PermissionRefused(_("Who has it hands it back, or a lead or higher."))
    if row is not None:
        end(row, Escalation.Outcome.LOWERED, now)
    fresh: Escalation | None = None
    if to > FRONT_LINE:
        fresh = raised(house, ticket, to, {"code": "handed_back", "level": before}, now)
        fresh.before, fresh.raised_by = before, user
        fresh.save()
    ticket.level = to
    ticket.save(update_fields=["level", "team"])
    _told(ticket, "escalation.lowered", user, level=to, before=before)
    return fresh


def end(row: Escalation, outcome: str, now: dt.datetime) -> None:
    """The step is over."""
    row.ended_at, row.outcome, row.next_at = now, outcome, FAR
    row.save(update_fields=["ended_at", "outcome", "next_at"])
    notices.settle(row.brand_id, f"escalation:{row.pk}")


def settled(ticket: Ticket, now: dt.datetime) -> None:
    """The ticket ended, and with it what was open on the ladder."""
    row = open_of(ticket)
    if row is not None:
        end(row, Escalation.Outcome.RESOLVED, now)


def _told(ticket: Ticket, code: str, user: User, **values: Any) -> None:
    summary.refresh([ticket.pk])
    events.record([events.happened(code, ticket.brand_id, ticket=ticket.pk, actor=user, **values)])
