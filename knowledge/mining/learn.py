"""Hearing what is asked: inquiries from resolved tickets, from searches in vain, from what articles left open.

Tickets are found by the brand's events, read in their order; where reading was broken off it goes on. Each ticket, search and
word of feedback gives one inquiry at most, without names and private data.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk.events import Position, position_of, read_after
from helpdesk.models import Brand, CloseReason, Message, MessageKind, Profile, Ticket, User
from helpdesk.states import TicketState
from helpdesk.text.language import language_of
from helpdesk.text.triage import Intent
from knowledge import counting, handing
from knowledge.mining import places
from knowledge.mining.questions import concerns, question_of
from knowledge.models import Article, CameFrom, Draft, Feedback, HelpCentre, Inquiry, Learner, Search, Topic

BATCH = 500
LONGEST_TITLE = 200  # of a topic
LEFT = dt.timedelta(minutes=30)  # after which a search that led nowhere was left
CODES = ("ticket.resolved", "ticket.closed")
NOTHING_ASKED = ("praise", "spam")
SETTLED = Q(state=TicketState.RESOLVED) | Q(state=TicketState.CLOSED, close_reason=CloseReason.DONE)


def listen(brand: Brand) -> int:
    """What was settled since the last look, as inquiries with their topics; how many events were read."""
    with transaction.atomic():
        Learner.objects.get_or_create(brand=brand)
        row = Learner.objects.select_for_update().get(brand=brand)
        events = read_after(brand, Position(row.transaction, row.event), BATCH)
        if not events:
            return 0
        tickets = {event.ticket_id for event in events if event.code in CODES and event.ticket_id}
        rows = list(Ticket.objects.for_brand(brand).filter(SETTLED, pk__in=tickets))
        made = of_tickets(brand, rows)
        if any(event.code == "archive.imported" for event in events):
            made += [row for rows in of_archive(brand) for row in rows]
        keep(brand, made)
        handing.went_out([event.data["message"] for event in events if event.code == "message.reply"])
        last = position_of(events[-1])
        row.transaction, row.event = last.transaction, last.id
        row.save(update_fields=["transaction", "event"])
    return len(events)


def of_archive(brand: Brand) -> Iterator[list[Inquiry]]:
    """An import tells no event a ticket: the inquiries in all of its settled tickets that gave none yet, unsaved."""
    rows = Ticket.objects.for_brand(brand).filter(SETTLED, inquiry=None, channel__platform="archive").order_by("pk")
    last = 0
    while some := list(rows.filter(pk__gt=last)[:BATCH]):
        yield of_tickets(brand, some)
        last = some[-1].pk


def keep(brand: Brand, rows: Sequence[Inquiry]) -> None:
    """Store them, each with the topic it belongs to."""
    for language, some in _by_language(rows).items():
        places.assign(brand, language, some)
    Inquiry.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
    places.add(rows)


def add(brand: Brand, row: Inquiry) -> Inquiry:
    """Store one that came by itself, with the topic it belongs to."""
    places.assign(brand, row.language, [row])
    row.save()
    places.add([row])
    return row


def _by_language(rows: Iterable[Inquiry]) -> dict[str, list[Inquiry]]:
    found: dict[str, list[Inquiry]] = defaultdict(list)
    for row in rows:
        found[row.language].append(row)
    return found


# --- tickets ---------------------------------------------------------------------------------------------------


def of_tickets(brand: Brand, tickets: Sequence[Ticket]) -> list[Inquiry]:
    """The inquiries in what their customers said first, unsaved; none of praise and of what gave one before."""
    asked = [row for row in tickets if row.intent not in NOTHING_ASKED]
    known = set(Inquiry.objects.filter(ticket__in=asked).values_list("ticket_id", flat=True))
    asked = [row for row in asked if row.pk not in known]
    first = first_messages([row.pk for row in asked])
    names = names_of({row.customer_id for row in asked})
    ours, centre = our_names(brand), HelpCentre.of(brand)
    countries = [brand.country] if brand.country else []
    made = []
    for row in asked:
        message = first.get(row.pk)
        if message is None:
            continue
        theirs = [*names[row.customer_id], *ours]
        text = question_of(message.text, "" if message.text.startswith(row.subject) else row.subject, theirs, countries)
        if text and (row.intent != Intent.OTHER or concerns(text)):
            made.append(
                Inquiry(
                    brand=brand, language=_language(centre, message.language or row.language, text), text=text,
                    origin=Inquiry.Origin.TICKET, platform=row.platform, sentiment=message.sentiment, ticket=row,
                    said_at=message.said_at,
                )
            )  # fmt: skip
    return made


def first_messages(tickets: Collection[int]) -> dict[int, Message]:
    """By ticket: what its customer said first."""
    found: dict[int, Message] = {}
    rows = Message.objects.filter(ticket__in=tickets, kind=MessageKind.INBOUND, deleted_at=None, is_automatic=False)
    for row in rows.exclude(text="").order_by("ticket", "said_at", "id").defer("reasons", "corrected"):
        found.setdefault(row.ticket_id, row)
    return found


def names_of(customers: Collection[int]) -> dict[int, list[str]]:
    """By customer: what they are called here and there."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = Profile.objects.filter(customer__in=customers).values_list("customer_id", "name", "handle", "customer__name")
    for customer, *names in rows:
        found[customer] += [name for name in names if name and "@" not in name]
    return found


