"""What became of a ticket, beside it: how it went for the customer, what was granted, what was learnt; and the reports."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from helpdesk import links
from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import back_to, demand, me, verb, visible
from helpdesk.models import Affected, Approval, Concession, Lesson, Survey, Ticket
from helpdesk.permissions import may
from helpdesk.ports import ports
from helpdesk.reports import outcomes as reports
from helpdesk.states import TicketState
from helpdesk.workflow import approvals, concessions, lessons, replies, surveys
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused

VERBS = ("ask", "offer", "learn")
MOST = 100
WHY = (
    gettext_lazy("We were late"),
    gettext_lazy("We charged wrongly"),
    gettext_lazy("They had to write more than once"),
    gettext_lazy("What we sell did not work"),
    gettext_lazy("We had promised it"),
)  # to begin with; then what the brand says itself


def beside(request: HttpRequest, row: Ticket) -> dict[str, Any]:
    """Five queries at most."""
    owed = None if row.is_open else lessons.owed_of(row, timezone.now())
    part_of = Affected.objects.filter(ticket=row, left_at=None).select_related("incident").order_by("-id").first()
    return {
        "asked": _asked(request, row),
        "concessions": _concessions(request, row),
        "kinds": Concession.Kind.choices,
        "why": WHY,
        "owed": owed,
        "chips": lessons.chips(row) if owed is not None else None,
        "incident": part_of.incident if part_of is not None else None,
    }


def _asked(request: HttpRequest, row: Ticket) -> dict[str, Any]:
    """The latest question to the customer, and whether one may be asked now."""
    latest = Survey.objects.filter(ticket=row).order_by("-id").first()
    is_out = latest is not None and latest.state == Survey.State.SENT and latest.delivery_id is not None
    is_settled = row.state == TicketState.RESOLVED
    return {
        "row": latest,
        "why_not": surveys.wording(latest.skipped) if latest is not None and latest.skipped else "",
        "may_hand_over": is_settled
        and not ports.mouth.ability(row.channel, "private", replies.reply_target(row, "private")).allowed,
        "may_ask": is_settled and not is_out and may(request.user, "survey.ask", row.brand_id),
    }


def _concessions(request: HttpRequest, row: Ticket) -> list[dict[str, Any]]:
    rows = row.concessions.select_related(
        "asked_by", "decided_by", "why", "answer", "approval__owner", "approval__team"
    )
    user, found = me(request), []
    for concession in rows.order_by("-id")[:20]:
        approval: Approval | None = getattr(concession, "approval", None)
        if approval is not None and approval.decided_at is not None:
            approval = None
        found.append(
            {
                "row": concession,
                "approval": approval,
                "may_decide": approval is not None
                and approvals.may_decide(approval, user)
                and concessions.may_decide(concession, user, Decimal(0)),
                "may_withdraw": concession.state in ("asked", "approved")
                and (concession.asked_by_id == user.pk or may(user, "ticket.reassign", row.brand_id)),
            }
        )
    return found


@verb("survey.ask")
def ask(request: HttpRequest, row: Ticket) -> str:
    if request.POST.get("how") == "link":
        address = links.absolute(surveys.path_of(surveys.hand_over(row.pk, me(request))))
        return format_html("{} <code>{}</code>", _("Give them this link; it works once, for 14 days:"), address)
    surveys.ask(row.pk, me(request))
    return _("Asked, privately; the answer comes here.")


def amount_of(raw: str) -> Decimal:
    """As people write it: 12.50 or 12,50."""
    try:
        found = Decimal(raw.strip().replace(",", ".").replace("\N{NO-BREAK SPACE}", ""))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not -concessions.MOST <= found <= concessions.MOST:
        raise Refused("amount", "invalid", _("Write the amount as a number, such as 12.50."))
    return found


@verb("concession.ask")
def offer(request: HttpRequest, row: Ticket) -> str:
    given = request.POST
    with transaction.atomic():
        if sent_before(request):
            return _("This was asked for already.")
        found = concessions.ask(
            row.pk, me(request), given.get("kind", ""), amount_of(given.get("amount", "")), given.get("why", ""),
            grant=given.get("grant") == "1",
        )  # fmt: skip
    if found.state == Concession.State.GRANTED:
        return _("Granted. Tell them, in your own words.")
    if found.state == Concession.State.APPROVED:
        return _("Within what you may grant: approved.")
    return _("More than you may grant by yourself: somebody who may has been asked.")


@require_GET
def scale(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Who else has the same trouble, for whoever asks or decides: a piece of the page, fetched when it is looked at."""
    row = visible(request, ticket_id)
    demand(request, "concession.ask", row.brand_id)
    found = concessions.scale(row, timezone.now())
    try:
        cost = found.cost(amount_of(request.GET.get("amount", "0") or "0"))
    except Refused:
        cost = Decimal(0)
    limit = concessions.limit_of(me(request), row.brand_id)
    left = None if limit is None else max(Decimal(0), limit - concessions.given_lately(row.customer_id, timezone.now()))
    sample = Ticket.objects.visible_to(request.user).filter(pk__in=found.sample).select_related("customer")
    context = {"scale": found, "cost": cost, "sample": sample[:5], "ticket": row, "left": left, "is_any": limit is None}
    return TemplateResponse(request, "desk/_scale.html", context)


