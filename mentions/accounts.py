"""Accounts at work: opening their connectors, log-ins that end, and what happens when a platform refuses one."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.net import HttpClient
from helpdesk.seal import Unreadable, seal
from mentions.models import Account, Source
from mentions.platforms import registry
from mentions.platforms.base import WORDS, Connector, Identity, Keeper, PlatformError

log = logging.getLogger(__name__)

LONGEST_RENEWAL = 40.0  # seconds
WARNED_BEFORE = dt.timedelta(days=14)


def open_connector(account: Account, http: HttpClient | None = None) -> Connector:
    """A connector at work for this account. PlatformError("seal") where its secrets do not open."""

    keep = keeper_of(account)
    try:
        secrets, session = account.secrets, account.session
    except Unreadable as error:
        raise PlatformError("seal", str(error), permanent=True) from error
    return registry.connector_class(account.platform)(
        account.settings,
        secrets,
        session,
        identity=identity_of(account),
        http=http,
        keeper=Keeper(keep, lambda make: renewed(account, make, keep)),
        account_id=account.pk,
    )


def keeper_of(account: Account) -> Callable[[dict[str, Any]], None]:
    def keep(session: dict[str, Any]) -> None:
        """Keep a new session, unless another worker has kept a newer one meanwhile."""
        mine = Account.objects.filter(pk=account.pk, session_number=account.session_number)
        if mine.update(sealed_session=seal(session), session_number=F("session_number") + 1):
            account.session_number += 1

    return keep


def renewed(
    account: Account, make: Callable[[], dict[str, Any]], keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """A new session for the account: made by `make` in one worker at a time; the others take what that one made.

    Who makes it holds a lease on the row, not a lock: the platform is asked meanwhile.
    """
    until = time.monotonic() + LONGEST_RENEWAL
    while time.monotonic() < until:
        now = timezone.now()
        rows = Account.objects.filter(pk=account.pk, session_number=account.session_number)
        free = rows.filter(Q(session_lease_until=None) | Q(session_lease_until__lt=now))
        if free.update(session_lease_until=now + dt.timedelta(seconds=LONGEST_RENEWAL)):
            try:
                session = make()
                keep(session)
                return session
            finally:
                Account.objects.filter(pk=account.pk).update(session_lease_until=None)
        row = Account.objects.get(pk=account.pk)
        if row.session_number != account.session_number:
            account.session_number = row.session_number
            return row.session
        time.sleep(0.2)
    raise PlatformError("unavailable", _("another worker renews the log-in"))


def identity_of(account: Account) -> Identity:
    """Who the account is on its platform, as connecting found."""
    return Identity(account.namespace, account.external_id, account.handle, account.abilities, account.facts)


def closed_connector(account: Account) -> Connector:
    """A connector without secrets, for questions that need no request: limits, lengths, costs."""
    return registry.connector_class(account.platform)(account.settings, {}, {}, identity=identity_of(account))


def problem_words(problem: Mapping[str, Any], platform: str) -> str:
    """A stored problem as a sentence."""
    if not problem:
        return ""
    words = WORDS.get(str(problem.get("code")), WORDS["bug"])
    return _(words) % {"platform": registry.name_of(platform), "detail": problem.get("detail") or _("no details")}


def ends_on(account: Account) -> dt.date | None:
    """The last day of a log-in that only a person can renew, where it is known."""
    told = account.settings.get("expires_on")
    return dt.date.fromisoformat(told) if isinstance(told, str) and is_day(told) else None


def is_day(value: str) -> bool:
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def ends_soon(account: Account, now: dt.datetime) -> bool:
    day = ends_on(account)
    return day is not None and day - timezone.localtime(now).date() <= WARNED_BEFORE


def tell_of_endings(now: dt.datetime) -> None:
    """The managers hear of log-ins that end soon; once each, and no more where a later end has been entered."""
    listening = Account.objects.filter(state=Account.State.FINE, sources__is_active=True)
    for account in listening.select_related("channel").distinct():
        key = f"ending:{account.pk}"
        last = ends_on(account)
        if last is not None and ends_soon(account, now):
            name, day = account.channel.name, last.isoformat()
            notices.tell(account.brand_id, key, "account.ending", link="/desk/sources/", name=name, day=day)
        else:
            notices.settle(account.brand_id, key)


def refused(used: Account, problem: Mapping[str, Any]) -> None:
    """The platform refuses our log-in: listening and sending pause, and the managers are told once.

    `used`: the account as the caller knew it. Where somebody has reconnected it since, the refusal is an old one.
    """
    with transaction.atomic():
        rows = Account.objects.select_for_update(of=("self",), no_key=True).select_related("channel")
        account = rows.get(pk=used.pk)
        if account.state == Account.State.RECONNECT or account.session_number != used.session_number:
            return
        account.state, account.problem = Account.State.RECONNECT, dict(problem)
        account.session_number += 1  # what it logged in with stays: a refusal may have been a mistake
        account.save(update_fields=["state", "problem", "session_number"])
        Source.objects.filter(account=account).fall_silent(problem)
        link = "/desk/sources/"
        notices.tell(account.brand_id, notice_key(account), "account.reconnect", link=link, name=account.channel.name)
        events.record(
            [events.happened("account.refused", account.brand_id, account=account.pk, problem=problem.get("code"))]
        )
    log.warning("account %s needs reconnection (%s)", used.pk, problem.get("code"))


def accepted(account: Account) -> None:
    """A log-in that was refused works again (a forced look found out): sending and listening go on."""
    with transaction.atomic():
        changed = Account.objects.filter(pk=account.pk, state=Account.State.RECONNECT).update(
            state=Account.State.FINE, problem={}
        )
        if changed:
            notices.settle(account.brand_id, notice_key(account))
            events.record([events.happened("account.accepted", account.brand_id, account=account.pk)])


def notice_key(account: Account) -> str:
    return f"account:{account.pk}"
