"""Who is there: a brand's ladder as rows say it now, and who is asked at a level."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter, defaultdict
from typing import Any, NamedTuple

from helpdesk.models import Brand, Escalation, EscalationPolicy, Level, Membership, Shift, Ticket, User
from helpdesk.permissions import RANK, Role
from helpdesk.workflow.calendars import hours_of
from helpdesk.workflow.ladder import Ladder, Watch, on_duty, rung_of
from helpdesk.workflow.promises import Promises


class Responsible(NamedTuple):
    """Who must acknowledge: a person, or a team of which anybody may; `reason` says why it is them."""

    user_id: int | None
    team_id: int | None
    reason: str  # duty, team, role or nobody


class House:
    """A brand's ladder and its people, read once for a batch of tickets. Counts whom it has asked meanwhile."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        levels = list(Level.objects.filter(brand=brand).select_related("calendar").order_by("number"))
        policies = EscalationPolicy.objects.filter(brand=brand, is_active=True).order_by("position", "id")
        self.levels = {level.number: level for level in levels}
        self.ladder = Ladder([rung_of(level, hours_of(level.calendar)) for level in levels], list(policies))
        members = Membership.objects.filter(brand=brand, user__is_active=True).order_by("user_id")
        self._roles = {
            user: Role(role) for user, role in members.values_list("user_id", "role") if role != Role.AUDITOR
        }
        self._watches: dict[int, list[Watch]] = defaultdict(list)
        for shift in Shift.objects.filter(brand=brand).order_by("id"):
            if shift.user_id in self._roles:
                self._watches[shift.level_id].append(_watch(shift))
        self._team_sizes = self._counted_teams(levels)
        self._promises: Promises | None = None
        self._duty: dict[tuple[int, dt.datetime], list[int]] = {}
        self._open: Counter[int | None] | None = None

    def _counted_teams(self, levels: list[Level]) -> dict[int, int]:
        teams = {level.team_id for level in levels if level.team_id}
        if not teams:
            return {}
        seats = User.teams.through.objects.filter(team__in=teams, user__in=self._roles)
        return dict(Counter(seats.values_list("team_id", flat=True)))

    @property
    def promises(self) -> Promises:
        """What the brand promises, read when it is first asked for."""
        if self._promises is None:
            self._promises = Promises.of(self.brand)
        return self._promises

    def responsible(self, number: int, now: dt.datetime, but: int | None = None) -> Responsible:
        """Who is asked at that level: who is on duty, else its team, else the brand's leads and up, the least busy first.

        `but`: somebody who cannot be asked, for what is theirs.
        """
        level = self.levels.get(number)
        if level is not None:
            there = [user for user in self._on_duty(level, now) if user != but]
            if there:
                return Responsible(self._least_busy(there), level.team_id, "duty")
            if level.team_id and self._team_sizes.get(level.team_id):
                return Responsible(None, level.team_id, "team")
        # the higher the rung, the higher the role: a level without people is no way to lose a ticket
        wanted = Role.LEAD if number <= 2 else Role.MANAGER
        for least in (wanted, Role.LEAD, Role.AGENT):
            able = [user for user, role in self._roles.items() if RANK[role] >= RANK[least] and user != but]
            if able:
                return Responsible(self._least_busy(able), None, "role")
        return Responsible(None, None, "nobody")

    def _on_duty(self, level: Level, now: dt.datetime) -> list[int]:
        if (level.pk, now) not in self._duty:
            self._duty[level.pk, now] = on_duty(self._watches[level.pk], now, self._zone(level))
        return self._duty[level.pk, now]

    def _zone(self, level: Level) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(level.calendar.time_zone if level.calendar else self.brand.time_zone)

    def _least_busy(self, users: list[int]) -> int:
        if self._open is None:
            rows = Escalation.objects.filter(brand=self.brand, ended_at=None, owner__in=list(self._roles))
            self._open = Counter(rows.values_list("owner_id", flat=True))
        found = min(users, key=lambda user: (self._open[user], user))  # type: ignore[index]
        self._open[found] += 1
        return found


def _watch(shift: Shift) -> Watch:
    return Watch(shift.user_id, frozenset(shift.weekdays), shift.start, shift.end, shift.since, shift.until)


def raised(house: House, ticket: Ticket, level: int, reason: dict[str, Any], now: dt.datetime) -> Escalation:
    """A step up to that level, unsaved; the ticket (unsaved, too) stands there."""
    who = house.responsible(level, now)
    by = house.ladder.rungs[level].look_at(now)
    row = Escalation(
        brand_id=ticket.brand_id,
        ticket=ticket,
        level=level,
        before=ticket.level,
        reason={**reason, "asked": who.reason},
        owner_id=who.user_id,
        team_id=who.team_id,
        raised_at=now,
        acknowledge_by=by,
        next_at=by,
    )
    ticket.level = level
    if who.team_id:
        ticket.team_id = who.team_id
    return row
