"""What editors decide of topics. The night never undoes it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import User
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge.mining import places
from knowledge.models import Advice, Article, Inquiry, Topic


def locked(topic_id: int) -> Topic:
    found: Topic = Topic.objects.select_for_update().get(pk=topic_id)
    return found


def _happened(what: str, topic: Topic, by: User, **values: Any) -> None:
    events.record([events.happened(f"topic.{what}", topic.brand_id, actor=by, topic=topic.pk, **values)])


@transaction.atomic
def name(topic_id: int, by: User, title: str) -> Topic:
    """A name of an editor's: it stays."""
    topic, line = locked(topic_id), one_line(title, 201)
    if not line:
        raise Refused("title", "blank", _("Give it a name."))
    if len(line) > 200:
        raise Refused("title", "too_long", _("A name has at most 200 characters."))
    topic.title, topic.is_named = line, True
    topic.save(update_fields=["title", "is_named"])
    _happened("named", topic, by)
    return topic


@transaction.atomic
def keep(topic_id: int, by: User) -> Topic:
    """A topic indeed: it keeps its inquiries, and customers see that it is asked."""
    return _become(topic_id, by, Topic.State.KEPT, "kept")


@transaction.atomic
def put_aside(topic_id: int, by: User) -> Topic:
    """Nothing that needs an article. What is asked like it goes there, too, out of sight."""
    return _become(topic_id, by, Topic.State.ASIDE, "put_aside")


def _become(topic_id: int, by: User, state: str, what: str) -> Topic:
    topic = locked(topic_id)
    if topic.state == Topic.State.MERGED:
        raise Conflict(_("It was merged into another topic."))
    topic.state = state
    topic.save(update_fields=["state"])
    _happened(what, topic, by)
    return topic


@transaction.atomic
def merge(topic_id: int, into_id: int, by: User) -> Topic:
    """All its inquiries go into the other one, which is kept; so does its article where that has none."""
    rows = {row.pk: row for row in Topic.objects.select_for_update().filter(pk__in=(topic_id, into_id)).order_by("pk")}
    topic, into = rows[topic_id], rows.get(into_id)
    if into is None or into.brand_id != topic.brand_id or into.language != topic.language or into.pk == topic.pk:
        raise Refused("into", "unknown", _("Choose another topic of this brand, in the same language."))
    if Topic.State.MERGED in (topic.state, into.state):
        raise Conflict(_("One of them was merged already."))
    Inquiry.objects.filter(topic=topic).update(topic=into)
    into.article_id, into.covered_at = into.article_id or topic.article_id, into.covered_at or topic.covered_at
    into.state = Topic.State.KEPT
    into.save(update_fields=["article", "covered_at", "state"])
    topic.state, topic.merged_into, topic.article, topic.vector = Topic.State.MERGED, into, None, b""
    topic.save(update_fields=["state", "merged_into", "article", "vector"])
    Advice.objects.filter(state=Advice.State.OPEN, topic__in=(topic, into)).filter(other__in=(topic, into)).update(
        state=Advice.State.TAKEN, decided_by=by
    )
    places.count({topic.pk, into.pk})
    _happened("merged", topic, by, into=into.pk)
    into.refresh_from_db()
    return into


@transaction.atomic
def cover(topic_id: int, by: User, article_id: int | None) -> Topic:
    """The article that answers it; none: nothing does."""
    topic = locked(topic_id)
    article = Article.objects.for_brand(topic.brand_id).filter(pk=article_id).first() if article_id else None
    if article_id and article is None:
        raise Refused("article", "unknown", _("There is no such article."))
    topic.article = article
    topic.covered_at = timezone.now() if article and article.editions.exclude(live=None).exists() else None
    topic.save(update_fields=["article", "covered_at"])
    _happened("covered", topic, by, article=article_id)
    return topic


@transaction.atomic
def place(inquiry_id: int, brand_id: int, by: User, topic_id: int | None) -> Inquiry:
    """Where one inquiry belongs, for good; None: nowhere."""
    row = Inquiry.objects.select_for_update().filter(pk=inquiry_id, brand=brand_id).first()
    topic = Topic.objects.for_brand(brand_id).filter(pk=topic_id).first() if topic_id else None
    if row is None or (topic_id and (topic is None or topic.state == Topic.State.MERGED)):
        raise Refused("into", "unknown", _("There is no such topic."))
    before, row.topic, row.is_placed = row.topic_id, topic, True
    row.save(update_fields=["topic", "is_placed"])
    places.count({key for key in (before, topic_id) if key})
    events.record([events.happened("inquiry.placed", brand_id, actor=by, inquiry=row.pk, topic=topic_id)])
    return row


@transaction.atomic
def decide_advice(advice_id: int, topic_id: int, by: User, *, is_taken: bool) -> None:
    """Merge what was advised, or never hear of it again. A split frees the topic: the next night divides it."""
    row = Advice.objects.select_for_update().filter(pk=advice_id, topic=topic_id, state=Advice.State.OPEN).first()
    if row is None:
        raise Conflict(_("Somebody has decided this."))
    row.state, row.decided_by = (Advice.State.TAKEN if is_taken else Advice.State.REFUSED), by
    row.save(update_fields=["state", "decided_by"])
    if is_taken and row.kind == Advice.Kind.MERGE and row.other_id:
        smaller, larger = sorted((row.topic, row.other), key=lambda one: one.size if one else 0)
        assert smaller is not None
        assert larger is not None
        merge(smaller.pk, larger.pk, by)
    elif is_taken:
        Inquiry.objects.filter(topic=row.topic, is_placed=False).update(topic=None)
        places.count({row.topic_id})
