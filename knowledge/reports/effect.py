"""Whether articles help: readers, votes, requests, linked answers, and what is asked since they are out.

Everything is of the last thirteen weeks. The week an article came out, and the running one, tell of neither before nor after.
Time saved: the larger of what two sides tell (questions that no longer come; readers who looked for an answer, opened an
article and asked nothing), each at what an answer by hand takes. They are two views of one thing, and never added up.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Lower, TruncWeek

from helpdesk.models import Ticket
from knowledge import feedback
from knowledge.models import Article, Edition, Handed, HelpCentre, Inquiry, Reading, Search, Topic
from knowledge.reports.weeks import mondays, shares, start_of

COUNTED = ("views", "helped", "not_helped", "asked", "spared")
MOST_ARTICLES, MOST_ANSWERS, MOST_WORDS = 50, 200, 20


@dataclass
class Week:
    day: dt.date
    views: int = 0
    inquiries: int = 0
    is_after: bool = False
    share: int = 0  # of the largest week's inquiries, in percent


@dataclass
class Effect:
    """Of one article, all its languages together."""

    weeks: list[Week]
    views: int = 0
    helped: int = 0
    not_helped: int = 0
    asked: int = 0
    spared: int = 0
    handed: int = 0
    followed: int = 0
    share_helped: int | None = None
    before: float | None = None
    after: float | None = None
    minutes_saved: int = 0
    out_since: dt.date | None = None
    title: str = ""
    edition: int | None = None

    @property
    def change(self) -> int | None:
        """In percent of what was asked before; None where that tells nothing."""
        if self.before is None or self.after is None or self.before < 1:
            return None
        return round(100 * (self.after - self.before) / self.before)

    @property
    def has_topics(self) -> bool:
        """Whether anything was asked that it is to answer."""
        return any(week.inquiries for week in self.weeks)

    @property
    def fewer(self) -> int:
        """Questions that no longer came since it is out."""
        full = sum(1 for week in self.weeks[:-1] if week.is_after)
        return max(0, round(((self.before or 0) - self.after) * full)) if self.after is not None else 0


def of(article: Article, now: dt.datetime | None = None) -> Effect:
    return of_many([article], now)[article.pk]


def of_many(articles: Sequence[Article], now: dt.datetime | None = None) -> dict[int, Effect]:
    """By article. Six queries, however many."""
    days = mondays(now)
    keys = [row.pk for row in articles]
    found = {key: Effect([Week(day) for day in days]) for key in keys}
    _read(found, keys, days)
    _asked(found, keys, days)
    _handed(found, keys, days[0])
    _named(found, keys)
    minutes = minutes_of({row.brand_id for row in articles})
    for row in articles:
        _concluded(found[row.pk], minutes[row.brand_id])
    return found


def _read(found: dict[int, Effect], keys: Collection[int], days: Sequence[dt.date]) -> None:
    rows = (
        Reading.objects.filter(edition__article__in=keys, day__gte=days[0]).annotate(week=TruncWeek("day")).order_by()
    )
    sums = {f"sum_{name}": Sum(name) for name in COUNTED}
    totals: Any = rows.values("edition__article", "week").annotate(**sums)
    for row in totals:
        effect = found[row["edition__article"]]
        for name in COUNTED:
            setattr(effect, name, getattr(effect, name) + row[f"sum_{name}"])
        _week(effect, row["week"]).views += row["sum_views"]


def _asked(found: dict[int, Effect], keys: Collection[int], days: Sequence[dt.date]) -> None:
    rows = (
        Inquiry.objects.filter(topic__article__in=keys, said_at__gte=start_of(days[0]))
        .annotate(week=TruncWeek("said_at"))
        .order_by()
    )
    for article, week, count in rows.values_list("topic__article", "week").annotate(count=Count("pk")):
        _week(found[article], week.date()).inquiries += count


def _week(effect: Effect, day: dt.date) -> Week:
    """The week of that Monday; days are UTC's, so that west of it one may lie a week ahead: that is the running one."""
    return next((week for week in effect.weeks if week.day == day), effect.weeks[-1])


def _handed(found: dict[int, Effect], keys: Collection[int], since: dt.date) -> None:
    rows = Handed.objects.filter(edition__article__in=keys, message__sent_at__gte=start_of(since)).order_by()
    counts = rows.values_list("edition__article").annotate(
        handed=Count("pk"), followed=Count("pk", filter=~Q(opened_at=None))
    )
    for article, handed, followed in counts:
        found[article].handed, found[article].followed = handed, followed


def _named(found: dict[int, Effect], keys: Collection[int]) -> None:
    """Its title, its first day, and the share of readers it helped."""
    editions = list(Edition.objects.filter(article__in=keys).order_by("-id").only("article", "title", "published_at"))
    helped = feedback.shares([row.pk for row in editions])
    for row in editions:
        effect = found[row.article_id]
        effect.title, effect.edition = row.title, row.pk
        effect.share_helped = helped.get(row.pk, effect.share_helped)
        out = row.published_at.date() if row.published_at else None
        effect.out_since = min(filter(None, (out, effect.out_since)), default=None)


def _concluded(effect: Effect, minutes: int) -> None:
    out = effect.out_since
    for week, share in zip(effect.weeks, shares([week.inquiries for week in effect.weeks]), strict=True):
        week.share, week.is_after = share, out is not None and week.day > out
    if out is not None:
        over = effect.weeks[:-1]
        before = [week.inquiries for week in over if week.day + dt.timedelta(days=7) <= out]
        after = [week.inquiries for week in over if week.is_after]
        effect.before = round(fmean(before), 1) if before else None
        effect.after = round(fmean(after), 1) if after else None
    effect.minutes_saved = minutes * max(effect.fewer, effect.spared)


