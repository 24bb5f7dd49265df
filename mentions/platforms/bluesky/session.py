"""The log-in at a PDS: kept, refreshed, and made anew only when neither works (createSession allows 300 a day)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from helpdesk.net import NetError, Response
from mentions.platforms.base import Connector, PlatformError, retry_after

CHAT = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
# What a PDS calls a token that is no longer good; it answers 400 or 401.
STALE = {"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"}


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
        for retry in (self.refresh, self.log_in, None):
            given = {"authorization": f"Bearer {self.session['accessJwt']}", **(headers or {})}
            response = self.ask(method, f"{self.service}/xrpc/{name}", params=params, body=body, headers=given)
            if response.status == 200:
                return self.decoded(response)
            error = self._error(response)
            if not (response.status in (400, 401) and error.get("error") in STALE) or retry is None:
                raise self._refusal(response, error)
            retry()
        raise AssertionError("unreachable")

    def log_in(self) -> None:
        """A new session from the app password."""
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
            response = self.ask("POST", f"{self.service}/xrpc/com.atproto.server.refreshSession", headers=given)
            if response.status == 200:
                return self._take(self.decoded(response))
            if response.status == 429 or response.status >= 500:
                raise self._refusal(response, self._error(response))
        self.log_in()

    def _take(self, answer: Mapping[str, Any]) -> None:
        missing = [name for name in ("accessJwt", "refreshJwt", "did") if not isinstance(answer.get(name), str)]
        if missing:
            raise PlatformError("undecodable", f"a session without {', '.join(missing)}")
        kept = {name: answer[name] for name in ("accessJwt", "refreshJwt", "did")}
        pds = _service_of(answer.get("didDoc")) or self.session.get("pds", "")
        self.keep_session({**kept, "handle": str(answer.get("handle", "")), "pds": pds})

    def _error(self, response: Response) -> dict[str, Any]:
        try:
            value = response.json()
        except NetError:  # an error page may be anything; its status says enough
            return {}
        return value if isinstance(value, dict) else {}

    def _refusal(self, response: Response, error: Mapping[str, Any]) -> PlatformError:
        status, name = response.status, str(error.get("error", ""))
        detail = str(error.get("message") or name or f"HTTP {status}")[:200]
        if status == 429:
            return PlatformError("throttled", detail, retry_after=_wait(response.headers))
        if status >= 500:
            return PlatformError(
                "unavailable", f"HTTP {status} {name}".strip(), maybe_done=True, retry_after=_wait(response.headers)
            )
        if status == 401:
            return PlatformError("credentials", detail, permanent=True)
        if status == 403:
            return PlatformError("forbidden", detail, permanent=True)
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
    return max(0.0, float(reset) - now.timestamp()) if reset.isdigit() else None


def _service_of(document: Any) -> str:
    """The PDS address in a DID document, or ""."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else []:
        if isinstance(service, dict) and str(service.get("id", "")).endswith("#atproto_pds"):
            return str(service.get("serviceEndpoint", "")).rstrip("/")
    return ""
