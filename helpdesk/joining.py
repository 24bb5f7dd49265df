"""One person, one conversation: customers joined and separated, tickets merged, linked and split.

Whoever moves several tickets of a brand takes its counter first, then the tickets by key: the order intake has, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, intake, summary
from helpdesk.models import (
    Affected,
    Approval,
    BrandCounter,
    CloseReason,
    Concession,
    Customer,
    Delivery,
    Distinct,
    FollowUp,
    Joining,
    Message,
    MessageKind,
    Participant,
    Profile,
    StatementCopy,
    Survey,
    Thread,
    Ticket,
    TicketLink,
    User,
)
from helpdesk.states import TicketState
from helpdesk.workflow import deadlines, escalation
from helpdesk.workflow.tickets import came_back
from helpdesk.workflow.verbs import Conflict, Refused

MOST_SUGGESTED = 5
SHORTEST_HANDLE = 4

# --- tickets ---------------------------------------------------------------------------------------------------


@transaction.atomic
def merge(ticket_id: int, into_id: int, user: User) -> Ticket:
    """Make one ticket of two of one customer: all that was said moves into the other; this one is closed as merged."""
    gone, kept = _both(ticket_id, into_id)
    if gone.customer_id != kept.customer_id:
        raise Refused(
            "into", "two_people", _("These are tickets of two customers. Join the customers first, if they are one.")
        )
    if kept.merged_into_id or gone.merged_into_id:
        raise Conflict(_("One of them has been merged already."))
    if not kept.is_open:
        raise Conflict(_("#%(number)s is %(state)s. Reopen it first.") % _words(kept))
    waits = gone.state in (TicketState.NEW, TicketState.OPEN)
    now = timezone.now()
    Message.objects.filter(ticket=gone).update(ticket=kept)
    Delivery.objects.filter(ticket=gone).update(ticket=kept)
    Approval.objects.filter(ticket=gone).update(ticket=kept)
    FollowUp.objects.filter(ticket=gone, done_at=None).update(ticket=kept)
    Concession.objects.filter(ticket=gone).update(ticket=kept)
    Survey.objects.filter(ticket=gone, state=Survey.State.PLANNED).update(state=Survey.State.SKIPPED, skipped="merged")
    told = StatementCopy.objects.filter(ticket=gone, state=StatementCopy.State.TOLD).values("statement")
    StatementCopy.objects.filter(ticket=kept, state=StatementCopy.State.QUEUED, statement__in=told).update(
        state=StatementCopy.State.PASSED, problem={"code": "told"}
    )
    StatementCopy.objects.filter(ticket=gone).exclude(statement__copies__ticket=kept).update(ticket=kept)
    Affected.objects.filter(ticket=gone).exclude(incident__affected__ticket=kept).update(ticket=kept)
    Participant.objects.filter(ticket=gone).update(ticket=kept)
    deadlines.drop(gone, now)
    escalation.settled(gone, now)
    gone.state = str(TicketState.CLOSED)
    gone.close_reason, gone.merged_into, gone.resolved_at = CloseReason.MERGED, kept, now
    gone.save(update_fields=["state", "close_reason", "merged_into", "resolved_at"])
    if waits and kept.state == TicketState.WAITING:
        came_back(kept, now)
    summary.refresh([gone.pk, kept.pk])
    _happened("ticket.merged", gone, user, into=kept.pk)
    kept.refresh_from_db()
    return kept


def _both(one: int, other: int) -> tuple[Ticket, Ticket]:
    """Both tickets, locked; Refused where they are one, or of two brands."""
    if one == other:
        raise Refused("into", "itself", _("This is the same ticket."))
    first = Ticket.objects.select_related("brand").get(pk=one)
    intake.lock(first.brand)
    rows = Ticket.objects.select_for_update(of=("self",)).select_related("brand", "channel", "customer")
    found = {row.pk: row for row in rows.filter(pk__in=[one, other], brand=first.brand).order_by("pk")}
    if other not in found:
        raise Refused("into", "unknown", _("There is no such ticket."))
    return found[one], found[other]


def _words(ticket: Ticket) -> dict[str, Any]:
    return {"number": ticket.number, "state": ticket.get_state_display().lower()}


@transaction.atomic
def link(ticket_id: int, other_id: int, kind: str, user: User) -> TicketLink:
    """Say that two tickets have to do with each other; nothing moves."""
    if kind not in (TicketLink.Kind.RELATED, TicketLink.Kind.DUPLICATE):
        raise Refused("kind", "unknown", _("Choose one of: %(choices)s.") % {"choices": "related, duplicate"})
    one, other = _both(ticket_id, other_id)
    earlier, later = sorted((one, other), key=lambda row: row.pk)
    row, is_new = TicketLink.objects.get_or_create(brand=one.brand, earlier=earlier, later=later, kind=kind)
    if is_new:
        _happened("ticket.linked", one, user, other=other.pk, kind=kind)
    return row


@transaction.atomic
def unlink(ticket_id: int, other_id: int, user: User) -> int:
    """Take such a word back; how many links that were. That one goes on from the other stays."""
    one, other = _both(ticket_id, other_id)
    rows = TicketLink.objects.filter(Q(earlier=one, later=other) | Q(earlier=other, later=one))
    count, _details = rows.exclude(kind=TicketLink.Kind.FOLLOWS).delete()
    if count:
        _happened("ticket.unlinked", one, user, other=other.pk)
    return count


@transaction.atomic
def split(ticket_id: int, message_ids: Collection[int], user: User) -> Ticket:
    """A new ticket of some of this one's messages, and of our answers to them; linked to the old one.

    It is the customer's whose words the first of them are; a guest in somebody's thread goes on there from now on.
    """
    found = Ticket.objects.select_related("brand").get(pk=ticket_id)
    counter = intake.lock(found.brand)
    ticket = Ticket.objects.select_for_update(of=("self",)).select_related("brand", "channel").get(pk=ticket_id)
    if ticket.merged_into_id:
        raise Conflict(_("This ticket was merged into another one. Split that one."))
    chosen = list(
        ticket.messages.filter(pk__in=message_ids).select_related("profile__customer").order_by("said_at", "id")
    )
    first = next((message for message in chosen if message.kind == MessageKind.INBOUND and message.profile), None)
    if len(chosen) != len(set(message_ids)) or first is None or first.profile is None:
        raise Refused("messages", "unknown", _("Choose messages of this ticket, one of the customer's among them."))
    moving = {message.pk for message in chosen} | set(
        ticket.messages.filter(parent__in=chosen).exclude(kind=MessageKind.INBOUND).values_list("pk", flat=True)
    )
    left = ticket.messages.filter(kind=MessageKind.INBOUND).exclude(pk__in=moving)
    if not left.exists():
        raise Refused("messages", "all", _("This would move everything. Leave something of the customer's here."))
    fresh = _new_ticket(ticket, counter, first)
    Message.objects.filter(pk__in=moving).update(ticket=fresh)
    Delivery.objects.filter(message__in=moving).update(ticket=fresh)
    Approval.objects.filter(delivery__message__in=moving).update(ticket=fresh)
    Delivery.objects.filter(message=None, reply_to__in=moving).update(ticket=fresh)
    _reseat(ticket, fresh, chosen)
    TicketLink.objects.create(brand=ticket.brand, earlier=ticket, later=fresh, kind=TicketLink.Kind.RELATED)
    answered = Message.objects.filter(pk__in=moving, kind=MessageKind.REPLY).exclude(sent_at=None).exists()
    if not answered:
        summary.refresh([fresh.pk])
        fresh.refresh_from_db()
        deadlines.begin(fresh, timezone.now())
    summary.refresh([ticket.pk, fresh.pk])
    _happened("ticket.split", ticket, user, into=fresh.pk, messages=sorted(moving))
    fresh.refresh_from_db()
    return fresh


def _new_ticket(ticket: Ticket, counter: BrandCounter, first: Message) -> Ticket:
    assert first.profile is not None
    number = counter.next_ticket
    BrandCounter.objects.filter(pk=counter.pk).update(next_ticket=number + 1)
    return Ticket.objects.create(
        brand=ticket.brand,
        number=number,
        state=TicketState.OPEN,
        customer=first.profile.customer,
        channel=ticket.channel,
        assignee=ticket.assignee,
        priority=ticket.priority,
        platform=ticket.platform,
        created_at=timezone.now(),
        last_inbound_at=first.said_at,
    )


def _reseat(ticket: Ticket, fresh: Ticket, chosen: Sequence[Message]) -> None:
    """Whose every word in a thread has moved goes on in the new ticket."""
    for thread, profile in {(message.thread_id, message.profile_id) for message in chosen if message.profile_id}:
        if not ticket.messages.filter(thread=thread, profile=profile).exists():
            Participant.objects.filter(thread=thread, profile=profile).update(ticket=fresh)


# --- people ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suggestion:
    """Somebody who may be the same person, and what speaks for it: address, handle or name."""

    customer: Customer
    reason: str
    value: str


def suggestions(customer: Customer) -> list[Suggestion]:
    """Who else in the brand may be this person, the surest first. Three queries, however many profiles."""
    profiles = list(customer.profiles.all()[:50])
    addresses = {address for profile in profiles for address in _addresses(profile)}
    handles = {_bare(profile.handle) for profile in profiles} - {""}
    handles = {handle for handle in handles if len(handle) >= SHORTEST_HANDLE and "@" not in handle}
    names = {name for name in {customer.name, *(profile.name for profile in profiles)} if " " in name.strip()}
    ids = {way for address in addresses for way in (address, f"mailto:{address}", f"mail:{address}")}
    alike = Q(external_id__in=ids) | Q(handle__in=ids | {f"@{handle}" for handle in handles} | handles)
    if addresses:
        alike |= Q(verified_address__in=addresses)
    others = Profile.objects.filter(brand_id=customer.brand_id).exclude(customer=customer)
    found: dict[int, Suggestion] = {}
    for profile in others.filter(alike).select_related("customer")[: MOST_SUGGESTED * 4]:
        shared = _addresses(profile) & addresses
        reason = ("address", min(shared)) if shared else ("handle", profile.handle)
        if profile.customer_id not in found or reason[0] == "address":
            found[profile.customer_id] = Suggestion(profile.customer, *reason)
    namesakes = Customer.objects.filter(brand_id=customer.brand_id, name__in=names).exclude(pk=customer.pk)
    for other in namesakes[:MOST_SUGGESTED] if names else []:
        found.setdefault(other.pk, Suggestion(other, "name", other.name))
    rows = _distinct(customer, found)
    order = {"address": 0, "handle": 1, "name": 2}
    kept = [one for key, one in found.items() if key not in rows and one.customer.erased_at is None]
    return sorted(kept, key=lambda one: (order[one.reason], one.customer.pk))[:MOST_SUGGESTED]


def _addresses(profile: Profile) -> set[str]:
    named = {
        profile.verified_address,
        profile.handle,
        profile.external_id.removeprefix("mailto:").removeprefix("mail:"),
    }
    return {
        value.lower() for value in named if "@" in value[1:-1] and "." in value.rpartition("@")[2] and "/" not in value
    }


def _bare(handle: str) -> str:
    return handle.lstrip("@").strip()


def _distinct(customer: Customer, others: Collection[int]) -> set[int]:
    rows = Distinct.objects.filter(Q(one=customer, other__in=others) | Q(other=customer, one__in=others))
    return {row.other_id if row.one_id == customer.pk else row.one_id for row in rows}


@transaction.atomic
def join(customer_id: int, other_id: int, user: User) -> Joining:
    """`other` is the same person: what is theirs is this customer's from now on, and the row says what moved."""
    kept, other = _people(customer_id, other_id)
    if kept.erased_at or other.erased_at:
        raise Conflict(_("One of them has been erased."))
    _in_line(kept.brand_id, [kept.pk, other.pk])
    moved = {
        "profiles": list(other.profiles.values_list("pk", flat=True)),
        "tickets": list(other.tickets.values_list("pk", flat=True)),
        "threads": list(Thread.objects.filter(opened_by=other).values_list("pk", flat=True)),
    }
    _move(moved, kept)
    filled = {name: getattr(other, name) for name in ("name", "language", "place", "about") if not getattr(kept, name)}
    for name, value in filled.items():
        setattr(kept, name, value)
    kept.save(update_fields=list(filled))
    row = Joining.objects.create(brand_id=kept.brand_id, kept=kept, other=other, moved=moved, by=user)
    Distinct.objects.filter(_pair(kept.pk, other.pk)).delete()
    _told("customer.joined", kept, user, other=other.pk, joining=row.pk)
    return row


