"""Logging a contact by hand: a phone call, somebody at the counter, a letter. It goes the same way in."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, intake
from helpdesk.models import Channel, Customer, Message, Profile, ThreadKind, User, Visibility
from helpdesk.ports import ports
from helpdesk.text.clean import cleaned, one_line
from helpdesk.workflow.brands import MANUAL
from helpdesk.workflow.tickets import Refused, touch, words


@dataclass(frozen=True)
class Logged:
    """What the agent wrote down. Either `customer` or something of `name`, `phone`, `email` says who it was."""

    text: str
    customer: Customer | None = None
    name: str = ""
    phone: str = ""
    email: str = ""
    subject: str = ""
    said_at: dt.datetime | None = None


@transaction.atomic
def log(channel: Channel, user: User, contact: Logged) -> Message:
    """The first message of the new (or joined) ticket. Refused names the field."""
    text = words(contact.text)
    now = timezone.now()
    said_at = contact.said_at or now
    if said_at > now + dt.timedelta(minutes=5):
        raise Refused("said_at", "in_the_future", _("This lies in the future. Say when they called or came."))
    if said_at < now - OLDEST:
        raise Refused("said_at", "too_old", _("This lies more than ten years back. Say when they called or came."))
    key = secrets.token_urlsafe(12)
    item = intake.Contact(
        person=_person(contact, channel),
        thread_kind=ThreadKind.CONTACT,
        thread_key=key,
        text=cleaned(text),
        said_at=min(said_at, now),
        heard_at=now,
        opened_by_author=True,
        visibility=Visibility.PRIVATE,
        subject=one_line(contact.subject, 200),
        triage=ports.triage(text, 0),
    )
    message = intake.take_in(channel, [item])[0]
    assert message is not None
    message.author = user
    message.save(update_fields=["author"])
    _also_known_as(message.profile, channel, contact)
    touch(message.ticket, user)
    events.record(
        [events.happened("contact.logged", channel.brand_id, ticket=message.ticket_id, actor=user, message=message.pk)]
    )
    return message


OLDEST = dt.timedelta(days=3653)


def _also_known_as(profile: Profile | None, channel: Channel, contact: Logged) -> None:
    """The other ways to reach them that were written down: profiles of the same customer, where they are nobody's yet."""
    assert profile is not None
    phone, email = one_line(contact.phone, 40), contact.email.strip().lower()
    digits = "".join(sign for sign in phone if sign.isdigit())
    ways = {f"tel:{digits}": phone if digits else "", f"mailto:{email}": email}
    for external_id, handle in ways.items():
        if handle and external_id != profile.external_id:
            Profile.objects.get_or_create(
                brand_id=channel.brand_id,
                namespace=MANUAL,
                external_id=external_id,
                defaults={"customer_id": profile.customer_id, "platform": channel.platform, "handle": handle},
            )


def _person(contact: Logged, channel: Channel) -> intake.Person:
    name, phone, email = one_line(contact.name, 200), one_line(contact.phone, 40), contact.email.strip().lower()
    digits = "".join(sign for sign in phone if sign.isdigit())
    if len(email) > 254:
        raise Refused("email", "too_long", _("An address has at most 254 characters."))
    if phone and len(digits) < 3:
        raise Refused("phone", "no_number", _("This is no phone number."))
    if contact.customer is not None and name:
        raise Refused("name", "not_both", _("Give a known customer or a name, not both."))
    if contact.customer is None and not (name or phone or email):
        raise Refused("name", "blank", _("Say who it was: a name, a phone number or an address."))
    way = f"tel:{digits}" if digits else f"mailto:{email}" if email else ""
    external = _name_of(contact.customer, way, channel) if contact.customer else way
    return intake.Person(
        channel.platform,
        MANUAL,
        external or f"person:{secrets.token_urlsafe(12)}",
        phone or email,
        name or ("" if contact.customer else (phone or email)[:200]),
        customer=contact.customer,
    )


def _name_of(customer: Customer, way: str, channel: Channel) -> str:
    """What a known customer is called among those kept by hand: as before, else the number they were reached at."""
    mine = Profile.objects.filter(brand_id=channel.brand_id, namespace=MANUAL)
    known = mine.filter(customer=customer).order_by("id").first()
    if known is not None:
        return known.external_id
    taken = not way or mine.filter(external_id=way).exists()
    return f"customer:{customer.public_id}" if taken else way
