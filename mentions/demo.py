"""The demo brand, Northwind Rail: invented people, some history, and a stream that keeps arriving.

Everything goes in through the doors real things use: the demo connector, ingest, intake, workflow.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from helpdesk import contacts, events, intake, summary
from helpdesk.models import (
    Brand,
    Channel,
    Customer,
    Deadline,
    Delivery,
    Escalation,
    Event,
    Incident,
    Level,
    Membership,
    Message,
    MessageKind,
    Profile,
    Survey,
    Thread,
    Ticket,
    User,
)
from helpdesk.permissions import Role
from helpdesk.ports import ports
from helpdesk.states import PartState
from helpdesk.text.clean import cleaned
from helpdesk.workflow import (
    areas,
    brands,
    calendars,
    concessions,
    deciding,
    escalation,
    following_up,
    forget,
    incidents,
    lessons,
    policies,
    replies,
    surveys,
    sweep,
    tickets,
    verbs,
)
from helpdesk.workflow.brands import MANUAL, open_brand
from helpdesk.workflow.people import save_team
from helpdesk.workflow.replies import settle_part
from mentions import connecting, delivery, demo_season, ingest, polling, terms
from mentions.models import Account, Gap, Source, Usage
from mentions.platforms.demo import ledger

SLUG = "northwind-rail"
PEOPLE = (
    ("owner@northwind.example", "Maya Berg", Role.OWNER),
    ("lena@northwind.example", "Lena Karlsson", Role.MANAGER),
    ("sven@northwind.example", "Sven Holm", Role.LEAD),
    ("noor@northwind.example", "Noor Haddad", Role.AGENT),
    ("audit@northwind.example", "Ivo Brandt", Role.AUDITOR),
)
CHANNELS = ("x", "bluesky", "mastodon", "email", "blog", "feed")


class Settled(NamedTuple):
    """Something said, answered and settled days ago."""

    hours: float  # ago
    channel: str
    who: str
    text: str
    waited: int  # minutes until we answered
    answer: str
    thanks: str
    is_private: bool = False


# oldest first
SETTLED = [
    Settled(70, "x", "tomas", "@northwindrail el tren de las 7:10 lleva 40 minutos parado y nadie informa. ¿Qué pasa?", 12, "Hola Tomás, una avería de señal en Valdemar. Sale a las 7:55; te devolvemos el billete si lo pides hoy. ^Noor", "Gracias por la respuesta rápida."),
    Settled(52, "mastodon", "kirsi", "Is the quiet carriage really quiet, @northwindrail? Thinking of working on the way.", 41, "It is, Kirsi: carriage 3, no calls, and we do ask people. Power at every seat. ^Sven", "Perfect, thanks a lot 👍"),
    Settled(49, "email", "jo", "Lost umbrella, platform 4. It is green with a wooden handle. I took the 8:12 on Monday. Could you look?", 95, "Dear Jo, we found it: it waits for you at the Harbour desk until the 30th. ^Noor", "How wonderful, thank you for looking!", True),
    Settled(30, "blog", "lotte", "Euer neuer Fahrplan streicht die letzte Verbindung nach Lund. Wie sollen Schichtarbeiter heimkommen?", 160, "Liebe Lotte, ab dem 1. fährt um 23:40 ein Bus, mit Ihrem Ticket. Danke, dass Sie es sagen. ^Lena", "Das hilft, danke!"),
    Settled(26, "bluesky", "ana", "@northwindrail the app logged me out on the platform and my ticket was gone. The inspector was kind, but still.", 25, "Ana, that must have been a fright. Tickets stay on the phone from version 4.2; yours is safe on your account. ^Sven", "Found it, thank you."),
]  # fmt: skip

# (hours ago, channel, who, what, private?); nobody has answered these yet
WAITING = [
    (9, "x", "claire", "@northwindrail 3h de retard cumulé cette semaine. Où sont les compensations promises ? C’est honteux.", False),
    (7, "bluesky", "ana", "@northwindrail I was charged twice for the Malmö ticket and the refund form just spins. Third time writing about this.", False),
    (6, "mastodon", "priya", "How do I book the wheelchair ramp at Elm Street for Friday, @northwindrail?", False),
    (5, "email", "ana", "Re: Charged twice. My booking is NW-00-771. Both charges are from Tuesday. Could you please look into it today?", True),
    (4.5, "blog", "dario", "The new quiet carriage is lovely. First time I finished a book on the way to work.", False),
    (3.8, "x", "sam", "@northwindrail a door closed on my daughter's arm at Harbour station, she is hurt. Who can we talk to today?", False),
    (3, "mastodon", "mika", "Would be great if the app showed which carriage has free seats, @northwindrail", False),
    (2, "bluesky", "ines", "@northwindrail obrigada à funcionária de Elm Street, ajudou a minha mãe com as malas. Excelente!", False),
    (1.2, "email", "ruth", "Gibt es im neuen Fahrplan noch den direkten Zug nach Lund? Ich fahre jeden Dienstag.", True),
    (0.7, "x", "leo", "@northwindrail wifi on the 8:05 is down again. Two hours of work lost. Great.", False),
    (0.3, "x", "deals", "Make money from home!! Click here for the giveaway → example.com/win", False),
]  # fmt: skip


LETTER = """<p>Dear Northwind,</p><p>the <b>seat map overlaps the pay button</b> on my phone, so I could not buy a ticket for
Friday. What I see:</p><table><tr><th>Phone</th><th>App</th><th>Button</th></tr><tr><td>Model 12 mini</td><td>4.2.1</td>
<td>half covered</td></tr></table><p>The log is attached. <img src="https://mail.example/pixel.gif" alt=""></p><p>Kind regards<br>Bo</p>"""

# (hours ago, channel, who, what, what else comes with it)
ALSO: list[tuple[float, str, str, str, dict[str, Any]]] = [
    (8.2, "email", "bo", "Dear Northwind,\n\nthe seat map overlaps the pay button on my phone, so I could not buy a ticket for Friday. "
     "The log is attached.\n\nKind regards\nBo",
     {"subject": "Cannot pay in the app", "html": LETTER, "quoted": "On Monday Northwind Rail wrote:\n> Your account has been opened. Have a good journey!",
      "file": {"name": "app-log.txt", "media_type": "text/plain", "text": "09:12:04 seats: 48 drawn\n09:12:05 pay: hidden at y=612\n"}}),
    (6.4, "email", "kirsi", "Has anybody managed to take a cargo bike on the 12:20? The rules say one thing, the crew another.",
     {"subject": "[lund-commuters] Cargo bikes", "list": "lund-commuters@lists.example"}),
    (5.6, "blog", "jo", "You promised a shelter on platform 4 last spring. It rained on us again today. When is it coming?", {"held": True}),
    (2.6, "feed", "mika", "Northwind's new timetable, line by line: what the evening trains lose.", {"url": "https://railwatch.example/timetable"}),
    (1.7, "x", "tomas", "Tres horas con Northwind Rail y ni un café. ¿Así quieren que deje el coche?", {"beyond": True}),
    (1.4, "x", "ines", "Só queria dizer que a Nortwind Rail tem as melhores janelas da Europa.", {"beyond": True}),
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
        brand = open_brand(SLUG, "Northwind Rail", time_zone="Europe/Stockholm", country="SE")
        people = {role: _member(brand, email, name, role, password) for email, name, role in PEOPLE}
        events.record([events.happened("brand.opened", brand)])
    sources = {channel: _listen(brand, people[Role.OWNER], channel) for channel in CHANNELS}
    _history(sources, people)
    _by_hand(brand, people[Role.AGENT])
    _one_person(brand)
    _under_way(sources, people)
    _every_inbox(sources, people)
    _see_it_through(brand, people)
    _what_came_of_it(sources, people)
    for furnish in ports.after_demo:
        furnish(brand)
    return Made(brand, password)


def _member(brand: Brand, email: str, name: str, role: Role, password: str) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, password, name=name)
    Membership.objects.create(brand=brand, user=user, role=role)
    return user


OFFICE = [[["08:00", "18:00"]]] * 5 + [[["10:00", "15:00"]], []]


def _see_it_through(brand: Brand, people: dict[Role, User]) -> None:
    """What is promised, who is asked when it goes wrong, and the ladder as it stands: one step taken, one about to climb."""
    manager, lead = people[Role.MANAGER], people[Role.LEAD]
    office = calendars.save(
        brand, manager, name="Customer desk", time_zone="Europe/Stockholm", week=OFFICE, country="SE",
        closed_days=[{"day": f"{timezone.now().year}-12-24", "name": "Christmas Eve"}],
    )  # fmt: skip
    promises: tuple[dict[str, Any], ...] = (
        {"name": "Complaints", "intents": ["complaint"], "first_response_minutes": 60, "next_response_minutes": 120,
         "resolution_minutes": 2 * 24 * 60, "risk_minutes": 20},
        {"name": "Questions and the rest", "calendar": office, "first_response_minutes": 240, "next_response_minutes": 480},
    )  # fmt: skip
    for place, promise in enumerate(promises, 1):
        policies.save_service(brand, manager, position=10 * place, **promise)
    specialists = save_team(brand, manager, name="Specialists", members=[lead.pk, manager.pk])
    second = Level.objects.get(brand=brand, number=2)
    policies.save_level(brand, manager, second, team=specialists, checks_replies=True)
    policies.save_level(brand, manager, name="Area managers", acknowledge_minutes=60, reminders=0)
    policies.save_shift(second, manager, user=lead, weekdays=[0, 1, 2, 3, 4], start=8 * 60, end=18 * 60)
    now = timezone.now()
    sweep.follow(brand.pk, now)
    while sweep.sweep(now):
        pass
    steps = Escalation.objects.filter(brand=brand, ended_at=None).select_related("ticket")
    hurt = steps.filter(reason__code="words").first()
    if hurt is not None:
        escalation.acknowledge(hurt.ticket_id, manager)
    letter = steps.filter(ticket__subject="Cannot pay in the app", ticket__level=2).first()
    if letter is not None:  # waits for a second pair of eyes
        words = "Dear Bo, the button is free again from version 4.2.2, and your Friday fare is held for you. ^Noor"
        replies.reply(letter.ticket_id, people[Role.AGENT], words, "private")
    priya = Ticket.objects.filter(brand=brand, subject="Wheelchair ramp on Friday").first()
    if priya is not None:
        following_up.plan(priya.pk, people[Role.AGENT], "call", now + dt.timedelta(hours=20), reason="promised")
    waits = steps.filter(acknowledged_at=None, ticket__customer__name__startswith="Ana").first()
    if waits is not None:
        by = now + dt.timedelta(minutes=8)
        steps.filter(pk=waits.pk).update(
            raised_at=by - dt.timedelta(minutes=60), acknowledge_by=by, next_at=by, reminded=1
        )
        summary.refresh([waits.ticket_id])


# What is wrong in the app today, as people say it
OUTAGE = (
    ("mastodon", "ruth", "Payment fails in the app every time, @northwindrail. Card is fine everywhere else."),
    ("x", "dario", "@northwindrail your app won't take my card, payment error for the third time"),
    ("bluesky", "jo", "I cannot buy a ticket, the payment page in the app keeps failing"),
    ("email", "lotte", "The app does not let me pay since this morning, my card was refused three times."),
)


def _what_came_of_it(sources: dict[str, Source], people: dict[Role, User]) -> None:
    """Verdicts, one of them unhappy; a concession granted, one refused, one that waits; a lesson; an incident."""
    brand, agent, lead, manager = sources["x"].brand, people[Role.AGENT], people[Role.LEAD], people[Role.MANAGER]
    brands.change(brand.pk, manager, currency="EUR", survey_minutes=24 * 60)
    _verdicts(brand, agent)
    coins = Ticket.objects.get(brand=brand, subject="Coins kept by the machine")
    concessions.ask(coins.pk, agent, "refund", Decimal(4), "The machine kept her coins", grant=True)
    claire = _new(sources, 0)
    asked = concessions.ask(claire.pk, agent, "voucher", Decimal(150), "Three hours late within a week")
    deciding.refuse(asked.approval.pk, manager, "The fare law covers it: 25 % back at once, and say it personally.")
    concessions.ask(_new(sources, 1).pk, agent, "refund", Decimal(38), "We charged twice and let her write three times")
    areas.save(brand, manager, name="App", manager_id=people[Role.LEAD].pk)
    areas.save(brand, manager, name="Stations")
    _lesson(sources, lead)
    _outage(sources, lead, manager)


def _verdicts(brand: Brand, agent: User) -> None:
    """Of the tickets that were settled days ago: asked and answered, one without a verdict, one unhappy."""
    now = timezone.now()
    settled = {row.customer.profiles.first().external_id: row for row in Ticket.objects.filter(brand=brand, state="resolved").select_related("customer")}  # type: ignore[union-attr]  # fmt: skip
    happy = _asked(settled["demo:jo"], agent, now - dt.timedelta(hours=20))
    surveys.answer(happy.pk, 5, "It was at the desk, wrapped in paper. Thank you, Noor.")
    silent = _asked(settled["demo:tomas"], agent, now - dt.timedelta(days=14, hours=1))
    Survey.objects.filter(pk=silent.pk).update(expires_at=now)
    surveys.expire(now)
    unhappy = _asked(settled["demo:kirsi"], agent, now - dt.timedelta(hours=5))
    surveys.answer(unhappy.pk, 2, "A school class sat in carriage 3, loud all the way, and nobody asked them.")


def _asked(ticket: Ticket, agent: User, at: dt.datetime) -> Survey:
    row = surveys.ask(ticket.pk, agent)
    assert row.delivery is not None
    delivery.deliver(row.delivery.pk)
    Survey.objects.filter(pk=row.pk).update(sent_at=at)
    Message.objects.filter(delivery=row.delivery).update(said_at=at, heard_at=at, created_at=at, sent_at=at)
    return row


def _lesson(sources: dict[str, Source], lead: User) -> None:
    """A ticket that had to be raised, settled and written up."""
    account = sources["mastodon"].account_id
    ledger.say(account, "learnt", "priya", "Nobody met me with the ramp at Elm Street on Monday, @northwindrail. I missed my train.", timezone.now() - dt.timedelta(hours=60))  # fmt: skip
    polling.poll(sources["mastodon"].pk, forced=True)
    ticket = _ticket(sources["x"].brand, "learnt")
    if not ticket.escalations.filter(ended_at=None).exists():
        escalation.escalate(ticket.pk, lead)
    step = ticket.escalations.get(ended_at=None)
    escalation.acknowledge(ticket.pk, lead)
    tickets.log_call(
        ticket.pk, lead, "Called Priya and said sorry: booked for Friday by hand, with a name at the door."
    )
    tickets.resolve(ticket.pk, lead)
    words = "Show the next day's ramp bookings on the station's board every evening."
    lessons.write(step.pk, lead, "Ramp booking did not reach the station", "Stations", words)


def _outage(sources: dict[str, Source], lead: User, manager: User) -> None:
    """Many write of one trouble: an incident, what all were told, and an update that waits for approval."""
    now = timezone.now()
    for number, (channel, who, text) in enumerate(OUTAGE):
        at = now - dt.timedelta(minutes=50 - 9 * number)
        ledger.say(sources[channel].account_id, f"outage-{number}", who, text, at, is_private=channel == "email")
    _listen_to_all(sources)
    brand = sources["x"].brand
    hit = {_ticket(brand, f"outage-{number}").pk for number in range(3)}
    row = incidents.begin(brand, lead, "Payments in the app fail", hit)
    words = (
        "{name}, payments in the app fail since this morning: it is us, not your card. We write again by noon. ^Sven"
    )
    said = incidents.say(row.pk, lead, "holding", words)
    deciding.approve(said.approval.pk, manager)
    while incidents.tell(now + dt.timedelta(minutes=5)):
        pass
    for copy in said.copies.exclude(delivery=None):
        delivery.deliver(copy.delivery_id or 0)
    Incident.objects.filter(pk=row.pk).update(opened_at=now - dt.timedelta(minutes=30))
    row.statements.update(created_at=now - dt.timedelta(minutes=25))
    incidents.say(
        row.pk, lead, "update", "{name}, cards work again; transfers still fail. Sorry for the morning. ^Sven"
    )


NAMES = {
    "x": "X @northwindrail",
    "bluesky": "Bluesky",
    "mastodon": "Mastodon",
    "email": "Mailbox",
    "blog": "Blog comments",
    "feed": "Rail watchers",
}


def _listen(brand: Brand, owner: User, channel: str) -> Source:
    return connecting.add_source(
        brand, owner, connecting.Wanted("demo", NAMES[channel], {"shown_as": channel}, rhythm_seconds=20)
    )


def _history(sources: dict[str, Source], people: dict[Role, User]) -> None:
    """What was said in the last days: the older half answered and settled, the newer half waiting."""
    now = timezone.now()
    agents = [people[Role.AGENT], people[Role.LEAD], people[Role.MANAGER]]
    for number, past in enumerate(SETTLED):
        at = now - dt.timedelta(hours=past.hours)
        account = sources[past.channel].account_id
        ledger.say(account, f"past-{number}", past.who, past.text, at, is_private=past.is_private)
    _listen_to_all(sources)
    for number, past in enumerate(SETTLED):
        _settle(sources[past.channel], f"past-{number}", past, agents[number % len(agents)], now)
    for number, (hours, channel, who, text, is_private) in enumerate(WAITING):
        at = now - dt.timedelta(hours=hours)
        ledger.say(sources[channel].account_id, f"new-{number}", who, text, at, is_private=is_private)
    _listen_to_all(sources)


def _listen_to_all(sources: dict[str, Source]) -> None:
    for source in sources.values():
        polling.poll(source.pk, forced=True)


def _settle(source: Source, key: str, past: Settled, agent: User, now: dt.datetime) -> None:
    """Answer it, hear their thanks, resolve it; then move all of it to when it was."""
    asked = Message.objects.get(mention__external_id=f"demo:{key}", brand=source.brand_id)
    sent = replies.reply(asked.ticket_id, agent, past.answer, "private" if past.is_private else "public")
    delivery.deliver(sent.pk)
    answered_at = asked.said_at + dt.timedelta(minutes=past.waited)
    thanked_at = answered_at + dt.timedelta(minutes=35)
    ledger.react(source.account_id, sent.parts.get().external_id, past.thanks, answered_at, thanked_at)
    polling.poll(source.pk, forced=True)
    tickets.resolve(asked.ticket_id, agent)
    _as_if_then(asked, sent, answered_at, thanked_at)


def _as_if_then(asked: Message, sent: Delivery, answered_at: dt.datetime, thanked_at: dt.datetime) -> None:
    """The ticket's rows with the times they would have, had this brand been open then."""
    ticket, settled_at = asked.ticket_id, thanked_at + dt.timedelta(minutes=10)
    messages, runs = Message.objects.filter(ticket=ticket), Deadline.objects.filter(ticket=ticket)
    inbound = messages.filter(kind=MessageKind.INBOUND)
    inbound.update(heard_at=F("said_at"), created_at=F("said_at"))
    ours = dict.fromkeys(("said_at", "heard_at", "created_at", "sent_at"), answered_at)
    messages.filter(kind=MessageKind.REPLY).update(**ours)
    Delivery.objects.filter(pk=sent.pk).update(created_at=answered_at)
    sent.parts.update(sent_at=answered_at, send_after=answered_at)
    first = runs.filter(kind=Deadline.Kind.FIRST_RESPONSE).get()
    start, length = asked.said_at, first.due_at - first.started_at
    runs.update(risk_at=None)
    runs.filter(pk=first.pk).update(started_at=start, due_at=start + length, met_at=answered_at)
    runs.exclude(pk=first.pk).update(started_at=thanked_at, due_at=thanked_at + length, dropped_at=settled_at)
    Ticket.objects.filter(pk=ticket).update(created_at=asked.said_at, resolved_at=settled_at)
    Event.objects.filter(ticket_id=ticket).update(at=settled_at)
    Event.objects.filter(ticket_id=ticket, data__message=asked.pk).update(at=asked.said_at)
    Event.objects.filter(ticket_id=ticket, code="ticket.created").update(at=asked.said_at)
    summary.refresh([ticket])


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
    ana = contacts.Logged(
        "Called about the double charge: the bank shows both. She has written twice and wants to hear from a person.",
        phone="+46 70 555 01 42",
        subject="Charged twice for Malmö",
        customer=Customer.objects.get(brand=brand, profiles__external_id="demo:ana", profiles__platform="bluesky"),
        said_at=now - dt.timedelta(hours=1.6),
    )
    contacts.log(phone, agent, ana)
    came = contacts.Logged(
        "Came to the counter: the vending machine on platform 2 keeps her coins. Wants her 4 back.",
        name="Greta Olsen",
        subject="Coins kept by the machine",
        said_at=now - dt.timedelta(minutes=50),
    )
    message = contacts.log(floor, agent, came)
    tickets.note(message.ticket_id, agent, "Machine 2-B, reported to facilities.")


