"""What customers ask: inquiries, and the topics they make."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk import events
from helpdesk.api.common import BRAND_HELP, BrandNamed, key
from helpdesk.api.filters import BrandFilter, Number, Time, Words, YesNo
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import LineField, StrictSerializer
from helpdesk.text.language import language_of
from helpdesk.workflow.verbs import Refused
from knowledge import topics as verbs
from knowledge.mining import drafts, learn
from knowledge.mining.questions import question_of
from knowledge.models import HelpCentre, Inquiry, Topic


class TopicSerializer(BrandNamed):
    article = serializers.PrimaryKeyRelatedField[Any](read_only=True, allow_null=True, help_text="What answers it, out or as a draft.")  # fmt: skip
    channels = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="Where it was asked in 30 days.")  # fmt: skip

    class Meta:
        model = Topic
        fields = [
            "id", "brand", "language", "title", "is_named", "state", "merged_into", "article", "covered_at", "size", "asked_30", "asked_before",
            "negative_30", "channels", "first_at", "last_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class TopicFilter(BrandFilter):
    language = filters.CharFilter(max_length=10)
    state = Words(choices=Topic.State.choices, help_text="Without it those that stand: new and kept.")
    covered = YesNo(field_name="covered_at", lookup_expr="isnull", exclude=True, help_text="Whether an article answers it.")  # fmt: skip
    article = Number(field_name="article_id")


class TitleInput(StrictSerializer):
    title = LineField(max_length=200)


class IntoInput(StrictSerializer):
    into = key(help_text="The topic that stays.")


class CoverInput(StrictSerializer):
    article = key(allow_null=True, help_text="null: nothing answers it.")


class DraftedShape(serializers.Serializer[Any]):
    article = serializers.IntegerField()
    edition = serializers.IntegerField()


class TopicView(ReadResource):
    """Topics, the most asked first. Their ids stay; the night never undoes what was decided here."""

    serializer_class = TopicSerializer
    filterset_class = TopicFilter
    needs = {
        **dict.fromkeys(("partial_update", "keep", "aside", "merge", "cover"), "topic.edit"),
        "draft": "article.write",
    }
    orderings = {"asked": "asked_30", "created": "created_at"}
    default_ordering = "-asked"

    def rows(self) -> QuerySet[Topic]:
        found = Topic.objects.select_related("brand").defer("vector")
        return found.current() if self.action == "list" and "state" not in self.request.query_params else found

    @extend_schema(request=TitleInput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """A name that stays."""
        return self._shown(verbs.name(self.get_object().pk, self.me, self.body(TitleInput)["title"]).pk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str) -> Response:
        """A topic indeed; customers see that it is asked now."""
        self.no_body()
        return self._shown(verbs.keep(self.get_object().pk, self.me).pk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def aside(self, request: Request, pk: str) -> Response:
        """Needs no article."""
        self.no_body()
        return self._shown(verbs.put_aside(self.get_object().pk, self.me).pk)

    @extend_schema(request=IntoInput)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """All of it into another topic; answers with the one that stays."""
        row = self.get_object()
        return self._shown(verbs.merge(row.pk, self.body(IntoInput)["into"], self.me).pk)

    @extend_schema(request=CoverInput)
    @action(detail=True, methods=["post"])
    def cover(self, request: Request, pk: str) -> Response:
        """The article that answers it."""
        row = self.get_object()
        return self._shown(verbs.cover(row.pk, self.me, self.body(CoverInput)["article"]).pk)

    @extend_schema(request=None, responses={201: DraftedShape})
    @action(detail=True, methods=["post"])
    def draft(self, request: Request, pk: str) -> Response:
        """A draft from the best answers that were given; the one there is, where there is one."""
        self.no_body()
        edition = drafts.of_topic(self.get_object(), self.me)
        return Response(DraftedShape({"article": edition.article_id, "edition": edition.pk}).data, status=201)

    def _shown(self, pk: int) -> Response:
        return Response(self.get_serializer(Topic.objects.select_related("brand").get(pk=pk)).data)


# --- inquiries -------------------------------------------------------------------------------------------------


class InquirySerializer(BrandNamed):
    class Meta:
        model = Inquiry
        fields = ["id", "brand", "language", "text", "origin", "platform", "sentiment", "ticket", "topic", "is_placed", "said_at", "created_at"]  # fmt: skip
        read_only_fields = fields


class InquiryFilter(BrandFilter):
    topic = filters.CharFilter(method="of_topic", max_length=20, help_text="A topic's id, or `none`.")
    language = filters.CharFilter(max_length=10)
    origin = Words(choices=Inquiry.Origin.choices)
    ticket = Number(field_name="ticket_id")
    said_after = Time(field_name="said_at", lookup_expr="gte", help_text="Then or later.")
    said_before = Time(field_name="said_at", lookup_expr="lt")

    def of_topic(self, rows: QuerySet[Inquiry], name: str, value: str) -> QuerySet[Inquiry]:
        if value == "none":
            return rows.filter(topic=None)
        return rows.filter(topic=int(value)) if value.isascii() and value.isdigit() and len(value) < 19 else rows.none()


class InquiryInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    text = serializers.CharField(
        max_length=20_000, help_text="In the customer's words; names and private data are taken out."
    )
    language = serializers.RegexField(
        r"^[a-z]{2,3}(-[a-z0-9]{2,8})?$", required=False, help_text="Guessed where left out."
    )
    platform = serializers.RegexField(r"^[a-z][a-z0-9_]{0,29}$", required=False, help_text="Where it was asked.")
    said_at = serializers.DateTimeField(required=False)


class PlaceInput(StrictSerializer):
    topic = key(allow_null=True, help_text="null: none.")


class InquiryView(ReadResource):
    """Questions without names, handles, links and private data."""

    serializer_class = InquirySerializer
    filterset_class = InquiryFilter
    needs = dict.fromkeys(("create", "place"), "topic.edit")
    orderings = {"created": "created_at", "said": "said_at"}
    default_ordering = "-said"

    def rows(self) -> QuerySet[Inquiry]:
        return Inquiry.objects.select_related("brand")

    @extend_schema(request=InquiryInput, responses={201: InquirySerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """A question that was asked elsewhere: a chat, a counter, another system."""
        given, now = self.body(InquiryInput), timezone.now()
        brand = self.brand_asked(given.get("brand"), "topic.edit")
        countries = [brand.country] if brand.country else []
        text = question_of(given["text"], "", learn.our_names(brand), countries)
        if not text:
            raise Refused("text", "nothing_asked", _("Nothing is asked in these words. Send the question itself."))
        if (said_at := given.get("said_at", now)) > now:
            raise Refused("said_at", "future", _("This time has not come yet."))
        language = given.get("language") or language_of(text) or HelpCentre.of(brand).language
        row = Inquiry(
            brand=brand, text=text, language=language, origin=Inquiry.Origin.API, platform=given.get("platform", ""), said_at=said_at
        )  # fmt: skip
        with transaction.atomic():
            learn.add(brand, row)
            events.record([events.happened("inquiry.added", brand, actor=self.me, inquiry=row.pk)])
        return Response(self.get_serializer(row).data, status=201)

    @extend_schema(request=PlaceInput)
    @action(detail=True, methods=["post"])
    def place(self, request: Request, pk: str) -> Response:
        """Where it belongs, for good."""
        row = self.get_object()
        made = verbs.place(row.pk, row.brand_id, self.me, self.body(PlaceInput)["topic"])
        return Response(self.get_serializer(self.rows().get(pk=made.pk)).data)
