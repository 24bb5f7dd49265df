"""Times in which a source was not heard: written down when it is heard again, with why, and with what is lost for good."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _

from mentions import accounts
from mentions.models import Gap, Source
from mentions.platforms import registry

SHORTEST = dt.timedelta(minutes=10)
SHOWN = dt.timedelta(days=7)
MOST_SHOWN = 3


def note(source: Source, now: dt.datetime, left_out: Mapping[str, Any]) -> None:
    """`source`, as it was before a look that went well at `now`: a gap, where that look came long after it was due.

    And where more had piled up than the platform shows (`left_out` says so), whenever it came.
    """
    begun = source.last_fine_at
    if left_out:
        since = begun or source.created_at
        row = Gap(brand_id=source.brand_id, source=source, since=since, until=now, problem=dict(left_out))
        row.lost_until = now
        row.save()
        return
    expected = source.expected_at or begun
    if begun is None or expected is None:
        return
    if now - expected <= max(SHORTEST, dt.timedelta(seconds=3 * source.rhythm_seconds + 60)):
        return
    keeps = registry.platform(source.account.platform).stream(source.kind).keeps_days
    lost_until = None if keeps is None else now - dt.timedelta(days=keeps)
    Gap.objects.create(
        brand_id=source.brand_id,
        source=source,
        since=begun,
        until=now,
        problem=source.silent or {"code": "idle"},
        lost_until=lost_until if lost_until is not None and lost_until > begun else None,
    )


def latest(sources: Collection[int], now: dt.datetime) -> dict[int, list[Gap]]:
    """Of each of these sources, the newest gaps of the last days, newest first."""
    found: dict[int, list[Gap]] = defaultdict(list)
    rows = Gap.objects.filter(source__in=sources, until__gt=now - SHOWN).select_related("source__account__channel")
    for gap in rows.order_by("-until"):
        if len(found[gap.source_id]) < MOST_SHOWN:
            found[gap.source_id].append(gap)
    return found


def words(gap: Gap) -> str:
    """Why, and what of it is lost: a sentence or two."""
    why = accounts.problem_words(gap.problem, gap.source.account.channel.appears_as)
    if gap.problem.get("code") == "backlog":
        return why
    if gap.lost_until is None:
        return _("%(why)s It went on from where it was.") % {"why": why}
    if gap.lost_until >= gap.until:
        return _("%(why)s What the platform no longer showed when we were back is missing here.") % {"why": why}
    return _("%(why)s What was said in the first part of it is no longer there to be read.") % {"why": why}
