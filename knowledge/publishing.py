"""Articles: written in revisions, looked at by somebody else, published, put away. Every step says who and why.

Raises Refused (which field, why, what to do) and Conflict (somebody else was first, or the state does not allow it).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Brand, User, public_id
from helpdesk.text.clean import cleaned, one_line
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import markdown, search
from knowledge.models import Article, Category, Edition, HelpCentre, OldAddress, Passage, Revision, Topic, Visible
from knowledge.states import EditionState, IllegalMove, moved

LONGEST_TITLE, LONGEST_SUMMARY, LONGEST_WHY, LONGEST_SLUG = 200, 300, 250, 80
BATCH = 100
GAP = re.compile(r"\[gap:([^\]]*)\]", re.IGNORECASE)  # what a draft leaves to the editor


@dataclass(frozen=True)
class Words:
    """What an edition says. `why`: what was changed, for colleagues."""

    title: str
    body: str = ""
    summary: str = ""
    why: str = ""


# --- writing ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create(
    brand: Brand, by: User | None, words: Words, language: str = "", *, slug: str = "", **details: Any
) -> Edition:
    """A new article, as a draft in one language (the brand's first where none is named).

    `slug`: its address, where it is not to be that of its title.
    """
    centre = HelpCentre.of(brand)
    article = Article(brand=brand, owner=by)
    _detail(article, details)
    article.save()
    return _begin(article, by, words, _spoken(centre, language or centre.language), slug)


@transaction.atomic
def translate(article_id: int, by: User | None, words: Words, language: str, *, slug: str = "") -> Edition:
    """The article in one more language, as a draft."""
    article = Article.objects.select_for_update(of=("self",)).select_related("brand").get(pk=article_id)
    language = _spoken(HelpCentre.of(article.brand), language)
    if article.editions.filter(language=language).exists():
        raise Refused("language", "taken", _("There is one in this language already. Edit that."))
    return _begin(article, by, words, language, slug)


def _begin(article: Article, by: User | None, words: Words, language: str, slug: str) -> Edition:
    words = checked(words)
    edition = Edition(brand=article.brand, article=article, language=language, title=words.title, summary=words.summary)
    edition.slug = _free_slug(edition, slug_of(slug) or slug_of(words.title))
    edition.translates = _original(edition)
    edition.save()
    _revise(edition, by, words)
    _happened("created", edition, by)
    return edition


@transaction.atomic
def save(
    edition_id: int, by: User | None, words: Words, *, base: int | None = None, is_up_to_date: bool = False
) -> Edition:
    """New words, as a draft; what readers see stays as it is until they are published.

    `base`: the revision the writer began from; Conflict where somebody saved since. `is_up_to_date`: it says by now what the
    first language says.
    """
    edition = locked(edition_id)
    if base is not None and base != edition.latest_id:
        latest = edition.latest
        who = latest.author.name if latest is not None and latest.author else _("Somebody")
        raise Conflict(
            _("%(name)s saved this meanwhile. Copy your words, load the page anew, and put them in.") % {"name": who}
        )
    words = checked(words)
    if is_up_to_date:
        edition.translates = _original(edition)
    latest = edition.latest
    if latest is not None and (latest.title, latest.summary, latest.body) == (words.title, words.summary, words.body):
        edition.save(update_fields=["translates"])
        return edition
    _revise(edition, by, words)
    _happened("saved", edition, by)
    return edition


@transaction.atomic
def restore(edition_id: int, by: User, number: int) -> Edition:
    """The words of an earlier revision, as a new one."""
    edition = locked(edition_id)
    old = edition.revisions.filter(number=number).first()
    if old is None:
        raise Refused("number", "unknown", _("There is no such revision."))
    why = _("As in revision %(number)s") % {"number": number}
    return save(edition_id, by, Words(old.title, old.body, old.summary, why))


def _revise(edition: Edition, by: User | None, words: Words) -> None:
    number = (edition.latest.number if edition.latest else 0) + 1
    edition.latest = Revision.objects.create(
        brand_id=edition.brand_id, edition=edition, number=number, title=words.title, summary=words.summary,
        body=words.body, author=by, why=words.why,
    )  # fmt: skip
    edition.state, edition.publish_at = moved(edition.state, "edit"), None
    if edition.live_id is None:
        edition.title, edition.summary = words.title, words.summary
    edition.save()
    _pass(edition, by, words.why)


def checked(words: Words) -> Words:
    """The words as they are kept. Refused names the field that cannot be."""
    title = one_line(words.title, LONGEST_TITLE + 1)
    if not title:
        raise Refused("title", "blank", _("Give it a title, in the words customers use."))
    if len(title) > LONGEST_TITLE:
        raise Refused("title", "too_long", _("A title has at most 200 characters."))
    summary = one_line(words.summary, LONGEST_SUMMARY + 1)
    if len(summary) > LONGEST_SUMMARY:
        raise Refused("summary", "too_long", _("One line of at most 300 characters."))
    body = cleaned(words.body, markdown.LONGEST)
    if body.is_cut:
        raise Refused("body", "too_long", _("An article has at most 100,000 characters. Make two of it."))
    return Words(title, body.text, summary, one_line(words.why, LONGEST_WHY))


def _original(edition: Edition) -> Revision | None:
    """The latest words of the first language's edition, which a translation follows; None for that edition itself."""
    first = HelpCentre.of(edition.brand).language
    if edition.language == first:
        return None
    found = Edition.objects.filter(article=edition.article_id, language=first).select_related("live", "latest").first()
    return (found.live or found.latest) if found else None


# --- its life --------------------------------------------------------------------------------------------------


@transaction.atomic
def submit(edition_id: int, by: User, why: str = "") -> Edition:
    """Ask for a review."""
    edition = locked(edition_id)
    if edition.latest is None or not edition.latest.body.strip():
        raise Refused("body", "blank", _("There is nothing to review yet. Write the answer first."))
    return _move(edition, "submit", by, why)


@transaction.atomic
def send_back(edition_id: int, by: User, why: str) -> Edition:
    """Back to the writer, with the reason."""
    if not one_line(why, LONGEST_WHY):
        raise Refused("why", "blank", _("Say what to change."))
    return _move(locked(edition_id), "return", by, why)


@transaction.atomic
def schedule(edition_id: int, by: User, at: dt.datetime, why: str = "") -> Edition:
    """To be published at a time to come."""
    if at <= timezone.now():
        raise Refused("publish_at", "past", _("This time has passed. Publish it now, or choose a later one."))
    edition = locked(edition_id)
    _publishable(edition)
    edition.publish_at = at
    return _move(edition, "schedule", by, why)


@transaction.atomic
def publish(edition_id: int, by: User | None, why: str = "", *, only_scheduled: bool = False) -> Edition:
    """Readers see the latest words from now on. `only_scheduled`: Conflict unless it is due by its own schedule."""
    edition = locked(edition_id)
    now = timezone.now()
    if only_scheduled and not (
        edition.state == EditionState.SCHEDULED and edition.publish_at and edition.publish_at <= now
    ):
        raise Conflict(_("This is not scheduled any more."))
    _publishable(edition)
    assert edition.latest is not None
    edition.live, edition.title, edition.summary = edition.latest, edition.latest.title, edition.latest.summary
    edition.published_at = edition.published_at or now
    edition.changed_at, edition.publish_at = now, None
    _move(edition, "publish", by, why)
    Topic.objects.filter(article=edition.article_id, covered_at=None).update(covered_at=now)
    search.write([edition.pk])
    return edition


@transaction.atomic
def archive(edition_id: int, by: User | None, why: str = "") -> Edition:
    """Readers no longer find it; its words and numbers stay."""
    edition = locked(edition_id)
    edition.live, edition.publish_at = None, None
    _move(edition, "archive", by, why)
    search.forget([edition.pk])
    return edition


@transaction.atomic
def reopen(edition_id: int, by: User, why: str = "") -> Edition:
    """Out of the archive, as a draft."""
    return _move(locked(edition_id), "reopen", by, why)


def publish_due(now: dt.datetime) -> int:
    """Publish what is scheduled for now; how many. Two workers publish each once."""
    done = 0
    for key in Edition.objects.due(now).order_by("publish_at").values_list("pk", flat=True)[:BATCH]:
        try:
            publish(key, None, only_scheduled=True)
        except Conflict:
            continue
        except Refused as refusal:  # emptied since: a person has to look
            _stuck(key, refusal.text)
            continue
        done += 1
    return done


@transaction.atomic
def _stuck(edition_id: int, why: str) -> None:
    edition = locked(edition_id)
    edition.publish_at = None
    _move(edition, "return", None, why)


def _publishable(edition: Edition) -> None:
    if edition.latest is None or not edition.latest.body.strip():
        raise Refused("body", "blank", _("An article without an answer helps nobody. Write it first."))
    if gap := GAP.search(edition.latest.body):
        raise Refused(
            "body",
            "gap",
            _("There is still a gap: “%(gap)s”. Fill it, or take the line out.") % {"gap": gap[1].strip()[:120]},
        )


def _move(edition: Edition, verb: str, by: User | None, why: str) -> Edition:
    try:
        edition.state = moved(edition.state, verb)
    except IllegalMove as error:
        state = EditionState(edition.state).label
        raise Conflict(_("This cannot be done now: it is “%(state)s”.") % {"state": state}) from error
    if edition.state != EditionState.SCHEDULED:
        edition.publish_at = None
    edition.save()
    _pass(edition, by, one_line(why, LONGEST_WHY))
    _happened(edition.state, edition, by)
    return edition


def _pass(edition: Edition, by: User | None, why: str) -> None:
    Passage.objects.create(
        brand_id=edition.brand_id, edition=edition, revision=edition.latest, state=edition.state, by=by, why=why
    )


# --- what stands around the words ------------------------------------------------------------------------------


def is_out(article: Article) -> bool:
    """Whether readers have it in any language, or will have by itself."""
    return bool(article.editions.filter(~Q(live=None) | Q(state=EditionState.SCHEDULED)).exists())


@transaction.atomic
def settle(article_id: int, by: User | None, **details: Any) -> Article:
    """Set `category`, `visible`, `owner`, `review_by`; the event names the fields."""
    article = Article.objects.select_for_update(of=("self",)).select_related("brand").get(pk=article_id)
    changed = _detail(article, details)
    if changed:
        article.save()
        events.record(
            [events.happened("article.changed", article.brand_id, actor=by, article=article.pk, fields=changed)]
        )
        search.write(list(article.editions.live().values_list("pk", flat=True)))
    return article


def _detail(article: Article, details: dict[str, Any]) -> list[str]:
    changed = [name for name, value in details.items() if getattr(article, name) != value]
    category, owner = details.get("category"), details.get("owner")
    if category is not None and category.brand_id != article.brand_id:
        raise Refused("category", "unknown", _("There is no such category."))
    if owner is not None and not owner.memberships.filter(brand=article.brand_id).exists():
        raise Refused("owner", "unknown", _("Choose somebody who works for this brand."))
    if details.get("visible", Visible.PUBLIC) not in Visible.values:
        raise Refused("visible", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(Visible.values)})
    for name in changed:
        setattr(article, name, details[name])
    return changed


