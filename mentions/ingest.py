"""Pages in → mentions, stored once; the new ones go on to intake. A page and its cursor commit together.

What costs time but no locks (cleaning, triage, looking up authors) happens before the transaction. Inside it, a
page is stored as a set; if anything in it cannot be, the set is rolled back and its items are tried one by one,
and those that fail go to quarantine with what was wrong.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from helpdesk import files, intake
from helpdesk.models import DeliveryPart, Message
from helpdesk.states import PartState
from helpdesk.text.clean import storable
from helpdesk.text.private import scrubbed
from helpdesk.workflow import forget
from mentions import bouncing, placing, terms
from mentions.alive import still_here
from mentions.models import Account, Heard, Mention, Payload, Quarantine, Source
from mentions.platforms import registry
from mentions.platforms.base import Connector, Page, Post
from mentions.reading import Ready, known, prepare

log = logging.getLogger(__name__)

PAYLOAD_BYTES = 64 * 1024
AWAY = (OperationalError, InterfaceError, OSError, SoftTimeLimitExceeded)


class LeaseLost(Exception):
    """Another worker has this source by now; what we hold must not be written."""


@dataclass
class Lease:
    """A claimed source, and what its pass has brought so far."""

    source: Source
    token: int
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("heard", "new", "edited", "deleted", "quarantined"), 0)
    )
    delays: list[float] = field(default_factory=list)  # seconds from said to heard, of what was new

    def add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.counts[name] += count


def store(lease: Lease, page: Page, connector: Connector, beside: Callable[[], None] = lambda: None) -> None:
    """Store one page and its cursor, and what `beside` writes. LeaseLost where the source is another worker's by now."""
    account, now = lease.source.account, timezone.now()
    still_here()
    ready, malformed = prepare(account, terms.sifted(lease.source.term, page.posts), now, connector)
    with transaction.atomic():
        source = fenced(lease)
        intake.lock(account.brand)
        fresh = _store_all(lease, ready, now)
        for item in (*page.malformed, *malformed):
            quarantine(source, item.raw, {"code": "malformed", "detail": item.detail}, now)
        bury(account, page.gone, lease, now)
        bouncing.mark(account, page.bounces)
        lease.add(heard=len(page.posts) + len(page.malformed), quarantined=len(page.malformed) + len(malformed))
        if page.cursor is not None:
            source.cursor = dict(page.cursor)
        if fresh:
            source.last_heard_at = now
            source.heard_count += fresh
        source.lease_until = now + dt.timedelta(seconds=settings.LEASE_SECONDS)
        source.save(update_fields=["cursor", "last_heard_at", "heard_count", "lease_until"])
        beside()
    lease.source.cursor = source.cursor


def fenced(lease: Lease) -> Source:
    """The source, locked, if it is still ours."""
    source = Source.objects.select_for_update().filter(pk=lease.source.pk, lease_token=lease.token).first()
    if source is None:
        raise LeaseLost(lease.source.pk)
    return source


# --- in the transaction ----------------------------------------------------------------------------------------


def _store_all(lease: Lease, ready: Sequence[Ready], now: dt.datetime) -> int:
    """How many were new. The set first; one by one where the set does not go in."""
    if not ready:
        return 0
    try:
        with transaction.atomic():
            return _store_set(lease, ready, now)
    except AWAY:
        raise  # the database is away, the disk full, or our time is up: nothing about the items
    except Exception as error:  # noqa: BLE001 - whatever one item does wrong must not cost the others
        log.warning("a page of source %s goes in item by item: %s", lease.source.pk, type(error).__name__)
    return sum(_store_one(lease, item, now) for item in ready)


def _store_one(lease: Lease, item: Ready, now: dt.datetime) -> int:
    try:
        with transaction.atomic():
            return _store_set(lease, [item], now)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - see above; the item is kept with its error
        log.warning("item of source %s quarantined: %s", lease.source.pk, type(error).__name__)
        code = "database" if isinstance(error, DatabaseError) else "bug"
        problem = {"code": code, "detail": type(error).__name__}
        quarantine(lease.source, dict(item.post.raw), problem, now, item.post.external_id)
        lease.add(quarantined=1)
        return 0


def _store_set(lease: Lease, ready: Sequence[Ready], now: dt.datetime) -> int:
    account = lease.source.account
    stored = {(row.kind, row.external_id): row for row in known(account, [item.post for item in ready])}
    new = [item for item in ready if (item.post.kind, item.post.external_id) not in stored]
    for item in ready:
        mention = stored.get((item.post.kind, item.post.external_id))
        if mention is not None and item.post.kind != "mail":  # mail is never edited; a copy is only a copy
            follow_edit(mention, item, lease, now)
    mentions = _add(account, new, now)
    lease.delays += [(now - item.post.said_at).total_seconds() for item in new if not item.post.ours]
    heard = [Heard(source=lease.source, mention=mention, at=now) for mention in (*mentions, *stored.values())]
    Heard.objects.bulk_create(heard, ignore_conflicts=True)
    lease.add(new=len(new))
    return len(new)


