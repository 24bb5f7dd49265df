"""Learning from failure: what had to be raised ends with its cause, the area it lies in and a recommendation.

Who answers for the area gets it in writing, and says whether it is done; causes that recur are counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import (
    FRONT_LINE,
    Alert,
    Area,
    Brand,
    Cause,
    Escalation,
    Lesson,
    Membership,
    Ticket,
    User,
)
from helpdesk.permissions import RANK, Role, role_of
from helpdesk.text.clean import one_line
from helpdesk.workflow import alerts, likeness
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused, locked

M = TypeVar("M", Area, Cause)
State = Lesson.State
OWED = dt.timedelta(days=30)  # so long after it ended an escalation may be written up
MOST_CHIPS = 6
MOVES = {State.OPEN: (State.ACCEPTED, State.REFUSED, State.DONE), State.ACCEPTED: (State.DONE, State.REFUSED)}


def owed(now: dt.datetime) -> QuerySet[Escalation]:
    """Escalations from specialist level up that were resolved and of which nobody has said what went wrong."""
    rows = Escalation.objects.filter(outcome=Escalation.Outcome.RESOLVED, ended_at__gt=now - OWED, level__gt=FRONT_LINE)
    return rows.filter(lesson=None)


def owed_of(ticket: Ticket, now: dt.datetime) -> Escalation | None:
    return owed(now).filter(ticket=ticket).order_by("-id").first()


class Chips(NamedTuple):
    """What to choose from, the likeliest first."""

    causes: list[str]
    areas: list[str]
    recommendations: list[str]


def chips(ticket: Ticket) -> Chips:
    """What was written of tickets that are alike, then what recurs most."""
    alike = likeness.scale(ticket, timezone.now())
    near = Lesson.objects.filter(brand=ticket.brand_id, ticket__in=alike)
    every = Lesson.objects.filter(brand=ticket.brand_id)
    areas = [*_most(near, "area__name"), *_most(every, "area__name"), *Area.objects.filter(brand=ticket.brand_id).order_by("name").values_list("name", flat=True)[:MOST_CHIPS]]  # fmt: skip
    return Chips(
        _few([*_most(near, "cause__name"), *_most(every, "cause__name")]),
        _few(areas),
        _few(list(near.order_by("-id").values_list("recommendation", flat=True)[:MOST_CHIPS])),
    )


def _most(rows: QuerySet[Lesson], column: str) -> list[str]:
    counted = rows.values(column).annotate(count=Count("id")).order_by("-count", column)
    return [str(name) for name in counted.values_list(column, flat=True)[:MOST_CHIPS]]


def _few(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))[:MOST_CHIPS]


@transaction.atomic
def write(escalation_id: int, user: User, cause: str, area: str, recommendation: str) -> Lesson:
    """Write up an escalation that has ended; the area's manager (without one, the brand's managers) gets it."""
    found = Escalation.objects.select_related("brand").get(pk=escalation_id)
    locked(found.ticket_id)
    row = Escalation.objects.select_for_update(of=("self",)).get(pk=escalation_id)
    if row.ended_at is None:
        raise Conflict(_("It is still open. Resolve the ticket first."))
    if Lesson.objects.filter(escalation=row).exists():
        raise Conflict(_("Somebody has written that up already."))
    lines = {"cause": (cause, 200), "area": (area, 100), "recommendation": (recommendation, 300)}
    said = {name: _line(name, text, most) for name, (text, most) in lines.items()}
    place = _named(Area, row.brand_id, said["area"])
    lesson = Lesson.objects.create(
        brand_id=row.brand_id,
        ticket_id=row.ticket_id,
        escalation=row,
        cause=_named(Cause, row.brand_id, said["cause"]),
        area=place,
        recommendation=said["recommendation"],
        written_by=user,
    )
    _happened("written", lesson, user)
    _hand_over(lesson, found.brand, user)
    return lesson


def _line(field: str, text: str, most: int) -> str:
    line = one_line(text, most + 1)
    if not line:
        raise Refused(field, "required", _("One line is enough, but it needs one."))
    if len(line) > most:
        raise Refused(field, "too_long", _("At most %(most)d letters.") % {"most": most})
    return line


def _named(model: type[M], brand_id: int, name: str) -> M:
    """The brand's row of that name, in whatever case; a new one where there is none."""
    found = model.objects.filter(brand=brand_id, name__iexact=name).first()
    return found or model.objects.get_or_create(brand_id=brand_id, name=name)[0]