@transaction.atomic
def readdress(edition_id: int, by: User | None, slug: str) -> Edition:
    """Another address; who follows the old one is led on."""
    edition = locked(edition_id)
    wanted = slug_of(slug)
    if not wanted:
        raise Refused("slug", "blank", _("An address has letters or numbers."))
    if wanted == edition.slug:
        return edition
    if _is_taken(edition, wanted):
        raise Refused("slug", "taken", _("Another article has this address."))
    old, edition.slug = edition.slug, wanted
    _leave_to(edition, wanted)
    edition.save(update_fields=["slug"])
    if edition.published_at is not None:
        OldAddress.objects.update_or_create(
            brand_id=edition.brand_id, language=edition.language, slug=old, defaults={"edition": edition}
        )
    events.record(
        [events.happened("article.moved", edition.brand_id, actor=by, article=edition.article_id, edition=edition.pk)]
    )
    return edition


@transaction.atomic
def lead_on(edition: Edition, slugs: Sequence[str]) -> int:
    """Who comes to these addresses is led to the edition from now on; how many are new. One that is known stays whose it is."""
    rows = OldAddress.objects.filter(brand=edition.brand_id, language=edition.language)
    wanted = [slug for slug in dict.fromkeys(map(slug_of, slugs)) if slug and slug != edition.slug]
    known = set(rows.filter(slug__in=wanted).values_list("slug", flat=True))
    free = [slug for slug in wanted if slug not in known and not _is_taken(edition, slug)]
    OldAddress.objects.bulk_create(
        [OldAddress(brand_id=edition.brand_id, edition=edition, language=edition.language, slug=slug) for slug in free]
    )
    return len(free)


