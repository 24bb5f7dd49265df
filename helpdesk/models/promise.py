"""What a brand promises, and when it works: service policies and the calendars that they count by."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.brand import valid_time_zone

YEAR = 366 * 24 * 60  # minutes


def minutes(label: Any, help_text: Any = "", **options: Any) -> Any:
    """A span of a policy: from a minute to a year."""
    return models.PositiveIntegerField(
        label, help_text=help_text, validators=[MinValueValidator(1), MaxValueValidator(YEAR)], **options
    )


def office_week() -> list[list[list[str]]]:
    return [[["09:00", "17:00"]] for _day in range(5)] + [[], []]


class Calendar(BrandRow):
    """When a desk is open: a week of periods in a zone, without holidays.

    `week`: seven lists of ["09:00", "17:00"], Monday first. `closed_days`: [{"day", "name", "origin"}], where origin is
    hand or ical; those of `country` are computed. Read as `helpdesk.hours.Hours` by `workflow.calendars.hours_of`.
    """

    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[valid_time_zone])
    week = models.JSONField(_("open hours"), default=office_week)
    country = models.CharField(_("holidays of"), max_length=2, blank=True, help_text=_("Two letters, such as SE."))
    subdivision = models.CharField(_("and of"), max_length=20, blank=True, help_text=_("A part of it, such as BY."))
    closed_days = models.JSONField(_("closed days"), default=list, blank=True)

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="calendar_name_once")]

    def __str__(self) -> str:
        return self.name


class Conditional(BrandRow):
    """A row that is for some tickets: of these channels, intents, priorities and tiers of customers; empty means all."""

    channels = models.JSONField(_("channels"), default=list, blank=True, help_text=_("Their keys."))
    intents = models.JSONField(_("intents"), default=list, blank=True)
    priorities = models.JSONField(_("priorities"), default=list, blank=True)
    tiers = models.JSONField(_("customer tiers"), default=list, blank=True)

    class Meta:
        abstract = True


class ServicePolicy(Conditional):
    """What some tickets are promised. The first by `position` that fits a ticket is its policy.

    A promise that is null is not made. Without a calendar time is counted around the clock. Where no policy fits, the
    brand's own hours hold.
    """

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    is_active = models.BooleanField(_("in use"), default=True)
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="policies", verbose_name=_("calendar")
    )
    first_response_minutes = minutes(_("first answer within"), null=True, blank=True)
    next_response_minutes = minutes(_("next answer within"), null=True, blank=True)
    resolution_minutes = minutes(
        _("resolved within"), _("Does not run while the customer has the word."), null=True, blank=True
    )
    risk_minutes = minutes(_("at risk"), _("So long before it is due."), default=60)
    follow_up_minutes = minutes(
        _("come back after"), _("So long after it was resolved somebody looks whether it was."), null=True, blank=True
    )
    follow_up_kind = models.CharField(_("by"), max_length=10, default="message")
    survey_minutes = minutes(_("ask how it went after"), _("So long after it was resolved."), null=True, blank=True)

    class Meta:
        verbose_name = _("service policy")
        verbose_name_plural = _("service policies")
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="service_policy_name_once"),
            models.CheckConstraint(
                condition=Q(first_response_minutes__isnull=False)
                | Q(next_response_minutes__isnull=False)
                | Q(resolution_minutes__isnull=False),
                name="service_policy_promises",
            ),
            models.CheckConstraint(
                condition=Q(first_response_minutes=None)
                | Q(resolution_minutes=None)
                | Q(first_response_minutes__lte=F("resolution_minutes")),
                name="service_policy_answers_first",
            ),
        ]
        indexes = [models.Index(fields=["brand", "position", "id"], name="service_policy_order")]

    def __str__(self) -> str:
        return self.name
