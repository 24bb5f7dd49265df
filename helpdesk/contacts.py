"""Logging a contact by hand: a phone call, somebody at the counter, a letter. It goes the same way in."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, intake
from helpdesk.models import Brand, Channel, Customer, Message, Profile, ThreadKind, User, Visibility
from helpdesk.ports import ports
from helpdesk.text.clean import cleaned, one_line
from helpdesk.text.phone import phone_name
from helpdesk.workflow.brands import MANUAL
from helpdesk.workflow.tickets import note, touch
from helpdesk.workflow.verbs import Refused, words


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
    ways = _ways(contact, channel)
    now = timezone.now()
    said_at = contact.said_at or now
    if said_at > now + dt.timedelta(minutes=5):
        raise Refused("said_at", "in_the_future", _("This lies in the future. Say when they called or came."))
    if said_at < now - OLDEST:
        raise Refused("said_at", "too_old", _("This lies more than ten years back. Say when they called or came."))
    key = secrets.token_urlsafe(12)
    item = intake.Contact(
        person=_person(contact, channel, ways),
        thread_kind=ThreadKind.CONTACT,
        thread_key=key,
        text=cleaned(text),
        said_at=min(said_at, now),
        heard_at=now,
        opened_by_author=True,
        author=user,
        visibility=Visibility.PRIVATE,
        subject=one_line(contact.subject, 200),
        triage=ports.triage(text, 0),
    )
    message = intake.take_in(channel, [item])[0]
    assert message is not None
    _also_known_as(message.profile, channel, ways)
    _called(message, user, one_line(contact.name, 200))
    touch(message.ticket, user)
    events.record(
        [events.happened("contact.logged", channel.brand_id, ticket=message.ticket_id, actor=user, message=message.pk)]
    )
    return message


OLDEST = dt.timedelta(days=3653)


def _also_known_as(profile: Profile | None, channel: Channel, ways: Mapping[str, str]) -> None:
    """The other ways to reach them that were written down: profiles of the same customer, where they are nobody's yet."""
    assert profile is not None
    for external_id, handle in ways.items():
        if external_id != profile.external_id:
            Profile.objects.get_or_create(
                brand_id=channel.brand_id,
                namespace=MANUAL,
                external_id=external_id,
                defaults={"customer_id": profile.customer_id, "platform": channel.platform, "handle": handle},
            )


def _called(message: Message, user: User, name: str) -> None:
    """A name given for somebody we know: theirs, where we had none, else a note for colleagues."""
    customer = message.ticket.customer
    if not name or customer.name == name:
        return
    known = set(customer.profiles.values_list("handle", flat=True)) | {""}
    if customer.name in known:
        Customer.objects.filter(pk=customer.pk).update(name=name)
    else:
        note(message.ticket_id, user, _("The name given was %(name)s.") % {"name": name})


def numbers(term: str, brands: Collection[int]) -> set[str]:
    """The names a phone number may have in these brands, whose countries differ."""
    countries = Brand.objects.filter(pk__in=brands).values_list("country", flat=True)
    return {phone_name(term, country)[0] for country in {"", *countries}}


def _ways(contact: Logged, channel: Channel) -> dict[str, str]:
    """How they can be reached, as written down: the name of each way (the same however it is written) -> to show."""
    ways: dict[str, str] = {}
    phone, email = one_line(contact.phone, 40), contact.email.strip().lower()
    if phone:
        name, handle = phone_name(phone, channel.brand.country)
        if len(name) < len("tel:") + 3:
            raise Refused("phone", "no_number", _("This is no phone number."))
        ways[name] = handle
    if len(email) > 254:
        raise Refused("email", "too_long", _("An address has at most 254 characters."))
    if email:
        ways[f"mailto:{email}"] = email
    return ways


def _person(contact: Logged, channel: Channel, ways: Mapping[str, str]) -> intake.Person:
    """Whom intake files it under. What is known of somebody stays as it is: an empty handle or name changes nothing."""
    name = one_line(contact.name, 200)
    if contact.customer is not None and name:
        raise Refused("name", "not_both", _("Give a known customer or a name, not both."))
    if contact.customer is None and not (name or ways):
        raise Refused("name", "blank", _("Say who it was: a name, a phone number or an address."))
    mine = Profile.objects.filter(brand_id=channel.brand_id, namespace=MANUAL).order_by("id")
    known = mine.filter(customer=contact.customer) if contact.customer else mine.filter(external_id__in=ways)
    found = (known.filter(external_id__in=ways).first() if contact.customer and ways else None) or known.first()
    if found is not None:
        return intake.Person(channel.platform, MANUAL, found.external_id, customer=found.customer)
    if contact.customer is not None:
        free = [way for way in ways if not mine.filter(external_id=way).exists()]
        way = free[0] if free else f"customer:{contact.customer.public_id}"
        return intake.Person(channel.platform, MANUAL, way, ways.get(way, ""), customer=contact.customer)
    way = next(iter(ways), f"person:{secrets.token_urlsafe(12)}")
    handle = ways.get(way, "")
    return intake.Person(channel.platform, MANUAL, way, handle, name or handle[:200])