@transaction.atomic
def undo(customer_id: int, joining_id: int, user: User) -> Customer:
    """They are two after all: what had moved goes back, with what the other's profiles have said since."""
    row = Joining.objects.select_for_update().filter(kept=customer_id, pk=joining_id).first()
    if row is None:
        raise Refused("joining", "unknown", _("This customer has no such joining to undo."))
    if row.undone_at is not None:
        raise Conflict(_("This has been undone already."))
    kept, other = _people(row.kept_id, row.other_id)
    _in_line(kept.brand_id, [kept.pk, other.pk])
    _move_back(row.moved, kept, other)
    row.undone_at = timezone.now()
    row.save(update_fields=["undone_at"])
    _told("customer.separated", kept, user, other=other.pk, joining=row.pk)
    return other


@transaction.atomic
def separate(customer_id: int, profile_id: int, user: User) -> Customer:
    """This handle is somebody else: a customer of its own, with the tickets in which nobody else of this one spoke."""
    profile = Profile.objects.select_related("customer").filter(customer=customer_id, pk=profile_id).first()
    if profile is None:
        raise Refused("profile", "unknown", _("This customer has no such handle."))
    kept = profile.customer
    _in_line(kept.brand_id, [kept.pk])
    if not kept.profiles.exclude(pk=profile.pk).exists():
        raise Conflict(_("This is their only handle: there is nobody to separate it from."))
    other = Customer.objects.create(brand_id=kept.brand_id, name=profile.name or profile.handle)
    _move_back({"profiles": [profile.pk], "tickets": [], "threads": []}, kept, other)
    _keep_apart(kept.pk, other.pk, kept.brand_id)
    _told("customer.separated", kept, user, other=other.pk)
    return other


