"""An incident afterwards: whom it affected, how soon they were told, what it cost; and who speaks well of the brand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, F, Max, Min, Q, Sum

from helpdesk.models import Affected, Concession, Customer, Incident, StatementCopy, Ticket
from helpdesk.states import TicketState

SPOKE_WELL = dt.timedelta(days=180)
AROUND = dt.timedelta(hours=48)  # before it was begun: older tickets were about something else first


class Summary(NamedTuple):
    """`minutes_to_first_word`: from the first of the tickets to the first of them being told; None before."""

    tickets: int
    customers: int
    open: int
    reach: int
    by_channel: list[tuple[str, int]]
    first_at: dt.datetime | None
    told: int
    passed: int
    first_told_at: dt.datetime | None
    satisfied: int
    unhappy: int
    conceded: Decimal

    @property
    def minutes_to_first_word(self) -> int | None:
        if self.first_at is None or self.first_told_at is None:
            return None
        return max(0, round((self.first_told_at - self.first_at).total_seconds() / 60))


def summary(row: Incident) -> Summary:
    """Five queries."""
    affected = Affected.objects.filter(incident=row, left_at=None)
    tickets = Ticket.objects.filter(pk__in=affected.values("ticket"))
    counted = tickets.aggregate(
        tickets=Count("id"), customers=Count("customer", distinct=True), reach=Sum("reach"), first=Min("created_at", filter=Q(created_at__gte=row.opened_at - AROUND)),
        open=Count("id", filter=Q(state__in=[TicketState.NEW, TicketState.OPEN, TicketState.WAITING])),
        satisfied=Count("id", filter=Q(verdict="satisfied")), unhappy=Count("id", filter=Q(verdict="unhappy")),
    )  # fmt: skip
    channels = (
        tickets.order_by().values_list("channel__name").annotate(count=Count("id")).order_by("-count", "channel__name")
    )
    copies = StatementCopy.objects.filter(statement__incident=row)
    told = copies.aggregate(
        told=Count("id", filter=Q(state="told")), passed=Count("id", filter=Q(state="passed")),
        first=Min("delivery__message__sent_at"),
    )  # fmt: skip
    spent = Concession.objects.filter(ticket__in=tickets.values("pk"), state="granted").aggregate(sum=Sum("amount"))[
        "sum"
    ]
    return Summary(
        counted["tickets"], counted["customers"], counted["open"], counted["reach"] or 0, list(channels), counted["first"],
        told["told"], told["passed"], told["first"], counted["satisfied"], counted["unhappy"], spent or Decimal(0),
    )  # fmt: skip


class Supporter(NamedTuple):
    customer: Customer
    reach: int
    ticket: int
    said_at: dt.datetime


def supporters(row: Incident, now: dt.datetime, most: int = 10) -> list[Supporter]:
    """Who praised the brand, or was satisfied, in half a year and is not affected: the most heard first. Two queries."""
    affected = Ticket.objects.filter(affected__incident=row).values("customer")
    well = Ticket.objects.filter(brand=row.brand_id, created_at__gte=now - SPOKE_WELL)
    well = well.filter(Q(intent="praise") | Q(verdict="satisfied")).exclude(customer__in=affected)
    rows = well.filter(customer__erased_at=None).order_by().values("customer").annotate(
        heard=Max("reach"), latest=Max("pk"), at=Max("last_inbound_at")
    )  # fmt: skip
    found = list(rows.order_by(F("heard").desc(), "customer")[:most])
    people = Customer.objects.in_bulk([one["customer"] for one in found])
    return [Supporter(people[one["customer"]], one["heard"], one["latest"], one["at"]) for one in found]
