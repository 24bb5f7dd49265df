"""Step: a database filled to a size, and the keys with which it is asked: sessions, tokens, cursors, ids."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from helpdesk.desk.inbox_views import DUE, TO_ANSWER
from helpdesk.keyset import Order, encode
from helpdesk.models import BrandCounter, Customer, Deadline, Message, Ticket
from helpdesk.processes import commands
from helpdesk.workflow.brands import MANUAL
from tests.bench.fill import fill
from tests.bench.people import House, open_house, session_of, token_of

SIZE, DEEP = 25, 200
ORDERINGS = {
    "next_due": "next_due_at",
    "last_inbound": "last_inbound_at",
    "created": "created_at",
    "priority": "priority",
}


def run(tickets: int, port: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    house = open_house()
    seconds = fill(house, tickets)
    BrandCounter.objects.update(next_ticket=tickets + 1)
    _talkative(house)
    both = [house.big.pk, house.small.pk]
    mine = Ticket.objects.filter(brand=house.big)
    ours = Ticket.objects.filter(brand__in=both)
    return {
        "sessions": {"one": session_of(house.one), "both": session_of(house.both)},
        "tokens": {"one": token_of(house.one), "both": token_of(house.both)},
        "tickets": list(mine.filter(TO_ANSWER).order_by("-id").values_list("id", flat=True)[:200:5]),
        "inbox": {"one": _deep(mine.filter(TO_ANSWER), DUE), "both": _deep(ours.filter(TO_ANSWER), DUE)},
        "api": {name: _deep(mine, order) for name, order in _orders().items()},
        "api_open": {name: _deep(mine.open(), order) for name, order in _orders().items()},
        "api_both": {name: _deep(ours, order) for name, order in _orders().items()},
        "insert": _for_insert(house),
        "commands": commands("127.0.0.1", port),
        "sizes": {**_sizes(house), "fill_seconds": round(seconds, 1)},
    }


def _talkative(house: House) -> None:
    """A busy day: three hundred others were answered within it, each in words of their own, as the guards compare them."""
    now = timezone.now()
    words = "Dear customer %d, the ferry of %d:%02d was held up by fog at pier %d. It runs again; your ticket is good until tomorrow night."
    rows = Ticket.objects.filter(brand=house.big).order_by("id").values_list("id", flat=True)[:300]
    Message.objects.bulk_create(
        Message(
            brand=house.big, ticket_id=key, kind="reply", visibility="public", said_at=now, heard_at=now, created_at=now,
            text=words % (number, number % 24, number % 60, number % 9),
        )
        for number, key in enumerate(rows)
    )  # fmt: skip


def _orders() -> dict[str, Order]:
    up = {name: Order(column) for name, column in ORDERINGS.items()}
    return {**up, **{f"-{name}": Order(order.column, descending=True) for name, order in up.items()}}


def _deep(rows: QuerySet[Ticket], order: Order) -> dict[str, Any]:
    """The cursor of page 200, or of the last full page where there are fewer."""
    number = max(2, min(DEEP, rows.count() // SIZE))
    sign = "-" if order.descending else ""
    at = SIZE * (number - 1) - 1
    row = rows.order_by(order.name, f"{sign}id")[at]
    return {"page": number, "cursor": encode(order, row, backwards=False)}


def _for_insert(house: House) -> dict[str, int]:
    customer = Customer.objects.filter(brand=house.big).order_by("id")[0]
    channel = house.big.brand_id, MANUAL
    return {"brand_id": house.big.pk, "customer_id": customer.pk, "channel_id": _manual(*channel)}


def _manual(brand: int, platform: str) -> int:
    from helpdesk.models import Channel

    return Channel.objects.filter(brand=brand, platform=platform).order_by("id")[0].pk


def _sizes(house: House) -> dict[str, Any]:
    shared = (
        Ticket.objects.filter(TO_ANSWER, brand=house.big)
        .values("next_due_at")
        .annotate(count=Count("id"))
        .order_by("-count")[0]["count"]
    )
    counts = Ticket.objects.aggregate(
        tickets=Count("id"),
        big_brand=Count("id", filter=Q(brand=house.big)),
        open=Count("id", filter=Q(state__in=["new", "open", "waiting"])),
    )
    rows = {
        "customers": Customer.objects.count(),
        "messages": Message.objects.count(),
        "deadlines": Deadline.objects.count(),
    }
    return {**counts, "sharing_one_due_time": shared, **rows}
