"""Whether articles help: one vote a reader, words with it, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Ticket, User
from helpdesk.text.clean import cleaned
from helpdesk.text.private import find as private_data
from helpdesk.text.private import masked
from helpdesk.workflow.verbs import Refused
from knowledge import counting
from knowledge.models import Edition, Feedback

LONGEST = 2000
FEWEST_VOTES = 5  # before a share is shown to customers


@transaction.atomic
def vote(edition: Edition, reader: str, trace: str, *, is_helpful: bool, words: str = "") -> Feedback:
    """This reader's vote; a second one takes the place of the first. `trace`: the same browser without its cookie."""
    text = spoken(words)
    rows = Feedback.objects.select_for_update().filter(edition=edition)
    row = rows.filter(Q(reader=reader) | Q(trace=trace)).order_by("id").first()
    if row is None:
        try:
            with transaction.atomic():
                row = Feedback.objects.create(
                    brand_id=edition.brand_id, edition=edition, revision=edition.live, reader=reader, trace=trace,
                    is_helpful=is_helpful, words=text,
                )  # fmt: skip
        except IntegrityError:  # the same reader twice at once
            row = rows.get(reader=reader)
        else:
            counting.add(edition, "helped" if is_helpful else "not_helped")
            return row
    if row.is_helpful != is_helpful:
        counting.take_back(edition, "helped" if row.is_helpful else "not_helped", row.created_at.date())
        counting.add(edition, "helped" if is_helpful else "not_helped")
    row.is_helpful, row.words, row.revision = is_helpful, text or row.words, edition.live
    row.settled_at = None if text else row.settled_at
    row.save(update_fields=["is_helpful", "words", "revision", "settled_at"])
    return row


def spoken(words: str) -> str:
    """A reader's words: cleaned, and without private data."""
    text = cleaned(words, LONGEST)
    if text.is_cut:
        raise Refused("words", "too_long", _("At most 2,000 characters, please."))
    return masked(text.text, private_data(text.text))


@transaction.atomic
def say_it_is_wrong(edition: Edition, by: User, words: str, ticket: Ticket | None = None) -> Feedback:
    """A colleague has seen that an article is wrong; editors are shown it."""
    text = spoken(words)
    if not text:
        raise Refused("words", "blank", _("Say what is wrong."))
    row, _new = Feedback.objects.update_or_create(
        edition=edition,
        reader=f"colleague:{by.pk}",
        defaults={
            "brand_id": edition.brand_id, "revision": edition.live, "is_helpful": False, "words": text, "author": by,
            "ticket": ticket, "settled_at": None,
        },
    )  # fmt: skip
    events.record(
        [events.happened("article.doubted", edition.brand_id, actor=by, article=edition.article_id, edition=edition.pk)]
    )
    return row


@transaction.atomic
def settle(row: Feedback, by: User) -> None:
    """Somebody has looked at it."""
    Feedback.objects.filter(pk=row.pk, settled_at=None).update(settled_at=timezone.now())
    events.record([events.happened("feedback.settled", row.brand_id, actor=by, edition=row.edition_id)])


def shares(editions: Collection[int]) -> dict[int, int]:
    """By edition: the percentage of readers it helped, where at least five said so."""
    rows = (
        Feedback.objects.filter(edition__in=editions, author=None)
        .values_list("edition")
        .annotate(yes=Count("pk", filter=Q(is_helpful=True)), all=Count("pk"))
    )
    return {key: round(100 * yes / every) for key, yes, every in rows if every >= FEWEST_VOTES}
