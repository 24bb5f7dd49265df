"""A week of a help centre for its editors: new topics, articles that stopped answering, searches in vain, reviews that are due."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Lower

from helpdesk.models import Brand
from knowledge.models import Article, BrokenLink, Edition, Feedback, Inquiry, Reading, Search, Topic
from knowledge.reports.weeks import start_of

SEVEN, BEFORE = dt.timedelta(days=7), 4  # weeks that the last one is compared with
MOST = 20
# an article stopped answering where so many more ask, say no, or ask after reading
FEWEST_ASKED, GROWN = 5, 1.5
FEWEST_VOTES, HELPED = 5, 50
ASKED_AFTER = 3


@dataclass(frozen=True)
class Doubt:
    """An article that stopped answering, and how one sees it."""

    edition: Edition
    asked: int = 0  # questions of its topics in the week
    usual: float = 0.0  # a week, in the four before
    share: int | None = None  # percent of readers it helped lately, where that is few
    after: int = 0  # requests sent from it


@dataclass
class Week:
    monday: dt.date
    topics: list[Topic] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    missed: list[tuple[str, int]] = field(default_factory=list)
    reviews: list[Edition] = field(default_factory=list)
    broken: int = 0
    # of all, where the lists show the first
    new: int = 0
    in_vain: int = 0
    due: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {
            "topics": self.new, "doubts": len(self.doubts), "missed": self.in_vain, "reviews": self.due,
            "broken": self.broken,
        }  # fmt: skip

    @property
    def ends(self) -> dt.date:
        return self.monday + dt.timedelta(days=6)


def of(brand: Brand, monday: dt.date) -> Week:
    """The seven days from `monday` on."""
    since, until = start_of(monday), start_of(monday + SEVEN)
    new = Topic.objects.for_brand(brand).current().filter(created_at__gte=since, created_at__lt=until)
    vain = Search.objects.filter(brand=brand, found=0, created_at__gte=since, created_at__lt=until)
    words = vain.annotate(line=Lower("words")).order_by().values_list("line")
    counted = words.annotate(count=Count("pk"), first=Min("pk")).order_by("-count", "first")
    due = Article.objects.for_brand(brand).filter(review_by__lt=monday + 2 * SEVEN)
    reviews = Edition.objects.for_brand(brand).live().filter(article__in=due)
    return Week(
        monday,
        topics=list(new.order_by("-asked_30", "-id")[:MOST]),
        doubts=_doubts(brand, monday),
        missed=[(line, count) for line, count, _first in counted[:MOST]],
        reviews=list(reviews.select_related("article__owner").order_by("article__review_by", "id")[:MOST]),
        broken=BrokenLink.objects.filter(brand=brand).count(),
        new=new.count(),
        in_vain=vain.count(),
        due=reviews.count(),
    )  # fmt: skip


def _doubts(brand: Brand, monday: dt.date) -> list[Doubt]:
    since, until = start_of(monday), start_of(monday + SEVEN)
    lately = start_of(monday - BEFORE * SEVEN)
    rows = Inquiry.objects.for_brand(brand).filter(
        topic__article__isnull=False, topic__covered_at__lt=since, said_at__gte=lately, said_at__lt=until
    )
    asked = {
        article: (now, earlier / BEFORE)
        for article, now, earlier in rows.order_by().values_list("topic__article").annotate(
            now=Count("pk", filter=Q(said_at__gte=since)), earlier=Count("pk", filter=Q(said_at__lt=since))
        )
    }  # fmt: skip
    votes = (
        Feedback.objects.for_brand(brand).filter(author=None, created_at__gte=lately, created_at__lt=until).order_by()
    )
    share = {
        edition: round(100 * yes / every)
        for edition, yes, every in votes.values_list("edition").annotate(yes=Count("pk", filter=Q(is_helpful=True)), every=Count("pk"))
        if every >= FEWEST_VOTES
    }  # fmt: skip
    readings = Reading.objects.filter(brand=brand, day__gte=monday, day__lt=monday + SEVEN, asked__gt=0).order_by()
    after = dict(readings.values_list("edition").annotate(total=Sum("asked")))
    grown = {key for key, (now, usual) in asked.items() if now >= FEWEST_ASKED and now >= GROWN * usual}
    poor = {key for key, percent in share.items() if percent < HELPED}
    unanswered = {key for key, count in after.items() if count >= ASKED_AFTER}
    found = Edition.objects.for_brand(brand).live().filter(Q(article__in=grown) | Q(pk__in=poor | unanswered))
    doubts = []
    for row in found.order_by("id")[:MOST]:
        now, usual = asked[row.article_id] if row.article_id in grown else (0, 0.0)
        doubts.append(Doubt(row, now, usual, share[row.pk] if row.pk in poor else None, after[row.pk] if row.pk in unanswered else 0))  # fmt: skip
    return doubts
