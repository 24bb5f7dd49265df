"""Parts of the company, and who answers for them."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Area, Brand, Membership, User
from helpdesk.permissions import Role
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Conflict, Refused


@transaction.atomic
def save(brand: Brand, by: User, row: Area | None = None, **values: Any) -> Area:
    """A new area, or this one changed: its `name`, and its `manager_id`, somebody of the brand."""
    area = Area(brand=brand) if row is None else row
    for name, value in values.items():
        setattr(area, name, one_line(value, 100) if name == "name" else value)
    if not area.name:
        raise Refused("name", "blank", _("Give it a name."))
    able = Membership.objects.filter(brand=brand, user=area.manager_id, user__is_active=True).exclude(role=Role.AUDITOR)
    if area.manager_id is not None and not able.exists():
        raise Refused("manager", "unknown", _("Choose somebody who works for this brand."))
    is_new = area.pk is None
    try:
        with transaction.atomic():
            area.save()
    except IntegrityError as error:
        raise Refused("name", "taken", _("There is an area of that name. Choose another name.")) from error
    code = "area.added" if is_new else "area.changed"
    events.record([events.happened(code, brand, actor=by, area=area.pk, fields=sorted(values))])
    return area


@transaction.atomic
def remove(area: Area, by: User) -> None:
    """Conflict where something was learnt about it: what was written stays."""
    if area.lessons.exists():
        raise Conflict(
            _("Recommendations were written for it. Give it another name, or somebody else who answers for it.")
        )
    events.record([events.happened("area.removed", area.brand_id, actor=by, area=area.pk)])
    area.delete()
