"""Gestures of goodwill: asked for with a reason, granted within a limit or after approval, refused with a reason.

What a customer was granted in the last 30 days counts towards the limit, and whoever decides sees who else has the same
trouble: what is right for one must be affordable for all, and loud does not mean lucky.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import FRONT_LINE, Approval, Concession, Customer, Level, Ticket, User
from helpdesk.permissions import RANK, Role, role_of
from helpdesk.workflow import approvals, likeness, tickets
from helpdesk.workflow.duty import House
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused, in_line, locked

State = Concession.State
COUNTED = dt.timedelta(days=30)
PAST = dt.timedelta(days=365)
MOST = Decimal("9999999.99")
CENT = Decimal("0.01")


def limit_of(user: User, brand_id: int) -> Decimal | None:
    """What the user may grant one customer in 30 days without asking; None: any amount."""
    role = role_of(user, brand_id)
    if role is None or role == Role.AUDITOR:
        return Decimal(0)
    if RANK[role] >= RANK[Role.MANAGER]:
        return None
    levels = Level.objects.filter(brand=brand_id).order_by("-number")
    own = next((level for level in levels if level.number == FRONT_LINE or approvals.stands_at(user, level)), None)
    return own.concession_limit if own is not None else Decimal(0)


def given_lately(customer: Customer | int, now: dt.datetime) -> Decimal:
    """What the customer was granted, or is to be, within 30 days of the decision."""
    rows = Concession.objects.filter(ticket__customer=customer, decided_at__gt=now - COUNTED)
    rows = rows.filter(state__in=[State.APPROVED, State.GRANTED])
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


# --- does this scale -------------------------------------------------------------------------------------------


class Scale(NamedTuple):
    """What a concession means beyond one customer. `alike`: others with the same trouble, of whom `open` are open; `granted`
    of them were granted something already, `spent` in all; what this customer had before: `before`, worth `had`."""

    alike: int
    open: int
    granted: int
    spent: Decimal
    before: int
    refused: int
    had: Decimal
    sample: list[int]

    def cost(self, amount: Decimal) -> Decimal:
        """Granting as much to all of them, this one included."""
        return amount * (self.alike + 1)


def scale(ticket: Ticket, now: dt.datetime) -> Scale:
    """Five queries, and the vectors of tickets that have none yet."""
    others = likeness.scale(ticket, now)
    rows = Ticket.objects.filter(pk__in=others).exclude(customer=ticket.customer_id)
    counts = rows.aggregate(
        people=Count("customer", distinct=True), open=Count("customer", distinct=True, filter=Q(state__in=["new", "open", "waiting"]))
    )  # fmt: skip
    granted = Concession.objects.filter(ticket__in=rows, state__in=[State.APPROVED, State.GRANTED]).aggregate(
        people=Count("ticket__customer", distinct=True), sum=Sum("amount")
    )
    own = Concession.objects.filter(ticket__customer=ticket.customer_id, created_at__gt=now - PAST).aggregate(
        count=Count("id", filter=Q(state__in=[State.APPROVED, State.GRANTED])),
        refused=Count("id", filter=Q(state=State.REFUSED)),
        sum=Sum("amount", filter=Q(state__in=[State.APPROVED, State.GRANTED])),
    )
    nothing = Decimal(0)
    return Scale(
        counts["people"], counts["open"], granted["people"], granted["sum"] or nothing, own["count"], own["refused"],
        own["sum"] or nothing, list(rows.order_by("-pk").values_list("pk", flat=True)[:10]),
    )  # fmt: skip


# --- verbs -----------------------------------------------------------------------------------------------------


@transaction.atomic
def ask(ticket_id: int, user: User, kind: str, amount: Decimal, why: str, *, grant: bool = False) -> Concession:
    """Ask for a concession; within the user's own limit it is approved at once, and with `grant` granted."""
    found, now = (
        Ticket.objects.only("brand_id", "customer_id", "subject", "created_at").get(pk=ticket_id),
        timezone.now(),
    )
    others = scale(found, now)  # before anybody has to wait for us
    in_line(found.brand_id)  # two at once are not two limits
    ticket = locked(ticket_id)
    if ticket.merged_into_id:
        raise Conflict(_("This ticket was merged into another one. Ask there."))
    if kind not in Concession.Kind.values:
        known = ", ".join(Concession.Kind.values)
        raise Refused("kind", "unknown", _("Choose one of: %(known)s.") % {"known": known})
    amount = _checked(amount)
    if not why.strip():
        raise Refused("why", "required", _("Say in a line why: whoever decides, or asks later, will want to know."))
    limit = limit_of(user, ticket.brand_id)
    is_within = limit is None or given_lately(ticket.customer_id, now) + amount <= limit
    row = Concession(
        brand=ticket.brand,
        ticket=ticket,
        kind=kind,
        amount=amount,
        state=State.APPROVED if is_within else State.ASKED,
        asked_by=user,
        why=tickets.note(ticket.pk, user, why),
        alike=others.alike,
        alike_cost=others.cost(amount),
    )
    if is_within:
        row.decided_by, row.decided_at = user, now
    row.save()
    _happened("asked", row, user)
    if not is_within:
        _put_up(row, ticket, user, now)
    elif grant:
        _granted(row, user, now)
    return row


