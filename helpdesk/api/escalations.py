"""Steps up the ladder, what is held until somebody else has looked, and promises to come back, as resources."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api import serializers as shapes
from helpdesk.api.common import (
    BrandNamed,
    asked_of_me,
    key,
)
from helpdesk.api.filters import BrandFilter, Number, YesNo
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import OneOf, StrictSerializer
from helpdesk.models import (
    FAR,
    Approval,
    Deadline,
    Escalation,
    FollowUp,
    Ticket,
    User,
)
from helpdesk.workflow import deciding, escalation, following_up, guarding
from helpdesk.workflow.duty import House
from helpdesk.workflow.guards import GUARDS, PRIVATE
from helpdesk.workflow.reasons import CHANGES, what_next, whom, wording
from helpdesk.workflow.verbs import Conflict, Refused

# --- steps -----------------------------------------------------------------------------------------------------


class NextShape(serializers.Serializer[Any]):
    words = serializers.CharField()
    at = serializers.DateTimeField()


class EscalationSerializer(BrandNamed):
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    team = shapes.SomebodySerializer(read_only=True, allow_null=True)
    raised_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    acknowledged_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    words = serializers.SerializerMethodField(help_text="Why, as a sentence.")
    asked = serializers.SerializerMethodField(help_text="Why it was them who were asked.")
    next = serializers.SerializerMethodField(
        help_text="What the ladder does next, and when; null where it waits for people."
    )

    class Meta:
        model = Escalation
        fields = [
            "id", "brand", "ticket", "level", "before", "policy", "reason", "words", "asked", "owner", "team", "raised_by",
            "raised_at", "acknowledge_by", "reminded", "next", "acknowledged_at", "acknowledged_by", "ended_at", "outcome",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_words(self, row: Escalation) -> str:
        return wording(row.reason)

    def get_asked(self, row: Escalation) -> str:
        return whom(row.reason)

    @extend_schema_field(NextShape(allow_null=True))
    def get_next(self, row: Escalation) -> dict[str, Any] | None:
        if row.ended_at is not None or row.next_at >= FAR:
            return None
        words, at = what_next(row, self._house(row).ladder)
        return {"words": words, "at": serializers.DateTimeField().to_representation(at or row.next_at)}

    def _house(self, row: Escalation) -> House:
        """Each brand's once for a page."""
        context: Any = self.context
        houses: dict[int, House] = context.setdefault("houses", {})
        if row.brand_id not in houses:
            houses[row.brand_id] = House(row.brand)
        return houses[row.brand_id]


class EscalationFilter(BrandFilter):
    open = YesNo(field_name="ended_at", lookup_expr="isnull")
    acknowledged = YesNo(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    level = Number(max_value=9)
    ticket = Number(field_name="ticket_id")
    mine = YesNo(method="of_me", help_text="Asked of you, or of a team of yours.")

    def of_me(self, rows: QuerySet[Escalation], name: str, value: bool) -> QuerySet[Escalation]:
        return asked_of_me(rows, self.request.user, is_mine=value)


class EscalateInput(StrictSerializer):
    level = serializers.IntegerField(min_value=2, max_value=9, required=False, help_text="One up, if left out.")
    why = serializers.CharField(max_length=1000, required=False, allow_blank=True, help_text="For colleagues: a note.")


class LowerInput(StrictSerializer):
    level = serializers.IntegerField(min_value=1, max_value=8)


class EscalationView(ReadResource):
    """Steps up the ladder. One of a ticket is open at a time."""

    serializer_class = EscalationSerializer
    filterset_class = EscalationFilter
    needs = {"acknowledge": "escalation.acknowledge", "lower": "escalation.lower"}
    orderings = {"created": "created_at", "acknowledge_by": "acknowledge_by"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Escalation]:
        return Escalation.objects.select_related("brand", "owner", "team", "raised_by", "acknowledged_by")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """“I have it”: the step and the ticket are yours. 403 where others were asked, 409 where it is over."""
        self.no_body()
        row = self._open()
        return self._shown(escalation.acknowledge(row.ticket_id, self.me).pk)

    @extend_schema(request=LowerInput)
    @action(detail=True, methods=["post"])
    def lower(self, request: Request, pk: str) -> Response:
        """Hand it back to a lower level; answers with the step that ended."""
        row, given = self._open(), self.body(LowerInput)
        escalation.lower(row.ticket_id, self.me, given["level"])
        return self._shown(row.pk)

    def _open(self) -> Escalation:
        row: Escalation = self.get_object()
        if row.ended_at is not None:
            raise Conflict(_("This step is over: %(how)s.") % {"how": row.get_outcome_display()})
        return row

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)


