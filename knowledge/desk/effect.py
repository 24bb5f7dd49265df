"""Whether the help centre helps: who found an answer without asking, what each article changed, what nobody finds."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.models import Brand
from knowledge.desk import named, page
from knowledge.reports import effect
from knowledge.reports import week as weeks
from knowledge.reports.weeks import mondays


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    found = effect.overview(list(chosen_brands(request)))
    return page(request, "effect", {"found": found, "title": _("Effect")})


@require_GET
def week(request: HttpRequest) -> HttpResponse:
    """One week for editors; the one before this where none is named."""
    rows = Brand.objects.visible_to(request.user)
    slug = request.GET.get("brand", "")
    brand = (
        get_object_or_404(rows, slug=named(slug))
        if slug
        else rows.filter(pk__in=chosen_brands(request)).order_by("id")[0]
    )
    monday = mondays()[-2]
    if raw := request.GET.get("week", ""):
        try:
            monday = dt.date.fromisoformat(raw)
        except ValueError as error:
            raise Http404 from error
        if not 2000 <= monday.year <= 2200:
            raise Http404
        monday -= dt.timedelta(days=monday.weekday())
    with timezone.override(brand.time_zone):
        found = weeks.of(brand, monday)
    context = {
        "found": found, "brand": brand, "brands": rows.order_by("name"), "earlier": monday - weeks.SEVEN,
        "later": monday + weeks.SEVEN if monday < mondays()[-1] else None, "title": _("The week of the help centre"),
    }  # fmt: skip
    return page(request, "week", context)