def _add(account: Account, new: Sequence[Ready], now: dt.datetime) -> list[Mention]:
    if not new:
        return []
    sent = _sent_by_us(account, new)
    taken = [item for item in new if item.post.external_id not in sent]
    parents = placing.parents(account, taken)
    taken = placing.placed(account, taken, parents)
    messages = dict(
        zip(
            (item.post.external_id for item in taken),
            intake.take_in(account.channel, [_with_files(item) for item in taken], parents),
            strict=True,
        )
    )
    watch = now + dt.timedelta(seconds=max(1, registry.platform(account.platform).recheck_seconds))
    mentions = [
        Mention(
            brand_id=account.brand_id,
            account=account,
            namespace=account.namespace,
            kind=item.post.kind,
            external_id=item.post.external_id,
            local_id=item.post.local_id,
            version=item.post.version,
            reference=storable(dict(item.post.reference)),
            message=messages.get(item.post.external_id) or sent.get(item.post.external_id),
            seen_at=now,
            check_at=watch if item.post.kind in registry.platform(account.platform).lookup_kinds else None,
        )
        for item in new
    ]
    Mention.objects.bulk_create(mentions)
    expires = now + dt.timedelta(days=account.brand.keep_payload_days)
    Payload.objects.bulk_create(
        Payload(mention=mention, raw=_capped(item.post.raw), expires_at=expires)
        for mention, item in zip(mentions, new, strict=True)
    )
    return mentions


def _sent_by_us(account: Account, new: Sequence[Ready]) -> dict[str, Message | None]:
    """Our own posts among these that left through a delivery: known already, by the id they were given."""
    # a list sends us our own mails, as from us or from the list: their Message-ID says so
    ours = [item.post for item in new if item.post.ours or item.post.kind == "mail"]
    if not ours:
        return {}
    parts = DeliveryPart.objects.filter(brand_id=account.brand_id).select_related("delivery__message")
    by_name: dict[str, DeliveryPart] = {}
    for column in ("expected_id", "external_id"):
        rows = parts.filter(**{f"{column}__in": [post.external_id for post in ours]})
        by_name |= {getattr(part, column): part for part in rows}
    directs = [post for post in ours if post.kind == "direct" and post.external_id not in by_name]
    by_name |= _by_words(account, directs)
    by_name |= _by_parent(account, ours, by_name)
    unsure = [part.pk for part in by_name.values() if part.state == PartState.UNKNOWN]
    if unsure:  # it is there: the next look proves it, and nobody has to decide
        DeliveryPart.objects.filter(pk__in=unsure).update(lease_until=timezone.now())
    return {name: _its_message(part) for name, part in by_name.items()}


def _by_words(account: Account, posts: Sequence[Post]) -> dict[str, DeliveryPart]:
    """Parts on their way whose words these are: ids that the platform chooses are not known by then.

    The same words to two people are told apart by the conversation, where the part names it.
    """
    if not posts:
        return {}
    by_hash: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_hash[hashlib.sha256(post.text.encode()).hexdigest()].append(post)
    moving = DeliveryPart.objects.filter(
        brand_id=account.brand_id,
        delivery__channel=account.channel_id,
        state__in=[PartState.SENDING, PartState.UNKNOWN],
        text_sha256__in=by_hash,
    )
    found: dict[str, DeliveryPart] = {}
    for part in moving.select_related("delivery__message").order_by("id"):
        convo = (part.payload or {}).get("convo")
        free = [post for post in by_hash[part.text_sha256] if post.external_id not in found]
        fitting = [post for post in free if not convo or post.thread_key == convo]
        if fitting:
            found[fitting[0].external_id] = part
    return found


def _by_parent(account: Account, posts: Sequence[Post], known: Mapping[str, DeliveryPart]) -> dict[str, DeliveryPart]:
    """Parts nobody knows the fate of, seen where they were to go, with their words (and perhaps names before them).

    A part says what it goes beneath by the id that posts are known by: `beneath`, where that is not its `reply_to`.
    """
    unknown = [post for post in posts if post.parent_id and post.external_id not in known]
    if not unknown:
        return {}
    above = [post.parent_id for post in unknown]
    moving = DeliveryPart.objects.filter(
        brand_id=account.brand_id,
        delivery__channel=account.channel_id,
        state__in=[PartState.SENDING, PartState.UNKNOWN],
    )
    rows = moving.filter(Q(payload__reply_to__in=above) | Q(payload__beneath__in=above))
    found: dict[str, DeliveryPart] = {}
    for part in rows.select_related("delivery__message").order_by("id"):
        payload = part.payload or {}
        parent, said = payload.get("beneath") or payload.get("reply_to"), _without_names(str(payload.get("text", "")))
        for post in unknown:
            is_there = parent == post.parent_id and _without_names(post.text) == said
            if said and is_there and post.external_id not in found:
                found[post.external_id] = part
                break
    return found


