"""What every resource of the API shares: scoped rows, checked filters and bodies, and the table of permissions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import mixins, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from helpdesk.api import serializers as shapes
from helpdesk.api.filters import refused
from helpdesk.api.permissions import demand, needed
from helpdesk.models import Brand, IdempotencyRecord, User
from helpdesk.permissions import role_of
from helpdesk.workflow.verbs import Refused

KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key again gets the first answer."
)
NOT_FILTERS = {"cursor", "limit", "ordering"}


class Resource(viewsets.GenericViewSet[Any]):
    """What every resource shares: scoped rows, checked filters, and the table of permissions."""

    needs: dict[str, str] = {}
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.rows().none()
        rows: Any = self.rows()
        return rows.visible_to(self.me)  # type: ignore[no-any-return]

    @property
    def me(self) -> User:
        """The caller; permissions have seen to it that there is one."""
        assert isinstance(self.request.user, User)
        return self.request.user

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def merge_brands(self) -> list[int]:
        """Brands whose rows a list merges; empty where one brand is asked for."""
        roles = self.me.roles
        return [] if "brand" in self.request.query_params else list(roles)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.action == "list":
            kind = getattr(self, "filterset_class", None)
            known = set(kind.base_filters) if kind else set()
            given = self.request.query_params
            if twice := [name for name in given if len(given.getlist(name)) > 1]:
                raise refused(twice[0], _("Give this once; several values are separated by commas."))
            unknown = sorted(set(given) - known - NOT_FILTERS)
            if unknown:
                raise ValidationError(
                    {
                        name: f"There is no such filter. There are: {', '.join(sorted(known)) or 'none'}."
                        for name in unknown
                    }
                )
        return super().filter_queryset(queryset)

    def body(self, kind: type[shapes.StrictSerializer]) -> dict[str, Any]:
        """The request's body, checked."""
        form = kind(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def no_body(self) -> None:
        """For a verb that takes none: what is given all the same is named."""
        self.body(shapes.StrictSerializer)

    def still_allowed(self, request: Request, record: IdempotencyRecord) -> None:
        """Before a kept answer is given again: 404 or 403 for who may no longer see or do this."""
        if record.brand_id is None or role_of(self.me, record.brand_id) is None:
            raise Http404
        demand(request, needed(self), record.brand_id)

    def brand_of_answer(self, body: Any) -> int | None:
        """The brand a written answer belongs to, by its slug."""
        slug = body.get("brand") if isinstance(body, dict) else None
        return Brand.objects.visible_to(self.me).filter(slug=slug).values_list("pk", flat=True).first()

    def brand_asked(self, slug: str | None, needs: str) -> Brand:
        """The brand a body names; the only one where it names none."""
        mine = Brand.objects.visible_to(self.me)
        if slug and not slug.isprintable():
            raise Refused("brand", "unknown", _("There is no brand of that name for you."))
        found = list(mine.filter(slug=slug)[:1] if slug else mine[:2])
        if len(found) != 1:
            if slug:
                raise Refused("brand", "unknown", _("There is no brand of that name for you."))
            text = _("Say which brand.") if found else _("You work for no brand yet. An owner can add you to one.")
            raise Refused("brand", "required", text)
        demand(self.request, needs, found[0].pk)
        return found[0]


class ReadResource(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    pass
