"""Forgetting a person: their words and names leave every table, file and queue; what stays are numbers and times.

What they said becomes tombstones, and so does what we said to them, for it names them. Others' words in their tickets
stay, with the person's names taken out. Apps above forget what they hold through `ports.after_erasure`, and keep no name
of what is gone but a keyed hash, so that hearing it again brings nothing back.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, summary
from helpdesk.models import (
    Alert,
    BrandCounter,
    Cause,
    CloseReason,
    Customer,
    DeliveryPart,
    FollowUp,
    GuardRaise,
    IdempotencyRecord,
    Incident,
    Lesson,
    Likeness,
    Message,
    MessageBody,
    MessageVersion,
    Notice,
    Profile,
    Thread,
    Ticket,
    User,
)
from helpdesk.ports import Erased, ports
from helpdesk.states import PART, PartState, TicketState
from helpdesk.workflow import deadlines, escalation, forget
from helpdesk.workflow.replies import settle_part
from helpdesk.workflow.verbs import Conflict

log = logging.getLogger(__name__)

SHORTEST = 4  # of a name that is taken out of others' words: shorter ones are words of a language
GONE = "[…]"
PAYLOAD_KEPT = ("action", "collection", "rkey")  # what finding a sent post of ours again takes


@dataclass(frozen=True)
class Outcome:
    """What was erased, in numbers."""

    messages: int
    tickets: int
    profiles: int


@transaction.atomic
def erase(customer_id: int, user: User | None) -> Outcome:
    """Erase a person of a brand. Conflict where that has been done."""
    customer = Customer.objects.get(pk=customer_id)
    BrandCounter.objects.select_for_update().filter(brand=customer.brand_id).first()
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    if customer.erased_at is not None:
        raise Conflict(_("This customer has been erased already."))
    now = timezone.now()
    profiles = list(Profile.objects.filter(customer=customer))
    shells = list(_joined_into(customer))
    theirs = list(
        Ticket.objects.select_for_update(of=("self",)).filter(customer=customer).select_related("brand").order_by("pk")
    )
    messages = _messages(profiles, theirs)
    erased = Erased(
        brand_id=customer.brand_id,
        customer_id=customer.pk,
        message_ids=[message.pk for message in messages],
        ticket_ids=[ticket.pk for ticket in theirs],
        names=_names([customer, *shells], profiles),
    )
    _stop_what_is_on_its_way(erased)
    for tell in ports.after_erasure:  # while the messages still say where they came from
        tell(erased)
    forget.tombstone(messages, now)
    _blank_messages(erased)
    _take_out_of_others_words(erased)
    _close(theirs, now)
    _blank_people([customer, *shells], profiles, now)
    _blank_answers(erased)
    summary.refresh(erased.ticket_ids)
    events.record([events.happened("customer.erased", customer.brand_id, actor=user, customer=customer.pk)])
    transaction.on_commit(sweep)
    return Outcome(len(messages), len(theirs), len(profiles))


def _messages(profiles: Collection[Profile], tickets: Collection[Ticket]) -> list[Message]:
    """All of their tickets; elsewhere what they said, and our answers to it."""
    said = Q(profile__in=profiles) | Q(parent__profile__in=profiles, profile=None)
    return list(Message.objects.filter(said | Q(ticket__in=tickets, profile=None)).order_by("pk"))


def _joined_into(customer: Customer) -> Iterator[Customer]:
    """Whom this person was also taken for, and those whom these had been taken for."""
    seen, waiting = {customer.pk}, [customer.pk]
    while waiting:
        rows = Customer.objects.filter(joined__kept__in=waiting, joined__undone_at=None).exclude(pk__in=seen)
        found = list(rows.distinct())
        yield from found
        waiting = [row.pk for row in found]
        seen |= set(waiting)


def _names(customers: Iterable[Customer], profiles: Iterable[Profile]) -> list[str]:
    """What people call them, the longest first: a name within a name goes with it."""
    found = {customer.name for customer in customers}
    for profile in profiles:
        bare = profile.external_id.removeprefix("mailto:").removeprefix("mail:").removeprefix("tel:")
        found |= {profile.handle, profile.handle.lstrip("@"), profile.name, profile.verified_address, profile.url, bare}
    return sorted((name for name in found if len(name.strip()) >= SHORTEST), key=len, reverse=True)


def _stop_what_is_on_its_way(erased: Erased) -> None:
    """Nothing queued goes out to them any more, and no part keeps words or addresses."""
    about = Q(delivery__ticket__in=erased.ticket_ids) | Q(delivery__message__in=erased.message_ids)
    about |= Q(delivery__reply_to__in=erased.message_ids)
    parts = DeliveryPart.objects.select_for_update(of=("self",)).filter(about).select_related("delivery__message")
    for part in parts.order_by("delivery_id", "position"):
        if PART.allows(part.state, PartState.CANCELLED):
            settle_part(part, PartState.CANCELLED)
        payload = part.payload if isinstance(part.payload, dict) else {}
        kept = {name: payload[name] for name in PAYLOAD_KEPT if name in payload}
        DeliveryPart.objects.filter(pk=part.pk).update(payload=kept, text_sha256="", problem={})


def _blank_messages(erased: Erased) -> None:
    """What a tombstone keeps of a message that is only deleted: readings of its words, links, who said it there."""
    Message.objects.filter(pk__in=erased.message_ids).update(
        reasons=[], corrected={}, language="", intent="", sentiment="", urgency="", url=""
    )
    MessageBody.objects.filter(message__ticket__in=erased.ticket_ids).delete()


def _take_out_of_others_words(erased: Erased) -> None:
    """Their names, where others said them in these tickets."""
    if not erased.names:
        return
    pattern = re.compile("|".join(map(re.escape, erased.names)), re.IGNORECASE)
    tickets = set(erased.ticket_ids) | set(
        Message.objects.filter(pk__in=erased.message_ids).values_list("ticket_id", flat=True)
    )
    for message in Message.objects.filter(ticket__in=tickets, deleted_at=None).iterator():
        if pattern.search(message.text):
            Message.objects.filter(pk=message.pk).update(text=pattern.sub(GONE, message.text))
    for version in MessageVersion.objects.filter(message__ticket__in=tickets).exclude(text="").iterator():
        if pattern.search(version.text):
            MessageVersion.objects.filter(pk=version.pk).update(text=pattern.sub(GONE, version.text))
    lessons = Lesson.objects.filter(ticket__in=tickets)
    _scrub(pattern, lessons, "recommendation", "answer")
    _scrub(pattern, Cause.objects.filter(lessons__in=lessons), "name")
    _scrub(pattern, Incident.objects.filter(affected__ticket__in=tickets), "title", "cause", "lesson")
    for ticket in Ticket.objects.filter(pk__in=tickets).exclude(subject=""):
        if pattern.search(ticket.subject):
            Ticket.objects.filter(pk=ticket.pk).update(subject=pattern.sub(GONE, ticket.subject))


def _scrub(pattern: re.Pattern[str], rows: QuerySet[Any], *columns: str) -> None:
    """Take the names out of lines that colleagues wrote."""
    for row in rows.distinct():
        said = {name: pattern.sub(GONE, getattr(row, name)) for name in columns if pattern.search(getattr(row, name))}
        if "name" in said:  # names of causes are told apart
            said["name"] = f"{said['name']} ({row.pk})"
        for name, line in said.items():
            type(row)._default_manager.filter(pk=row.pk).update(**{name: line[: row._meta.get_field(name).max_length]})


def _close(tickets: Collection[Ticket], now: dt.datetime) -> None:
    for ticket in tickets:
        deadlines.drop(ticket, now)
        escalation.settled(ticket, now)
        GuardRaise.objects.filter(ticket=ticket).delete()
        Likeness.objects.filter(ticket=ticket).delete()
        ticket.surveys.filter(state__in=["planned", "sent"]).update(state="skipped", skipped="erased")
        ticket.follow_ups.filter(done_at=None).update(done_at=now, outcome=FollowUp.Outcome.DROPPED)
        ticket.tags.clear()
        if ticket.is_open:
            ticket.state, ticket.close_reason, ticket.resolved_at = str(TicketState.CLOSED), CloseReason.DELETED, now
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).update(subject="", custom={})
    for ticket in tickets:
        Ticket.objects.filter(pk=ticket.pk).update(
            state=ticket.state, close_reason=ticket.close_reason, resolved_at=ticket.resolved_at
        )


def _blank_people(customers: Collection[Customer], profiles: Iterable[Profile], now: dt.datetime) -> None:
    for profile in profiles:
        Profile.objects.filter(pk=profile.pk).update(
            external_id=f"erased:{profile.pk}", handle="", name="", url="", verified_address="", reach=None
        )
    for thread in Thread.objects.filter(opened_by__in=[customer.pk for customer in customers]):
        Thread.objects.filter(pk=thread.pk).update(external_key=f"erased:{thread.pk}")
    Customer.objects.filter(pk__in=[customer.pk for customer in customers]).update(
        name="", language="", place="", tier="", about="", custom={}, erased_at=now
    )


def _blank_answers(erased: Erased) -> None:
    """Answers kept for retries, and notices, that name them."""
    for model, column, rows in (
        (IdempotencyRecord, "body", IdempotencyRecord.objects.filter(brand=erased.brand_id)),
        (Notice, "params", Notice.objects.filter(brand=erased.brand_id)),
        (Alert, "params", Alert.objects.filter(brand=erased.brand_id)),
    ):
        _delete_naming(model, column, rows, erased)


def _delete_naming(model: type[Model], column: str, rows: Any, erased: Erased) -> None:
    ids = [row.pk for row in rows.iterator() if names_them(getattr(row, column), erased) or _is_theirs(row, erased)]
    model._default_manager.filter(pk__in=ids).delete()


def _is_theirs(row: Any, erased: Erased) -> bool:
    """An answer about one of their tickets or deliveries."""
    body = getattr(row, "body", None)
    if not isinstance(body, dict):
        return False
    return body.get("ticket") in erased.ticket_ids or (body.get("id") in erased.ticket_ids and "customer" in body)


def names_them(value: Any, erased: Erased) -> bool:
    """Whether any string in a JSON value holds one of their names."""
    if isinstance(value, str):
        return any(name.lower() in value.lower() for name in erased.names)
    if isinstance(value, dict):
        return any(names_them(item, erased) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(names_them(item, erased) for item in value)


def sweep() -> None:
    """SQLite keeps what was deleted in its file until it is written anew; PostgreSQL's vacuum does this by itself."""
    if connection.vendor != "sqlite":
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except DatabaseError:  # somebody writes just now
        log.warning("the database file could not be written anew; run `manage.py erase_person --sweep`")