def _without_names(text: str) -> str:
    """The words, without the names before them, which a platform adds or writes its own way, and without marks that some
    servers turn into type."""
    words = text.split()
    while len(words) > 1 and words[0].startswith("@"):
        words.pop(0)
    return " ".join("".join(letter for letter in word if letter not in MARKS) for word in words)


MARKS = "*_`"


def _its_message(part: DeliveryPart) -> Message | None:
    """The message a part belongs to, where no mention has it yet; None for later parts and likes."""
    message = part.delivery.message
    free = part.position == 0 and message is not None and not Mention.objects.filter(message=message).exists()
    return message if free else None


def _with_files(item: Ready) -> intake.Contact:
    """The contact with its files on disk: what is rolled back leaves files without a row, which are swept."""
    stored = tuple(files.store(file.name, file.media_type, file.content, file.content_id) for file in item.post.files)
    return replace(item.contact, files=stored) if stored else item.contact


def _capped(raw: Mapping[str, Any]) -> Any:
    value = scrubbed(storable(dict(raw)))
    size = len(json.dumps(value))
    return value if size <= PAYLOAD_BYTES else {"cut": True, "bytes": size}


# --- what changes later ----------------------------------------------------------------------------------------


def follow_edit(mention: Mention, item: Ready, lease: Lease, now: dt.datetime) -> None:
    """A known item seen again: what a reply must quote is kept up to date; where its version moved, so are its words."""
    if mention.deleted_at:
        return
    moved = _is_newer(item.post.version, mention.version)
    stale = item.post.version.isdigit() and mention.version.isdigit() and int(item.post.version) < int(mention.version)
    reference = mention.reference if stale else {**mention.reference, **storable(dict(item.post.reference))}
    if moved or reference != mention.reference or mention.seen_at is None:
        mention.version = item.post.version if moved else mention.version
        mention.reference, mention.seen_at = reference, now
        mention.local_id = (item.post.local_id if moved else "") or mention.local_id
        mention.save(update_fields=["version", "reference", "seen_at", "local_id"])
    if not moved or mention.message_id is None or item.post.ours:
        return
    if intake.edit(mention.message_id, item.contact.text, item.contact.triage, now):
        Payload.objects.filter(mention=mention).update(raw=_capped(item.post.raw))
        lease.add(edited=1)


def _is_newer(version: str, than: str) -> bool:
    """Whether this is another version; of versions that are numbers, a later one: some servers show old ones still."""
    if version.isdigit() and than.isdigit():
        return int(version) > int(than)
    return bool(version) and version != than


def bury(account: Account, ids: Sequence[str], lease: Lease, now: dt.datetime) -> None:
    """What the platform says is gone, gone here too. What was never seen there is only not there yet."""
    if not ids:
        return
    rows = Mention.objects.filter(
        brand_id=account.brand_id, namespace=account.namespace, external_id__in=ids, deleted_at=None
    ).exclude(seen_at=None)
    mentions = list(rows.select_related("message").order_by("pk"))
    Quarantine.objects.filter(source__account=account, external_id__in=ids).update(settled_at=now, raw={})
    Mention.objects.filter(pk__in=[row.pk for row in mentions]).update(deleted_at=now, check_at=None)
    above = [row.message.parent_id for row in mentions if row.message and row.message.parent_id]
    Mention.objects.filter(message__in=above, replies__gt=0).update(replies=F("replies") - 1)
    forget.tombstone([row.message for row in mentions if row.message], now)
    lease.add(deleted=len(mentions))


def forget_payloads(message_ids: Sequence[int]) -> None:
    """The raw items of blanked messages go too (plugged into helpdesk.workflow.forget)."""
    Payload.objects.filter(mention__message__in=message_ids).delete()


# --- quarantine ------------------------------------------------------------------------------------------------


def quarantine(source: Source, raw: Any, problem: dict[str, Any], now: dt.datetime, external_id: str = "") -> None:
    """Keep an item we could not take in; the same item again only counts up."""
    value = scrubbed(storable(raw)) if raw is not None else {"value": None}
    body = json.dumps(value, sort_keys=True, default=str)
    if len(body) > PAYLOAD_BYTES:
        value = {"cut": True, "bytes": len(body), "head": body[:4000]}
    fingerprint = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()
    problem = {name: storable(item) for name, item in problem.items()}
    row, is_new = Quarantine.objects.get_or_create(
        source=source,
        fingerprint=fingerprint,
        defaults={
            "brand_id": source.brand_id,
            "external_id": external_id,
            "raw": value,
            "problem": problem,
            "seen_at": now,
        },
    )
    if not is_new:
        row.tries, row.problem, row.seen_at = min(row.tries + 1, 32_000), problem, now
        row.save(update_fields=["tries", "problem", "seen_at"])
