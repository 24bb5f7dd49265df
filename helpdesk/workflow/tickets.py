"""What an agent does to a ticket: each verb locks the ticket, moves it, and leaves an event, or does nothing.

All raise `Conflict` where the ticket is no longer what the agent saw and the verb no longer fits.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices, summary
from helpdesk.models import (
    CloseReason,
    Customer,
    Message,
    MessageKind,
    Ticket,
    User,
    Visibility,
)
from helpdesk.permissions import may, role_of
from helpdesk.states import TICKET, IllegalMove, TicketState
from helpdesk.workflow import deadlines, escalation
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused, locked, words


def _step(ticket: Ticket, state: str) -> None:
    try:
        ticket.state = TICKET.step(ticket.state, state)
    except IllegalMove:
        raise Conflict(_("This ticket is %(state)s by now.") % {"state": ticket.get_state_display().lower()}) from None


@transaction.atomic
def note(ticket_id: int, user: User, text: str) -> Message:
    """A note for colleagues; the customer never sees it."""
    return _entry(locked(ticket_id), user, MessageKind.NOTE, Visibility.INTERNAL, words(text))


@transaction.atomic
def log_call(ticket_id: int, user: User, text: str) -> Message:
    """A call with the customer: it counts as an answer, and they have the word now."""
    ticket = locked(ticket_id)
    message = _entry(ticket, user, MessageKind.CALL, Visibility.PRIVATE, words(text))
    answered(ticket, message.said_at, ticket.messages.filter(heard_at__gt=message.said_at))
    return message


def _entry(ticket: Ticket, user: User, kind: str, visibility: str, text: str) -> Message:
    now = timezone.now()
    message = Message.objects.create(
        brand=ticket.brand,
        ticket=ticket,
        kind=kind,
        visibility=visibility,
        author=user,
        text=text,
        said_at=now,
        heard_at=now,
        created_at=now,
    )
    touch(ticket, user)
    summary.refresh([ticket.pk])
    events.record(
        [events.happened(f"message.{kind}", ticket.brand_id, ticket=ticket.pk, actor=user, message=message.pk)]
    )
    return message


def touch(ticket: Ticket, user: User | None) -> None:
    """Somebody works on it now: a new ticket is open, and theirs where it was nobody's."""
    fields = []
    if ticket.state == TicketState.NEW:
        _step(ticket, TicketState.OPEN)
        fields.append("state")
    if ticket.assignee_id is None and user is not None:
        ticket.assignee = user
        fields.append("assignee")
        events.record(
            [events.happened("ticket.assigned", ticket.brand_id, ticket=ticket.pk, actor=user, assignee=user.pk)]
        )
    if fields:
        ticket.save(update_fields=fields)


def answered(ticket: Ticket, at: dt.datetime, later: QuerySet[Message]) -> None:
    """Our words reached the customer at `at`: deadlines are met, and the customer has the word.

    `later`: messages our words could not know of. Where the customer is among them, the next answer is due.
    """
    again = later.filter(kind=MessageKind.INBOUND).order_by("heard_at", "id").first()
    deadlines.meet(ticket, at, all_of_them=again is None)
    if ticket.state in (TicketState.NEW, TicketState.OPEN):
        if again is None:
            _step(ticket, TicketState.WAITING)
            ticket.save(update_fields=["state"])
            deadlines.keep_time(ticket, at)
        elif not deadlines.awaits_response(ticket):
            ticket.answered_at = ticket.answered_at or at
            deadlines.begin(ticket, deadlines.start_of(again.said_at, again.heard_at))
    summary.refresh([ticket.pk])


def came_back(ticket: Ticket, at: dt.datetime) -> None:
    """What we said did not reach the customer: we have the word again, and an answer is due."""
    _step(ticket, TicketState.OPEN)
    ticket.save(update_fields=["state"])
    if deadlines.awaits_response(ticket):
        deadlines.keep_time(ticket, at)
    else:
        deadlines.begin(ticket, at)
    summary.refresh([ticket.pk])


@transaction.atomic
def assign(ticket_id: int, user: User, assignee: User | None) -> Ticket:
    """Give the ticket to somebody of the brand, or to nobody. Taking it from a colleague needs a lead."""
    ticket = locked(ticket_id)
    if assignee is not None and (
        role_of(assignee, ticket.brand_id) is None or not may(assignee, "ticket.reply", ticket.brand_id)
    ):
        raise Refused("assignee", "not_a_colleague", _("Nobody with that number answers for this brand."))
    taken = ticket.assignee_id not in (None, user.pk) and role_of_owner(ticket) is not None
    if taken and assignee != ticket.assignee and not may(user, "ticket.reassign", ticket.brand_id):
        raise PermissionRefused(
            _("%(name)s has this ticket. A lead can give it to somebody else.") % {"name": ticket.assignee}
        )
    if ticket.assignee_id == (assignee.pk if assignee else None):
        return ticket
    ticket.assignee = assignee
    if ticket.state == TicketState.NEW and assignee is not None:
        _step(ticket, TicketState.OPEN)
    ticket.save(update_fields=["assignee", "state"])
    events.record(
        [
            events.happened(
                "ticket.assigned",
                ticket.brand_id,
                ticket=ticket.pk,
                actor=user,
                assignee=assignee.pk if assignee else None,
            )
        ]
    )
    return ticket


def role_of_owner(ticket: Ticket) -> str | None:
    """The role of who has the ticket; None where they have left the brand or no longer log in."""
    return role_of(ticket.assignee, ticket.brand_id) if ticket.assignee is not None else None


