"""Accounts: connecting them, opening their connectors, and what happens when a platform refuses our log-in."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events, notices
from helpdesk.models import Brand, Channel, User, public_id
from helpdesk.net import HttpClient, NetError, checked_url
from helpdesk.text.clean import one_line
from helpdesk.workflow.tickets import Refused
from mentions.models import Account, KeptSession, Source
from mentions.platforms import registry
from mentions.platforms.base import (
    NOTHING,
    WORDS,
    Authorisation,
    Connector,
    Identity,
    Keeper,
    Platform,
    PlatformError,
    Post,
)
from mentions.seal import Unreadable, seal, unseal

log = logging.getLogger(__name__)

LONGEST_RENEWAL = 40.0  # seconds
WARNED_BEFORE = dt.timedelta(days=14)


def open_connector(account: Account, http: HttpClient | None = None) -> Connector:
    """A connector at work for this account. PlatformError("seal") where its secrets do not open."""

    keep = _keeper_of(account)
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


def _keeper_of(account: Account) -> Callable[[dict[str, Any]], None]:
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


# --- connecting ------------------------------------------------------------------------------------------------


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


def split_settings(
    platform: Platform, given: Mapping[str, Any], *, complete: bool = True, fresh: bool = True
) -> tuple[dict[str, str], dict[str, str]]:
    """(open, secret) settings, complete and of the right kind; Refused names the first that is not.

    Where they need not be `complete`, secrets may still be missing; where they are not `fresh`, a day may be over.
    """
    known = {setting.name for setting in platform.settings}
    unknown = sorted(set(given) - known)
    if unknown:
        raise Refused(
            f"settings.{unknown[0]}",
            "unknown",
            _("%(platform)s has no such setting. It takes: %(known)s.")
            % {"platform": platform.name, "known": ", ".join(sorted(known)) or "—"},
        )
    values: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for setting in platform.settings:
        raw = given.get(setting.name, setting.default)
        if not isinstance(raw, str):
            raise Refused(f"settings.{setting.name}", "no_text", _("This must be text."))
        value = raw.strip()
        if not value and setting.required and (complete or not setting.secret):
            raise Refused(
                f"settings.{setting.name}",
                "required",
                _("%(label)s is missing. %(help)s") % {"label": setting.label, "help": setting.help},
            )
        if len(value) > 1000 or any(ord(letter) < 32 for letter in value):
            raise Refused(f"settings.{setting.name}", "invalid", _("This is too long or holds control characters."))
        if setting.is_date and value:
            _check_day(setting.name, value, fresh=fresh)
        if setting.choices and value not in dict(setting.choices):
            raise Refused(
                f"settings.{setting.name}",
                "unknown",
                _("Choose one of: %(known)s.") % {"known": ", ".join(dict(setting.choices))},
            )
        if setting.is_url:
            try:
                checked_url(value)
            except NetError as error:
                raise Refused(
                    f"settings.{setting.name}",
                    "bad_url",
                    _("This is no usable address: it %(why)s.") % {"why": error.detail},
                ) from error
            value = value if setting.is_page else value.rstrip("/")
        values[setting.secret][setting.name] = value
    return values[False], values[True]


def _check_day(name: str, value: str, *, fresh: bool) -> None:
    if not _is_day(value):
        raise Refused(f"settings.{name}", "invalid", _("Write the day as YYYY-MM-DD."))
    if fresh and value < timezone.localdate().isoformat():
        raise Refused(f"settings.{name}", "past", _("This day is over. Enter the day on which the log-in will end."))


def _is_day(value: str) -> bool:
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


class Renewed:
    """What a test of this log-in has renewed: kept for the next test and for the account that may come of it.

    A refresh token is good for once. Where a test used it and what came of that were forgotten, the person would have
    to authorise again. Kept for this very log-in only, at this very server.
    """

    def __init__(
        self, brand: Brand, platform: Platform, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        free = {setting.name for setting in platform.settings if setting.is_free or setting.is_date}
        where = {name: value for name, value in settings.items() if name not in free}
        entered = json.dumps([platform.key, sorted(where.items()), sorted(secrets.items())])
        self._is_used_up = bool(secrets.get("refresh_token"))
        key = django_settings.SECRET_KEY.encode()
        self._brand, self._name = brand, hmac.new(key, entered.encode(), hashlib.sha256).hexdigest()

    @property
    def session(self) -> dict[str, Any]:
        if not self._is_used_up:
            return {}
        row = KeptSession.objects.filter(brand=self._brand, fingerprint=self._name).first()
        try:
            return unseal(row.sealed_session) if row is not None else {}
        except Unreadable:
            return {}

    def keep(self, session: dict[str, Any]) -> None:
        if not self._is_used_up:
            return
        KeptSession.objects.update_or_create(
            brand=self._brand,
            fingerprint=self._name,
            defaults={"sealed_session": seal(session), "kept_at": timezone.now()},
        )


def probe(
    platform: Platform,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    *,
    session: Mapping[str, Any] = NOTHING,
    keeps: Callable[[dict[str, Any]], None] | None = None,
    account_id: int = 0,
) -> tuple[Identity, dict[str, Any]]:
    """Log in and look: (who we are, the session). Refused says at which field what is wrong.

    `session`: what is known of this log-in already; `keeps` is given each new one at once, whatever comes after.
    """
    kept = dict(session)

    def keep(session: dict[str, Any]) -> None:
        kept.clear()
        kept.update(session)
        if keeps is not None:
            keeps(session)

    with HttpClient() as http:
        connector = registry.connector_class(platform.key)(
            settings, secrets, kept, http=http, keeper=Keeper(keep), account_id=account_id
        )
        try:
            identity = connector.connect()
            if not identity.external_id or max(len(identity.external_id), len(identity.namespace)) > 255:
                raise PlatformError("undecodable", "an account without a usable id")
            return identity, kept
        except PlatformError as error:
            raise Refused(_field_of(platform, error), error.code, problem_words(error.problem, platform.key)) from error


def _field_of(platform: Platform, error: PlatformError) -> str:
    """The setting a failed log-in is about: the one it names, else the most likely."""
    if any(setting.name == error.only for setting in platform.settings):
        return f"settings.{error.only}"
    secret = next((setting.name for setting in platform.settings if setting.secret), "")
    address = next((setting.name for setting in platform.settings if setting.is_url), "")
    name = secret if error.code in ("credentials", "forbidden") else address
    return f"settings.{name}" if name else "settings"


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
    stream = _stream(platform, wanted)
    settings, secrets = split_settings(platform, wanted.settings)
    identity, session = _logged_in(brand, platform, settings, secrets)
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


def _logged_in(
    brand: Brand, platform: Platform, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> tuple[Identity, dict[str, Any]]:
    """Who we are with this log-in, and its session: as an account has it, or as tested now."""
    renewed = Renewed(brand, platform, settings, secrets)
    return _known_log_in(brand, platform, settings, secrets) or probe(
        platform, settings, secrets, session=renewed.session, keeps=renewed.keep
    )


def _known_log_in(
    brand: Brand, platform: Platform, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> tuple[Identity, dict[str, Any]] | None:
    """Who we are by the brand's account with this very log-in, as it stands, and its session."""
    account = _same_log_in(brand, platform, settings, secrets)
    return None if account is None else (identity_of(account), account.session)


