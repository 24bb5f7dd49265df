"""The desk's pages of incidents: begun from one ticket and those that are like it, told to all at once, learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Incident, Statement, StatementCopy, Ticket
from helpdesk.permissions import may
from helpdesk.reports import incident as reports
from helpdesk.workflow import approvals, incidents, likeness
from helpdesk.workflow.likeness import Alike
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused

MOST, MOST_SUGGESTED = 50, 100


def _keys(request: HttpRequest) -> list[int]:
    found = [raw for raw in request.POST.getlist("tickets") if raw.isascii() and raw.isdigit() and len(raw) <= 18]
    return [int(raw) for raw in found]


def _alike(request: HttpRequest, found: list[Alike]) -> list[dict[str, Any]]:
    """The tickets that are alike, the closest first, as the user may see them."""
    keys = [one.ticket for one in found[:MOST_SUGGESTED]]
    rows = Ticket.objects.visible_to(request.user).filter(pk__in=keys).select_related("customer", "channel")
    by_key = {row.pk: row for row in rows}
    first = likeness.first_words(keys)
    return [{"row": by_key[key], "words": first.get(key, "")} for key in keys if key in by_key]


@require_http_methods(["GET", "POST"])
def overview(request: HttpRequest) -> HttpResponse:
    """What is going on, what was; and beginning one, of a ticket and those like it (`like`)."""
    from helpdesk.desk.site import site

    begun = _like(request)
    said, status = "", 200
    if request.method == "POST" and begun is not None:
        demand(request, "incident.edit", begun.brand_id)
        try:
            with transaction.atomic():
                if sent_before(request):
                    return redirect("desk:incidents")
                keys = {begun.pk, *_keys(request)}
                row = incidents.begin(begun.brand, me(request), request.POST.get("title", ""), keys)
            flash.success(request, _("Begun. Say that you know of it, before they ask again."))
            return redirect("desk:incident", incident_id=row.pk)
        except Refused as refusal:
            said, status = refusal.text, 400
    seen = Incident.objects.visible_to(request.user).filter(brand__in=chosen_brands(request))
    rows = seen.annotate(tickets=Count("affected", filter=Q(affected__left_at=None))).select_related("owner")
    alike = likeness.alike([begun.pk], begun.brand_id, timezone.now() - likeness.TOGETHER) if begun is not None else []
    context = {
        **site.each_context(request), "open": rows.filter(state="open").order_by("-id")[:MOST],
        "over": rows.filter(state="resolved").order_by("-id")[:20], "begun": begun, "alike": _alike(request, alike), "error": said,
        "words": likeness.first_words([begun.pk]).get(begun.pk, "") if begun is not None else "", "title_given": request.POST.get("title", ""), "may_edit": begun is not None and may(request.user, "incident.edit", begun.brand_id), "title": _("Incidents"),
    }  # fmt: skip
    return TemplateResponse(request, "desk/incidents.html", context, status=status)


def _like(request: HttpRequest) -> Ticket | None:
    """The ticket that an incident is begun of."""
    raw = request.POST.get("like") or request.GET.get("like", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18):
        return None
    return get_object_or_404(Ticket.objects.visible_to(request.user).with_people(), pk=int(raw))


def _visible(request: HttpRequest, incident_id: int) -> Incident:
    rows = Incident.objects.visible_to(request.user).select_related("brand", "owner", "opened_by", "resolved_by")
    return get_object_or_404(rows, pk=incident_id)


@require_GET
def incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    """What it affects, what was said of it, what came of it."""
    return _page(request, _visible(request, incident_id))


def _page(
    request: HttpRequest, row: Incident, *, draft: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    from helpdesk.desk.site import site

    now, is_open = timezone.now(), row.state == Incident.State.OPEN
    statements = list(row.statements.select_related("written_by", "approved_by", "approval").annotate(
        told=Count("copies", filter=Q(copies__state="told")), passed=Count("copies", filter=Q(copies__state="passed")), all=Count("copies"),
    ).order_by("-id")[:20])  # fmt: skip
    for one in statements:
        approval = getattr(one, "approval", None)
        one.may_decide = (  # type: ignore[attr-defined]
            one.state == Statement.State.ASKED and approval is not None and approvals.may_decide(approval, me(request))
        )
        one.share = round(100 * (one.told + one.passed) / one.all) if one.all else 0  # type: ignore[attr-defined]
    found = reports.summary(row)
    affected = list(incidents.affected_by(row)[:200])
    passed = StatementCopy.objects.filter(statement__incident=row, state="passed").exclude(problem__code__in=["left", "told"]).select_related("ticket__customer", "statement").order_by("-id")  # fmt: skip
    context = {
        **site.each_context(request), "row": row, "statements": statements, "affected": affected, "summary": found, "first_word": 60 * (found.minutes_to_first_word or 0),
        "passed": passed[:20], "alike": _alike(request, incidents.suggested(row, now)) if is_open else [],
        "supporters": reports.supporters(row, now), "draft": draft or {}, "kinds": Statement.Kind.choices, "is_open": is_open,
        "is_silent": not any(one.text and one.state in (Statement.State.GOING, Statement.State.DONE) for one in statements),
        "is_going": any(one.state == Statement.State.GOING for one in statements),
        "may_edit": may(request.user, "incident.edit", row.brand_id), "may_say": may(request.user, "incident.say", row.brand_id),
        "may_end": may(request.user, "incident.resolve", row.brand_id), "title": row.title,
    }  # fmt: skip
    return TemplateResponse(request, "desk/incident.html", context, status=status)


def verb(needs: str) -> Callable[[Callable[[HttpRequest, Incident], str]], Callable[..., HttpResponse]]:
    """A POST on an incident that comes back to its page."""

    def wrap(act: Callable[[HttpRequest, Incident], str]) -> Callable[..., HttpResponse]:
        @require_POST
        def view(request: HttpRequest, incident_id: int) -> HttpResponse:
            row = _visible(request, incident_id)
            demand(request, needs, row.brand_id)
            try:
                with transaction.atomic():
                    said = _("This was done already.") if sent_before(request) else act(request, row)
            except Refused as refusal:
                draft = {
                    **request.POST.dict(),
                    "error": refusal.text,
                    "field": refusal.field,
                    "is_said": "kind" in request.POST,
                }
                return _page(request, _visible(request, incident_id), draft=draft, status=400)
            except PermissionRefused as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except Conflict as conflict:
                draft = {
                    **request.POST.dict(),
                    "error": str(conflict),
                    "is_said": "kind" in request.POST and row.state == Incident.State.OPEN,
                }
                return _page(request, _visible(request, incident_id), draft=draft, status=409)
            flash.success(request, said)
            return redirect("desk:incident", incident_id=row.pk)

        return view

    return wrap


@verb("incident.edit")
def link(request: HttpRequest, row: Incident) -> str:
    keys = _keys(request)
    if not keys:
        raise Refused("tickets", "required", _("Choose at least one ticket."))
    count = incidents.link(row.pk, me(request), keys)
    return _("%(count)d counted in.") % {"count": count}


@verb("incident.edit")
def unlink(request: HttpRequest, row: Incident) -> str:
    for key in _keys(request):
        incidents.unlink(row.pk, me(request), key)
    return _("It stands apart again.")


@verb("incident.say")
def say(request: HttpRequest, row: Incident) -> str:
    given = request.POST
    found = incidents.say(
        row.pk, me(request), given.get("kind", ""), given.get("text", ""), resolves=given.get("resolves") == "1"
    )
    if found.state == Statement.State.ASKED:
        return _("It goes to all of them when somebody else has approved it.")
    return _("On its way to all of them.")


@verb("incident.resolve")
def resolve(request: HttpRequest, row: Incident) -> str:
    incidents.resolve(row.pk, me(request))
    return _("Over. Write down what it was, while you remember.")


@verb("incident.edit")
def change(request: HttpRequest, row: Incident) -> str:
    values = {name: request.POST[name] for name in ("title", "cause", "lesson") if name in request.POST}
    incidents.change(row.pk, me(request), **values)
    return _("Kept.")


VERBS = ("link", "unlink", "say", "resolve", "change")
