from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow


class Alert(BrandRow):
    """What somebody must hear outside the desk, by email or in the brand's chat. A row to be sent; worded when it is.

    `code` and `params` hold no customer's words: they leave the house.
    """

    class By(models.TextChoices):
        EMAIL = "email", _("Email")
        HOOK = "hook", _("Chat")

    by = models.CharField(max_length=5, choices=By.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+")
    code = models.CharField(max_length=50)
    params = models.JSONField(default=dict)
    link = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(by="hook") ^ Q(user__isnull=False), name="alert_email_has_reader"),
            models.CheckConstraint(condition=Q(sent_at=None) | Q(failed_at=None), name="alert_one_end"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(sent_at=None, failed_at=None), name="alert_due")]