def _under_way(sources: dict[str, Source], people: dict[Role, User]) -> None:
    """What a desk shows on an ordinary day: answered and waiting, somebody's own, edited, gone, stuck."""
    owner, lead, agent = people[Role.OWNER], people[Role.LEAD], people[Role.AGENT]
    for number, by in ((0, agent), (2, lead), (6, owner)):
        tickets.assign(_new(sources, number).pk, by, by)
    delivery.deliver(
        replies.reply(_new(sources, 6).pk, lead, "Good idea, Mika: we have passed it on. ^Sven", "public").pk
    )
    delivery.deliver(replies.reply(_new(sources, 7).pk, agent, "Obrigada, Inês! Vamos dizer-lhe. ^Noor", "public").pk)
    charged = _new(sources, 1)
    tickets.assign(charged.pk, owner, owner)
    tickets.note(charged.pk, lead, "Two charges confirmed in billing; the form bug again.")
    for number, state, words in (
        (0, PartState.UNKNOWN, "Claire, je regarde tout de suite vos trois trajets. ^Noor"),
        (9, PartState.FAILED, "Leo, sorry about that: the 8:05 gets new routers on Thursday. ^Noor"),
    ):
        _stuck(replies.reply(_new(sources, number).pk, agent, words, "public"), state)
    with transaction.atomic():
        now = timezone.now()
        edited = Message.objects.get(mention__external_id="demo:new-2", brand=charged.brand_id)
        words = edited.text.replace("for Friday", "for Friday at 9:40")
        intake.edit(edited.pk, cleaned(words), ports.triage(words, edited.reach), now)
        gone = Message.objects.get(mention__external_id="demo:past-1", brand=charged.brand_id)
        thanks = gone.ticket.messages.filter(kind=MessageKind.INBOUND).exclude(pk=gone.pk)
        verbs.locked(gone.ticket_id)
        forget.tombstone(list(thanks), now)
    broken = {"uri": "demo:blog/8812", "author": None, "text": "Is the 17:42 …"}
    ingest.quarantine(sources["blog"], broken, {"code": "malformed", "detail": "author is missing"}, timezone.now())


