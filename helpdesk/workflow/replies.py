"""Answering: a reply becomes a message, a delivery and its frozen parts, in one transaction.

What a platform allows is asked through `ports.mouth`; sending is done above. A part's state is changed here
only, by `settle_part`, so that delivery, message, ticket, deadline and event always move together.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices, summary
from helpdesk.models import CloseReason, Delivery, DeliveryPart, Message, MessageKind, Survey, Ticket, User, Visibility
from helpdesk.permissions import Role
from helpdesk.ports import FrozenPart, ReplyRefused, ports
from helpdesk.states import PART, PENDING_PART_STATES, IllegalMove, PartState, TicketState, delivery_state
from helpdesk.workflow import approvals, guarding
from helpdesk.workflow.tickets import answered, came_back, close, touch
from helpdesk.workflow.verbs import Conflict, Refused, locked, words

LATEST = 10  # messages that an answer is sought for
PLACEHOLDER = re.compile(r"\{(\w*)\}")


def reply_target(ticket: Ticket, visibility: str) -> Message | None:
    """The message a reply answers: of the customer's latest said that way the newest that the platform lets us answer.

    In private only the ticket's customer is written to, whoever else takes part; a public reply goes to somebody
    else only where the customer has said nothing in public.
    """
    inbound = ticket.messages.filter(kind=MessageKind.INBOUND, deleted_at=None).order_by("-said_at", "-id")
    # without a thread it was said to us elsewhere, in a survey: nothing there can be answered
    inbound = inbound.exclude(thread=None).select_related("thread", "profile")
    theirs = inbound.filter(profile__customer=ticket.customer_id)
    said_so = list(theirs.filter(visibility=visibility)[:LATEST])
    if said_so:
        action = str(visibility)
        answerable = (one for one in said_so if ports.mouth.ability(ticket.channel, action, one).allowed)
        return next(answerable, said_so[0])
    return theirs.first() if visibility == Visibility.PRIVATE else inbound.filter(visibility=visibility).first()


@transaction.atomic
def reply(
    ticket_id: int,
    user: User,
    text: str,
    visibility: str,
    *,
    approved_by: User | None = None,
    why: dict[str, Any] | None = None,
) -> Delivery:
    """Queue a reply, or hold it where somebody has to approve it first (`why`: a reason beside the ticket's own). Raises
    Refused (what to change, at its field) or Conflict."""
    ticket = locked(ticket_id)
    _not_over(ticket)
    if approved_by is not None:
        why = {}
    else:
        why = approvals.needed(ticket, user) or why or guarding.held(ticket, user, text, visibility, timezone.now())
    delivery = _said(ticket, user, words(text), visibility, PartState.HELD if why else PartState.QUEUED)
    if why:
        approvals.ask(delivery, user, why, timezone.now())
    touch(ticket, user)
    return delivery


@transaction.atomic
def say_automatically(ticket_id: int, text: str, visibility: str, user: User | None = None) -> Delivery:
    """Queue words nobody wrote by hand: a survey, or when we are back. They answer nothing: no deadline is met by them, and
    the ticket stays as it is, even where it is resolved."""
    return _said(locked(ticket_id), user, words(text), visibility, PartState.QUEUED, is_automatic=True)


@transaction.atomic
def state(ticket_id: int, user: User, text: str, visibility: str) -> Delivery:
    """Queue what all who are affected by an incident are told, approved already. Nobody takes the ticket by it."""
    ticket = locked(ticket_id)
    _not_over(ticket)
    return _said(ticket, user, words(text), visibility, PartState.QUEUED)


def _said(
    ticket: Ticket, user: User | None, text: str, visibility: str, state: PartState, *, is_automatic: bool = False
) -> Delivery:
    target = reply_target(ticket, visibility)
    if is_automatic and not ports.mouth.takes_automatic(ticket.channel, target):
        raise Refused(
            "visibility", "not_automatic", _("Only a person may answer that: a list, or a machine, is there.")
        )
    parts = _frozen(ticket, visibility, target, text)
    now = timezone.now()
    message = Message.objects.create(
        brand=ticket.brand,
        ticket=ticket,
        thread=target.thread if target and target.visibility == visibility else None,
        kind=MessageKind.REPLY,
        visibility=visibility,
        author=user,
        parent=target,
        text=text,
        said_at=now,
        heard_at=now,
        created_at=now,
        is_automatic=is_automatic,
    )
    delivery = _delivery(
        ticket, user, parts, now, message=message, reply_to=target, visibility=visibility, state=str(state)
    )
    summary.refresh([ticket.pk])
    events.record(
        [
            events.happened(
                "message.reply", ticket.brand_id, ticket=ticket.pk, actor=user, message=message.pk, delivery=delivery.pk
            )
        ]
    )
    return delivery


@transaction.atomic
def acknowledge(ticket_id: int, user: User) -> Delivery:
    """A like, where the platform has one: seen, but not answered. No deadline is met by it."""
    ticket = locked(ticket_id)
    _not_over(ticket)
    target = reply_target(ticket, Visibility.PUBLIC)
    if (
        target
        and Delivery.objects.filter(reply_to=target, action="like").exclude(state__in=["failed", "cancelled"]).exists()
    ):
        raise Conflict(_("Their latest message has been acknowledged already."))
    parts = _frozen(ticket, "like", target, "")
    delivery = _delivery(ticket, user, parts, timezone.now(), reply_to=target, action=Delivery.Action.LIKE)
    touch(ticket, user)
    events.record(
        [events.happened("ticket.acknowledged", ticket.brand_id, ticket=ticket.pk, actor=user, delivery=delivery.pk)]
    )
    return delivery


@transaction.atomic
def moderate(ticket_id: int, user: User, message_id: int, action: str) -> Delivery:
    """Let a held comment appear where it was written, mark it as spam there, which closes its ticket as spam, or hide what
    is shown (private data, say)."""
    if action not in MODERATES:
        raise Refused("action", "unknown", _("Choose one of: %(choices)s.") % {"choices": ", ".join(MODERATES)})
    ticket = locked(ticket_id)
    target = ticket.messages.filter(pk=message_id, kind=MessageKind.INBOUND, deleted_at=None).first()
    if target is None:
        raise Refused("message", "unknown", _("This ticket has no such message of a customer."))
    pending = Delivery.objects.filter(reply_to=target, action__in=MODERATES)
    if pending.exclude(state__in=[PartState.FAILED, PartState.CANCELLED, PartState.SENT]).exists():
        raise Conflict(_("A colleague has just decided on it."))
    parts = _frozen(ticket, action, target, "")
    delivery = _delivery(ticket, user, parts, timezone.now(), reply_to=target, action=action)
    events.record(
        [
            events.happened(
                f"message.{action}",
                ticket.brand_id,
                ticket=ticket.pk,
                actor=user,
                message=target.pk,
                delivery=delivery.pk,
            )
        ]
    )
    if action == Delivery.Action.SPAM and ticket.is_open:
        close(ticket.pk, user, CloseReason.SPAM)
    return delivery


def _is_liked(but: Delivery) -> bool:
    likes = Delivery.objects.filter(reply_to=but.reply_to_id, action=Delivery.Action.LIKE).exclude(pk=but.pk)
    return likes.exclude(state__in=[PartState.FAILED, PartState.CANCELLED]).exists()


def _not_over(ticket: Ticket) -> None:
    if ticket.merged_into_id:
        raise Conflict(_("This ticket was merged into another one. Answer there."))
    if ticket.state in (TicketState.RESOLVED, TicketState.CLOSED):
        raise Conflict(
            _("This ticket is %(state)s. Reopen it to answer.") % {"state": ticket.get_state_display().lower()}
        )


NAME = re.compile(r"[^\W\d_][^\W\d_'’\-]{0,29}(?:['’\-][^\W\d_]{1,20})?")


def first_name(name: str) -> str:
    """The first name, where what people call themselves begins with one: no address, no handle, nothing to advertise."""
    first = (name.split() or [""])[0].rstrip(",")
    return first if NAME.fullmatch(first) else ""


def named(text: str, name: str) -> str:
    """The words as one person gets them; where we know no name, without the gap."""
    first = first_name(name)
    if first:
        return text.replace("{name}", first)
    text = re.sub(r"[ \t]*\{name\}", "", text)
    return re.sub(r"^[\s,;:!–-]+", "", text)


def shown_name(ticket: Ticket, visibility: str) -> str:
    """What to call the customer there: in public by no name but the one they show there."""
    if visibility == Visibility.PRIVATE:
        return ticket.customer.name
    target = reply_target(ticket, visibility)
    return target.profile.name if target is not None and target.profile is not None else ""


FIELD_OF = {"like": "ticket", "approve": "message", "spam": "message", "hide": "message"}
MODERATES = (str(Delivery.Action.APPROVE), str(Delivery.Action.SPAM), str(Delivery.Action.HIDE))


def _frozen(ticket: Ticket, action: str, target: Message | None, text: str) -> list[FrozenPart]:
    ability = ports.mouth.ability(ticket.channel, action, target)
    if not ability.allowed:
        raise Refused(FIELD_OF.get(action, "visibility"), "not_possible_here", ability.why_not)
    try:
        return ports.mouth.freeze(ticket.channel, action, target, text)
    except ReplyRefused as refusal:
        raise Refused(refusal.field, refusal.code, refusal.text) from refusal


def _delivery(ticket: Ticket, user: User | None, parts: list[FrozenPart], now: dt.datetime, **values: Any) -> Delivery:
    delivery = Delivery.objects.create(brand=ticket.brand, ticket=ticket, channel=ticket.channel, author=user, **values)
    DeliveryPart.objects.bulk_create(
        DeliveryPart(
            brand=ticket.brand,
            delivery=delivery,
            position=position,
            payload=part.payload,
            expected_id=part.expected_id,
            text_sha256=hashlib.sha256(str(part.payload.get("text", "")).encode()).hexdigest(),
            send_after=now,
            state=delivery.state,
        )
        for position, part in enumerate(parts)
    )
    transaction.on_commit(lambda: ports.wake_deliveries([delivery.pk]))
    return delivery


# --- what becomes of a part ------------------------------------------------------------------------------------


def settle_part(part: DeliveryPart, state: str, *, actor: User | None = None, **values: Any) -> None:
    """Move a part (locked by the caller, in its transaction) to `state`, and all that follows from it."""
    part.state = PART.step(part.state, state)
    for name, value in values.items():
        setattr(part, name, value)
    if state != PartState.SENDING:
        part.lease_until = None
    if state == PartState.SENT:
        part.sent_at = timezone.now()
        part.problem = {}
        part.payload = _without_words(part.payload)
    part.save()
    _follow(part.delivery, actor, part)


def _without_words(payload: Any) -> Any:
    """What stays of a sent payload: everything but the words."""
    if not isinstance(payload, dict):
        return payload
    return {name: value for name, value in payload.items() if name not in ("text", "subject", "record", "message")}


def _follow(delivery: Delivery, actor: User | None, part: DeliveryPart) -> None:
    now = timezone.now()
    after = delivery_state(delivery.parts.values_list("state", flat=True))
    before, delivery.state = delivery.state, after
    delivery.save(update_fields=["state"])
    _tell(delivery, part)
    if after == before:
        return
    events.record(
        [
            events.happened(
                f"delivery.{after}", delivery.brand_id, ticket=delivery.ticket_id, actor=actor, delivery=delivery.pk
            )
        ]
    )
    if after == PartState.CANCELLED:
        approvals.withdrawn(delivery, now)
    _follow_survey(delivery, after, now)
    if after == PartState.SENT and delivery.message_id:
        Message.objects.filter(pk=delivery.message_id).update(sent_at=now)
        # answered as of now, in words that knew nothing of what the customer has said since they were written
        message = delivery.message
        assert message is not None
        if message.is_automatic:
            return
        ticket = locked(delivery.ticket_id)
        answered(ticket, now, ticket.messages.filter(heard_at__gt=message.created_at))


def _follow_survey(delivery: Delivery, after: str, now: dt.datetime) -> None:
    """A question that never reached its customer was not asked; one that does in the end, was."""
    rows = Survey.objects.filter(delivery=delivery)
    if after in (PartState.FAILED, PartState.CANCELLED):
        rows.filter(state=Survey.State.SENT).update(state=Survey.State.SKIPPED, skipped="undelivered", sent_at=None)
    elif after == PartState.SENT:
        lost = rows.filter(state=Survey.State.SKIPPED, skipped="undelivered", expires_at__gt=now)
        lost.update(state=Survey.State.SENT, skipped="", sent_at=now)


def _tell(delivery: Delivery, part: DeliveryPart) -> None:
    if delivery.action == Delivery.Action.LIKE:
        return  # nobody waits for one
    key = f"delivery:{delivery.pk}"
    if delivery.state in (PartState.UNKNOWN, PartState.FAILED):
        least = Role.LEAD if delivery.state == PartState.UNKNOWN else Role.AGENT
        link = f"/desk/tickets/{delivery.ticket_id}/"
        number = Ticket.objects.values_list("number", flat=True).get(pk=delivery.ticket_id)
        notices.tell(
            delivery.brand_id,
            key,
            f"delivery.{delivery.state}",
            least=least,
            link=link,
            number=number,
            problem=part.problem.get("code", ""),
        )
    else:
        notices.settle(delivery.brand_id, key)


notices.WORDS.update(
    {
        "delivery.unknown": "Ticket #%(number)s: we cannot tell whether a reply arrived. Look on the platform, then decide.",
        "delivery.failed": "Ticket #%(number)s: a reply could not be sent. The ticket says why; send it again or drop it.",
    }
)


@transaction.atomic
def bounced(part_id: int, detail: str, *, permanent: bool) -> None:
    """A part that was sent did not arrive: for good, and the ticket is ours again; or not yet, which is only told."""
    found = DeliveryPart.objects.select_related("delivery").get(pk=part_id)
    ticket = locked(found.delivery.ticket_id)
    delivery, parts = _held(found.delivery_id)
    part = next(row for row in parts if row.pk == part_id)
    problem = {"code": "bounced" if permanent else "delayed", "detail": detail[:300]}
    if part.state != PartState.SENT or part.problem == problem:
        return
    part.delivery = delivery
    if not permanent:
        part.problem = problem
        part.save(update_fields=["problem"])
        return
    settle_part(part, PartState.FAILED, problem=problem)
    if delivery.message_id:
        Message.objects.filter(pk=delivery.message_id).update(sent_at=None)
    if ticket.state == TicketState.WAITING:
        came_back(ticket, timezone.now())
    events.record([events.happened("delivery.bounced", ticket.brand_id, ticket=ticket.pk, delivery=delivery.pk)])


def hold_back(message_ids: Sequence[int]) -> None:
    """What these messages said is gone: nothing still queued goes out under them. A person may send it all the same.

    Their tickets are locked by the caller.
    """
    parts = DeliveryPart.objects.select_for_update(of=("self",)).filter(
        delivery__reply_to__in=message_ids, state=PartState.QUEUED
    )
    for part in parts.select_related("delivery__message").order_by("delivery_id", "position"):
        settle_part(part, PartState.FAILED, problem={"code": "gone"})


@transaction.atomic
def decide(delivery_id: int, user: User, decision: str) -> Delivery:
    """A person looked: `sent` (it is there), `again` (it is not: send once more) or `cancel`.

    Applies to the part that is unknown or failed. Conflict where there is none.
    """
    choices = {"sent": PartState.SENT, "again": PartState.QUEUED, "cancel": PartState.CANCELLED}
    if decision not in choices:
        raise Refused("decision", "unknown", _("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)})
    delivery, parts = _held(delivery_id)
    stuck = next((part for part in parts if part.state in (PartState.UNKNOWN, PartState.FAILED)), None)
    if stuck is None:
        raise Conflict(
            _("There is nothing to decide: this delivery is %(state)s.")
            % {"state": delivery.get_state_display().lower()}
        )
    stuck.delivery = delivery
    if decision == "again" and delivery.action == Delivery.Action.LIKE and _is_liked(delivery):
        raise Conflict(_("Their message has been acknowledged by another try. Cancel this one."))
    values: dict[str, Any] = {}
    if decision == "sent":
        values = {"external_id": stuck.external_id or stuck.expected_id or f"by-hand:{stuck.pk}"}
    elif decision == "again":
        values = {"send_after": timezone.now(), "problem": {}, "attempts": 0}
    try:
        settle_part(stuck, choices[decision], actor=user, **values)
    except IllegalMove:
        raise Conflict(_("A refused reply did not arrive: send it again or cancel it.")) from None
    if decision == "cancel":
        _cancel_rest(delivery, parts, user)
    transaction.on_commit(lambda: ports.wake_deliveries([delivery.pk]))
    return delivery


@transaction.atomic
def cancel(delivery_id: int, user: User) -> Delivery:
    """Take back what has not left yet. Conflict where all of it has, or a part is on its way."""
    delivery, parts = _held(delivery_id)
    if any(part.state == PartState.SENDING for part in parts):
        raise Conflict(_("It is being sent right now."))
    if not any(part.state in PENDING_PART_STATES for part in parts):
        raise Conflict(
            _("There is nothing to take back: this delivery is %(state)s.")
            % {"state": delivery.get_state_display().lower()}
        )
    _cancel_rest(delivery, parts, user)
    return delivery


def _cancel_rest(delivery: Delivery, parts: list[DeliveryPart], user: User) -> None:
    for part in parts:
        if PART.allows(part.state, PartState.CANCELLED) and part.state != PartState.UNKNOWN:
            part.delivery = delivery
            settle_part(part, PartState.CANCELLED, actor=user)


def _held(delivery_id: int) -> tuple[Delivery, list[DeliveryPart]]:
    """Delivery and parts, locked; ticket first, as everywhere."""
    found = Delivery.objects.only("ticket_id").get(pk=delivery_id)
    locked(found.ticket_id)
    delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
    return delivery, list(delivery.parts.select_for_update().order_by("position"))
