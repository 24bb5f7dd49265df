"""The inbox's views, as data: which tickets, in which order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from helpdesk.keyset import Order
from helpdesk.models import FRONT_LINE, Brand, Ticket
from helpdesk.states import OPEN_TICKET_STATES, TicketState

TO_ANSWER = Q(state__in=[TicketState.NEW, TicketState.OPEN])
OPEN = Q(state__in=OPEN_TICKET_STATES)
DUE = Order("next_due_at")
LATEST = Order("last_inbound_at", descending=True)


@dataclass(frozen=True)
class InboxView:
    """`condition` takes (user id, now)."""

    title: Any
    icon: str
    condition: Callable[[int, dt.datetime], Q]
    order: Order
    empty: Any
    counted: bool = True

    @property
    def sorting(self) -> str:
        return str(_("by deadline") if self.order == DUE else _("latest first"))


VIEWS = {
    "next": InboxView(
        _("Answer next"), "inbox", lambda user, now: TO_ANSWER, DUE, _("Everybody has an answer. Well done.")
    ),
    "mine": InboxView(
        _("Mine"), "person", lambda user, now: TO_ANSWER & Q(assignee=user), DUE, _("Nothing of yours waits for an answer.")
    ),
    "unassigned": InboxView(
        _("Unassigned"), "person_off", lambda user, now: TO_ANSWER & Q(assignee=None), DUE, _("Every open ticket has an owner.")
    ),
    "overdue": InboxView(
        _("Overdue"), "alarm", lambda user, now: TO_ANSWER & Q(next_due_at__lt=now), DUE, _("Nobody has waited longer than promised.")
    ),
    "escalated": InboxView(
        _("Escalated"), "stairs", lambda user, now: OPEN & Q(level__gt=FRONT_LINE), DUE, _("Nothing stands above the front line.")
    ),
    "waiting": InboxView(
        _("Waiting for customer"), "hourglass_empty", lambda user, now: Q(state=TicketState.WAITING), LATEST, _("No answer of ours is waiting for one of theirs."), counted=False
    ),
    "settled": InboxView(
        _("Settled"), "done_all", lambda user, now: Q(state__in=[TicketState.RESOLVED, TicketState.CLOSED]), LATEST, _("Nothing is settled yet."), counted=False
    ),
}  # fmt: skip


def chosen_brands(request: HttpRequest) -> list[int]:
    """The brand chosen at the desk, or all of the user's."""
    mine = list(request.user.roles)  # type: ignore[union-attr]
    chosen: int | None = request.session.get("brand")
    return [chosen] if chosen is not None and chosen in mine else mine


def rows_of(request: HttpRequest, view: str, now: dt.datetime) -> Any:
    """The view's tickets in the chosen brands, unordered."""
    assert request.user.pk is not None
    brands = chosen_brands(request)
    scope = Q(brand=brands[0]) if len(brands) == 1 else Q(brand__in=brands)
    return Ticket.objects.visible_to(request.user).filter(scope & VIEWS[view].condition(request.user.pk, now))


def brand_choices(request: HttpRequest) -> list[Brand]:
    return list(Brand.objects.visible_to(request.user))
