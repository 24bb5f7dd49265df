"""Grouping all inquiries of a brand and language anew, without losing what editors decided.

The groups are matched with the topics there are, each with the one that holds most of it. A topic keeps its number as long as
its inquiries stay together. What an editor decided is never undone by the night: topics that were kept, named or answered stay,
inquiries that were placed stay where they are, and where the groups say otherwise there is advice instead.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from helpdesk import events
from helpdesk.models import Brand, update_each
from knowledge.mining import clusters, places
from knowledge.models import Advice, Clustering, Inquiry, Topic

WINDOW = dt.timedelta(days=365)
EARLIEST = dt.datetime(1971, 1, 1, tzinfo=dt.UTC)  # nobody asked before that, whatever an archive says
MOST = 100_000  # of the latest inquiries that are grouped
FEWEST = 15  # inquiries below which nothing is grouped
AGAIN = dt.timedelta(hours=20)
BUSY = dt.timedelta(hours=1)  # after which another worker may take up what one began
GROWN = 1.25  # times as many inquiries as last time: groups anew before the night
SHARE = 0.3  # of a group that has to come from a topic for the group to be that topic, or for two topics to be one
KEEP_RUNS = 3
TITLE_LETTERS = (12, 110)
QUESTION = 0.05  # nearer to the middle than it is, for a text that asks: a title that readers know their question in


class Row(NamedTuple):
    pk: int
    text: str
    topic: int | None
    is_placed: bool


def due(now: dt.datetime) -> list[tuple[int, str]]:
    """(brand, language) whose night has come: a day since the last, or a quarter more inquiries than then."""
    found = []
    pairs = (
        Inquiry.objects.filter(said_at__lte=now)
        .order_by()
        .values_list("brand", "language")
        .annotate(count=Count("pk"), latest=Max("said_at"))
    )
    for brand, language, _all, latest in pairs.filter(count__gte=FEWEST):
        count = _window(brand, language, latest).count()
        runs = Clustering.objects.filter(brand=brand, language=language)
        if count < FEWEST or runs.filter(finished_at=None, created_at__gt=now - BUSY).exists():
            continue
        last = runs.exclude(finished_at=None).order_by("-finished_at").values("finished_at", "inquiries").first()
        is_old = last is None or last["finished_at"] is None or last["finished_at"] < now - AGAIN
        if is_old or (last is not None and min(count, MOST) >= GROWN * last["inquiries"]):
            found.append((brand, language))
    return found


def _window(brand: int, language: str, latest: dt.datetime) -> Any:
    """The year up to the latest: an archive that ends years ago is grouped like what is asked today. What is dated in the
    future is a slip, and must not move the year."""
    return Inquiry.objects.filter(brand=brand, language=language, said_at__gte=max(latest, EARLIEST) - WINDOW)


def run(brand: Brand, language: str) -> Clustering:
    """Group them all; safe at any time. What takes long holds no lock."""
    night: Clustering = Clustering.objects.create(brand=brand, language=language)
    rows = _rows(brand, language)
    texts = [row.text for row in rows]
    adaptation = clusters.fit(texts)
    made = clusters.vectors(adaptation, texts)
    found = clusters.groups(made)
    middles = clusters.centres(made, found)
    limit = clusters.limit_of(made, found, middles)
    with transaction.atomic():
        Brand.objects.select_for_update(no_key=True).get(pk=brand.pk)  # one night of a brand at a time
        changed = _settle(brand, language, rows, made, found)
        night.weights, night.inquiries, night.topics = clusters.kept(adaptation), len(rows), len(middles)
        night.params, night.finished_at = {"limit": limit}, timezone.now()
        night.save()
        places.count(changed)
        old = Clustering.objects.filter(brand=brand, language=language).order_by("-id").values_list("pk", flat=True)
        Clustering.objects.filter(pk__in=list(old[KEEP_RUNS:])).delete()
        events.record(
            [events.happened("topics.found", brand, language=language, inquiries=len(rows), topics=len(middles))]
        )
    return night


def _rows(brand: Brand, language: str) -> list[Row]:
    asked = (
        Inquiry.objects.for_brand(brand)
        .filter(language=language, said_at__lte=timezone.now())
        .order_by("-said_at", "-id")
    )
    latest = asked.values_list("said_at", flat=True).first()
    if latest is None:
        return []
    found = _window(brand.pk, language, latest)
    columns = found.order_by("-said_at", "-id").values_list("pk", "text", "topic", "is_placed")[:MOST]
    return [Row(*one) for one in columns]


# --- matching --------------------------------------------------------------------------------------------------


def _settle(brand: Brand, language: str, rows: Sequence[Row], made: clusters.Matrix, found: clusters.Ints) -> set[int]:
    """Write which topic each inquiry belongs to; keys of all topics of the language."""
    topics = {row.pk: row for row in Topic.objects.for_brand(brand).filter(language=language)}
    fixed = {key for key, row in topics.items() if is_decided(row)}
    groups = [np.flatnonzero(found == number) for number in range(int(found.max(initial=-1)) + 1)]
    held = [Counter(rows[int(one)].topic for one in group if rows[int(one)].topic in topics) for group in groups]
    chosen = match(held, [len(group) for group in groups], fixed)
    target: dict[int, int | None] = {}
    chosen_topic: dict[int, int] = {}
    for number, group in enumerate(groups):
        key = chosen.get(number)
        topic = topics[key] if key is not None else _new(brand, language)
        topics[topic.pk] = topic
        chosen_topic[number] = topic.pk
        _describe(topic, [rows[int(one)] for one in group], made[group])
        target.update({rows[int(one)].pk: topic.pk for one in group})
    _advise(brand, topics, held, chosen, [len(group) for group in groups], fixed)
    _stay(rows, made, found, [chosen_topic.get(number) for number in range(len(groups))], target)
    moved = _moves(rows, target, fixed)
    update_each(moved, ["topic"])
    _put_away(topics, set(target.values()), fixed)
    return {row.pk for row in Topic.objects.for_brand(brand).filter(language=language)}


def is_decided(topic: Topic) -> bool:
    """Whether an editor's decision hangs on it."""
    return topic.state != Topic.State.NEW or topic.is_named or topic.article_id is not None


