"""Posts in → customers, threads, tickets, messages; in sets, never row by row.

`take_in` is the only way a contact becomes a message, whether a platform was polled or an agent logged a phone
call. It runs inside the caller's transaction and puts the intake of one brand in single file by locking the
brand's counter: two sources that hear one person at once cannot open two conversations.

The rules are DESIGN.md's, "Threads and tickets"; `intake.desk.Desk.ticket_for` is where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection

from helpdesk.intake.contact import Contact, Person
from helpdesk.intake.desk import Desk
from helpdesk.intake.edits import edit
from helpdesk.models import Brand, BrandCounter, Channel, Message

__all__ = ["Contact", "Person", "edit", "lock", "take_in"]


def take_in(
    channel: Channel, contacts: Sequence[Contact], parents: Mapping[str, Message] | None = None
) -> list[Message | None]:
    """A message for each contact, in their order; None for our own posts that belong to no ticket.

    `parents`: messages already stored, by key, that contacts may answer.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("take_in runs in the transaction that also stores what was heard.")
    if not contacts:
        return []
    counter = lock(channel.brand)
    desk = Desk(channel, counter, dict(parents or {}))
    desk.load(contacts)
    in_order = sorted(range(len(contacts)), key=lambda index: (contacts[index].said_at, index))
    found: dict[int, Message | None] = {index: desk.take(contacts[index]) for index in in_order}
    for index in in_order:  # history: what we said before the customer's first words that we have
        if found[index] is None and contacts[index].over:
            found[index] = desk.take(contacts[index])
    desk.write()
    return [found[index] for index in range(len(contacts))]


def lock(brand: Brand) -> BrandCounter:
    """Stand in line: whoever changes several of the brand's tickets at once takes this first, then them by key."""
    rows = BrandCounter.objects.select_for_update().filter(brand=brand)
    counter = rows.first()
    if counter is None:  # a brand that was not opened by open_brand
        BrandCounter.objects.bulk_create([BrandCounter(brand=brand)], ignore_conflicts=True)
        counter = rows.get()
    return counter
