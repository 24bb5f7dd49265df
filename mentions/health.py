"""How a source is, in words: one function, read by the desk, the API and `doctor`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mentions import accounts
from mentions.accounts import problem_words
from mentions.models import Account, Source


@dataclass(frozen=True)
class Health:
    """`code`: fresh, new, ending, late, throttled, reconnect, broken or paused. `words` say it, `why` says more."""

    code: str
    words: str
    why: str = ""

    @property
    def is_well(self) -> bool:
        return self.code in ("fresh", "new", "paused")


def health(source: Source, now: dt.datetime) -> Health:
    """`source.account` must be loaded."""
    why = problem_words(source.account.problem or source.problem, source.account.channel.appears_as)
    if source.account.state == Account.State.RECONNECT:
        return Health("reconnect", _("Needs reconnection"), why)
    if not source.is_active:
        return Health("paused", _("Paused"), why)
    if source.throttled_until and source.throttled_until > now:
        return Health("throttled", _("Throttled"), why)
    if source.breaker_until is not None:
        return Health("broken", _("Broken"), why)
    if source.last_fine_at is None and not source.failures and now - source.created_at < patience(source):
        return Health("new", _("Not yet heard"))
    last = source.expected_at or source.last_fine_at or source.created_at  # slowed down for money, it is not late
    if source.failures or now - last > patience(source):
        return Health(
            "late",
            _("Late"),
            why or _("No worker has looked for a while. Whoever runs the server can tell why (`manage.py doctor`)."),
        )
    ends_on = accounts.ends_on(source.account)
    if ends_on is not None and accounts.ends_soon(source.account, now):
        day = date_format(ends_on, "j F")
        return Health("ending", _("Log-in ends soon"), _("It ends on %(day)s. Enter a new token.") % {"day": day})
    return Health("fresh", _("Fresh"))


def patience(source: Source) -> dt.timedelta:
    """How long after its last look a source counts as late."""
    return dt.timedelta(seconds=source.rhythm_seconds * 3 + 60)
