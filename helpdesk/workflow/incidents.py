"""Many tickets, one cause: who is affected, what all of them are told, and what came of it.

A statement is approved once. Each copy of it is a row that is claimed and told in one transaction, in the customer's own
channel and by name, no faster than its pace: a worker that is killed leaves each of them told once or still to come.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import (
    Affected,
    Approval,
    Brand,
    Incident,
    Membership,
    Message,
    MessageKind,
    Statement,
    StatementCopy,
    Ticket,
    User,
    Visibility,
)
from helpdesk.permissions import Role
from helpdesk.ports import ports
from helpdesk.text.clean import one_line
from helpdesk.workflow import approvals, likeness, replies, tickets
from helpdesk.workflow.duty import House
from helpdesk.workflow.likeness import Alike
from helpdesk.workflow.verbs import Conflict, Refused, locked, words

log = logging.getLogger(__name__)

BATCH = 50
LATER = dt.timedelta(hours=1)  # until one that stumbled is tried again
MOST_TICKETS = 5000
LEARNT_FROM = 200  # linked tickets that others are compared with
PER_MINUTE = 30

Copy = StatementCopy.State


# --- who is affected -------------------------------------------------------------------------------------------


@transaction.atomic
def begin(brand: Brand, user: User, title: str, ticket_ids: Collection[int]) -> Incident:
    """An incident of these tickets; it is the user's until somebody else takes it."""
    title = _line("title", title, 200)
    now = timezone.now()
    row = Incident.objects.create(brand=brand, title=title, owner=user, opened_by=user, opened_at=now)
    _happened("opened", row, user)
    notices.settle_all(brand, "incident.suggested")
    link(row.pk, user, ticket_ids)
    return row


def _line(field: str, text: str, most: int, *, required: bool = True) -> str:
    line = one_line(text, most + 1)
    if required and not line:
        raise Refused(field, "required", _("Say it in a line."))
    if len(line) > most:
        raise Refused(field, "too_long", _("At most %(most)d letters.") % {"most": most})
    return line


@transaction.atomic
def link(incident_id: int, user: User, ticket_ids: Collection[int]) -> int:
    """Count these tickets in; how many are new. Who comes late is told what the others have been told last."""
    row = _open(incident_id)
    wanted = Ticket.objects.filter(brand=row.brand_id, pk__in=list(ticket_ids)[:MOST_TICKETS], merged_into=None)
    found = list(wanted.order_by("pk").values_list("pk", flat=True))
    if len(found) != len(set(ticket_ids)):
        raise Refused("tickets", "unknown", _("Choose tickets of this brand that were not merged into others."))
    known = dict(Affected.objects.filter(incident=row, ticket__in=found).values_list("ticket_id", "left_at"))
    fresh = [key for key in found if key not in known or known[key] is not None]
    Affected.objects.filter(incident=row, ticket__in=fresh).update(left_at=None)
    Affected.objects.bulk_create(
        [
            Affected(brand_id=row.brand_id, incident=row, ticket_id=key, linked_by=user)
            for key in fresh
            if key not in known
        ],
        ignore_conflicts=True,
    )
    if fresh:
        events.record(
            [events.happened("incident.linked", row.brand_id, ticket=key, actor=user, incident=row.pk) for key in fresh]
        )
        latest = row.statements.filter(state__in=[Statement.State.GOING, Statement.State.DONE]).order_by("-id").first()
        if latest is not None and latest.text:
            out = StatementCopy.objects.filter(statement=latest, ticket__in=fresh, state=Copy.PASSED)
            out.filter(problem__code="left").delete()  # who was taken out before they were told is told after all
            _copy(latest, timezone.now())
    return len(fresh)


@transaction.atomic
def unlink(incident_id: int, user: User, ticket_id: int) -> None:
    """It is about something else after all; what it was told stays said."""
    row = _open(incident_id)
    now = timezone.now()
    if Affected.objects.filter(incident=row, ticket=ticket_id, left_at=None).update(left_at=now):
        StatementCopy.objects.filter(statement__incident=row, ticket=ticket_id, state=Copy.QUEUED).update(
            state=Copy.PASSED, problem={"code": "left"}
        )
        events.record(
            [events.happened("incident.unlinked", row.brand_id, ticket=ticket_id, actor=user, incident=row.pk)]
        )


