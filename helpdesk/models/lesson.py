"""What went wrong, where, and what should be done about it: learning from tickets that had to be raised."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.escalation import Escalation
from helpdesk.models.ticket import Ticket


class Area(BrandRow):
    """A part of the company, and who answers for it."""

    name = models.CharField(_("name"), max_length=100)
    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who answers for it")
    )  # fmt: skip

    class Meta:
        verbose_name = _("area")
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="area_name_once")]

    def __str__(self) -> str:
        return self.name


class Cause(BrandRow):
    """Why things go wrong, by a name that recurs."""

    name = models.CharField(_("name"), max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="cause_name_once")]

    def __str__(self) -> str:
        return self.name


class Lesson(BrandRow):
    """What an escalation taught: its cause, the area it lies in, and a recommendation that the area's manager answers."""

    class State(models.TextChoices):
        OPEN = "open", _("Waits for an answer")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        DONE = "done", _("Done")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="lessons")
    escalation = models.OneToOneField(Escalation, models.CASCADE, related_name="lesson")
    cause = models.ForeignKey(Cause, models.PROTECT, related_name="lessons")
    area = models.ForeignKey(Area, models.PROTECT, related_name="lessons")
    recommendation = models.CharField(_("recommendation"), max_length=300)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    answer = models.CharField(max_length=300, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("lesson")
        constraints = [
            models.CheckConstraint(condition=Q(answered_at=None) ^ ~Q(state="open"), name="lesson_answered_has_time"),
        ]
        indexes = [models.Index(fields=["brand", "created_at", "id"], name="lesson_created")]
