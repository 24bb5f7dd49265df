"""Many tickets, one cause, as a resource."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api import serializers as shapes
from helpdesk.api.common import BRAND_HELP, BrandNamed, changing, key
from helpdesk.api.filters import BrandFilter, Words
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import LineField, OneOf, StrictSerializer
from helpdesk.models import Incident, Statement, Ticket
from helpdesk.reports import incident as reports
from helpdesk.workflow import incidents
from helpdesk.workflow.verbs import Refused

MOST_SUGGESTED = 200


class StatementSerializer(serializers.ModelSerializer[Statement]):
    written_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    approved_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    approval = serializers.PrimaryKeyRelatedField[Any](read_only=True, default=None)
    told = serializers.IntegerField(read_only=True, help_text="How many have been told.")
    passed = serializers.IntegerField(read_only=True, help_text="How many were passed over: settled, or refused there.")
    to_come = serializers.IntegerField(read_only=True)

    class Meta:
        model = Statement
        fields = [
            "id", "kind", "text", "resolves", "state", "per_minute", "written_by", "approval", "approved_by", "approved_at", "told",
            "passed", "to_come", "done_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


def counted(rows: QuerySet[Statement]) -> QuerySet[Any]:
    states = {"told": "told", "passed": "passed", "to_come": "queued"}
    counts = {name: Count("copies", filter=Q(copies__state=state)) for name, state in states.items()}
    return rows.annotate(**counts).select_related("written_by", "approved_by", "approval")


class IncidentSerializer(BrandNamed):
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    opened_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    resolved_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    tickets = serializers.IntegerField(read_only=True, help_text="How many it affects; see …/tickets/.")

    class Meta:
        model = Incident
        fields = [
            "id", "brand", "title", "state", "owner", "tickets", "opened_by", "opened_at", "resolved_by", "resolved_at", "cause",
            "lesson", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class IncidentFilter(BrandFilter):
    state = Words(choices=Incident.State.choices)


class TicketKeys(StrictSerializer):
    tickets = serializers.ListField(child=key(), min_length=1, max_length=5000)


class IncidentInput(TicketKeys):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    title = LineField(max_length=200)


class IncidentText(StrictSerializer):
    title = LineField(max_length=200)
    cause = serializers.CharField(max_length=300, allow_blank=True)
    lesson = serializers.CharField(max_length=300, allow_blank=True)


IncidentChange = changing(IncidentText)


class StatementInput(StrictSerializer):
    kind = OneOf(choices=Statement.Kind.choices)
    text = serializers.CharField(max_length=5000, allow_blank=True, required=False, help_text="{name} becomes theirs.")
    resolves = serializers.BooleanField(required=False, help_text="With kind closing: resolves their tickets.")


class AlikeShape(serializers.Serializer[Any]):
    ticket = serializers.IntegerField()
    closeness = serializers.FloatField()


class ChannelShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    tickets = serializers.IntegerField()


class SummaryShape(serializers.Serializer[Any]):
    tickets = serializers.IntegerField()
    customers = serializers.IntegerField()
    open = serializers.IntegerField()
    reach = serializers.IntegerField()
    channels = ChannelShape(many=True)
    first_at = serializers.DateTimeField(allow_null=True)
    told = serializers.IntegerField()
    passed = serializers.IntegerField()
    first_told_at = serializers.DateTimeField(allow_null=True)
    minutes_to_first_word = serializers.IntegerField(allow_null=True)
    satisfied = serializers.IntegerField()
    unhappy = serializers.IntegerField()
    conceded = serializers.DecimalField(max_digits=14, decimal_places=2)


class SupporterShape(serializers.Serializer[Any]):
    customer = shapes.SomebodySerializer()
    reach = serializers.IntegerField()
    ticket = serializers.IntegerField(help_text="Where they said it.")
    said_at = serializers.DateTimeField()


class LinkedShape(serializers.Serializer[Any]):
    linked = serializers.IntegerField(help_text="How many are new.")


class IncidentView(ReadResource):
    """One cause of many tickets. All who are affected are told at once, each where they wrote."""

    serializer_class = IncidentSerializer
    filterset_class = IncidentFilter
    needs = {
        **dict.fromkeys(("create", "partial_update", "link", "unlink"), "incident.edit"),
        "statements": "read", "say": "incident.say", "resolve": "incident.resolve",
    }  # fmt: skip
    default_ordering = "-created"

    def rows(self) -> QuerySet[Any]:
        counts = Count("affected", filter=Q(affected__left_at=None))
        return Incident.objects.annotate(tickets=counts).select_related("brand", "owner", "opened_by", "resolved_by")

    @extend_schema(request=IncidentInput, responses={201: IncidentSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        given = self.body(IncidentInput)
        keys = self._keys(given)
        brands = set(Ticket.objects.filter(pk__in=keys).values_list("brand__slug", flat=True))
        brand = self.brand_asked(given.get("brand") or (brands.pop() if len(brands) == 1 else None), "incident.edit")
        return self._shown(incidents.begin(brand, self.me, given["title"], keys).pk, 201)

    def _keys(self, given: dict[str, Any]) -> set[int]:
        """Tickets that the caller may see."""
        keys = set(given["tickets"])
        seen = set(Ticket.objects.visible_to(self.me).filter(pk__in=keys).values_list("pk", flat=True))
        if seen != keys:
            missing = ", ".join(map(str, sorted(keys - seen)[:5]))
            raise Refused("tickets", "unknown", _("There are no such tickets: %(missing)s.") % {"missing": missing})
        return keys

    @extend_schema(request=IncidentChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Its title; what it was, and what is done differently: at any time."""
        row = self.get_object()
        return self._shown(incidents.change(row.pk, self.me, **self.body(IncidentChange)).pk)

    @extend_schema(request=TicketKeys, responses=LinkedShape)
    @action(detail=True, methods=["post"])
    def link(self, request: Request, pk: str) -> Response:
        """Count tickets in. Who comes late is told what the others were told last."""
        row = self.get_object()
        count = incidents.link(row.pk, self.me, self._keys(self.body(TicketKeys)))
        return Response(LinkedShape({"linked": count}).data)

    @extend_schema(request=TicketKeys, responses=IncidentSerializer)
    @action(detail=True, methods=["post"])
    def unlink(self, request: Request, pk: str) -> Response:
        """These are about something else."""
        row = self.get_object()
        for ticket in sorted(self._keys(self.body(TicketKeys))):
            incidents.unlink(row.pk, self.me, ticket)
        return self._shown(row.pk)

    @extend_schema(responses=TicketKeys)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def tickets(self, request: Request, pk: str) -> Response:
        """Keys of those it affects."""
        rows = incidents.affected_by(self.get_object()).order_by("ticket_id")
        return Response({"tickets": list(rows.values_list("ticket_id", flat=True)[: incidents.MOST_TICKETS])})

    @extend_schema(responses=AlikeShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def suggestions(self, request: Request, pk: str) -> Response:
        """Tickets of the days around it that sound alike and are not counted in, the closest first."""
        found = incidents.suggested(self.get_object(), timezone.now())[:MOST_SUGGESTED]
        return Response(AlikeShape([one._asdict() for one in found], many=True).data)

    @extend_schema(responses=StatementSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def statements(self, request: Request, pk: str) -> Response:
        """What all were told, the latest first."""
        rows = counted(Statement.objects.filter(incident=self.get_object())).order_by("-id")[:100]
        return Response(StatementSerializer(rows, many=True).data)

    @extend_schema(request=StatementInput, responses={202: StatementSerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def say(self, request: Request, pk: str) -> Response:
        """Tell all who are affected, once somebody else has approved it (see approvals/)."""
        row, given = self.get_object(), self.body(StatementInput)
        found = incidents.say(
            row.pk, self.me, given["kind"], given.get("text", ""), resolves=given.get("resolves", False)
        )
        shown = counted(Statement.objects.filter(pk=found.pk)).get()
        return Response({**StatementSerializer(shown).data, "brand": row.brand.slug}, status=202)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """It is over, without another word; tickets stay as they are."""
        self.no_body()
        return self._shown(incidents.resolve(self.get_object().pk, self.me).pk)

    @extend_schema(responses=SummaryShape)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def summary(self, request: Request, pk: str) -> Response:
        """The incident in numbers."""
        found = reports.summary(self.get_object())
        channels = [{"name": name, "tickets": count} for name, count in found.by_channel]
        minutes = found.minutes_to_first_word
        return Response(SummaryShape({**found._asdict(), "channels": channels, "minutes_to_first_word": minutes}).data)

    @extend_schema(responses=SupporterShape(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def supporters(self, request: Request, pk: str) -> Response:
        """Customers who spoke well of the brand and are not affected: for a personal word."""
        found = reports.supporters(self.get_object(), timezone.now())
        return Response(SupporterShape([one._asdict() for one in found], many=True).data)

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)