def suggested(row: Incident, now: dt.datetime) -> list[Alike]:
    """Tickets of the days around it that are like those it has, the closest first."""
    linked = list(
        Affected.objects.filter(incident=row).order_by("-id").values_list("ticket_id", flat=True)[:LEARNT_FROM]
    )
    if not linked:
        return []
    ever = set(Affected.objects.filter(incident=row).values_list("ticket_id", flat=True))
    found = likeness.alike(linked, row.brand_id, row.opened_at - likeness.TOGETHER)
    return [one for one in found if one.ticket not in ever]


def _open(incident_id: int) -> Incident:
    row = Incident.objects.select_for_update(of=("self",)).select_related("brand").get(pk=incident_id)
    if row.state != Incident.State.OPEN:
        raise Conflict(_("This incident is over."))
    return row


# --- what they are told ----------------------------------------------------------------------------------------


@transaction.atomic
def say(incident_id: int, user: User, kind: str, text: str, *, resolves: bool = False) -> Statement:
    """Write to all who are affected. It goes when somebody else has approved it; at once where nobody else may."""
    row = _open(incident_id)
    if kind not in Statement.Kind.values:
        known = ", ".join(Statement.Kind.values)
        raise Refused("kind", "unknown", _("Choose one of: %(known)s.") % {"known": known})
    if resolves and kind != Statement.Kind.CLOSING:
        raise Refused("resolves", "not_closing", _("Only what says that it is over resolves their tickets."))
    text = _checked(row, text) if text.strip() or not resolves else ""
    if row.statements.filter(state=Statement.State.ASKED).exists():
        raise Conflict(_("Another statement waits for approval. Decide on that one first."))
    statement = Statement.objects.create(
        brand_id=row.brand_id,
        incident=row,
        kind=kind,
        text=text,
        resolves=resolves,
        written_by=user,
        per_minute=PER_MINUTE,
    )
    _happened("statement", row, user, statement=statement.pk)
    now = timezone.now()
    if _others_may(row, user):
        _ask(statement, row, user, now)
    else:
        _go(statement, user, now)
    return statement


def _checked(row: Incident, text: str) -> str:
    """Words that fit each channel they will go to."""
    text = words(text)
    unknown = [name for name in replies.PLACEHOLDER.findall(text) if name != "name"]
    if unknown:
        raise Refused(
            "text", "placeholder", _("{%(name)s} means nothing here. Only {name} is filled in.") % {"name": unknown[0]}
        )
    samples = _told_of(row).order_by().values("channel").annotate(latest=Max("pk")).values("latest")
    for ticket in Ticket.objects.filter(pk__in=samples).with_people():
        visibility = _way(ticket)
        ability = ports.mouth.ability(ticket.channel, visibility, replies.reply_target(ticket, visibility))
        most = ability.max_length * max(ability.max_parts, 1)
        if ability.allowed and ports.mouth.length(ticket.channel, replies.named(text, "Maximilian")) > most:
            told = _("Too long for %(channel)s: at most %(most)d letters there.")
            raise Refused("text", "too_long", told % {"channel": ticket.channel.name, "most": most})
    return text


def _others_may(row: Incident, user: User) -> bool:
    able = Membership.objects.filter(
        brand=row.brand_id, role__in=[Role.LEAD, Role.MANAGER, Role.OWNER], user__is_active=True
    )
    return able.exclude(user=user).exists()


def _ask(statement: Statement, row: Incident, user: User, now: dt.datetime) -> None:
    house = House(row.brand)
    level = house.ladder.top
    approval = Approval(
        brand_id=row.brand_id,
        statement=statement,
        level=level,
        reason={"code": "statement"},
        asked_by=user,
        asked_at=now,
    )
    approvals.put_to(approval, house, level, now)
    approval.save()
    notices.tell(
        row.brand_id, f"approval:{approval.pk}", "statement.asked", least=Role.LEAD, user=approval.owner,
        link=f"/desk/incidents/{row.pk}/", name=row.title,
    )  # fmt: skip


notices.WORDS["statement.asked"] = "“%(name)s”: what all who are affected will be told waits for approval."


