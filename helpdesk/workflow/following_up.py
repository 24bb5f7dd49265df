"""Seeing it through: promises to come back, kept or missed; a missed one climbs."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.hours import NeverOpen
from helpdesk.models import FollowUp, Membership, ServicePolicy, Ticket, User
from helpdesk.permissions import Role
from helpdesk.workflow import sweep, tickets
from helpdesk.workflow.calendars import hours_of
from helpdesk.workflow.promises import Facts, Promises
from helpdesk.workflow.verbs import Conflict, Refused, locked

LONGEST = dt.timedelta(days=366)
BATCH = 100
COOL = dt.timedelta(minutes=10)  # until a hot draft is looked at again: nobody but its writer waits for it


@transaction.atomic
def plan(
    ticket_id: int, user: User, kind: str, due_at: dt.datetime, owner: User | None = None, reason: str = "by_hand"
) -> FollowUp:
    """Promise to come back. It is the user's to keep, unless somebody else of the brand is named."""
    ticket = locked(ticket_id)
    if ticket.merged_into_id:
        raise Conflict(_("This ticket was merged into another one. Come back there."))
    if kind not in FollowUp.Kind.values:
        raise Refused("kind", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(FollowUp.Kind.values)})
    now = timezone.now()
    if not now < due_at <= now + LONGEST:
        raise Refused("due_at", "past", _("Choose a time to come, within a year."))
    keeper = owner or user
    able = Membership.objects.filter(brand=ticket.brand_id, user=keeper, user__is_active=True).exclude(
        role=Role.AUDITOR
    )
    if not able.exists():
        raise Refused("owner", "unknown", _("Choose somebody who works for this brand."))
    row = FollowUp.objects.create(
        brand=ticket.brand,
        ticket=ticket,
        kind=kind,
        due_at=due_at,
        owner=keeper,
        planned_by=user,
        reason={"code": reason},
    )
    _happened("planned", row, user)
    return row


def after_resolution(ticket: Ticket, user: User, now: dt.datetime) -> None:
    """What the ticket's policy plans when it is resolved; in the caller's transaction."""
    promise = Promises.of(ticket.brand).for_(Facts.of(ticket))
    policy: ServicePolicy | None = promise.policy
    if policy is None or not policy.follow_up_minutes or ticket.follow_ups.filter(done_at=None).exists():
        return
    after = dt.timedelta(minutes=policy.follow_up_minutes)
    try:
        due_at = hours_of(policy.calendar).add(now, after)
    except NeverOpen:  # no calendar keeps a ticket from being resolved
        due_at = now + after
    plan(ticket.pk, user, policy.follow_up_kind, min(due_at, now + LONGEST), reason="resolved")


@transaction.atomic
def finish(follow_up_id: int, user: User, outcome: str, again_at: dt.datetime | None = None) -> FollowUp:
    """What came of it; with `again_at` the next try is planned at once (nobody answered the call, say)."""
    known = [value for value in FollowUp.Outcome.values if value]
    if outcome not in known:
        raise Refused("outcome", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(known)})
    found = FollowUp.objects.only("ticket_id").get(pk=follow_up_id)
    locked(found.ticket_id)
    row = FollowUp.objects.select_for_update(of=("self",)).select_related("owner").get(pk=follow_up_id)
    if row.done_at is not None:
        raise Conflict(_("This is settled already: %(how)s.") % {"how": row.get_outcome_display().lower()})
    row.done_at, row.done_by, row.outcome = timezone.now(), user, outcome
    row.save(update_fields=["done_at", "done_by", "outcome"])
    _happened(outcome, row, user)
    if again_at is not None:
        plan(row.ticket_id, user, row.kind, again_at, row.owner, row.reason.get("code", "by_hand"))
    return row


def due(now: dt.datetime, most: int) -> list[int]:
    rows = FollowUp.objects.filter(done_at=None, missed_at=None, due_at__lte=now - GRACE).order_by("due_at")
    rows = rows.exclude(reason__code="cool")
    return list(rows.values_list("pk", flat=True)[:most])


GRACE = dt.timedelta(minutes=15)  # a call at ten may be made at five past


def miss(now: dt.datetime) -> int:
    """Those nobody kept: written down, their tickets open again, and the ladder looks at once. How many that were."""
    done = 0
    for key in due(now, BATCH):
        with transaction.atomic():
            found = FollowUp.objects.only("ticket_id").get(pk=key)
            ticket = locked(found.ticket_id)
            skip = connection.features.has_select_for_update_skip_locked
            rows = FollowUp.objects.select_for_update(of=("self",), skip_locked=skip)
            row = rows.filter(pk=key, done_at=None, missed_at=None).first()
            if row is None:
                continue
            row.missed_at = now
            row.save(update_fields=["missed_at"])
            _happened("missed", row, None)
            if not ticket.is_open and not ticket.merged_into_id:
                tickets.reopened(ticket, None)
            sweep.look(ticket.pk, now)
            done += 1
    return done


def _happened(what: str, row: FollowUp, user: User | None) -> None:
    code = f"follow_up.{what}"
    events.record([events.happened(code, row.brand_id, ticket=row.ticket_id, actor=user, follow_up=row.pk)])
