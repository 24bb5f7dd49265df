"""Taking words back: a remote delete (and, later, an erased person) leaves a tombstone with the words gone.

The one service that blanks text. The Message and its versions own the words; a reply still queued to answer them is
not sent (its words are ours, and stay with its message); apps above blank what they hold through `after_tombstone`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef

from helpdesk import events, files
from helpdesk.models import Attachment, Likeness, Message, MessageBody, MessageKind, MessageVersion, Ticket
from helpdesk.ports import ports
from helpdesk.workflow import replies


def _drop_files(message_ids: Sequence[int]) -> None:
    rows = Attachment.objects.filter(message__in=message_ids)
    keys = list(rows.values_list("key", flat=True))
    rows.delete()
    transaction.on_commit(lambda: files.remove(keys))


def tombstone(messages: Sequence[Message], at: dt.datetime) -> None:
    """Blank these messages everywhere; they stay as entries of their tickets."""
    touched = sorted({message.ticket_id for message in messages})
    list(Ticket.objects.select_for_update(of=("self",)).filter(pk__in=touched).order_by("pk"))
    alive = [message for message in messages if message.deleted_at is None]
    ids = [message.pk for message in alive]
    if not ids:
        return
    Message.objects.filter(pk__in=ids).update(text="", url="", reasons=[], deleted_at=at)
    MessageVersion.objects.filter(message__in=ids).update(text="")
    MessageBody.objects.filter(message__in=ids).delete()
    _drop_files(ids)
    Likeness.objects.filter(ticket__in=touched).delete()  # made of words that are gone
    for message in alive:
        message.text, message.url, message.reasons, message.deleted_at = "", "", [], at
    left = Message.objects.filter(ticket=OuterRef("pk"), kind=MessageKind.INBOUND, deleted_at=None)
    Ticket.objects.filter(~Exists(left), pk__in=touched).exclude(subject="").update(subject="")
    replies.hold_back(ids)
    for forget in ports.after_tombstone:
        forget(ids)
    events.record([events.happened("message.deleted", m.brand_id, ticket=m.ticket_id, message=m.pk) for m in alive])