class DeadlineSerializer(serializers.ModelSerializer[Deadline]):
    is_paused = serializers.SerializerMethodField(help_text="It stands still while the customer has the word.")
    changes = serializers.SerializerMethodField(help_text="Why it was computed anew.")

    class Meta:
        model = Deadline
        fields = [
            "id",
            "kind",
            "policy",
            "started_at",
            "risk_at",
            "due_at",
            "met_at",
            "dropped_at",
            "is_paused",
            "changes",
        ]
        read_only_fields = fields

    def get_is_paused(self, row: Deadline) -> bool:
        return row.paused_at is not None

    def get_changes(self, row: Deadline) -> list[dict[str, Any]]:
        return [{**change, "words": str(CHANGES.get(change["code"], change["code"]))} for change in row.changes]


ABOUT = ("reply", "concession", "statement")


class ApprovalSerializer(BrandNamed):
    asked_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    team = shapes.SomebodySerializer(read_only=True, allow_null=True)
    decided_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    about = serializers.SerializerMethodField(
        help_text="What waits: a reply, a concession, or a statement to all affected."
    )
    due_at = serializers.SerializerMethodField(help_text="Then it climbs; null where it has climbed as far as it can.")

    class Meta:
        model = Approval
        fields = [
            "id", "brand", "about", "ticket", "delivery", "concession", "statement", "level", "reason", "asked_by", "owner", "team", "asked_at", "due_at", "decided_at",
            "decided_by", "outcome", "refused_note", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=ABOUT))
    def get_about(self, row: Approval) -> str:
        return "concession" if row.concession_id else "statement" if row.statement_id else "reply"

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_due_at(self, row: Approval) -> Any:
        return None if row.due_at >= FAR else serializers.DateTimeField().to_representation(row.due_at)


class ApprovalFilter(BrandFilter):
    open = YesNo(field_name="decided_at", lookup_expr="isnull")
    ticket = Number(field_name="ticket_id")
    mine = YesNo(method="of_me", help_text="Asked of you, or of a team of yours.")

    def of_me(self, rows: QuerySet[Approval], name: str, value: bool) -> QuerySet[Approval]:
        return asked_of_me(rows, self.request.user, is_mine=value)


class ApproveInput(StrictSerializer):
    text = serializers.CharField(max_length=20_000, required=False, help_text="Other words; left out: as it is.")
    amount = serializers.DecimalField(
        max_digits=10, decimal_places=2, required=False, help_text="Of a concession; left out: as was asked for."
    )


class RefuseInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class ApprovalView(ReadResource):
    """What is held until somebody else has looked: never who asked."""

    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter
    needs = {"approve": "approval.decide", "refuse": "approval.decide"}
    orderings = {"created": "created_at", "due": "due_at"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Approval]:
        return Approval.objects.select_related("brand", "asked_by", "owner", "team", "decided_by")

    @extend_schema(request=ApproveInput)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Let it go. Other words are sent in the asker's name, approved by you."""
        row, given = self.get_object(), self.body(ApproveInput)
        if "amount" in given and row.concession_id is None:
            raise Refused("amount", "unknown", _("Only a concession has an amount."))
        if "text" in given and row.concession_id is not None:
            raise Refused("text", "unknown", _("A concession has no words; change its amount."))
        return self._shown(deciding.approve(row.pk, self.me, given.get("text"), given.get("amount")).pk)

    @extend_schema(request=RefuseInput)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        """It does not go; the reason is kept as a note."""
        row, given = self.get_object(), self.body(RefuseInput)
        return self._shown(deciding.refuse(row.pk, self.me, given["reason"]).pk)

    def _shown(self, pk: int) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data)


