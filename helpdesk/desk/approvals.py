"""The desk's page of replies that wait for a second pair of eyes, and what is decided about them beside the ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from helpdesk.desk.tickets import demand, me
from helpdesk.models import Approval, Message, Ticket
from helpdesk.workflow import approvals, deciding
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused

MOST = 100


def waiting_for(request: HttpRequest) -> QuerySet[Approval]:
    """Open approvals that this user was asked for, by themselves or with a team."""
    user = me(request)
    mine = Q(owner=user) | Q(team__in=user.teams.all())
    return Approval.objects.visible_to(user).filter(mine, decided_at=None).exclude(asked_by=user)


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What waits in the user's brands, theirs first; each leads to its ticket, where the context is."""
    from helpdesk.desk.site import site

    rows = Approval.objects.visible_to(request.user).filter(decided_at=None).order_by("due_at", "id")
    rows = rows.select_related(
        "ticket__customer",
        "ticket__brand",
        "delivery__message",
        "concession__why",
        "statement__incident",
        "asked_by",
        "owner",
        "team",
    )[:MOST]
    theirs = set(waiting_for(request).values_list("pk", flat=True)[:1000])
    entries = sorted(
        ({"row": row, "is_mine": row.pk in theirs} for row in rows), key=lambda entry: not entry["is_mine"]
    )
    context = {**site.each_context(request), "entries": entries, "title": _("Approvals")}
    return TemplateResponse(request, "desk/approvals.html", context)


def beside(request: HttpRequest, row: Ticket, conversation: Sequence[Message]) -> dict[int, dict[str, Any]]:
    """By message: the approval that it waits for, and whether this user may decide."""
    if not any(getattr(message, "delivery", None) is not None for message in conversation):
        return {}
    found = Approval.objects.filter(ticket=row, decided_at=None, concession=None).select_related(
        "owner", "team", "asked_by", "delivery"
    )
    user = me(request)
    return {
        (approval.delivery.message_id if approval.delivery else None) or 0: {
            "row": approval,
            "may": approvals.may_decide(approval, user),
        }
        for approval in found
    }


@require_POST
def decide(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Approve as it is, approve with changes, or refuse with a reason."""
    from helpdesk.desk.outcomes import amount_of  # which is made of tickets' verbs, as this is

    row = get_object_or_404(Approval.objects.visible_to(request.user).select_related("statement"), pk=approval_id)
    demand(request, "approval.decide", row.brand_id)
    try:
        if request.POST.get("decision") == "refuse":
            deciding.refuse(row.pk, me(request), request.POST.get("reason", ""))
            flash.success(request, _("Refused; the reason stands beside it."))
        elif request.POST.get("decision") == "approve":
            raw = request.POST.get("amount", "")
            amount = amount_of(raw) if row.concession_id and raw else None
            deciding.approve(row.pk, me(request), request.POST.get("text") or None, amount)
            flash.success(
                request, _("Approved: it may be granted.") if row.concession_id else _("Approved: on its way.")
            )
        else:
            raise Refused("decision", "unknown", _("Choose to approve or to refuse it."))
    except PermissionRefused as refusal:
        if not approvals.may_decide(row, me(request)):
            raise PermissionDenied(str(refusal)) from refusal
        flash.error(request, str(refusal))
    except (Refused, Conflict) as error:
        flash.error(request, str(error))
        if request.POST.get("text"):
            flash.info(request, _("What you wrote: %(text)s") % {"text": request.POST["text"][:2000]})
    if row.ticket_id is None:
        assert row.statement is not None
        return redirect("desk:incident", incident_id=row.statement.incident_id)
    return redirect("desk:ticket", ticket_id=row.ticket_id)
