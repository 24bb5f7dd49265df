"""Posts in → customers, threads, tickets, messages; in sets, never row by row.

`take_in` is the only way a contact becomes a message, whether a platform was polled or an agent logged a phone
call. It runs inside the caller's transaction and puts the intake of one brand in single file by locking the
brand's counter: two sources that hear one person at once cannot open two conversations.

The rules are DESIGN.md's, "Threads and tickets"; `_Desk.ticket_for` is where they stand.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import F

from helpdesk import events, summary
from helpdesk.models import (
    FAR,
    Brand,
    BrandCounter,
    Channel,
    CloseReason,
    Customer,
    Deadline,
    Event,
    Message,
    MessageKind,
    MessageVersion,
    Participant,
    Profile,
    Thread,
    Ticket,
    TicketLink,
    Visibility,
    update_each,
)
from helpdesk.states import TICKET, TicketState
from helpdesk.text.clean import Cleaned
from helpdesk.text.triage import Triage
from helpdesk.workflow import deadlines, tickets

PRIORITY_BY_URGENCY = {"low": 1, "normal": 2, "high": 3, "critical": 4}


@dataclass(frozen=True)
class Person:
    """Who said it, as the platform names them. `external_id` never changes there; handles do."""

    platform: str
    namespace: str
    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""
    reach: int | None = None
    verified_address: str = ""
    customer: Customer | None = None  # already known: an agent picked them


@dataclass(frozen=True)
class Contact:
    """One thing said, ready to become a message. `key` and `parent_key` name items to each other."""

    person: Person
    thread_kind: str
    thread_key: str
    text: Cleaned
    said_at: dt.datetime
    heard_at: dt.datetime
    key: str = ""
    parent_key: str = ""
    opened_by_author: bool = False
    visibility: str = Visibility.PUBLIC
    ours: bool = False
    url: str = ""
    subject: str = ""
    triage: Triage = field(default_factory=Triage)


def take_in(
    channel: Channel, contacts: Sequence[Contact], parents: Mapping[str, Message] | None = None
) -> list[Message | None]:
    """A message for each contact, in their order; None for our own posts that belong to no ticket.

    `parents`: messages already stored, by key, that contacts may answer.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("take_in runs in the transaction that also stores what was heard.")
    if not contacts:
        return []
    counter = lock(channel.brand)
    desk = _Desk(channel, counter, dict(parents or {}))
    desk.load(contacts)
    in_order = sorted(range(len(contacts)), key=lambda index: (contacts[index].said_at, index))
    found: dict[int, Message | None] = {index: desk.take(contacts[index]) for index in in_order}
    desk.write()
    return [found[index] for index in range(len(contacts))]


def lock(brand: Brand) -> BrandCounter:
    """Stand in line: whoever changes several of the brand's tickets at once takes this first, then them by key."""
    BrandCounter.objects.bulk_create([BrandCounter(brand=brand)], ignore_conflicts=True)
    return BrandCounter.objects.select_for_update().get(brand=brand)


