"""The idea board: proposed once, voted for once a person, decided in the open, and told to who wanted to know."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Brand, User
from helpdesk.seal import Unreadable, seal, unseal
from helpdesk.text import similar
from helpdesk.text.clean import cleaned, one_line
from helpdesk.text.private import find as private_data
from helpdesk.text.private import masked
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge.models import Idea, Vote
from knowledge.states import IdeaState

log = structlog.get_logger(__name__)

LONGEST_TITLE, LONGEST_TEXT = 120, 4000
NEAR, MOST_NEAR, COMPARED = 0.5, 5, 3000
DECIDED = (IdeaState.SHIPPED, IdeaState.DECLINED)


def propose(brand: Brand, language: str, title: str, text: str, voter: tuple[str, str], address: str = "") -> Idea:
    """A new idea with its first vote. Refused names the field."""
    return _propose(brand, language, title, text, voter, _address(address))


@transaction.atomic
def _propose(brand: Brand, language: str, title: str, text: str, voter: tuple[str, str], address: str) -> Idea:
    line, more = one_line(title, LONGEST_TITLE + 1), cleaned(text, LONGEST_TEXT)
    if not line:
        raise Refused("title", "blank", _("Say it in one line."))
    if len(line) > LONGEST_TITLE:
        raise Refused("title", "too_long", _("One line of at most 120 characters; there is room for more beneath."))
    if more.is_cut:
        raise Refused("text", "too_long", _("At most 4,000 characters, please."))
    line, body = _without_private(line), _without_private(more.text)
    same = Idea.objects.filter(
        brand=brand, language=language, title__iexact=line, merged_into=None, is_hidden=False
    ).first()
    if same is not None:
        cast(same, voter, address)
        return same
    idea = Idea.objects.create(
        brand=brand, language=language, title=line, text=body, vector=similar.vectors([f"{line} {body}"])[0]
    )
    events.record([events.happened("idea.proposed", brand, idea=idea.pk)])
    cast(idea, voter, address)
    return idea


def _without_private(text: str) -> str:
    return masked(text, private_data(text))


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


def vote(idea: Idea, voter: tuple[str, str], address: str = "") -> bool:
    """Whether it counted: False where this reader has voted for it before."""
    return cast(idea, voter, _address(address))


@transaction.atomic
def cast(idea: Idea, voter: tuple[str, str], address: str) -> bool:
    reader, trace = voter
    if idea.state in DECIDED:
        raise Conflict(_("This is decided; votes no longer change it."))
    known = Vote.objects.filter(Q(reader=reader) | Q(trace=trace), idea=idea).order_by("id").first()
    if known is not None:
        _tell_there(known, address)
        return False
    try:
        with transaction.atomic():
            Vote.objects.create(
                brand_id=idea.brand_id, idea=idea, reader=reader, trace=trace,
                address=seal({"address": address}) if address else "", address_hash=_hash(address),
            )  # fmt: skip
    except IntegrityError:  # at the same moment, or from another device with the same address
        return False
    Idea.objects.filter(pk=idea.pk).update(votes=F("votes") + 1)
    idea.votes += 1
    return True


def _tell_there(row: Vote, address: str) -> None:
    """Somebody who voted before leaves an address now."""
    taken = Vote.objects.filter(idea=row.idea_id, address_hash=_hash(address)).exists() if address else True
    if not row.address and not taken:
        row.address, row.address_hash = seal({"address": address}), _hash(address)
        row.save(update_fields=["address", "address_hash"])


def _hash(address: str) -> str:
    from knowledge.centre.limits import keyed

    return keyed("address", address.casefold()) if address else ""


def alike(brand: Brand, language: str, text: str) -> list[Idea]:
    """Ideas like these words, the nearest first: shown before another one is proposed."""
    made = similar.vectors([text])
    if not made[0]:
        return list(board(brand, language).filter(title__icontains=text.strip())[:MOST_NEAR]) if text.strip() else []
    rows = list(board(brand, language).order_by("-id").values_list("pk", "vector")[:COMPARED])
    close = similar.closeness(made, similar.matrix([bytes(vector) for _key, vector in rows]))
    nearest = sorted(zip(close, (key for key, _vector in rows), strict=True), reverse=True)[:MOST_NEAR]
    keys = [key for value, key in nearest if value >= NEAR]
    found = {row.pk: row for row in Idea.objects.filter(pk__in=keys)}
    return [found[key] for key in keys]


def board(brand: Brand, language: str = "") -> Any:
    """Ideas that customers see, the most wanted first."""
    rows = Idea.objects.for_brand(brand).filter(is_hidden=False, merged_into=None).order_by("-votes", "-id")
    return rows.filter(language=language) if language else rows


@transaction.atomic
def decide(idea_id: int, by: User, state: str, answer: str) -> Idea:
    """Where it stands, and what we say to it. Who left an address hears of it when it is done or will not be."""
    idea = Idea.objects.select_for_update().get(pk=idea_id)
    if state not in IdeaState.values:
        raise Refused("state", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(IdeaState.values)})
    words = cleaned(answer, 2000)
    if words.is_cut:
        raise Refused("answer", "too_long", _("At most 2,000 characters."))
    if state == IdeaState.DECLINED and not words.text:
        raise Refused("answer", "blank", _("Say why not: people put work into it."))
    if (idea.state, idea.answer) == (state, words.text):
        return idea
    if idea.state != state:
        idea.cast.update(told_at=None)
    idea.state, idea.answer, idea.decided_by, idea.decided_at = state, words.text, by, timezone.now()
    idea.save(update_fields=["state", "answer", "decided_by", "decided_at"])
    events.record([events.happened("idea.decided", idea.brand_id, actor=by, idea=idea.pk, state=state)])
    return idea


@transaction.atomic
def merge(idea_id: int, into_id: int, by: User) -> Idea:
    """The one goes into the other with its votes; who voted for both counts once."""
    if idea_id == into_id:
        raise Refused("into", "itself", _("Choose another idea."))
    rows = {row.pk: row for row in Idea.objects.select_for_update().filter(pk__in=(idea_id, into_id)).order_by("pk")}
    idea, into = rows[idea_id], rows[into_id]
    if idea.brand_id != into.brand_id or into.merged_into_id:
        raise Refused("into", "unknown", _("There is no such idea."))
    there = set(into.cast.values_list("reader", flat=True))
    traces = set(into.cast.values_list("trace", flat=True))
    addresses = set(into.cast.exclude(address_hash="").values_list("address_hash", flat=True))
    for row in idea.cast.order_by("id"):
        if row.reader in there or row.trace in traces or row.address_hash in addresses:
            continue
        row.idea = into
        row.save(update_fields=["idea"])
    Idea.objects.filter(merged_into=idea).update(merged_into=into)
    idea.merged_into, idea.votes = into, idea.cast.count()
    into.votes = into.cast.count()
    idea.save(update_fields=["merged_into", "votes"])
    into.save(update_fields=["votes"])
    events.record([events.happened("idea.merged", idea.brand_id, actor=by, idea=idea.pk, into=into.pk)])
    return into


@transaction.atomic
def hide(idea_id: int, by: User, *, is_hidden: bool) -> None:
    idea = Idea.objects.select_for_update().get(pk=idea_id)
    if idea.is_hidden != is_hidden:
        Idea.objects.filter(pk=idea.pk).update(is_hidden=is_hidden)
        code = "idea.hidden" if is_hidden else "idea.shown"
        events.record([events.happened(code, idea.brand_id, actor=by, idea=idea.pk)])


# --- telling ---------------------------------------------------------------------------------------------------


def to_tell(most: int = 50) -> Sequence[Vote]:
    """Votes whose voters want to hear of a decision and have not. None where no mail is set up."""
    if not settings.MAIL:
        return []
    rows = Vote.objects.filter(idea__state__in=DECIDED, told_at=None).exclude(address="")
    return list(rows.select_related("idea__brand").order_by("id")[:most])


def tell(link_to: Any) -> int:
    """Write to them, each once; `link_to(idea)` gives the address of its page. How many were told."""
    done = 0
    for row in to_tell():
        # marked first: told twice is worse than not at all
        if not Vote.objects.filter(pk=row.pk, told_at=None).update(told_at=timezone.now()):
            continue
        try:
            address = str(unseal(row.address).get("address", ""))
            send_mail(_subject(row.idea), _words(row.idea, link_to(row.idea)), settings.DEFAULT_FROM_EMAIL, [address])
            done += 1
        except Unreadable:
            continue
        except (smtplib.SMTPException, OSError) as error:
            log.warning("a voter could not be told", idea=row.idea_id, error=type(error).__name__)
            Vote.objects.filter(pk=row.pk).update(told_at=None)
            break
    return done


def _subject(idea: Idea) -> str:
    words = _("“%(title)s” is here") if idea.state == IdeaState.SHIPPED else _("“%(title)s”: what we decided")
    return words % {"title": idea.title}


def _words(idea: Idea, link: str) -> str:
    begin = (
        _("You voted for this idea, and it is done.")
        if idea.state == IdeaState.SHIPPED
        else _("You voted for this idea. We will not do it for now.")
    )
    return "\n\n".join(part for part in (begin, idea.answer, link, idea.brand.name) if part)
