"""Guards at work: what is known around a draft, what they found, what people did about it, and how that adds up."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk import events
from helpdesk.models import Brand, Channel, GuardRaise, Message, MessageKind, Ticket, User, Visibility
from helpdesk.permissions import RANK, Role, role_of
from helpdesk.text import private
from helpdesk.workflow.guards import COPY, GUARDS, PRIVATE, PROMISE, SPECIFIC, TEMPER, Draft, Finding, Known, judge
from helpdesk.workflow.verbs import Refused

RECENT = 300  # replies of the last day that a draft is compared with
SAID = 10  # of the customer's latest words
REPORTED = dt.timedelta(days=30)
NAMES = {
    SPECIFIC: gettext_lazy("Personal and specific"),
    COPY: gettext_lazy("The same words again"),
    PRIVATE: gettext_lazy("Private data"),
    TEMPER: gettext_lazy("Temper"),
    PROMISE: gettext_lazy("Promises"),
}
KINDS = {
    private.CARD: gettext_lazy("A card number"),
    private.IBAN: gettext_lazy("A bank account"),
    private.EMAIL: gettext_lazy("An email address"),
    private.PHONE: gettext_lazy("A phone number"),
    private.ORDER: gettext_lazy("An order number"),
    private.ACCOUNT: gettext_lazy("An account number"),
}


def check(ticket: Ticket, text: str, visibility: str, now: dt.datetime) -> list[Finding]:
    """What the brand's guards say of this draft. Past a deadline only private data speaks up: nothing holds an answer."""
    is_public = visibility == Visibility.PUBLIC
    found = judge(Draft(text, is_public), known_of(ticket, now))
    quiet = set(ticket.brand.quiet_guards) - {PRIVATE}
    if ticket.due_at is not None and ticket.due_at <= now:
        quiet |= set(GUARDS) - {PRIVATE}
    return [one for one in found if one.guard not in quiet]


def known_of(ticket: Ticket, now: dt.datetime) -> Known:
    """Four queries."""
    profiles = list(ticket.customer.profiles.values_list("name", "handle")[:20])
    said = ticket.messages.filter(kind=MessageKind.INBOUND, deleted_at=None).order_by("-said_at", "-id")
    sent = Message.objects.filter(
        brand=ticket.brand_id, kind=MessageKind.REPLY, created_at__gte=now - dt.timedelta(days=1), deleted_at=None
    ).exclude(ticket=ticket)
    sent = sent.filter(is_automatic=False, delivery__statement_copy=None)  # what all are told is the same on purpose
    ours = Channel.objects.filter(brand=ticket.brand_id).exclude(handle="")
    return Known(
        names=[name for name in {ticket.customer.name, *(name for name, _handle in profiles)} if name],
        handles=[handle for _name, handle in profiles if handle],
        said=list(said.values_list("text", flat=True)[:SAID]),
        sent_today=list(sent.order_by("-created_at", "-id").values_list("ticket__customer_id", "text")[:RECENT]),
        customer=ticket.customer_id,
        countries=[ticket.brand.country] if ticket.brand.country else [],
        ours=list(ours.values_list("handle", flat=True)[:100]),
        today=timezone.localdate(now),
        is_praise=ticket.intent == "praise",
        is_first=ticket.answered_at is None,
    )


def wording(found: Finding, text: str) -> str:
    """A finding as a sentence."""
    words = ", ".join(dict.fromkeys(f"“{text[start:end]}”" for start, end in found.places))
    match found.guard:
        case "private":
            kinds = [str(KINDS[kind]) for kind in dict.fromkeys(found.params["kinds"])]
            return _("%(kinds)s will show: %(words)s.") % {"kinds": _and(kinds), "words": words}
        case "copy":
            return _("%(count)d customers got these words today.") % {"count": found.params["count"]}
        case "specific":
            name = str(found.params.get("name") or "").split(" ")[0]
            if name:
                return _("This could go to anybody. Name %(name)s, or say something of their case.") % {"name": name}
            return _("This could go to anybody. Say something of their case.")
        case "temper":
            return _("This reads hot: %(words)s.") % {"words": words}
        case _:
            return _("%(words)s is a promise.") % {"words": words}


