from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.ticket import Ticket


class Concession(BrandRow):
    """A gesture of goodwill: asked for with a reason, approved above a limit, granted or refused with a reason.

    `amount` is what it costs us, in the brand's currency. The words of why stand in notes of the ticket. `alike` and
    `alike_cost` are what granting it to all who have the same trouble would have come to when it was asked for.
    """

    class Kind(models.TextChoices):
        REFUND = "refund", _("Refund")
        VOUCHER = "voucher", _("Voucher")
        DISCOUNT = "discount", _("Discount")
        REPLACEMENT = "replacement", _("Replacement")
        SERVICE = "service", _("Free service")

    class State(models.TextChoices):
        ASKED = "asked", _("Waits for approval")
        APPROVED = "approved", _("Approved, to be granted")
        GRANTED = "granted", _("Granted")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="concessions")
    kind = models.CharField(_("what"), max_length=12, choices=Kind.choices)
    amount = models.DecimalField(_("worth"), max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    state = models.CharField(max_length=10, choices=State.choices)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    why = models.ForeignKey(
        "helpdesk.Message", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.ForeignKey(
        "helpdesk.Message", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    granted_at = models.DateTimeField(null=True, blank=True)
    alike = models.PositiveIntegerField(default=0, help_text=_("Open and recent tickets with the same trouble."))
    alike_cost = models.DecimalField(max_digits=14, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("concession")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["asked", "approved", "granted", "refused", "withdrawn"]), name="concession_state_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="concession_costs_us"),
            models.CheckConstraint(condition=Q(granted_at=None) ^ Q(state="granted"), name="concession_granted_has_time"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["brand", "created_at", "id"], name="concession_created"),
            models.Index(fields=["brand", "state", "id"], condition=Q(state__in=["asked", "approved"]), name="concession_open"),
        ]  # fmt: skip