class _Desk:
    """The rows one page of contacts touches: loaded in sets, decided in memory, written in sets."""

    def __init__(self, channel: Channel, counter: BrandCounter, messages: dict[str, Message]) -> None:
        self.channel, self.brand, self.counter, self.by_key = channel, channel.brand, counter, messages
        self.window = dt.timedelta(hours=float(self.brand.reopen_hours))
        self.profiles: dict[tuple[str, str], Profile] = {}
        self.by_address: dict[str, Customer] = {}
        self.threads: dict[tuple[str, str], Thread] = {}
        self.participants: dict[Thread, dict[Profile, Participant]] = defaultdict(dict)
        self.latest: dict[Customer, Ticket] = {}
        self.running: set[int] = set()
        self.added: dict[int, tuple[Ticket, list[Message]]] = {}  # by id(): unsaved rows have no hash
        self.new: dict[str, list] = defaultdict(list)  # type: ignore[type-arg]
        self.changed: dict[str, list] = defaultdict(list)  # type: ignore[type-arg]
        self.events: list[tuple[str, Ticket, Message | None]] = []
        self.answers: list[tuple[Ticket, dt.datetime]] = []

    # --- load --------------------------------------------------------------------------------------------------

    def load(self, contacts: Sequence[Contact]) -> None:
        self._load_people([contact.person for contact in contacts])
        self._load_threads(contacts)
        self._load_tickets()

    def _load_people(self, people: Sequence[Person]) -> None:
        by_namespace: dict[str, set[str]] = defaultdict(set)
        for person in people:
            by_namespace[person.namespace].add(person.external_id)
        for namespace, ids in by_namespace.items():
            rows = Profile.objects.filter(brand=self.brand, namespace=namespace, external_id__in=ids)
            for profile in rows.select_related("customer"):
                self.profiles[namespace, profile.external_id] = profile
        addresses = {person.verified_address for person in people if person.verified_address}
        if addresses:
            rows = Profile.objects.filter(brand=self.brand, verified_address__in=addresses)
            self.by_address = {
                row.verified_address: row.customer for row in rows.select_related("customer").order_by("-id")
            }
        for person in people:
            self._meet(person)
        self._insert(Customer)
        self._insert(Profile)

    def _meet(self, person: Person) -> None:
        """The profile of `person`, made if new, brought up to date if known."""
        profile = self.profiles.get((person.namespace, person.external_id))
        if profile is None:
            customer = person.customer or self.by_address.get(person.verified_address)
            if customer is None:
                customer = Customer(brand=self.brand, name=person.name or person.handle)
                self.new["Customer"].append(customer)
            if person.verified_address:
                self.by_address[person.verified_address] = customer
            profile = Profile(
                brand=self.brand,
                customer=customer,
                platform=person.platform,
                namespace=person.namespace,
                external_id=person.external_id,
            )
            self.profiles[person.namespace, person.external_id] = profile
            self.new["Profile"].append(profile)
        fresh = {
            name: value
            for name in ("handle", "name", "url", "reach", "verified_address")
            if (value := getattr(person, name)) not in ("", None) and value != getattr(profile, name)
        }
        for name, value in fresh.items():
            setattr(profile, name, value)
        if fresh and profile.pk and profile not in self.changed["Profile"]:
            self.changed["Profile"].append(profile)

    def _load_threads(self, contacts: Sequence[Contact]) -> None:
        """Known threads, in whichever of the brand's channels on this platform heard them first; new ones made."""
        keys: dict[str, set[str]] = defaultdict(set)
        for contact in contacts:
            keys[contact.thread_kind].add(contact.thread_key)
        siblings = Channel.objects.filter(brand=self.brand, platform=self.channel.platform).values("id")
        for kind, names in keys.items():
            rows = Thread.objects.filter(channel__in=siblings, kind=kind, external_key__in=names)
            for thread in rows.order_by("-id"):
                self.threads[kind, thread.external_key] = thread
        for contact in contacts:
            thread = self._thread(contact)
            if contact.opened_by_author and not contact.ours and thread.opened_by_id is None:
                thread.opened_by = self._profile(contact).customer
                if not thread._state.adding and thread not in self.changed["Thread"]:
                    self.changed["Thread"].append(thread)
        self._insert(Thread)

    def _thread(self, contact: Contact) -> Thread:
        name = (contact.thread_kind, contact.thread_key)
        if name not in self.threads:
            self.threads[name] = Thread(brand=self.brand, channel=self.channel, kind=name[0], external_key=name[1])
            self.new["Thread"].append(self.threads[name])
        return self.threads[name]

    def _load_tickets(self) -> None:
        threads = {thread.pk: thread for thread in self.threads.values()}
        profiles = {profile.pk: profile for profile in self.profiles.values()}
        customers = {profile.customer_id: profile.customer for profile in self.profiles.values()}
        rows = list(Participant.objects.filter(thread__in=threads).select_related("profile__customer"))
        latest = (
            Ticket.objects.filter(customer__in=customers, channel=self.channel)
            .order_by("customer", "-created_at")
            .values_list("id", "customer_id")
        )
        newest: dict[int, int] = {}
        for ticket_id, customer_id in latest:
            newest.setdefault(customer_id, ticket_id)
        wanted = {row.ticket_id for row in rows} | set(newest.values())
        found = {
            row.pk: row
            for row in Ticket.objects.select_for_update(of=("self",))
            .filter(pk__in=wanted)
            .select_related("channel")
            .order_by("pk")
        }
        for ticket in list(found.values()):
            ticket.brand = self.brand
            if ticket.merged_into_id:
                found[ticket.pk] = self._merged(ticket)
        for row in rows:
            row.ticket = found[row.ticket_id]
            profile = profiles.get(row.profile_id, row.profile)
            self.participants[threads[row.thread_id]][profile] = row
        for customer_id, ticket_id in newest.items():
            self.latest[customers[customer_id]] = found[ticket_id]
        running = Deadline.objects.filter(
            ticket__in=[ticket.pk for ticket in found.values()], met_at=None, dropped_at=None
        )
        self.running = set(running.values_list("ticket_id", flat=True))

    def _merged(self, ticket: Ticket) -> Ticket:
        seen = {ticket.pk}
        while ticket.merged_into_id and ticket.merged_into_id not in seen:
            seen.add(ticket.merged_into_id)
            ticket = (
                Ticket.objects.select_for_update(of=("self",)).select_related("channel").get(pk=ticket.merged_into_id)
            )
        return ticket

    def _profile(self, contact: Contact) -> Profile:
        return self.profiles[contact.person.namespace, contact.person.external_id]

    # --- decide ------------------------------------------------------------------------------------------------

    def take(self, contact: Contact) -> Message | None:
        thread = self.threads[contact.thread_kind, contact.thread_key]
        ticket = self._ticket_of_ours(contact, thread) if contact.ours else self.ticket_for(contact, thread)
        if ticket is None:
            return None
        message = self._message(contact, ticket, thread)
        self.new["Message"].append(message)
        self.added.setdefault(id(ticket), (ticket, []))[1].append(message)
        if contact.key:
            self.by_key[contact.key] = message
        if contact.ours:
            self.answers.append((ticket, contact.said_at))
            self.events.append(("message.own_post", ticket, message))
        else:
            self._heard_on(ticket, contact)
            self.events.append(("message.heard", ticket, message))
        return message

    def ticket_for(self, contact: Contact, thread: Thread) -> Ticket:
        """The ticket this contact belongs to: the current one, the open one, or a new one linked to the last."""
        profile = self._profile(contact)
        customer = profile.customer
        seat = self.participants[thread].get(profile) or next(
            (other for known, other in self.participants[thread].items() if known.customer_id == customer.pk), None
        )
        if seat is None and thread.opened_by_id not in (None, customer.pk):
            host = next(
                (
                    other
                    for known, other in self.participants[thread].items()
                    if known.customer_id == thread.opened_by_id
                ),
                None,
            )
            if host is not None and (host.ticket.is_open or self._in_window(host.ticket, contact)):
                seat = host
        ticket = self._current(seat.ticket, contact) if seat else self._joined(customer, contact)
        before = seat.ticket if seat else self.latest.get(customer)
        if ticket is None:
            ticket = self._open(contact, customer, before)
        self._sit(thread, profile, ticket)
        return ticket

    def _current(self, ticket: Ticket, contact: Contact) -> Ticket | None:
        """The thread's own ticket: as it is, reopened within the window, or None where it is over."""
        if ticket.is_open or ticket.close_reason == CloseReason.SPAM:
            return ticket
        if self._in_window(ticket, contact):
            self._reopen(ticket)
            return ticket
        return None

    def _joined(self, customer: Customer, contact: Contact) -> Ticket | None:
        """A new thread: the customer's open ticket in this channel, where they were heard within the window."""
        ticket = self.latest.get(customer)
        if ticket is not None and ticket.is_open and contact.said_at - ticket.last_inbound_at <= self.window:
            return ticket
        return None

    def _in_window(self, ticket: Ticket, contact: Contact) -> bool:
        ended = ticket.resolved_at or ticket.last_inbound_at
        return contact.said_at - ended <= self.window

    def _reopen(self, ticket: Ticket) -> None:
        ticket.state = TICKET.step(ticket.state, TicketState.OPEN)
        ticket.close_reason, ticket.resolved_at = "", None
        self._change(ticket)
        self.events.append(("ticket.reopened", ticket, None))

    def _open(self, contact: Contact, customer: Customer, before: Ticket | None) -> Ticket:
        ticket = Ticket(
            brand=self.brand,
            number=self.counter.next_ticket + len(self.new["Ticket"]),
            customer=customer,
            channel=self.channel,
            subject=contact.subject,
            priority=PRIORITY_BY_URGENCY.get(contact.triage.urgency, 2),
            created_at=contact.heard_at,
            last_inbound_at=contact.said_at,
        )
        self.new["Ticket"].append(ticket)
        self.latest[customer] = ticket
        if before is not None:
            self.new["TicketLink"].append(
                TicketLink(brand=self.brand, earlier=before, later=ticket, kind=TicketLink.Kind.FOLLOWS)
            )
        self.events.append(("ticket.created", ticket, None))
        return ticket

    def _sit(self, thread: Thread, profile: Profile, ticket: Ticket) -> None:
        seat = self.participants[thread].get(profile)
        if seat is None:
            seat = Participant(brand=self.brand, thread=thread, profile=profile, ticket=ticket)
            self.participants[thread][profile] = seat
            self.new["Participant"].append(seat)
        elif seat.ticket is not ticket:
            seat.ticket = ticket
            if seat.pk:
                self.changed["Participant"].append(seat)

    def _ticket_of_ours(self, contact: Contact, thread: Thread) -> Ticket | None:
        """Where our own post made elsewhere belongs: with what it answers, else with the thread's customer."""
        parent = self.by_key.get(contact.parent_key)
        if parent is not None:
            if parent._state.adding:
                return parent.ticket
            known = (ticket for ticket, _ in self.added.values() if ticket.pk == parent.ticket_id)
            return next(known, None) or Ticket.objects.select_for_update(of=("self",)).select_related("channel").get(
                pk=parent.ticket_id
            )
        seats = list(self.participants[thread].values())
        return seats[-1].ticket if len({id(seat.ticket) for seat in seats}) == 1 else None

    def _message(self, contact: Contact, ticket: Ticket, thread: Thread) -> Message:
        found = contact.triage
        message = Message(
            brand=self.brand,
            ticket=ticket,
            thread=thread,
            kind=MessageKind.REPLY if contact.ours else MessageKind.INBOUND,
            visibility=contact.visibility,
            profile=self._profile(contact),
            parent=self.by_key.get(contact.parent_key),
            text=contact.text.text,
            is_cut=contact.text.is_cut,
            url=contact.url,
            said_at=contact.said_at,
            heard_at=contact.heard_at,
            created_at=contact.heard_at,
            sent_at=contact.said_at if contact.ours else None,
        )
        if not contact.ours:
            message.language, message.intent, message.sentiment = found.language, found.intent, found.sentiment
            message.urgency, message.reach, message.reasons = found.urgency, found.reach, list(found.reasons)
        return message

    def _heard_on(self, ticket: Ticket, contact: Contact) -> None:
        """The customer has the word: the ticket is open again, and an answer is due."""
        if ticket.close_reason == CloseReason.SPAM:
            return
        if ticket.state == TicketState.WAITING:
            ticket.state = TICKET.step(ticket.state, TicketState.OPEN)
            self._change(ticket)
        ticket.last_inbound_at = max(ticket.last_inbound_at, contact.said_at)
        runs = ticket.pk in self.running if ticket.pk else any(d.ticket is ticket for d in self.new["Deadline"])
        if runs:
            return
        begin = deadlines.start_of(contact.said_at, contact.heard_at)
        make = deadlines.next_response if ticket.answered_at else deadlines.first_response
        self.new["Deadline"].append(make(self.brand, ticket, begin))
        if ticket.pk:
            self.running.add(ticket.pk)

    def _change(self, ticket: Ticket) -> None:
        if ticket.pk and ticket not in self.changed["Ticket"]:
            self.changed["Ticket"].append(ticket)

    # --- write -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        dues = {id(deadline.ticket): deadline.due_at for deadline in self.new["Deadline"]}
        for ticket in self.new["Ticket"]:
            due = dues.get(id(ticket), FAR)
            summary.fill(ticket, [summary.entry(message) for message in self.added[id(ticket)][1]], [due])
        known = [ticket.pk for ticket, _ in self.added.values() if ticket.pk]
        if self.new["Ticket"]:
            BrandCounter.objects.filter(pk=self.counter.pk).update(
                next_ticket=F("next_ticket") + len(self.new["Ticket"])
            )
        for model in (Ticket, TicketLink, Participant):
            self._insert(model)
        self._insert_messages()
        self._insert(Deadline)
        update_each(self.changed["Profile"], ["handle", "name", "url", "reach", "verified_address"])
        update_each(self.changed["Thread"], ["opened_by"])
        update_each(self.changed["Participant"], ["ticket"])
        update_each(self.changed["Ticket"], ["state", "close_reason", "resolved_at"])
        if known:
            summary.refresh(known)
        events.record([self._event(*entry) for entry in self.events])
        for ticket, said_at in self.answers:
            tickets.answered(ticket, said_at, ticket.messages.filter(said_at__gt=said_at))

    def _insert_messages(self) -> None:
        """All of them, then who answers whom within the page: a row cannot name one that has no key yet."""
        answers = [
            (message, message.parent)
            for message in self.new["Message"]
            if message.parent is not None and message.parent._state.adding
        ]
        for message, _parent in answers:
            message.parent = None
        self._insert(Message)
        for message, parent in answers:
            message.parent = parent
        update_each([message for message, _parent in answers], ["parent"])

    def _insert(self, model: type) -> None:
        rows = self.new.pop(model.__name__, [])
        if rows:
            model.objects.bulk_create(rows)  # type: ignore[attr-defined]

    def _event(self, code: str, ticket: Ticket, message: Message | None) -> Event:
        values: dict[str, Any] = {"channel": self.channel.pk}
        if message is not None:
            values["message"] = message.pk
        return events.happened(code, self.brand, ticket=ticket.pk, **values)


