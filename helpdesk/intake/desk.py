"""Which ticket something said belongs to: DESIGN.md's rules on threads and tickets, in `Desk.ticket_for`."""

from __future__ import annotations

from dataclasses import asdict

from helpdesk.intake.contact import Contact
from helpdesk.intake.rows import Rows
from helpdesk.models import (
    Attachment,
    CloseReason,
    Customer,
    Message,
    MessageBody,
    MessageKind,
    Participant,
    Profile,
    Thread,
    Ticket,
    TicketLink,
    Visibility,
)
from helpdesk.states import TICKET, TicketState
from helpdesk.text.triage import suggested_priority
from helpdesk.workflow import deadlines


class Desk(Rows):
    """Decides in memory, contact by contact, on the rows that were loaded."""

    def take(self, contact: Contact) -> Message | None:
        thread = self.threads[contact.thread_kind, contact.thread_key]
        ticket = self._ticket_of_ours(contact, thread) if contact.ours else self.ticket_for(contact, thread)
        if ticket is None:
            return None
        message = self._message(contact, ticket, thread)
        self.new["Message"].append(message)
        self._keep_beside(message, contact)
        self.added.setdefault(id(ticket), (ticket, []))[1].append(message)
        if contact.key:
            self.by_key[contact.key] = message
        if contact.ours:
            if not contact.over:
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
            if host is not None and self._takes_guests(host.ticket, contact):
                seat = host
        else:
            host = None
        ticket = self._current(seat.ticket, contact) if seat else self._joined(customer, contact)
        before = seat.ticket if seat else self.latest.get(customer)
        if ticket is None:
            ticket = self._open(contact, customer, before)
            if host is not None and seat is None and before is not host.ticket:  # a colleague can see what it was about
                self.new["TicketLink"].append(
                    TicketLink(brand=self.brand, earlier=host.ticket, later=ticket, kind=TicketLink.Kind.RELATED)
                )
        self._sit(thread, profile, ticket)
        return ticket

    def _takes_guests(self, ticket: Ticket, contact: Contact) -> bool:
        """Whether others in its customer's thread join it. What was spam from one is no spam from another.

        Nobody joins a private conversation by naming it: a Message-ID is no secret. Who proves it by an address that
        only our answer held is let in.
        """
        if ticket.close_reason == CloseReason.SPAM or (
            contact.visibility == Visibility.PRIVATE and not contact.is_proven
        ):
            return False
        return ticket.is_open or self._in_window(ticket, contact)

    def _current(self, ticket: Ticket, contact: Contact) -> Ticket | None:
        """The thread's own ticket: as it is, reopened within the window, or None where it is over."""
        if ticket.is_open or ticket.close_reason == CloseReason.SPAM or contact.over:
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
        ticket.reopened_count += 1
        self._change(ticket)
        self.events.append(("ticket.reopened", ticket, None))

    def _open(self, contact: Contact, customer: Customer, before: Ticket | None) -> Ticket:
        ticket = Ticket(
            brand=self.brand,
            number=self.counter.next_ticket + len(self.new["Ticket"]),
            customer=customer,
            channel=self.channel,
            subject=contact.subject,
            priority=suggested_priority(contact.triage, upset_before=customer.pk in self.upset)[0],
            created_at=contact.heard_at,
            last_inbound_at=contact.said_at,
        )
        if contact.over:
            ticket.state, ticket.close_reason, ticket.resolved_at = TicketState.CLOSED, contact.over, contact.heard_at
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
        """Where our own post made elsewhere belongs: with what it answers, else with the thread's only ticket."""
        parent = self.by_key.get(contact.parent_key)
        if parent is not None:
            return parent.ticket if parent._state.adding else self.tickets[parent.ticket_id]
        seats = list(self.participants[thread].values())
        found = {id(seat.ticket): seat.ticket for seat in seats}
        if thread.pk:  # others may sit there whom this page does not name
            others = Participant.objects.filter(thread=thread).exclude(pk__in=[seat.pk for seat in seats if seat.pk])
            missing = list(others.order_by().values_list("ticket", flat=True).distinct()[:2])
            self._lock([key for key in missing if key not in self.tickets])
            found |= {id(self.tickets[key]): self.tickets[key] for key in missing}
        return next(iter(found.values())) if len(found) == 1 else None

    def _message(self, contact: Contact, ticket: Ticket, thread: Thread) -> Message:
        found = contact.triage
        message = Message(
            brand=self.brand,
            ticket=ticket,
            thread=thread,
            kind=MessageKind.REPLY if contact.ours else MessageKind.INBOUND,
            visibility=contact.visibility,
            profile=None if contact.ours else self._profile(contact),
            author=contact.author,
            parent=self.by_key.get(contact.parent_key),
            text=contact.text.text,
            is_cut=contact.text.is_cut,
            url=contact.url,
            is_automatic=contact.is_automatic,
            said_at=contact.said_at,
            heard_at=contact.heard_at,
            created_at=contact.heard_at,
            sent_at=contact.said_at if contact.ours else None,
        )
        if not contact.ours:
            message.language, message.intent, message.sentiment = found.language, found.intent, found.sentiment
            message.urgency, message.reach, message.reasons = found.urgency, found.reach, list(found.reasons)
            if ticket._state.adding and id(ticket) not in self.added:  # its first words
                customer = ticket.customer_id
                message.reasons += suggested_priority(found, upset_before=customer in self.upset)[1]
        return message

    def _keep_beside(self, message: Message, contact: Contact) -> None:
        if contact.html or contact.quoted:
            self.new["MessageBody"].append(
                MessageBody(brand=self.brand, message=message, html=contact.html, quoted=contact.quoted)
            )
        for file in contact.files:
            self.new["Attachment"].append(Attachment(brand=self.brand, message=message, **asdict(file)))

    def _heard_on(self, ticket: Ticket, contact: Contact) -> None:
        """The customer has the word: the ticket is open again, and an answer is due."""
        if ticket.close_reason == CloseReason.SPAM or contact.over:
            return
        if ticket.state == TicketState.WAITING:
            ticket.state = TICKET.step(ticket.state, TicketState.OPEN)
            self._change(ticket)
        ticket.last_inbound_at = max(ticket.last_inbound_at, contact.said_at)
        begin = deadlines.start_of(contact.said_at, contact.heard_at)
        for deadline in self.running[ticket.pk] if ticket.pk else ():
            if deadline.paused_at is not None:
                deadlines.go_on(self.promises, ticket, deadline, begin)
                self.changed["Deadline"].append(deadline)
        self.begun.setdefault(id(ticket), (ticket, begin))
