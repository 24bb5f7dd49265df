"""What a manager does to a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from helpdesk import events
from helpdesk.models import User
from mentions import accounts
from mentions.models import Source


def change(source_id: int, user: User, settings: Mapping[str, Any] | None = None, **values: Any) -> Source:
    """Rename, pause, slow down; `settings` reconnects the account first (tested by logging in). Raises Refused."""
    if settings is not None:
        source = Source.objects.select_related("account").get(pk=source_id)
        accounts.reconnect(source.account, user, settings)
    with transaction.atomic():
        source = Source.objects.select_for_update(of=("self",)).select_related("account").get(pk=source_id)
        moved = [name for name, value in values.items() if getattr(source, name) != value]
        for name in moved:
            setattr(source, name, values[name])
        if {"is_active", "rhythm_seconds"} & set(moved):
            source.next_poll_at = timezone.now()
            moved.append("next_poll_at")
        if "budget_per_hour" in moved and source.problem.get("code") == "budget":
            source.next_poll_at, source.throttled_until, source.problem = timezone.now(), None, {}
            moved += ["next_poll_at", "throttled_until", "problem"]
        if moved:
            source.save(update_fields=sorted(set(moved)))
            events.record(
                [events.happened("source.changed", source.brand_id, actor=user, source=source.pk, fields=moved)]
            )
    return source
