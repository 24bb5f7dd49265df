"""A customer's request from the help centre: a ticket like any other, answered on a page that only they can open.

The page's address holds a random key, signed. Each request is a customer of its own, whatever address was typed.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Brand, Message, MessageKind, Thread, Ticket
from helpdesk.ports import Request, ports
from helpdesk.states import TicketState
from helpdesk.text.clean import cleaned, one_line
from helpdesk.workflow.verbs import Refused
from knowledge import counting
from knowledge.models import CameFrom, Edition, Search

SIGNER = Signer(salt="knowledge.request")
PLATFORM = "web"
LONGEST = 10_000


@dataclass(frozen=True)
class Asked:
    """What the ask form holds. `edition` and `search`: what the reader saw before they asked."""

    text: str
    subject: str = ""
    name: str = ""
    address: str = ""
    edition: Edition | None = None
    search: Search | None = None


@dataclass(frozen=True)
class Entry:
    """One entry of a request as its customer reads it."""

    text: str
    at: dt.datetime
    is_ours: bool
    name: str


def new_thread() -> str:
    return secrets.token_urlsafe(18)


def token_of(thread: str) -> str:
    return SIGNER.sign(thread)


@transaction.atomic
def ask(brand: Brand, asked: Asked, thread: str, link: str) -> Message:
    """The first message of a new request. Refused names the field."""
    text, name, address = _text(asked.text), one_line(asked.name, 200), _address(asked.address)
    subject = one_line(asked.subject, 200)
    request = Request(thread, f"{thread}.1", text, subject, name, address, link)
    message = ports.take_request(brand, request)
    CameFrom.objects.create(brand=brand, ticket_id=message.ticket_id, edition=asked.edition, search=asked.search)
    if asked.edition is not None:
        counting.add(asked.edition, "asked")
    if asked.search is not None:
        Search.objects.filter(pk=asked.search.pk, ticket=None).update(ticket=message.ticket_id)
    events.record(
        [
            events.happened(
                "request.asked", brand, ticket=message.ticket_id,
                edition=asked.edition.pk if asked.edition else None, search=asked.search.pk if asked.search else None,
            )
        ]
    )  # fmt: skip
    return message


@transaction.atomic
def go_on(brand: Brand, thread: Thread, text: str, link: str) -> Message:
    """What the customer writes beneath."""
    first = thread.messages.filter(kind=MessageKind.INBOUND).select_related("profile").order_by("said_at", "id").first()
    profile = first.profile if first else None
    known = profile.handle if profile else ""
    address = known if "@" in known else ""
    request = Request(
        thread.external_key, f"{thread.external_key}.{secrets.token_hex(6)}", _text(text),
        name=profile.name if profile else "", address=address, link=link,
    )  # fmt: skip
    return ports.take_request(brand, request)


def _text(words: str) -> str:
    clean = cleaned(words, LONGEST)
    if not clean.text:
        raise Refused("text", "blank", _("Write what it is about first."))
    if clean.is_cut:
        raise Refused("text", "too_long", _("This is longer than 10,000 characters. Say it more shortly, please."))
    return clean.text


def _address(address: str) -> str:
    found = one_line(address, 255)
    if found:
        try:
            validate_email(found)
        except ValidationError as error:
            raise Refused(
                "address", "invalid", _("This is no email address. Correct it, or leave it empty.")
            ) from error
    return found


def find(brand: Brand, token: str) -> Thread | None:
    """The request's thread; None for a link that is not ours, or another brand's."""
    try:
        key = SIGNER.unsign(token)
    except BadSignature:
        return None
    rows = Thread.objects.filter(brand=brand, channel__platform=PLATFORM, external_key=key)
    return rows.select_related("channel").first()


def entries(thread: Thread) -> list[Entry]:
    """What the customer may read: their own words and the answers that were sent, in order. No notes, no drafts."""
    rows = (
        thread.messages.filter(kind__in=[MessageKind.INBOUND, MessageKind.REPLY], deleted_at=None)
        .exclude(kind=MessageKind.REPLY, sent_at=None)
        .select_related("author")
        .order_by("said_at", "id")
    )
    return [
        Entry(
            row.text,
            row.sent_at or row.said_at,
            row.kind == MessageKind.REPLY,
            row.author.name.split()[0] if row.author and row.author.name else "",
        )
        for row in rows
    ]


def state_of(thread: Thread) -> tuple[Ticket | None, str]:
    """(its ticket now, how it stands as the customer reads it)."""
    last = thread.messages.order_by("-said_at", "-id").values_list("ticket", flat=True).first()
    ticket = Ticket.objects.filter(pk=last).first() if last else None
    if ticket is None:
        return None, ""
    words = {
        TicketState.NEW: _("We have it and will answer here."),
        TicketState.OPEN: _("We are on it."),
        TicketState.WAITING: _("We have answered and wait for you."),
        TicketState.RESOLVED: _("Settled. Write again if it is not."),
        TicketState.CLOSED: _("Closed. Write again if something is left."),
    }
    return ticket, str(words[TicketState(ticket.state)])
