"""Word that something of ours did not arrive, marked on its delivery."""

from __future__ import annotations

from collections.abc import Sequence

from helpdesk.models import DeliveryPart
from helpdesk.workflow.replies import bounced
from mentions.models import Account
from mentions.platforms.base import Bounce


def mark(account: Account, bounces: Sequence[Bounce]) -> None:
    """Parts that left through this brand and came back. What is not ours is nobody's news."""
    for bounce in bounces:
        part = DeliveryPart.objects.filter(brand_id=account.brand_id, external_id=bounce.external_id).first()
        if part is not None:
            bounced(part.pk, bounce.detail, permanent=bounce.permanent)
