"""Articles and categories as resources. An article has an edition a language; verbs name the language where there are several."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import django_filters as filters
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api import serializers as shapes
from helpdesk.api.common import BRAND_HELP, BrandNamed, SetUp, changing, documented, key
from helpdesk.api.filters import BrandFilter, Number, Words, YesNo
from helpdesk.api.idempotency import idempotent
from helpdesk.api.permissions import demand
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import LineField, OneOf, StrictSerializer
from helpdesk.models import Brand, User
from helpdesk.workflow.verbs import Refused
from knowledge import markdown, publishing
from knowledge.centre.place import address_of
from knowledge.models import Article, Category, Edition, HelpCentre, Revision, Visible
from knowledge.reports import effect
from knowledge.states import EditionState

LANGUAGE = r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?"
# what a verb of the API asks for in the table of permissions
NEEDS = {
    "create": "article.write", "partial_update": "article.write", "words": "article.write", "submit": "article.write",
    "restore": "article.write", "send_back": "article.publish", "publish": "article.publish", "schedule": "article.publish",
    "archive": "article.publish", "reopen": "article.write",
}  # fmt: skip


class EditionSerializer(serializers.ModelSerializer[Edition]):
    url = serializers.SerializerMethodField(help_text="Where customers read it; null where they do not.")
    has_changes = serializers.BooleanField(read_only=True, help_text="Whether readers see something older.")
    revision = serializers.IntegerField(source="latest.number", read_only=True, default=0)

    class Meta:
        model = Edition
        fields = ["id", "language", "slug", "title", "summary", "state", "url", "revision", "has_changes", "publish_at", "published_at", "changed_at"]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_url(self, row: Edition) -> str | None:
        if not row.is_live:
            return None
        brand = self.context["brands"][row.brand_id]
        return address_of(brand, brand.centre, row.language, "article", row.slug, request=self.context["request"])


class WholeEdition(EditionSerializer):
    body = serializers.CharField(
        source="latest.body", read_only=True, default="", help_text="Markdown, as editors have it."
    )
    body_html = serializers.SerializerMethodField(help_text="As readers see it; empty where they see nothing.")

    class Meta(EditionSerializer.Meta):
        fields = [*EditionSerializer.Meta.fields, "body", "body_html"]
        read_only_fields = fields

    def get_body_html(self, row: Edition) -> str:
        return markdown.rendered(row.live.body, f"{row.live_id}").html if row.live else ""


class ArticleSerializer(BrandNamed):
    category = serializers.SlugRelatedField[Category](slug_field="slug", read_only=True, allow_null=True)
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    editions = EditionSerializer(many=True, read_only=True)

    class Meta:
        model = Article
        fields = ["id", "brand", "category", "visible", "owner", "review_by", "editions", "created_at"]
        read_only_fields = fields


class WholeArticle(ArticleSerializer):
    editions = WholeEdition(many=True, read_only=True)


class ArticleFilter(BrandFilter):
    category = filters.CharFilter(field_name="category__slug", max_length=80)
    visible = Words(choices=Visible.choices)
    state = Words(method="in_state", choices=EditionState.choices, help_text="Of one of its editions.")
    language = filters.CharFilter(method="in_language", max_length=10)
    topic = Number(field_name="topics")
    review_due = YesNo(method="to_review", help_text="Whether its day to be looked at again has come.")

    def in_state(self, rows: QuerySet[Article], name: str, value: list[str]) -> QuerySet[Article]:
        return rows.filter(Exists(Edition.objects.filter(article=OuterRef("pk"), state__in=value)))

    def in_language(self, rows: QuerySet[Article], name: str, value: str) -> QuerySet[Article]:
        return rows.filter(Exists(Edition.objects.filter(article=OuterRef("pk"), language=value)))

    def to_review(self, rows: QuerySet[Article], name: str, value: bool) -> QuerySet[Article]:
        due = {"review_by__lte": timezone.localdate()}
        return rows.filter(**due) if value else rows.exclude(**due)


class DetailsInput(StrictSerializer):
    category = serializers.CharField(max_length=80, required=False, allow_null=True, help_text="Its slug; null: none.")
    visible = OneOf(choices=Visible.choices, required=False)
    owner = key(required=False, allow_null=True, help_text="A member's id.")
    review_by = serializers.DateField(required=False, allow_null=True)


class WordsInput(StrictSerializer):
    language = serializers.CharField(max_length=10, required=False, help_text="The brand's first where left out.")
    title = LineField(max_length=200)
    summary = LineField(max_length=300, required=False, allow_blank=True)
    body = serializers.CharField(max_length=markdown.LONGEST, required=False, allow_blank=True, help_text="Markdown.")
    why = LineField(max_length=250, required=False, allow_blank=True, help_text="What was changed, for colleagues.")


class ArticleInput(WordsInput, DetailsInput):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)


class NewWordsInput(WordsInput):
    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="The number you began from: 409 where somebody saved since."
    )
    is_up_to_date = serializers.BooleanField(required=False, help_text="A translation that says by now what the first language says.")  # fmt: skip


class VerbInput(StrictSerializer):
    language = serializers.CharField(max_length=10, required=False, help_text="Needed where it has several editions.")
    why = LineField(max_length=250, required=False, allow_blank=True)


class ScheduleInput(VerbInput):
    publish_at = serializers.DateTimeField()


class RestoreInput(VerbInput):
    number = serializers.IntegerField(min_value=1)


class RevisionSerializer(serializers.ModelSerializer[Revision]):
    language = serializers.CharField(source="edition.language", read_only=True)
    author = shapes.SomebodySerializer(read_only=True, allow_null=True)

    class Meta:
        model = Revision
        fields = ["id", "language", "number", "title", "summary", "body", "author", "why", "created_at"]
        read_only_fields = fields


class EffectWeek(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="Its Monday.")
    views = serializers.IntegerField()
    inquiries = serializers.IntegerField(help_text="Of the topics it answers.")
    is_after = serializers.BooleanField(help_text="Whether it was out by then.")


class EffectShape(serializers.Serializer[Any]):
    """Numbers of the last thirteen weeks."""

    views = serializers.IntegerField()
    helped = serializers.IntegerField()
    not_helped = serializers.IntegerField()
    share_helped = serializers.IntegerField(allow_null=True, help_text="In percent; null below five votes.")
    asked = serializers.IntegerField(help_text="Requests sent from it.")
    handed = serializers.IntegerField(help_text="Answers that link it.")
    followed = serializers.IntegerField(help_text="Of them, opened.")
    spared = serializers.IntegerField(help_text="Readers who came looking for an answer and asked nothing.")
    minutes_saved = serializers.IntegerField()
    before = serializers.FloatField(allow_null=True, help_text="Inquiries a week in the weeks before it was out.")
    after = serializers.FloatField(allow_null=True, help_text="And since, the week it came out left aside.")
    weeks = EffectWeek(many=True)


class ArticleView(ReadResource):
    """Articles with their editions. New words are a draft until somebody publishes them."""

    serializer_class = ArticleSerializer
    filterset_class = ArticleFilter
    needs = NEEDS
    default_ordering = "-created"

    def rows(self) -> QuerySet[Article]:
        editions = Edition.objects.select_related("latest", "live").order_by("id")
        found = Article.objects.select_related("brand", "category", "owner")
        return found.prefetch_related(Prefetch("editions", editions))

    def get_serializer_class(self) -> Any:
        return ArticleSerializer if self.action == "list" else WholeArticle

    def get_serializer_context(self) -> dict[str, Any]:
        rows: Any = Brand.objects.visible_to(self.me).select_related("help_centre") if self.request else []
        brands = {row.pk: row for row in rows}
        for row in brands.values():
            row.centre = getattr(row, "help_centre", None) or HelpCentre(brand=row)
        return {**super().get_serializer_context(), "brands": brands}

    @extend_schema(request=ArticleInput, responses={201: WholeArticle}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """A draft."""
        given = self.body(ArticleInput)
        brand = self.brand_asked(given.pop("brand", None), "article.write")
        words, language = _words(given), given.pop("language", "")
        edition = publishing.create(brand, self.me, words, language, **_details(brand, given))
        return self._shown(edition.article_id, 201)

    @extend_schema(request=DetailsInput, responses=WholeArticle)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Where it stands, who reads it, who keeps it, until when. Its words are changed at `words`."""
        row, given = self.get_object(), self.body(DetailsInput)
        if given.get("visible", row.visible) != row.visible and publishing.is_out(row):
            demand(request, "article.publish", row.brand_id)
        publishing.settle(row.pk, self.me, **_details(row.brand, given))
        return self._shown(row.pk)

    @extend_schema(request=NewWordsInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def words(self, request: Request, pk: str) -> Response:
        """New words in a language, as a draft; the first in a language makes an edition of it."""
        row, given = self.get_object(), self.body(NewWordsInput)
        language = given.pop("language", "") or HelpCentre.of(row.brand).language
        edition = next((one for one in row.editions.all() if one.language == language), None)
        if edition is not None and edition.latest is not None:  # what is left out stays as it is
            given = {"body": edition.latest.body, "summary": edition.latest.summary, **given}
        words, number = _words(given), given.pop("revision", None)
        if edition is None:
            publishing.translate(row.pk, self.me, words, language)
        else:
            base = edition.revisions.filter(number=number).values_list("pk", flat=True).first() or 0
            publishing.save(edition.pk, self.me, words, base=None if number is None else base, is_up_to_date=given.get("is_up_to_date", False))  # fmt: skip
        return self._shown(row.pk)

    @extend_schema(request=VerbInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        """Ask for a review."""
        return self._verb(publishing.submit)

    @extend_schema(request=VerbInput, responses=WholeArticle)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: Request, pk: str) -> Response:
        """Back to the writer; `why` is needed."""
        return self._verb(publishing.send_back)

    @extend_schema(request=VerbInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Customers read the latest words from now on."""
        return self._verb(publishing.publish)

    @extend_schema(request=ScheduleInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """To be published by itself at `publish_at`."""
        return self._verb(_schedule, ScheduleInput)

    @extend_schema(request=VerbInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Customers no longer find it."""
        return self._verb(publishing.archive)

    @extend_schema(request=VerbInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Out of the archive, as a draft."""
        return self._verb(publishing.reopen)

    @extend_schema(request=RestoreInput, responses=WholeArticle)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """The words of an earlier revision, as a new draft."""
        return self._verb(_restore, RestoreInput)

    @extend_schema(responses=RevisionSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def revisions(self, request: Request, pk: str) -> Response:
        """What its editions said, the newest first; the last hundred."""
        rows = Revision.objects.filter(edition__article=self.get_object()).select_related("edition", "author")
        return Response(RevisionSerializer(rows.order_by("-id")[:100], many=True).data)

    @extend_schema(responses=EffectShape)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def effect(self, request: Request, pk: str) -> Response:
        """Whether it helps: readers, votes, and what its topics are asked since it is out."""
        return Response(EffectShape(effect.of(self.get_object())).data)

    def _verb(self, act: Callable[..., Edition], kind: type[StrictSerializer] = VerbInput) -> Response:
        row, given = self.get_object(), self.body(kind)
        edition = _edition(row, given.pop("language", ""))
        act(edition.pk, self.me, **given) if given else act(edition.pk, self.me, "")
        return self._shown(row.pk)

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)


def _schedule(edition: int, by: User, publish_at: dt.datetime, why: str = "") -> Edition:
    return publishing.schedule(edition, by, publish_at, why)


def _restore(edition: int, by: User, number: int, why: str = "") -> Edition:
    return publishing.restore(edition, by, number)


def _edition(row: Article, language: str) -> Edition:
    found = [one for one in row.editions.all() if language in ("", one.language)]
    if len(found) != 1:
        spoken = ", ".join(one.language for one in row.editions.all())
        text = _("Say which language: %(spoken)s.") % {"spoken": spoken}
        raise Refused("language", "unknown" if language else "required", text)
    return found[0]


def _words(given: dict[str, Any]) -> publishing.Words:
    return publishing.Words(**{name: given.pop(name, "") for name in ("title", "body", "summary", "why")})


def _details(brand: Brand, given: dict[str, Any]) -> dict[str, Any]:
    """What `publishing.settle` takes, from what was named: rows of this brand, or a refusal."""
    found: dict[str, Any] = {name: given[name] for name in ("visible", "review_by") if name in given}
    if "category" in given:
        found["category"] = _named(Category.objects.for_brand(brand), "category", slug=given["category"])
    if "owner" in given:
        found["owner"] = _named(User.objects.filter(memberships__brand=brand), "owner", pk=given["owner"])
    return found


def _named(rows: QuerySet[Any], field: str, **wanted: Any) -> Any:
    if None in wanted.values():
        return None
    found = rows.filter(**wanted).first()
    if found is None:
        raise Refused(field, "unknown", _("There is no such %(field)s in this brand.") % {"field": field})
    return found


# --- shelves ---------------------------------------------------------------------------------------------------


class CategorySerializer(BrandNamed):
    texts = serializers.DictField(child=serializers.DictField(child=serializers.CharField()), read_only=True, help_text="By language: name and description.")  # fmt: skip

    class Meta:
        model = Category
        fields = ["id", "brand", "slug", "name", "description", "texts", "position", "created_at"]
        read_only_fields = fields


class ShelfTextInput(StrictSerializer):
    name = LineField(max_length=100)
    description = LineField(max_length=250, required=False, allow_blank=True)


class CategoryInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    name = LineField(max_length=100)
    description = LineField(max_length=250, required=False, allow_blank=True)
    slug = serializers.SlugField(max_length=80, required=False)
    texts = serializers.DictField(
        child=ShelfTextInput(), required=False, help_text="By language: name and description."
    )
    position = serializers.IntegerField(min_value=0, max_value=32_000, required=False)

    def validate_texts(self, value: dict[str, Any]) -> dict[str, Any]:
        if wrong := [code for code in value if not re.fullmatch(LANGUAGE, code)]:
            raise serializers.ValidationError(_("%(code)s is no code of a language.") % {"code": ascii(wrong[0])[:30]})
        return value


@documented
class CategoryView(SetUp):
    """Shelves of articles."""

    serializer_class = CategorySerializer
    filterset_class = BrandFilter
    needs = dict.fromkeys(("create", "partial_update", "destroy"), "article.publish")
    input_class, change_class = CategoryInput, changing(CategoryInput)

    def rows(self) -> QuerySet[Category]:
        return Category.objects.select_related("brand")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Category:
        return publishing.save_category(brand, self.me, row, **given)

    def removed(self, row: Any) -> None:
        publishing.remove_category(row, self.me)