# --- a brand's help centre -------------------------------------------------------------------------------------


@dataclass
class Overview:
    """Of the brands one looks at. `spared` and `asked` a week: readers who needed to ask nothing, and requests from here."""

    weeks: list[dict[str, Any]]
    views: int = 0
    spared: int = 0
    asked: int = 0
    searches: int = 0
    in_vain: int = 0
    handed: int = 0
    followed: int = 0
    minutes_saved: int = 0
    share_helped: int | None = None
    articles: list[Effect] = field(default_factory=list)
    missed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def deflection(self) -> int | None:
        """Of readers who came with a question, the percentage that asked nothing."""
        came = self.spared + self.asked
        return round(100 * self.spared / came) if came else None


def overview(brands: Sequence[int], now: dt.datetime | None = None) -> Overview:
    days = mondays(now)
    weekly = _weekly(brands, days)
    elsewhere = _requests(brands, days)
    found = Overview([])
    for day in days:
        row = weekly[day]
        asked = row["asked"] + elsewhere[day]
        found.weeks.append({"day": day, "views": row["views"], "spared": row["spared"], "asked": asked})
    most = max((week["spared"] + week["asked"] for week in found.weeks), default=0) or 1
    for week in found.weeks:
        week.update(spared_share=round(100 * week["spared"] / most), asked_share=round(100 * week["asked"] / most))
    found.views, found.spared, found.asked = (
        sum(week[name] for week in found.weeks) for name in ("views", "spared", "asked")
    )
    helped = sum(row["helped"] for row in weekly.values())
    votes = helped + sum(row["not_helped"] for row in weekly.values())
    found.share_helped = round(100 * helped / votes) if votes >= feedback.FEWEST_VOTES else None
    _searched(found, brands, days[0])
    _articles(found, brands, days[0], now)
    return found


def _weekly(brands: Sequence[int], days: Sequence[dt.date]) -> dict[dt.date, Counter[str]]:
    """What was counted of all articles, by week."""
    found: dict[dt.date, Counter[str]] = {day: Counter() for day in days}
    rows = Reading.objects.filter(brand__in=brands, day__gte=days[0]).annotate(week=TruncWeek("day")).order_by()
    totals: Any = rows.values("week").annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
    for row in totals:  # days are UTC's: west of it one may lie a week ahead
        found[min(row["week"], days[-1])].update({name: row[f"sum_{name}"] for name in COUNTED})
    return found


def _requests(brands: Sequence[int], days: Sequence[dt.date]) -> Counter[dt.date]:
    """What was asked in the help centre by who had read no article, by week; the others are counted at the article."""
    rows = Ticket.objects.filter(
        brand__in=brands, platform="web", created_at__gte=start_of(days[0]), came_from__edition=None
    )
    weekly = rows.annotate(week=TruncWeek("created_at")).order_by().values_list("week").annotate(count=Count("pk"))
    return Counter({week.date(): count for week, count in weekly})


def _searched(found: Overview, brands: Sequence[int], since: dt.date) -> None:
    rows = Search.objects.filter(brand__in=brands, created_at__gte=start_of(since))
    found.searches = rows.count()
    vain = rows.filter(found=0).exclude(words="")
    found.in_vain = vain.count()
    words = (
        vain.annotate(line=Lower("words")).order_by().values_list("line").annotate(count=Count("pk"), first=Min("pk"))
    )
    found.missed = [(line, count) for line, count, _first in words.order_by("-count", "first")[:MOST_WORDS]]


def _articles(found: Overview, brands: Sequence[int], since: dt.date, now: dt.datetime | None) -> None:
    """Those most read, and those that answer a topic, with what came of each; of all others what they spared."""
    rows = Reading.objects.filter(brand__in=brands, day__gte=since).order_by().values("edition__article")
    read = (
        rows.annotate(views=Sum("views")).order_by("-views").values_list("edition__article", flat=True)[:MOST_ARTICLES]
    )
    answers = Topic.objects.filter(brand__in=brands, covered_at__isnull=False).exclude(article=None)
    keys = {*read, *answers.order_by("-size").values_list("article", flat=True)[:MOST_ANSWERS]}
    effects = of_many(list(Article.objects.filter(pk__in=keys)), now)
    ranked = sorted(effects.values(), key=lambda one: (-one.minutes_saved, -one.views, one.title))
    found.articles = ranked[:MOST_ARTICLES]
    minutes = minutes_of(brands)
    others = rows.exclude(edition__article__in=keys).values_list("brand").annotate(spared=Sum("spared"))
    found.minutes_saved = sum(one.minutes_saved for one in ranked) + sum(
        minutes[brand] * spared for brand, spared in others
    )
    handed = Handed.objects.filter(brand__in=brands, message__sent_at__gte=start_of(since))
    found.handed, found.followed = handed.count(), handed.exclude(opened_at=None).count()


def minutes_of(brands: Collection[int]) -> dict[int, int]:
    """What an answer written by hand takes, by brand."""
    usual: int = HelpCentre._meta.get_field("minutes_per_answer").default
    said = dict(HelpCentre.objects.filter(brand__in=brands).values_list("brand", "minutes_per_answer"))
    return {brand: said.get(brand, usual) for brand in brands}
