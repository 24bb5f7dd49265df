"""Forms of what managers set up: chips where there is a choice, plain words where there is none. `values` is what the
service of the noun takes; what it refuses comes back at the field that `field_of` names."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk.hours import DAY, written
from helpdesk.models import (
    Area,
    Brand,
    Calendar,
    Channel,
    Deadline,
    EscalationPolicy,
    FollowUp,
    Level,
    Membership,
    Priority,
    ServicePolicy,
    Shift,
    Team,
    Trigger,
    User,
)
from helpdesk.text.triage import Intent

DAYS = tuple(
    map(str, (gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday"),
              gettext_lazy("Friday"), gettext_lazy("Saturday"), gettext_lazy("Sunday")))
)  # fmt: skip


class Chips(forms.CheckboxSelectMultiple):
    """Several of a few, each a chip to tap."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(attrs={"class": "hd-chips-input"}, **kwargs)


class MinutesField(forms.CharField):
    """A span as people write it: 30 min, 4 h, 2 d; kept as minutes. Empty: none."""

    UNITS: ClassVar[dict[str, int]] = {"": 1, "m": 1, "min": 1, "h": 60, "d": DAY}

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).strip().lower()
        if not text:
            return None
        found = re.fullmatch(r"(\d{1,6}(?:[.,]\d{1,2})?)\s*([a-z]*)", text, re.ASCII)
        if found is None or found[2] not in self.UNITS:
            raise forms.ValidationError(_("Write it as 30 min, 4 h or 2 d."), code="invalid")
        return round(float(found[1].replace(",", ".")) * self.UNITS[found[2]])

    def prepare_value(self, value: Any) -> Any:
        return spanned(value) if isinstance(value, int) else value


def spanned(minutes: int) -> str:
    """Minutes in the largest unit that fits them whole."""
    if minutes % DAY == 0:
        return f"{minutes // DAY} d"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


class ClockField(forms.CharField):
    """A time of the day in minutes, written 09:00; the day's end is 24:00."""

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        found = re.fullmatch(r"(\d{1,2})[:.](\d\d)", text, re.ASCII)
        minutes = int(found[1]) * 60 + int(found[2]) if found else DAY + 1
        if found is None or int(found[2]) > 59 or minutes > DAY:
            raise forms.ValidationError(_("Write a time as 09:00; the end of the day is 24:00."), code="invalid")
        return minutes

    def prepare_value(self, value: Any) -> Any:
        return written(value) if isinstance(value, int) else value


class Lines(forms.CharField):
    """One entry a line."""

    widget = forms.Textarea

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


class SetUpForm(forms.Form):
    """A form of one brand's rows. `row` is None for a new one."""

    field_of: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, brand: Brand, row: Any = None, **kwargs: Any) -> None:
        self.brand, self.row = brand, row
        kwargs["initial"] = self.of(row) if row is not None else self.fresh()
        super().__init__(*args, **kwargs)
        for name, queryset in self.choices_of(brand).items():
            field: Any = self.fields[name]
            if hasattr(field, "queryset"):
                field.queryset = queryset
            else:
                field.choices = queryset

    def of(self, row: Any) -> dict[str, Any]:
        return {name: getattr(row, name) for name in self.base_fields if hasattr(row, name)}

    def fresh(self) -> dict[str, Any]:
        return {}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {}

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def refuse(self, field: str, text: str) -> None:
        """Show what the service refused at the field it is about."""
        name = self.field_of.get(field, field)
        if name not in self.fields:
            name = self.field_of.get(field.split(".", maxsplit=1)[0], field.split(".", maxsplit=1)[0])
        self.add_error(name if name in self.fields else None, text)