def _hand_over(row: Lesson, brand: Brand, user: User) -> None:
    managers = Membership.objects.filter(brand=brand, role__in=[Role.MANAGER, Role.OWNER], user__is_active=True)
    theirs = Membership.objects.filter(brand=brand, user=row.area.manager_id, user__is_active=True)
    to = list((theirs if theirs.exists() else managers).values_list("user_id", flat=True))
    link = f"/desk/lessons/#l{row.pk}"
    said = {"area": row.area.name, "cause": row.cause.name, "recommendation": row.recommendation, "author": user.name}
    Alert.objects.bulk_create(
        alerts.rows(brand.pk, "lesson.written", [Alert.By.EMAIL], to, timezone.now(), link=link, **said)
    )
    notices.tell(
        brand, f"lesson:{row.pk}", "lesson.written", user=row.area.manager, link=link, name=row.area.name, problem=row.recommendation
    )  # fmt: skip


notices.WORDS["lesson.written"] = "A recommendation for %(name)s: %(problem)s Accept it, refuse it, or say it is done."


def may_answer(row: Lesson, user: User) -> bool:
    """Who answers for the area, and managers and up."""
    role = role_of(user, row.brand_id)
    if role is None or role == Role.AUDITOR:
        return False
    return row.area.manager_id == user.pk or RANK[role] >= RANK[Role.MANAGER]


@transaction.atomic
def answer(lesson_id: int, user: User, state: str, text: str = "") -> Lesson:
    """Accept the recommendation, refuse it with a reason, or say that it is done."""
    row = Lesson.objects.select_for_update(of=("self",)).select_related("area").get(pk=lesson_id)
    known = [value for value in State.values if value != State.OPEN]
    if state not in known:
        raise Refused("state", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(known)})
    if not may_answer(row, user):
        raise PermissionRefused(_("Who answers for the area decides, or a manager."))
    if state not in MOVES.get(State(row.state), ()):
        raise Conflict(_("This was answered already: %(state)s.") % {"state": row.get_state_display().lower()})
    said = one_line(text, 301)
    if state == State.REFUSED and not said:
        raise Refused("answer", "required", _("Say why, in a line: your colleague will want to know."))
    if len(said) > 300:
        raise Refused("answer", "too_long", _("At most %(most)d letters.") % {"most": 300})
    row.state, row.answer, row.answered_by, row.answered_at = state, said or row.answer, user, timezone.now()
    row.save(update_fields=["state", "answer", "answered_by", "answered_at"])
    notices.settle(row.brand_id, f"lesson:{row.pk}")
    _happened(state, row, user)
    return row


class Recurring(NamedTuple):
    """A cause that came more than once, or an area: how often, when last, and how much of it is done."""

    name: str
    times: int
    done: int
    last_at: dt.datetime


def recurring(brands: Sequence[int], since: dt.datetime, by: str = "cause") -> list[Recurring]:
    """By `cause` or `area`, the most frequent first."""
    rows = Lesson.objects.filter(brand__in=brands, created_at__gte=since).values(f"{by}__name")
    counted = rows.annotate(count=Count("id"), done=Count("id", filter=Q(state=State.DONE)), last=Max("created_at"))
    found = counted.order_by("-count", f"{by}__name")[:12]
    return [Recurring(one[f"{by}__name"], one["count"], one["done"], one["last"]) for one in found]


def _happened(what: str, row: Lesson, user: User) -> None:
    events.record([events.happened(f"lesson.{what}", row.brand_id, ticket=row.ticket_id, actor=user, lesson=row.pk)])