class FollowUpSerializer(BrandNamed):
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    planned_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    done_by = shapes.SomebodySerializer(read_only=True, allow_null=True)

    class Meta:
        model = FollowUp
        fields = [
            "id", "brand", "ticket", "kind", "reason", "owner", "planned_by", "due_at", "missed_at", "done_at", "done_by", "outcome",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class FollowUpFilter(BrandFilter):
    open = YesNo(field_name="done_at", lookup_expr="isnull")
    missed = YesNo(field_name="missed_at", lookup_expr="isnull", exclude=True)
    ticket = Number(field_name="ticket_id")
    mine = YesNo(method="of_me")

    def of_me(self, rows: QuerySet[FollowUp], name: str, value: bool) -> QuerySet[FollowUp]:
        return rows.filter(owner=self.request.user) if value else rows.exclude(owner=self.request.user)


class FollowUpInput(StrictSerializer):
    ticket = key()
    kind = OneOf(choices=FollowUp.Kind.choices)
    due_at = serializers.DateTimeField()
    owner = key(required=False, help_text="A member's id; you, if left out.")


class FinishInput(StrictSerializer):
    outcome = OneOf(choices=[choice for choice in FollowUp.Outcome.choices if choice[0]])
    again_at = serializers.DateTimeField(required=False, help_text="Plans the next try at once.")


class FollowUpView(ReadResource):
    """Promises to come back. A missed one opens its ticket again and is the ladder's to see."""

    serializer_class = FollowUpSerializer
    filterset_class = FollowUpFilter
    needs = {"create": "follow_up.edit", "finish": "follow_up.edit"}
    orderings = {"due": "due_at", "created": "created_at"}

    def rows(self) -> QuerySet[FollowUp]:
        return FollowUp.objects.select_related("brand", "owner", "planned_by", "done_by")

    @extend_schema(request=FollowUpInput, responses={201: FollowUpSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        given = self.body(FollowUpInput)
        ticket = Ticket.objects.visible_to(self.me).select_related("brand").filter(pk=given["ticket"]).first()
        if ticket is None:
            raise Refused("ticket", "unknown", _("There is no such ticket."))
        self.brand_asked(ticket.brand.slug, "follow_up.edit")
        owner = self._owner(ticket, given.get("owner"))
        row = following_up.plan(ticket.pk, self.me, given["kind"], given["due_at"], owner)
        return self._shown(row.pk, 201)

    @extend_schema(request=FinishInput)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: str) -> Response:
        """What came of it."""
        row, given = self.get_object(), self.body(FinishInput)
        return self._shown(following_up.finish(row.pk, self.me, given["outcome"], given.get("again_at")).pk)

    def _owner(self, ticket: Ticket, user_id: int | None) -> User | None:
        if user_id is None:
            return None
        owner = User.objects.filter(pk=user_id, memberships__brand=ticket.brand_id).first()
        if owner is None:
            raise Refused("owner", "unknown", _("Choose somebody who works for this brand."))
        return owner

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)


class CheckInput(StrictSerializer):
    text = serializers.CharField(max_length=20_000)
    visibility = OneOf(choices=["public", "private"])


class FindingShape(serializers.Serializer[Any]):
    guard = serializers.ChoiceField(choices=GUARDS)
    words = serializers.CharField()
    places = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    hidden = serializers.CharField(allow_null=True, help_text="The draft with what is private behind dots.")


class TicketLadder:
    """Of the ticket view."""

    ladders = {"escalate": "ticket.escalate", "check": "ticket.reply"}

    @extend_schema(request=CheckInput, responses=FindingShape(many=True))
    @action(detail=True, methods=["post"])
    def check(self: Any, request: Request, pk: str) -> Response:
        """What the guards say of a draft; nothing is sent or kept, and `…/replies/` sends it all the same."""
        ticket, given = self.get_object(), self.body(CheckInput)
        found = guarding.check(ticket, given["text"], given["visibility"], timezone.now())
        shape = [
            {
                "guard": one.guard,
                "words": guarding.wording(one, given["text"]),
                "places": [list(place) for place in one.places],
                "hidden": guarding.hidden(given["text"], one) if one.guard == PRIVATE else None,
            }
            for one in found
        ]
        return Response(FindingShape(shape, many=True).data)

    @extend_schema(request=None, responses=DeadlineSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def deadlines(self: Any, request: Request, pk: str) -> Response:
        """What was and is promised on this ticket, the oldest first."""
        rows = Deadline.objects.filter(ticket=self.get_object()).order_by("id")[:200]
        return Response(DeadlineSerializer(rows, many=True).data)

    @extend_schema(request=EscalateInput, responses={201: EscalationSerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def escalate(self: Any, request: Request, pk: str) -> Response:
        """Raise it by hand."""
        ticket, given = self.get_object(), self.body(EscalateInput)
        row = escalation.escalate(ticket.pk, self.me, to=given.get("level", 0), why=given.get("why", ""))
        context = self.get_serializer_context()
        return Response(EscalationSerializer(EscalationView().rows().get(pk=row.pk), context=context).data, status=201)
