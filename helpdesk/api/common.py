"""What resources share: a row with its brand, bodies that need nothing, and rows that managers set up."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api.filters import BrandFilter
from helpdesk.api.resource import ReadResource
from helpdesk.api.serializers import LineField, StrictSerializer
from helpdesk.models import (
    Brand,
    User,
)

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


def asked_of_me(rows: QuerySet[Any], user: User, *, is_mine: bool) -> QuerySet[Any]:
    """Rows whose `owner` is the user, or that ask a team of theirs; or all others."""
    asked = Q(owner=user) | Q(owner=None, team__in=user.teams.all())
    return rows.filter(asked) if is_mine else rows.exclude(asked)
