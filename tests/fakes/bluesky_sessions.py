"""Sessions and rate windows of the fake network, and how a request's parameters are read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .bluesky_ledger import Account
from .bluesky_rules import Json, Refusal, invalid

REFRESH_SECONDS = 90 * 24 * 3600
ACCESS, REFRESH = "com.atproto.appPass", "com.atproto.refresh"


@dataclass
class Options:
    """What a test may set, before or while the fake runs."""

    access_seconds: float = 7200
    chat: bool = True
    rate_limit: int | None = None
    session_limit: int = 30
    write_points: int = 5000
    window_seconds: float = 300
    shuffle_pages: bool = False
    index_delay: float = 0


@dataclass
class _Token:
    did: str
    scope: str
    expires: float
    revoked: bool = False


class Sessions:
    """Every token ever given out, and whether it still opens anything."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tokens: dict[str, _Token] = {}
        self._secret = secrets.token_bytes(32)

    def open(self, account: Account) -> Json:
        """A new pair of tokens for this account."""
        return {
            "accessJwt": self._issue(account.did, ACCESS, self._options.access_seconds),
            "refreshJwt": self._issue(account.did, REFRESH, REFRESH_SECONDS),
        }

    def owner(self, authorization: str | None, scope: str) -> str:
        """The did a bearer token speaks for; refused where it does not open what ``scope`` opens."""
        if authorization is None or not authorization.startswith("Bearer "):
            raise Refusal(401, "AuthMissing", "Authentication Required")
        token = self._tokens.get(authorization.removeprefix("Bearer "))
        if token is None:
            raise Refusal(400, "InvalidToken", "Token could not be verified")
        if token.scope != scope:
            raise Refusal(400, "InvalidToken", "Bad token scope")
        if token.revoked:
            raise Refusal(400, "ExpiredToken", "Token has been revoked")
        if token.expires <= time.time():
            raise Refusal(400, "ExpiredToken", "Token has expired")
        return token.did

    def spend_refresh(self, authorization: str) -> None:
        """A refresh token serves once."""
        self._tokens[authorization.removeprefix("Bearer ")].revoked = True

    def revoke(self, did: str) -> None:
        """Close every session of an account."""
        for token in self._tokens.values():
            token.revoked = token.revoked or token.did == did

    def expire_access(self, did: str) -> None:
        """Let the access tokens of an account run out now; its refresh tokens stay."""
        for token in self._tokens.values():
            if token.did == did and token.scope == ACCESS:
                token.expires = 0

    def _issue(self, did: str, scope: str, seconds: float) -> str:
        now = time.time()
        claims = {"scope": scope, "sub": did, "iat": int(now), "exp": int(now + seconds), "jti": secrets.token_hex(8)}
        signed = f"{_segment({'typ': 'JWT', 'alg': 'HS256'})}.{_segment(claims)}"
        signature = hmac.new(self._secret, signed.encode(), hashlib.sha256).digest()
        jwt = f"{signed}.{_unpadded(signature)}"
        self._tokens[jwt] = _Token(did, scope, now + seconds)
        return jwt


class RateWindow:
    """Fixed windows of points, one for each key."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def spend(self, key: str, limit: int, seconds: float, points: int = 1) -> dict[str, str]:
        """Count a call; the headers that tell the caller where it stands, or a 429."""
        now = time.time()
        ends, used = self._windows.get(key, (0.0, 0))
        if ends <= now:
            ends, used = now + seconds, 0
        used += points
        self._windows[key] = (ends, used)
        headers = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            # Rounded up: whoever comes back at that second finds a new window.
            "RateLimit-Reset": str(int(ends) + 1),
            "RateLimit-Policy": f"{limit};w={seconds:.0f}",
        }
        if used > limit:
            wait = {"Retry-After": str(int(ends - now) + 1)}
            raise Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", headers | wait)
        return headers


@dataclass(frozen=True)
class Call:
    """One XRPC request, read whole."""

    method: str
    verb: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def one(self, name: str) -> str | None:
        """A parameter that may be absent."""
        return self.query[name][0] if self.query.get(name) else None

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.one(name)
        if not value:
            raise invalid(f'Error: Params must have the property "{name}"')
        return value

    def many(self, name: str, most: int) -> list[str]:
        """A repeated parameter, from one to ``most`` times."""
        values = list(self.query.get(name, []))
        if not values:
            raise invalid(f'Error: Params must have the property "{name}"')
        if len(values) > most:
            raise invalid(f"Error: {name} must not have more than {most} elements")
        return values

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within its bounds."""
        text = self.one(name)
        if text is None:
            return default
        if not text.removeprefix("-").isdecimal():
            raise invalid(f"Error: {name} must be an integer")
        if not low <= int(text) <= high:
            raise invalid(f"Error: {name} must be between {low} and {high}")
        return int(text)

    def input(self) -> Json:
        """The JSON object in the body."""
        if "json" not in self.headers.get("content-type", ""):
            raise invalid("Request encoding (Content-Type) required to be application/json")
        try:
            value = json.loads(self.body)
        except ValueError as broken:
            raise invalid("Request body is not valid JSON") from broken
        if not isinstance(value, dict):
            raise invalid("Input must be an object")
        return value


def input_text(body: Json, name: str) -> str:
    """A text the body must have."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f'Input must have the property "{name}"')
    return value


def input_object(body: Json, name: str) -> Json:
    """An object the body must have."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise invalid(f"Input/{name} must be an object")
    return value


def _segment(claims: Mapping[str, object]) -> str:
    return _unpadded(json.dumps(claims).encode())


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
