"""Calendars, promises, the ladder and its steps, as resources of the API."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api import serializers as shapes
from helpdesk.api.filters import BrandFilter, Number, YesNo
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import LineField, OneOf, StrictSerializer
from helpdesk.hours import DAY, written
from helpdesk.models import (
    FAR,
    Approval,
    Brand,
    Calendar,
    Deadline,
    Escalation,
    EscalationPolicy,
    FollowUp,
    Level,
    Priority,
    ServicePolicy,
    Shift,
    Team,
    Ticket,
    Trigger,
    User,
)
from helpdesk.workflow import calendars, deciding, escalation, following_up, guarding, people, policies, rehearsal
from helpdesk.workflow.duty import House
from helpdesk.workflow.guards import GUARDS, PRIVATE
from helpdesk.workflow.reasons import CHANGES, what_next, whom, wording
from helpdesk.workflow.verbs import Conflict, Refused

BIGGEST = 2**63 - 1
BRAND_HELP = "Its slug; may be left out by who has one brand."


def key(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=BIGGEST, **options)


class BrandNamed(serializers.ModelSerializer[Any]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)


def conditions(*names: str) -> list[str]:
    return [
        "id",
        "brand",
        "name",
        "position",
        "is_active",
        "channels",
        "intents",
        "priorities",
        "tiers",
        *names,
        "created_at",
    ]


class ConditionsInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    name = LineField(max_length=100)
    position = serializers.IntegerField(min_value=0, max_value=32_000, required=False)
    is_active = serializers.BooleanField(required=False)
    channels = serializers.ListField(child=key(), required=False, max_length=500)
    intents = serializers.ListField(child=serializers.CharField(max_length=20), required=False, max_length=20)
    priorities = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=4)
    tiers = serializers.ListField(child=LineField(max_length=30), required=False, max_length=50)


def changing(kind: type[StrictSerializer]) -> type[StrictSerializer]:
    """The same body with nothing required, and without the brand: rows do not move."""

    class Change(kind):  # type: ignore[valid-type,misc]
        def get_fields(self) -> dict[str, Any]:
            fields: dict[str, Any] = super().get_fields()
            fields.pop("brand", None)
            for field in fields.values():
                field.required, field.default = False, serializers.empty
            return fields

    Change.__name__ = Change.__qualname__ = kind.__name__.replace("Input", "Change")
    return Change


class SetUp(ReadResource):
    """Rows that managers set up: created, changed and removed through a service."""

    filterset_class = BrandFilter
    needs = {"create": "policy.edit", "partial_update": "policy.edit", "destroy": "policy.edit"}
    input_class: type[StrictSerializer]
    change_class: type[StrictSerializer]

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Any:
        raise NotImplementedError

    def removed(self, row: Any) -> None:
        raise NotImplementedError

    def create(self, request: Request) -> Response:
        given = self.body(self.input_class)
        brand = self.brand_asked(given.pop("brand", None), self.needs["create"])
        return self._shown(self.saved(brand, None, given), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self._shown(self.saved(row.brand, row, self.body(self.change_class)))

    def destroy(self, request: Request, pk: str) -> Response:
        self.removed(self.get_object())
        return Response(status=204)

    def _shown(self, row: Any, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=row.pk)).data, status=status)


def documented(view: type[SetUp]) -> type[SetUp]:
    """The schema of what the three verbs take."""
    shape: Any = view.serializer_class
    view.create = extend_schema(request=view.input_class, responses={201: shape})(view.create)  # type: ignore[method-assign]
    view.partial_update = extend_schema(request=view.change_class)(view.partial_update)  # type: ignore[method-assign]
    return view


# --- calendars -------------------------------------------------------------------------------------------------


class CalendarSerializer(BrandNamed):
    class Meta:
        model = Calendar
        fields = ["id", "brand", "name", "time_zone", "week", "country", "subdivision", "closed_days", "created_at"]
        read_only_fields = fields


class CalendarInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    name = LineField(max_length=100)
    time_zone = serializers.CharField(max_length=64)
    week = serializers.JSONField(help_text='Seven lists of ["09:00", "17:00"], Monday first.')
    country = serializers.CharField(max_length=2, required=False, allow_blank=True, help_text="Whose public holidays.")
    subdivision = serializers.CharField(max_length=20, required=False, allow_blank=True)
    closed_days = serializers.JSONField(
        required=False, help_text='[{"day": "2026-12-24", "name": "…"}], or days alone.'
    )
    ical = serializers.CharField(
        required=False, max_length=1_000_000, help_text="A calendar file's text: its days are added."
    )


@documented
class CalendarView(SetUp):
    serializer_class = CalendarSerializer
    input_class, change_class = CalendarInput, changing(CalendarInput)

    def rows(self) -> QuerySet[Calendar]:
        return Calendar.objects.select_related("brand")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Calendar:
        return calendars.save(brand, self.me, row, **given)

    def removed(self, row: Any) -> None:
        calendars.remove(row, self.me)


# --- promises --------------------------------------------------------------------------------------------------


class PolicySerializer(BrandNamed):
    class Meta:
        model = ServicePolicy
        fields = conditions(
            "calendar",
            "first_response_minutes",
            "next_response_minutes",
            "resolution_minutes",
            "risk_minutes",
            "follow_up_minutes",
            "follow_up_kind",
        )
        read_only_fields = fields


def promised(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=527_040, required=False, **options)


class PolicyInput(ConditionsInput):
    calendar = key(required=False, allow_null=True, help_text="Null: around the clock.")
    first_response_minutes = promised(allow_null=True)
    next_response_minutes = promised(allow_null=True)
    resolution_minutes = promised(allow_null=True, help_text="Stands still while the customer has the word.")
    risk_minutes = promised(help_text="So long before it is due it is at risk.")
    follow_up_minutes = promised(allow_null=True, help_text="So long after it was resolved somebody comes back.")
    follow_up_kind = OneOf(choices=FollowUp.Kind.choices, required=False)


@documented
class PolicyView(SetUp):
    """What tickets are promised: the first by position that fits a ticket is its policy."""

    serializer_class = PolicySerializer
    input_class, change_class = PolicyInput, changing(PolicyInput)
    orderings = {"position": "position"}

    def rows(self) -> QuerySet[ServicePolicy]:
        return ServicePolicy.objects.select_related("brand")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> ServicePolicy:
        return policies.save_service(brand, self.me, row, **_keys(given, "calendar"))

    def removed(self, row: Any) -> None:
        policies.remove_service(row, self.me)


def _keys(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Keys as the columns that hold them; whether they are of the brand is the service's to say."""
    return {f"{name}_id" if name in names else name: value for name, value in given.items()}