def approved(approval: Approval, user: User, text: str | None) -> str:
    """The statement of an approval (locked, open) goes out, as it is or in other words. The outcome."""
    statement = approval.statement
    assert statement is not None
    is_other = text is not None and text.strip() != statement.text
    if is_other and text is not None:
        statement.text = _checked(statement.incident, text)
    _go(statement, user, timezone.now())
    return Approval.Outcome.EDITED if is_other else Approval.Outcome.APPROVED


def refused(approval: Approval, user: User, reason: str) -> None:
    """It is not said. The reason stands in a notice to who wrote it: an incident has no notes."""
    statement = approval.statement
    assert statement is not None
    statement.state = Statement.State.REFUSED
    statement.save(update_fields=["state"])
    notices.tell(
        statement.brand_id, f"statement:{statement.pk}", "statement.refused", user=statement.written_by,
        link=f"/desk/incidents/{statement.incident_id}/", name=statement.incident.title, problem=one_line(reason, 300),
    )  # fmt: skip


notices.WORDS["statement.refused"] = "“%(name)s”: what you wrote for all was refused: %(problem)s"


def _go(statement: Statement, user: User, now: dt.datetime) -> None:
    statement.state, statement.approved_by, statement.approved_at = Statement.State.GOING, user, now
    statement.save(update_fields=["state", "text", "approved_by", "approved_at"])
    _copy(statement, now)


def _told_of(row: Incident) -> QuerySet[Ticket]:
    """Open tickets that it affects."""
    affected = Affected.objects.filter(incident=row, left_at=None).values("ticket")
    return Ticket.objects.filter(pk__in=affected).open()


def _copy(statement: Statement, now: dt.datetime) -> None:
    """A copy for each who is affected and has none, spread over time by the pace of each channel."""
    had = StatementCopy.objects.filter(statement=statement).values("ticket")
    rows = _told_of(statement.incident).exclude(pk__in=had).order_by("pk").values_list("pk", "channel_id")
    pace = dt.timedelta(seconds=60 / statement.per_minute)
    queued = StatementCopy.objects.filter(brand=statement.brand_id, state=Copy.QUEUED).values("ticket__channel")
    going = queued.annotate(last=Max("due_at")).values_list("ticket__channel", "last")
    last: dict[int, dt.datetime] = dict(going)  # what is on its way there goes first
    copies = []
    for key, channel in rows:
        at = max(now, last[channel] + pace) if channel in last else now
        last[channel] = at
        copies.append(StatementCopy(brand_id=statement.brand_id, statement=statement, ticket_id=key, due_at=at))
    StatementCopy.objects.bulk_create(copies, ignore_conflicts=True)
    Statement.objects.filter(pk=statement.pk).update(state=Statement.State.GOING, done_at=None)


def due(now: dt.datetime) -> bool:
    return (
        StatementCopy.objects.filter(state=Copy.QUEUED, due_at__lte=now).exists()
        or Statement.objects.filter(state=Statement.State.GOING).exclude(copies__state=Copy.QUEUED).exists()
    )


def tell(now: dt.datetime) -> int:
    """Tell those whose turn has come, each in a transaction of its own; how many were looked at."""
    rows = StatementCopy.objects.filter(state=Copy.QUEUED, due_at__lte=now).order_by("due_at", "id")
    found = list(rows.values_list("pk", "ticket_id")[:BATCH])
    for key, ticket_id in found:
        try:
            with transaction.atomic():
                _tell_one(key, ticket_id, now)
        except Exception:  # one customer's trouble is not the next one's
            log.exception("copy %s could not be told", key)
            StatementCopy.objects.filter(pk=key, state=Copy.QUEUED).update(due_at=now + LATER)
    _finish(now)
    return len(found)