def our_names(brand: Brand) -> list[str]:
    return list(User.objects.filter(memberships__brand=brand).values_list("name", flat=True))


def _language(centre: HelpCentre, told: str, text: str) -> str:
    """A language the help centre speaks where it is one of those; else what was told, or guessed."""
    found = (told or language_of(text) or centre.language).lower()
    return found if found in centre.spoken else found.split("-")[0]


# --- searches and feedback -------------------------------------------------------------------------------------


def of_searches(now: dt.datetime) -> int:
    """Searches that found nothing, or were left: as inquiries. How many were looked at."""
    rows = list(
        Search.objects.filter(is_read=False, created_at__lt=now - LEFT)
        .select_related("brand")
        .order_by("created_at")[:BATCH]
    )
    by_brand: dict[Brand, list[Inquiry]] = defaultdict(list)
    for row in rows:
        in_vain = row.found == 0 or row.chosen_id is None
        if in_vain and row.ticket_id is None and (text := question_of(row.words)):
            origin = Inquiry.Origin.FORM if row.place == Search.Place.FORM else Inquiry.Origin.SEARCH
            by_brand[row.brand].append(
                Inquiry(brand=row.brand, language=row.language, text=text, origin=origin, platform="web", search=row, said_at=row.created_at)
            )  # fmt: skip
    with transaction.atomic():
        for brand, made in by_brand.items():
            keep(brand, made)
        counting.write(_spared(rows))
        Search.objects.filter(pk__in=[row.pk for row in rows]).update(is_read=True)
    return len(rows)


def _spared(rows: Sequence[Search]) -> Counter[counting.Key]:
    """Readers who looked for something, opened an article and asked nothing: by the article they opened first."""
    return Counter(
        (row.brand_id, row.chosen_id, row.created_at.date(), "spared")
        for row in rows
        if row.chosen_id is not None and row.ticket_id is None
    )


def of_feedback(brand: Brand) -> int:
    """What readers missed in articles, in their words; how many."""
    rows = Feedback.objects.for_brand(brand).filter(is_helpful=False, author=None, inquiry=None).exclude(words="")
    made = []
    for row in rows.select_related("edition").order_by("pk")[:BATCH]:
        # the article's title says what it was about where the words say nothing: each gives one, and none is read again
        text = question_of(f"{row.edition.title}: {row.words}") or row.edition.title
        if text:
            made.append(
                Inquiry(
                    brand=brand, language=row.edition.language, text=text, origin=Inquiry.Origin.FEEDBACK, platform="web",
                    sentiment="negative", feedback=row, said_at=row.created_at,
                )
            )  # fmt: skip
    with transaction.atomic():
        keep(brand, made)
    return len(made)


def forget(tickets: Collection[int]) -> None:
    """What was asked in these tickets is no longer kept: their customer took the words back, or was erased."""
    led = CameFrom.objects.filter(ticket__in=tickets).exclude(search=None).values_list("search", flat=True)
    searches = Search.objects.filter(Q(ticket__in=tickets) | Q(pk__in=list(led)))
    gone = Inquiry.objects.filter(Q(ticket__in=tickets) | Q(search__in=searches))
    topics = set(gone.exclude(topic=None).values_list("topic", flat=True))
    said = {text[:LONGEST_TITLE] for text in gone.values_list("text", flat=True)}
    gone.delete()
    searches.update(words="", ticket=None)  # that something was looked for stays
    for topic in Topic.objects.filter(pk__in=topics, is_named=False, title__in=said):
        other = topic.inquiries.order_by("-said_at", "-id").values_list("text", flat=True).first()
        topic.title = (other or _("A question that was asked"))[:LONGEST_TITLE]
        topic.save(update_fields=["title"])
    places.count(topics)
    _forget_drafts(tickets, said)


def _forget_drafts(tickets: Collection[int], said: Collection[str]) -> None:
    """A draft from such a ticket that nobody published goes with it; other drafts no longer show the question."""
    rows = Draft.objects.filter(ticket__in=tickets).exclude(article__editions__published_at__isnull=False)
    Article.objects.filter(pk__in=list(rows.values_list("article", flat=True))).delete()
    for draft in Draft.objects.filter(topic__brand__in=Ticket.objects.filter(pk__in=tickets).values("brand")):
        left = [question for question in draft.asked if question[:LONGEST_TITLE] not in said]
        if left != draft.asked:
            draft.asked = left
            draft.save(update_fields=["asked"])


def catch_up(seconds: float = float("inf")) -> int:
    """All of it once, of every brand, for so long; how much was read. The rest is read at the next look."""
    until = time.monotonic() + seconds
    done = of_searches(timezone.now())
    for brand in Brand.objects.order_by("id"):
        while time.monotonic() < until and (read := listen(brand)):
            done += read
        done += of_feedback(brand)
    return done
