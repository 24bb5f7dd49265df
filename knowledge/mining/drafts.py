"""Drafts of articles: from a topic, or from one ticket. Each sentence has its evidence; what nobody answered is a gap.

Nothing is published here, and a draft with gaps in it cannot be: they stand in the words as [gap: …].
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from helpdesk.models import Brand, Message, MessageKind, Ticket, User, Verdict
from helpdesk.states import TicketState
from knowledge import publishing
from knowledge.mining import answers, learn, polish
from knowledge.mining.answers import Reply, Sentence
from knowledge.mining.questions import question_of
from knowledge.models import Draft, Edition, HelpCentre, Inquiry, Topic
from knowledge.publishing import Words

LATEST, MOST_REPLIES, ALSO = 400, 300, 4
WORTH = {Verdict.SATISFIED: 3.0, Verdict.NONE: 1.0}
GAP = "[gap: %s]"
LONGEST_TITLE = 150


@dataclass(frozen=True)
class Sketch:
    """What a draft is made of, before it is a row."""

    title: str
    sentences: list[Sentence]
    asked: list[str]
    gaps: list[str]

    def body(self) -> str:
        parts = [sentence.text for sentence in self.sentences]
        answer = "\n\n".join(_paragraphs(parts)) if parts else ""
        gaps = "\n\n".join(GAP % gap for gap in self.gaps)
        also = "\n".join(f"- {question}" for question in self.asked)
        heading = _("What people also ask")
        return "\n\n".join(part for part in (answer, gaps, f"## {heading}\n\n{also}" if also else "") if part)


def _paragraphs(sentences: Sequence[str], size: int = 3) -> list[str]:
    return [" ".join(sentences[start : start + size]) for start in range(0, len(sentences), size)]


# --- of a topic ------------------------------------------------------------------------------------------------


def of_topic(topic: Topic, by: User | None) -> Edition:
    """A draft for what this topic asks, in its language where the help centre speaks it. The one there is, where there is one."""
    found = Draft.objects.filter(topic=topic).select_related("article").order_by("-id").first()
    edition = found and found.article.editions.exclude(state="archived").first()
    if edition:
        return edition
    return _keep(topic.brand, topic.language, sketch(topic), by, topic=topic)


def sketch(topic: Topic) -> Sketch:
    """What the best answers to it say, what nobody said, what is asked beside it."""
    rows = list(topic.inquiries.order_by("-said_at", "-id")[:LATEST])
    tickets = [row.ticket_id for row in rows if row.ticket_id]
    replies = best_replies(topic.brand, tickets)
    names = _names(topic.brand, tickets)
    countries = [topic.brand.country] if topic.brand.country else []
    sentences = answers.merged(replies, names, countries, topic.language)
    asked = answers.diverse([row.text for row in rows], topic.title, ALSO)
    return Sketch(topic.title[:LONGEST_TITLE], sentences, asked, _gaps(topic.title, rows, tickets, sentences))


def best_replies(brand: Brand, tickets: Collection[int]) -> list[Reply]:
    """What we said last and best: in tickets that were settled, not reopened and not complained of, the satisfied first."""
    settled = Q(state=TicketState.RESOLVED) | Q(state=TicketState.CLOSED)
    good = (
        Ticket.objects.for_brand(brand)
        .filter(settled, pk__in=tickets, reopened_count=0)
        .exclude(verdict=Verdict.UNHAPPY)
    )
    worth = {key: WORTH.get(Verdict(verdict), 0.5) for key, verdict in good.values_list("pk", "verdict")}
    rows = (
        Message.objects.filter(ticket__in=worth, kind=MessageKind.REPLY, is_automatic=False, deleted_at=None)
        .exclude(text="")
        .filter(Q(sent_at__isnull=False) | Q(author=None))
        .order_by("-said_at", "-id")[:MOST_REPLIES]
    )
    return [Reply(row.pk, row.ticket_id, row.text, worth[row.ticket_id]) for row in rows]


def _names(brand: Brand, tickets: Collection[int]) -> list[str]:
    customers = set(Ticket.objects.filter(pk__in=tickets).values_list("customer", flat=True))
    theirs = [name for names in learn.names_of(customers).values() for name in names]
    return [*theirs, *learn.our_names(brand)]


def _gaps(title: str, rows: Sequence[Inquiry], tickets: Sequence[int], sentences: Sequence[Sentence]) -> list[str]:
    """What an editor has to see to: no answer at all, an answer of one ticket only, questions of people who never wrote."""
    if not sentences:
        return [_("Nobody has answered this well yet. Write the answer to: %(title)s") % {"title": title}]
    gaps = []
    told = {ticket for sentence in sentences for ticket in sentence.tickets}
    if len(told) == 1 and len(tickets) > 1:
        gaps.append(_("All of this rests on one ticket. Check it."))
    unheard = sum(1 for row in rows if row.ticket_id is None)
    if unheard and unheard * 2 > len(rows):
        gaps.append(_("Most who asked this only searched. Say what they were looking for."))
    return gaps


# --- of one ticket ---------------------------------------------------------------------------------------------


def of_ticket(ticket: Ticket, by: User) -> Edition:
    """A draft from one ticket: its customer's question, and what we answered."""
    first = learn.first_messages([ticket.pk]).get(ticket.pk)
    names = _names(ticket.brand, [ticket.pk])
    countries = [ticket.brand.country] if ticket.brand.country else []
    question = question_of(first.text, ticket.subject, names, countries) if first else ""
    rows = ticket.messages.filter(kind=MessageKind.REPLY, is_automatic=False, deleted_at=None).exclude(sent_at=None)
    replies = [Reply(row.pk, ticket.pk, row.text) for row in rows.order_by("said_at", "id")]
    sentences = answers.merged(replies, names, countries)
    title = question[:LONGEST_TITLE] or _("A question that was asked")
    gaps = [] if sentences else [_("Write the answer to: %(title)s") % {"title": title}]
    language = ticket.language or HelpCentre.of(ticket.brand).language
    return _keep(ticket.brand, language, Sketch(title, sentences, [], gaps), by, ticket=ticket)