def slug_of(words: str) -> str:
    """The address that these words give; "" where they hold neither letters nor numbers."""
    return slugify(words, allow_unicode=True)[:LONGEST_SLUG].strip("-")


def _free_slug(edition: Edition, wanted: str) -> str:
    base = wanted or "article"
    number, slug = 1, base
    while _is_taken(edition, slug):
        number += 1
        slug = f"{base}-{number}"
    _leave_to(edition, slug)
    return slug


def _is_taken(edition: Edition, slug: str) -> bool:
    rows = Edition.objects.filter(brand=edition.brand_id, language=edition.language, slug=slug)
    return bool(rows.exclude(pk=edition.pk).exists())


def _leave_to(edition: Edition, slug: str) -> None:
    """An address in use again no longer leads elsewhere."""
    OldAddress.objects.filter(brand=edition.brand_id, language=edition.language, slug=slug).delete()


def _spoken(centre: HelpCentre, language: str) -> str:
    if language not in centre.spoken:
        raise Refused(
            "language",
            "unknown",
            _("The help centre speaks: %(known)s. A manager can add a language.") % {"known": ", ".join(centre.spoken)},
        )
    return language


def locked(edition_id: int) -> Edition:
    """The edition, locked until the end of the caller's transaction."""
    rows = Edition.objects.select_for_update(of=("self",)).select_related("brand", "article", "latest", "live")
    found: Edition = rows.get(pk=edition_id)
    return found


