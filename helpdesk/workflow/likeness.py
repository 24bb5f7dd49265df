"""Tickets that are about the same trouble. Vectors are made in the background, and for the few that are missing when asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from helpdesk import notices
from helpdesk.models import Brand, EscalationPolicy, Likeness, Message, MessageKind, Ticket, Trigger, update_each
from helpdesk.permissions import Role
from helpdesk.text import similar
from helpdesk.workflow import sweep
from helpdesk.workflow.verbs import locked

RECENT = dt.timedelta(days=14)  # that "recent" means beside what is open
TOGETHER = dt.timedelta(hours=48)  # within which many of one cause are looked for
BATCH = 200
MOST = 5000  # that are compared with
NEAREST = 3
NEEDED = ("brand_id", "created_at", "subject")
NOTHING = ("praise", "spam")
MANY = 5  # alike within 48 hours: somebody should know, whatever policies say


class Alike(NamedTuple):
    ticket: int
    closeness: float


def missing(brand: Brand | int, since: dt.datetime) -> QuerySet[Ticket]:
    """Tickets since then that have no vector, the newest first."""
    rows = Ticket.objects.for_brand(brand).filter(created_at__gte=since, likeness=None, merged_into=None)
    return rows.order_by("-created_at", "-id")


def made(rows: Sequence[Ticket]) -> list[Likeness]:
    """Their vectors, unsaved."""
    words = first_words([row.pk for row in rows])
    vectors = similar.vectors([f"{row.subject} {words.get(row.pk, '')}" for row in rows]) if rows else []
    return [
        Likeness(ticket=row, brand_id=row.brand_id, opened_at=row.created_at, vector=vector, model=similar.MODEL)
        for row, vector in zip(rows, vectors, strict=True)
    ]


def fill(brand: Brand | int, since: dt.datetime, most: int = BATCH) -> list[Likeness]:
    """Make and keep up to `most` of the missing vectors; those that were made."""
    found = made(list(missing(brand, since).only(*NEEDED)[:most]))
    Likeness.objects.bulk_create(found, ignore_conflicts=True)
    return found


def first_words(tickets: Collection[int]) -> dict[int, str]:
    """By ticket: what its customer said first."""
    found: dict[int, str] = {}
    rows = Message.objects.filter(ticket__in=tickets, kind=MessageKind.INBOUND).order_by("said_at", "id")
    for ticket, text in rows.values_list("ticket_id", "text"):
        found.setdefault(ticket, text)
    return found


def known(brand: Brand | int, since: dt.datetime) -> tuple[list[int], similar.Matrix]:
    """(tickets, their vectors): those that are kept, the newest first, and the latest that are not yet. Writes nothing."""
    rows = Likeness.objects.filter(brand_id=getattr(brand, "pk", brand), opened_at__gte=since, model=similar.MODEL)
    rows = rows.filter(ticket__merged_into=None)
    kept = list(rows.order_by("-opened_at").values_list("ticket_id", "vector")[:MOST])
    fresh = made(list(missing(brand, since).only(*NEEDED)[:BATCH]))
    pairs = [*((row.ticket_id, row.vector) for row in fresh), *kept]
    return [key for key, _vector in pairs], similar.matrix([bytes(vector) for _key, vector in pairs])


def vectors_of(tickets: Collection[int]) -> list[bytes]:
    """Of these tickets, whenever they came in; at most two hundred that have none are read anew."""
    kept = dict(Likeness.objects.filter(ticket__in=tickets).values_list("ticket_id", "vector"))
    left = Ticket.objects.filter(pk__in=[key for key in tickets if key not in kept]).only(*NEEDED)[:BATCH]
    return [bytes(vector) for vector in [*kept.values(), *(row.vector for row in made(list(left)))]]


def alike(tickets: Collection[int], brand: Brand | int, since: dt.datetime) -> list[Alike]:
    """Others since then that are like these taken together, the closest first.

    One alone says little of what it is about: the closest to it help to find the rest.
    """
    given = vectors_of(tickets)
    keys, vectors = known(brand, since)
    if 0 < len(given) < similar.SEVERAL:
        close = similar.closeness(given, vectors)
        order = [place for place in np.argsort(-close) if close[place] >= similar.ALIKE and keys[place] not in tickets]
        nearest = [vectors[place].astype("<f2").tobytes() for place in order[:NEAREST]]
        if len(given) + len(nearest) < similar.SEVERAL:
            return [Alike(keys[place], float(close[place])) for place in order]
        given += nearest
    close = similar.closeness(given, vectors)
    found = [
        Alike(key, float(value))
        for key, value in zip(keys, close, strict=True)
        if value >= similar.ALIKE_TO_SEVERAL and key not in tickets
    ]
    return sorted(found, key=lambda one: -one.closeness)


def scale(ticket: Ticket, now: dt.datetime) -> list[int]:
    """Open and recent tickets with the same trouble as this one."""
    return [one.ticket for one in alike([ticket.pk], ticket.brand_id, now - RECENT)]


# --- many of one cause -----------------------------------------------------------------------------------------


def brands_to_look_at(now: dt.datetime) -> list[int]:
    """Brands that have tickets of the last hour without a vector."""
    since = now - dt.timedelta(hours=1)
    brands = Brand.objects.order_by("id").values_list("id", flat=True)
    return [brand for brand in brands if missing(brand, since).values_list("pk", flat=True)[:1]]


def catch_up(now: dt.datetime) -> int:
    """Make what is missing of two weeks: after an outage, or words that were taken back. How many were made."""
    done = 0
    for brand in Brand.objects.order_by("id"):
        while made_now := len(fill(brand, now - RECENT)):
            done += made_now
    return done


def look(brand_id: int, now: dt.datetime) -> int:
    """Give the latest tickets their vectors and see whether many are of one cause; how many were looked at."""
    fresh = fill(brand_id, now - dt.timedelta(hours=1))
    if not fresh:
        return 0
    about = dict(Ticket.objects.filter(pk__in=[row.ticket_id for row in fresh]).values_list("pk", "intent"))
    keys, vectors = known(brand_id, now - TOGETHER)
    places = {key: place for place, key in enumerate(keys)}
    counted = {}
    for row in fresh:
        if row.vector and row.ticket_id in places and about.get(row.ticket_id) not in NOTHING:
            close = vectors @ vectors[places[row.ticket_id]]
            counted[row.ticket_id] = int((close >= similar.ALIKE).sum()) - 1
    rows = list(Likeness.objects.filter(ticket__in=[key for key, count in counted.items() if count > 0]))
    for found in rows:
        found.alike = counted[found.ticket_id]
    update_each(rows, ["alike"])
    _tell(brand_id, rows, now)
    return len(fresh)


def _tell(brand_id: int, rows: Sequence[Likeness], now: dt.datetime) -> None:
    """Where a policy is about their number, the ladder looks at them; where they are many, leads are told, once a day."""
    least = _least(brand_id)
    for row in rows:
        if least is not None and row.alike >= least:
            with transaction.atomic():
                locked(row.ticket_id)
                sweep.look(row.ticket_id, now)
    most = max(rows, key=lambda row: row.alike, default=None)
    if most is not None and most.alike >= MANY:
        key, link = f"alike:{timezone.localdate(now).isoformat()}", f"/desk/incidents/?like={most.ticket_id}"
        notices.tell(brand_id, key, "incident.suggested", least=Role.LEAD, link=link, count=most.alike + 1)


def _least(brand_id: int) -> int | None:
    """From how many on a policy of the brand wants to know."""
    rows = EscalationPolicy.objects.filter(brand=brand_id, is_active=True, trigger=Trigger.ALIKE)
    counts = [params.get("count") for params in rows.values_list("params", flat=True)]
    return min((count for count in counts if isinstance(count, int)), default=None)


notices.WORDS["incident.suggested"] = (
    "%(count)s customers write of what looks like one trouble. Look at them together, and tell all of them at once."
)
