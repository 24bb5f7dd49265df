"""Articles beside a ticket: what may answer it, a link for the answer, and what the ticket gives back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.tickets import demand, me, visible
from helpdesk.models import Ticket
from helpdesk.permissions import may
from helpdesk.workflow.verbs import Refused
from knowledge import feedback, handing, search
from knowledge.desk import number, page
from knowledge.desk.articles import visible as visible_edition
from knowledge.mining import drafts, learn
from knowledge.models import CameFrom, Draft, Edition, Handed, HelpCentre, Visible
from knowledge.search import Hit

SUGGESTED, PICKED = 4, 8


@require_http_methods(["GET", "POST"])
def articles(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """The panel; by POST the link of one article (`edition`) for this ticket's answer, as JSON."""
    row = visible(request, ticket_id)
    if request.method == "POST":
        demand(request, "ticket.reply", row.brand_id)
        return _handed(request, row)
    draft = Draft.objects.filter(ticket=row).select_related("article").order_by("-id").first()
    context = {
        "ticket": row, "hits": suggested(row), "came_from": _came_from(row),
        "handed": Handed.objects.filter(ticket=row).exclude(message=None).select_related("edition").order_by("id"),
        "draft": draft and draft.article.editions.order_by("id").first(),
        "may_write": may(request.user, "article.write", row.brand_id), "may_reply": may(request.user, "ticket.reply", row.brand_id),
    }  # fmt: skip
    return page(request, "_beside", context)


def suggested(row: Ticket) -> list[dict[str, Any]]:
    """What may answer what they asked: {"hit", "edition", "is_internal"}."""
    first = learn.first_messages([row.pk]).get(row.pk)
    text = search.asked(f"{row.subject} {first.text}" if first else row.subject)
    found = search.find(row.brand, _language(row), text, "member", limit=SUGGESTED, is_question=True)
    return _with_reader(found.hits)


def _with_reader(hits: list[Hit]) -> list[dict[str, Any]]:
    internal = set(
        Edition.objects.filter(pk__in=[hit.edition for hit in hits], article__visible=Visible.INTERNAL).values_list("pk", flat=True)
    )  # fmt: skip
    return [{"hit": hit, "is_internal": hit.edition in internal} for hit in hits]


def _language(row: Ticket) -> str:
    """The customer's, where the help centre speaks it."""
    centre = HelpCentre.of(row.brand)
    return row.language if row.language in centre.spoken else centre.language


def _came_from(row: Ticket) -> CameFrom | None:
    found: CameFrom | None = CameFrom.objects.filter(ticket=row).select_related("edition", "search").first()
    return found


def _handed(request: HttpRequest, row: Ticket) -> JsonResponse:
    rows = Edition.objects.for_brand(row.brand_id).select_related("brand", "article")
    edition = rows.filter(pk=number(request.POST.get("edition", ""))).first()
    try:
        if edition is None:
            raise Refused("edition", "unknown", _("There is no such article."))
        made = handing.hand(edition, row, me(request))
    except Refused as refusal:
        return JsonResponse({"error": refusal.text}, status=400)
    return JsonResponse({"link": handing.link_of(made, request), "title": edition.title})


@require_GET
def find(request: HttpRequest, ticket_id: int) -> JsonResponse:
    """Articles for the picker while one types: {"results": [{"edition", "title", "is_internal"}]}; what fits the ticket first."""
    row = visible(request, ticket_id)
    words = search.asked(request.GET.get("q", ""))
    hits = (
        search.suggest(row.brand, _language(row), words, "member", PICKED)
        if words
        else [one["hit"] for one in suggested(row)]
    )
    results = [
        {"edition": one["hit"].edition, "title": one["hit"].title, "is_internal": one["is_internal"]}
        for one in _with_reader(hits)
    ]
    return JsonResponse({"results": results})


@require_POST
def write(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """A draft of an article from this ticket; the one there is, where there is one."""
    row = visible(request, ticket_id)
    demand(request, "article.write", row.brand_id)
    known = Draft.objects.filter(ticket=row).select_related("article").order_by("-id").first()
    edition = known and known.article.editions.order_by("id").first()
    if edition is None:
        edition = drafts.of_ticket(row, me(request))
        flash.success(request, _("Drafted from this ticket. Make it true for everybody."))
    return redirect("desk:article", edition_id=edition.pk)


@require_POST
def wrong(request: HttpRequest, edition_id: int) -> HttpResponse:
    """A colleague says that an article is wrong; with `ticket`, that it was noticed there, and back to it."""
    edition = visible_edition(request, edition_id)
    demand(request, "ticket.note", edition.brand_id)
    key = number(request.POST.get("ticket", ""))
    ticket = visible(request, key) if key else None
    try:
        if not sent_before(request):
            feedback.say_it_is_wrong(edition, me(request), request.POST.get("words", ""), ticket)
        flash.success(request, _("The editors are shown it. Thank you."))
    except Refused as refusal:
        flash.error(request, refusal.text)
    return redirect("desk:ticket", ticket_id=ticket.pk) if ticket else redirect("desk:article", edition_id=edition.pk)
