"""Opening a brand: the brand, its counter, and the channels every brand has."""

from __future__ import annotations

from django.db import transaction

from helpdesk.models import Brand, BrandCounter, Channel, Membership, User
from helpdesk.permissions import Role

MANUAL = "manual"  # the platform of channels an agent keeps by hand
BY_HAND = ("Phone", "Shop floor", "Letter")


@transaction.atomic
def open_brand(slug: str, name: str, owner: User | None = None, **values: str) -> Brand:
    """A brand ready to be worked in. IntegrityError where the slug is taken."""
    brand = Brand.objects.create(slug=slug, name=name, **values)
    BrandCounter.objects.create(brand=brand)
    Channel.objects.bulk_create(Channel(brand=brand, platform=MANUAL, name=label) for label in BY_HAND)
    if owner is not None:
        Membership.objects.create(brand=brand, user=owner, role=Role.OWNER)
    return brand
