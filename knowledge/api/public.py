"""What customers may read, for a brand's own sites and apps: no token, no cookie, kept by whoever keeps answers.

Scripts of the sites a manager has named may read it (CORS); everybody else's programs may, too: it is public.
"""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api.resource import ReadResource, Resource
from knowledge import ideas, markdown, search
from knowledge.api import finding
from knowledge.centre import limits
from knowledge.centre.place import FRESH_SECONDS, Place, find
from knowledge.models import Category, Edition, Idea, Search

PLACE = [
    OpenApiParameter("slug", str, OpenApiParameter.PATH, description="The brand."),
    OpenApiParameter("language", str, OpenApiParameter.PATH, description="One the help centre speaks, such as en."),
]


@method_decorator(conditional_page, name="dispatch")
class PublicResource(Resource):
    """Rows of one brand in one language that everybody may read. An outsider is nobody here: log-ins are not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    keep_seconds = FRESH_SECONDS

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.place = find(request._request, kwargs["slug"], kwargs["language"])
        if not self.place.centre.is_open:
            raise Http404
        self.place = Place(request._request, self.place.brand, self.place.centre, self.place.language, "anybody")

    def merge_brands(self) -> list[int]:
        return []

    def get_queryset(self) -> QuerySet[Any]:
        return self.rows().none() if getattr(self, "swagger_fake_view", False) else self.rows()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        made = super().finalize_response(request, response, *args, **kwargs)
        if made.status_code == 200 and request.method in ("GET", "HEAD"):
            patch_cache_control(made, public=True, max_age=self.keep_seconds)
        return made


class PublicList(PublicResource, ReadResource):
    pass


class PageShape(serializers.ModelSerializer[Edition]):
    article = serializers.IntegerField(source="article_id", read_only=True)
    category = serializers.CharField(source="article.category.slug", read_only=True, default=None, allow_null=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Edition
        fields = ["article", "slug", "title", "summary", "category", "url", "published_at", "changed_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.URLField())
    def get_url(self, row: Edition) -> str:
        return str(self.context["view"].place.whole("article", row.slug))


class WholePage(PageShape):
    html = serializers.SerializerMethodField(help_text="Harmless HTML; headings begin at the second level.")
    text = serializers.SerializerMethodField(help_text="Its words, a line a paragraph.")

    class Meta(PageShape.Meta):
        fields = [*PageShape.Meta.fields, "html", "text"]
        read_only_fields = fields

    def _rendered(self, row: Edition) -> markdown.Rendered:
        assert row.live is not None
        return markdown.rendered(row.live.body, f"{row.live_id}")

    def get_html(self, row: Edition) -> str:
        return self._rendered(row).html

    def get_text(self, row: Edition) -> str:
        return self._rendered(row).text


class PageFilter(filters.FilterSet):
    category = filters.CharFilter(field_name="article__category__slug", max_length=80)


@extend_schema(parameters=PLACE, auth=[])
class ArticleView(PublicList):
    """Published articles that everybody may read, the last changed first."""

    serializer_class = PageShape
    filterset_class = PageFilter
    lookup_field, lookup_value_regex = "name", r"[^/]{1,100}"
    orderings = {"changed": "changed_at"}
    default_ordering = "-changed"

    def rows(self) -> QuerySet[Edition]:
        rows = Edition.objects.select_related("article__category", "live")
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.for_brand(self.place.brand).filter(language=self.place.language).readable("anybody")

    @extend_schema(
        responses=WholePage,
        parameters=[*PLACE, OpenApiParameter("name", str, OpenApiParameter.PATH, description="Its slug.")],
    )
    def retrieve(self, request: Request, *args: Any, name: str, **kwargs: Any) -> Response:
        row = self.rows().filter(slug=name).first() if name.isprintable() else None
        if row is None:
            raise Http404
        return Response(WholePage(row, context=self.get_serializer_context()).data)


class ShelfShape(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    count = serializers.IntegerField(help_text="Articles on it.")
    url = serializers.URLField()


@extend_schema(parameters=PLACE, auth=[])
class CategoryView(PublicResource):
    """Categories that hold something, in the order a manager gave them."""

    serializer_class = ShelfShape
    pagination_class = None

    def rows(self) -> QuerySet[Category]:
        return Category.objects.all()

    @extend_schema(responses=ShelfShape(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        editions = Edition.objects.for_brand(self.place.brand).filter(language=self.place.language).readable("anybody")
        counts = dict(
            editions.exclude(article__category=None).order_by().values_list("article__category").annotate(Count("pk"))
        )
        rows = Category.objects.for_brand(self.place.brand).filter(pk__in=counts)
        language = self.place.language
        shelves = [
            {"slug": row.slug, "name": row.named(language), "description": row.described(language), "count": counts[row.pk],
             "url": self.place.whole("category", row.slug)}
            for row in rows
        ]  # fmt: skip
        return Response(ShelfShape(shelves, many=True).data)


class BoardShape(serializers.ModelSerializer[Idea]):
    class Meta:
        model = Idea
        fields = ["id", "title", "text", "state", "answer", "votes", "created_at"]
        read_only_fields = fields


@extend_schema(parameters=PLACE, auth=[])
class IdeaView(PublicList):
    """The idea board, the most wanted first."""

    serializer_class = BoardShape
    orderings = {"votes": "votes", "created": "created_at"}
    default_ordering = "-votes"

    def rows(self) -> QuerySet[Idea]:
        if getattr(self, "swagger_fake_view", False):
            return Idea.objects.all()
        if not self.place.centre.takes_ideas:
            raise Http404
        return ideas.board(self.place.brand, self.place.language).defer("vector")  # type: ignore[no-any-return]


@extend_schema(parameters=PLACE, auth=[])
class SearchView(PublicResource):
    """Search as customers do. What is looked for is written down, without who: what nobody finds becomes an inquiry."""

    serializer_class = finding.FoundShape
    pagination_class = None
    keep_seconds = 0

    def get_queryset(self) -> QuerySet[Edition]:
        return Edition.objects.none()

    @extend_schema(responses=finding.FoundShape, parameters=[*PLACE, finding.Q, finding.LIMIT])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        finding.only(request, {"q", "limit"})
        words, limit = finding.words_of(request), finding.limit_of(request)
        try:
            limits.count(request._request, "search")
        except limits.TooMany as error:
            raise Throttled(error.seconds, str(error)) from error
        found = search.find(self.place.brand, self.place.language, words, "anybody", limit=limit)
        row = search.remember(self.place.brand, self.place.language, words, len(found.hits), Search.Place.API)
        tag = f"?s={row.public_id}"
        return Response(finding.shown(found, lambda slug: self.place.whole("article", slug) + tag))