@transaction.atomic
def distinguish(customer_id: int, other_id: int, user: User) -> None:
    """They are two people: not suggested again."""
    kept, other = _people(customer_id, other_id)
    _keep_apart(kept.pk, other.pk, kept.brand_id)
    _told("customer.distinct", kept, user, other=other.pk)


def _people(one: int, other: int) -> tuple[Customer, Customer]:
    if one == other:
        raise Refused("other", "itself", _("This is the same customer."))
    brand = Customer.objects.values_list("brand", flat=True).get(pk=one)
    rows = {
        row.pk: row
        for row in Customer.objects.select_for_update().filter(pk__in=[one, other], brand=brand).order_by("pk")
    }
    if other not in rows:
        raise Refused("other", "unknown", _("There is no such customer."))
    return rows[one], rows[other]


def _in_line(brand_id: int, customers: Collection[int]) -> None:
    """The brand's counter and these people's tickets, locked in the order everybody has."""
    BrandCounter.objects.select_for_update().filter(brand=brand_id).first()
    list(Ticket.objects.select_for_update(of=("self",)).filter(customer__in=customers).order_by("pk").values_list("pk"))


def _move(moved: dict[str, list[int]], to: Customer) -> None:
    Profile.objects.filter(pk__in=moved["profiles"]).update(customer=to)
    Ticket.objects.filter(pk__in=moved["tickets"]).update(customer=to)
    Thread.objects.filter(pk__in=moved["threads"]).update(opened_by=to)


