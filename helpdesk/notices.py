"""Notices: told once, worded at read, settled when what they tell of is over."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from helpdesk.models import Brand, Notice, User
from helpdesk.permissions import RANK, Role
from helpdesk.ports import ports


def tell(
    brand: Brand | int,
    key: str,
    code: str,
    *,
    least: Role = Role.MANAGER,
    user: User | None = None,
    link: str = "",
    **params: Any,
) -> bool:
    """Open a notice unless one with that key is open already. True where it is new. `user` reads it, too, whatever their role."""
    row = Notice(
        brand_id=getattr(brand, "pk", brand), key=key, code=code, params=params, least_role=least, link=link, user=user
    )
    before = Notice.objects.filter(brand_id=row.brand_id, key=key, settled_at=None).exists()
    if not before:
        Notice.objects.bulk_create([row], ignore_conflicts=True)
    return not before


def settle(brand: Brand | int, key: str) -> None:
    """What the notice told of is over."""
    Notice.objects.filter(brand_id=getattr(brand, "pk", brand), key=key, settled_at=None).update(
        settled_at=timezone.now()
    )


def settle_all(brand: Brand | int, *codes: str, link: str = "") -> None:
    """All of these codes, or those that lead to `link`, are over."""
    rows = Notice.objects.filter(brand_id=getattr(brand, "pk", brand), code__in=codes, settled_at=None)
    (rows.filter(link=link) if link else rows).update(settled_at=timezone.now())


def for_user(user: User) -> QuerySet[Notice]:
    """The notices this user's roles reach, newest first."""
    rows = Notice.objects.none()
    for brand_id, role in user.roles.items():
        seen = [least for least in Role if RANK[least] <= RANK[Role(role)]]
        rows = rows | Notice.objects.filter(Q(least_role__in=seen) | Q(user=user), brand_id=brand_id)
    return rows.order_by("-created_at", "-id")


def wording(notice: Notice) -> str:
    """The sentence: what happened and what to do. Unknown codes are shown as they are."""
    words = WORDS.get(notice.code) or ports.notice_words.get(notice.code)
    if words is None:
        return f"{notice.code} {notice.params}"
    return _(words) % {"name": "", "problem": "", **notice.params, **_days(notice.params)}


def _days(params: dict[str, Any]) -> dict[str, str]:
    """Days are kept as YYYY-MM-DD and read in the reader's language."""
    try:
        return {"day": date_format(dt.date.fromisoformat(params["day"]), "j F")}
    except (KeyError, TypeError, ValueError):
        return {}


WORDS: dict[str, str] = {}
