"""What becomes of items we know: edited, deleted, or replied to without anybody telling us.

Notifications leave things out: a customer who goes on under their own post mentions nobody, a colleague answers with
the platform's own app, and an index that takes in two posts at once may miss that one replies to the other. Where a
platform counts the replies beneath an item, a count that has grown is followed by reading them.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from helpdesk import intake
from helpdesk.models import Delivery, DeliveryPart, MessageKind, Visibility, update_each
from mentions.ingest import Lease, bury, fenced, follow_edit, store
from mentions.models import Account, Mention, Source
from mentions.platforms import registry
from mentions.platforms.base import Connector, Found, Page, PlatformError, Post, Ref
from mentions.reading import Ready, ours_marked, prepare

log = logging.getLogger(__name__)

SOON = dt.timedelta(seconds=1)
LONGEST = dt.timedelta(days=30)
LONGEST_GAP = dt.timedelta(hours=23)  # between two looks: deletions are to be followed within a day
HOUR = dt.timedelta(hours=1)
YOUNG = dt.timedelta(minutes=10)
MOST_READ, LONGEST_READ = 10, 15.0  # items read beneath in one pass, and seconds
SET = 100
# Errors that are not about the item asked for.
OF_THE_ACCOUNT = ("credentials", "seal", "throttled")


def watch(part: DeliveryPart, account: Account, now: dt.datetime) -> None:
    """Keep an eye on a reply of ours that has just left, where such an item can be looked up."""
    delivery, answered = part.delivery, part.delivery.reply_to
    heard = getattr(answered, "mention", None)
    if delivery.action == Delivery.Action.LIKE or heard is None:
        return
    kinds = registry.platform(account.platform).lookup_kinds
    kind = heard.kind if delivery.visibility == Visibility.PUBLIC or heard.kind != "post" else "direct"
    if kind not in kinds or (kind == "post") != (delivery.visibility == Visibility.PUBLIC):
        return
    row = Mention(
        brand_id=part.brand_id,
        account=account,
        namespace=account.namespace,
        kind=kind,
        external_id=part.external_id,
        local_id=str(part.external.get("id", ""))[:512],
        message=delivery.message if part.position == 0 else None,
        check_at=now + SOON,
    )
    Mention.objects.bulk_create([row], ignore_conflicts=True)  # a poll may have come across it first


def check_again(lease: Lease, connector: Connector, most: int = 50) -> None:
    """Look again at items whose time has come: young ones often, old ones seldom, none after a month.

    This comes after hearing and never at its cost: it takes a share of the budget and of the time, and what one item
    does wrong waits with that item. PlatformError only where the whole account cannot be asked.
    """
    account, now = lease.source.account, timezone.now()
    rows = Mention.objects.filter(account=account, check_at__lte=now, deleted_at=None)
    due = list(rows.select_related("message__profile").order_by("check_at")[:most])
    if not due or not connector.platform.lookup or not _is_spare(lease.source, connector):
        return
    try:
        found = connector.lookup([_ref(mention) for mention in due])
    except PlatformError as error:
        if error.code in OF_THE_ACCOUNT:
            raise
        log.info("source %s: could not look again: %s", lease.source.pk, error.code)
        found = Found()
    ready = {item.post.external_id: item for item in prepare(account, found.posts, now)[0]}
    _settle(lease, connector, due, ready, found.gone, now)
    _read_beneath(lease, connector, due, found)


def _settle(
    lease: Lease,
    connector: Connector,
    due: Sequence[Mention],
    ready: dict[str, Ready],
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
            mention.check_at = _next_check(mention, lease.source, now, connector.platform.recheck_seconds)
        update_each(rows, ["check_at"])
        bury(account, gone, lease, now)


def _read_beneath(lease: Lease, connector: Connector, due: Sequence[Mention], found: Found) -> None:
    """Take in what is new beneath these items. Those not reached in this pass are the first of the next."""
    counted = {post.external_id: post.replies for post in found.posts if post.replies is not None}
    fallen = [mention for mention in due if counted.get(mention.external_id, mention.replies) < mention.replies]
    grown = [mention for mention in due if counted.get(mention.external_id, 0) > mention.replies]
    _remember({mention.pk: counted[mention.external_id] for mention in fallen})
    until, read = time.monotonic() + LONGEST_READ, 0
    for mention in grown:
        if read == MOST_READ or time.monotonic() > until or not _is_spare(lease.source, connector):
            Mention.objects.filter(pk=mention.pk).update(check_at=timezone.now())
            continue
        read += 1
        try:
            page = connector.replies(_ref(mention))
        except PlatformError as error:
            if error.code in OF_THE_ACCOUNT:
                raise
            log.info("source %s: could not read beneath %s: %s", lease.source.pk, mention.pk, error.code)
            continue
        posts = ours_marked(lease.source.account, page.posts)
        _store(lease, Page(tuple(post for post in posts if _is_for_us(post, mention)), page.malformed), connector)
        direct = [post for post in page.posts if post.parent_id == mention.external_id]
        seen, count = len(direct) + len(page.malformed), counted[mention.external_id]
        is_young = timezone.now() - mention.created_at < YOUNG
        _remember({mention.pk: min(seen, count) if is_young else count})  # what is hidden from us stays hidden


def _store(lease: Lease, page: Page, connector: Connector) -> None:
    """In sets of a page's size, so that no transaction is as long as a thread."""
    for start in range(0, len(page.posts), SET):
        store(lease, Page(page.posts[start : start + SET]), connector)
    if page.malformed:
        store(lease, Page(malformed=page.malformed), connector)


def _is_spare(source: Source, connector: Connector) -> bool:
    """Whether enough of the hour's requests are left for hearing: two a look, but never more than half of all."""
    end = (source.budget_window_at or timezone.now()) + HOUR
    looks = max(0.0, (end - timezone.now()).total_seconds()) / source.rhythm_seconds
    kept = min(source.budget_per_hour / 2, 2 * looks)
    return source.budget_used + connector.requests < source.budget_per_hour - kept


def _remember(replies: Mapping[int, int]) -> None:
    for key, count in replies.items():
        Mention.objects.filter(pk=key).update(replies=count)


def _is_for_us(post: Post, above: Mention) -> bool:
    """Beneath our own words anybody speaks to us; beneath a customer's, they themselves and we."""
    message = above.message
    if message is None or message.kind != MessageKind.INBOUND or message.profile is None:
        return True
    return post.ours or post.author.external_id == message.profile.external_id


def _ref(mention: Mention) -> Ref:
    return Ref(mention.external_id, mention.local_id)


def _next_check(mention: Mention, source: Source, now: dt.datetime, least: int) -> dt.datetime | None:
    age = now - mention.created_at
    if age > LONGEST:
        return None
    return now + max(dt.timedelta(seconds=max(source.rhythm_seconds * 0.9, least)), min(age / 20, LONGEST_GAP))
