"""What an account uses of its platform, by day, and the monthly budget a brand sets where that costs money.

Reading slows down as the month's share is used up faster than the month, and stops while what answers need is left;
sending stops when all is used. Each account's use is counted in rows, so that every worker sees the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from helpdesk import notices
from mentions.models import Account, Usage
from mentions.platforms.base import Connector

MICROS = 1_000_000
FOR_READING = 0.9  # of the budget: the rest is for answers
SLOWEST = 30.0  # times the rhythm
REQUESTS = "requests"


@dataclass(frozen=True)
class Used:
    """Of one account: `micros` are millionths of a dollar, by the platform's price list."""

    today: dict[str, int]
    month: dict[str, int]
    micros_today: int
    micros_month: int


def record(account: Account, requests: int, spent: Mapping[str, tuple[int, int]]) -> None:
    """Add what one piece of work used to today's rows."""
    rows = {name: amount for name, amount in {REQUESTS: (requests, 0), **spent}.items() if any(amount)}
    today = timezone.now().date()
    for what, (count, micros) in sorted(rows.items()):
        mine = Usage.objects.filter(account=account, day=today, what=what)
        added = {"count": F("count") + count, "micros": F("micros") + micros}
        if not mine.update(**added):
            with transaction.atomic():
                row = Usage(brand_id=account.brand_id, account=account, day=today, what=what)
                Usage.objects.bulk_create([row], ignore_conflicts=True)
            mine.update(**added)


class Books:
    """What one look costs, written down page by page, so that what is left is known while it goes on."""

    def __init__(self, account: Account, connector: Connector) -> None:
        self.account, self.connector = account, connector
        self._requests, self._spent = 0, dict[str, tuple[int, int]]()
        connector.allowance = left_for_reading(account)

    def bring_up_to_date(self) -> None:
        connector = self.connector
        before = self._spent
        fresh = {
            what: (count - before.get(what, (0, 0))[0], micros - before.get(what, (0, 0))[1])
            for what, (count, micros) in connector.spent.items()
        }
        record(self.account, connector.requests - self._requests, fresh)
        self._requests, self._spent = connector.requests, dict(connector.spent)
        left = left_for_reading(self.account)
        connector.allowance = None if left is None else left + connector.cost


def take_back(account: Account, what: str, micros: int) -> None:
    """One of `what` did not happen after all."""
    mine = Usage.objects.filter(account=account, day=timezone.now().date(), what=what, count__gt=0, micros__gte=micros)
    mine.update(count=F("count") - 1, micros=F("micros") - micros)


def spent_this_month(account: Account) -> int:
    """In millionths of a dollar, since the first of the month (UTC, as platforms bill)."""
    first = timezone.now().date().replace(day=1)
    rows = Usage.objects.filter(account=account, day__gte=first)
    return int(rows.aggregate(total=Sum("micros"))["total"] or 0)


def used_by(accounts: Collection[int]) -> dict[int, Used]:
    """Of each of these accounts, today and this month (UTC): one query."""
    today = timezone.now().date()
    found = {key: Used({}, {}, 0, 0) for key in accounts}
    for row in Usage.objects.filter(account__in=accounts, day__gte=today.replace(day=1)):
        before = found[row.account_id]
        month = {**before.month, row.what: before.month.get(row.what, 0) + row.count}
        is_today = row.day == today
        found[row.account_id] = Used(
            {**before.today, row.what: row.count} if is_today else before.today,
            month,
            before.micros_today + (row.micros if is_today else 0),
            before.micros_month + row.micros,
        )
    return found


def budget(account: Account) -> int | None:
    """The month's, in millionths; None where there is none."""
    return None if account.monthly_budget is None else int(account.monthly_budget * MICROS)


def for_reading(monthly: Decimal | None) -> Decimal | None:
    """The share of a month's budget that listening may use, in dollars: the rest is for answers."""
    return None if monthly is None else (monthly * Decimal(str(FOR_READING))).quantize(Decimal("0.01"))


def left(monthly: Decimal | None, spent: Decimal, now: dt.datetime) -> tuple[Decimal, Decimal] | None:
    """Dollars left this month, and how many of them a day until its end; None without a budget."""
    if monthly is None:
        return None
    left = max(monthly - spent, Decimal(0))
    days = (month_of(now)[1].date() - now.astimezone(dt.UTC).date()).days
    return left, (left / max(days, 1)).quantize(Decimal("0.01"))


def left_for_reading(account: Account) -> int | None:
    """Millionths that reading may still spend this month; None: as much as it takes."""
    whole = budget(account)
    return None if whole is None else max(0, int(whole * FOR_READING) - spent_this_month(account))


def can_pay(account: Account, micros: int) -> bool:
    """Whether a write of this price is within the month's budget."""
    whole = budget(account)
    return whole is None or not micros or spent_this_month(account) + micros <= whole


def stretch(account: Account, now: dt.datetime) -> float:
    """By how much to slow down: the share of the budget that is used over the share of the month that is gone."""
    whole = budget(account)
    if not whole:
        return 1.0
    begin, end = month_of(now)
    gone = max((now - begin) / (end - begin), 0.05)
    return min(max(spent_this_month(account) / (whole * FOR_READING) / gone, 1.0), SLOWEST)


def month_of(now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The month's beginning and end, in UTC."""
    begin = now.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begin, (begin + dt.timedelta(days=32)).replace(day=1)


def tell(account: Account) -> None:
    """The managers hear once that the month's budget is used up."""
    notices.tell(
        account.brand_id,
        f"money:{account.pk}",
        "account.money",
        link="/desk/sources/",
        name=account.channel.name,
        budget=str(account.monthly_budget),
    )


def settle(account: Account) -> None:
    notices.settle(account.brand_id, f"money:{account.pk}")


def tell_of_credit(account: Account) -> None:
    """The managers hear once that the platform itself takes nothing more of us until somebody pays it."""
    name = account.channel.name
    notices.tell(account.brand_id, f"credit:{account.pk}", "account.credit", link="/desk/sources/", name=name)


def settle_credit(account: Account) -> None:
    notices.settle(account.brand_id, f"credit:{account.pk}")


def dollars(micros: int) -> Decimal:
    return (Decimal(micros) / MICROS).quantize(Decimal("0.01"))


notices.WORDS["account.money"] = (
    "This month's budget of $%(budget)s for “%(name)s” is used up. Nothing more is read until the next month, and only "
    "answers leave while there is money for them. Raise it under Sources."
)
notices.WORDS["account.credit"] = (
    "The platform says that the prepaid credit or the spending cap of “%(name)s” is used up. Answers wait: top it up there."
)
