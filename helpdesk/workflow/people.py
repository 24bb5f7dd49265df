"""Teams: who shares a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Brand, Level, Membership, Team, User
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Conflict, Refused


@transaction.atomic
def save_team(
    brand: Brand, by: User, row: Team | None = None, *, name: str | None = None, members: Sequence[int] | None = None
) -> Team:
    """A new team, or this one changed. Only who works for the brand can be of it."""
    team = Team(brand=brand) if row is None else row
    if name is not None:
        team.name = one_line(name, 100)
    if not team.name:
        raise Refused("name", "blank", _("Give it a name."))
    is_new = team.pk is None
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        raise Refused("name", "taken", _("There is a team of that name. Choose another name.")) from error
    changed: dict[str, Any] = {"name": name, "members": members}
    if members is not None:
        known = set(Membership.objects.filter(brand=brand, user__in=members).values_list("user_id", flat=True))
        if set(members) - known:
            raise Refused("members", "unknown", _("Choose from those who work for this brand: see /api/v1/members/."))
        team.members.set(known)
    code = "team.added" if is_new else "team.changed"
    fields = sorted(name for name, value in changed.items() if value is not None)
    events.record([events.happened(code, brand, actor=by, team=team.pk, fields=fields)])
    return team


@transaction.atomic
def remove_team(team: Team, by: User) -> None:
    """Its tickets are nobody's team's. Conflict where a level asks it."""
    levels = Level.objects.filter(team=team)
    if levels.exists():
        names = ", ".join(str(level) for level in levels[:3])
        raise Conflict(_("These levels ask this team: %(names)s. Give them another one first.") % {"names": names})
    events.record([events.happened("team.removed", team.brand_id, actor=by, team=team.pk)])
    team.delete()
