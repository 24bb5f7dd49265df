"""Tokens of the fake X: applications, consent with PKCE, access that runs out and refresh tokens that serve once."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from .x_call import Caller
from .x_rules import Json, Options, Refusal, unauthorized

SCOPES = "tweet.read tweet.write users.read dm.read dm.write like.write offline.access"
CODE_SECONDS = 30


@dataclass
class Client:
    """An application. One without a secret is public and names itself in the form."""

    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass
class Token:
    """Something that opens the API, or gets a new one that does."""

    value: str
    user_id: str
    scopes: tuple[str, ...]
    expires: float | None
    owns_app: bool
    client_id: str = ""
    revoked: bool = False


@dataclass
class _Code:
    client: Client
    user_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    method: str
    expires: float
    owns_app: bool
    used: bool = False


@dataclass
class Tokens:
    """Every token ever given out, and whether it still opens anything."""

    options: Options
    clients: dict[str, Client] = field(default_factory=dict)
    _access: dict[str, Token] = field(default_factory=dict)
    _refresh: dict[str, Token] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)

    def register(self, client_id: str, secret: str, redirect_uri: str, *, public: bool) -> Client:
        """Register an application."""
        secret = "" if public else secret or secrets.token_urlsafe(24)
        client = Client(client_id or secrets.token_urlsafe(18), secret, redirect_uri)
        self.clients[client.client_id] = client
        return client

    def lasting(self, user_id: str, scopes: str, *, owns_app: bool) -> str:
        """A token that does not run out; no user: the app's own."""
        return self._issue(self._access, Token("", user_id, tuple(scopes.split()), None, owns_app))

    def pair(self, user_id: str, scopes: tuple[str, ...], client_id: str, *, owns_app: bool) -> tuple[str, str]:
        """An access token that runs out, and where the scopes allow it a refresh token; otherwise ''."""
        expires = time.time() + self.options.access_seconds
        access = self._issue(self._access, Token("", user_id, scopes, expires, owns_app, client_id))
        if "offline.access" not in scopes:
            return access, ""
        return access, self._issue(self._refresh, Token("", user_id, scopes, None, owns_app, client_id))

    def caller(self, authorization: str) -> Caller:
        """Whom a request speaks for."""
        kind, _, value = authorization.partition(" ")
        token = self._access.get(value) if kind.lower() == "bearer" else None
        if token is None or token.revoked or (token.expires is not None and token.expires <= time.time()):
            raise unauthorized()
        return Caller(token.user_id, frozenset(token.scopes), token.owns_app)

    def expire(self, value: str) -> None:
        """Let an access token run out now."""
        self._access[value].expires = 0

    def revoke(self, value: str) -> None:
        """Let a token, access or refresh, open nothing from now on."""
        for kind in (self._access, self._refresh):
            if value in kind:
                kind[value].revoked = True

    def consent(self, url: str, user_id: str, *, owns_app: bool) -> str:
        """What a person's yes on the page of this address leads to: the callback with a code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        client = self.clients[asked["client_id"]]
        if asked.get("response_type") != "code" or not asked.get("state") or not asked.get("code_challenge"):
            raise ValueError("The page wants response_type=code, a state and a code_challenge")
        if asked.get("code_challenge_method", "plain") not in {"S256", "plain"} or not asked.get("scope"):
            raise ValueError("The page wants a known code_challenge_method and a scope")
        if client.redirect_uri and asked["redirect_uri"] != client.redirect_uri:
            raise ValueError("The redirect_uri is not the one that was registered")
        method = asked.get("code_challenge_method", "plain")
        code = secrets.token_urlsafe(32)
        scopes, redirect = tuple(asked["scope"].split()), asked["redirect_uri"]
        challenge, expires = asked["code_challenge"], time.time() + CODE_SECONDS
        self._codes[code] = _Code(client, user_id, scopes, redirect, challenge, method, expires, owns_app)
        return f"{redirect}{'&' if '?' in redirect else '?'}{urlencode({'state': asked['state'], 'code': code})}"

    def expire_codes(self) -> None:
        """Let every code that waits run out now."""
        for code in self._codes.values():
            code.expires = 0

    def answer(self, headers: Mapping[str, str], body: bytes) -> Json:
        """What the token endpoint says to a form."""
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise _refused("invalid_request", "Missing required parameter [grant_type].")
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        client = self._client(headers, form)
        match form.get("grant_type"):
            case "refresh_token":
                token = self._spend_refresh(client, form)
                return self._answered(token.user_id, token.scopes, client, owns_app=token.owns_app)
            case "authorization_code":
                code = self._spend_code(client, form)
                return self._answered(code.user_id, code.scopes, client, owns_app=code.owns_app)
            case other:
                raise _refused("unsupported_grant_type", f"Value passed for the grant type was invalid: {other}")

    def revoked(self, headers: Mapping[str, str], body: bytes) -> Json:
        """What the revocation endpoint says to a form."""
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        self._client(headers, form)
        self.revoke(form.get("token", ""))
        return {"revoked": True}

    def _client(self, headers: Mapping[str, str], form: Mapping[str, str]) -> Client:
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(encoded).decode().partition(":")
            except ValueError:
                name, secret = "", ""
            client = self.clients.get(name)
            if client is not None and client.client_secret and secret == client.client_secret:
                return client
            raise _refused("unauthorized_client", "Missing valid authorization header", 401)
        client = self.clients.get(form.get("client_id", ""))
        if client is None:
            raise _refused("invalid_request", "Value passed for the client id was invalid.")
        if client.client_secret:
            raise _refused("unauthorized_client", "Missing valid authorization header", 401)
        return client

    def _spend_refresh(self, client: Client, form: Mapping[str, str]) -> Token:
        token = self._refresh.get(form.get("refresh_token", ""))
        if token is None or token.revoked or token.client_id != client.client_id:
            raise _refused("invalid_request", "Value passed for the token was invalid.")
        token.revoked = True
        return token

    def _spend_code(self, client: Client, form: Mapping[str, str]) -> _Code:
        code = self._codes.get(form.get("code", ""))
        if code is None or code.used or code.client is not client or code.expires <= time.time():
            raise _refused("invalid_request", "Value passed for the authorization code was invalid.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise _refused(
                "invalid_request", "Value passed for the redirect uri did not match the uri of the authorization code."
            )
        code.used = True
        if not _proves(form.get("code_verifier", ""), code):
            raise _refused("invalid_request", "Value passed for the code verifier did not match the code challenge.")
        return code

    def _answered(self, user_id: str, scopes: tuple[str, ...], client: Client, *, owns_app: bool) -> Json:
        access, refresh = self.pair(user_id, scopes, client.client_id, owns_app=owns_app)
        body: Json = {
            "token_type": "bearer",
            "expires_in": int(self.options.access_seconds),
            "access_token": access,
            "scope": " ".join(scopes),
        }
        return body | ({"refresh_token": refresh} if refresh else {})

    @staticmethod
    def _issue(kind: dict[str, Token], token: Token) -> str:
        token.value = secrets.token_urlsafe(40)
        kind[token.value] = token
        return token.value


def _proves(verifier: str, code: _Code) -> bool:
    if not 43 <= len(verifier) <= 128 and code.method == "S256":
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return code.challenge == (hashed if code.method == "S256" else verifier)


def _refused(error: str, description: str, status: int = 400) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})
