"""The inbox: what must be answered next, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from helpdesk.desk.inbox_views import VIEWS, brand_choices, chosen_brands, rows_of
from helpdesk.keyset import BadCursor, page
from helpdesk.models import Delivery, Message, Ticket
from helpdesk.text.triage import Intent

SIZE = 25
BESIDE = 15  # rows of the list that stands beside a ticket


class Filter(forms.Form):
    """What narrows the list; anything else in the address is ignored."""

    intent = forms.ChoiceField(choices=[("", _("All")), *Intent.choices], required=False)
    reach = forms.IntegerField(min_value=1, required=False)
    platform = forms.RegexField(r"^[a-z_]{1,30}$", required=False)

    def narrow(self, rows: Any) -> Any:
        given = self.cleaned_data if self.is_valid() else {}
        if given.get("intent"):
            rows = rows.filter(intent=given["intent"])
        if given.get("reach"):
            rows = rows.filter(reach__gte=given["reach"])
        if given.get("platform"):
            rows = rows.filter(platform=given["platform"])
        return rows


def here(request: HttpRequest, view: str) -> str:
    """The view and its filter, as a query: what every link and form of a ticket's page carries on."""
    kept = {name: request.GET[name] for name in Filter.base_fields if request.GET.get(name)}
    return urlencode({"view": view, **kept})


def listing(request: HttpRequest, view: str, size: int = SIZE) -> dict[str, Any]:
    """Context of a list: rows with their latest words, and the neighbours' cursors."""
    if view not in VIEWS:
        raise Http404
    form = Filter(request.GET)
    rows = form.narrow(rows_of(request, view, timezone.now())).with_people()
    brands = chosen_brands(request)
    try:
        found = page(rows, VIEWS[view].order, size, request.GET.get("cursor", ""), brands)
    except BadCursor as error:
        raise Http404 from error
    attach_latest(found.rows)
    kept = urlencode({name: request.GET[name] for name in form.fields if request.GET.get(name)})
    return {
        "view": view,
        "inbox": VIEWS[view],
        "tickets": found.rows,
        "next_cursor": found.next,
        "previous_cursor": found.previous,
        "kept": kept,
        "here": here(request, view),
        "filter": form,
        "now": timezone.now(),
    }


def attach_latest(tickets: Sequence[Ticket]) -> None:
    """Put each ticket's latest customer message, and a reply that is stuck, on it: three queries in all."""
    inbound = Message.objects.filter(ticket__in=[ticket.pk for ticket in tickets], kind="inbound")
    newest = [row["newest"] for row in inbound.order_by().values("ticket").annotate(newest=Max("id"))]
    rows = Message.objects.filter(pk__in=newest).only("ticket_id", "text", "said_at", "deleted_at", "visibility")
    latest = {message.ticket_id: message for message in rows}
    stuck = dict(
        Delivery.objects.filter(ticket__in=[ticket.pk for ticket in tickets], state__in=["unknown", "failed"])
        .exclude(action=Delivery.Action.LIKE)
        .order_by("id")
        .values_list("ticket", "state")
    )
    for ticket in tickets:
        ticket.stuck = stuck.get(ticket.pk, "")  # type: ignore[attr-defined]
        ticket.latest = latest.get(ticket.pk)  # type: ignore[attr-defined]


@require_GET
def inbox(request: HttpRequest, view: str) -> HttpResponse:
    from helpdesk.desk.site import site

    beside = request.GET.get("beside", "")  # the list stands beside this ticket
    is_beside = beside.isascii() and beside.isdigit() and len(beside) < 19
    rows = listing(request, view, BESIDE if is_beside else SIZE)
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "desk/_list.html", {**rows, "here_pk": int(beside) if is_beside else None})
    context = {**site.each_context(request), **rows, "title": VIEWS[view].title, "is_fullwidth": "1"}
    context["brand_choices"] = brand_choices(request) if len(request.user.roles) > 1 else []  # type: ignore[union-attr]
    context["chosen_brand"] = request.session.get("brand")
    context["intents"] = Intent.choices
    return TemplateResponse(request, "desk/inbox.html", context)


@require_POST
def choose_brand(request: HttpRequest) -> HttpResponse:
    """Work in one brand, or in all ("")."""
    raw, mine = request.POST.get("brand", ""), request.user.roles  # type: ignore[union-attr]
    is_number = raw.isascii() and raw.isdigit() and len(raw) < 19
    request.session["brand"] = int(raw) if is_number and int(raw) in mine else None
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if safe else "desk:index")
