"""Whether the help centre helps: who found an answer without asking, what each article changed, what nobody finds."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from helpdesk.desk.inbox_views import chosen_brands
from knowledge.desk import page
from knowledge.reports import effect


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    found = effect.overview(list(chosen_brands(request)))
    return page(request, "effect", {"found": found, "title": _("Effect")})