def _every_inbox(sources: dict[str, Source], people: dict[Role, User]) -> None:
    """What each kind of inbox has of its own: a held comment, a letter with a file, a list, a feed, a search, an archive."""
    now, owner = timezone.now(), people[Role.OWNER]
    brand, x = sources["x"].brand, sources["x"].account
    term = terms.create(
        brand, owner, name="Our name", include=["Northwind Rail"], exclude=["northwindrail"], near_misses=True
    )
    searching = terms.listen(term.pk, x, owner)
    for number, (hours, channel, who, text, about) in enumerate(ALSO):
        at = now - dt.timedelta(hours=hours)
        ledger.say(
            sources[channel].account_id, f"also-{number}", who, text, at, is_private=channel == "email", about=about
        )
    _listen_to_all({**sources, **{str(row.pk): row for row in searching}})
    reply = replies.reply(
        _ticket(brand, "new-8").pk, people[Role.AGENT], "Liebe Ruth, ja: dienstags um 7:40 und 16:10. ^Noor", "private"
    )
    delivery.deliver(reply.pk)
    bounced = {"code": "bounced", "detail": "550 5.1.1 no such mailbox"}
    reply.parts.update(state=PartState.FAILED, problem=bounced)
    Delivery.objects.filter(pk=reply.pk).update(state=PartState.FAILED)
    _books(sources, now)
    demo_season.bring_in(brand)