# --- the ladder ------------------------------------------------------------------------------------------------


class TeamSerializer(BrandNamed):
    members = serializers.PrimaryKeyRelatedField[User](many=True, read_only=True)

    class Meta:
        model = Team
        fields = ["id", "brand", "name", "members", "created_at"]
        read_only_fields = fields


class TeamInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    name = LineField(max_length=100)
    members = serializers.ListField(child=key(), required=False, max_length=1000, help_text="Ids of members.")


@documented
class TeamView(SetUp):
    serializer_class = TeamSerializer
    input_class, change_class = TeamInput, changing(TeamInput)
    needs = {"create": "team.edit", "partial_update": "team.edit", "destroy": "team.edit"}

    def rows(self) -> QuerySet[Team]:
        people = Prefetch("members", User.objects.order_by("pk"))
        return Team.objects.select_related("brand").prefetch_related(people)

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Team:
        return people.save_team(brand, self.me, row, **given)

    def removed(self, row: Any) -> None:
        people.remove_team(row, self.me)


class LevelSerializer(BrandNamed):
    class Meta:
        model = Level
        fields = [
            "id", "brand", "number", "name", "team", "calendar", "acknowledge_minutes", "reminders", "checks_replies", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class LevelInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    number = serializers.IntegerField(min_value=1, max_value=9, required=False, help_text="The next, if left out.")
    name = LineField(max_length=100)
    team = key(required=False, allow_null=True)
    calendar = key(required=False, allow_null=True, help_text="When they are reachable; null: around the clock.")
    acknowledge_minutes = promised()
    reminders = serializers.IntegerField(min_value=0, max_value=10, required=False)
    checks_replies = serializers.BooleanField(required=False)


class LevelChange(changing(LevelInput)):  # type: ignore[misc]
    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields.pop("number")
        return fields


@documented
class LevelView(SetUp):
    """The rungs, numbered 1, 2, 3 …; the topmost alone can be removed."""

    serializer_class = LevelSerializer
    input_class, change_class = LevelInput, LevelChange
    orderings = {"number": "number"}

    def rows(self) -> QuerySet[Level]:
        return Level.objects.select_related("brand")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Level:
        return policies.save_level(brand, self.me, row, **_keys(given, "team", "calendar"))

    def removed(self, row: Any) -> None:
        policies.remove_level(row, self.me)


class ClockField(serializers.Field[Any, Any, Any, Any]):
    """Minutes of a day, written 09:00."""

    def to_internal_value(self, data: Any) -> int:
        hour, _colon, minute = str(data).partition(":")
        if isinstance(data, str) and len(data) == 5 and (hour + minute).isascii() and (hour + minute).isdigit():
            found = int(hour) * 60 + int(minute)
            if int(minute) < 60 and found <= DAY:
                return found
        raise serializers.ValidationError(_("Write a time as 09:00; the end of the day is 24:00."), code="invalid")

    def to_representation(self, value: Any) -> str:
        return written(value)


@extend_schema_field(serializers.CharField)
class Clock(ClockField):
    pass


class ShiftSerializer(BrandNamed):
    start, end = Clock(read_only=True), Clock(read_only=True)

    class Meta:
        model = Shift
        fields = ["id", "brand", "level", "user", "weekdays", "start", "end", "since", "until", "created_at"]
        read_only_fields = fields


class ShiftInput(StrictSerializer):
    level = key()
    user = key(help_text="A member's id.")
    weekdays = serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=6), help_text="0 is Monday.")
    start, end = Clock(required=False), Clock(required=False)
    since = serializers.DateField(required=False, allow_null=True)
    until = serializers.DateField(required=False, allow_null=True)