def _and(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else ", ".join([kinds[0], *(kind[:1].lower() + kind[1:] for kind in kinds[1:])])


def hidden(text: str, found: Finding) -> str:
    """The draft with what is private behind dots."""
    places = [private.Found(kind, *place) for kind, place in zip(found.params["kinds"], found.places, strict=True)]
    return private.masked(text, places)


BEGINS = frozenset(
    [
        "we",
        "the",
        "thank",
        "thanks",
        "sorry",
        "please",
        "your",
        "it",
        "that",
        "this",
        "you",
        "our",
        "there",
        "here",
        "if",
        "when",
        "as",
        "for",
        "to",
        "can",
        "could",
        "would",
        "let",
        "unfortunately",
    ]
)


def by_name(text: str, name: str) -> str:
    """The draft, begun with the person's first name."""
    words = text.strip()
    first = re.split(r"[\s,.!?'’]", words, maxsplit=1)[0]
    begun = words[:1].lower() + words[1:] if first.lower() in BEGINS else words
    return f"{name}, {begun}" if name else words


# --- what people did about it ----------------------------------------------------------------------------------


def raised(ticket: Ticket, user: User, text: str, found: Sequence[Finding]) -> None:
    """The guards spoke up; once for the same draft."""
    digest = _digest(text)
    GuardRaise.objects.bulk_create(
        [
            GuardRaise(brand_id=ticket.brand_id, ticket=ticket, user=user, guard=one.guard, draft_sha256=digest)
            for one in found
        ],
        ignore_conflicts=True,
    )


def sent(ticket: Ticket, user: User, text: str) -> None:
    """What was raised on this ticket has its answer: the same words went out, or others."""
    rows = GuardRaise.objects.filter(ticket=ticket, user=user, answer="")
    rows.filter(draft_sha256=_digest(text)).update(answer=GuardRaise.Answer.ANYWAY)
    rows.exclude(draft_sha256=_digest(text)).update(answer=GuardRaise.Answer.CHANGED)


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest()


class Report(NamedTuple):
    """How often a guard spoke up in 30 days, and what came of it."""

    guard: str
    name: str
    raised: int
    anyway: int
    changed: int
    is_quiet: bool
    is_held: bool

    @property
    def share_anyway(self) -> int | None:
        """Of those that were answered, in percent: what nags is sent as it was nearly always."""
        answered = self.anyway + self.changed
        return round(100 * self.anyway / answered) if answered else None


def report(brand: Brand, now: dt.datetime) -> list[Report]:
    rows = GuardRaise.objects.filter(brand=brand, created_at__gte=now - REPORTED).values("guard")
    counts = {
        row["guard"]: row
        for row in rows.annotate(
            raised=Count("id"), anyway=Count("id", filter=Q(answer="anyway")), changed=Count("id", filter=Q(answer="changed"))
        )
    }  # fmt: skip
    empty = {"raised": 0, "anyway": 0, "changed": 0}
    found = []
    for guard in GUARDS:
        row = counts.get(guard, empty)
        found.append(
            Report(
                guard,
                str(NAMES[guard]),
                row["raised"],
                row["anyway"],
                row["changed"],
                guard in brand.quiet_guards,
                guard in brand.held_guards,
            )
        )
    return found


def held(ticket: Ticket, user: User, text: str, visibility: str, now: dt.datetime) -> dict[str, str]:
    """Why a reply that was sent past the guards needs a second pair of eyes, where the brand wants that; leads and up do
    not need any. {} else: no query where the brand holds nothing."""
    holding = set(ticket.brand.held_guards)
    role = role_of(user, ticket.brand_id) if holding else None
    if role is None or RANK[role] >= RANK[Role.LEAD]:
        return {}
    found = next((one.guard for one in check(ticket, text, visibility, now) if one.guard in holding), "")
    return {"code": "guard", "guard": found} if found else {}


@transaction.atomic
def hold(brand_id: int, user: User, guard: str, *, on: bool) -> None:
    """Whether what this guard found waits for a second pair of eyes when it is sent all the same."""
    if guard not in GUARDS:
        raise Refused("guard", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(GUARDS)})
    brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    holding = [one for one in brand.held_guards if one != guard] + ([guard] if on else [])
    if holding != brand.held_guards:
        brand.held_guards = holding
        brand.save(update_fields=["held_guards"])
        events.record([events.happened("guard.held", brand, actor=user, guard=guard, on=on)])


@transaction.atomic
def turn(brand_id: int, user: User, guard: str, *, on: bool) -> None:
    """Turn a guard down or up. What is private is always asked about in public."""
    if guard not in GUARDS:
        raise Refused("guard", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(GUARDS)})
    if guard == PRIVATE and not on:
        raise Refused("guard", "always", _("Nothing private goes out in public without a person saying so."))
    brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    quiet = [one for one in brand.quiet_guards if one != guard] + ([] if on else [guard])
    if quiet != brand.quiet_guards:
        brand.quiet_guards = quiet
        brand.save(update_fields=["quiet_guards"])
        events.record([events.happened("guard.turned", brand, actor=user, guard=guard, on=on)])