def edit(message_id: int, text: Cleaned, triage: Triage, seen_at: dt.datetime) -> bool:
    """The customer changed their words: the old ones become a version. False where nothing changed."""
    tickets.locked(Message.objects.values_list("ticket_id", flat=True).get(pk=message_id))
    message = Message.objects.get(pk=message_id)
    if message.deleted_at or message.text == text.text:
        return False
    number = MessageVersion.objects.filter(message=message).count() + 1
    MessageVersion.objects.create(
        brand_id=message.brand_id, message=message, number=number, text=message.text, seen_at=seen_at
    )
    message.text, message.is_cut, message.edited_at = text.text, text.is_cut, seen_at
    retriage(message, triage)
    message.save(update_fields=["text", "is_cut", "edited_at", *TRIAGE_FIELDS, "reasons"])
    summary.refresh([message.ticket_id])
    events.record([events.happened("message.edited", message.brand_id, ticket=message.ticket_id, message=message.pk)])
    return True


TRIAGE_FIELDS = ("language", "intent", "sentiment", "urgency", "reach")


def retriage(message: Message, triage: Triage) -> None:
    """Put a new reading on the instance; what a person corrected stays."""
    for name in TRIAGE_FIELDS:
        if name not in message.corrected:
            setattr(message, name, getattr(triage, name))
    message.reasons = [reason for reason in triage.reasons if reason.get("field") not in message.corrected]
