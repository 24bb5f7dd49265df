from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OneTongue(DefaultContentNegotiation):
    """Where there is one renderer, that one, whatever is accepted: the API speaks JSON, and its errors are problems."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        known = list(renderers)
        if len(known) == 1:
            return known[0], known[0].media_type
        return super().select_renderer(request, known, format_suffix)
