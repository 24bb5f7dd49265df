"""Calendars: checked as people enter them, and read as business hours."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from typing import Any

import holidays
import icalendar
import recurring_ical_events
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.hours import ALWAYS, BadHours, Hours, week_of
from helpdesk.models import Brand, Calendar, Level, User
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Conflict, Refused

MOST_DAYS = 1000
YEARS_AHEAD = 3  # that a calendar file is read for
BIGGEST_FILE = 1_000_000  # characters


class _Closed(Container[dt.date]):
    """Days of one calendar: those entered, and those of its country."""

    def __init__(self, days: frozenset[dt.date], country: str, subdivision: str) -> None:
        self._days, self._country, self._subdivision = days, country, subdivision

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, dt.date):
            return False
        return day in self._days or day in public_holidays(self._country, self._subdivision, day.year)


@lru_cache(maxsize=1000)
def public_holidays(country: str, subdivision: str, year: int) -> Mapping[dt.date, str]:
    """The days of that year on which the country rests, with their names; none where none are known."""
    if not country:
        return {}
    try:
        return dict(holidays.country_holidays(country, subdiv=subdivision or None, years=year))
    except (NotImplementedError, KeyError, ValueError):
        return {}


def hours_of(calendar: Calendar | None) -> Hours:
    """Its business hours; around the clock without one."""
    if calendar is None:
        return ALWAYS
    days = tuple(entry["day"] for entry in calendar.closed_days)
    return _hours(calendar.time_zone, json.dumps(calendar.week), days, calendar.country, calendar.subdivision)


@lru_cache(maxsize=200)
def _hours(time_zone: str, week: str, days: tuple[str, ...], country: str, subdivision: str) -> Hours:
    """One of a kind, so that what it has worked out of days is kept."""
    closed = _Closed(frozenset(map(dt.date.fromisoformat, days)), country, subdivision)
    return Hours(time_zone, week_of(json.loads(week)), closed)


def save(brand: Brand, by: User | None, calendar: Calendar | None = None, **values: Any) -> Calendar:
    """A new calendar, or this one changed. Refused says which value will not do; `ical` adds the days of a file."""
    row = Calendar(brand=brand) if calendar is None else calendar
    text = values.pop("ical", "")
    for name, value in values.items():
        setattr(row, name, value)
    row.name = one_line(row.name or "", 100)
    if not row.name:
        raise Refused("name", "blank", _("Give it a name."))
    _check_week(row.week)
    _check_country(row)
    row.closed_days = _checked_days(row.closed_days)
    if text:
        known = {entry["day"] for entry in row.closed_days}
        row.closed_days += [entry for entry in days_of_file(text, row.time_zone) if entry["day"] not in known]
        row.closed_days.sort(key=lambda entry: entry["day"])
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
        with transaction.atomic():
            is_new = row.pk is None
            row.save()
            if row.policies.exists():  # what counts by it counts anew
                Brand.objects.filter(pk=brand.pk).update(follow_after=0)
            code = "calendar.added" if is_new else "calendar.changed"
            events.record([events.happened(code, brand, actor=by, calendar=row.pk, fields=sorted(values))])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused(field, "invalid", " ".join(messages)) from error
    except IntegrityError as error:
        raise Refused("name", "taken", _("There is a calendar of that name. Choose another name.")) from error
    return row


@transaction.atomic
def remove(calendar: Calendar, by: User) -> None:
    """Conflict where a policy or a level counts by it."""
    users = [*calendar.policies.all()[:3], *Level.objects.filter(calendar=calendar)[:3]]
    if users:
        names = ", ".join(str(row) for row in users)
        raise Conflict(_("This calendar is in use by: %(names)s. Choose another one there first.") % {"names": names})
    events.record([events.happened("calendar.removed", calendar.brand_id, actor=by, calendar=calendar.pk)])
    calendar.delete()


def _check_week(week: object) -> None:
    try:
        week_of(week)
    except BadHours as error:
        where = "week" if error.code == "never_open" else f"week.{error.day}"
        raise Refused(where, error.code, _(str(error))) from error


def _check_country(row: Calendar) -> None:
    known = holidays.list_supported_countries()
    if row.country and row.country not in known:
        raise Refused(
            "country",
            "unknown",
            _("We know no holidays of “%(code)s”. Use two letters, such as SE.") % {"code": row.country},
        )
    if row.subdivision and row.subdivision not in known.get(row.country, []):
        parts = ", ".join(known.get(row.country, [])) or "—"
        raise Refused("subdivision", "unknown", _("Choose one of: %(parts)s.") % {"parts": parts})


def _checked_days(entries: object) -> list[dict[str, str]]:
    """As stored: in order, each day once."""
    if not isinstance(entries, list):
        raise Refused("closed_days", "invalid", _("Give a list of days, each with a day and a name."))
    found: dict[str, dict[str, str]] = {}
    for number, entry in enumerate(entries):
        day = entry.get("day") if isinstance(entry, dict) else entry
        try:
            key = dt.date.fromisoformat(str(day)).isoformat()
        except ValueError as error:
            raise Refused(f"closed_days.{number}", "invalid", _("Write the day as YYYY-MM-DD.")) from error
        given = entry if isinstance(entry, dict) else {}
        name, origin = one_line(str(given.get("name") or ""), 100), given.get("origin")
        found[key] = {"day": key, "name": name, "origin": "ical" if origin == "ical" else "hand"}
    if len(found) > MOST_DAYS:
        raise Refused("closed_days", "too_many", _("These are more than %(most)d days.") % {"most": MOST_DAYS})
    return [found[key] for key in sorted(found)]


def days_of_file(text: str, time_zone: str, today: dt.date | None = None) -> list[dict[str, str]]:
    """The days a calendar file (RFC 5545) blocks from this year on, repeated events told out. Refused where it is none."""
    if len(text) > BIGGEST_FILE:
        raise Refused("ical", "too_large", _("This file is larger than 1 MB. Export fewer years."))
    first = dt.date((today or dt.datetime.now(dt.UTC).date()).year, 1, 1)
    try:
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(
            first, dt.date(first.year + YEARS_AHEAD, 1, 1)
        )
        entries = [entry for event in found for entry in _days_of_event(event)]
    except Refused:
        raise
    except Exception as error:  # whatever a file may hold: libraries raise many kinds
        raise Refused("ical", "invalid", _("This is no calendar file (.ics) that can be read.")) from error
    if not entries:
        raise Refused("ical", "empty", _("This file holds no whole days from this year on."))
    return _checked_days([{"day": day, "name": name, "origin": "ical"} for day, name in entries])


def _days_of_event(event: Any) -> Iterable[tuple[str, str]]:
    """The whole days it covers; events with hours close no day."""
    start = event["DTSTART"].dt
    if isinstance(start, dt.datetime):
        return
    end = event["DTEND"].dt if "DTEND" in event else start + dt.timedelta(days=1)
    name = str(event.get("SUMMARY", ""))
    for number in range(min(max((end - start).days, 1), 60)):
        yield (start + dt.timedelta(days=number)).isoformat(), name
