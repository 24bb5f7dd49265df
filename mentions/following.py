"""What becomes of items we know: edited, deleted, or replied to without anybody telling us.

Notifications leave things out: a customer who goes on under their own post mentions nobody, a colleague answers with
the platform's own app, and an index that takes in two posts at once may miss that one replies to the other. Where a
platform counts the replies beneath an item, a count that has grown is followed by reading them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from helpdesk import intake
from helpdesk.models import Delivery, DeliveryPart, MessageKind, Visibility, update_each
from mentions.ingest import Lease, bury, fenced, follow_edit, store
from mentions.models import Account, Mention, Source
from mentions.platforms.base import Connector, Found, Page, Post
from mentions.reading import Ready, prepare

SOON = dt.timedelta(seconds=1)
LONGEST = dt.timedelta(days=30)


def watch(part: DeliveryPart, account: Account, now: dt.datetime) -> None:
    """Keep an eye on a reply of ours that has just left; what was said in private tells of itself."""
    delivery, answered = part.delivery, part.delivery.reply_to
    heard = getattr(answered, "mention", None)
    if delivery.action == Delivery.Action.LIKE or delivery.visibility != Visibility.PUBLIC:
        return
    if heard is None or heard.kind != "post":
        return
    row = Mention(
        brand_id=part.brand_id,
        account=account,
        namespace=account.namespace,
        kind=heard.kind,
        external_id=part.external_id,
        message=delivery.message if part.position == 0 else None,
        check_at=now + SOON,
    )
    Mention.objects.bulk_create([row], ignore_conflicts=True)  # a poll may have come across it first


def check_again(lease: Lease, connector: Connector, most: int = 50) -> None:
    """Look again at items whose time has come: young ones often, old ones seldom, none after a month."""
    account, now = lease.source.account, timezone.now()
    rows = Mention.objects.filter(account=account, check_at__lte=now, deleted_at=None)
    due = list(rows.select_related("message__profile").order_by("check_at")[:most])
    if not due or not connector.platform.lookup:
        return
    found = connector.lookup([mention.external_id for mention in due])
    read = _read_beneath(lease, connector, due, found)
    ready = {item.post.external_id: item for item in prepare(account, found.posts, now)[0]}
    _settle(lease, due, ready, read, found.gone, now)


def _read_beneath(lease: Lease, connector: Connector, due: Sequence[Mention], found: Found) -> dict[str, int]:
    """Take in what is new beneath these items; how many replies each has now."""
    counted = {post.external_id: post.replies for post in found.posts if post.replies is not None}
    read: dict[str, int] = {}
    for mention in due:
        if counted.get(mention.external_id, 0) > mention.replies:
            page = connector.replies(mention.external_id)
            wanted = tuple(post for post in page.posts if _is_for_us(post, mention))
            store(lease, Page(wanted, page.malformed), connector)
            read[mention.external_id] = len(page.posts) + len(page.malformed)
    return read


def _is_for_us(post: Post, above: Mention) -> bool:
    """Beneath our own words anybody speaks to us; beneath a customer's, they themselves and we."""
    message = above.message
    if message is None or message.kind != MessageKind.INBOUND or message.profile is None:
        return True
    return post.ours or post.author.external_id == message.profile.external_id


def _settle(
    lease: Lease,
    due: Sequence[Mention],
    ready: dict[str, Ready],
    read: dict[str, int],
    gone: Sequence[str],
    now: dt.datetime,
) -> None:
    account = lease.source.account
    with transaction.atomic():
        fenced(lease)
        intake.lock(account.brand)
        rows = list(Mention.objects.filter(pk__in=[mention.pk for mention in due]).order_by("pk"))
        for mention in rows:
            if mention.external_id in ready:
                follow_edit(mention, ready[mention.external_id], lease, now)
            mention.check_at = _next_check(mention, lease.source, now)
            mention.replies = read.get(mention.external_id, mention.replies)
        update_each(rows, ["check_at", "replies"])
        bury(account, gone, lease, now)


def _next_check(mention: Mention, source: Source, now: dt.datetime) -> dt.datetime | None:
    age = now - mention.created_at
    if age > LONGEST:
        return None
    return now + max(dt.timedelta(seconds=source.rhythm_seconds * 0.9), age / 20)
