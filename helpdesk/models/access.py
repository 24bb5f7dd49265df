from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandQuerySet
from helpdesk.models.brand import Brand


def token_hash(token: str) -> str:
    """SHA-256: a token has 256 bits of its own, so that no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiTokenQuerySet(BrandQuerySet["ApiToken"]):
    def live(self) -> ApiTokenQuerySet:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None, user__is_active=True)


class ApiToken(models.Model):
    """A key for machines. Only its hash is kept. Without a brand it covers its user's brands."""

    SCOPES = ("read", "write")
    PREFIX = "hd_"

    brand = models.ForeignKey(Brand, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("brand"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100, blank=True)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name or self.hint

    @classmethod
    def issue(
        cls, user: models.Model, *, scopes: list[str], brand: Brand | None = None, name: str = "", days: int = 365
    ) -> tuple[ApiToken, str]:
        """A new row and its token, which is shown this once. `days` until it expires; 0: never."""
        token = cls.PREFIX + secrets.token_urlsafe(32)
        expires = timezone.now() + dt.timedelta(days=days) if days else None
        row = cls.objects.create(
            user=user, brand=brand, name=name, hash=token_hash(token), hint=token[:8], scopes=scopes, expires_at=expires
        )
        return row, token


class IdempotencyRecord(models.Model):
    """An answer kept under the client's Idempotency-Key, so that a retry gets it instead of a second effect."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    brand = models.ForeignKey(Brand, models.CASCADE, null=True, related_name="+")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_expiry")]