def _happened(what: str, edition: Edition, by: User | None) -> None:
    events.record(
        [
            events.happened(
                f"article.{what}", edition.brand_id, actor=by,
                article=edition.article_id, edition=edition.pk, revision=edition.latest_id,
            )
        ]
    )  # fmt: skip


def out_of_date(editions: Sequence[Edition], first: str) -> set[int]:
    """Keys of those that do not say what the edition in the language `first` says by now. One query."""
    articles = {edition.article_id for edition in editions if edition.language != first}
    rows = Edition.objects.filter(article__in=articles, language=first).values_list(
        "article_id", "live_id", "latest_id"
    )
    said = {article: live or latest for article, live, latest in rows}
    return {
        edition.pk
        for edition in editions
        if edition.language != first
        and edition.article_id in said
        and edition.translates_id != said[edition.article_id]
    }


# --- shelves ---------------------------------------------------------------------------------------------------


@transaction.atomic
def save_category(brand: Brand, by: User | None, row: Category | None = None, **values: Any) -> Category:
    """A new category, or this one changed: `name`, `description`, `slug`, `position`, `texts` of other languages."""
    category = Category(brand=brand) if row is None else row
    for name, value in values.items():
        setattr(category, name, one_line(value, 250) if name in ("name", "description") else value)
    category.name = category.name[:100]
    if not category.name:
        raise Refused("name", "blank", _("Give it a name."))
    category.slug = slugify(category.slug or category.name)[:LONGEST_SLUG] or f"c-{public_id()[:8].lower()}"
    taken = Category.objects.filter(brand=brand, slug=category.slug).exclude(pk=category.pk)
    if taken.exists():
        raise Refused("name", "taken", _("There is a category of that name. Choose another name."))
    is_new = category.pk is None
    category.save()
    code = "category.added" if is_new else "category.changed"
    events.record([events.happened(code, brand, actor=by, category=category.pk, fields=sorted(values))])
    return category


@transaction.atomic
def remove_category(category: Category, by: User) -> None:
    """Its articles stay, without a category."""
    events.record([events.happened("category.removed", category.brand_id, actor=by, category=category.pk)])
    category.delete()