@require_POST
def settle(request: HttpRequest, concession_id: int, what: str) -> HttpResponse:
    """Grant an approved concession, or take one back."""
    row = get_object_or_404(Concession.objects.visible_to(request.user).select_related("ticket"), pk=concession_id)
    demand(request, "concession.ask", row.brand_id)
    acts = {
        "grant": (concessions.grant, _("Granted. Tell them, in your own words.")),
        "withdraw": (concessions.withdraw, _("Taken back.")),
    }
    if what not in acts:
        raise Http404
    act, said = acts[what]
    try:
        act(row.pk, me(request))
        flash.success(request, said)
    except PermissionRefused as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Conflict as conflict:
        flash.error(request, str(conflict))
    return back_to(request, row.ticket)


@verb("lesson.write")
def learn(request: HttpRequest, row: Ticket) -> str:
    owed = lessons.owed_of(row, timezone.now())
    if owed is None:
        raise Conflict(_("Nothing is left to be written up here."))
    given = request.POST
    lessons.write(owed.pk, me(request), given.get("cause", ""), given.get("area", ""), given.get("recommendation", ""))
    return _("Thank you: who answers for it has it in writing.")


# --- pages -----------------------------------------------------------------------------------------------------

SPANS = {"30": dt.timedelta(days=30), "90": dt.timedelta(days=90), "365": dt.timedelta(days=365)}


def _since(request: HttpRequest) -> tuple[str, dt.datetime]:
    days = request.GET.get("days", "90")
    days = days if days in SPANS else "90"
    return days, timezone.now() - SPANS[days]


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """How it went for customers, and what was granted to them."""
    from helpdesk.desk.site import site

    brands = chosen_brands(request)
    days, since = _since(request)
    said = reports.verdicts(brands, since)
    bars = [
        {"key": key, "label": label, "count": count, "share": round(100 * count / said.asked, 1) if said.asked else 0}
        for key, label, count in (
            ("satisfied", _("satisfied"), said.satisfied),
            ("mixed", _("so-so"), said.mixed),
            ("unhappy", _("unhappy"), said.unhappy),
            ("silent", _("no verdict"), said.silent),
            ("waiting", _("may still answer"), said.waiting),
        )
    ]
    kinds = dict(Concession.Kind.choices)
    rows = reports.concessions(brands, since)
    granted = [{"row": one, "name": kinds.get(one.kind, one.kind)} for one in rows]
    context = {
        **site.each_context(request), "said": said, "bars": bars, "granted": granted, "days": days, "spans": list(SPANS),
        "totals": reports.totals(rows), "title": _("How it went"),
        "unhappy": Ticket.objects.visible_to(request.user).filter(brand__in=brands, verdict="unhappy").open().select_related("customer").order_by("-last_inbound_at")[:10],
    }  # fmt: skip
    return TemplateResponse(request, "desk/outcomes.html", context)


@require_GET
def learnt(request: HttpRequest) -> HttpResponse:
    """What is still to be written up, what waits for an answer, and what recurs."""
    from helpdesk.desk.site import site

    brands, now = chosen_brands(request), timezone.now()
    days, since = _since(request)
    rows = Lesson.objects.visible_to(request.user).filter(brand__in=brands).select_related("ticket", "cause", "area__manager", "written_by", "answered_by")  # fmt: skip
    waiting = list(rows.filter(state__in=["open", "accepted"]).order_by("-created_at")[:MOST])
    mine = {row.pk for row in waiting if lessons.may_answer(row, me(request))}
    waiting.sort(key=lambda row: (row.state != Lesson.State.OPEN, row.pk not in mine))
    entries = [{"row": row, "may": row.pk in mine} for row in waiting]
    causes, areas = (lessons.recurring(brands, since, by) for by in ("cause", "area"))
    context = {
        **site.each_context(request), "entries": entries, "days": days, "spans": list(SPANS), "title": _("Lessons"),
        "owed": lessons.owed(now).filter(brand__in=brands).select_related("ticket__customer").order_by("-ended_at")[:20],
        "answered": rows.filter(state__in=["refused", "done"], answered_at__gte=since).order_by("-answered_at")[:10],
        "counted": [(_("Causes"), _shared(causes)), (_("Areas"), _shared(areas))],
    }  # fmt: skip
    return TemplateResponse(request, "desk/lessons.html", context)


def _shared(rows: list[lessons.Recurring]) -> list[dict[str, Any]]:
    most = max((row.times for row in rows), default=1)
    return [{"row": row, "share": round(100 * row.times / most)} for row in rows]


@require_POST
def answer(request: HttpRequest, lesson_id: int) -> HttpResponse:
    row = get_object_or_404(Lesson.objects.visible_to(request.user), pk=lesson_id)
    demand(request, "lesson.answer", row.brand_id)
    try:
        lessons.answer(row.pk, me(request), request.POST.get("state", ""), request.POST.get("answer", ""))
        flash.success(request, _("Noted."))
    except PermissionRefused as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except (Refused, Conflict) as error:
        flash.error(request, str(error))
    return redirect("desk:lessons")
