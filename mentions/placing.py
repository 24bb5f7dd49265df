"""Where an item belongs: which known message it answers, and so in which thread it stands.

A platform names one parent, mail names many; what is known here wins over what the item says of its thread, so that a
conversation stays one even where its first posts came to us late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import Q

from helpdesk.models import DeliveryPart, Message, Participant, Thread
from mentions.models import Account, Mention
from mentions.reading import Ready


def parents(account: Account, items: Sequence[Ready]) -> dict[str, Message]:
    """Messages that these items answer, by key: heard ones by mention, our own by delivered part."""
    ids = {name for item in items for name in _answers(item)}
    if not ids:
        return {}
    rows = Mention.objects.filter(brand_id=account.brand_id, namespace=account.namespace, external_id__in=ids)
    found = {row.external_id: row.message for row in rows.select_related("message__thread") if row.message}
    rest = ids - set(found)
    parts = DeliveryPart.objects.filter(Q(external_id__in=rest) | Q(expected_id__in=rest), brand_id=account.brand_id)
    for part in parts.select_related("delivery__message__thread") if rest else []:
        if part.delivery.message:
            found |= dict.fromkeys({part.external_id, part.expected_id} & rest, part.delivery.message)
    return found


def placed(account: Account, items: Sequence[Ready], known: dict[str, Message]) -> list[Ready]:
    """The items, each with the parent and the thread that are known; `known` gains who answers through a ticket."""
    threads = {
        key: (message.thread.kind, message.thread.external_key) for key, message in known.items() if message.thread
    }
    in_page = {item.post.external_id for item in items}
    found: dict[int, Ready] = {}
    for index in sorted(range(len(items)), key=lambda index: items[index].contact.said_at):
        item = items[index]
        parent = next((name for name in _answers(item) if name in known or name in in_page), "")
        place = threads.get(parent) or _of_ticket(account, item)
        contact = item.contact
        if parent:
            contact = replace(contact, parent_key=parent)
        if place is not None and place[0] == contact.thread_kind and item.post.continues:
            contact = replace(contact, thread_key=place[1])
        threads[item.post.external_id] = (contact.thread_kind, contact.thread_key)
        found[index] = replace(item, contact=contact)
    return [found[index] for index in range(len(items))]


def _answers(item: Ready) -> list[str]:
    return [name for name in (item.post.parent_id, *item.post.others) if name]


def _of_ticket(account: Account, item: Ready) -> tuple[str, str] | None:
    """The thread of the ticket an item names: proven by a signed address, or claimed by that ticket's customer."""
    post = item.post
    if not post.ticket and not post.number:
        return None
    rows = Thread.objects.filter(brand_id=account.brand_id, kind=post.kind, namespace=account.namespace)
    named = rows.filter(messages__ticket=post.ticket) if post.ticket else rows.none()
    if not post.ticket:
        theirs = Participant.objects.filter(
            brand_id=account.brand_id, ticket__number=post.number, profile__external_id=post.author.external_id
        )
        named = rows.filter(participants__in=theirs)
    thread = named.order_by("-id").first()
    return (thread.kind, thread.external_key) if thread else None