class ShiftChange(changing(ShiftInput)):  # type: ignore[misc]
    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields.pop("level")
        return fields


@documented
class ShiftView(SetUp):
    """Who is on duty at a level, and when."""

    serializer_class = ShiftSerializer
    input_class, change_class = ShiftInput, ShiftChange

    def rows(self) -> QuerySet[Shift]:
        return Shift.objects.select_related("brand", "level__brand")

    def create(self, request: Request) -> Response:
        given = self.body(ShiftInput)
        level = Level.objects.visible_to(self.me).select_related("brand").filter(pk=given.pop("level")).first()
        if level is None:
            raise Refused("level", "unknown", _("There is no such level."))
        self.brand_asked(level.brand.slug, self.needs["create"])
        return self._shown(policies.save_shift(level, self.me, **_keys(given, "user")), 201)

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Shift:
        return policies.save_shift(row.level, self.me, row, **_keys(given, "user"))

    def removed(self, row: Any) -> None:
        policies.remove_shift(row, self.me)


class EscalationPolicySerializer(BrandNamed):
    class Meta:
        model = EscalationPolicy
        fields = conditions("trigger", "params", "raise_to", "set_priority", "team", "notify", "needs_approval")
        read_only_fields = fields


class EscalationPolicyInput(ConditionsInput):
    trigger = OneOf(choices=Trigger.choices)
    params = serializers.JSONField(required=False)
    raise_to = serializers.IntegerField(
        min_value=0, max_value=9, required=False, allow_null=True, help_text="A level; 0 for one up; null for none."
    )
    set_priority = OneOf(choices=Priority.choices, required=False, allow_null=True)
    team = key(required=False, allow_null=True)
    notify = serializers.ListField(child=OneOf(choices=EscalationPolicy.Notify.choices), required=False, max_length=3)
    needs_approval = serializers.BooleanField(required=False)


class WeekShape(serializers.Serializer[Any]):
    monday = serializers.DateField()
    firings = serializers.IntegerField()


