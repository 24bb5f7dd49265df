from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import Brand, BrandRow

DEFAULT_COLOUR = "#4f46e5"
colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", _("A colour as #rrggbb, such as #4f46e5."))
host_name = RegexValidator(
    r"\A(?=.{4,253}\Z)([a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z", _("A name such as help.example.com.")
)


class HelpCentre(BrandRow):
    """How a brand's help centre looks and what it offers. A brand without a row has one with these defaults."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="help_centre")
    is_open = models.BooleanField(_("open to customers"), default=True)
    domain = models.CharField(
        _("own domain"),
        max_length=253,
        blank=True,
        validators=[host_name],
        help_text=_("Such as help.example.com, pointed at this server; empty: /help/<brand>/ here."),
    )
    colour = models.CharField(_("colour"), max_length=7, default=DEFAULT_COLOUR, validators=[colour])
    logo = models.CharField(max_length=64, blank=True, editable=False, help_text=_("Key of a picture."))
    languages = models.JSONField(
        default=list, blank=True, help_text=_("Codes, the first by default; empty: the brand's language.")
    )
    heading = models.CharField(_("first line"), max_length=100, blank=True)
    intro = models.CharField(_("second line"), max_length=250, blank=True)
    website = models.URLField(_("your website"), blank=True, max_length=300)
    takes_requests = models.BooleanField(_("customers can ask here"), default=True)
    takes_ideas = models.BooleanField(_("idea board"), default=True)
    origins = models.JSONField(
        default=list, blank=True, help_text=_("Sites whose pages may read articles by the API (CORS).")
    )
    minutes_per_answer = models.PositiveSmallIntegerField(
        _("minutes an answer takes"),
        default=6,
        validators=[MinValueValidator(1), MaxValueValidator(240)],
        help_text=_("What one answer written by hand costs: to tell the time that articles save."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain"], condition=~Q(domain=""), name="help_centre_domain_once"),
        ]

    @classmethod
    def of(cls, brand: Brand) -> HelpCentre:
        """The brand's, saved or not yet."""
        row: HelpCentre | None = cls.objects.filter(brand=brand).first()
        if row is None:
            row = cls(brand=brand)
        row.brand = brand
        return row

    @property
    def spoken(self) -> list[str]:
        """Languages it is read in, the first by default."""
        return list(self.languages) or [self.brand.locale.lower()]

    @property
    def language(self) -> str:
        return self.spoken[0]


class Category(BrandRow):
    """A shelf of articles. `texts` holds name and description by language; what is missing reads as in the first."""

    slug = models.SlugField(_("short name"), max_length=80)
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=250, blank=True)
    texts = models.JSONField(default=dict, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="category_once")]

    def __str__(self) -> str:
        return self.name

    def named(self, language: str) -> str:
        return str(self._text(language).get("name") or self.name)

    def described(self, language: str) -> str:
        text = self._text(language)
        return str(text.get("description", "")) if text.get("name") else self.description

    def _text(self, language: str) -> dict[str, Any]:
        found = self.texts.get(language, {}) if isinstance(self.texts, dict) else {}
        return found if isinstance(found, dict) else {}
