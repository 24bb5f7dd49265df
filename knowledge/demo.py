"""The help centre of the demo brand: articles with readers, one whose questions fall, a topic that waits with its draft.

Everything is written by the services that editors and readers use; then the rows are moved to when they would have been.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from helpdesk.models import Brand, Membership, Message, MessageKind, User
from helpdesk.permissions import Role
from knowledge import feedback, handing, ideas, publishing, requests, topics
from knowledge.centre.place import address_of
from knowledge.mining import drafts, learn, nightly
from knowledge.models import Article, Category, Edition, Feedback, HelpCentre, Inquiry, Reading, Search, Topic
from knowledge.publishing import Words
from knowledge.reports.weeks import WEEKS


class Shown(NamedTuple):
    """A published article. `readers` a day; `helped` of ten say so; `weeks` it has been out."""

    title: str
    summary: str
    body: str
    shelf: str
    readers: int
    helped: int
    weeks: int


SHELVES = (
    ("Tickets and refunds", "Buying, changing, money back", "Fahrkarten und Erstattung", "Kaufen, ändern, Geld zurück"),
    ("On board", "Seats, bags, animals, wifi", "An Bord", "Plätze, Gepäck, Tiere, WLAN"),
    ("Getting help", "Before, during and after the journey", "Hilfe", "Vor, während und nach der Reise"),
)
REFUND = Shown(
    "Get your money back for a delayed or cancelled train", "How much you get, where to ask, and when it is there.",
    "## How much you get\n\n| Your train | You get back |\n|---|---|\n| 60 to 119 minutes late | a quarter |\n| 120 minutes late or more | half |\n| cancelled | all of it |\n\n"
    "## Where to ask\n\n1. Open **your booking** in the app or on the website.\n2. Choose **Refund**.\n3. Say which train it was. You need no receipt.\n\n"
    "## When it is there\n\nWithin five days, the way you paid. A season ticket gets a credit at the end of the month.\n\n"
    "> Bought at a counter? Any counter pays it back; bring the ticket.",
    "Tickets and refunds", 24, 9, 7,
)  # fmt: skip
GERMAN = Words(
    "Geld zurück bei Verspätung oder Ausfall",
    "## Wie viel\n\nAb 60 Minuten ein Viertel, ab 120 Minuten die Hälfte, bei Ausfall alles.\n\n## Wo\n\nÖffnen Sie **Ihre Buchung** und wählen Sie **Erstattung**.\n",
    "Wie viel, wo und wann.",
)  # fmt: skip
SHOWN = (
    Shown("Change or cancel a booking", "Until five minutes before departure, in the app.", "Open **your booking** and choose **Change** or **Cancel**. Until five minutes before departure a change costs only the difference in fare.\n\n"
          "A cancelled flexible ticket is paid back in full, a saver ticket as a voucher.", "Tickets and refunds", 17, 8, 30),
    Shown("When the annual pass pays off", "From two and a half days a week.", "From two and a half days of travel a week the annual pass is cheaper than single tickets. It holds for you alone, on all our trains, from any day you choose.",
          "Tickets and refunds", 5, 8, 26),
    Shown("Book help for a wheelchair or a pram", "A day ahead, by phone, app or at a counter.", "Tell us a day ahead: we bring the ramp and somebody who meets you at the platform.\n\n- in the app under **Extras**\n- by phone, from 8 to 18\n- at any counter",
          "Getting help", 4, 10, 40),
    Shown("Find what you left on the train", "The Harbour desk keeps it for three weeks.", "What is found comes to the **Harbour desk** within two days and is kept for three weeks. Ask there, by phone or with this form; say which train it was and what it looks like.",
          "Getting help", 9, 7, 22),
    Shown("The quiet carriage", "Carriage 3: no calls, power at every seat.", "Carriage 3 is quiet on all trains: no calls, no music that others hear. There is power at every seat.", "On board", 6, 9, 35),
    Shown("Bring your dog", "On a lead, with a child's ticket; small ones travel free.", "Dogs travel on a lead with a child's ticket. Those that fit into a bag travel free. Guide dogs always do.", "On board", 8, 9, 33),
    Shown("Wifi on board", "How to log in, and where there is none.", "Choose **Northwind on board** and open any page. It asks for your booking number.\n\nBetween Lund and Elm Street there is no network.", "On board", 12, 3, 18),
)  # fmt: skip
INTERNAL = Words(
    "Refunds above 100: who decides",
    "A lead decides up to 100, a manager above. **Ask before you promise.** Say what the fare law gives at once, and come back with the rest.",
    "For agents: limits and wording.",
)  # fmt: skip
REVIEWED = Words(
    "When the last train is gone", "From 23:40 a bus goes to Lund from bay 2, with your train ticket.\n\nWhere a train of ours was late and you missed it, a taxi is paid: ask the crew.", "Night buses, and who pays the taxi."
)  # fmt: skip
IN_VAIN = (("night bus lund", 6), ("student card", 4), ("group ticket school", 3), ("luggage locker harbour", 2), ("parking elm street", 2))  # fmt: skip
FOUND = (
    "refund",
    "change booking",
    "dog",
    "wifi",
    "lost bag",
    "cancel ticket",
    "wheelchair",
    "annual pass",
    "quiet carriage",
)
IDEAS = (
    ("Show which carriage has free seats", "In the app, before the train comes in.", 41, "planned", "The doors count who gets on already. We will show it on the two lines to Malmö first."),
    ("A quiet hour on Sunday evenings", "For those who go back to work.", 17, "new", ""),
    ("Pay by card at the platform machines", "", 29, "shipped", "All machines take cards since spring."),
)  # fmt: skip
NAMED = {
    "bike|bicycle": "Taking a bike on the train",
    "refund|money": "Money back for a delayed or cancelled train",
}
BIKES, REFUNDS = NAMED.values()


def furnish(brand: Brand) -> None:
    """The help centre, once the brand's history stands."""
    lead, manager, agent = (_who(brand, role) for role in (Role.LEAD, Role.MANAGER, Role.AGENT))
    now = timezone.now()
    _centre(brand)
    shelves = {name: _shelf(brand, manager, *texts) for name, *texts in SHELVES}
    refund = _out(brand, lead, REFUND, shelves, now)
    for shown in SHOWN:
        _out(brand, lead, shown, shelves, now)
    _unfinished(brand, refund, lead, agent, now)
    _asked(brand, refund.article, lead, agent, now)
    _looked_for(brand, now)
    _handed(brand, refund, agent, now)
    _ideas(brand, lead)
    _from_the_page(brand, refund)