class ExampleShape(serializers.Serializer[Any]):
    ticket = serializers.IntegerField()
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    reason = serializers.DictField()
    words = serializers.CharField()


class RehearsalShape(serializers.Serializer[Any]):
    tickets = serializers.IntegerField(help_text="That it would have touched.")
    of = serializers.IntegerField(help_text="That there were.")
    firings = serializers.IntegerField()
    is_all = serializers.BooleanField(help_text="False where there was more than was looked at.")
    weeks = WeekShape(many=True)
    examples = ExampleShape(many=True)


def rehearsed(found: rehearsal.Rehearsal) -> dict[str, Any]:
    return {
        "tickets": found.tickets,
        "of": found.of,
        "firings": found.firings,
        "is_all": found.is_all,
        "weeks": [{"monday": monday, "firings": count} for monday, count in found.weeks],
        "examples": [{**one._asdict(), "words": wording(one.reason)} for one in found.examples],
    }


@documented
class EscalationPolicyView(SetUp):
    """When (a trigger) → then (raise, set, give, tell)."""

    serializer_class = EscalationPolicySerializer
    input_class, change_class = EscalationPolicyInput, changing(EscalationPolicyInput)
    orderings = {"position": "position"}
    needs = {**SetUp.needs, "dry_run": "policy.edit"}

    def rows(self) -> QuerySet[EscalationPolicy]:
        return EscalationPolicy.objects.select_related("brand")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> EscalationPolicy:
        return policies.save_escalation(brand, self.me, row, **_keys(given, "team"))

    def removed(self, row: Any) -> None:
        policies.remove_escalation(row, self.me)

    @extend_schema(request=None, responses=RehearsalShape)
    @action(detail=True, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, pk: str) -> Response:
        """What it would have done in the last 90 days, whether it is in use or not. Writes nothing."""
        self.no_body()
        return Response(RehearsalShape(rehearsed(rehearsal.rehearse(self.get_object(), timezone.now()))).data)


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
    mine = YesNo(method="asked_of_me", help_text="Asked of you, or of a team of yours.")

    def asked_of_me(self, rows: QuerySet[Escalation], name: str, value: bool) -> QuerySet[Escalation]:
        user = self.request.user
        asked = Q(owner=user) | Q(owner=None, team__in=user.teams.all())
        return rows.filter(asked) if value else rows.exclude(asked)


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


class ApprovalSerializer(BrandNamed):
    asked_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    owner = shapes.SomebodySerializer(read_only=True, allow_null=True)
    team = shapes.SomebodySerializer(read_only=True, allow_null=True)
    decided_by = shapes.SomebodySerializer(read_only=True, allow_null=True)
    due_at = serializers.SerializerMethodField(help_text="Then it climbs; null where it has climbed as far as it can.")

    class Meta:
        model = Approval
        fields = [
            "id", "brand", "ticket", "delivery", "level", "reason", "asked_by", "owner", "team", "asked_at", "due_at", "decided_at",
            "decided_by", "outcome", "refused_note", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_due_at(self, row: Approval) -> Any:
        return None if row.due_at >= FAR else serializers.DateTimeField().to_representation(row.due_at)


class ApprovalFilter(BrandFilter):
    open = YesNo(field_name="decided_at", lookup_expr="isnull")
    ticket = Number(field_name="ticket_id")
    mine = YesNo(method="asked_of_me", help_text="Asked of you, or of a team of yours.")

    def asked_of_me(self, rows: QuerySet[Approval], name: str, value: bool) -> QuerySet[Approval]:
        user = self.request.user
        asked = Q(owner=user) | Q(owner=None, team__in=user.teams.all())
        return rows.filter(asked) if value else rows.exclude(asked)


class ApproveInput(StrictSerializer):
    text = serializers.CharField(max_length=20_000, required=False, help_text="Other words; left out: as it is.")


class RefuseInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class ApprovalView(ReadResource):
    """Replies that are held until somebody else has looked. Never who wrote it."""

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
        return self._shown(deciding.approve(row.pk, self.me, given.get("text")).pk)

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
