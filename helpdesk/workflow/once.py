"""The same request again has its effect once: what the API's Idempotency-Key and the desk's forms stand on."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from helpdesk.models import IdempotencyRecord


def claim(user_id: int, key: str, path: str, digest: str) -> tuple[IdempotencyRecord, bool]:
    """The user's record of that key, and whether it is new.

    Runs in the transaction of the effect: a second caller waits on the unique index until the first has committed.
    `digest` stands for the whole request; whether another one under the same key is an error is the caller's word.
    """
    try:
        with transaction.atomic():
            row = IdempotencyRecord.objects.create(user_id=user_id, key=key, path=path[:255], body_sha256=digest)
            return row, True
    except IntegrityError:
        return IdempotencyRecord.objects.get(user_id=user_id, key=key), False
