"""What managers set up, as resources: calendars, promises, teams, the ladder with its shifts and policies, areas."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api import serializers as shapes
from helpdesk.api.common import (
    BRAND_HELP,
    BrandNamed,
    ConditionsInput,
    SetUp,
    changing,
    conditions,
    documented,
    key,
)
from helpdesk.api.serializers import LineField, OneOf, StrictSerializer
from helpdesk.hours import DAY, written
from helpdesk.models import (
    Area,
    Brand,
    Calendar,
    EscalationPolicy,
    FollowUp,
    Level,
    Priority,
    ServicePolicy,
    Shift,
    Team,
    Trigger,
    User,
)
from helpdesk.workflow import (
    areas,
    calendars,
    people,
    policies,
    rehearsal,
)
from helpdesk.workflow.reasons import wording
from helpdesk.workflow.verbs import Refused

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
            "survey_minutes",
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
    survey_minutes = promised(allow_null=True, help_text="So long after it was resolved they are asked how it went.")
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
            "id", "brand", "number", "name", "team", "calendar", "acknowledge_minutes", "reminders", "checks_replies", "concession_limit", "created_at",
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
    concession_limit = serializers.DecimalField(
        max_digits=10,
        decimal_places=2,
        min_value=0,
        required=False,
        help_text="What they may grant a customer in 30 days without asking.",
    )


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


class AreaSerializer(BrandNamed):
    manager = shapes.SomebodySerializer(read_only=True, allow_null=True)

    class Meta:
        model = Area
        fields = ["id", "brand", "name", "manager", "created_at"]
        read_only_fields = fields


class AreaInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    name = LineField(max_length=100)
    manager = key(required=False, allow_null=True, help_text="A member's id: who answers for it.")


@documented
class AreaView(SetUp):
    """Parts of the company: recommendations go to who answers for them."""

    serializer_class = AreaSerializer
    input_class, change_class = AreaInput, changing(AreaInput)

    def rows(self) -> QuerySet[Area]:
        return Area.objects.select_related("brand", "manager")

    def saved(self, brand: Brand, row: Any, given: dict[str, Any]) -> Area:
        return areas.save(brand, self.me, row, **_keys(given, "manager"))

    def removed(self, row: Any) -> None:
        areas.remove(row, self.me)
