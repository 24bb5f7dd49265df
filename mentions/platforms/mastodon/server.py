"""Calls to a Mastodon-compatible server: the token, the refusals, and what the server says of itself.

Seen on real servers: a bad token answers 401 on one and 400 on the other; a 429 comes with X-RateLimit-Reset (an
ISO-8601 time) and no Retry-After; a path with a trailing slash answers 404.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from helpdesk.net import Response
from mentions.platforms.base import (
    LONGEST_WAIT,
    Authorisation,
    Connector,
    PlatformError,
    count_of,
    pkce,
    retry_after,
    said_in,
)

SCOPES = ("read:accounts", "read:notifications", "read:statuses", "write:statuses", "write:favourites")
VERIFY = "/api/v1/accounts/verify_credentials"
CHARACTERS, URL_LENGTH = 500, 23  # where the server does not say


class Server(Connector):
    """One account's token at one server."""

    @property
    def base_url(self) -> str:
        return str(self.settings.get("base_url") or "").rstrip("/")

    @property
    def domain(self) -> str:
        """Of local people's full handles: what the server calls itself, else its host."""
        return str(self.facts.get("domain") or urlsplit(self.base_url).hostname or "")

    def call(self, method: str, path: str, *, params: Any = None, body: Any = None, key: str = "") -> Response:
        """An answer with status 200; PlatformError says what to do about anything else."""
        try:
            response = self._asked(method, path, params, body, key)
            if response.status in (200, 202):
                return response
            raise self._refusal(response)
        except PlatformError as error:
            error.maybe_done = error.maybe_done and method == "POST"  # reading changes nothing
            raise

    def _asked(self, method: str, path: str, params: Any = None, body: Any = None, key: str = "") -> Response:
        headers = {"authorization": f"Bearer {self.secrets.get('access_token', '')}"}
        if key:
            headers["idempotency-key"] = key
        return self.ask(method, f"{self.base_url}{path}", params=params, body=body, headers=headers)

    def _refusal(self, response: Response) -> PlatformError:
        status = response.status
        detail = (said_in(response, "error_description", "error") or f"HTTP {status}")[:200]
        if status == 429:
            return PlatformError("throttled", detail, retry_after=_wait(response.headers))
        if status >= 500:
            return PlatformError("unavailable", f"HTTP {status}", maybe_done=True, retry_after=_wait(response.headers))
        if status == 401 or (status in (400, 403, 422) and self._is_shut_out()):
            return PlatformError("credentials", detail, permanent=True)
        if status == 403:
            return PlatformError("forbidden", detail, permanent=True)
        if status in (404, 410) and said_in(response, "error"):
            return PlatformError("missing", detail, permanent=True)
        if status in (404, 410):  # not in its API's words: something in front of it is out of order
            return PlatformError("unavailable", detail)
        if status in (400, 422):
            return PlatformError("refused", detail, permanent=True)
        return PlatformError("undecodable", f"HTTP {status}", maybe_done=True)

    def _is_shut_out(self) -> bool:
        """Whether the token itself is no longer good, where a status may mean that or something else."""
        return self._asked("GET", VERIFY).status in (400, 401, 403, 422)

    def authorise(self, back: str, state: str) -> Authorisation:
        """Register ourselves with the server, as its API wants it, and send the person there."""
        scopes = " ".join(SCOPES)
        form = {"client_name": "Helpdesk", "redirect_uris": back, "scopes": scopes}
        response = self.ask("POST", f"{self.base_url}/api/v1/apps", form=form)
        if response.status not in (200, 201):
            raise PlatformError("refused", said_in(response, "error") or f"HTTP {response.status}", permanent=True)
        app = self.decoded(response)
        client, secret = app.get("client_id"), app.get("client_secret")
        if not isinstance(client, str) or not isinstance(secret, str):
            raise PlatformError("undecodable", "an app without id and secret")
        verifier, challenge = pkce()
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": back,
            "scope": scopes,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {"client_id": client, "client_secret": secret, "verifier": verifier}
        return Authorisation(f"{self.base_url}/oauth/authorize?{urlencode(asked)}", kept)

    def redeem(self, code: str, back: str, kept: Mapping[str, str]) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": kept["client_id"],
            "client_secret": kept["client_secret"],
            "code_verifier": kept["verifier"],
        }
        response = self.ask("POST", f"{self.base_url}/oauth/token", form=form)
        if response.status != 200:
            raise PlatformError("credentials", said_in(response, "error_description", "error"), permanent=True)
        answer = self.decoded(response)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token:
            raise PlatformError("undecodable", "an answer without token")
        ends = {}
        if isinstance(seconds, int) and 0 < seconds < 10**9:  # Mastodon's own tokens have no end
            ends["expires_on"] = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).date().isoformat()
        return {"access_token": token, **ends}

    def described(self) -> dict[str, Any]:
        """What the server says of itself: limits and version. Older servers have only the first form.

        PlatformError where it is not well: who people are there depends on what it calls itself.
        """
        for path in ("/api/v2/instance", "/api/v1/instance"):
            response = self.ask("GET", f"{self.base_url}{path}")
            if response.status == 429 or response.status >= 500:
                raise self._refusal(response)
            try:
                if response.status == 200:
                    return _facts(self.decoded(response))
            except PlatformError as error:  # a page for people: it has the other form only
                if error.code != "undecodable" or path.startswith("/api/v1"):
                    raise
        return {}


def _facts(instance: Mapping[str, Any]) -> dict[str, Any]:
    configuration = _object(instance.get("configuration"))
    statuses = _object(configuration.get("statuses"))
    most = count_of(statuses.get("max_characters")) or count_of(instance.get("max_toot_chars")) or CHARACTERS
    domain = instance.get("domain") or instance.get("uri") or ""
    facts: dict[str, Any] = {
        "characters": most,
        "url_length": count_of(statuses.get("characters_reserved_per_url")) or URL_LENGTH,
        "version": str(instance.get("version") or "")[:100],
    }
    if isinstance(domain, str) and domain:
        facts["domain"] = (urlsplit(domain).hostname or domain)[:253]
    return facts


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: Retry-After, else X-RateLimit-Reset: a time on Mastodon, epoch seconds on some others."""
    now = dt.datetime.now(dt.UTC)
    asked = retry_after(headers, now)
    if asked is not None:
        return asked
    reset = headers.get("x-ratelimit-reset", "").strip()
    try:
        at = float(reset) if reset.replace(".", "").isdigit() else dt.datetime.fromisoformat(reset).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at - now.timestamp()), LONGEST_WAIT)
