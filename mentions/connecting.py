"""Connecting: a source with the account and channel it needs, and an account that logs in anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import Brand, Channel, User, public_id
from helpdesk.net import HttpClient
from helpdesk.seal import Unreadable, seal
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Refused
from mentions import accounts, logins
from mentions.models import Account, Source
from mentions.platforms import registry
from mentions.platforms.base import Authorisation, Identity, Platform, PlatformError


@dataclass(frozen=True)
class Wanted:
    """What a person asked to listen to."""

    platform: str
    name: str
    settings: Mapping[str, Any]
    stream: str = ""
    query: str = ""
    rhythm_seconds: int | None = None
    monthly_budget: Decimal | None = None


def add_source(brand: Brand, user: User | None, wanted: Wanted) -> Source:
    """A source, with the account and channel it needs; tested by logging in before anything is stored."""
    try:
        platform = registry.platform(wanted.platform)
    except registry.UnknownPlatform as error:
        raise Refused("platform", "unknown", str(error)) from error
    if wanted.platform not in registry.offered():
        raise Refused(
            "platform",
            "unknown",
            _("This platform cannot be connected. Choose one of: %(known)s.")
            % {"known": ", ".join(registry.offered())},
        )
    stream = stream_of(platform, wanted)
    settings, secrets = logins.split_settings(platform, wanted.settings)
    identity, session = logins.logged_in(brand, platform, settings, secrets)
    missing = identity.abilities.get("private", "") if stream.key == "direct" else ""
    if missing:
        raise Refused("stream", "not_offered", missing)
    if wanted.monthly_budget is not None and not platform.is_paid:
        raise Refused("monthly_budget", "free", _("This platform costs nothing; there is no budget to set."))
    with transaction.atomic():
        Brand.objects.select_for_update(no_key=True).get(pk=brand.pk)  # one new channel of a name at a time
        account = _account(brand, platform, wanted, settings, secrets, identity, session)
        if wanted.monthly_budget is not None:
            account.monthly_budget = wanted.monthly_budget
            account.save(update_fields=["monthly_budget"])
        name = wanted.name if stream.key == platform.streams[0].key else f"{wanted.name}: {wanted.query or stream.name}"
        source, is_new = Source.objects.get_or_create(
            account=account,
            kind=stream.key,
            query=wanted.query,
            defaults={
                "brand": brand,
                "name": name[:100],
                "rhythm_seconds": wanted.rhythm_seconds or stream.rhythm_seconds,
                "budget_per_hour": platform.reads_per_hour,
                "next_poll_at": timezone.now(),
            },
        )
        if not is_new:
            raise Refused(
                "stream", "duplicate", _("This is listened to already, as “%(name)s”.") % {"name": source.name}
            )
        events.record([events.happened("source.added", brand, actor=user, source=source.pk)])
    return source


def stream_of(platform: Platform, wanted: Wanted) -> Any:
    key = wanted.stream or platform.streams[0].key
    stream = next((stream for stream in platform.streams if stream.key == key), None)
    if stream is None:
        raise Refused(
            "stream",
            "unknown",
            _("Choose one of: %(known)s.") % {"known": ", ".join(stream.key for stream in platform.streams)},
        )
    if stream.takes_query and not wanted.query.strip():
        raise Refused("query", "required", _("Say what to search for."))
    if wanted.query and not stream.takes_query:
        raise Refused("query", "not_taken", _("This stream takes no search term."))
    return stream


def _account(
    brand: Brand,
    platform: Platform,
    wanted: Wanted,
    settings: dict[str, str],
    secrets: dict[str, str],
    identity: Identity,
    session: dict[str, Any],
) -> Account:
    """The brand's account with this identity, brought up to date, or a new one with its channel."""
    account = (
        Account.objects.select_for_update()
        .filter(brand=brand, platform=platform.key, namespace=identity.namespace, external_id=identity.external_id)
        .first()
    )
    if account is None:
        shown_as = settings.get("shown_as", "") if platform.key == "demo" else ""
        taken = Channel.objects.filter(brand=brand, platform=platform.key, name=wanted.name).exists()
        if taken:
            raise Refused("name", "taken", _("There is a channel of that name already. Choose another name."))
        channel = Channel.objects.create(
            brand=brand,
            platform=platform.key,
            shown_as=shown_as,
            name=wanted.name,
            handle=one_line(identity.handle, 255),
        )
        account = Account(brand=brand, channel=channel, platform=platform.key)
    elif logins.has_secrets(account, secrets):  # a day that was told with this log-in and not again
        settings = {
            **settings,
            **{name: settings[name] or account.settings.get(name, "") for name in logins.days(platform)},
        }
    _connected(account, settings, secrets, identity, session)
    return account