def _who(brand: Brand, role: Role) -> User:
    return Membership.objects.select_related("user").filter(brand=brand, role=role).order_by("id")[0].user


def _centre(brand: Brand) -> None:
    HelpCentre.objects.create(
        brand=brand, languages=["en", "de"], colour="#0f766e", website="https://northwind.example",
        intro="Search, or write to us: a person answers.",
    )  # fmt: skip


def _shelf(brand: Brand, by: User, description: str, german: str, described: str) -> Category:
    name = next(shelf for shelf, *texts in SHELVES if texts[0] == description)
    texts = {"de": {"name": german, "description": described}}
    place = [shelf for shelf, *_texts in SHELVES].index(name)
    return publishing.save_category(brand, by, name=name, description=description, texts=texts, position=place)


def _out(brand: Brand, by: User, shown: Shown, shelves: dict[str, Category], now: dt.datetime) -> Edition:
    """Published then, read since, voted on."""
    words = Words(shown.title, shown.body, shown.summary)
    due = (now + dt.timedelta(days=400 - 7 * shown.weeks)).date()
    draft = publishing.create(brand, by, words, "en", category=shelves[shown.shelf], review_by=due)
    edition = publishing.publish(draft.pk, by)
    out = now - dt.timedelta(weeks=shown.weeks, hours=5)
    Edition.objects.filter(pk=edition.pk).update(published_at=out, changed_at=out)
    Article.objects.filter(pk=edition.article_id).update(created_at=out)
    edition.passages.update(created_at=out)
    edition.revisions.update(created_at=out)
    _read(edition, shown, now)
    return edition


def _read(edition: Edition, shown: Shown, now: dt.datetime) -> None:
    """Readers day by day: more on workdays, growing; some came from a search and asked nothing."""
    days = min(7 * shown.weeks, 7 * WEEKS)
    rows = []
    for back in range(days):
        day = (now - dt.timedelta(days=back)).date()
        calm = 0.55 if day.weekday() > 4 else 1.0
        views = round(shown.readers * calm * (1.15 - 0.3 * back / (7 * WEEKS)) + (back * 7 + shown.readers) % 3)
        asked = 1 if (back * 5 + shown.readers) % (3 if shown.helped < 5 else 9) == 0 else 0
        rows.append(
            Reading(
                brand_id=edition.brand_id,
                edition=edition,
                day=day,
                views=views,
                asked=asked,
                spared=round(views * shown.helped / 85),
            )
        )
    Reading.objects.bulk_create(rows)
    for number in range(10):
        words = "It does not say what to do when no page opens." if shown.helped < 5 and number == 9 else ""
        feedback.vote(edition, f"demo-{edition.pk}-{number}", f"demo-{edition.pk}-{number}", is_helpful=number < shown.helped, words=words)  # fmt: skip
    Feedback.objects.filter(edition=edition).update(created_at=now - dt.timedelta(days=min(days, 20)))


