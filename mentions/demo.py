"""The demo brand, Northwind Rail: invented people, some history, and a stream that keeps arriving.

Everything goes in through the doors real things use: the demo connector, ingest, intake, workflow.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from helpdesk import contacts, events
from helpdesk.models import Brand, Channel, Customer, Membership, Profile, Ticket, User
from helpdesk.permissions import Role
from helpdesk.workflow import replies, tickets
from helpdesk.workflow.brands import MANUAL, open_brand
from mentions import accounts, delivery, polling
from mentions.models import Source
from mentions.platforms.demo import ledger

SLUG = "northwind-rail"
PEOPLE = (
    ("owner@northwind.example", "Maya Berg", Role.OWNER),
    ("lena@northwind.example", "Lena Karlsson", Role.MANAGER),
    ("sven@northwind.example", "Sven Holm", Role.LEAD),
    ("noor@northwind.example", "Noor Haddad", Role.AGENT),
    ("audit@northwind.example", "Ivo Brandt", Role.AUDITOR),
)
CHANNELS = ("x", "bluesky", "mastodon", "email", "blog")

# (hours ago, channel, who, what, our answer or "", private?)
HISTORY = [
    (70, "x", "tomas", "@northwindrail el tren de las 7:10 lleva 40 minutos parado y nadie informa. ¿Qué pasa?", "Hola Tomás, una avería de señal en Valdemar. Sale a las 7:55; te devolvemos el billete si lo pides hoy. ^Noor", False),
    (52, "mastodon", "kirsi", "Is the quiet carriage really quiet, @northwindrail? Thinking of working on the way.", "It is, Kirsi: carriage 3, no calls, and we do ask people. Power at every seat. ^Sven", False),
    (49, "email", "jo", "Lost umbrella, platform 4. It is green with a wooden handle. I took the 8:12 on Monday. Could you look?", "Dear Jo, we found it: it waits for you at the Harbour desk until the 30th. ^Noor", True),
    (30, "blog", "lotte", "Euer neuer Fahrplan streicht die letzte Verbindung nach Lund. Wie sollen Schichtarbeiter heimkommen?", "Liebe Lotte, ab dem 1. fährt um 23:40 ein Bus, mit Ihrem Ticket. Danke, dass Sie es sagen. ^Lena", False),
    (26, "bluesky", "ana", "@northwindrail the app logged me out on the platform and my ticket was gone. The inspector was kind, but still.", "Ana, that must have been a fright. Tickets stay on the phone from version 4.2; yours is safe on your account. ^Sven", False),
    (9, "x", "claire", "@northwindrail 3h de retard cumulé cette semaine. Où sont les compensations promises ? C’est honteux.", "", False),
    (7, "bluesky", "ana", "@northwindrail I was charged twice for the Malmö ticket and the refund form just spins. Third time writing about this.", "", False),
    (6, "mastodon", "priya", "How do I book the wheelchair ramp at Elm Street for Friday, @northwindrail?", "", False),
    (5, "email", "ana", "Re: Charged twice. My booking is NW-00-771. Both charges are from Tuesday. Could you please look into it today?", "", True),
    (4.5, "blog", "dario", "The new quiet carriage is lovely. First time I finished a book on the way to work.", "", False),
    (3.8, "x", "sam", "@northwindrail a door closed on my daughter's arm at Harbour station, she is hurt. Who can we talk to today?", "", False),
    (3, "mastodon", "mika", "Would be great if the app showed which carriage has free seats, @northwindrail", "", False),
    (2, "bluesky", "ines", "@northwindrail obrigada à funcionária de Elm Street, ajudou a minha mãe com as malas. Excelente!", "", False),
    (1.2, "email", "ruth", "Gibt es im neuen Fahrplan noch den direkten Zug nach Lund? Ich fahre jeden Dienstag.", "", True),
    (0.7, "x", "leo", "@northwindrail wifi on the 8:05 is down again. Two hours of work lost. Great.", "", False),
    (0.3, "x", "deals", "Make money from home!! Click here for the giveaway → example.com/win", "", False),
]  # fmt: skip


@dataclass(frozen=True)
class Made:
    """The demo brand, and the password of its people (empty where it was there before)."""

    brand: Brand
    password: str


def make() -> Made:
    """The demo brand; a second call changes nothing."""
    found = Brand.objects.filter(slug=SLUG).first()
    if found is not None:
        return Made(found, "")
    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        brand = open_brand(SLUG, "Northwind Rail", time_zone="Europe/Stockholm")
        people = {role: _member(brand, email, name, role, password) for email, name, role in PEOPLE}
        events.record([events.happened("brand.opened", brand)])
    sources = {channel: _listen(brand, people[Role.OWNER], channel) for channel in CHANNELS}
    _history(sources, people)
    _by_hand(brand, people[Role.AGENT])
    _one_person(brand)
    return Made(brand, password)


def _member(brand: Brand, email: str, name: str, role: Role, password: str) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, password, name=name)
    Membership.objects.create(brand=brand, user=user, role=role)
    return user


NAMES = {
    "x": "X @northwindrail",
    "bluesky": "Bluesky",
    "mastodon": "Mastodon",
    "email": "Mailbox",
    "blog": "Blog comments",
}


def _listen(brand: Brand, owner: User, channel: str) -> Source:
    return accounts.add_source(
        brand, owner, accounts.Wanted("demo", NAMES[channel], {"shown_as": channel}, rhythm_seconds=20)
    )


def _history(sources: dict[str, Source], people: dict[Role, User]) -> None:
    """What was said in the last days, oldest first, and what was answered."""
    now = timezone.now()
    agents = [people[Role.AGENT], people[Role.LEAD], people[Role.MANAGER]]
    for number, (hours, channel, who, text, answer, is_private) in enumerate(HISTORY):
        source = sources[channel]
        at = now - dt.timedelta(hours=hours)
        ledger.say(source.account_id, f"past-{number}", who, text, at, is_private=is_private)
        polling.poll(source.pk, forced=True)
        if answer:
            ticket = Ticket.objects.get(messages__mention__external_id=f"demo:past-{number}", brand=source.brand_id)
            sent = replies.reply(ticket.pk, agents[number % 3], answer, "private" if is_private else "public")
            delivery.deliver(sent.pk)
            tickets.resolve(ticket.pk, agents[number % 3])


def _by_hand(brand: Brand, agent: User) -> None:
    phone = Channel.objects.get(brand=brand, platform=MANUAL, name="Phone")
    floor = Channel.objects.get(brand=brand, platform=MANUAL, name="Shop floor")
    now = timezone.now()
    called = contacts.Logged(
        "She needs the ramp at Elm Street on Friday at 9:40. Please call back to confirm.",
        name="Priya Nair",
        phone="+46 70 555 01 19",
        subject="Wheelchair ramp on Friday",
        said_at=now - dt.timedelta(hours=2),
    )
    contacts.log(phone, agent, called)
    came = contacts.Logged(
        "Came to the counter: the vending machine on platform 2 keeps her coins. Wants her 4 back.",
        name="Greta Olsen",
        subject="Coins kept by the machine",
        said_at=now - dt.timedelta(minutes=50),
    )
    message = contacts.log(floor, agent, came)
    tickets.note(message.ticket_id, agent, "Machine 2-B, reported to facilities.")


def _one_person(brand: Brand) -> None:
    """Ana writes from two platforms and by mail: an agent has joined her three profiles."""
    names = ("ana",)
    for name in names:
        rows = list(Profile.objects.filter(brand=brand, external_id=f"demo:{name}").order_by("id"))
        person = rows[0].customer
        others = [row.customer_id for row in rows[1:]]
        Profile.objects.filter(pk__in=[row.pk for row in rows]).update(customer=person)
        Ticket.objects.filter(customer__in=others).update(customer=person)
        Customer.objects.filter(pk=person.pk).update(
            name="Ana Lindqvist",
            place="Lund",
            language="sv",
            about="Travels Lund–Malmö daily. Prefers English in writing.",
        )
