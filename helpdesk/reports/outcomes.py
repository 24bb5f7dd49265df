"""What became of tickets: verdicts, with silence counted apart, and what was granted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Sum

from helpdesk.models import Concession, Survey


class Verdicts(NamedTuple):
    """Of those who were asked since a day: what they said. `silent` have not answered and no longer can."""

    satisfied: int
    mixed: int
    unhappy: int
    silent: int
    waiting: int

    @property
    def asked(self) -> int:
        return sum(self)

    @property
    def answered(self) -> int:
        return self.satisfied + self.mixed + self.unhappy

    @property
    def share_satisfied(self) -> int | None:
        """Of those who answered, in percent; None where nobody has."""
        return round(100 * self.satisfied / self.answered) if self.answered else None

    @property
    def share_answered(self) -> int | None:
        """Of those whose time to answer is over or who have answered."""
        over = self.answered + self.silent
        return round(100 * self.answered / over) if over else None


def verdicts(brands: Sequence[int], since: dt.datetime) -> Verdicts:
    rows = (
        Survey.objects.filter(brand__in=brands, sent_at__gte=since)
        .values("state", "verdict")
        .annotate(count=Count("id"))
    )
    found = {(row["state"], row["verdict"]): row["count"] for row in rows}
    satisfied, mixed, unhappy = (found.get(("answered", verdict), 0) for verdict in ("satisfied", "mixed", "unhappy"))
    return Verdicts(satisfied, mixed, unhappy, found.get(("silent", ""), 0), found.get(("sent", ""), 0))


class Granted(NamedTuple):
    """Concessions of one kind and currency since a day: how many in each state, and what was granted in all."""

    kind: str
    currency: str
    granted: int
    approved: int
    asked: int
    refused: int
    sum: Decimal

    @property
    def share_refused(self) -> int | None:
        decided = self.granted + self.approved + self.refused
        return round(100 * self.refused / decided) if decided else None


def concessions(brands: Sequence[int], since: dt.datetime) -> list[Granted]:
    """By kind and currency, the dearest first."""
    rows = Concession.objects.filter(brand__in=brands, created_at__gte=since)
    counted = rows.values("kind", "brand__currency", "state").annotate(count=Count("id"), spent=Sum("amount"))
    found: dict[tuple[str, str], dict[str, tuple[int, Decimal]]] = {}
    for row in counted:
        place = found.setdefault((row["kind"], row["brand__currency"]), {})
        place[row["state"]] = (row["count"], row["spent"])
    nothing = (0, Decimal(0))
    made = []
    for (kind, currency), states in found.items():
        granted, approved, asked, refused = (
            states.get(state, nothing)[0] for state in ("granted", "approved", "asked", "refused")
        )
        spent = states.get("granted", nothing)[1]
        made.append(Granted(kind, currency, granted, approved, asked, refused, spent))
    return sorted(made, key=lambda one: (-one.sum, one.kind, one.currency))


def totals(rows: Sequence[Granted]) -> list[tuple[str, Decimal]]:
    """What was granted in all, by currency: euros and crowns do not add up."""
    found: dict[str, Decimal] = {}
    for row in rows:
        found[row.currency] = found.get(row.currency, Decimal(0)) + row.sum
    return sorted(found.items())
