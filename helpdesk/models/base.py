"""What every table shares: the brand on every row, and querysets that start from it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from helpdesk.models.brand import Brand

M = TypeVar("M", bound=models.Model)


def public_id() -> str:
    """128 bits from the system's CSPRNG, in 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


class BrandQuerySet(models.QuerySet[M]):
    """Rows of brands. Every query of a view starts from one of these two."""

    def visible_to(self, user: Any) -> Self:
        """Rows of the brands in which `user` has a membership (and its token, if any, allows)."""
        ids = list(user.roles) if user.is_authenticated and user.is_active else []
        if len(ids) == 1:
            return self.filter(**{self.brand_path(): ids[0]})
        return self.filter(**{f"{self.brand_path()}__in": ids})

    def for_brand(self, brand: Brand | int) -> Self:
        return self.filter(**{self.brand_path(): getattr(brand, "pk", brand)})

    def brand_path(self) -> str:
        return "brand_id"


class BrandRow(models.Model):
    """A row that belongs to one brand."""

    brand: models.ForeignKey[Brand, Brand] = models.ForeignKey("helpdesk.Brand", models.CASCADE, related_name="+")
    brand_id: int
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = BrandQuerySet.as_manager()

    class Meta:
        abstract = True
