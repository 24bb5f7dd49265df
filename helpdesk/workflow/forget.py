"""Taking words back: a remote delete (and, later, an erased person) leaves a tombstone with the words gone.

The one service that blanks text. The Message and its versions own the words; parts still queued to answer
them keep their own words (they are ours); apps above blank what they hold through `ports.after_tombstone`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from helpdesk import events
from helpdesk.models import Attachment, Message, MessageVersion, Ticket
from helpdesk.ports import ports


def tombstone(messages: Sequence[Message], at: dt.datetime) -> None:
    """Blank these messages everywhere; they stay as entries of their tickets."""
    alive = [message for message in messages if message.deleted_at is None]
    ids = [message.pk for message in alive]
    if not ids:
        return
    Message.objects.filter(pk__in=ids).update(text="", url="", reasons=[], deleted_at=at)
    MessageVersion.objects.filter(message__in=ids).update(text="")
    Attachment.objects.filter(message__in=ids).delete()
    for message in alive:
        message.text, message.url, message.reasons, message.deleted_at = "", "", [], at
    only_word = Ticket.objects.filter(pk__in={message.ticket_id for message in alive}, inbound_count__lte=1)
    only_word.exclude(subject="").update(subject="")
    for forget in ports.after_tombstone:
        forget(ids)
    events.record([events.happened("message.deleted", m.brand_id, ticket=m.ticket_id, message=m.pk) for m in alive])
