"""The desk's forms about sources: connecting an account, a source's settings, reading back its past."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk.models import Brand
from mentions import accounts, connecting, reading_back
from mentions.models import Source
from mentions.platforms import registry
from mentions.platforms.base import Platform


class SourceForm(forms.Form):
    """What connecting an account to listen to takes: the platform's own settings, and where it goes."""

    brand = forms.ModelChoiceField(Brand.objects.none(), label=gettext_lazy("Brand"), empty_label=None)
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("As colleagues will know it.")
    )
    stream = forms.ChoiceField(label=gettext_lazy("Listen to"))
    query = forms.CharField(
        label=gettext_lazy("Search for"), max_length=512, required=False, help_text=gettext_lazy("Only for a search.")
    )

    monthly_budget = forms.DecimalField(
        label=gettext_lazy("Monthly budget"),
        min_value=0,
        max_digits=9,
        decimal_places=2,
        required=False,
        help_text=gettext_lazy("Dollars. Reading slows as it is used up, and stops while answers can still be paid."),
    )

    def __init__(
        self, *args: Any, platform: Platform, brands: list[int], kept: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.platform, self.kept = platform, dict(kept or {})
        if not platform.is_paid:
            del self.fields["monthly_budget"]
        self.fields["brand"].queryset = Brand.objects.filter(pk__in=brands)  # type: ignore[attr-defined]
        self.fields["stream"].choices = [(stream.key, stream.name) for stream in platform.streams]  # type: ignore[attr-defined]
        if not any(stream.takes_query for stream in platform.streams):
            del self.fields["query"]
        add_settings(self, platform)
        self.has_secrets = any(setting.secret for setting in platform.settings)
        self.loosen()

    def loosen(self) -> None:
        """Secrets typed a moment ago need not be typed again."""
        secret = {setting.name for setting in self.platform.settings if setting.secret}
        for name, value in self.kept.items():
            field = self.fields[f"settings.{name}"]
            field.required = False
            if name not in secret:
                field.initial = value

    def wanted(self) -> connecting.Wanted:
        given = self.cleaned_data
        return connecting.Wanted(
            self.platform.key,
            given["name"],
            {**self.kept, **settings_of(self)},
            given["stream"],
            given.get("query", ""),
            monthly_budget=given.get("monthly_budget"),
        )


def add_settings(form: forms.Form, platform: Platform, *, kept: dict[str, Any] | None = None) -> None:
    """The platform's settings as fields named `settings.<name>`; secrets are never shown again."""
    form.more = {f"settings.{setting.name}" for setting in platform.settings if setting.is_more}  # type: ignore[attr-defined]
    for setting in platform.settings:
        widget: Any = (
            forms.PasswordInput(attrs={"autocomplete": "off"})
            if setting.secret
            else forms.TextInput(attrs={"autocomplete": "off", **({"type": "date"} if setting.is_date else {})})
        )
        if setting.choices:
            form.fields[f"settings.{setting.name}"] = forms.ChoiceField(
                label=setting.label,
                help_text=setting.help,
                choices=setting.choices,
                initial=(kept or {}).get(setting.name, setting.default),
            )
            continue
        form.fields[f"settings.{setting.name}"] = forms.CharField(
            label=setting.label,
            help_text=setting.help,
            required=setting.required and not (kept is not None and setting.secret),
            initial=(kept or {}).get(setting.name, setting.default),
            max_length=1000,
            widget=widget,
        )


def settings_of(form: forms.Form) -> dict[str, str]:
    """What was typed; an empty secret means: the one you have."""
    prefix = "settings."
    return {
        name.removeprefix(prefix): value
        for name, value in form.cleaned_data.items()
        if name.startswith(prefix) and value
    }


class SourceSettings(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    rhythm_seconds = forms.IntegerField(
        label=gettext_lazy("Look every"), min_value=1, max_value=86_400, help_text=gettext_lazy("Seconds.")
    )
    budget_per_hour = forms.IntegerField(
        label=gettext_lazy("Requests an hour, at most"), min_value=1, max_value=100_000
    )
    monthly_budget = forms.DecimalField(
        label=gettext_lazy("Monthly budget"),
        min_value=0,
        max_digits=9,
        decimal_places=2,
        required=False,
        help_text=gettext_lazy("Dollars, for the whole account; empty: none."),
    )

    def __init__(self, *args: Any, is_paid: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_paid:
            del self.fields["monthly_budget"]


def settings_form(source: Source, data: Any = None) -> SourceSettings:
    platform = registry.platform(source.account.platform)
    initial = {name: getattr(source, name) for name in ("name", "rhythm_seconds", "budget_per_hour")}
    if platform.is_paid:
        initial["monthly_budget"] = source.account.monthly_budget
    form = SourceSettings(data, initial=initial, is_paid=platform.is_paid)
    add_settings(form, platform, kept=source.account.settings)
    return form


class ReadBackForm(forms.Form):
    """Days, as the office's calendar has them."""

    since = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(
        label=gettext_lazy("To"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("With that day."),
    )
    most = forms.IntegerField(label=gettext_lazy("At most"), min_value=reading_back.FEWEST, max_value=reading_back.MOST)
    is_history = forms.BooleanField(
        label=gettext_lazy("Only as history"),
        required=False,
        help_text=gettext_lazy("Its tickets are closed from the start and no answer is due."),
    )

    @property
    def span(self) -> tuple[dt.datetime, dt.datetime]:
        zone = timezone.get_current_timezone()
        last = min(self.cleaned_data["until"], timezone.localtime().date()) + dt.timedelta(days=1)
        day_before = reading_back.EARLIEST.date() - dt.timedelta(days=1)
        begin = max(self.cleaned_data["since"], day_before)  # earlier is refused, not reckoned with
        return dt.datetime.combine(begin, dt.time(), zone), dt.datetime.combine(last, dt.time(), zone)


def read_back_form(source: Source, now: dt.datetime, data: Any = None) -> ReadBackForm | None:
    """None for streams that cannot be asked for their past."""
    if not accounts.closed_connector(source.account).reads_back(source.kind):
        return None
    stream = registry.platform(source.account.platform).stream(source.kind)
    days = dt.timedelta(days=min(stream.keeps_days or 30, 30) - 1)
    today = timezone.localtime(now).date()
    form = ReadBackForm(data, initial={"since": today - days, "until": today, "most": 500})
    form.fields["most"].help_text = _about(source)
    return form


def _about(source: Source) -> str:
    """What the number means in money, where it means any."""
    per_hundred = reading_back.price(source, 100)
    if not per_hundred:
        return _("Items, to the nearest page. Reading costs nothing here.")
    words = _("Items. A hundred cost $%(price)s at most, 500 $%(more)s; it never reads more than you say.")
    return words % {"price": per_hundred, "more": reading_back.price(source, 500)}