def _same_log_in(
    brand: Brand, platform: Platform, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> Account | None:
    """The brand's account with this very log-in: its tokens may have been renewed since they were entered."""
    if not secrets:
        return None
    rows = Account.objects.filter(brand=brand, platform=platform.key, state=Account.State.FINE)
    for account in rows.select_related("channel", "brand"):
        same = _undated(platform, account.settings) == _undated(platform, settings)
        if same and _has_secrets(account, secrets):
            return account
    return None


def _has_secrets(account: Account, secrets: Mapping[str, str]) -> bool:
    try:
        return account.secrets == dict(secrets)
    except Unreadable:
        return False


def _undated(platform: Platform, settings: Mapping[str, str]) -> dict[str, str]:
    """Settings without days: what a log-in is made of."""
    return {name: value for name, value in settings.items() if name not in _days(platform) and value}


def _days(platform: Platform) -> list[str]:
    return [setting.name for setting in platform.settings if setting.is_date]


def begin_authorising(wanted: Wanted, back: str, state: str) -> Authorisation:
    """Where to send the person; Refused where the server will not have us."""
    platform = registry.platform(wanted.platform)
    settings, secrets = split_settings(platform, wanted.settings, complete=False)
    with HttpClient() as http:
        try:
            return registry.connector_class(platform.key)(settings, secrets, {}, http=http).authorise(back, state)
        except PlatformError as error:
            raise Refused(_field_of(platform, error), error.code, problem_words(error.problem, platform.key)) from error


def authorised(wanted: Wanted, code: str, back: str, kept: Mapping[str, str]) -> dict[str, str]:
    """The secrets that the code they came back with stands for."""
    platform = registry.platform(wanted.platform)
    settings, secrets = split_settings(platform, wanted.settings, complete=False)
    with HttpClient() as http:
        try:
            return registry.connector_class(platform.key)(settings, secrets, {}, http=http).redeem(code, back, kept)
        except PlatformError as error:
            raise Refused(_field_of(platform, error), error.code, problem_words(error.problem, platform.key)) from error


def last_day(account: Account, stream: str, query: str) -> tuple[list[Post], bool]:
    """What a stream of a connected account brought in the last 24 hours, and whether that was read to its end."""
    day_ago = timezone.now() - dt.timedelta(days=1)
    with HttpClient() as http:
        try:
            connector = open_connector(account, http)
            posts, is_all = _read_back(connector, stream, query, day_ago)
        except PlatformError as error:
            raise Refused("channel", error.code, problem_words(error.problem, account.platform)) from error
    return [post for post in posts if post.said_at >= day_ago], is_all


def _read_back(connector: Connector, stream: str, query: str, until: dt.datetime) -> tuple[list[Post], bool]:
    """The newest posts, back to `until` or for a few pages; whether `until` was reached."""
    posts: list[Post] = []
    for number, page in enumerate(connector.fetch(stream, query, {}), 1):
        posts += page.posts
        if any(post.said_at < until for post in page.posts):
            return posts, True
        if number == PREVIEW_PAGES:
            return posts, False
    return posts, True


@dataclass(frozen=True)
class Preview:
    """What listening there would bring: who we are, the newest items, and how many came in the last day (of those read)."""

    identity: Identity
    posts: tuple[Post, ...]
    last_day: int
    is_all: bool  # whether the last day was read to its end


SHOWN, PREVIEW_PAGES = 5, 3


def preview(wanted: Wanted, brand: Brand) -> Preview:
    """Log in, look, and store nothing but tokens that were renewed. Refused says at which field what is wrong."""
    try:
        platform = registry.platform(wanted.platform)
    except registry.UnknownPlatform as error:
        raise Refused("platform", "unknown", str(error)) from error
    stream = _stream(platform, wanted)
    settings, secrets = split_settings(platform, wanted.settings)
    account = _same_log_in(brand, platform, settings, secrets)
    renewed = Renewed(brand, platform, settings, secrets)
    identity, session = _logged_in(brand, platform, settings, secrets)
    day_ago = timezone.now() - dt.timedelta(days=1)
    with HttpClient() as http:
        if account is not None:  # what it renews is the account's
            connector = open_connector(account, http)
        else:
            connector = registry.connector_class(platform.key)(
                settings, secrets, session, identity=identity, http=http, keeper=Keeper(renewed.keep)
            )
        try:
            posts, is_all = _read_back(connector, stream.key, wanted.query, day_ago)
        except PlatformError as error:
            raise Refused(_field_of(platform, error), error.code, problem_words(error.problem, platform.key)) from error
    posts.sort(key=lambda post: post.said_at, reverse=True)
    recent = sum(post.said_at >= day_ago for post in posts)
    return Preview(identity, tuple(posts[:SHOWN]), recent, is_all)


def _stream(platform: Platform, wanted: Wanted) -> Any:
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
    elif _has_secrets(account, secrets):  # a day that was told with this log-in and not again
        settings = {**settings, **{name: settings[name] or account.settings.get(name, "") for name in _days(platform)}}
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
    notices.settle(account.brand_id, _notice_key(account))


def reconnect(account: Account, user: User, given: Mapping[str, Any]) -> None:
    """New settings for an account: tested first, then kept; its sources listen again from where they were."""
    platform = registry.platform(account.platform)
    try:
        stored = account.secrets
    except Unreadable:
        stored = {}
    _not_elsewhere(platform, account.settings, stored, given)
    is_fresh = any(given.get(name) not in (None, account.settings.get(name)) for name in _days(platform))
    settings, secrets = split_settings(platform, {**account.settings, **stored, **given}, fresh=is_fresh)
    if secrets == stored:  # tokens may have been renewed since they were entered
        session, keeps = account.session, _keeper_of(account)
    else:
        renewed = Renewed(account.brand, platform, settings, secrets)
        session, keeps = renewed.session, renewed.keep
    identity, session = probe(platform, settings, secrets, session=session, keeps=keeps, account_id=account.pk)
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


def ends_on(account: Account) -> dt.date | None:
    """The last day of a log-in that only a person can renew, where it is known."""
    told = account.settings.get("expires_on")
    return dt.date.fromisoformat(told) if isinstance(told, str) and _is_day(told) else None


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
        notices.tell(account.brand_id, _notice_key(account), "account.reconnect", link=link, name=account.channel.name)
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
            notices.settle(account.brand_id, _notice_key(account))
            events.record([events.happened("account.accepted", account.brand_id, account=account.pk)])


def _notice_key(account: Account) -> str:
    return f"account:{account.pk}"
