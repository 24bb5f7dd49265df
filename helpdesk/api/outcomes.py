"""What became of tickets, as resources: goodwill, verdicts, and what was learnt."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk import links
from helpdesk.api import serializers as shapes
from helpdesk.api.common import BrandNamed, key
from helpdesk.api.filters import BrandFilter, Number, Words, refused
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import OneOf, StrictSerializer
from helpdesk.models import Concession, Escalation, Lesson, Survey, Ticket, Verdict
from helpdesk.reports import outcomes as reports
from helpdesk.workflow import concessions, lessons, surveys
from helpdesk.workflow.verbs import Refused


class OfTickets(ReadResource):
    """Rows about tickets, made by naming one."""

    def ticket_asked(self, ticket_id: int, needs: str) -> Ticket:
        ticket = Ticket.objects.visible_to(self.me).select_related("brand").filter(pk=ticket_id).first()
        if ticket is None:
            raise Refused("ticket", "unknown", _("There is no such ticket."))
        self.brand_asked(ticket.brand.slug, needs)
        return ticket

    def shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)


# --- goodwill --------------------------------------------------------------------------------------------------


class ConcessionSerializer(BrandNamed):
    currency = serializers.CharField(source="brand.currency", read_only=True)
    why = serializers.CharField(source="why.text", read_only=True, default="", help_text="Why it was asked for.")
    answer = serializers.CharField(source="answer.text", read_only=True, default="", help_text="Why it was refused.")
    asked_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    decided_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    granted_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    approval = serializers.PrimaryKeyRelatedField[Any](read_only=True, default=None)

    class Meta:
        model = Concession
        fields = [
            "id", "brand", "ticket", "kind", "amount", "currency", "state", "why", "asked_by", "approval", "decided_by", "decided_at",
            "answer", "granted_by", "granted_at", "alike", "alike_cost", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class ConcessionFilter(BrandFilter):
    state = Words(choices=Concession.State.choices)
    kind = Words(choices=Concession.Kind.choices)
    ticket = Number(field_name="ticket_id")


class ConcessionInput(StrictSerializer):
    ticket = key()
    kind = OneOf(choices=Concession.Kind.choices)
    amount = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=Decimal("0.01"), help_text="What it costs us.")  # fmt: skip
    why = serializers.CharField(max_length=1000, help_text="Why it is granted or asked for: kept as a note.")
    grant = serializers.BooleanField(required=False, help_text="Where it is within your limit: granted at once.")


class ConcessionView(OfTickets):
    """Gestures of goodwill. Within your limit one is approved at once; above it somebody who may is asked."""

    serializer_class = ConcessionSerializer
    filterset_class = ConcessionFilter
    needs = dict.fromkeys(("create", "grant", "withdraw"), "concession.ask")
    default_ordering = "-created"

    def rows(self) -> QuerySet[Concession]:
        people = ("asked_by", "decided_by", "granted_by")
        return Concession.objects.select_related("brand", "why", "answer", "approval", *people)

    @extend_schema(request=ConcessionInput, responses={201: ConcessionSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        given = self.body(ConcessionInput)
        ticket = self.ticket_asked(given["ticket"], "concession.ask")
        row = concessions.ask(
            ticket.pk, self.me, given["kind"], given["amount"], given["why"], grant=given.get("grant", False)
        )
        return self.shown(row.pk, 201)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, pk: str) -> Response:
        """It was handed over: an approved concession is granted."""
        self.no_body()
        return self.shown(concessions.grant(self.get_object().pk, self.me).pk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """No longer wanted; by who asked, or a lead or higher."""
        self.no_body()
        return self.shown(concessions.withdraw(self.get_object().pk, self.me).pk)


class ScaleShape(serializers.Serializer[Any]):
    alike = serializers.IntegerField(help_text="Other customers with the same trouble.")
    open = serializers.IntegerField(help_text="Of them, those whose tickets are open.")
    granted = serializers.IntegerField(help_text="Of them, those who were granted something.")
    spent = serializers.DecimalField(max_digits=14, decimal_places=2)
    before = serializers.IntegerField(help_text="What this customer was granted within a year, in number.")
    refused = serializers.IntegerField()
    had = serializers.DecimalField(max_digits=14, decimal_places=2)
    tickets = serializers.ListField(child=serializers.IntegerField(), help_text="Some of those alike.")
    may_grant = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True, help_text="By yourself, to this customer now; null: any amount.")  # fmt: skip


class TicketScale:
    """Of the ticket view."""

    scales = {"scale": "concession.ask"}

    @extend_schema(responses=ScaleShape)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def scale(self: Any, request: Request, pk: str) -> Response:
        """Does a concession scale: who else has the same trouble, what they were granted, and what this customer had."""
        ticket, now = self.get_object(), timezone.now()
        found, limit = concessions.scale(ticket, now), concessions.limit_of(self.me, ticket.brand_id)
        left = None if limit is None else max(Decimal(0), limit - concessions.given_lately(ticket.customer_id, now))
        return Response(ScaleShape({**found._asdict(), "tickets": found.sample, "may_grant": left}).data)


# --- verdicts --------------------------------------------------------------------------------------------------


class SurveySerializer(BrandNamed):
    verdict = serializers.ChoiceField(choices=Verdict.choices, read_only=True, help_text="Empty: none.")
    asked_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    words = serializers.SerializerMethodField(help_text="Why they were not asked; empty where they were.")

    class Meta:
        model = Survey
        fields = [
            "id", "brand", "ticket", "state", "skipped", "words", "asked_by", "send_at", "sent_at", "expires_at", "delivery", "answered_at",
            "score", "verdict", "comment", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_words(self, row: Survey) -> str:
        return surveys.wording(row.skipped) if row.skipped else ""


class HandedOverSerializer(SurveySerializer):
    link = serializers.SerializerMethodField(help_text="For the customer alone; it works once, for 14 days.")

    class Meta(SurveySerializer.Meta):
        fields = [*SurveySerializer.Meta.fields, "link"]
        read_only_fields = fields

    def get_link(self, row: Survey) -> str:
        return links.absolute(surveys.path_of(row))


class SurveyFilter(BrandFilter):
    state = Words(choices=Survey.State.choices)
    verdict = Words(choices=[choice for choice in Verdict.choices if choice[0]])
    ticket = Number(field_name="ticket_id")


class SurveyInput(StrictSerializer):
    ticket = key(help_text="A resolved one.")


class VerdictsShape(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    asked = serializers.IntegerField()
    satisfied = serializers.IntegerField()
    mixed = serializers.IntegerField()
    unhappy = serializers.IntegerField()
    silent = serializers.IntegerField(help_text="Have not answered and no longer can: no verdict.")
    waiting = serializers.IntegerField(help_text="May still answer.")
    share_satisfied = serializers.IntegerField(allow_null=True, help_text="Of those who answered, in percent.")
    share_answered = serializers.IntegerField(allow_null=True)


class SurveyView(OfTickets):
    """Questions to customers. The link that answers one is the customer's alone and is not shown here."""

    serializer_class = SurveySerializer
    filterset_class = SurveyFilter
    needs = {"create": "survey.ask", "hand_over": "survey.ask"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Survey]:
        return Survey.objects.select_related("brand", "asked_by")

    @extend_schema(request=SurveyInput, responses={201: SurveySerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """Ask now. 409 in words where they must not be asked."""
        ticket = self.ticket_asked(self.body(SurveyInput)["ticket"], "survey.ask")
        return self.shown(surveys.ask(ticket.pk, self.me).pk, 201)

    @extend_schema(request=SurveyInput, responses=HandedOverSerializer)
    @action(detail=False, methods=["post"], url_path="hand-over", filterset_class=None)
    def hand_over(self, request: Request) -> Response:
        """The link to give to who cannot be written to privately; the same again gives the same. 409 where they can."""
        ticket = self.ticket_asked(self.body(SurveyInput)["ticket"], "survey.ask")
        row = surveys.hand_over(ticket.pk, self.me)
        return Response(HandedOverSerializer(self.rows().get(pk=row.pk)).data)

    @extend_schema(
        responses=VerdictsShape,
        parameters=[OpenApiParameter("days", int, description="How far back: 1 to 730, 90 if left out.")],
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None)
    def verdicts(self, request: Request) -> Response:
        """What those who were asked have said, in all of your brands or in `brand`."""
        slug = request.query_params.get("brand")
        brands = [self.brand_asked(slug, "read").pk] if slug else list(self.me.roles)
        since = timezone.now() - dt.timedelta(days=days_of(request))
        found = reports.verdicts(brands, since)
        shares = {"share_satisfied": found.share_satisfied, "share_answered": found.share_answered}
        return Response(VerdictsShape({**found._asdict(), **shares, "asked": found.asked, "since": since}).data)


def days_of(request: Request) -> int:
    raw = request.query_params.get("days", "90")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 3 and 1 <= int(raw) <= 730):
        raise refused("days", _("A whole number from 1 to 730."))
    return int(raw)


# --- what was learnt -------------------------------------------------------------------------------------------


class LessonSerializer(BrandNamed):
    cause = serializers.CharField(source="cause.name", read_only=True)
    area = shapes.SomebodySerializer(read_only=True)
    written_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    answered_by = shapes.SomebodySerializer(read_only=True, allow_null=True)

    class Meta:
        model = Lesson
        fields = [
            "id", "brand", "ticket", "escalation", "cause", "area", "recommendation", "written_by", "state", "answer", "answered_by",
            "answered_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class LessonFilter(BrandFilter):
    state = Words(choices=Lesson.State.choices)
    ticket = Number(field_name="ticket_id")
    area = Number(field_name="area_id")


class LessonInput(StrictSerializer):
    escalation = key(help_text="One from level 2 up that has ended.")
    cause = serializers.CharField(max_length=200)
    area = serializers.CharField(max_length=100, help_text="Its name; a new one is made.")
    recommendation = serializers.CharField(max_length=300)


class LessonAnswer(StrictSerializer):
    state = OneOf(choices=[choice for choice in Lesson.State.choices if choice[0] != "open"])
    answer = serializers.CharField(max_length=300, required=False, help_text="Needed to refuse.")


class RecurringShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    times = serializers.IntegerField()
    done = serializers.IntegerField(help_text="Of them, those whose recommendation was carried out.")
    last_at = serializers.DateTimeField()


class LessonView(ReadResource):
    """What escalations taught. Who answers for the area, and managers, answer the recommendation."""

    serializer_class = LessonSerializer
    filterset_class = LessonFilter
    needs = {"create": "lesson.write", "answer": "lesson.answer"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Lesson]:
        return Lesson.objects.select_related("brand", "cause", "area", "written_by", "answered_by")

    @extend_schema(request=LessonInput, responses={201: LessonSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        given = self.body(LessonInput)
        step = Escalation.objects.visible_to(self.me).select_related("brand").filter(pk=given.pop("escalation")).first()
        if step is None:
            raise Refused("escalation", "unknown", _("There is no such escalation."))
        self.brand_asked(step.brand.slug, "lesson.write")
        return self._shown(lessons.write(step.pk, self.me, **given).pk, 201)

    @extend_schema(request=LessonAnswer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        """Accept it, refuse it with a reason, or say that it is done."""
        row, given = self.get_object(), self.body(LessonAnswer)
        return self._shown(lessons.answer(row.pk, self.me, given["state"], given.get("answer", "")).pk)

    @extend_schema(
        responses=RecurringShape(many=True),
        parameters=[OpenApiParameter("days", int, description="How far back: 1 to 730, 90 if left out.")],
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None)
    def causes(self, request: Request) -> Response:
        """Causes by how often they came, in all of your brands."""
        since = timezone.now() - dt.timedelta(days=days_of(request))
        return Response(RecurringShape(lessons.recurring(list(self.me.roles), since), many=True).data)

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)
