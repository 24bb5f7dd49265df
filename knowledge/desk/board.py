"""The idea board as colleagues see it: decide, answer, merge, hide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages as flash
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.permissions import brands_where
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import ideas
from knowledge.desk import page
from knowledge.models import Idea
from knowledge.states import IdeaState

PAGE = 100
VERBS = ("decide", "merge", "hide")


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, about: int = 0, said: str = "", status: int = 200) -> HttpResponse:
    state = request.GET.get("state", "")
    rows = Idea.objects.visible_to(request.user).filter(brand__in=chosen_brands(request), merged_into=None)
    if state in IdeaState.values:
        rows = rows.filter(state=state)
    found = list(rows.select_related("brand", "decided_by").order_by("-votes", "-id")[:PAGE])
    able = set(brands_where(request.user, "idea.decide"))
    context = {
        "rows": found, "states": IdeaState.choices, "state": state, "able": able, "about": about, "said": said,
        "given": request.POST, "title": _("Ideas"),
    }  # fmt: skip
    return page(request, "ideas", context, status)


def verb(act: Callable[[HttpRequest, Idea], str]) -> Callable[..., HttpResponse]:
    """A POST on an idea that comes back to the board."""

    @require_POST
    def view(request: HttpRequest, idea_id: int) -> HttpResponse:
        row = get_object_or_404(Idea.objects.visible_to(request.user), pk=idea_id)
        demand(request, "idea.decide", row.brand_id)
        try:
            with transaction.atomic():
                said = _("This was done already.") if sent_before(request) else act(request, row)
        except Refused as refusal:
            return _page(request, about=row.pk, said=refusal.text, status=400)
        except Conflict as conflict:
            return _page(request, about=row.pk, said=str(conflict), status=409)
        flash.success(request, said)
        return redirect("desk:ideas")

    view.__name__ = act.__name__
    return view


@verb
def decide(request: HttpRequest, row: Idea) -> str:
    ideas.decide(row.pk, me(request), request.POST.get("state", ""), request.POST.get("answer", ""))
    return _("Customers see it on the board; who left an address is told when it is decided.")


@verb
def merge(request: HttpRequest, row: Idea) -> str:
    raw: Any = request.POST.get("into", "")
    into = (
        Idea.objects.visible_to(request.user)
        .filter(pk=int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0)
        .first()
    )
    if into is None:
        raise Refused("into", "unknown", _("There is no such idea."))
    ideas.merge(row.pk, into.pk, me(request))
    return _("One idea now, with the votes of both.")


@verb
def hide(request: HttpRequest, row: Idea) -> str:
    ideas.hide(row.pk, me(request), is_hidden=not row.is_hidden)
    return _("Customers see it again.") if row.is_hidden else _("Customers no longer see it.")
