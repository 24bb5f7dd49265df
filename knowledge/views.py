from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from helpdesk.models import Brand


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """The only brand's first page; with several, nobody is told which there are."""
    brands = list(Brand.objects.order_by("id")[:2])
    if len(brands) == 1:
        return redirect("help:brand", slug=brands[0].slug, language=brands[0].locale[:2] or "en")
    return TemplateResponse(request, "knowledge/front.html", {"brand": None})


@require_GET
def brand(request: HttpRequest, slug: str, language: str) -> HttpResponse:
    row = Brand.objects.filter(slug=slug).first()
    if row is None:
        raise Http404
    return TemplateResponse(request, "knowledge/front.html", {"brand": row, "language": language})
