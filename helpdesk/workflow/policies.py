"""Policies and levels, checked as people enter them: each refusal says which field, why, and what to do.

A change of what is promised is followed by the running deadlines in the background (`Brand.follow_after`, a row): a
brand may have a million of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import (
    Brand,
    Calendar,
    Channel,
    Deadline,
    Escalation,
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
from helpdesk.permissions import Role
from helpdesk.text.clean import one_line
from helpdesk.text.triage import Intent
from helpdesk.workflow.verbs import Conflict, Refused

MOST_WORDS, LONGEST_WORD = 200, 60
CONDITIONS = ("channels", "intents", "priorities", "tiers")


def save_service(brand: Brand, by: User, row: ServicePolicy | None = None, **values: Any) -> ServicePolicy:
    """A new service policy, or this one changed; running deadlines follow."""
    policy = ServicePolicy(brand=brand) if row is None else row
    _set(policy, values)
    _check_conditions(policy)
    _check_calendar(policy)
    first, resolution = policy.first_response_minutes, policy.resolution_minutes
    if not (first or policy.next_response_minutes or resolution):
        raise Refused(
            "first_response_minutes", "required", _("Promise at least one of: an answer, the next, a solution.")
        )
    if first and resolution and first > resolution:
        raise Refused(
            "resolution_minutes", "too_soon", _("This is sooner than the first answer. Give it at least as long.")
        )
    if policy.follow_up_kind not in FollowUp.Kind.values:
        known = ", ".join(FollowUp.Kind.values)
        raise Refused("follow_up_kind", "unknown", _("Choose one of: %(known)s.") % {"known": known})
    _check_shadow(policy)
    with transaction.atomic():
        _saved(policy, by, "policy", values)
        follow(brand)
    return policy


def remove_service(policy: ServicePolicy, by: User) -> None:
    """Its tickets fall under the next policy that fits, or the brand's own hours."""
    with transaction.atomic():
        brand = policy.brand
        events.record([events.happened("policy.removed", brand, actor=by, policy=policy.pk)])
        policy.delete()
        follow(brand)


def follow(brand: Brand) -> None:
    """Running deadlines are to be computed anew, from the first; the next tick sees it."""
    Brand.objects.filter(pk=brand.pk).update(follow_after=0)


def _check_shadow(policy: ServicePolicy) -> None:
    """One for everything hides what stands after it: that would be a policy nobody ever comes under."""
    if not policy.is_active:
        return
    others = ServicePolicy.objects.filter(brand=policy.brand_id, is_active=True).exclude(pk=policy.pk)
    before = [other for other in others if (other.position, other.pk) < (policy.position, policy.pk or 2**63)]
    hiding = next((other for other in before if not _conditions(other)), None)
    if hiding is not None:
        raise Refused(
            "position",
            "never_reached",
            _(
                "“%(name)s” stands before it and is for all tickets, so this one would never be used. Give it a lower position."
            )
            % {"name": hiding.name},
        )
    after = [other for other in others if other not in before]
    if after and not _conditions(policy):
        raise Refused(
            "position",
            "hides_others",
            _(
                "It is for all tickets, so “%(name)s” behind it would never be used. Give it a condition, or a higher position."
            )
            % {"name": after[0].name},
        )


def _conditions(row: Any) -> bool:
    return any(getattr(row, name) for name in CONDITIONS)


# --- escalation ------------------------------------------------------------------------------------------------


def save_escalation(brand: Brand, by: User, row: EscalationPolicy | None = None, **values: Any) -> EscalationPolicy:
    """A new escalation policy, or this one changed."""
    policy = EscalationPolicy(brand=brand) if row is None else row
    _set(policy, values)
    _check_conditions(policy)
    _check_team(policy, "team")
    if policy.trigger not in Trigger.values:
        raise Refused("trigger", "unknown", _("Choose one of: %(known)s.") % {"known": ", ".join(Trigger.values)})
    policy.params = _checked_params(policy.trigger, policy.params)
    _check_raise(policy)
    notify = policy.notify if isinstance(policy.notify, list) else [policy.notify]
    unknown = [one for one in notify if one not in EscalationPolicy.Notify.values]
    if unknown:
        known = ", ".join(EscalationPolicy.Notify.values)
        raise Refused("notify", "unknown", _("Choose any of: %(known)s.") % {"known": known})
    does = (
        policy.raise_to is not None or policy.set_priority or policy.team_id or policy.notify or policy.needs_approval
    )
    if not does:
        raise Refused(
            "raise_to", "does_nothing", _("Say what it does: raise, set a priority, give to a team or tell somebody.")
        )
    with transaction.atomic():
        _saved(policy, by, "escalation_policy", values)
    return policy


