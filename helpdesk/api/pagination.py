"""Keyset pages for DRF: {"next", "previous", "results"}, no count."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from helpdesk.keyset import BadCursor, Order, Slice, page

SIZE, MOST = 25, 100


class KeysetPagination(BasePagination):
    """Views declare `orderings`: public name -> column; `default_ordering`, else the first, where none is asked for."""

    orderings = {"created": "created_at"}
    page: Slice[Any]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        order = _order(request, getattr(view, "orderings", self.orderings), _default(view))
        try:
            self.page = page(
                queryset, order, _size(request), request.query_params.get("cursor", ""), view.merge_brands()
            )
        except BadCursor as error:
            raise ValidationError(
                {"cursor": "Not a cursor of this list and ordering. Take `next` or `previous` as they are."}
            ) from error
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"next": self._link(self.page.next), "previous": self._link(self.page.previous), "results": data}
        )

    def _link(self, cursor: str) -> str | None:
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor) if cursor else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = list(getattr(view, "orderings", self.orderings))
        orders = [*names, *(f"-{name}" for name in names)]
        return [
            {
                "name": "cursor",
                "in": "query",
                "schema": {"type": "string"},
                "description": "From `next` or `previous`.",
            },
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": SIZE},
            },
            {
                "name": "ordering",
                "in": "query",
                "schema": {"type": "string", "enum": orders, "default": _default(view)},
            },
        ]


def _default(view: Any) -> str:
    orderings = getattr(view, "orderings", KeysetPagination.orderings)
    return str(getattr(view, "default_ordering", next(iter(orderings))))


def _order(request: Request, orderings: dict[str, str], default: str) -> Order:
    raw = request.query_params.get("ordering") or default
    name = raw.removeprefix("-")
    if name not in orderings:
        raise ValidationError(
            {"ordering": f"Choose one of: {', '.join(orderings)}, with - in front for the other way round."}
        )
    return Order(orderings[name], descending=raw.startswith("-"))


def _size(request: Request) -> int:
    raw = request.query_params.get("limit", str(SIZE))
    if not raw.isascii() or not raw.isdigit() or len(raw) > len(str(MOST)) or not 1 <= int(raw) <= MOST:
        raise ValidationError({"limit": f"A whole number from 1 to {MOST}."})
    return int(raw)