def _books(sources: dict[str, Source], now: dt.datetime) -> None:
    """A month's money on one account, a log-in that ends soon on another, a night that one source missed."""
    x, mastodon, blog = sources["x"].account, sources["mastodon"].account, sources["blog"]
    Account.objects.filter(pk=x.pk).update(monthly_budget=40)
    first = now.date().replace(day=1)
    for day in range((now.date() - first).days):
        row = Usage(brand_id=x.brand_id, account=x, day=first + dt.timedelta(days=day), what="posts read")
        row.count = 90 + day * 37 % 110
        row.micros = row.count * 5000
        row.save()
    ends = (now.date() + dt.timedelta(days=9)).isoformat()
    Account.objects.filter(pk=mastodon.pk).update(settings={**mastodon.settings, "expires_on": ends})
    for number, source in enumerate(sources.values()):  # as if it had been said while we listened
        Source.objects.filter(pk=source.pk).update(delay_seconds=9 + number * 7 % 23)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    Gap.objects.create(
        brand_id=blog.brand_id,
        source=blog,
        since=midnight - dt.timedelta(hours=21, minutes=50),
        until=midnight - dt.timedelta(hours=18, minutes=12),
        problem={"code": "unavailable", "detail": "HTTP 503"},
    )


def _ticket(brand: Brand, key: str) -> Ticket:
    return Ticket.objects.get(messages__mention__external_id=f"demo:{key}", brand=brand)


