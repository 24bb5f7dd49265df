"""Baselines: the least a view can do; those of DRF with the same authentication, permissions, parser and renderer."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from helpdesk.models import Ticket, public_id
from knowledge.models import Edition
from mentions.models import Push

SIZE = 25
COLUMNS = [
    "id", "number", "state", "close_reason", "verdict", "subject", "priority", "platform", "language", "intent", "sentiment", "urgency",
    "reach", "next_due_at", "last_inbound_at", "answered_at", "message_count", "inbound_count", "created_at", "resolved_at",
]  # fmt: skip
_numbers = itertools.count(1_500_000_000 + os.getpid())


class BareList(APIView):
    """One indexed SELECT of 25 rows as dicts; `pad` brings the answer to the size of the product's."""

    def get(self, request: Request) -> Response:
        brand = int(request.query_params["brand"])
        rows = Ticket.objects.filter(brand_id=brand).order_by("next_due_at", "id").values(*COLUMNS)[:SIZE]
        return Response({"pad": "x" * int(request.query_params.get("pad", 0)), "results": list(rows)})


class BareEcho(APIView):
    """The parsed body, given back."""

    def post(self, request: Request) -> Response:
        return Response(dict(request.data))


class BareInsert(APIView):
    """One INSERT of one ticket, from the parsed body."""

    def post(self, request: Request) -> Response:
        now = timezone.now()
        given: dict[str, Any] = dict(request.data)
        row = Ticket(
            brand_id=given["brand_id"],
            number=next(_numbers),
            public_id=public_id(),
            customer_id=given["customer_id"],
            channel_id=given["channel_id"],
            subject=given["subject"],
            platform="manual",
            created_at=now,
            last_inbound_at=now,
        )
        row.save(force_insert=True)
        return Response({name: getattr(row, name) for name in COLUMNS}, status=201)


def bare_page(request: HttpRequest, brand: int) -> HttpResponse:
    """A page for everybody: one indexed SELECT of 25 rows, a line each; `pad` brings it to the size of the product's."""
    rows = Edition.objects.filter(brand_id=brand, language="en").live().order_by("-changed_at", "-id")
    lines = "".join(f"<li>{title}" for title in rows.values_list("title", flat=True)[:SIZE])
    return HttpResponse(f"<ul>{lines}</ul>{'x' * int(request.GET.get('pad', 0))}")


@csrf_exempt
def bare_push(request: HttpRequest, brand: int, account: int) -> HttpResponse:
    """One INSERT of one pushed body, believed as it is."""
    now = timezone.now()
    name, body = f"bare-{next(_numbers)}", json.loads(request.body)
    Push(brand_id=brand, account_id=account, name=name, body=body, received_at=now, due_at=now, done_at=now).save(
        force_insert=True
    )
    return HttpResponse()
