"""What is set up, as sentences: a title, what it says, and a word on its state."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from helpdesk.desk.set_up_forms import DAYS, spanned
from helpdesk.hours import written
from helpdesk.models import (
    Area,
    Calendar,
    Channel,
    Deadline,
    EscalationPolicy,
    Level,
    Priority,
    ServicePolicy,
    Shift,
    Team,
    Trigger,
)
from helpdesk.text.triage import Intent
from helpdesk.workflow.reasons import wording
from helpdesk.workflow.rehearsal import Rehearsal


class Said(NamedTuple):
    title: str
    words: list[str]
    is_off: bool = False


def promise(row: ServicePolicy) -> Said:
    spans = (
        (_("first answer within %(span)s"), row.first_response_minutes),
        (_("next answers within %(span)s"), row.next_response_minutes),
        (_("solved within %(span)s"), row.resolution_minutes),
        (_("looked after %(span)s later"), row.follow_up_minutes),
        (_("asked how it went after %(span)s"), row.survey_minutes),
    )
    said = ", ".join(words % {"span": spanned(minutes)} for words, minutes in spans if minutes)
    hours = _("in the hours of %(name)s") % {"name": row.calendar} if row.calendar else _("around the clock")
    return Said(row.name, [f"{said}, {hours}", _for(row)], not row.is_active)


def _for(row: Any) -> str:
    """For which tickets."""
    intents, priorities = dict(Intent.choices), dict(Priority.choices)
    parts = [str(intents[one]).lower() for one in row.intents if one in intents]
    parts += [
        _("priority %(name)s") % {"name": str(priorities[one]).lower()} for one in row.priorities if one in priorities
    ]
    if row.channels:
        parts += list(Channel.objects.filter(brand=row.brand_id, pk__in=row.channels).values_list("name", flat=True))
    parts += row.tiers
    return _("for %(what)s") % {"what": ", ".join(parts)} if parts else _("for all tickets")


def calendar(row: Calendar) -> Said:
    days: list[str] = []
    begins = 0
    for number in range(7):
        if number == 6 or row.week[number + 1] != row.week[begins]:
            name = DAYS[begins] if begins == number else f"{DAYS[begins]}–{DAYS[number]}"
            hours = ", ".join(f"{start}–{end}" for start, end in row.week[begins]) or _("closed")
            days.append(f"{name} {hours}")
            begins = number + 1
    closed = (
        [_("holidays of %(country)s") % {"country": f"{row.country} {row.subdivision}".strip()}] if row.country else []
    )
    if row.closed_days:
        count = len(row.closed_days)
        closed.append(ngettext("%(count)d closed day", "%(count)d closed days", count) % {"count": count})
    return Said(row.name, [" · ".join(days), " · ".join([row.time_zone, *closed])])


def level(row: Level) -> Said:
    asked = row.team.name if row.team else _("who is on duty, else leads and managers")
    hours = _("in the hours of %(name)s") % {"name": row.calendar} if row.calendar else _("around the clock")
    waits = _("acknowledged within %(span)s") % {"span": spanned(row.acknowledge_minutes)}
    count = row.reminders
    reminded = ngettext("%(count)d reminder", "%(count)d reminders", count) % {"count": count}
    grants = _("may grant up to %(amount)s %(currency)s") % {
        "amount": row.concession_limit,
        "currency": row.brand.currency,
    }
    words = [_("asks %(who)s") % {"who": asked}, f"{waits} {hours}, {reminded}"]
    return Said(f"{row.number} · {row.name}", [*words, *([grants] if row.concession_limit else [])])


def shift(row: Shift) -> Said:
    days = ", ".join(DAYS[day] for day in row.weekdays)
    words = [f"{days}, {written(row.start)}–{written(row.end)}"]
    if row.since or row.until:
        since, until = (date_format(day, "j M Y") if day else "…" for day in (row.since, row.until))
        words.append(f"{since} – {until}")
    return Said(f"{row.level.number} · {row.user.name}", words)


def area(row: Area) -> Said:
    who = row.manager.name if row.manager else _("nobody yet: the brand's managers get its recommendations")
    return Said(row.name, [who])


def team(row: Team) -> Said:
    names = ", ".join(sorted(user.name for user in row.members.all()))
    return Said(row.name, [names or _("nobody yet")])


def rule(row: EscalationPolicy) -> Said:
    then = []
    if row.raise_to is not None:
        then.append(
            _("raise it one level")
            if row.raise_to == 0
            else _("raise it to level %(number)s") % {"number": row.raise_to}
        )
    if row.set_priority:
        then.append(_("set its priority to %(name)s") % {"name": str(Priority(row.set_priority).label).lower()})
    if row.team:
        then.append(_("give it to %(team)s") % {"team": row.team})
    ways = dict(EscalationPolicy.Notify.choices)
    then += [_("tell %(how)s") % {"how": str(ways[way]).lower()} for way in row.notify if way != "desk" and way in ways]
    if row.needs_approval:
        then.append(_("answers need approval"))
    when = [str(Trigger(row.trigger).label), *_how_much(row)]
    return Said(
        row.name, [f"{': '.join(when)} → {', '.join(then) or _('tell the desk')}", _for(row)], not row.is_active
    )


def _how_much(row: EscalationPolicy) -> list[str]:
    params = row.params
    if params.get("words"):
        shown, more = params["words"][:5], len(params["words"]) - 5
        return [", ".join(shown) + (f" + {more}" if more > 0 else "")]
    if params.get("deadlines"):
        kinds = dict(Deadline.Kind.choices)
        return [", ".join(str(kinds.get(kind, kind)).lower() for kind in params["deadlines"])]
    if params.get("count"):
        return [str(params["count"])]
    if params.get("reach"):
        return [f"{params['reach']:,}"]
    return [f"{params['times']} ×"] if params.get("times") else []


def rehearsed(found: Rehearsal) -> dict[str, Any]:
    """A dry run ready to be drawn: bars as shares of the highest week."""
    most = max((count for _day, count in found.weeks), default=0)
    bars = [
        {"day": day, "count": count, "height": round(100 * count / most) if most else 0} for day, count in found.weeks
    ]
    examples = [{"row": one, "why": wording(one.reason)} for one in found.examples]
    return {"found": found, "bars": bars, "examples": examples}
