"""Opening a brand: the brand, its counter, and the channels and the ladder every brand begins with."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from helpdesk import events
from helpdesk.models import Brand, BrandCounter, Channel, Membership, User
from helpdesk.permissions import Role
from helpdesk.workflow import defaults
from helpdesk.workflow.verbs import Refused

MANUAL = "manual"  # the platform of channels an agent keeps by hand
BY_HAND = ("Phone", "Shop floor", "Letter")


@transaction.atomic
def change(brand_id: int, user: User, **values: Any) -> Brand:
    """Set a brand's name, zone or promises; the event names the fields. Refused says which value will not do."""
    brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    moved = [name for name, value in values.items() if getattr(brand, name) != value]
    for name in moved:
        setattr(brand, name, values[name])
    try:
        brand.full_clean(exclude=["slug"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused(field, "invalid", " ".join(messages)) from error
    if moved:
        brand.save(update_fields=moved)
        events.record([events.happened("brand.changed", brand, actor=user, fields=moved)])
    return brand


@transaction.atomic
def open_brand(slug: str, name: str, owner: User | None = None, **values: str) -> Brand:
    """A brand ready to be worked in. IntegrityError where the slug is taken."""
    brand = Brand.objects.create(slug=slug, name=name, **values)
    BrandCounter.objects.create(brand=brand)
    Channel.objects.bulk_create(Channel(brand=brand, platform=MANUAL, name=label) for label in BY_HAND)
    defaults.begin(brand)
    if owner is not None:
        Membership.objects.create(brand=brand, user=owner, role=Role.OWNER)
    return brand