def match(held: Sequence[Counter[int | None]], sizes: Sequence[int], fixed: set[int]) -> dict[int, int]:
    """group -> topic. The pairs with most in common first; each topic goes to one group. Pure."""
    pairs = sorted(
        (
            (count, key in fixed, -number, key)
            for number, topics in enumerate(held)
            for key, count in topics.items()
            if key is not None and count >= SHARE * sizes[number]
        ),
        reverse=True,
    )
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for _count, _is_fixed, number, key in pairs:
        if -number not in chosen and key not in taken:
            chosen[-number] = key
            taken.add(key)
    return chosen


def _new(brand: Brand, language: str) -> Topic:
    topic: Topic = Topic.objects.create(brand=brand, language=language, title="…")
    return topic


def _describe(topic: Topic, rows: Sequence[Row], made: clusters.Matrix) -> None:
    """Its middle; and, until an editor words it, the title in the customers' words that stands nearest to it."""
    middle = clusters.unit(made.mean(axis=0, keepdims=True))
    topic.vector = places.stored(middle[0])
    if not is_decided(topic):  # customers see the titles of those that are
        close = (made @ middle[0]).tolist()
        topic.title = title_of([row.text for row in rows], close)
    topic.save(update_fields=["vector", "title"])


def title_of(texts: Sequence[str], close: Sequence[float]) -> str:
    """The text nearest to the middle that reads as a title: neither a stub nor a story. Pure."""
    low, high = TITLE_LETTERS

    def rank(place: int) -> tuple[bool, float, int]:
        text = texts[place]
        asks = QUESTION if text.rstrip().endswith(("?", "？")) else 0.0
        return (not low <= len(text) <= high or "…" in text, -close[place] - asks, place)

    best = texts[min(range(len(texts)), key=rank)]
    return best if len(best) <= 200 else f"{best[:199].rsplit(' ', 1)[0]}…"


def _stay(
    rows: Sequence[Row],
    made: clusters.Matrix,
    found: clusters.Ints,
    topics: Sequence[int | None],
    target: dict[int, int | None],
) -> None:
    """Who is in no group this night, but still nearest to the topic they are in, stays there."""
    middles = clusters.centres(made, found)
    alone = [place for place in np.flatnonzero(found < 0) if rows[int(place)].topic is not None]
    nearest, _close = clusters.nearest_centre(made[alone], middles)
    for place, group in zip(alone, nearest, strict=True):
        row = rows[int(place)]
        if group >= 0 and topics[int(group)] == row.topic:
            target[row.pk] = row.topic


def _moves(rows: Sequence[Row], target: dict[int, int | None], fixed: set[int]) -> list[Inquiry]:
    """Inquiries that belong elsewhere now. Who was placed stays; nobody leaves what an editor decided."""
    moved = []
    for row in rows:
        wanted = target.get(row.pk)
        if row.is_placed or row.topic in fixed or wanted == row.topic:
            continue
        moved.append(Inquiry(pk=row.pk, topic_id=wanted))
    return moved


def _put_away(topics: dict[int, Topic], used: set[Any], fixed: set[int]) -> None:
    """Topics found by themselves that hold nothing any more."""
    empty = [key for key in topics if key not in used and key not in fixed]
    still = set(Inquiry.objects.filter(topic__in=empty).values_list("topic", flat=True).distinct())
    Topic.objects.filter(pk__in=[key for key in empty if key not in still], drafts=None).delete()


def _advise(
    brand: Brand,
    topics: dict[int, Topic],
    held: Sequence[Counter[int | None]],
    chosen: dict[int, int],
    sizes: Sequence[int],
    fixed: set[int],
) -> None:
    """Where the groups say otherwise than an editor did: two topics that are one, one that is two."""
    wanted: list[Advice] = []
    spread: dict[int, list[int]] = {}
    for number, found in enumerate(held):
        large = [key for key, count in found.most_common() if key in fixed and count >= SHARE * sizes[number]]
        first = chosen.get(number)
        wanted += [
            Advice(brand=brand, kind=Advice.Kind.MERGE, topic_id=min(first, key), other_id=max(first, key))
            for key in large
            if first is not None and key is not None and key != first
        ]
        for key in large:
            if key is not None:
                spread.setdefault(key, []).append(number)
    for key, numbers in spread.items():
        parts = [number for number in numbers if held[number][key] >= clusters.LEAST]
        if len(parts) > 1:
            counts = sorted((held[number][key] for number in parts), reverse=True)
            wanted.append(Advice(brand=brand, kind=Advice.Kind.SPLIT, topic_id=key, params={"parts": counts}))
    Advice.objects.filter(brand=brand, topic__in=topics, state=Advice.State.OPEN).delete()
    Advice.objects.bulk_create(wanted, ignore_conflicts=True)
