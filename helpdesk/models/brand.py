from __future__ import annotations

import zoneinfo
from decimal import Decimal
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandQuerySet, BrandRow
from helpdesk.permissions import Role


def valid_time_zone(value: str) -> None:
    if ("/" not in value and value != "UTC") or value not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(zone)s is no time zone. Use a name such as Europe/Stockholm."), params={"zone": value}
        )


def valid_country(value: str) -> None:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError(
            _("%(country)s is no country with phone numbers. Use two capital letters, such as SE."),
            params={"country": value},
        )


class BrandsQuerySet(BrandQuerySet["Brand"]):
    def brand_path(self) -> str:
        return "id"


def hours(default: int, label: Any, help_text: Any) -> Any:
    """A policy field: whole or broken hours, from a minute to a year."""
    return models.DecimalField(
        label,
        max_digits=7,
        decimal_places=2,
        default=default,
        help_text=help_text,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(8784)],
    )


class Brand(models.Model):
    """Whose customers we serve: the boundary nothing crosses."""

    slug = models.SlugField(_("short name"), max_length=50, unique=True, help_text=_("In addresses and in the API."))
    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[valid_time_zone])
    locale = models.CharField(
        _("language"),
        max_length=10,
        default="en",
        validators=[RegexValidator(r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$", _("A language such as en or pt-BR."))],
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        help_text=_("Two letters, such as SE: whose phone numbers are written without a plus sign."),
        validators=[valid_country],
    )
    first_response_hours = hours(4, _("first answer within"), _("Hours from the first message to our first answer."))
    next_response_hours = hours(8, _("next answer within"), _("Hours from each later message to our answer."))
    reopen_hours = hours(24, _("conversation window"), _("Hours in which a new message reopens or joins a ticket."))
    keep_payload_days = models.PositiveSmallIntegerField(_("keep raw payloads"), default=30, help_text=_("Days."))
    keep_event_days = models.PositiveSmallIntegerField(_("keep events"), default=400, help_text=_("Days."))
    quiet_guards = models.JSONField(
        default=list, blank=True, editable=False, help_text=_("Guards that are turned off.")
    )
    held_guards = models.JSONField(
        default=list, blank=True, editable=False, help_text=_("Guards whose finds wait for a second pair of eyes.")
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="EUR",
        help_text=_("Three letters, such as SEK."),
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, such as EUR."))],
    )
    survey_minutes = models.PositiveIntegerField(
        _("ask how it went after"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(527_040)],
        help_text=_("Minutes after a ticket was resolved; empty: nobody is asked by itself."),
    )
    survey_text = models.CharField(
        _("in these words"),
        max_length=250,
        blank=True,
        validators=[RegexValidator(r"\{link\}", _("Say {link} where the link goes."))],
        help_text=_("{name}, {brand} and {link} are filled in; empty: our own words."),
    )
    away_text = models.CharField(
        _("what is said outside hours"),
        max_length=250,
        blank=True,
        validators=[RegexValidator(r"\{when\}", _("Say {when} where the time goes."))],
        help_text=_("{name} and {when} are filled in, once a ticket; empty: nothing is said."),
    )
    chat_hook = models.TextField(
        blank=True, editable=False, help_text=_("The address of a chat's incoming hook, sealed.")
    )
    follow_after = models.BigIntegerField(
        null=True, editable=False, help_text=_("Deadlines of open tickets with a higher key are to be computed anew.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BrandsQuerySet.as_manager()

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first_response_hours__gt=0), name="brand_first_response_positive"
            ),
            models.CheckConstraint(condition=models.Q(next_response_hours__gt=0), name="brand_next_response_positive"),
            models.CheckConstraint(condition=models.Q(reopen_hours__gt=0), name="brand_reopen_positive"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def brand_id(self) -> int:
        return self.pk


class BrandCounter(models.Model):
    """The next ticket number. Locking this row puts the intake of one brand in single file."""

    brand = models.OneToOneField(Brand, models.CASCADE, primary_key=True, related_name="counter")
    next_ticket = models.PositiveIntegerField(default=1)


class Membership(BrandRow):
    """A user's one role in a brand."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.AGENT)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["brand", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class Team(BrandRow):
    """Agents of a brand that share a queue."""

    name = models.CharField(_("name"), max_length=100)
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="teams", blank=True
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="team_name_once")]

    def __str__(self) -> str:
        return self.name


class Channel(BrandRow):
    """Where a conversation happens: an account on a platform, a mailbox, the phone, the shop floor.

    `platform` is a key of the registry (never `choices`: platforms come and go without a migration);
    `shown_as` names the platform a demo channel plays.
    """

    platform = models.CharField(_("platform"), max_length=30)
    shown_as = models.CharField(max_length=30, blank=True)
    name = models.CharField(_("name"), max_length=100)
    handle = models.CharField(_("our handle"), max_length=255, blank=True)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "platform", "name"], name="channel_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def appears_as(self) -> str:
        """The platform people are shown: the one a demo channel plays, else its own."""
        return self.shown_as or self.platform