def _move_back(moved: dict[str, list[int]], kept: Customer, other: Customer) -> None:
    profiles = Profile.objects.filter(pk__in=moved["profiles"], customer=kept)
    mine = list(profiles.values_list("pk", flat=True))
    spoken = _spoken_by(kept, mine)
    tickets = Ticket.objects.filter(customer=kept).filter(Q(pk__in=moved["tickets"]) | Q(pk__in=spoken))
    threads = Thread.objects.filter(opened_by=kept).filter(Q(pk__in=moved["threads"]) | Q(messages__ticket__in=spoken))
    found = {
        "profiles": mine,
        "tickets": list(tickets.values_list("pk", flat=True)),
        "threads": list(threads.values_list("pk", flat=True).distinct()),
    }
    _move(found, other)


def _spoken_by(kept: Customer, profiles: Collection[int]) -> QuerySet[Any, int]:
    """Tickets of `kept` in which, of their handles, only these have spoken."""
    inbound = Message.objects.filter(ticket__customer=kept, kind=MessageKind.INBOUND)
    others = inbound.filter(profile__customer=kept).exclude(profile__in=profiles)
    return (
        inbound.filter(profile__in=profiles)
        .exclude(ticket__in=others.values("ticket"))
        .values_list("ticket", flat=True)
    )


def _keep_apart(one: int, other: int, brand_id: int) -> None:
    small, great = sorted((one, other))
    Distinct.objects.get_or_create(brand_id=brand_id, one_id=small, other_id=great)


def _pair(one: int, other: int) -> Q:
    small, great = sorted((one, other))
    return Q(one=small, other=great)


def _happened(code: str, ticket: Ticket, user: User, **values: Any) -> None:
    events.record([events.happened(code, ticket.brand_id, ticket=ticket.pk, actor=user, **values)])


def _told(code: str, customer: Customer, user: User, **values: Any) -> None:
    events.record([events.happened(code, customer.brand_id, actor=user, customer=customer.pk, **values)])
