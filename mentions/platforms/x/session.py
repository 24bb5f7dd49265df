"""Calls to X: its token, its refreshes, its refusals, its spelling, and what each call costs."""

from __future__ import annotations

import base64
import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

from helpdesk.net import NetError, Response
from mentions.platforms.base import LONGEST_WAIT, Connector, PlatformError, said_in
from mentions.platforms.x.names import SPELLINGS, Spelling

TOKEN = "/2/oauth2/token"  # noqa: S105 - a path
EARLY = 120  # seconds before its end at which a token is renewed
MONEY = ("creditsdepleted", "spendcapreached", "usagecapexceeded", "usage-capped", "problems/credits")


class Session(Connector):
    """One account's token, plain or of OAuth2. `call` is what the connector uses."""

    @property
    def base_url(self) -> str:
        return str(self.settings.get("base_url") or "https://api.x.com").rstrip("/")

    @property
    def me(self) -> str:
        return self.identity.external_id if self.identity else ""

    @property
    def handle(self) -> str:
        return self.identity.handle if self.identity else ""

    @property
    def spelling(self) -> Spelling:
        return SPELLINGS[str(self.session.get("spelling") or self.facts.get("spelling") or "tweet")]

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
            if response.status in (200, 201):
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
            self._respell()
            return self.call("GET", path, params={**params, **self.spelling.params()})
        rows = answer.get("data")
        first = rows[0] if isinstance(rows, list) and rows else None
        if isinstance(first, dict) and "author_id" not in first and "id" in first and len(first) <= 3:
            self._respell()  # fields it does not know are passed over, not refused
            return self.call("GET", path, params={**params, **self.spelling.params()})
        return answer

    def _respell(self) -> None:
        self.keep_session({**self.session, "spelling": self.spelling.other.key})

    def _asked(self, method: str, path: str, params: Any, body: Any) -> Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return self.ask(method, f"{self.base_url}{path}", params=params, body=body, headers=headers)

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
            if response.status in (400, 401, 403):
                raise PlatformError("credentials", said_in(response, "error_description", "error"), permanent=True)
            refusal = self._refusal(response)
            refusal.maybe_done = False
            raise refusal
        answer = self.decoded(response)
        token, again = answer.get("access_token"), answer.get("refresh_token")
        if not _usable(token):
            raise PlatformError("undecodable", "a log-in without token")
        seconds = answer.get("expires_in")
        ends = time.time() + (seconds if isinstance(seconds, int | float) else 7200)
        return {"access_token": token, "refresh_token": again if _usable(again) else "", "expires_at": ends}

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
    if "reply" in detail and "not allowed" in detail:
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
    """Seconds until the window ends: x-rate-limit-reset is in epoch seconds."""
    reset = headers.get("x-rate-limit-reset", "")
    if not (reset.isascii() and reset.isdigit()):
        return None
    return min(max(0.0, float(reset) - dt.datetime.now(dt.UTC).timestamp()), LONGEST_WAIT)


def _usable(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 8192 and value.isascii() and value.isprintable()
