"""The desk's page of promises to come back, and how they are made and kept beside a ticket."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.tickets import demand, me, verb
from helpdesk.models import Brand, FollowUp, Ticket
from helpdesk.workflow import following_up
from helpdesk.workflow.verbs import Conflict, Refused

MOST = 100
AT = dt.time(10)  # of a day that was named without an hour


def mine(request: HttpRequest) -> QuerySet[FollowUp]:
    return FollowUp.objects.visible_to(request.user).filter(owner=request.user.pk, done_at=None)


def morning(brand: Brand, day: dt.date) -> dt.datetime:
    """Ten o'clock of that day, where the brand is; an hour from now where that is past."""
    at = dt.datetime.combine(day, AT, zoneinfo.ZoneInfo(brand.time_zone))
    return max(at, timezone.now() + dt.timedelta(hours=1))


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What is to be kept, the soonest first; one's own, or everybody's."""
    from helpdesk.desk.site import site

    is_all = request.GET.get("of") == "all"
    rows = FollowUp.objects.visible_to(request.user).filter(done_at=None) if is_all else mine(request)
    rows = rows.select_related("ticket__customer", "owner", "brand").order_by("due_at", "id")[:MOST]
    context = {
        **site.each_context(request),
        "rows": rows,
        "is_all": is_all,
        "title": _("Follow-ups"),
        "now": timezone.now(),
    }
    return TemplateResponse(request, "desk/follow_ups.html", context)


class PlanForm(forms.Form):
    kind = forms.ChoiceField(choices=FollowUp.Kind.choices)
    day = forms.DateField(
        error_messages={"required": gettext_lazy("Choose a day."), "invalid": gettext_lazy("Choose a day.")}
    )


@verb("follow_up.edit")
def come_back(request: HttpRequest, row: Ticket) -> str:
    form = PlanForm(request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise Refused(field, "invalid", " ".join(map(str, errors)))
    with transaction.atomic():
        if not sent_before(request):
            at = morning(row.brand, form.cleaned_data["day"])
            following_up.plan(row.pk, me(request), form.cleaned_data["kind"], at)
    return _("Planned: you are reminded, and it climbs if it is missed.")


@require_POST
def finish(request: HttpRequest, follow_up_id: int) -> HttpResponse:
    row = get_object_or_404(FollowUp.objects.visible_to(request.user).select_related("brand"), pk=follow_up_id)
    demand(request, "follow_up.edit", row.brand_id)
    outcome = request.POST.get("outcome", "")
    again = morning(row.brand, timezone.localdate() + dt.timedelta(days=1)) if outcome == "no_answer" else None
    try:
        following_up.finish(row.pk, me(request), outcome, again)
        flash.success(request, _("Noted; tried again tomorrow.") if again else _("Noted."))
    except (Refused, Conflict) as error:
        flash.error(request, str(error))
    if request.POST.get("back") == "list":
        return redirect("desk:follow_ups")
    return redirect("desk:ticket", ticket_id=row.ticket_id)


def beside(row: Ticket) -> dict[str, Any]:
    rows = row.follow_ups.filter(done_at=None).select_related("owner").order_by("due_at", "id")[:20]
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    return {"open": list(rows), "kinds": FollowUp.Kind.choices, "tomorrow": tomorrow.isoformat()}
