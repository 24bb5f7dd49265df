"""The idea board as customers see it."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import ideas
from knowledge.centre import limits
from knowledge.centre.place import Place, in_place
from knowledge.models import Idea
from knowledge.states import IdeaState

PAGE = 50


def _open(place: Place) -> None:
    if not place.centre.takes_ideas:
        raise Http404


@limits.from_here
@require_http_methods(["GET", "HEAD", "POST"])
@in_place
def board(place: Place) -> HttpResponse:
    """What was proposed, the most wanted first; and a form that shows what is alike before another one is made."""
    _open(place)
    given = {name: place.request.POST.get(name, "") for name in ("title", "text", "address", "seen")}
    if place.request.method != "POST":
        return _board(place, given)
    if place.request.POST.get("website"):
        return _board(place, given, said=_("This looked like a machine. Write again, please."), status=400)
    reader, cookie = limits.reader_of(place.request)
    try:
        limits.count(place.request, "idea")
        near = [] if given["seen"] else ideas.alike(place.brand, place.language, f"{given['title']} {given['text']}")
        if near:
            return _board(place, given, near=near)
        idea = ideas.propose(
            place.brand,
            place.language,
            given["title"],
            given["text"],
            (reader, limits.trace_of(place.request)),
            given["address"],
        )
    except Refused as refusal:
        return _board(place, given, errors={refusal.field: refusal.text}, status=400)
    except limits.TooMany as error:
        return _board(place, given, said=str(error), status=429)
    response = HttpResponseRedirect(place.to("idea", idea.pk))
    limits.remember(response, cookie)
    return response


def _board(place: Place, given: dict[str, str], *, status: int = 200, **more: object) -> HttpResponse:
    state = place.request.GET.get("state", "")
    rows = ideas.board(place.brand, place.language)
    if state in IdeaState.values:
        rows = rows.filter(state=state)
    return place.page(
        "ideas", status=status, ideas=list(rows[:PAGE]), given=given, states=IdeaState.choices, state=state,
        canonical=place.whole("ideas"), **more,
    )  # fmt: skip


def _idea(place: Place, key: int) -> Idea:
    _open(place)
    row: Idea | None = Idea.objects.for_brand(place.brand).filter(pk=key, is_hidden=False).first()
    if row is None:
        raise Http404
    return row


@require_http_methods(["GET", "HEAD"])
@in_place
def idea(place: Place, key: int) -> HttpResponse:
    row = _idea(place, key)
    if row.merged_into_id:
        return HttpResponseRedirect(place.to("idea", row.merged_into_id))
    return _shown(place, row)


def _shown(place: Place, row: Idea, *, status: int = 200, **more: object) -> HttpResponse:
    said = place.request.GET.get("said", "")
    return place.page("idea", status=status, idea=row, said=said, canonical=place.whole("idea", row.pk), **more)


@limits.from_here
@require_POST
@in_place
def vote(place: Place, key: int) -> HttpResponse:
    """One vote a reader; a second one changes nothing and says so."""
    row = _idea(place, key)
    reader, cookie = limits.reader_of(place.request)
    try:
        limits.count(place.request, "vote")
        counted = ideas.vote(row, (reader, limits.trace_of(place.request)), place.request.POST.get("address", ""))
    except Refused as refusal:
        return _shown(place, row, errors={refusal.field: refusal.text}, status=400)
    except Conflict as conflict:
        return _shown(place, row, error=str(conflict), status=409)
    except limits.TooMany as error:
        return _shown(place, row, error=str(error), status=429)
    response = HttpResponseRedirect(f"{place.to('idea', row.pk)}?said={'thanks' if counted else 'before'}")
    limits.remember(response, cookie)
    return response
