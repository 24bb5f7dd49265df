"""The log-in at a PDS: kept, refreshed, and made anew only when neither works (createSession allows 300 a day)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from helpdesk.net import NetError, Response
from mentions.platforms.base import LONGEST_WAIT, Connector, PlatformError, retry_after

CHAT = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
# What a PDS calls a token that is no longer good; it answers 400 or 401.
STALE = {"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"}
# Of a service behind the PDS only this: it calls a token without its permission invalid, and a new one changes nothing.
STALE_ELSEWHERE = {"ExpiredToken"}
# What a PDS or AppView calls a record or post that is not there; any other refusal says nothing about it.
MISSING = {"NotFound", "RecordNotFound"}


class Session(Connector):
    """XRPC calls of one account. `call` is what the connector uses; the rest is how it stays logged in."""

    @property
    def base_url(self) -> str:
        return str(self.settings.get("base_url") or "https://bsky.social").rstrip("/")

    @property
    def did(self) -> str:
        return str(self.session.get("did") or (self.identity.external_id if self.identity else ""))

    @property
    def service(self) -> str:
        """The account's own PDS, as its DID document says; else where we logged in."""
        return str(self.session.get("pds") or self.base_url)

    def call(
        self, method: str, name: str, *, params: Any = None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The decoded answer of an XRPC method. PlatformError says what to do about anything else."""
        if not self.session.get("accessJwt"):
            self.log_in()
        try:
            response = self._asked(method, name, params, body, headers)
            if self._is_stale(response, headers):
                self.refresh()
                response = self._asked(method, name, params, body, headers)
            if response.status == 200:
                return self.decoded(response)
            raise self._refusal(response, self._error(response))
        except PlatformError as error:
            error.maybe_done = error.maybe_done and method == "POST"  # reading changes nothing
            raise

    def _asked(self, method: str, name: str, params: Any, body: Any, headers: Mapping[str, str] | None) -> Response:
        given = {"authorization": f"Bearer {self.session['accessJwt']}", **(headers or {})}
        return self.ask(method, f"{self.service}/xrpc/{name}", params=params, body=body, headers=given)

    def _is_stale(self, response: Response, headers: Mapping[str, str] | None) -> bool:
        if response.status not in (400, 401):
            return False
        name = self._error(response).get("error", "")
        return name in STALE_ELSEWHERE if headers else name in STALE or response.status == 401

    def log_in(self) -> None:
        """A new session from the app password. Nothing was written when this fails."""
        try:
            self._create_session()
        except PlatformError as error:
            error.maybe_done = False
            raise

    def _create_session(self) -> None:
        body = {"identifier": self.settings.get("identifier", ""), "password": self.secrets.get("app_password", "")}
        response = self.ask("POST", f"{self.base_url}/xrpc/com.atproto.server.createSession", body=body)
        if response.status != 200:
            error = self._error(response)
            if response.status == 401 or error.get("error") in (
                "AuthenticationRequired",
                "AccountTakedown",
                "AuthFactorTokenRequired",
            ):
                raise PlatformError("credentials", str(error.get("message", "")), permanent=True)
            raise self._refusal(response, error)
        self._take(self.decoded(response))

    def refresh(self) -> None:
        """New tokens for the refresh token; both are replaced. Where it is refused, log in."""
        token = self.session.get("refreshJwt")
        if token:
            given = {"authorization": f"Bearer {token}"}
            try:
                response = self.ask("POST", f"{self.service}/xrpc/com.atproto.server.refreshSession", headers=given)
            except PlatformError as error:
                error.maybe_done = False
                raise
            if response.status == 200:
                return self._take(self.decoded(response))
            if response.status == 429 or response.status >= 500:
                refusal = self._refusal(response, self._error(response))
                refusal.maybe_done = False
                raise refusal
        self.log_in()

    def _take(self, answer: Mapping[str, Any]) -> None:
        missing = [name for name in ("accessJwt", "refreshJwt", "did") if not _usable(answer.get(name))]
        if missing:
            raise PlatformError("undecodable", f"a session without {', '.join(missing)}")
        kept = {name: answer[name] for name in ("accessJwt", "refreshJwt", "did")}
        pds = _service_of(answer.get("didDoc")) or self.session.get("pds", "")
        handle = answer["handle"] if _usable(answer.get("handle")) else answer["did"]
        self.keep_session({**kept, "handle": handle, "pds": pds})

    def _error(self, response: Response) -> dict[str, str]:
        """`error` and `message` of an answer, where they are text."""
        try:
            value = response.json()
        except NetError:  # an error page may be anything; its status says enough
            return {}
        return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}

    def _refusal(self, response: Response, error: Mapping[str, Any]) -> PlatformError:
        status, name = response.status, str(error.get("error", ""))
        detail = str(error.get("message") or name or f"HTTP {status}")[:200]
        if status == 429:
            return PlatformError("throttled", detail, retry_after=_wait(response.headers))
        if status >= 500:
            return PlatformError(
                "unavailable", f"HTTP {status} {name}".strip(), maybe_done=True, retry_after=_wait(response.headers)
            )
        if status in (401, 403):  # the log-in itself is judged where we log in
            return PlatformError("forbidden", detail, permanent=True)
        if name in MISSING:
            return PlatformError("missing", detail, permanent=True)
        if status in (400, 404, 413):
            return PlatformError("refused", detail, permanent=True)
        return PlatformError("undecodable", f"HTTP {status}", maybe_done=True)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: Retry-After, else RateLimit-Reset (epoch seconds on this platform)."""
    now = dt.datetime.now(dt.UTC)
    asked = retry_after(headers, now)
    if asked is not None:
        return asked
    reset = headers.get("ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit()):
        return None
    return min(max(0.0, float(reset) - now.timestamp()), LONGEST_WAIT)


def _usable(value: Any) -> bool:
    """A token, DID or handle that can be stored and sent in a header."""
    return isinstance(value, str) and 0 < len(value) <= 8192 and value.isascii() and value.isprintable()


def _service_of(document: Any) -> str:
    """The PDS address in a DID document, or ""."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else []:
        if isinstance(service, dict) and str(service.get("id", "")).endswith("#atproto_pds"):
            return str(service.get("serviceEndpoint", "")).rstrip("/")
    return ""
