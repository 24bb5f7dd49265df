"""What this app holds of an erased person: mentions, payloads, quarantined and pushed items, the demo's ledger."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from django.conf import settings

from helpdesk.erasing import names_them
from helpdesk.ports import Erased
from mentions.models import Account, DemoPost, Forgotten, Mention, Push, Quarantine
from mentions.platforms.base import Post


def digest(namespace: str, kind: str, external_id: str) -> str:
    """A name for an item that does not tell its name."""
    name = "\n".join((namespace, kind, external_id)).encode("utf-8", "replace")
    return hmac.new(settings.SECRET_KEY.encode(), name, hashlib.sha256).hexdigest()


def still_wanted(account: Account, posts: Sequence[Post]) -> list[Post]:
    """The posts without those of people who have been erased."""
    names = {digest(account.namespace, post.kind, post.external_id): post for post in posts}
    gone = set(Forgotten.objects.filter(brand=account.brand_id, digest__in=names).values_list("digest", flat=True))
    return [post for name, post in names.items() if name not in gone] if gone else list(posts)


def forget(erased: Erased) -> None:
    """Called while the messages still say where they came from."""
    mentions = list(Mention.objects.filter(message__in=erased.message_ids))
    Forgotten.objects.bulk_create(
        [
            Forgotten(brand_id=erased.brand_id, digest=digest(row.namespace, row.kind, row.external_id))
            for row in mentions
        ],
        ignore_conflicts=True,
    )
    keys = [row.external_id.removeprefix("demo:") for row in mentions if row.external_id.startswith("demo:")]
    DemoPost.objects.filter(account__brand=erased.brand_id, key__in=keys).update(about={}, text="", author="somebody")
    Mention.objects.filter(pk__in=[row.pk for row in mentions]).delete()
    kept = Quarantine.objects.filter(brand=erased.brand_id)
    naming = [row.pk for row in kept.iterator() if names_them([row.raw, row.external_id, row.problem], erased)]
    Quarantine.objects.filter(pk__in=naming).delete()
    pushed = Push.objects.filter(brand=erased.brand_id).exclude(body=None)
    Push.objects.filter(pk__in=[row.pk for row in pushed.iterator() if names_them(row.body, erased)]).delete()
