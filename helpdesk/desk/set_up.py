"""What managers set up: teams, calendars, promises, the ladder with who is on duty, and its policies.

One page a noun: what there is, each as a sentence, and beside it the form for a new one or for the one that was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from helpdesk.desk import sentences
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.set_up_forms import (
    AreaForm,
    CalendarForm,
    LevelForm,
    PromiseForm,
    RuleForm,
    SetUpForm,
    ShiftForm,
    TeamForm,
)
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Alert, Area, Brand, Calendar, EscalationPolicy, Level, ServicePolicy, Shift, Team
from helpdesk.permissions import brands_where, may
from helpdesk.workflow import alerts, areas, calendars, guarding, people, policies, rehearsal
from helpdesk.workflow.verbs import Conflict, Refused

Save = Callable[[Brand, Any, Any, dict[str, Any]], Any]


def _save_shift(brand: Brand, by: Any, row: Any, given: dict[str, Any]) -> Any:
    level = given.pop("level")
    if row is not None:
        row.level = level
    return policies.save_shift(level, by, row, **given)


@dataclass(frozen=True)
class Noun:
    """One kind of thing that is set up."""

    title: Any
    one: Any
    about: Any
    empty: Any
    icon: str
    model: type[Any]
    order: tuple[str, ...]
    form: type[SetUpForm]
    save: Save
    remove: Callable[[Any, Any], None]
    sentence: Callable[[Any], Any]
    needs: str = "policy.edit"
    related: tuple[str, ...] = ()


NOUNS: dict[str, Noun] = {
    "promises": Noun(
        gettext_lazy("Promises"),
        gettext_lazy("A new promise"),
        gettext_lazy("How soon customers are answered. The first that fits a ticket holds; where none fits, the brand's own hours do."),
        gettext_lazy("No promises yet: every customer is promised the brand's own hours, around the clock."),
        "schedule",
        ServicePolicy,
        ("position", "id"),
        PromiseForm,
        lambda brand, by, row, given: policies.save_service(brand, by, row, **given),
        policies.remove_service,
        sentences.promise,
        related=("calendar",),
    ),
    "calendars": Noun(
        gettext_lazy("Calendars"),
        gettext_lazy("A new calendar"),
        gettext_lazy("When a desk is open. Promises and levels count their time by them."),
        gettext_lazy("No calendars yet: time is counted around the clock."),
        "calendar_month",
        Calendar,
        ("name", "id"),
        CalendarForm,
        lambda brand, by, row, given: calendars.save(brand, by, row, **given),
        calendars.remove,
        sentences.calendar,
    ),
    "ladder": Noun(
        gettext_lazy("Ladder"),
        gettext_lazy("A new level on top"),
        gettext_lazy("Who is asked when a ticket goes up. Whoever is asked acknowledges in time, or it climbs on."),
        gettext_lazy("No ladder yet."),
        "stairs",
        Level,
        ("-number",),
        LevelForm,
        lambda brand, by, row, given: policies.save_level(brand, by, row, **given),
        policies.remove_level,
        sentences.level,
        related=("team", "calendar", "brand"),
    ),
    "duty": Noun(
        gettext_lazy("On duty"),
        gettext_lazy("A new shift"),
        gettext_lazy("Who is asked first at a level, and when."),
        gettext_lazy("Nobody has a shift: levels ask their teams, and else leads and managers."),
        "badge",
        Shift,
        ("level__number", "start", "id"),
        ShiftForm,
        _save_shift,
        policies.remove_shift,
        sentences.shift,
        related=("level", "user"),
    ),
    "policies": Noun(
        gettext_lazy("Escalation policies"),
        gettext_lazy("A new policy"),
        gettext_lazy("When something happens → then a ticket goes up. Try a policy on the last 90 days before you switch it on."),
        gettext_lazy("No policies: tickets go up by hand alone."),
        "rule",
        EscalationPolicy,
        ("position", "id"),
        RuleForm,
        lambda brand, by, row, given: policies.save_escalation(brand, by, row, **given),
        policies.remove_escalation,
        sentences.rule,
        related=("team",),
    ),
    "teams": Noun(
        gettext_lazy("Teams"),
        gettext_lazy("A new team"),
        gettext_lazy("Colleagues who share a queue. Levels and policies ask teams."),
        gettext_lazy("No teams yet."),
        "groups",
        Team,
        ("name", "id"),
        TeamForm,
        lambda brand, by, row, given: people.save_team(brand, by, row, **given),
        people.remove_team,
        sentences.team,
        needs="team.edit",
    ),
    "areas": Noun(
        gettext_lazy("Areas"),
        gettext_lazy("A new area"),
        gettext_lazy("Parts of the company. What is learnt from failures goes in writing to who answers for them."),
        gettext_lazy("No areas yet: the brand's managers get all recommendations."),
        "domain",
        Area,
        ("name", "id"),
        AreaForm,
        lambda brand, by, row, given: areas.save(brand, by, row, **given),
        areas.remove,
        sentences.area,
        related=("manager",),
    ),
}  # fmt: skip


def _noun(key: str) -> Noun:
    if key not in NOUNS:
        raise Http404
    return NOUNS[key]


def _brand(request: HttpRequest, noun: Noun) -> Brand:
    """The brand that is set up: the chosen one, else the first of those the user may set up."""
    able = brands_where(me(request), noun.needs)
    chosen = [pk for pk in chosen_brands(request) if pk in able]
    if not able:
        demand(request, noun.needs, next(iter(me(request).roles)))
        raise PermissionDenied
    return Brand.objects.get(pk=(chosen or able)[0])


def _rows(noun: Noun, brand: Brand) -> QuerySet[Any]:
    rows: Any = noun.model.objects.filter(brand=brand).select_related(*noun.related)
    if noun.model is Team:
        rows = rows.prefetch_related("members")
    found: QuerySet[Any] = rows.order_by(*noun.order)
    return found


@require_http_methods(["GET", "POST"])
def overview(request: HttpRequest, key: str) -> HttpResponse:
    """What there is, and a form for a new one."""
    noun = _noun(key)
    brand = _brand(request, noun)
    form = noun.form(request.POST or None, request.FILES or None, brand=brand)
    if request.method == "POST" and form.is_valid() and _kept(request, noun, brand, form):
        flash.success(request, _("Kept."))
        return redirect("desk:set_up", key=key)
    return _page(request, key, noun, brand, form)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, row_id: int) -> HttpResponse:
    """One of them, to be changed or removed."""
    noun = _noun(key)
    row = get_object_or_404(
        noun.model.objects.visible_to(request.user).select_related("brand", *noun.related), pk=row_id
    )
    demand(request, noun.needs, row.brand_id)
    if "remove" in request.POST:
        try:
            noun.remove(row, me(request))
        except Conflict as conflict:
            flash.error(request, str(conflict))
            return redirect("desk:set_up_one", key=key, row_id=row_id)
        flash.success(request, _("Removed."))
        return redirect("desk:set_up", key=key)
    form = noun.form(request.POST or None, request.FILES or None, brand=row.brand, row=row)
    if request.method == "POST" and form.is_valid() and _kept(request, noun, row.brand, form):
        flash.success(request, _("Kept."))
        return redirect("desk:set_up", key=key)
    return _page(request, key, noun, row.brand, form, row)


@require_GET
def dry_run(request: HttpRequest, row_id: int) -> HttpResponse:
    """What a policy would have done in the last 90 days, plotted by week."""
    rows = EscalationPolicy.objects.visible_to(request.user).select_related("brand", "team")
    row = get_object_or_404(rows, pk=row_id)
    demand(request, "policy.edit", row.brand_id)
    found = rehearsal.rehearse(row, timezone.now())
    return _page(request, "policies", NOUNS["policies"], row.brand, None, row, rehearsal=sentences.rehearsed(found))


@require_http_methods(["GET", "POST"])
def guards(request: HttpRequest) -> HttpResponse:
    """How often each guard spoke up and was sent past, and whether it is turned down."""
    noun = NOUNS["policies"]
    brand = _brand(request, noun)
    if request.method == "POST":
        demand(request, "guard.edit", brand.pk)
        try:
            act = guarding.hold if request.POST.get("what") == "hold" else guarding.turn
            act(brand.pk, me(request), request.POST.get("guard", ""), on=request.POST.get("on") == "1")
        except Refused as refusal:
            flash.error(request, refusal.text)
        return redirect("desk:guards")
    from helpdesk.desk.site import site

    context = {
        **site.each_context(request), "reports": guarding.report(brand, timezone.now()), "tabs": _tabs(request, brand, "guards"),
        "title": _("Guards"),
    }  # fmt: skip
    return TemplateResponse(request, "desk/guards.html", context)


@require_http_methods(["GET", "POST"])
def telling(request: HttpRequest) -> HttpResponse:
    """Who is told outside the desk, by which way, and what became of it."""
    brand = _brand(request, NOUNS["policies"])
    error, status = "", 200
    if request.method == "POST":
        try:
            given, is_removed = request.POST.get("chat_hook", "").strip(), "remove" in request.POST
            if is_removed or given:
                alerts.set_hook(brand.pk, me(request), "" if is_removed else given)
                flash.success(request, _("Removed.") if is_removed else _("Kept, sealed."))
            return redirect("desk:telling")
        except Refused as refusal:
            error, status = refusal.text, 400
    from helpdesk.desk.site import site

    latest = [
        {"row": row, "said": alerts.said(row)[0]}
        for row in Alert.objects.filter(brand=brand).select_related("user").order_by("-id")[:30]
    ]
    context = {
        **site.each_context(request), "brand": brand, "latest": latest, "tabs": _tabs(request, brand, "telling"), "error": error,
        "has_mail": settings.EMAIL_BACKEND != alerts.DUMMY, "title": _("Told outside"),
    }  # fmt: skip
    return TemplateResponse(request, "desk/telling.html", context, status=status)


def _tabs(request: HttpRequest, brand: Brand, here: str) -> list[tuple[str, Any, bool]]:
    """(address, label, whether one is there)."""
    found = [
        (reverse("desk:set_up", args=[name]), one.title, name == here)
        for name, one in NOUNS.items()
        if may(request.user, one.needs, brand.pk)
    ]
    own = [("guards", _("Guards")), ("telling", _("Told outside"))]
    return [*found, *((reverse(f"desk:{name}"), label, here == name) for name, label in own)]


def _kept(request: HttpRequest, noun: Noun, brand: Brand, form: SetUpForm) -> bool:
    try:
        noun.save(brand, me(request), form.row, form.values())
    except Refused as refusal:
        form.refuse(refusal.field, refusal.text)
        return False
    return True


def _page(
    request: HttpRequest, key: str, noun: Noun, brand: Brand, form: SetUpForm | None, row: Any = None, **more: Any
) -> HttpResponse:
    from helpdesk.desk.site import site

    entries = [
        {"row": one, "said": noun.sentence(one), "is_here": row is not None and one.pk == row.pk}
        for one in _rows(noun, brand)
    ]
    tabs = _tabs(request, brand, key)
    context = {
        **site.each_context(request), "noun": noun, "key": key, "entries": entries, "form": form, "row": row, "brand": brand,
        "tabs": tabs, "title": noun.title, **more,
    }  # fmt: skip
    status = 400 if form is not None and form.errors else 200
    return TemplateResponse(request, "desk/set_up.html", context, status=status)
