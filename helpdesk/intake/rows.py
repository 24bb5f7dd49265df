"""The rows one page of contacts touches: loaded in sets before anything is decided, written in sets after."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.db.models import F, Max, Q
from django.utils import timezone

from helpdesk import events, summary
from helpdesk.intake.contact import Contact, Person
from helpdesk.models import (
    FRONT_LINE,
    Attachment,
    BrandCounter,
    Channel,
    Customer,
    Deadline,
    Event,
    Message,
    MessageBody,
    Participant,
    Profile,
    Thread,
    Ticket,
    TicketLink,
    Verdict,
    update_each,
)
from helpdesk.workflow import deadlines, tickets
from helpdesk.workflow.promises import Promises

REMEMBERED = dt.timedelta(days=180)


class Rows:
    """What one page of contacts touches. `new` and `changed` hold rows by model; Desk decides what goes in there."""

    def __init__(self, channel: Channel, counter: BrandCounter, messages: dict[str, Message]) -> None:
        self.channel, self.brand, self.counter, self.by_key = channel, channel.brand, counter, messages
        self.window = dt.timedelta(hours=float(self.brand.reopen_hours))
        self.profiles: dict[tuple[str, str], Profile] = {}
        self.by_address: dict[str, Customer] = {}
        self.threads: dict[tuple[str, str], Thread] = {}
        self.participants: dict[Thread, dict[Profile, Participant]] = defaultdict(dict)
        self.tickets: dict[int, Ticket] = {}  # one instance of each, by key
        self.latest: dict[Customer, Ticket] = {}
        self.upset: set[int] = set()  # keys of customers whom we have upset before
        self.promises = Promises.of(self.brand)
        self.running: dict[int, list[Deadline]] = defaultdict(list)  # of known tickets, by key
        self.begun: dict[int, tuple[Ticket, dt.datetime]] = {}  # by id(): the first word on a ticket that waits for us
        self.added: dict[int, tuple[Ticket, list[Message]]] = {}  # by id(): unsaved rows have no hash
        self.new: dict[str, list] = defaultdict(list)  # type: ignore[type-arg]
        self.changed: dict[str, list] = defaultdict(list)  # type: ignore[type-arg]
        self.events: list[tuple[str, Ticket, Message | None]] = []
        self.answers: list[tuple[Ticket, dt.datetime]] = []

    def load(self, contacts: Sequence[Contact]) -> None:
        self._load_people([contact.person for contact in contacts if not contact.ours])  # we are no customers
        self._load_tickets(self._load_threads(contacts))

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
        self._load_upset()
        for person in people:
            self._meet(person)
        self._insert(Customer)
        self._insert(Profile)

    def _load_upset(self) -> None:
        """Of those we know: who was unhappy with an outcome, or had to be helped higher up, in half a year."""
        known = {profile.customer_id for profile in self.profiles.values()}
        known |= {customer.pk for customer in self.by_address.values()}
        if known:
            rows = Ticket.objects.filter(customer__in=known, created_at__gt=timezone.now() - REMEMBERED)
            hurt = Q(verdict=Verdict.UNHAPPY) | Q(level__gt=FRONT_LINE)
            self.upset = set(rows.filter(hurt).order_by().values_list("customer", flat=True))

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

    def _load_threads(self, contacts: Sequence[Contact]) -> list[int]:
        """Known threads (returned), in whichever of the brand's channels on this network heard them first; new ones made."""
        keys: dict[str, set[str]] = defaultdict(set)
        for contact in contacts:
            keys[contact.thread_kind].add(contact.thread_key)
        siblings = Channel.objects.filter(brand=self.brand, platform=self.channel.platform).values("id")
        for kind, names in keys.items():
            rows = Thread.objects.filter(
                channel__in=siblings, kind=kind, external_key__in=names, namespace=contacts[0].person.namespace
            )
            for thread in rows.order_by("-id"):
                self.threads[kind, thread.external_key] = thread
        known = [thread.pk for thread in self.threads.values()]
        for contact in contacts:
            thread = self._thread(contact)
            if contact.opened_by_author and not contact.ours and thread.opened_by_id is None:
                thread.opened_by = self._profile(contact).customer
                if not thread._state.adding and thread not in self.changed["Thread"]:
                    self.changed["Thread"].append(thread)
        self._insert(Thread)
        return known

    def _thread(self, contact: Contact) -> Thread:
        name = (contact.thread_kind, contact.thread_key)
        if name not in self.threads:
            self.threads[name] = Thread(
                brand=self.brand,
                channel=self.channel,
                kind=name[0],
                external_key=name[1],
                namespace=contact.person.namespace,
            )
            self.new["Thread"].append(self.threads[name])
        return self.threads[name]

    def _load_tickets(self, known_threads: Collection[int]) -> None:
        """The seats of whoever speaks here and of each thread's host (not of all who ever did), and their tickets."""
        threads = {thread.pk: thread for thread in self.threads.values()}
        profiles = {profile.pk: profile for profile in self.profiles.values()}
        customers = {profile.customer_id: profile.customer for profile in self.profiles.values()}
        theirs = Q(profile__customer__in=customers) | Q(profile__customer=F("thread__opened_by"))
        rows = list(Participant.objects.filter(theirs, thread__in=known_threads).select_related("profile__customer"))
        newest = dict(
            Ticket.objects.filter(customer__in=customers, channel=self.channel)
            .order_by()
            .values("customer")
            .annotate(newest=Max("id"))
            .values_list("customer", "newest")
        )
        answered = {message.ticket_id for message in self.by_key.values()}
        wanted = {row.ticket_id for row in rows} | set(newest.values()) | answered
        self._lock(wanted)
        for row in rows:
            row.ticket = self.tickets[row.ticket_id]
            profile = profiles.get(row.profile_id, row.profile)
            self.participants[threads[row.thread_id]][profile] = row
        for customer_id, ticket_id in newest.items():
            self.latest[customers[customer_id]] = self.tickets[ticket_id]
        for deadline in Deadline.objects.filter(ticket__in=self.tickets, met_at=None, dropped_at=None):
            self.running[deadline.ticket_id].append(deadline)

    def _lock(self, ticket_ids: Collection[int]) -> None:
        """Load and lock these tickets, and those that they were merged into."""
        rows = (
            Ticket.objects.select_for_update(of=("self",))
            .filter(pk__in=ticket_ids)
            .select_related("channel", "customer")
        )
        for row in rows.order_by("pk"):
            self.tickets.setdefault(row.pk, row).brand = self.brand
        for key in ticket_ids:
            if self.tickets[key].merged_into_id:
                self.tickets[key] = self._merged(self.tickets[key])

    def _merged(self, ticket: Ticket) -> Ticket:
        seen = {ticket.pk}
        while ticket.merged_into_id and ticket.merged_into_id not in seen:
            seen.add(ticket.merged_into_id)
            if ticket.merged_into_id not in self.tickets:
                rows = Ticket.objects.select_for_update(of=("self",)).select_related("channel")
                self.tickets[ticket.merged_into_id] = rows.get(pk=ticket.merged_into_id)
            ticket = self.tickets[ticket.merged_into_id]
            ticket.brand = self.brand
        return ticket

    def _profile(self, contact: Contact) -> Profile:
        return self.profiles[contact.person.namespace, contact.person.external_id]

    def _change(self, ticket: Ticket) -> None:
        if ticket.pk and ticket not in self.changed["Ticket"]:
            self.changed["Ticket"].append(ticket)

    def write(self) -> None:
        for ticket in self.new["Ticket"]:
            entries = [summary.entry(message) for message in self.added[id(ticket)][1]]
            summary.fill(ticket, entries, partial(self._begin, ticket))
        for ticket, _began in list(self.begun.values()):
            self._begin(ticket)
        known = [ticket.pk for ticket, _ in self.added.values() if ticket.pk]
        if self.new["Ticket"]:
            BrandCounter.objects.filter(pk=self.counter.pk).update(
                next_ticket=F("next_ticket") + len(self.new["Ticket"])
            )
        for model in (Ticket, TicketLink, Participant):
            self._insert(model)
        self._insert_messages()
        for beside in (MessageBody, Attachment, Deadline):
            self._insert(beside)
        update_each(self.changed["Profile"], ["handle", "name", "url", "reach", "verified_address"])
        update_each(self.changed["Thread"], ["opened_by"])
        update_each(self.changed["Participant"], ["ticket"])
        update_each(self.changed["Ticket"], ["state", "close_reason", "resolved_at", "reopened_count"])
        update_each(self.changed["Deadline"], deadlines.COLUMNS)
        if known:
            summary.refresh(known)
            if self.promises:  # what was added may have made another matter of it
                deadlines.follow(known, timezone.now(), "matter")
                summary.refresh(known)
        events.record([self._event(*entry) for entry in self.events])
        for ticket, said_at in self.answers:
            tickets.answered(ticket, said_at, ticket.messages.filter(said_at__gt=said_at))

    def _begin(self, ticket: Ticket) -> list[Deadline]:
        """What the ticket's customer may expect since they have the floor, to be inserted."""
        _ticket, began = self.begun.pop(id(ticket), (ticket, None))
        if began is None:
            return []
        kinds = [row.kind for row in self.running[ticket.pk]] if ticket.pk else []
        rows = deadlines.begun(self.promises, ticket, began, kinds)
        self.new["Deadline"] += rows
        return rows

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
