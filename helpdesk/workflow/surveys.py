"""Asking how it went: once a month at most, privately, and never after praise; what came of it moves the ticket.

Silence is no satisfaction: an unanswered question ends without a verdict and is counted apart.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.core import signing
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, links, notices, summary
from helpdesk.models import Customer, Message, MessageKind, Survey, Ticket, User, Verdict, Visibility
from helpdesk.permissions import Role
from helpdesk.ports import ports
from helpdesk.states import PENDING_PART_STATES, TicketState
from helpdesk.text.clean import cleaned
from helpdesk.workflow import replies, sweep, tickets
from helpdesk.workflow.promises import Facts, Promises
from helpdesk.workflow.verbs import Conflict, Refused, in_line, locked

log = logging.getLogger(__name__)

LATER = dt.timedelta(hours=1)  # until one that stumbled is tried again
APART, VALID = dt.timedelta(days=30), dt.timedelta(days=14)
BATCH = 100
LONGEST_COMMENT = 2000
SALT = "helpdesk.survey"
VERDICT_OF = {1: Verdict.UNHAPPY, 2: Verdict.UNHAPPY, 3: Verdict.MIXED, 4: Verdict.SATISFIED, 5: Verdict.SATISFIED}
NOT_ASKED = ("praise", "spam")  # intents: nobody waits for a verdict on those

State = Survey.State


# --- the link --------------------------------------------------------------------------------------------------


def token_of(row: Survey) -> str:
    """What opens the question without a log-in: random, and signed, so that guesses never reach the database."""
    return signing.Signer(salt=SALT).sign(row.public_id)


def path_of(row: Survey) -> str:
    return f"/survey/{token_of(row)}/"


def find(token: str) -> Survey | None:
    """The survey that a link is for; None where the link is none of ours."""
    try:
        public_id = signing.Signer(salt=SALT).unsign(token)
    except signing.BadSignature:
        return None
    return Survey.objects.select_related("brand", "ticket").filter(public_id=public_id).first()


# --- planning --------------------------------------------------------------------------------------------------


def after_resolution(ticket: Ticket, user: User, now: dt.datetime) -> None:
    """Plan the question where the ticket's policy (or, without one, the brand) asks; in the caller's transaction."""
    promise = Promises.of(ticket.brand).for_(Facts.of(ticket))
    minutes = promise.policy.survey_minutes if promise.policy is not None else ticket.brand.survey_minutes
    if not minutes or ticket.intent in NOT_ASKED or not (ticket.answered_at or _is_being_answered(ticket)):
        return
    at = now + dt.timedelta(minutes=minutes)
    if Survey.objects.filter(ticket=ticket, state=State.PLANNED).update(send_at=at):
        return
    if not Survey.objects.filter(ticket=ticket, state=State.SENT).exists():
        _plan(ticket, None, at)


def _is_being_answered(ticket: Ticket) -> bool:
    """Whether an answer of ours is on its way: who resolves with it does not wait until it has left."""
    pending = ticket.deliveries.filter(action="reply", state__in=PENDING_PART_STATES)
    return pending.filter(message__is_automatic=False).exists()


def _plan(ticket: Ticket, user: User | None, at: dt.datetime) -> Survey:
    row = Survey.objects.create(brand_id=ticket.brand_id, ticket=ticket, asked_by=user, send_at=at)
    _happened("planned", row, user)
    return row


@transaction.atomic
def ask(ticket_id: int, user: User) -> Survey:
    """Ask now, by hand. Conflict where nobody may be asked, in words."""
    ticket, now = _in_line(ticket_id), timezone.now()
    row = _asked_by_hand(ticket, user, now)
    why = _send(row, ticket, now)
    if why:
        raise Conflict(wording(why))
    return row


@transaction.atomic
def hand_over(ticket_id: int, user: User) -> Survey:
    """For who cannot be written to privately: the user gives them the link (`links.absolute(path_of(…))`), on the phone or at
    the counter. The same again gives the same link, until it is answered."""
    ticket, now = _in_line(ticket_id), timezone.now()
    out = Survey.objects.filter(ticket=ticket, state=State.SENT, delivery=None).first()
    if out is not None:
        return out
    target = replies.reply_target(ticket, Visibility.PRIVATE)
    if ports.mouth.ability(ticket.channel, "private", target).allowed:
        raise Conflict(_("They can be written to privately: ask them there, in their own time."))
    row = _asked_by_hand(ticket, user, now)
    why = _why_not(row, ticket, now)
    if why:
        raise Conflict(wording(why))
    _out(row, now)
    _happened("handed_over", row, user)
    return row


def _in_line(ticket_id: int) -> Ticket:
    """The ticket, locked, and nobody else asks its customer meanwhile."""
    in_line(Ticket.objects.values_list("brand_id", flat=True).get(pk=ticket_id))
    return locked(ticket_id)


def _asked_by_hand(ticket: Ticket, user: User, now: dt.datetime) -> Survey:
    if ticket.state != TicketState.RESOLVED:
        raise Conflict(_("Ask when it is resolved."))
    if Survey.objects.filter(ticket=ticket, state=State.SENT).exists():
        raise Conflict(_("They have been asked, and may still answer."))
    planned = Survey.objects.select_for_update(of=("self",)).filter(ticket=ticket, state=State.PLANNED).first()
    return planned or _plan(ticket, user, now)


# --- sending and ending ----------------------------------------------------------------------------------------


def due(now: dt.datetime) -> bool:
    ending = Q(state=State.SENT, expires_at__lte=now)
    return (
        Survey.objects.filter(state=State.PLANNED, send_at__lte=now).exists() or Survey.objects.filter(ending).exists()
    )


def send(now: dt.datetime) -> int:
    """Ask those whose time has come, each in a transaction of its own; how many were looked at."""
    rows = Survey.objects.filter(state=State.PLANNED, send_at__lte=now).order_by("send_at")
    found = list(rows.values_list("pk", "ticket_id")[:BATCH])
    for key, ticket_id in found:
        try:
            with transaction.atomic():
                _send_planned(key, ticket_id, now)
        except Exception:  # one customer's trouble is not the next one's
            log.exception("survey %s could not be sent", key)
            Survey.objects.filter(pk=key, state=State.PLANNED).update(send_at=now + LATER)
    return len(found)


def _send_planned(key: int, ticket_id: int, now: dt.datetime) -> None:
    ticket = _in_line(ticket_id)
    skip = connection.features.has_select_for_update_skip_locked
    mine = Survey.objects.select_for_update(of=("self",), skip_locked=skip)
    row = mine.filter(pk=key, state=State.PLANNED, ticket=ticket).first()
    if row is None:
        return
    why = _send(row, ticket, now) if ticket.answered_at is not None else "unanswered"
    if why:
        row.state, row.skipped = State.SKIPPED, why
        row.save(update_fields=["state", "skipped"])
        _happened("skipped", row, None, why=why)


def _why_not(row: Survey, ticket: Ticket, now: dt.datetime) -> str:
    """Why the customer of a ticket (locked by the caller, who stands in line) must not be asked now, as a code."""
    asked = Survey.objects.filter(ticket__customer=ticket.customer_id, sent_at__gt=now - APART).exclude(pk=row.pk)
    reasons = (
        ("erased", ticket.customer.erased_at is not None),
        ("reopened", ticket.state != TicketState.RESOLVED),
        ("praise", ticket.intent in NOT_ASKED),
        ("monthly", asked.exists()),
        ("no_address", not links.absolute(path_of(row))),
    )
    return next((code for code, holds in reasons if holds), "")


def _send(row: Survey, ticket: Ticket, now: dt.datetime) -> str:
    """Ask; the ticket is locked by the caller. Why not, as a code, where it must not be."""
    why = _why_not(row, ticket, now)
    if why:
        return why
    try:
        with transaction.atomic():
            words = worded(ticket, ticket.customer, links.absolute(path_of(row)))
            row.delivery = replies.say_automatically(ticket.pk, words, Visibility.PRIVATE, ticket.assignee)
    except Refused:
        return "unreachable"
    _out(row, now)
    _happened("sent", row, row.asked_by)
    return ""


def _out(row: Survey, now: dt.datetime) -> None:
    row.state, row.sent_at, row.expires_at = State.SENT, now, now + VALID
    row.save(update_fields=["state", "sent_at", "expires_at", "delivery"])


def worded(ticket: Ticket, person: Customer, link: str) -> str:
    """The question as it is sent, by name where there is one."""
    first = replies.first_name(person.name)
    values = {"name": first, "brand": ticket.brand.name, "link": link}
    if ticket.brand.survey_text:
        text = ticket.brand.survey_text
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text
    hello = _("Hello %(name)s, is it settled for you?") % values if first else _("Is it settled for you?")
    return hello + " " + _("One tap tells us, and opens it again if it is not: %(link)s (%(brand)s)") % values


def expire(now: dt.datetime) -> int:
    """Questions nobody answered end without a verdict."""
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        rows = Survey.objects.select_for_update(of=("self",), skip_locked=skip)
        found = list(rows.filter(state=State.SENT, expires_at__lte=now).order_by("expires_at")[:BATCH])
        Survey.objects.filter(pk__in=[row.pk for row in found]).update(state=State.SILENT)
        events.record(
            [events.happened("survey.silent", row.brand_id, ticket=row.ticket_id, survey=row.pk) for row in found]
        )
    return len(found)


# --- the verdict -----------------------------------------------------------------------------------------------


@transaction.atomic
def answer(survey_id: int, score: int, comment: str = "") -> Survey:
    """What the customer says; once. Unhappy: the ticket is open again, one level up, and its owner is told."""
    if score not in VERDICT_OF:
        raise Refused("score", "unknown", _("Choose one of the five."))
    clean = cleaned(comment)
    if len(clean.text) > LONGEST_COMMENT:
        raise Refused("comment", "too_long", _("This is longer than 2,000 characters. Shorten it."))
    found = Survey.objects.only("ticket_id").get(pk=survey_id)
    ticket, now = _where_it_is_now(found.ticket_id), timezone.now()
    row = Survey.objects.select_for_update(of=("self",)).get(pk=survey_id)
    if row.state == State.ANSWERED:
        raise Conflict(_("You have answered already. Thank you."))
    if row.state != State.SENT or row.expires_at is None or row.expires_at <= now:
        raise Conflict(_("This question is over. Write to us instead: we listen."))
    row.state, row.score, row.verdict, row.answered_at = State.ANSWERED, score, VERDICT_OF[score], now
    if clean.text:
        row.comment = _comment(ticket, clean.text, now)
    row.ticket = ticket
    row.save(update_fields=["state", "score", "verdict", "answered_at", "comment", "ticket"])
    ticket.verdict = row.verdict
    ticket.save(update_fields=["verdict"])
    _happened("answered", row, None, verdict=str(row.verdict))
    if row.verdict == Verdict.UNHAPPY:
        _unhappy(ticket, row, now)
    summary.refresh([ticket.pk])
    return row


def _where_it_is_now(ticket_id: int) -> Ticket:
    """The ticket, locked; where it was merged, the one it is part of."""
    while True:
        target, further = ticket_id, ticket_id
        while further:
            target = further
            further = Ticket.objects.values_list("merged_into_id", flat=True).get(pk=target) or 0
        ticket = locked(target)
        if not ticket.merged_into_id:
            return ticket


def _comment(ticket: Ticket, text: str, now: dt.datetime) -> Message:
    """Their words, as a message of theirs: privately said, in no thread of a platform."""
    reading = ports.triage(text, 0)
    last = ticket.messages.filter(kind=MessageKind.INBOUND, profile__customer=ticket.customer_id).order_by("-said_at")
    return Message.objects.create(
        brand=ticket.brand,
        ticket=ticket,
        kind=MessageKind.INBOUND,
        visibility=Visibility.PRIVATE,
        profile_id=last.values_list("profile_id", flat=True).first(),
        text=text,
        said_at=now,
        heard_at=now,
        created_at=now,
        language=reading.language,
        intent=reading.intent,
        sentiment=reading.sentiment,
        urgency=reading.urgency,
        reasons=list(reading.reasons),
    )


def _unhappy(ticket: Ticket, row: Survey, now: dt.datetime) -> None:
    if not ticket.is_open:
        tickets.reopened(ticket, None)
    sweep.look(ticket.pk, now)
    link = f"/desk/tickets/{ticket.pk}/"
    notices.tell(
        ticket.brand_id, f"survey:{row.pk}", "survey.unhappy", least=Role.LEAD, user=ticket.assignee, link=link, number=ticket.number
    )  # fmt: skip


notices.WORDS["survey.unhappy"] = (
    "Ticket #%(number)s: the customer is unhappy with the outcome. It is open again, one level up; write to them."
)


def wording(code: str) -> str:
    """Why somebody was not asked."""
    words = {
        "erased": _("This customer was erased."),
        "reopened": _("The ticket was open again."),
        "unanswered": _("No answer of ours had reached them."),
        "undelivered": _("The question could not be delivered."),
        "praise": _("They praised us: nobody asks whether that is settled."),
        "monthly": _("They were asked within the last 30 days."),
        "no_address": _("We do not know our own address: set HELPDESK_BASE_URL."),
        "merged": _("The ticket was merged into another one."),
        "unreachable": _("They cannot be written to privately there. Give them a link yourself."),
    }
    return words.get(code, code)


def _happened(what: str, row: Survey, user: User | None, **values: str) -> None:
    code = f"survey.{what}"
    events.record([events.happened(code, row.brand_id, ticket=row.ticket_id, actor=user, survey=row.pk, **values)])
