"""Who may do what: the one table, read by the desk and the API alike (DESIGN.md, "Roles").

A user has one role per brand. `may(user, action, brand_id)` answers for one brand; querysets are scoped by
`visible_to(user)`, which asks for no role but a membership. A superuser without a membership sees no brand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from helpdesk.models import User


class Role(TextChoices):
    AUDITOR = "auditor", _("Auditor")
    AGENT = "agent", _("Agent")
    LEAD = "lead", _("Lead")
    MANAGER = "manager", _("Manager")
    OWNER = "owner", _("Owner")


RANK = {Role.AUDITOR: 0, Role.AGENT: 1, Role.LEAD: 2, Role.MANAGER: 3, Role.OWNER: 4}

READ, ANSWER, LEADS, MANAGES, OWNS = Role.AUDITOR, Role.AGENT, Role.LEAD, Role.MANAGER, Role.OWNER

# action -> the least role that may do it
LEAST: dict[str, Role] = {
    "read": READ,
    "notice.read": READ,
    "ticket.log": ANSWER,
    "ticket.reply": ANSWER,
    "ticket.note": ANSWER,
    "ticket.acknowledge": ANSWER,
    "ticket.moderate": ANSWER,
    "ticket.assign": ANSWER,
    "ticket.resolve": ANSWER,
    "ticket.edit": ANSWER,
    "ticket.triage": ANSWER,
    "ticket.link": ANSWER,
    "ticket.split": ANSWER,
    "ticket.escalate": ANSWER,
    "escalation.acknowledge": ANSWER,
    "approval.decide": ANSWER,
    "follow_up.edit": ANSWER,
    "escalation.lower": ANSWER,
    "concession.ask": ANSWER,
    "survey.ask": ANSWER,
    "incident.edit": ANSWER,
    "lesson.write": ANSWER,
    "lesson.answer": ANSWER,
    "incident.say": LEADS,
    "incident.resolve": LEADS,
    "customer.edit": ANSWER,
    "customer.join": ANSWER,
    "article.write": ANSWER,
    "topic.edit": ANSWER,
    "article.publish": LEADS,
    "idea.decide": LEADS,
    "help.edit": MANAGES,
    "ticket.merge": LEADS,
    "ticket.reassign": LEADS,
    "delivery.retry": LEADS,
    "delivery.decide": LEADS,
    "quarantine.retry": LEADS,
    "source.poll": LEADS,
    "source.edit": MANAGES,
    "brand.edit": MANAGES,
    "policy.edit": MANAGES,
    "team.edit": MANAGES,
    "guard.edit": MANAGES,
    "notice.settle": MANAGES,
    "member.edit": OWNS,
    "customer.erase": OWNS,
    "token.edit": OWNS,
}


def least_role(action: str) -> Role:
    return LEAST[action]


def role_of(user: User | AnonymousUser, brand_id: int | None) -> Role | None:
    """The user's role in the brand; None for outsiders."""
    if not user.is_authenticated or not user.is_active or brand_id is None:
        return None
    role = user.roles.get(brand_id)
    return Role(role) if role else None


def may(user: User | AnonymousUser, action: str, brand_id: int | None) -> bool:
    """Whether the user's role in the brand reaches `action`. KeyError for an action the table lacks."""
    role = role_of(user, brand_id)
    return role is not None and RANK[role] >= RANK[LEAST[action]]


def may_anywhere(user: User | AnonymousUser, action: str) -> bool:
    """Whether the user may do `action` in at least one brand."""
    return bool(brands_where(user, action))


def brands_where(user: User | AnonymousUser, action: str) -> list[int]:
    """Ids of the brands in which the user may do `action`."""
    if not user.is_authenticated or not user.is_active:
        return []
    least = RANK[LEAST[action]]
    return [brand_id for brand_id, role in user.roles.items() if RANK[Role(role)] >= least]
