"""Who calls: a hashed, scoped, expiring token, or somebody logged in at the desk."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from helpdesk.models import ApiToken, User, token_hash

USED_EVERY = dt.timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer hd_…`. The user's roles are narrowed to the token's brand, if it has one."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = request.headers.get("Authorization", "").split()
        if not words or words[0].lower() not in ("bearer", "token"):
            return None
        row = self._row(words[1]) if len(words) == 2 else None
        if row is None:
            raise AuthenticationFailed(
                "This token is not known, has expired or was revoked. Make a new one with `create_token`."
            )
        if row.brand_id is not None:
            row.user.__dict__["roles"] = {
                brand: role for brand, role in row.user.roles.items() if brand == row.brand_id
            }
        return row.user, row

    def _row(self, token: str) -> ApiToken | None:
        now = timezone.now()
        row = ApiToken.objects.live().select_related("user").filter(hash=token_hash(token)).first()
        if row is not None and (row.last_used_at is None or now - row.last_used_at > USED_EVERY):
            ApiToken.objects.filter(Q(pk=row.pk)).update(last_used_at=now)
        return row

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class DeskSessionAuthentication(SessionAuthentication):
    """The desk's own session, with CSRF; anonymous callers still get 401, since the token comes first."""


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "helpdesk.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "helpdesk.api.auth.DeskSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
