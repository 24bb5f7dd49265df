"""Deciding on what is held: approved as it is, with changes, or refused with a reason; overdue, it climbs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import FAR, Approval, Brand, Delivery, DeliveryPart, Incident, User
from helpdesk.permissions import Role
from helpdesk.ports import ports
from helpdesk.states import PartState
from helpdesk.workflow import approvals, concessions, incidents, replies, tickets
from helpdesk.workflow.duty import House
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused, in_line, locked, words

BATCH = 200


@transaction.atomic
def approve(approval_id: int, user: User, text: str | None = None, amount: Decimal | None = None) -> Approval:
    """Let it go: as it is, or changed: a reply in other words, which are the asker's own message then, approved; a concession
    at another `amount`; a statement in other words."""
    row = _open(approval_id, user)
    if row.concession is not None:
        _decided(row, user, concessions.approved(row, user, amount))
    elif row.statement is not None:
        _decided(row, user, incidents.approved(row, user, text))
    else:
        _let_go(row, user, text)
    return row


def _let_go(row: Approval, user: User, text: str | None) -> None:
    delivery, parts = _held(row)
    message = delivery.message
    assert message is not None
    if delivery.reply_to is not None and delivery.reply_to.deleted_at is not None:
        raise Conflict(_("What it answers is gone: the customer deleted it. Refuse it, or write to them anew."))
    if text is not None and words(text) != message.text:
        _decided(row, user, Approval.Outcome.EDITED)
        _drop(delivery, parts, user)
        assert row.ticket_id is not None
        replies.reply(row.ticket_id, row.asked_by or user, text, message.visibility, approved_by=user)
        return
    _decided(row, user, Approval.Outcome.APPROVED)
    now = timezone.now()
    for part in parts:
        part.delivery = delivery
        replies.settle_part(part, PartState.QUEUED, actor=user, send_after=now)
    transaction.on_commit(lambda: ports.wake_deliveries([delivery.pk]))


@transaction.atomic
def refuse(approval_id: int, user: User, reason: str) -> Approval:
    """It does not go; the reason is a note beside it, and who asked has the ticket again."""
    row = _open(approval_id, user)
    if not reason.strip():
        raise Refused("reason", "required", _("Say why, in a line: your colleague will want to know."))
    if row.concession is not None:
        concessions.refused(row, user, reason)
        row.refused_note = row.concession.answer
    elif row.statement is not None:
        incidents.refused(row, user, reason)
    else:
        assert row.ticket_id is not None
        row.refused_note = tickets.note(row.ticket_id, user, reason)
    _decided(row, user, Approval.Outcome.REFUSED)
    if row.delivery is not None:
        _drop(*_held(row), user)
    return row


def _open(approval_id: int, user: User) -> Approval:
    """The approval, locked; its ticket first, as everywhere."""
    found = Approval.objects.only("ticket_id", "concession_id", "statement_id", "brand_id").get(pk=approval_id)
    if found.concession_id is not None:
        in_line(found.brand_id)  # two at once are not two limits
    if found.ticket_id is not None:
        locked(found.ticket_id)
    if found.statement_id is not None:
        Incident.objects.select_for_update(of=("self",)).get(statements=found.statement_id)
    rows = Approval.objects.select_for_update(of=("self",)).select_related(
        "delivery__message",
        "delivery__reply_to",
        "ticket",
        "asked_by",
        "decided_by",
        "concession",
        "statement__incident",
    )
    row = rows.get(pk=approval_id)
    if row.decided_at is not None:
        name = row.decided_by.name if row.decided_by else _("Somebody")
        raise Conflict(
            _("%(name)s has decided already: %(how)s.") % {"name": name, "how": row.get_outcome_display().lower()}
        )
    if not approvals.may_decide(row, user):
        if row.asked_by_id == user.pk:
            raise PermissionRefused(_("You wrote it: somebody else has to look."))
        raise PermissionRefused(_("Somebody else was asked. A lead or higher may decide, too."))
    return row


def _held(row: Approval) -> tuple[Delivery, list[DeliveryPart]]:
    assert row.delivery is not None
    parts = row.delivery.parts.select_for_update().filter(state=PartState.HELD)
    return row.delivery, list(parts.order_by("position"))


def _drop(delivery: Delivery, parts: list[DeliveryPart], user: User) -> None:
    for part in parts:
        part.delivery = delivery
        replies.settle_part(part, PartState.CANCELLED, actor=user)


def _decided(row: Approval, user: User, outcome: str) -> None:
    row.decided_at, row.decided_by, row.outcome = timezone.now(), user, outcome
    row.save(update_fields=["decided_at", "decided_by", "outcome", "refused_note"])
    approvals.settled(row)
    events.record(
        [events.happened(f"approval.{outcome}", row.brand_id, ticket=row.ticket_id, actor=user, approval=row.pk)]
    )


# --- overdue ---------------------------------------------------------------------------------------------------


def due(now: dt.datetime, most: int) -> list[int]:
    rows = Approval.objects.filter(decided_at=None, due_at__lte=now).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:most])


@transaction.atomic
def climb(now: dt.datetime) -> int:
    """Overdue approvals are put to the next level; at the top the managers are told, once. How many that were."""
    skip = connection.features.has_select_for_update_skip_locked
    rows = Approval.objects.select_for_update(of=("self",), skip_locked=skip).select_related("ticket")
    found = list(rows.filter(decided_at=None, due_at__lte=now).order_by("due_at")[:BATCH])
    houses: dict[int, House] = {}
    for row in found:
        if row.brand_id not in houses:
            houses[row.brand_id] = House(Brand.objects.get(pk=row.brand_id))
        house = houses[row.brand_id]
        above = house.ladder.above(row.level)
        if above is None:
            row.due_at = FAR
            number = row.ticket.number if row.ticket is not None else ""
            notices.tell(
                row.brand_id,
                f"approval:{row.pk}:late",
                "approval.overdue",
                least=Role.MANAGER,
                link=link_of(row),
                number=number,
            )
        else:
            approvals.put_to(row, house, above, now)
        row.save(update_fields=["level", "owner", "team", "due_at"])
        events.record(
            [events.happened("approval.climbed", row.brand_id, ticket=row.ticket_id, approval=row.pk, level=row.level)]
        )
    return len(found)


def link_of(row: Approval) -> str:
    return f"/desk/tickets/{row.ticket_id}/" if row.ticket_id is not None else "/desk/approvals/"


notices.WORDS["approval.overdue"] = (
    "Ticket #%(number)s: something waits for approval and nobody has looked. Approve it or refuse it."
)