class TeamForm(SetUpForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    members = forms.ModelMultipleChoiceField(
        User.objects.none(), label=gettext_lazy("Who is of it"), required=False, widget=Chips
    )

    def of(self, row: Team) -> dict[str, Any]:
        return {"name": row.name, "members": list(row.members.values_list("pk", flat=True))}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {"members": members_of(brand)}

    def values(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"], "members": [user.pk for user in self.cleaned_data["members"]]}


def members_of(brand: Brand) -> Any:
    able = Membership.objects.filter(brand=brand, user__is_active=True).exclude(role="auditor")
    return User.objects.filter(pk__in=able.values("user")).order_by("name", "pk")


class CalendarForm(SetUpForm):
    """A week as people write it on a door."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"), max_length=64, help_text=gettext_lazy("Such as Europe/Stockholm.")
    )
    country = forms.CharField(
        label=gettext_lazy("Closed on the holidays of"),
        max_length=2,
        required=False,
        help_text=gettext_lazy("Two letters, such as SE."),
    )
    subdivision = forms.CharField(
        label=gettext_lazy("and of its part"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("Where holidays differ within the country, such as BY for Bavaria."),
    )
    closed_days = Lines(
        label=gettext_lazy("Also closed on"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line: 2026-12-24 Christmas Eve."),
    )
    ical = forms.FileField(
        label=gettext_lazy("Days from a calendar file"),
        required=False,
        help_text=gettext_lazy("An .ics file: its whole days are added."),
    )
    more = ("subdivision", "closed_days", "ical")
    beside = tuple(f"day_{number}" for number in range(7))
    field_of: ClassVar[dict[str, str]] = {f"week.{number}": f"day_{number}" for number in range(7)} | {"week": "day_0"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = list(self.fields)
        for number, day in enumerate(DAYS):
            self.fields[f"day_{number}"] = forms.CharField(
                label=day,
                required=False,
                max_length=100,
                widget=forms.TextInput(attrs={"placeholder": _("closed")}),
                help_text=_("Such as 09:00–12:00, 13:00–17:00; empty is closed.") if number == 6 else "",
            )
        self.order_fields([*shown[:2], *(f"day_{number}" for number in range(7)), *shown[2:]])

    def fresh(self) -> dict[str, Any]:
        days = {f"day_{number}": "09:00–17:00" if number < 5 else "" for number in range(7)}
        return {"time_zone": self.brand.time_zone, "country": self.brand.country, **days}

    def of(self, row: Calendar) -> dict[str, Any]:
        days = {
            f"day_{number}": ", ".join(f"{start}–{end}" for start, end in periods)
            for number, periods in enumerate(row.week)
        }
        closed = [f"{entry['day']} {entry['name']}".strip() for entry in row.closed_days]
        return {**super().of(row), "closed_days": closed, **days}

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        week = [
            [re.split(r"\s*[-–]\s*", period.strip(), maxsplit=1) for period in given[f"day_{number}"].split(",") if period.strip()]
            for number in range(7)
        ]  # fmt: skip
        days = [dict(zip(("day", "name"), [*line.split(" ", 1), ""], strict=False)) for line in given["closed_days"]]
        known = {entry["day"]: entry.get("origin", "hand") for entry in self.row.closed_days} if self.row else {}
        closed = [{**day, "origin": known.get(day["day"], "hand")} for day in days]
        file = given["ical"]
        text = file.read().decode("utf-8", "replace") if file else ""
        kept = {name: given[name] for name in ("name", "time_zone", "subdivision")}
        return {**kept, "country": given["country"].upper(), "week": week, "closed_days": closed, "ical": text}


class ConditionsForm(SetUpForm):
    """For which tickets a policy is; nothing chosen is all."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    intents = forms.MultipleChoiceField(
        label=gettext_lazy("Only for"), choices=Intent.choices, required=False, widget=Chips
    )
    priorities = forms.TypedMultipleChoiceField(
        label=gettext_lazy("of priority"), choices=Priority.choices, coerce=int, required=False, widget=Chips
    )
    channels = forms.TypedMultipleChoiceField(label=gettext_lazy("heard on"), coerce=int, required=False, widget=Chips)
    tiers = Lines(
        label=gettext_lazy("from customers of"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Tiers as your customers have them, one a line."),
    )
    position = forms.IntegerField(
        label=gettext_lazy("Position"),
        min_value=0,
        max_value=32_000,
        help_text=gettext_lazy("The lowest is asked first."),
    )
    is_active = forms.BooleanField(label=gettext_lazy("In use"), required=False)

    def fresh(self) -> dict[str, Any]:
        return {"position": 100}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {"channels": [(row.pk, row.name) for row in Channel.objects.filter(brand=brand).order_by("name", "pk")]}


class PromiseForm(ConditionsForm):
    first_response_minutes = MinutesField(
        label=gettext_lazy("First answer within"), required=False, help_text=gettext_lazy("Such as 30 min, 4 h or 2 d.")
    )
    next_response_minutes = MinutesField(label=gettext_lazy("Next answers within"), required=False)
    resolution_minutes = MinutesField(
        label=gettext_lazy("Solved within"),
        required=False,
        help_text=gettext_lazy("Does not run while the customer has the word."),
    )
    calendar = forms.ModelChoiceField(
        Calendar.objects.none(),
        label=gettext_lazy("Counted in the hours of"),
        required=False,
        empty_label=gettext_lazy("around the clock"),
    )
    risk_minutes = MinutesField(
        label=gettext_lazy("At risk"), help_text=gettext_lazy("So long before it is due."), initial=60
    )
    follow_up_minutes = MinutesField(
        label=gettext_lazy("Come back after"),
        required=False,
        help_text=gettext_lazy("So long after it was resolved somebody looks whether it was."),
    )
    follow_up_kind = forms.ChoiceField(label=gettext_lazy("by"), choices=FollowUp.Kind.choices, initial="message")
    survey_minutes = MinutesField(
        label=gettext_lazy("Ask how it went after"),
        required=False,
        help_text=gettext_lazy("Privately, once a month at most; such as 1 d. Empty: nobody is asked."),
    )
    row_begins, row_ends = ("first_response_minutes",), ("resolution_minutes",)
    more = ("channels", "tiers", "position", "risk_minutes", "follow_up_minutes", "follow_up_kind", "survey_minutes")
    field_order = (
        "name", "first_response_minutes", "next_response_minutes", "resolution_minutes", "calendar", "intents", "priorities",
        "channels", "tiers", "risk_minutes", "follow_up_minutes", "follow_up_kind", "survey_minutes", "position", "is_active",
    )  # fmt: skip

    def fresh(self) -> dict[str, Any]:
        last = ServicePolicy.objects.filter(brand=self.brand).order_by("-position").first()
        return {
            "position": (last.position + 10 if last else 10),
            "risk_minutes": 60,
            "follow_up_kind": "message",
            "is_active": True,
        }

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {**super().choices_of(brand), "calendar": Calendar.objects.filter(brand=brand).order_by("name")}

    def of(self, row: ServicePolicy) -> dict[str, Any]:
        return {**super().of(row), "calendar": row.calendar_id}


class LevelForm(SetUpForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    team = forms.ModelChoiceField(
        Team.objects.none(),
        label=gettext_lazy("Team"),
        required=False,
        empty_label=gettext_lazy("none: whoever is on duty, else leads and managers"),
    )
    acknowledge_minutes = MinutesField(
        label=gettext_lazy("Acknowledged within"), help_text=gettext_lazy("Such as 30 min or 2 h.")
    )
    reminders = forms.IntegerField(
        label=gettext_lazy("Reminders before it climbs"), min_value=0, max_value=10, initial=1
    )
    calendar = forms.ModelChoiceField(
        Calendar.objects.none(),
        label=gettext_lazy("Reachable in the hours of"),
        required=False,
        empty_label=gettext_lazy("around the clock"),
    )

    checks_replies = forms.BooleanField(
        label=gettext_lazy("Approves answers"),
        required=False,
        help_text=gettext_lazy("What somebody of a lower level answers to a ticket up here waits for approval."),
    )

    concession_limit = forms.DecimalField(
        label=gettext_lazy("May grant a customer, in 30 days"),
        min_value=0,
        required=False,
        max_digits=10,
        decimal_places=2,
        help_text=gettext_lazy("Without asking the next level; managers may grant any amount."),
    )

    def fresh(self) -> dict[str, Any]:
        return {"acknowledge_minutes": 30, "reminders": 1, "concession_limit": 0}

    def of(self, row: Level) -> dict[str, Any]:
        return {**super().of(row), "team": row.team_id, "calendar": row.calendar_id}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {
            "team": Team.objects.filter(brand=brand).order_by("name"),
            "calendar": Calendar.objects.filter(brand=brand).order_by("name"),
        }

    def values(self) -> dict[str, Any]:
        return {**self.cleaned_data, "concession_limit": self.cleaned_data["concession_limit"] or 0}


class ShiftForm(SetUpForm):
    level = forms.ModelChoiceField(Level.objects.none(), label=gettext_lazy("At level"), empty_label=None)
    user = forms.ModelChoiceField(User.objects.none(), label=gettext_lazy("Who"), empty_label=None)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("On"), choices=list(enumerate(DAYS)), coerce=int, widget=Chips
    )
    start = ClockField(label=gettext_lazy("From"))
    end = ClockField(
        label=gettext_lazy("To"), help_text=gettext_lazy("In the zone of the level's calendar, else the brand's.")
    )
    since = forms.DateField(
        label=gettext_lazy("First day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    row_begins, row_ends = ("start",), ("end",)
    more = ("since", "until")

    def fresh(self) -> dict[str, Any]:
        return {"start": 0, "end": DAY, "weekdays": list(range(5))}

    def of(self, row: Shift) -> dict[str, Any]:
        return {**super().of(row), "level": row.level_id, "user": row.user_id}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {"level": Level.objects.filter(brand=brand).order_by("number"), "user": members_of(brand)}


class RuleForm(ConditionsForm):
    """When → then."""

    trigger = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=Trigger.choices,
        widget=forms.Select(attrs={"data-shows": "trigger"}),
    )
    deadlines = forms.MultipleChoiceField(
        label=gettext_lazy("Of these"),
        choices=Deadline.Kind.choices,
        required=False,
        widget=Chips,
        help_text=gettext_lazy("None chosen: any of them."),
    )
    words = Lines(
        label=gettext_lazy("These words"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line; whole words, in any case."),
    )
    reach = forms.IntegerField(label=gettext_lazy("Followers, at least"), required=False, min_value=1, max_value=10**9)
    times = forms.IntegerField(label=gettext_lazy("Times, at least"), required=False, min_value=1, max_value=100)
    count = forms.IntegerField(
        label=gettext_lazy("Others within two days, at least"), required=False, min_value=2, max_value=10_000
    )
    raise_to = forms.TypedChoiceField(
        label=gettext_lazy("Raise it"),
        coerce=lambda value: None if value == "" else int(value),
        required=False,
        empty_value=None,
    )
    set_priority = forms.TypedChoiceField(
        label=gettext_lazy("Set its priority"),
        choices=[("", gettext_lazy("leave it")), *Priority.choices],
        coerce=int,
        required=False,
        empty_value=None,
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        label=gettext_lazy("Give it to"),
        required=False,
        empty_label=gettext_lazy("nobody in particular"),
    )
    notify = forms.MultipleChoiceField(
        label=gettext_lazy("Tell who is asked"),
        choices=EscalationPolicy.Notify.choices,
        required=False,
        widget=Chips,
        help_text=gettext_lazy("Where nobody is asked: leads and up. The chat's hook is set under “Told outside”."),
    )
    needs_approval = forms.BooleanField(label=gettext_lazy("Answers wait for approval"), required=False)
    SHOWN: ClassVar[dict[str, tuple[str, ...]]] = {
        "deadlines": ("at_risk", "overdue"),
        "words": ("words",),
        "reach": ("reach",),
        "times": ("reopened",),
        "count": ("alike",),
    }
    field_of: ClassVar[dict[str, str]] = {f"params.{name}": name for name in SHOWN}
    more = ("channels", "priorities", "tiers", "position")
    field_order = (
        "name", "trigger", "deadlines", "words", "reach", "times", "count", "intents", "priorities", "channels", "tiers", "raise_to",
        "set_priority", "team", "notify", "needs_approval", "position", "is_active",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, triggers in self.SHOWN.items():
            self.fields[name].widget.attrs["data-when"] = " ".join(triggers)

    def fresh(self) -> dict[str, Any]:
        return {"position": 100, "raise_to": "0", "notify": ["desk"]}

    def of(self, row: EscalationPolicy) -> dict[str, Any]:
        raised = "" if row.raise_to is None else row.raise_to
        return {**super().of(row), **row.params, "team": row.team_id, "raise_to": raised}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        levels = Level.objects.filter(brand=brand, number__gt=1).order_by("number")
        up = [
            (level.number, _("to level %(number)s, %(name)s") % {"number": level.number, "name": level.name})
            for level in levels
        ]
        return {
            **super().choices_of(brand),
            "team": Team.objects.filter(brand=brand).order_by("name"),
            "raise_to": [("", _("no")), (0, _("one level up")), *up],
        }

    def values(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        params = {name: given.pop(name) for name in self.SHOWN}
        kept = {
            name: value
            for name, value in params.items()
            if given["trigger"] in self.SHOWN[name] and value not in (None, "")
        }
        return {**given, "params": kept}


class AreaForm(SetUpForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    manager = forms.ModelChoiceField(
        User.objects.none(),
        label=gettext_lazy("Who answers for it"),
        required=False,
        empty_label=gettext_lazy("nobody yet: the brand's managers"),
    )

    def of(self, row: Area) -> dict[str, Any]:
        return {"name": row.name, "manager": row.manager_id}

    def choices_of(self, brand: Brand) -> dict[str, Any]:
        return {"manager": members_of(brand)}

    def values(self) -> dict[str, Any]:
        who = self.cleaned_data["manager"]
        return {"name": self.cleaned_data["name"], "manager_id": who.pk if who else None}