def _new(sources: dict[str, Source], number: int) -> Ticket:
    """The ticket of the `number`-th thing that waits."""
    return _ticket(next(iter(sources.values())).brand, f"new-{number}")


def _stuck(sent: Delivery, state: PartState) -> None:
    with transaction.atomic():
        part = sent.parts.get()
        settle_part(part, PartState.SENDING, attempts=1, lease_until=timezone.now())
        problem = (
            {"code": "unsure"}
            if state == PartState.UNKNOWN
            else {"code": "refused", "detail": "Author is not taking replies"}
        )
        settle_part(part, state, problem=problem)


def _one_person(brand: Brand) -> None:
    """Ana writes from three places: an agent has joined her profiles."""
    rows = list(Profile.objects.filter(brand=brand, external_id="demo:ana").order_by("id"))
    person, others = rows[0].customer, [row.customer_id for row in rows[1:]]
    Profile.objects.filter(pk__in=[row.pk for row in rows]).update(customer=person)
    Thread.objects.filter(opened_by__in=others).update(opened_by=person)
    Ticket.objects.filter(customer__in=others).update(customer=person)
    Customer.objects.filter(pk__in=others).delete()
    person.name, person.place, person.language = "Ana Lindqvist", "Lund", "sv"
    person.about = "Travels Lund–Malmö daily. Prefers English in writing."
    person.save()
