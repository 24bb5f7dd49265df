"""What a manager does to a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import DeliveryPart, User
from helpdesk.states import PartState
from helpdesk.workflow.verbs import Refused
from mentions import connecting, money
from mentions.models import Account, Source
from mentions.platforms import registry

UNCHANGED = object()


def _set_budget(account: Account, budget: Any, user: User) -> None:
    """A new monthly budget: what waited for money is looked at again."""
    if account.monthly_budget == budget:
        return
    if budget is not None and not registry.platform(account.platform).is_paid:
        raise Refused("monthly_budget", "free", _("This platform costs nothing; there is no budget to set."))
    account.monthly_budget = budget
    account.save(update_fields=["monthly_budget"])
    now = timezone.now()
    waiting = Source.objects.filter(account=account, problem__code="money")
    waiting.update(next_poll_at=now, throttled_until=None, problem={})
    parts = DeliveryPart.objects.filter(
        delivery__channel=account.channel_id, state=PartState.QUEUED, problem__code="money"
    )
    parts.update(send_after=now, problem={})
    money.settle(account)
    events.record([events.happened("account.budget", account.brand_id, actor=user, account=account.pk)])


def change(source_id: int, user: User, settings: Mapping[str, Any] | None = None, **values: Any) -> Source:
    """Rename, pause, slow down; `settings` reconnects the account first (tested by logging in). Raises Refused."""
    if settings is not None:
        source = Source.objects.select_related("account").get(pk=source_id)
        connecting.reconnect(source.account, user, settings)
    budget = values.pop("monthly_budget", UNCHANGED)
    with transaction.atomic():
        source = Source.objects.select_for_update(of=("self",)).select_related("account").get(pk=source_id)
        if budget is not UNCHANGED:
            _set_budget(source.account, budget, user)
        moved = [name for name, value in values.items() if getattr(source, name) != value]
        for name in moved:
            setattr(source, name, values[name])
        if "is_active" in moved and not source.is_active:
            source.problem = {"code": "paused"}
            source.silent = source.silent or source.problem
            moved += ["problem", "silent"]
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
