"""What a message is about, as a value. How it is found is not our business: `mentions.triage` finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Intent(models.TextChoices):
    COMPLAINT = "complaint", _("Complaint")
    QUESTION = "question", _("Question")
    PRAISE = "praise", _("Praise")
    IDEA = "idea", _("Idea")
    OTHER = "other", _("Other")
    SPAM = "spam", _("Spam")


class Sentiment(models.TextChoices):
    NEGATIVE = "negative", _("Negative")
    NEUTRAL = "neutral", _("Neutral")
    POSITIVE = "positive", _("Positive")


class Urgency(models.TextChoices):
    LOW = "low", _("Low")
    NORMAL = "normal", _("Normal")
    HIGH = "high", _("High")
    CRITICAL = "critical", _("Critical")


# A ticket is about the weightiest thing its customer said.
INTENT_WEIGHT = {"complaint": 5, "question": 4, "idea": 3, "praise": 2, "other": 1, "spam": 0, "": -1}
URGENCY_WEIGHT = {"critical": 4, "high": 3, "normal": 2, "low": 1, "": 0}


PRIORITY_BY_URGENCY = {"low": 1, "normal": 2, "high": 3, "critical": 4}
WIDE_REACH = 20_000  # followers from which a complaint comes before others
HIGH = 3


@dataclass(frozen=True)
class Triage:
    """One reading of a text. `reasons`: [{"field", "code", **parameters}], worded at read."""

    language: str = ""
    intent: str = Intent.OTHER
    sentiment: str = Sentiment.NEUTRAL
    urgency: str = Urgency.NORMAL
    reach: int = 0
    reasons: tuple[dict[str, Any], ...] = field(default=())


def suggested_priority(found: Triage, *, upset_before: bool) -> tuple[int, list[dict[str, Any]]]:
    """(priority from 1 to 4, why it is higher than its urgency alone would make it). A person's own setting comes later."""
    base = PRIORITY_BY_URGENCY.get(found.urgency, 2)
    if found.intent in (Intent.PRAISE, Intent.SPAM) or base >= HIGH:
        return base, []
    if upset_before:
        return HIGH, [{"field": "priority", "code": "upset_before"}]
    if found.sentiment == Sentiment.NEGATIVE and found.reach >= WIDE_REACH:
        return HIGH, [{"field": "priority", "code": "reach", "word": f"{found.reach:,}"}]
    return base, []
