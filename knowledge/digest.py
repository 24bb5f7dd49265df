"""Telling editors of their week, once: on Monday morning where the brand is, by email and a line in its chat."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from helpdesk.models import Alert, Brand, Membership
from helpdesk.permissions import RANK, Role, least_role
from helpdesk.workflow import alerts
from knowledge.models import Digest
from knowledge.reports import week

HOUR = 8  # o'clock, where the brand is
LATE = dt.timedelta(days=3)  # after which last week is no news any more
WORDS = (
    _("The week of the help centre: %(topics)s new topics, %(doubts)s articles that stopped answering"),
    _("Looked for in vain: %(missed)s searches. To be looked at again: %(reviews)s articles. Links that lead nowhere: %(broken)s."),
)  # fmt: skip


def tell(now: dt.datetime) -> int:
    """Tell the brands whose Monday morning has come and that were not told yet; how many."""
    told = 0
    for brand in Brand.objects.order_by("id"):
        monday = due(brand, now)
        if monday is not None and not Digest.objects.filter(brand=brand, week=monday).exists():
            told += _tell(brand, monday, now)
    return told


def due(brand: Brand, now: dt.datetime) -> dt.date | None:
    """The Monday of the week that is over and to be told of now; None where it is too early or too late."""
    here = now.astimezone(zoneinfo.ZoneInfo(brand.time_zone))
    monday = here.date() - dt.timedelta(days=here.weekday())
    from_now_on = dt.datetime.combine(monday, dt.time(HOUR), here.tzinfo)
    return monday - week.SEVEN if from_now_on <= here < from_now_on + LATE else None


def _tell(brand: Brand, monday: dt.date, now: dt.datetime) -> bool:
    """False where another worker was first, or where there is nothing to tell."""
    with timezone.override(brand.time_zone):
        counts = week.of(brand, monday).counts
    with transaction.atomic():
        _row, is_new = Digest.objects.get_or_create(brand=brand, week=monday, defaults={"counts": counts})
        if not is_new or not any(counts.values()):
            return False
        ways = [Alert.By.EMAIL] if settings.EMAIL_BACKEND != alerts.DUMMY else []
        ways += [Alert.By.HOOK] if alerts.hook_of(brand) else []
        link = f"{reverse('desk:help_week')}?brand={brand.slug}&week={monday.isoformat()}"
        Alert.objects.bulk_create(alerts.rows(brand.pk, "help.week", ways, _editors(brand), now, link=link, **counts))
    return True


def _editors(brand: Brand) -> list[int]:
    """Those who publish, but for owners and managers, who have others for it; these where there is nobody else."""
    least = RANK[least_role("article.publish")]
    rows = Membership.objects.filter(brand=brand, user__is_active=True).values_list("user", "role")
    able = [(user, Role(role)) for user, role in rows if RANK[Role(role)] >= least]
    leads = [user for user, role in able if role == Role.LEAD]
    return leads or [user for user, _role in able]
