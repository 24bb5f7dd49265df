"""Which policy a ticket falls under and what that makes due when. Pure but for `Promises.of`, which reads a brand's rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from helpdesk.hours import ALWAYS, Hours, NeverOpen, Span
from helpdesk.models import Brand, Deadline, ServicePolicy, Ticket
from helpdesk.workflow.calendars import hours_of

Kind = Deadline.Kind
RESPONSES = (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE)
BRAND_RISK = dt.timedelta(
    hours=1
)  # before it is due, where no policy says it; never more than half of what was promised


@dataclass(frozen=True)
class Facts:
    """What of a ticket decides which rows are for it."""

    channel: int
    intent: str
    priority: int
    tier: str

    @classmethod
    def of(cls, ticket: Ticket) -> Facts:
        return cls(ticket.channel_id, ticket.intent, ticket.priority, ticket.customer.tier)


def fits(row: Any, facts: Facts) -> bool:
    """Whether a `Conditional` row is for tickets like this one; an empty condition is for all."""
    return (
        (not row.channels or facts.channel in row.channels)
        and (not row.intents or facts.intent in row.intents)
        and (not row.priorities or facts.priority in row.priorities)
        and (not row.tiers or facts.tier in row.tiers)
    )


@dataclass(frozen=True)
class Promise:
    """What one policy (or, without one, the brand) makes of the kinds of deadlines."""

    policy: ServicePolicy | None
    hours: Hours
    spans: dict[str, dt.timedelta]
    risk: dt.timedelta

    def moments(
        self, kind: str, start: dt.datetime, pauses: Sequence[Span] = ()
    ) -> tuple[dt.datetime, dt.datetime] | None:
        """(at risk, due) of a promise that began at `start`; None where there is none, or no hour in which to keep it."""
        promised = self.spans.get(kind)
        if promised is None:
            return None
        try:
            due = self.hours.add(start, promised, pauses)
            return min(due, self.hours.add(start, promised - min(self.risk, promised / 2), pauses)), due
        except NeverOpen:
            return None


class Promises:
    """A brand's policies in their order."""

    def __init__(self, brand: Brand, policies: Iterable[ServicePolicy] = ()) -> None:
        spans = {
            Kind.FIRST_RESPONSE: dt.timedelta(hours=float(brand.first_response_hours)),
            Kind.NEXT_RESPONSE: dt.timedelta(hours=float(brand.next_response_hours)),
        }
        self._else = Promise(None, ALWAYS, {str(kind): span for kind, span in spans.items()}, BRAND_RISK)
        self._promises = [_promise(policy) for policy in policies]

    @classmethod
    def of(cls, brand: Brand) -> Promises:
        rows = ServicePolicy.objects.filter(brand=brand, is_active=True).select_related("calendar")
        return cls(brand, rows.order_by("position", "id"))

    def __bool__(self) -> bool:
        return bool(self._promises)

    def for_(self, facts: Facts) -> Promise:
        """The first whose policy is for such tickets; else what the brand promises to all."""
        return next((one for one in self._promises if fits(one.policy, facts)), self._else)


def _promise(policy: ServicePolicy) -> Promise:
    given = {
        Kind.FIRST_RESPONSE: policy.first_response_minutes,
        Kind.NEXT_RESPONSE: policy.next_response_minutes,
        Kind.RESOLUTION: policy.resolution_minutes,
    }
    spans = {str(kind): dt.timedelta(minutes=minutes) for kind, minutes in given.items() if minutes}
    return Promise(policy, hours_of(policy.calendar), spans, dt.timedelta(minutes=policy.risk_minutes))


def pauses_of(deadline: Deadline) -> list[Span]:
    """The times in which it stood still, as stored."""
    return [
        Span(dt.datetime.fromisoformat(since), dt.datetime.fromisoformat(until)) for since, until in deadline.pauses
    ]
