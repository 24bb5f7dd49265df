"""This app's part of `manage.py doctor`: sources, deliveries, quarantine."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from helpdesk.models import DeliveryPart
from helpdesk.ports import Finding
from helpdesk.seal import Unreadable
from helpdesk.states import PartState
from mentions.health import health
from mentions.models import Quarantine, Source

NEXT_STEPS = {
    "reconnect": "Desk → Sources → open it → enter the new password.",
    "broken": "Check the address and the platform's status; `manage.py poll --source ID` tries now.",
    "late": "See that a worker runs: `manage.py up`, or your process manager.",
    "throttled": "Nothing: listening goes on by itself. A slower rhythm avoids it.",
}


def examine() -> list[Finding]:
    return [*_sources(), *_deliveries(), *_quarantine()]


def _sources() -> list[Finding]:
    now = timezone.now()
    rows = Source.objects.select_related("account__channel", "brand").order_by("brand_id", "id")
    found = []
    for source in rows:
        state = health(source, now)
        words = f"{state.words}. {state.why}".strip(" .") + "."
        found.append(
            Finding(
                f"source {source.pk} “{source.name}” of {source.brand.slug}",
                state.is_well,
                words,
                NEXT_STEPS.get(state.code, ""),
            )
        )
    return found + _secrets(list(rows))


def _secrets(sources: list[Source]) -> list[Finding]:
    try:
        for source in sources:
            source.account.secrets  # noqa: B018 - opens the seal
    except Unreadable as error:
        return [
            Finding("credentials", False, str(error), "Restore the old key in HELPDESK_SEAL_KEYS, after the new one.")
        ]
    return []


def _deliveries() -> list[Finding]:
    old = timezone.now() - dt.timedelta(minutes=5)
    late = DeliveryPart.objects.filter(state=PartState.QUEUED, send_after__lt=old)[:1000].count()
    unknown = DeliveryPart.objects.filter(state=PartState.UNKNOWN)[:1000].count()
    return [
        Finding(
            "replies waiting to be sent",
            late == 0,
            f"{late} due for more than 5 minutes",
            "" if late == 0 else "See that a worker runs; `manage.py deliver` sends them now.",
        ),
        Finding(
            "replies nobody knows of",
            unknown == 0,
            f"{unknown} to decide",
            "" if unknown == 0 else "Desk → Notices: look on the platform, then decide.",
        ),
    ]


def _quarantine() -> list[Finding]:
    count = Quarantine.objects.filter(settled_at=None)[:1000].count()
    return [
        Finding(
            "quarantine",
            count == 0,
            f"{count} items",
            "" if count == 0 else "Desk → Quarantine: read the reason, then retry or drop.",
        )
    ]
