"""Beside a ticket: where it stands on the ladder, why, who has it and what comes next; what it was promised."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from helpdesk.desk.forms import sent_before
from helpdesk.desk.tickets import me, verb
from helpdesk.models import FRONT_LINE, Deadline, Escalation, Level, Ticket
from helpdesk.permissions import may
from helpdesk.workflow import escalation
from helpdesk.workflow.calendars import hours_of
from helpdesk.workflow.ladder import Ladder, rung_of
from helpdesk.workflow.reasons import CHANGES, what_next, whom, wording
from helpdesk.workflow.verbs import Refused

VERBS = ("escalate", "take", "hand_back")
MOST_STEPS = 20


def beside(request: HttpRequest, row: Ticket) -> dict[str, Any]:
    """The whole ladder of a ticket: three queries."""
    levels = list(Level.objects.filter(brand=row.brand_id).select_related("calendar", "team").order_by("number"))
    ladder = Ladder([rung_of(level, hours_of(level.calendar)) for level in levels], [])
    people = ("owner", "team", "raised_by", "acknowledged_by", "policy")
    found = Escalation.objects.filter(ticket=row).select_related(*people).order_by("-id")[:MOST_STEPS]
    names = {level.number: level.name for level in levels}
    steps = [_shown(step, names) for step in found]
    open_step = next((step for step in steps if step["row"].ended_at is None), None)
    if open_step is not None:
        open_step["next"], open_step["next_at"] = what_next(open_step["row"], ladder)
        open_step["may_take"] = open_step["row"].acknowledged_at is None and escalation.may_acknowledge(
            open_step["row"], me(request)
        )
    return {
        "steps": steps,
        "open": open_step,
        "name": names.get(row.level, ""),
        "above": [level for level in levels if level.number > row.level],
        "below": [level for level in levels if level.number < row.level],
        "may_raise": may(request.user, "ticket.escalate", row.brand_id) and row.is_open,
        "may_lower": row.level > FRONT_LINE
        and row.is_open
        and escalation.may_lower(open_step["row"] if open_step else None, me(request), row.brand_id),
        "promises": _promises(row),
    }


def _shown(step: Escalation, names: dict[int, str]) -> dict[str, Any]:
    who = step.acknowledged_by or step.owner or step.team
    return {
        "row": step,
        "level": names.get(step.level, ""),
        "why": wording(step.reason),
        "who": getattr(who, "name", ""),
        "asked": whom(step.reason),
    }


def _promises(row: Ticket) -> list[dict[str, Any]]:
    """What is promised and not yet kept, the soonest first; each with why it was last moved."""
    running = Deadline.objects.filter(ticket=row, met_at=None, dropped_at=None).select_related("policy")
    return [
        {
            "row": deadline,
            "is_paused": deadline.paused_at is not None,
            "why": str(CHANGES.get(deadline.changes[-1]["code"], "")) if deadline.changes else "",
        }
        for deadline in running.order_by("due_at")
    ]


@verb("ticket.escalate")
def escalate(request: HttpRequest, row: Ticket) -> str:
    raw = request.POST.get("level", "0")
    if not (raw.isascii() and raw.isdigit() and len(raw) == 1):
        raise Refused("level", "unknown", _("Choose a level from the list."))
    with transaction.atomic():
        if sent_before(request):
            return _("Raised.")
        step = escalation.escalate(row.pk, me(request), to=int(raw), why=request.POST.get("why", ""))
    name = step.owner or step.team
    return _("Raised. %(name)s has been asked.") % {"name": name} if name else _("Raised.")


@verb("escalation.acknowledge")
def take(request: HttpRequest, row: Ticket) -> str:
    escalation.acknowledge(row.pk, me(request))
    return _("It is yours: it climbs no further by itself.")


@verb("escalation.lower")
def hand_back(request: HttpRequest, row: Ticket) -> str:
    raw = request.POST.get("level", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) == 1):
        raise Refused("level", "unknown", _("Choose a level from the list."))
    escalation.lower(row.pk, me(request), int(raw))
    return _("Handed back.")
