"""Calls to X: its token, its refreshes, its refusals, its spelling, and what each call costs."""

from __future__ import annotations

import base64
import datetime as dt
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from helpdesk.net import NetError, Response
from mentions.platforms.base import LONGEST_WAIT, Authorisation, Connector, PlatformError, pkce, retry_after, said_in
from mentions.platforms.x.names import SPELLINGS, Spelling

SCOPES = ("tweet.read", "users.read", "tweet.write", "dm.read", "dm.write", "offline.access")
TOKEN = "/2/oauth2/token"  # noqa: S105 - a path
EARLY = 120  # seconds before its end at which a token is renewed
MONEY = ("creditsdepleted", "spendcapreached", "usagecapexceeded", "usage-capped", "problems/credits")


class Session(Connector):
    """One account's token, plain or of OAuth2. `call` is what the connector uses."""

    _respelt = ""  # found out in this piece of work: the API has changed since the account was connected

    @property
    def base_url(self) -> str:
        return str(self.settings.get("base_url") or "https://api.x.com").rstrip("/").removesuffix("/2")

    @property
    def me(self) -> str:
        return self.identity.external_id if self.identity else ""

    @property
    def handle(self) -> str:
        return self.identity.handle if self.identity else ""

    @property
    def spelling(self) -> Spelling:
        return SPELLINGS[self._respelt or str(self.facts.get("spelling") or "tweet")]

    @property
    def token(self) -> str:
        return str(self.session.get("access_token") or self.secrets.get("access_token") or "")

    @property
    def refresh_token(self) -> str:
        return str(self.session.get("refresh_token") or self.secrets.get("refresh_token") or "")

    def call(self, method: str, path: str, *, params: Any = None, body: Any = None) -> dict[str, Any]:
        """The decoded answer; PlatformError says what to do about anything else."""
        if (
            self.refresh_token
            and float(self.session.get("expires_at") or time.time() + EARLY + 1) < time.time() + EARLY
        ):
            self.refresh()
        try:
            response = self._asked(method, path, params, body)
            if response.status == 401 and self.refresh_token:
                self.refresh()
                response = self._asked(method, path, params, body)
            if 200 <= response.status < 300:
                return self.decoded(response)
            raise self._refusal(response)
        except PlatformError as error:
            error.maybe_done = error.maybe_done and method == "POST"  # reading changes nothing
            raise

    def spelt(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A reading call with fields and expansions, in the spelling this API knows; found out where it has changed."""
        try:
            answer = self.call("GET", path, params={**params, **self.spelling.params()})
        except PlatformError as error:
            if error.code != "refused" or (".fields" not in error.detail and "expansions" not in error.detail):
                raise
            return self._in_the_other_spelling(path, params)
        rows = answer.get("data")
        first = rows[0] if isinstance(rows, list) and rows else None
        if isinstance(first, dict) and "author_id" not in first and "id" in first and len(first) <= 3:
            return self._in_the_other_spelling(path, params)  # fields it does not know are passed over, not refused
        return answer

    def _in_the_other_spelling(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        other = self.spelling.other
        answer = self.call("GET", path, params={**params, **other.params()})
        self._respelt = other.key
        return answer

    def _asked(self, method: str, path: str, params: Any, body: Any) -> Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return self.ask(method, f"{self.base_url}{path}", params=params, body=body, headers=headers)

    def authorise(self, back: str, state: str) -> Authorisation:
        client = str(self.settings.get("client_id") or "")
        if not client:
            raise PlatformError("settings", "the client id of your app is missing", permanent=True, only="client_id")
        verifier, challenge = pkce()
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": back,
            "scope": " ".join(SCOPES),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        host = "https://x.com" if self.base_url == "https://api.x.com" else self.base_url
        return Authorisation(f"{host}/i/oauth2/authorize?{urlencode(asked)}", {"verifier": verifier})

    def redeem(self, code: str, back: str, kept: Mapping[str, str]) -> dict[str, str]:
        """X keeps a code for 30 seconds."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": kept["verifier"],
        }
        found = self.tokens(form)
        return {"access_token": str(found["access_token"]), "refresh_token": str(found["refresh_token"])}

    def refresh(self) -> None:
        """New tokens for the refresh token, by one worker at a time: X takes each refresh token once."""
        self.renew(self._refreshed)

    def _refreshed(self) -> dict[str, Any]:
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        return {**self.session, **self.tokens(form)}

    def tokens(self, form: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint gives for this form."""
        client, secret = str(self.settings.get("client_id") or ""), str(self.secrets.get("client_secret") or "")
        headers, given = {}, {**form, "client_id": client}
        if secret:
            headers["authorization"] = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        try:
            response = self.ask("POST", f"{self.base_url}{TOKEN}", form=given, headers=headers)
        except PlatformError as error:
            error.maybe_done = False
            raise
        if response.status != 200:
            said = said_in(response, "error")
            if response.status == 401 or (response.status == 400 and said.startswith(("invalid_", "unauthorized_"))):
                raise PlatformError("credentials", said_in(response, "error_description", "error"), permanent=True)
            refusal = self._refusal(response)
            if refusal.permanent:  # a firewall's page says nothing about the token
                refusal = PlatformError("unavailable", f"HTTP {response.status}")
            refusal.maybe_done = False
            raise refusal
        answer = self.decoded(response)
        token, again = answer.get("access_token"), answer.get("refresh_token")
        if not _usable(token):
            raise PlatformError("undecodable", "a log-in without token")
        seconds = answer.get("expires_in")
        ends = time.time() + (seconds if isinstance(seconds, int | float) else 7200)
        return {
            "access_token": token,
            "refresh_token": again if _usable(again) else self.refresh_token,
            "expires_at": ends,
        }

    def _refusal(self, response: Response) -> PlatformError:
        status = response.status
        detail = (_first_message(response) or said_in(response, "detail", "title") or f"HTTP {status}")[:200]
        kind = (said_in(response, "title") + said_in(response, "type")).lower().replace(" ", "")
        if status == 402 or any(word in kind for word in MONEY):
            return PlatformError("credit", said_in(response, "title") or detail, retry_after=3600)
        if status == 429:
            return PlatformError("throttled", detail, retry_after=_wait(response.headers))
        if status >= 500:
            return PlatformError("unavailable", f"HTTP {status}", maybe_done=True, retry_after=_wait(response.headers))
        if status == 401:
            return PlatformError("credentials", detail, permanent=True)
        if status == 404:
            return PlatformError("missing", detail, permanent=True)
        if status == 403:
            return PlatformError(_why_forbidden(detail.lower()), detail, permanent=True)
        if status in (400, 413, 422):
            return PlatformError("refused", detail, permanent=True)
        return PlatformError("undecodable", f"HTTP {status}", maybe_done=True)

    def afford(self, most: int, least: int, price: int) -> int:
        """How many items may be asked for, `most` or fewer; PlatformError("money") where not even `least` can be paid."""
        if self.allowance is None:
            return most
        left = (self.allowance - self.cost) // price
        if left < least:
            raise PlatformError("money")
        return int(min(most, left))


def _why_forbidden(detail: str) -> str:
    """What a 403 is about: X has one for many things."""
    if "one or more participants" in detail or "blocked" in detail:
        return "out_of_reach"
    is_about_replies = "reply" in detail or "replies" in detail
    if is_about_replies and any(
        word in detail for word in ("mention", "summon", "engaged", "not allowed", "not permitted")
    ):
        return "not_summoned"
    if "deleted" in detail or "not visible" in detail:
        return "gone"
    return "refused" if "duplicate" in detail or "too long" in detail else "forbidden"


def _first_message(response: Response) -> str:
    """X's 400 keeps its reasons in a list."""
    try:
        errors = response.json().get("errors")
        return str(errors[0].get("message") or errors[0].get("detail") or "")
    except (NetError, AttributeError, IndexError, KeyError, TypeError):
        return ""


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: Retry-After, or until the window that is used up ends (resets are in epoch seconds)."""
    now = dt.datetime.now(dt.UTC)
    waits = [asked] if (asked := retry_after(headers, now)) is not None else []
    for window in ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"):
        reset = headers.get(f"{window}-reset", "")
        is_used_up = headers.get(f"{window}-remaining", "0") == "0"
        if reset.isascii() and reset.isdigit() and is_used_up:
            waits.append(min(max(0.0, float(reset[:15]) - now.timestamp()), LONGEST_WAIT))
    return max(waits, default=None)


def _usable(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 8192 and value.isascii() and value.isprintable()