@transaction.atomic
def resolve(ticket_id: int, user: User, *, plans: bool = True) -> Ticket:
    """Settled, we think: deadlines end; a new message within the brand's window reopens it. `plans`: whether somebody comes
    back, where the ticket's policy says so."""
    ticket = locked(ticket_id)
    from helpdesk.workflow import following_up, surveys  # which open again what was missed, or is not settled

    ended = _end(ticket, user, TicketState.RESOLVED, "")
    if plans:
        following_up.after_resolution(ended, user, timezone.now())
    surveys.after_resolution(ended, user, timezone.now())
    return ended


@transaction.atomic
def close(ticket_id: int, user: User, reason: str) -> Ticket:
    """Over, without an answer needed; `reason` is a CloseReason an agent may give."""
    if reason not in CLOSE_BY_HAND:
        raise Refused("reason", "unknown", _("Choose one of: %(choices)s.") % {"choices": ", ".join(CLOSE_BY_HAND)})
    return _end(locked(ticket_id), user, TicketState.CLOSED, reason)


CLOSE_BY_HAND = (str(CloseReason.SPAM), str(CloseReason.NO_ANSWER_NEEDED), str(CloseReason.DONE))


def _end(ticket: Ticket, user: User, state: TicketState, reason: str) -> Ticket:
    now = timezone.now()
    _step(ticket, state)
    ticket.close_reason, ticket.resolved_at = reason, now
    ticket.save(update_fields=["state", "close_reason", "resolved_at"])
    end = deadlines.resolved if state == TicketState.RESOLVED else deadlines.drop
    end(ticket, now)
    escalation.settled(ticket, now)
    notices.settle_all(ticket.brand_id, "escalation.noticed", "survey.unhappy", link=f"/desk/tickets/{ticket.pk}/")
    summary.refresh([ticket.pk])
    events.record([events.happened(f"ticket.{state}", ticket.brand_id, ticket=ticket.pk, actor=user, reason=reason)])
    ticket.refresh_from_db()
    return ticket


@transaction.atomic
def reopen(ticket_id: int, user: User) -> Ticket:
    """Not settled after all: it is open, and an answer is due again."""
    ticket = locked(ticket_id)
    if ticket.state not in (TicketState.RESOLVED, TicketState.CLOSED) or ticket.merged_into_id:
        raise Conflict(_("This ticket is open already."))
    return reopened(ticket, user)


def reopened(ticket: Ticket, user: User | None) -> Ticket:
    """A ticket that the caller has locked; without a user it was the clock that found out."""
    _step(ticket, TicketState.OPEN)
    ticket.close_reason, ticket.resolved_at = "", None
    ticket.reopened_count += 1
    ticket.save(update_fields=["state", "close_reason", "resolved_at", "reopened_count"])
    deadlines.begin(ticket, timezone.now())
    summary.refresh([ticket.pk])
    events.record([events.happened("ticket.reopened", ticket.brand_id, ticket=ticket.pk, actor=user)])
    ticket.refresh_from_db()
    return ticket


@transaction.atomic
def change(ticket_id: int, user: User, **values: Any) -> Ticket:
    """Set `priority`, `subject` or `team`; the event names the fields."""
    ticket = locked(ticket_id)
    moved = [name for name, value in values.items() if getattr(ticket, name) != value]
    for name in moved:
        setattr(ticket, name, values[name])
    if moved:
        ticket.save(update_fields=moved)
        if "priority" in moved:
            deadlines.follow([ticket.pk], timezone.now(), "priority")
            summary.refresh([ticket.pk])
        events.record([events.happened("ticket.changed", ticket.brand_id, ticket=ticket.pk, actor=user, fields=moved)])
    return ticket


@transaction.atomic
def correct_triage(message_id: int, user: User, **values: str) -> Message:
    """A person's reading of a message: it stays, whatever re-triage finds, and the ticket follows it."""
    found = Message.objects.get(pk=message_id)
    locked(found.ticket_id)
    message = Message.objects.select_for_update().get(pk=message_id)
    now = timezone.now().isoformat()
    for name, value in values.items():
        was = message.corrected.get(name, {}).get("was", getattr(message, name))
        message.corrected[name] = {"by": user.pk, "at": now, "was": was}
        setattr(message, name, value)
    message.reasons = [reason for reason in message.reasons if reason.get("field") not in values]
    message.save(update_fields=[*values, "corrected", "reasons"])
    summary.refresh([message.ticket_id])
    deadlines.follow([message.ticket_id], timezone.now(), "matter")
    summary.refresh([message.ticket_id])
    events.record(
        [
            events.happened(
                "message.triaged",
                message.brand_id,
                ticket=message.ticket_id,
                actor=user,
                message=message.pk,
                fields=sorted(values),
            )
        ]
    )
    return message


@transaction.atomic
def change_customer(customer_id: int, user: User, **values: str) -> Customer:
    theirs = (
        Ticket.objects.filter(customer=customer_id).open().order_by("pk") if "tier" in values else Ticket.objects.none()
    )
    open_ones = list(theirs.select_for_update(of=("self",)).values_list("pk", flat=True))  # before the customer, always
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    moved = [name for name, value in values.items() if getattr(customer, name) != value]
    for name in moved:
        setattr(customer, name, values[name])
    if moved:
        customer.save(update_fields=moved)
        if "tier" in moved:
            deadlines.follow(open_ones, timezone.now(), "tier")
            summary.refresh(open_ones)
        events.record(
            [events.happened("customer.changed", customer.brand_id, actor=user, customer=customer.pk, fields=moved)]
        )
    return customer
