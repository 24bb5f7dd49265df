"""The lives of a ticket and of a delivery part, as tables checked when this module is imported.

A life is a mapping from a state to the states it may move to. `Life.step` raises on any other move, so an
illegal one is a bug that shows, never a row that lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class IllegalMove(Exception):
    """A state was asked to become one that its life does not allow."""

    def __init__(self, life: str, now: str, then: str) -> None:
        super().__init__(f"A {life} that is {now} cannot become {then}.")
        self.now, self.then = now, then


@dataclass(frozen=True)
class Life:
    """A declared life cycle. Raises ValueError where a state is unknown, unreachable or a dead end undeclared."""

    name: str
    first: frozenset[str]
    last: frozenset[str]
    moves: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        known = set(self.moves)
        named = self.first | self.last | {then for targets in self.moves.values() for then in targets}
        if named - known:
            raise ValueError(f"{self.name}: states without a row: {sorted(named - known)}")
        reached, fresh = set(self.first), set(self.first)
        while fresh:
            fresh = {then for now in fresh for then in self.moves[now]} - reached
            reached |= fresh
        if known - reached:
            raise ValueError(f"{self.name}: never reached: {sorted(known - reached)}")
        stuck = {now for now, targets in self.moves.items() if not targets} - self.last
        if stuck:
            raise ValueError(f"{self.name}: no way out of {sorted(stuck)}")

    def allows(self, now: str, then: str) -> bool:
        return then in self.moves[now]

    def step(self, now: str, then: str) -> str:
        """`then`, or IllegalMove."""
        if not self.allows(now, then):
            raise IllegalMove(self.name, now, then)
        return then

    def before(self, then: str) -> frozenset[str]:
        """The states from which `then` may follow."""
        return frozenset(now for now, targets in self.moves.items() if then in targets)


def life(name: str, *, first: Iterable[str], last: Iterable[str], moves: Mapping[str, Iterable[str]]) -> Life:
    table = {str(now): frozenset(map(str, targets)) for now, targets in moves.items()}
    return Life(name, frozenset(map(str, first)), frozenset(map(str, last)), table)


class TicketState(TextChoices):
    NEW = "new", _("New")
    OPEN = "open", _("Open")
    WAITING = "waiting", _("Waiting for the customer")
    RESOLVED = "resolved", _("Resolved")
    CLOSED = "closed", _("Closed")


class PartState(TextChoices):
    QUEUED = "queued", _("Queued")
    HELD = "held", _("Held")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown: a person decides")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_TICKET_STATES = (TicketState.NEW, TicketState.OPEN, TicketState.WAITING)
PENDING_PART_STATES = (PartState.QUEUED, PartState.HELD, PartState.SENDING)

T, P = TicketState, PartState

TICKET = life(
    "ticket",
    first=[T.NEW, T.OPEN],
    last=[],
    moves={
        T.NEW: [T.OPEN, T.WAITING, T.RESOLVED, T.CLOSED],
        T.OPEN: [T.WAITING, T.RESOLVED, T.CLOSED],
        T.WAITING: [T.OPEN, T.RESOLVED, T.CLOSED],
        T.RESOLVED: [T.OPEN, T.CLOSED],
        T.CLOSED: [T.OPEN],
    },
)

PART = life(
    "delivery part",
    first=[P.QUEUED, P.HELD],
    last=[P.CANCELLED],
    moves={
        P.HELD: [P.QUEUED, P.CANCELLED],
        P.QUEUED: [P.SENDING, P.HELD, P.FAILED, P.CANCELLED],
        # back to queued only where the platform said no to this try, or makes the frozen payload idempotent
        P.SENDING: [P.SENT, P.QUEUED, P.FAILED, P.UNKNOWN],
        # proof found later, or a person's decision
        P.UNKNOWN: [P.SENT, P.QUEUED, P.CANCELLED],
        P.FAILED: [P.QUEUED, P.CANCELLED],
        P.SENT: [P.FAILED],  # it came back: a bounce
        P.CANCELLED: [],
    },
)

# What a delivery is, read off its parts: the first of these states that any part is in.
DELIVERY_BY_PARTS = (P.UNKNOWN, P.FAILED, P.SENDING, P.HELD, P.QUEUED, P.CANCELLED, P.SENT)


def delivery_state(parts: Iterable[str]) -> str:
    """The state of a delivery whose parts are in `parts`; a partly cancelled one is cancelled."""
    present = set(parts)
    return str(next(state for state in DELIVERY_BY_PARTS if state in present))