def remove_escalation(policy: EscalationPolicy, by: User) -> None:
    with transaction.atomic():
        events.record([events.happened("escalation_policy.removed", policy.brand_id, actor=by, policy=policy.pk)])
        policy.delete()


def _check_raise(policy: EscalationPolicy) -> None:
    if policy.raise_to is None or policy.raise_to == 0:
        return
    numbers = list(Level.objects.filter(brand=policy.brand_id).order_by("number").values_list("number", flat=True))
    if policy.raise_to not in numbers[1:]:
        known = ", ".join(map(str, numbers[1:])) or "—"
        raise Refused(
            "raise_to",
            "unknown",
            _("Raise to one of the levels above the first (%(known)s), or 0 for one up.") % {"known": known},
        )


def _checked_params(trigger: str, given: Any) -> dict[str, Any]:
    """As stored. Refused names the parameter."""
    if not isinstance(given, Mapping):
        raise Refused("params", "invalid", _("Give an object, such as {“words”: [“injury”]}."))
    checks = {
        Trigger.AT_RISK: {"deadlines": _kinds},
        Trigger.OVERDUE: {"deadlines": _kinds},
        Trigger.WORDS: {"words": _words},
        Trigger.REACH: {"reach": _number(1, 10**9)},
        Trigger.REOPENED: {"times": _number(1, 100)},
        Trigger.ALIKE: {"count": _number(2, 10_000)},
    }.get(Trigger(trigger), {})
    unknown = sorted(set(given) - set(checks))
    if unknown:
        known = ", ".join(checks) or "—"
        raise Refused(f"params.{unknown[0]}", "unknown", _("This trigger takes: %(known)s.") % {"known": known})
    return {name: check(f"params.{name}", given.get(name)) for name, check in checks.items()}


def _kinds(field: str, value: Any) -> list[str]:
    kinds = list(Deadline.Kind.values)
    if value is None:
        return []
    if not isinstance(value, list) or any(one not in kinds for one in value):
        raise Refused(field, "unknown", _("Choose any of: %(known)s.") % {"known": ", ".join(kinds)})
    return value