def _unfinished(brand: Brand, refund: Edition, lead: User, agent: User, now: dt.datetime) -> None:
    """What only agents read, what waits for review, a translation that is behind, and a review that is due."""
    inner = publishing.create(brand, lead, INTERNAL, "en", visible="internal")
    publishing.publish(inner.pk, lead)
    waits = publishing.create(brand, agent, REVIEWED, "en")
    publishing.submit(waits.pk, agent, "Ready, I think")
    german = publishing.translate(refund.article_id, agent, GERMAN, "de")
    publishing.publish(german.pk, lead)
    body = REFUND.body.replace("Within five days", "Within three days")
    publishing.save(refund.pk, agent, Words(REFUND.title, body, REFUND.summary, "Faster since this month"))
    publishing.publish(refund.pk, lead)
    Article.objects.filter(editions__title="The quiet carriage").update(review_by=(now - dt.timedelta(days=1)).date())


def _asked(brand: Brand, refund: Article, lead: User, agent: User, now: dt.datetime) -> None:
    """The archive's questions as topics; the one about refunds is answered since the article, bikes have a draft."""
    for rows in learn.of_archive(brand):
        learn.keep(brand, rows)
    nightly.run(brand, "en")
    for words, name in NAMED.items():
        found = Inquiry.objects.filter(brand=brand, text__iregex=words)
        for key in found.exclude(topic=None).values_list("topic", flat=True).distinct().order_by("topic"):
            _merged(brand, key, name, lead)
        topic = Topic.objects.for_brand(brand).get(title=name)
        for left in found.filter(topic=None):
            topics.place(left.pk, brand.pk, lead, topic.pk)
    drafts.of_topic(Topic.objects.for_brand(brand).get(title=BIKES), agent)
    answered = Topic.objects.for_brand(brand).get(title=REFUNDS)
    topics.cover(answered.pk, lead, refund.pk)
    Topic.objects.filter(pk=answered.pk).update(covered_at=now - dt.timedelta(weeks=REFUND.weeks))


def _merged(brand: Brand, key: int, name: str, lead: User) -> None:
    """An editor's hand: named, kept, one topic."""
    known = Topic.objects.for_brand(brand).current().filter(title=name).exclude(pk=key).first()
    if known is not None:
        topics.merge(key, known.pk, lead)
        return
    topics.name(key, lead, name)
    topics.keep(key, lead)


def _looked_for(brand: Brand, now: dt.datetime) -> None:
    rows = [
        Search(brand=brand, language="en", words=words, found=0, is_read=True)
        for words, count in IN_VAIN
        for _number in range(count)
    ]
    for number in range(820):
        words = FOUND[number % len(FOUND)]
        rows.append(Search(brand=brand, language="en", words=words, found=3, is_read=True))
    Search.objects.bulk_create(rows)
    made = list(Search.objects.filter(brand=brand).order_by("id"))
    for number, row in enumerate(made):
        row.created_at = now - dt.timedelta(days=(number * 7) % 90, minutes=number)
    Search.objects.bulk_update(made, ["created_at"])


def _handed(brand: Brand, refund: Edition, agent: User, now: dt.datetime) -> None:
    """Answers of the season that carry the article's link; most were opened."""
    replies = Message.objects.filter(
        brand=brand, kind=MessageKind.REPLY, ticket__inquiry__topic__article=refund.article
    )
    for number, reply in enumerate(replies.select_related("ticket").order_by("-said_at")[:6]):
        row = handing.hand(refund, reply.ticket, agent)
        row.message, row.opened_at = reply, now - dt.timedelta(days=number + 1) if number % 3 else None
        row.save(update_fields=["message", "opened_at"])


def _ideas(brand: Brand, lead: User) -> None:
    for title, text, votes, state, answer in IDEAS:
        idea = ideas.propose(brand, "en", title, text, (f"demo {title}", f"demo {title}"))
        for number in range(1, votes):
            ideas.vote(idea, (f"demo {title} {number}", f"demo {title} {number}"))
        if state != "new":
            ideas.decide(idea.pk, lead, state, answer)


def _from_the_page(brand: Brand, refund: Edition) -> None:
    """Somebody who read the article and still had to ask."""
    thread = requests.new_thread()
    page = address_of(brand, HelpCentre.of(brand), "en", "request", requests.token_of(thread))
    asked = requests.Asked(
        "My train was cancelled on Sunday, but my booking shows no Refund. It was bought by my company.", "No refund button",
        "Nils Brandt", "", refund,
    )  # fmt: skip
    with transaction.atomic():
        requests.ask(brand, asked, thread, page)
