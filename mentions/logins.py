"""Log-ins: the settings a person enters, tested by logging in, and what such a test renewed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk.models import Brand
from helpdesk.net import HttpClient, NetError, checked_url
from helpdesk.seal import Unreadable, seal, unseal
from helpdesk.workflow.verbs import Refused
from mentions import accounts
from mentions.models import Account, KeptSession
from mentions.platforms import registry
from mentions.platforms.base import NOTHING, Identity, Keeper, Platform, PlatformError


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
    if not accounts.is_day(value):
        raise Refused(f"settings.{name}", "invalid", _("Write the day as YYYY-MM-DD."))
    if fresh and value < timezone.localdate().isoformat():
        raise Refused(f"settings.{name}", "past", _("This day is over. Enter the day on which the log-in will end."))


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
            raise Refused(
                field_of(platform, error), error.code, accounts.problem_words(error.problem, platform.key)
            ) from error


def field_of(platform: Platform, error: PlatformError) -> str:
    """The setting a failed log-in is about: the one it names, else the most likely."""
    if any(setting.name == error.only for setting in platform.settings):
        return f"settings.{error.only}"
    secret = next((setting.name for setting in platform.settings if setting.secret), "")
    address = next((setting.name for setting in platform.settings if setting.is_url), "")
    name = secret if error.code in ("credentials", "forbidden") else address
    return f"settings.{name}" if name else "settings"


def logged_in(
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
    account = same_log_in(brand, platform, settings, secrets)
    return None if account is None else (accounts.identity_of(account), account.session)


def same_log_in(
    brand: Brand, platform: Platform, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> Account | None:
    """The brand's account with this very log-in: its tokens may have been renewed since they were entered."""
    if not secrets:
        return None
    rows = Account.objects.filter(brand=brand, platform=platform.key, state=Account.State.FINE)
    for account in rows.select_related("channel", "brand"):
        same = _undated(platform, account.settings) == _undated(platform, settings)
        if same and has_secrets(account, secrets):
            return account
    return None


def has_secrets(account: Account, secrets: Mapping[str, str]) -> bool:
    try:
        return account.secrets == dict(secrets)
    except Unreadable:
        return False


def _undated(platform: Platform, settings: Mapping[str, str]) -> dict[str, str]:
    """Settings without days: what a log-in is made of."""
    return {name: value for name, value in settings.items() if name not in days(platform) and value}


def days(platform: Platform) -> list[str]:
    return [setting.name for setting in platform.settings if setting.is_date]
