"""Which topic an inquiry belongs to, decided as it comes; and what is counted of topics.

Between two nights nothing is grouped anew: an inquiry goes to the topic whose middle is near enough, by the words as the last
night weighed them, or waits for the next.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Count, Max, Min, Q, Subquery
from django.utils import timezone

from helpdesk.models import Brand, update_each
from knowledge.mining import clusters
from knowledge.models import Clustering, Inquiry, Topic

MONTH = dt.timedelta(days=30)
MOST_KEPT = 16
LOOK_SECONDS = 1.0  # within which a worker trusts the map it has
COUNTED = ("size", "asked_30", "asked_before", "negative_30", "first_at", "last_at", "channels")


@dataclass(frozen=True)
class Map:
    """One night's weights and the middles of the topics as they stand."""

    adaptation: clusters.Adaptation
    topics: list[int]
    middles: clusters.Matrix
    limit: float


_maps: OrderedDict[tuple[int, dt.datetime | None, int], Map] = OrderedDict()


def map_of(brand: Brand, language: str) -> Map | None:
    """None where no night has been yet. Kept in this process until the next one, or until a topic changes."""
    current = (
        Topic.objects.for_brand(brand).filter(language=language).exclude(state=Topic.State.MERGED).exclude(vector=b"")
    )
    # how many there are goes along: a merge or a new topic is seen at once
    many = current.order_by().values("brand").annotate(many=Count("pk")).values("many")
    row = (
        Clustering.objects.for_brand(brand).filter(language=language).exclude(finished_at=None)
        .order_by("-finished_at").defer("weights").annotate(many=Subquery(many)).first()
    )  # fmt: skip
    if row is None:
        return None
    key = (row.pk, row.finished_at, row.many or 0)
    if key not in _maps:
        topics = list(current.order_by("id").values_list("id", "vector"))
        middles = _matrix([bytes(vector) for _key, vector in topics])
        weights = Clustering.objects.values_list("weights", flat=True).get(pk=row.pk)
        _maps[key] = Map(
            clusters.read(bytes(weights)), [one for one, _vector in topics], middles, float(row.params.get("limit", 1))
        )
        while len(_maps) > MOST_KEPT:
            _maps.popitem(last=False)
    return _maps[key]


def _matrix(stored: Sequence[bytes]) -> clusters.Matrix:
    if not stored:
        return np.zeros((0, clusters.SIZE + clusters.WORD_SIZE), dtype=np.float32)
    return np.vstack([np.frombuffer(one, dtype="<f2") for one in stored]).astype(np.float32)


def stored(vector: clusters.Matrix) -> bytes:
    return bytes(vector.astype("<f2").tobytes())


_looked: dict[tuple[int, str], tuple[float, Map | None]] = {}


def _recent_map(brand: Brand, language: str) -> Map | None:
    """The map as it was a second ago at most: looking at it costs more than placing one inquiry by it."""
    now, key = time.monotonic(), (brand.pk, language)
    at, found = _looked.get(key, (float("-inf"), None))
    if now - at >= LOOK_SECONDS:
        if len(_looked) >= MOST_KEPT:
            _looked.clear()
        found = map_of(brand, language)
        _looked[key] = (now, found)
    return found


def assign(brand: Brand, language: str, rows: Sequence[Inquiry]) -> None:
    """Set the topic of these inquiries, unsaved, where one is near enough."""
    known = _recent_map(brand, language) if rows else None
    if known is None:
        return
    made = clusters.vectors(known.adaptation, [row.text for row in rows])
    found, close = clusters.nearest_centre(made, known.middles)
    for row, place, value in zip(rows, found, close, strict=True):
        if place >= 0 and value >= known.limit:
            row.topic_id = known.topics[int(place)]


def add(rows: Sequence[Inquiry]) -> None:
    """Count these, just stored, beside what is counted of their topics: a topic of thousands is not read for one more. What
    grows older than thirty days is left out by the night, which counts all anew."""
    by_topic: dict[int, list[Inquiry]] = defaultdict(list)
    for row in rows:
        if row.topic_id:
            by_topic[row.topic_id].append(row)
    if not by_topic:
        return
    now = timezone.now()
    with transaction.atomic(savepoint=False):
        found = Topic.objects.select_for_update(no_key=True).filter(pk__in=by_topic).order_by("pk").only(*COUNTED)
        topics = list(found)
        for topic in topics:
            _count_in(topic, by_topic[topic.pk], now)
        update_each(topics, COUNTED)


def _count_in(topic: Topic, new: Sequence[Inquiry], now: dt.datetime) -> None:
    recent = [row for row in new if row.said_at >= now - MONTH]
    times = [row.said_at for row in new]
    topic.size += len(new)
    topic.asked_30 += len(recent)
    topic.asked_before += sum(now - 2 * MONTH <= at < now - MONTH for at in times)
    topic.negative_30 += sum(row.sentiment == "negative" for row in recent)
    topic.first_at, topic.last_at = min([*times, topic.first_at or times[0]]), max([*times, topic.last_at or times[0]])
    topic.channels = dict(Counter(topic.channels) + Counter(row.platform for row in recent))


def count(topics: Collection[int]) -> None:
    """Write what is counted of these topics, from their inquiries: one query that reads, one that writes."""
    if not topics:
        return
    now = timezone.now()
    recent, before = Q(said_at__gte=now - MONTH), Q(said_at__gte=now - 2 * MONTH, said_at__lt=now - MONTH)
    parts = (
        Inquiry.objects.filter(topic__in=topics).order_by().values("topic", "platform").annotate(
            size=Count("pk"), asked_30=Count("pk", filter=recent), asked_before=Count("pk", filter=before),
            negative_30=Count("pk", filter=recent & Q(sentiment="negative")), first_at=Min("said_at"), last_at=Max("said_at"),
        )
    )  # fmt: skip
    rows = {key: Topic(pk=key) for key in topics}
    for part in parts:
        _add(rows[part["topic"]], dict(part))
    update_each(list(rows.values()), COUNTED)


def _add(row: Topic, part: dict[str, Any]) -> None:
    """What came from one platform, to the topic's sums."""
    for name in ("size", "asked_30", "asked_before", "negative_30"):
        setattr(row, name, getattr(row, name) + part[name])
    row.first_at = min(filter(None, (row.first_at, part["first_at"])))
    row.last_at = max(filter(None, (row.last_at, part["last_at"])))
    if part["asked_30"]:
        row.channels[part["platform"]] = part["asked_30"]
