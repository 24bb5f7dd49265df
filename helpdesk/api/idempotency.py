"""`Idempotency-Key`: the same request again gets the first answer, and has its effect once."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api.problems import Unprocessable
from helpdesk.models import IdempotencyRecord
from helpdesk.workflow import once


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """For a view method that writes. The record and the effect commit together: a second caller with the same
    key waits on the unique index, then reads the answer. A failed request leaves no record and may be repeated."""

    @functools.wraps(method)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > 255 or not key.isprintable():
            raise ValidationError({"Idempotency-Key": "At most 255 printable characters."})
        with transaction.atomic():
            record, answer = _claimed(request, key)
            if answer is not None:
                view.still_allowed(request, record)
            else:
                answer = method(view, request, *args, **kwargs)
                record.status = answer.status_code
                record.body = json.loads(JSONRenderer().render(answer.data))
                record.brand_id = view.brand_of_answer(record.body)
                record.save(update_fields=["status", "body", "brand"])
        return answer

    return wrapper


def _claimed(request: Request, key: str) -> tuple[IdempotencyRecord, Response | None]:
    body = json.dumps(request.data, sort_keys=True, default=str)
    digest = hashlib.sha256(f"{request.method} {request.path}\n{body}".encode("utf-8", "replace")).hexdigest()
    user_id: Any = request.user.pk
    row, is_new = once.claim(user_id, key, request.path, digest)
    if is_new:
        return row, None
    if row.body_sha256 != digest:
        raise Unprocessable("This Idempotency-Key was used for another request. Use a new key for a new request.")
    return row, Response(row.body, status=row.status, headers={"Idempotent-Replay": "true"})