def _known(topic: Topic | None, ticket: Ticket | None) -> Edition | None:
    """The draft there is by now; who asks stands in line at the row it is drafted from."""
    about: dict[str, Any] = {"topic": topic} if topic is not None else {"ticket": ticket}
    rows: Any = Topic.objects if topic is not None else Ticket.objects
    rows.select_for_update(no_key=True).get(pk=(topic or ticket).pk)  # type: ignore[union-attr]
    found = Draft.objects.filter(**about).select_related("article").order_by("-id").first()
    return found.article.editions.exclude(state="archived").first() if found else None


def _keep(
    brand: Brand,
    language: str,
    made: Sketch,
    by: User | None,
    *,
    topic: Topic | None = None,
    ticket: Ticket | None = None,
) -> Edition:
    centre = HelpCentre.of(brand)
    spoken = language if language in centre.spoken else centre.language
    body, is_polished = polish.polished(made.body())  # asks a server, perhaps: before anything is locked
    summary = made.sentences[0].text[:300] if made.sentences else ""
    why = _("Drafted from what was asked and answered")
    evidence = [
        {"sentence": sentence.text, "messages": list(sentence.messages), "tickets": list(sentence.tickets)}
        for sentence in made.sentences
    ]
    with transaction.atomic():
        if known := _known(topic, ticket):  # another press was first
            return known
        edition = publishing.create(brand, by, Words(made.title, body, summary, why), spoken)
        Draft.objects.create(
            brand=brand, article=edition.article, topic=topic, ticket=ticket, evidence=evidence, gaps=made.gaps,
            asked=made.asked, is_polished=is_polished, by=by,
        )  # fmt: skip
        if topic is not None:
            Topic.objects.filter(pk=topic.pk).update(article=edition.article)
    return edition
