"""Apps, consent and tokens of the fake server."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from .faults import Answer
from .mastodon_call import Call, Route, Token, ok, text_of
from .mastodon_rules import SCOPES, Json, Options, Refusal, invalid

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

_BAD_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
_BAD_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI "
    "used in the authorization request, or was issued to another client."
)


@dataclass(frozen=True)
class App:
    """A registered client."""

    number: int
    name: str
    website: str | None
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    client_id: str
    client_secret: str

    def view(self) -> Json:
        """An Application."""
        return {
            "id": str(self.number),
            "name": self.name,
            "website": self.website,
            "scopes": list(self.scopes),
            "redirect_uri": "\n".join(self.redirect_uris),
            "redirect_uris": list(self.redirect_uris),
        }


@dataclass(frozen=True)
class _Code:
    client_id: str
    account_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    expires: float


class Tokens:
    """Every access token ever given out, and whether it still opens anything."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[str, Token] = {}
        self._revoked: set[str] = set()

    def add(self, token: Token) -> None:
        """Let a token open what its scopes allow."""
        self._known[token.value] = token
        self._revoked.discard(token.value)

    def get(self, value: str) -> Token | None:
        """A token ever given out, revoked or not."""
        return self._known.get(value)

    def revoke(self, value: str) -> None:
        """Let a token open nothing from now on."""
        self._revoked.add(value)

    def presented(self, authorization: str) -> Token | None:
        """The token of an Authorization header, None where it carries none; a bad one is refused."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            return None
        token = self._known.get(value.strip())
        if token is not None and token.value not in self._revoked:
            return token
        if self._options.ulid:
            raise Refusal(400, "Bad Request: the token could not be validated")
        raise Refusal(401, "The access token was revoked" if token else "The access token is invalid")


class OAuth:
    """Registers apps, asks for consent and trades codes for tokens."""

    def __init__(self, options: Options, tokens: Tokens, origin: Callable[[], str]) -> None:
        self.consenting: str | None = None
        self._options, self._tokens, self._origin = options, tokens, origin
        self._apps: dict[str, App] = {}
        self._codes: dict[str, _Code] = {}

    def routes(self) -> list[Route]:
        """The methods."""
        return [
            Route("POST", "/api/v1/apps", self._create_app, access="open"),
            Route("GET", "/api/v1/apps/verify_credentials", self._verify_app, access="app"),
            Route("GET", "/oauth/authorize", self._authorize, access="open"),
            Route("POST", "/oauth/token", self._token, access="open"),
            Route("POST", "/oauth/revoke", self._revoke, access="open"),
        ]

    def _create_app(self, call: Call) -> Answer:
        fields = call.fields()
        name, given = text_of(fields, "client_name"), fields.get("redirect_uris")
        redirects = tuple(given if isinstance(given, list) else str(given or "").split())
        scopes = tuple((text_of(fields, "scopes") or "read").split())
        if not name.strip():
            raise invalid("Application name can't be blank")
        if not redirects:
            raise invalid("Redirect URI can't be blank")
        if not all(_absolute(one) for one in redirects):
            raise invalid("Redirect URI must be an absolute URI.")
        if not SCOPES.issuperset(scopes):
            raise invalid("Scopes doesn't match configured on the server.")
        website = text_of(fields, "website") or None
        identity = (secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        app = App(len(self._apps) + 1, name, website, redirects, scopes, *identity)
        self._apps[app.client_id] = app
        secret = {"client_id": app.client_id, "client_secret": app.client_secret, "client_secret_expires_at": 0}
        return ok(app.view() | secret)

    def _verify_app(self, call: Call) -> Answer:
        assert call.token is not None
        app = self._apps.get(call.token.client_id or "")
        # A token a test gave out belongs to no registered app.
        return ok((app or App(0, "Fake token generator", None, (OUT_OF_BAND,), call.token.scopes, "", "")).view())

    def _authorize(self, call: Call) -> Answer:
        app = self._apps.get(call.one("client_id") or "")
        redirect = call.one("redirect_uri") or ""
        if app is None:
            raise Refusal(401, "invalid_client", _BAD_CLIENT)
        if redirect not in app.redirect_uris:
            raise Refusal(400, "invalid_redirect_uri", "The requested redirect uri is malformed or doesn't match.")
        scopes = tuple((call.one("scope") or "read").split())
        error = self._consent_error(call, app, scopes)
        state = {"state": call.one("state") or ""} if call.one("state") else {}
        if error is not None or self.consenting is None:
            return self._redirected(redirect, {"error": error or "access_denied"} | state)
        expires = time.time() + self._options.code_seconds
        code = secrets.token_urlsafe(32)
        challenge = call.one("code_challenge")
        self._codes[code] = _Code(app.client_id, self.consenting, redirect, scopes, challenge, expires)
        return self._redirected(redirect, {"code": code} | state)

    def _consent_error(self, call: Call, app: App, scopes: tuple[str, ...]) -> str | None:
        if call.one("response_type") != "code":
            return "unsupported_response_type"
        if not set(scopes) <= set(app.scopes):
            return "invalid_scope"
        if call.one("code_challenge") and call.one("code_challenge_method") != "S256":
            return "invalid_code_challenge_method"
        return None

    def _redirected(self, redirect: str, parameters: dict[str, str]) -> Answer:
        if redirect == OUT_OF_BAND:
            redirect = f"{self._origin()}/oauth/authorize/native"
        mark = "&" if urlsplit(redirect).query else "?"
        return Answer(302, b"", {"Location": f"{redirect}{mark}{urlencode(parameters)}"})

    def _token(self, call: Call) -> Answer:
        fields = call.fields()
        app = self._client(call, fields)
        account_id: str | None
        match text_of(fields, "grant_type"):
            case "authorization_code":
                code = self._spent(app, fields)
                account_id, scopes = code.account_id, code.scopes
            case "client_credentials":
                account_id, scopes = None, tuple((text_of(fields, "scope") or "read").split())
                if not set(scopes) <= set(app.scopes):
                    raise Refusal(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
            case _:
                reason = "The authorization grant type is not supported by the authorization server."
                raise Refusal(400, "unsupported_grant_type", reason)
        token = Token(secrets.token_urlsafe(32), account_id, scopes, app.client_id)
        self._tokens.add(token)
        created = int(time.time())
        return ok(
            {"access_token": token.value, "token_type": "Bearer", "scope": " ".join(scopes), "created_at": created}
        )

    def _spent(self, app: App, fields: Json) -> _Code:
        """The grant of a code, which serves once, its own client and its own address."""
        code = self._codes.get(text_of(fields, "code"))
        asked = (app.client_id, text_of(fields, "redirect_uri"))
        if code is None or (code.client_id, code.redirect_uri) != asked or code.expires <= time.time():
            raise Refusal(400, "invalid_grant", _BAD_GRANT)
        verifier = text_of(fields, "code_verifier")
        if code.challenge is not None and not verifier:
            raise Refusal(400, "invalid_request", "Missing required parameter: code_verifier.")
        if code.challenge is not None and code.challenge != _challenge(verifier):
            raise Refusal(400, "invalid_grant", _BAD_GRANT)
        del self._codes[text_of(fields, "code")]
        return code

    def _revoke(self, call: Call) -> Answer:
        fields = call.fields()
        app, value = self._client(call, fields), text_of(fields, "token")
        token = self._tokens.get(value)
        if not value or (token is not None and token.client_id != app.client_id):
            raise Refusal(403, "unauthorized_client", "You are not authorized to revoke this token")
        self._tokens.revoke(value)
        return ok({})

    def _client(self, call: Call, fields: Json) -> App:
        client_id, secret = text_of(fields, "client_id"), text_of(fields, "client_secret")
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, secret = _basic(encoded)
        app = self._apps.get(client_id)
        if app is None or not secrets.compare_digest(app.client_secret.encode(), secret.encode()):
            raise Refusal(401, "invalid_client", _BAD_CLIENT)
        return app


def _absolute(uri: object) -> bool:
    return isinstance(uri, str) and re.match(r"[a-z][a-z0-9+.-]*:\S", uri, re.IGNORECASE) is not None


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret
