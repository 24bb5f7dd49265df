from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow, public_id
from helpdesk.models.ticket import Ticket, Verdict


class Survey(BrandRow):
    """One question to a customer after their ticket was resolved, answered through a link that works once.

    Silence is no satisfaction: an unanswered one ends as `silent`, without a verdict. What they wrote beside the score is a
    message of the ticket.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        SENT = "sent", _("Asked")
        ANSWERED = "answered", _("Answered")
        SILENT = "silent", _("No verdict")
        SKIPPED = "skipped", _("Not asked")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="surveys")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    skipped = models.CharField(max_length=20, blank=True, help_text=_("Why it was not asked, as a code."))
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    send_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    delivery = models.OneToOneField(
        "helpdesk.Delivery", models.SET_NULL, null=True, blank=True, related_name="survey", db_index=False
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    score = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("From 1, not at all, to 5, completely.")
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    comment = models.ForeignKey(
        "helpdesk.Message", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("survey")
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(state__in=["planned", "sent"]), name="survey_one_open"),
            models.CheckConstraint(condition=Q(score=None) | Q(score__gte=1, score__lte=5), name="survey_score_known"),
            models.CheckConstraint(condition=Q(score=None) ^ Q(state="answered"), name="survey_answered_has_score"),
            models.CheckConstraint(condition=~Q(state="sent") | Q(expires_at__isnull=False), name="survey_sent_ends"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["send_at"], condition=Q(state="planned"), name="survey_due"),
            models.Index(fields=["expires_at"], condition=Q(state="sent"), name="survey_ending"),
            models.Index(fields=["brand", "created_at", "id"], name="survey_created"),
            models.Index(fields=["brand", "sent_at"], condition=Q(sent_at__isnull=False), name="survey_asked"),
        ]