def _still_there(account: Account, identity: Identity) -> Identity:
    """The identity of a reconnected account: ids stay in the namespace they were stored in.

    A server that tells less of itself today (its domain, its limits) is the same server.
    """
    if account.external_id != identity.external_id or not account.namespace:
        return identity
    return replace(identity, namespace=account.namespace, facts={**account.facts, **identity.facts})


def _connected(
    account: Account, settings: dict[str, str], secrets: dict[str, str], identity: Identity, session: dict[str, Any]
) -> None:
    account.settings, account.secrets = settings, secrets
    account.namespace, account.external_id, account.handle = (
        identity.namespace,
        identity.external_id,
        one_line(identity.handle, 255),
    )
    account.abilities, account.facts = dict(identity.abilities), dict(identity.facts)
    if account.hook_token is None and registry.platform(account.platform).hooks:
        account.hook_token = public_id()
    account.sealed_session = seal(session) if session else ""
    account.session_number += 1
    account.state, account.problem = Account.State.FINE, {}
    account.save()
    Channel.objects.filter(pk=account.channel_id).update(handle=account.handle)
    notices.settle(account.brand_id, accounts.notice_key(account))


def reconnect(account: Account, user: User, given: Mapping[str, Any]) -> None:
    """New settings for an account: tested first, then kept; its sources listen again from where they were."""
    platform = registry.platform(account.platform)
    try:
        stored = account.secrets
    except Unreadable:
        stored = {}
    _not_elsewhere(platform, account.settings, stored, given)
    is_fresh = any(given.get(name) not in (None, account.settings.get(name)) for name in logins.days(platform))
    settings, secrets = logins.split_settings(platform, {**account.settings, **stored, **given}, fresh=is_fresh)
    if secrets == stored:  # tokens may have been renewed since they were entered
        session, keeps = account.session, accounts.keeper_of(account)
    else:
        renewed = logins.Renewed(account.brand, platform, settings, secrets)
        session, keeps = renewed.session, renewed.keep
    identity, session = logins.probe(platform, settings, secrets, session=session, keeps=keeps, account_id=account.pk)
    if account.external_id and identity.external_id != account.external_id:
        field = next((s.name for s in platform.settings if s.secret), platform.settings[0].name)
        raise Refused(
            f"settings.{field}",
            "other_account",
            _("This is another account (%(handle)s). Add it as a source of its own.") % {"handle": identity.handle},
        )
    with transaction.atomic():
        # sources, then account: the order of a worker that stores a page
        list(Source.objects.select_for_update().filter(account=account).order_by("pk"))
        row = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        _connected(row, settings, secrets, _still_there(row, identity), session)
        Source.objects.filter(account=row).update(
            next_poll_at=timezone.now(), failures=0, breaker_until=None, throttled_until=None, problem={}
        )
        events.record([events.happened("account.reconnected", row.brand_id, actor=user, account=row.pk)])


def _not_elsewhere(
    platform: Platform, settings: Mapping[str, Any], stored: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    """A stored secret goes only where it was entered for: who names another server or log-in enters it again."""
    moved = [
        setting
        for setting in platform.settings
        if not setting.secret
        and not setting.is_date
        and not setting.is_free
        and str(given.get(setting.name, settings.get(setting.name, ""))).strip().rstrip("/")
        != str(settings.get(setting.name, "")).strip().rstrip("/")
    ]
    missing = [
        setting
        for setting in platform.settings
        if setting.secret and stored.get(setting.name) and not given.get(setting.name)
    ]
    if moved and missing:
        raise Refused(
            f"settings.{missing[0].name}",
            "required",
            _("Enter this again: %(label)s has changed, and what is stored is not sent anywhere else.")
            % {"label": moved[0].label},
        )


def begin_authorising(wanted: Wanted, back: str, state: str) -> Authorisation:
    """Where to send the person; Refused where the server will not have us."""
    platform = registry.platform(wanted.platform)
    settings, secrets = logins.split_settings(platform, wanted.settings, complete=False)
    with HttpClient() as http:
        try:
            return registry.connector_class(platform.key)(settings, secrets, {}, http=http).authorise(back, state)
        except PlatformError as error:
            raise Refused(
                logins.field_of(platform, error), error.code, accounts.problem_words(error.problem, platform.key)
            ) from error


def authorised(wanted: Wanted, code: str, back: str, kept: Mapping[str, str]) -> dict[str, str]:
    """The secrets that the code they came back with stands for."""
    platform = registry.platform(wanted.platform)
    settings, secrets = logins.split_settings(platform, wanted.settings, complete=False)
    with HttpClient() as http:
        try:
            return registry.connector_class(platform.key)(settings, secrets, {}, http=http).redeem(code, back, kept)
        except PlatformError as error:
            raise Refused(
                logins.field_of(platform, error), error.code, accounts.problem_words(error.problem, platform.key)
            ) from error