def _tell_one(copy_id: int, ticket_id: int, now: dt.datetime) -> None:
    ticket = locked(ticket_id)
    skip = connection.features.has_select_for_update_skip_locked
    rows = StatementCopy.objects.select_for_update(of=("self",), skip_locked=skip)
    copy = (
        rows.filter(pk=copy_id, state=Copy.QUEUED)
        .select_related("statement__written_by", "statement__approved_by")
        .first()
    )
    if copy is None:
        return
    statement = copy.statement
    author = statement.written_by or statement.approved_by
    copy.state = Copy.TOLD
    if not ticket.is_open or author is None:
        copy.state, copy.problem = Copy.PASSED, {"code": "over"}
    else:
        try:
            with transaction.atomic():
                if statement.text:
                    way = _way(ticket)
                    text = replies.named(statement.text, replies.shown_name(ticket, way))
                    copy.delivery = replies.state(ticket.pk, author, text, way)
                if statement.resolves:
                    tickets.resolve(ticket.pk, author, plans=False)
        except (Refused, Conflict) as problem:
            copy.state, copy.problem = Copy.PASSED, {"code": "refused", "detail": str(problem)[:300]}
    copy.save(update_fields=["state", "problem", "delivery"])


def _way(ticket: Ticket) -> str:
    """Publicly or privately, as they spoke; what was once said in private stays there."""
    said = Message.objects.filter(ticket=ticket, kind=MessageKind.INBOUND, deleted_at=None).exclude(thread=None)
    ways = set(said.values_list("visibility", flat=True))
    return str(Visibility.PRIVATE if Visibility.PRIVATE in ways else Visibility.PUBLIC)


def _finish(now: dt.datetime) -> None:
    """Statements of which no copy is left to tell are done; with one that resolves, so is the incident."""
    for key in Statement.objects.filter(state=Statement.State.GOING).exclude(copies__state=Copy.QUEUED).values_list("pk", flat=True):  # fmt: skip
        with transaction.atomic():
            Incident.objects.select_for_update(of=("self",)).get(statements=key)
            rows = Statement.objects.select_for_update(of=("self",)).select_related("incident", "approved_by")
            statement = rows.filter(pk=key, state=Statement.State.GOING).first()
            if statement is None or statement.copies.filter(state=Copy.QUEUED).exists():
                continue
            statement.state, statement.done_at = Statement.State.DONE, now
            statement.save(update_fields=["state", "done_at"])
            _happened("told", statement.incident, None, statement=statement.pk)
            if statement.resolves and statement.incident.state == Incident.State.OPEN:
                _end(statement.incident, statement.approved_by, now)


# --- afterwards ------------------------------------------------------------------------------------------------


@transaction.atomic
def resolve(incident_id: int, user: User) -> Incident:
    """It is over, without another word; the tickets stay as they are."""
    row = _open(incident_id)
    if row.statements.filter(state=Statement.State.GOING).exists():
        raise Conflict(_("Some are still being told. Wait until all have been."))
    _end(row, user, timezone.now())
    return row


def _end(row: Incident, user: User | None, now: dt.datetime) -> None:
    row.state, row.resolved_at, row.resolved_by = Incident.State.RESOLVED, now, user
    row.save(update_fields=["state", "resolved_at", "resolved_by"])
    for approval in Approval.objects.select_for_update(of=("self",)).filter(statement__incident=row, decided_at=None):
        approval.decided_at, approval.outcome = now, Approval.Outcome.WITHDRAWN
        approval.save(update_fields=["decided_at", "outcome"])
        approvals.settled(approval)
    row.statements.filter(state=Statement.State.ASKED).update(state=Statement.State.REFUSED)
    _happened("resolved", row, user)


@transaction.atomic
def change(incident_id: int, user: User, **values: str) -> Incident:
    """Its title, or what it was and what is done differently from now on: lines, at any time."""
    row = Incident.objects.select_for_update(of=("self",)).get(pk=incident_id)
    limits = {"title": 200, "cause": 300, "lesson": 300}
    for name, value in values.items():
        setattr(row, name, _line(name, value, limits[name], required=name == "title"))
    row.save(update_fields=list(values))
    _happened("changed", row, user, fields=sorted(values))
    return row


def affected_by(row: Incident) -> QuerySet[Affected]:
    rows = Affected.objects.filter(incident=row, left_at=None)
    return rows.select_related("ticket__customer", "ticket__channel").order_by("-ticket__reach", "ticket_id")


def _happened(what: str, row: Incident, user: User | None, **values: Any) -> None:
    events.record([events.happened(f"incident.{what}", row.brand_id, actor=user, incident=row.pk, **values)])
