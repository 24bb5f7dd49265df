from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.brand import Channel
from helpdesk.models.customer import Customer, Profile


class ThreadKind(models.TextChoices):
    POST = "post", _("Public")
    DIRECT = "direct", _("Private")
    MAIL = "mail", _("Mail")
    REVIEW = "review", _("Review")
    CONTACT = "contact", _("Contact")


class Thread(BrandRow):
    """A place of talk. `opened_by` is the customer whose thread it is; null under our own or a third party's post."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="threads", db_index=False)
    kind = models.CharField(max_length=10, choices=ThreadKind.choices)
    external_key = models.CharField(max_length=512)
    namespace = models.CharField(max_length=255, blank=True, help_text=_("Where the external key is unique."))
    opened_by = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "kind", "external_key"], name="thread_once"),
            models.CheckConstraint(condition=models.Q(kind__in=ThreadKind.values), name="thread_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_key}"


class Participant(BrandRow):
    """Who takes part in a thread, and the ticket their words there go to now."""

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="participants", db_index=False)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="participations")
    ticket = models.ForeignKey("helpdesk.Ticket", models.CASCADE, related_name="participants")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "profile"], name="participant_once")]
