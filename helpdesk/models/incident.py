"""Many tickets, one cause: the incident, whom it affects, and what all of them are told."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.ticket import Ticket


class Incident(BrandRow):
    """One cause of many tickets."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        RESOLVED = "resolved", _("Over")

    title = models.CharField(_("what is wrong"), max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    opened_at = models.DateTimeField()
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(_("what it was"), max_length=300, blank=True)
    lesson = models.CharField(_("what we do differently"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("incident")
        constraints = [
            models.CheckConstraint(condition=Q(resolved_at=None) ^ Q(state="resolved"), name="incident_over_has_time"),
        ]
        indexes = [
            models.Index(fields=["brand", "created_at", "id"], name="incident_created"),
            models.Index(fields=["brand", "id"], condition=Q(state="open"), name="incident_open"),
        ]

    def __str__(self) -> str:
        return self.title


class Affected(BrandRow):
    """A ticket of an incident. `left_at`: it turned out to be about something else."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="affected", db_index=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="affected")
    linked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "ticket"], name="affected_once")]


class Statement(BrandRow):
    """What all who are affected are told, each in their own channel and by name; approved once.

    `text` may hold {name}. With `resolves` their tickets are resolved with it; then it may be empty.
    """

    class Kind(models.TextChoices):
        HOLDING = "holding", _("We know of it")
        UPDATE = "update", _("How it stands")
        CLOSING = "closing", _("It is over")

    class State(models.TextChoices):
        ASKED = "asked", _("Waits for approval")
        GOING = "going", _("On its way")
        DONE = "done", _("Told")
        REFUSED = "refused", _("Refused")

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="statements")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.TextField(blank=True)
    resolves = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    per_minute = models.PositiveSmallIntegerField(default=30, help_text=_("To each channel."))
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text="") | Q(resolves=True), name="statement_says_or_ends"),
        ]
        indexes = [models.Index(fields=["state"], condition=Q(state="going"), name="statement_going")]


class StatementCopy(BrandRow):
    """A statement's copy for one ticket: told once, or passed over with the reason."""

    class State(models.TextChoices):
        QUEUED = "queued", _("To come")
        TOLD = "told", _("Told")
        PASSED = "passed", _("Passed over")

    statement = models.ForeignKey(Statement, models.CASCADE, related_name="copies", db_index=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField()
    delivery = models.OneToOneField(
        "helpdesk.Delivery", models.SET_NULL, null=True, blank=True, related_name="statement_copy", db_index=False
    )
    problem = models.JSONField(default=dict, blank=True, help_text=_("Why it was passed over: a code and its words."))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["statement", "ticket"], name="statement_copy_once")]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="queued"), name="statement_copy_due")]
