"""Search for members: what customers find, and what only agents read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api.filters import refused
from helpdesk.api.resource import Resource
from knowledge import search
from knowledge.centre.place import address_of
from knowledge.models import Edition, HelpCentre

MOST = 20
Q = OpenApiParameter(
    "q", str, required=True, description="What is looked for: words or a whole question, two hundred characters."
)
LIMIT = OpenApiParameter("limit", int, description=f"1 to {MOST}; 10 if left out.")


class HitShape(serializers.Serializer[Any]):
    article = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    title_html = serializers.CharField(help_text="With <mark> around what was found.")
    excerpt_html = serializers.CharField()
    score = serializers.FloatField(help_text="Of this answer alone: not to be compared between searches.")
    url = serializers.URLField()


@extend_schema_serializer(many=False)
class FoundShape(serializers.Serializer[Any]):
    corrected = serializers.CharField(help_text="The words as they were looked for, where some were misspelt.")
    results = HitShape(many=True)


def only(request: Request, known: set[str]) -> None:
    """A name we do not know is an error, never silence."""
    if unknown := sorted(set(request.query_params) - known):
        raise refused(
            unknown[0], _("There is no such filter. There are: %(known)s.") % {"known": ", ".join(sorted(known))}
        )


def words_of(request: Request) -> str:
    words = search.asked(request.query_params.get("q", ""))
    if not words:
        raise refused("q", _("Say what to look for."))
    return words


def limit_of(request: Request) -> int:
    raw = request.query_params.get("limit", "10")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 2 and 1 <= int(raw) <= MOST):
        raise refused("limit", _("A whole number from 1 to %(most)s.") % {"most": MOST})
    return int(raw)


def shown(found: search.Found, url: Callable[[str], str]) -> dict[str, Any]:
    results = [
        {"article": hit.article, "slug": hit.slug, "title": hit.title, "title_html": hit.title_html,
         "excerpt_html": hit.excerpt_html, "score": round(hit.score, 4), "url": url(hit.slug)}
        for hit in found.hits
    ]  # fmt: skip
    return dict(FoundShape({"corrected": found.corrected, "results": results}).data)


class SearchView(Resource):
    """Articles by words or by a question, drafts left out. Written down nowhere."""

    serializer_class = FoundShape
    pagination_class = None

    def get_queryset(self) -> QuerySet[Edition]:
        return Edition.objects.none()

    @extend_schema(
        responses=FoundShape,
        parameters=[
            Q, LIMIT, OpenApiParameter("brand", str, description="Its slug; may be left out by who has one brand."),
            OpenApiParameter("language", str, description="The brand's first where left out."),
        ],
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        only(request, {"q", "limit", "brand", "language"})
        brand = self.brand_asked(request.query_params.get("brand"), "read")
        centre = HelpCentre.of(brand)
        language = request.query_params.get("language") or centre.language
        if language not in centre.spoken:
            raise refused("language", _("The help centre speaks: %(known)s.") % {"known": ", ".join(centre.spoken)})
        found = search.find(brand, language, words_of(request), "member", limit=limit_of(request))
        return Response(
            shown(found, lambda slug: address_of(brand, centre, language, "article", slug, request=request))
        )