def _checked(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not 0 < amount <= MOST:
        raise Refused("amount", "invalid", _("Give what it costs us, from 0.01 to %(most)s.") % {"most": MOST})
    return amount.quantize(CENT)


def _put_up(row: Concession, ticket: Ticket, user: User, now: dt.datetime) -> None:
    """To the lowest level that may grant as much; else to the topmost, whose managers may."""
    house = House(ticket.brand)
    wanted = row.amount + given_lately(ticket.customer_id, now)
    able = [
        number
        for number, level in sorted(house.levels.items())
        if number > FRONT_LINE and level.concession_limit >= wanted
    ]
    level = able[0] if able else house.ladder.top
    approval = Approval(
        brand=ticket.brand, ticket=ticket, concession=row, level=level, reason={"code": "limit", "level": level},
        asked_by=user, asked_at=now,
    )  # fmt: skip
    approvals.put_to(approval, house, level, now)
    approval.save()
    link = f"/desk/tickets/{ticket.pk}/"
    notices.tell(
        ticket.brand_id, f"approval:{approval.pk}", "concession.asked", user=approval.owner, link=link, number=ticket.number
    )  # fmt: skip


notices.WORDS["concession.asked"] = "Ticket #%(number)s: a concession waits for your approval."


def may_decide(row: Concession, user: User, amount: Decimal) -> bool:
    """Whether the amount, with what the customer was granted lately, is within what the user may grant."""
    limit = limit_of(user, row.brand_id)
    return limit is None or given_lately(row.ticket.customer_id, timezone.now()) + amount <= limit


def approved(approval: Approval, user: User, amount: Decimal | None) -> str:
    """The concession of an approval (locked, open) may be granted, as asked or at another amount. The outcome."""
    row = approval.concession
    assert row is not None
    wanted = row.amount if amount is None else _checked(amount)
    if not may_decide(row, user, wanted):
        raise PermissionRefused(_("This is more than you may grant. Approve less, or leave it to who may."))
    is_other = wanted != row.amount
    if is_other:
        people = row.alike + 1
        row.amount, row.alike_cost = wanted, wanted * people
    row.state, row.decided_by, row.decided_at = State.APPROVED, user, timezone.now()
    row.save(update_fields=["amount", "alike_cost", "state", "decided_by", "decided_at"])
    _happened("approved", row, user)
    return Approval.Outcome.EDITED if is_other else Approval.Outcome.APPROVED


def refused(approval: Approval, user: User, reason: str) -> None:
    row = approval.concession
    assert row is not None
    row.answer = tickets.note(row.ticket_id, user, reason)
    row.state, row.decided_by, row.decided_at = State.REFUSED, user, timezone.now()
    row.save(update_fields=["answer", "state", "decided_by", "decided_at"])
    _happened("refused", row, user)


@transaction.atomic
def grant(concession_id: int, user: User) -> Concession:
    """It was handed over, or is on its way: an approved concession becomes a granted one."""
    row = _locked(concession_id)
    if row.state != State.APPROVED:
        raise Conflict(
            _("This concession is not to be granted: %(state)s.") % {"state": row.get_state_display().lower()}
        )
    _granted(row, user, timezone.now())
    return row


def _granted(row: Concession, user: User, now: dt.datetime) -> None:
    row.state, row.granted_by, row.granted_at = State.GRANTED, user, now
    row.save(update_fields=["state", "granted_by", "granted_at"])
    _happened("granted", row, user)


@transaction.atomic
def withdraw(concession_id: int, user: User) -> Concession:
    """No longer wanted; by who asked, or a lead or higher."""
    row = _locked(concession_id)
    if row.state not in (State.ASKED, State.APPROVED):
        raise Conflict(_("It is too late for that: %(state)s.") % {"state": row.get_state_display().lower()})
    role = role_of(user, row.brand_id)
    if row.asked_by_id != user.pk and (role is None or RANK[role] < RANK[Role.LEAD]):
        raise PermissionRefused(_("Who asked for it takes it back, or a lead or higher."))
    row.state = State.WITHDRAWN
    row.save(update_fields=["state"])
    for approval in Approval.objects.select_for_update(of=("self",)).filter(concession=row, decided_at=None):
        approval.decided_at, approval.outcome = timezone.now(), Approval.Outcome.WITHDRAWN
        approval.save(update_fields=["decided_at", "outcome"])
        approvals.settled(approval)
    _happened("withdrawn", row, user)
    return row


def _locked(concession_id: int) -> Concession:
    found = Concession.objects.only("ticket_id").get(pk=concession_id)
    locked(found.ticket_id)
    return Concession.objects.select_for_update(of=("self",)).get(pk=concession_id)


def _happened(what: str, row: Concession, user: User | None, **values: Any) -> None:
    code = f"concession.{what}"
    events.record([events.happened(code, row.brand_id, ticket=row.ticket_id, actor=user, concession=row.pk, **values)])