def _words(field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Refused(field, "invalid", _("Give a list of words."))
    words = list(dict.fromkeys(one_line(one, LONGEST_WORD + 1) for one in value if one.strip()))
    if not words:
        raise Refused(field, "required", _("Name at least one word, such as injury."))
    if len(words) > MOST_WORDS or any(len(word) > LONGEST_WORD for word in words):
        raise Refused(
            field,
            "too_many",
            _("At most %(most)d words of %(length)d letters.") % {"most": MOST_WORDS, "length": LONGEST_WORD},
        )
    return words


def _number(least: int, most: int) -> Any:
    def check(field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refused(
                field, "invalid", _("Give a whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
            )
        return value

    return check


# --- levels and shifts -----------------------------------------------------------------------------------------


def save_level(brand: Brand, by: User, row: Level | None = None, **values: Any) -> Level:
    """A new rung on top of the ladder, or this one changed. Rungs are numbered 1, 2, 3 … without a gap."""
    numbers = list(Level.objects.filter(brand=brand).order_by("number").values_list("number", flat=True))
    if row is None:
        number = values.pop("number", None) or len(numbers) + 1
        if number != len(numbers) + 1:
            raise Refused("number", "gap", _("The next level is number %(number)d.") % {"number": len(numbers) + 1})
        if number > 9:
            raise Refused("number", "too_many", _("A ladder has nine levels at most."))
        row = Level(brand=brand, number=number)
    _set(row, values)
    _check_team(row, "team")
    _check_calendar(row)
    if row.team_id and not (row.pk and row.shifts.exists()):
        _check_people(row)
    with transaction.atomic():
        _saved(row, by, "level", values)
    return row


def _check_people(level: Level) -> None:
    team = level.team
    assert team is not None
    there = Membership.objects.filter(brand=level.brand_id, user__is_active=True, user__in=team.members.all())
    if not there.exclude(role=Role.AUDITOR).exists():
        raise Refused(
            "team",
            "empty",
            _("Nobody of “%(team)s” works for this brand, so nobody could be asked. Add somebody to the team first.")
            % {"team": team.name},
        )


def remove_level(level: Level, by: User) -> None:
    """The topmost rung only, and only where nothing stands on it."""
    with transaction.atomic():
        rows = Level.objects.select_for_update().filter(brand=level.brand_id)
        top = max(row.number for row in rows)
        if level.number != top or level.number == 1:
            raise Conflict(_("Only the topmost level can be removed, and the front line stays."))
        if Escalation.objects.filter(brand=level.brand_id, level=level.number, ended_at=None).exists():
            raise Conflict(_("Tickets stand at this level. Hand them back or resolve them first."))
        policies = EscalationPolicy.objects.filter(brand=level.brand_id, raise_to=level.number)
        if policies.exists():
            names = ", ".join(policies.values_list("name", flat=True)[:3])
            raise Conflict(_("These policies raise to it: %(names)s. Change them first.") % {"names": names})
        events.record([events.happened("level.removed", level.brand_id, actor=by, level=level.number)])
        level.delete()


def save_shift(level: Level, by: User, row: Shift | None = None, **values: Any) -> Shift:
    shift = Shift(brand=level.brand, level=level) if row is None else row
    _set(shift, values)
    days = shift.weekdays
    if not isinstance(days, list) or not days or any(day not in range(7) or isinstance(day, bool) for day in days):
        raise Refused("weekdays", "invalid", _("Choose the days, 0 for Monday to 6 for Sunday."))
    shift.weekdays = sorted(set(days))
    if not shift.start < shift.end <= 24 * 60:
        raise Refused("end", "backwards", _("A shift ends after it begins. One that goes over midnight is two."))
    if shift.since and shift.until and shift.until < shift.since:
        raise Refused("until", "backwards", _("The last day comes after the first."))
    member = Membership.objects.filter(brand=level.brand_id, user=shift.user_id, user__is_active=True)
    if not member.exclude(role=Role.AUDITOR).exists():
        raise Refused("user", "unknown", _("Choose somebody who works for this brand."))
    with transaction.atomic():
        _saved(shift, by, "shift", values)
    return shift


def remove_shift(shift: Shift, by: User) -> None:
    with transaction.atomic():
        events.record([events.happened("shift.removed", shift.brand_id, actor=by, shift=shift.pk)])
        shift.delete()


# --- what all of them share ------------------------------------------------------------------------------------


def _set(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    if hasattr(row, "name"):
        row.name = one_line(row.name or "", 100)
        if not row.name:
            raise Refused("name", "blank", _("Give it a name."))


def _check_conditions(row: Any) -> None:
    """Only what there is in this brand can be asked for."""
    own = Channel.objects.filter(brand=row.brand_id).values_list("pk", flat=True)
    for name, known in (
        ("channels", set(own) if row.channels else set()),
        ("intents", set(Intent.values)),
        ("priorities", set(Priority.values)),
    ):
        given = getattr(row, name)
        if not isinstance(given, list):
            raise Refused(name, "invalid", _("Give a list."))
        unknown = [one for one in given if one not in known]
        if unknown:
            choices = ", ".join(str(one) for one in sorted(known, key=str)) or "—"
            raise Refused(name, "unknown", _("Choose any of: %(known)s.") % {"known": choices})
    if not isinstance(row.tiers, list) or not all(isinstance(one, str) and one.strip() for one in row.tiers):
        raise Refused("tiers", "invalid", _("Give a list of tiers, as customers have them."))
    row.tiers = [one_line(one, 30) for one in row.tiers]


def _check_calendar(row: Any) -> None:
    if row.calendar_id and not Calendar.objects.filter(pk=row.calendar_id, brand=row.brand_id).exists():
        raise Refused("calendar", "unknown", _("This brand has no such calendar."))


def _check_team(row: Any, field: str) -> None:
    if row.team_id and not Team.objects.filter(pk=row.team_id, brand=row.brand_id).exists():
        raise Refused(field, "unknown", _("This brand has no such team."))


def _saved(row: Any, by: User, noun: str, fields: Sequence[str] | Mapping[str, Any]) -> None:
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
        code = f"{noun}.added" if row.pk is None else f"{noun}.changed"
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused(field, "invalid", " ".join(messages)) from error
    except IntegrityError as error:
        raise Refused("name", "taken", _("There is one of that name already. Choose another name.")) from error
    events.record([events.happened(code, row.brand_id, actor=by, fields=sorted(fields), **{noun: row.pk})])
