"""What a customer changes afterwards."""

from __future__ import annotations

import datetime as dt

from helpdesk import events, summary
from helpdesk.models import Message, MessageVersion
from helpdesk.text.clean import Cleaned
from helpdesk.text.triage import Triage
from helpdesk.workflow import verbs


def edit(message_id: int, text: Cleaned, triage: Triage, seen_at: dt.datetime) -> bool:
    """The customer changed their words: the old ones become a version. False where nothing changed."""
    verbs.locked(Message.objects.values_list("ticket_id", flat=True).get(pk=message_id))
    message = Message.objects.get(pk=message_id)
    if message.deleted_at or message.text == text.text:
        return False
    number = MessageVersion.objects.filter(message=message).count() + 1
    MessageVersion.objects.create(
        brand_id=message.brand_id, message=message, number=number, text=message.text, seen_at=seen_at
    )
    message.text, message.is_cut, message.edited_at = text.text, text.is_cut, seen_at
    retriage(message, triage)
    message.save(update_fields=["text", "is_cut", "edited_at", *TRIAGE_FIELDS, "reasons"])
    summary.refresh([message.ticket_id])
    events.record([events.happened("message.edited", message.brand_id, ticket=message.ticket_id, message=message.pk)])
    return True


TRIAGE_FIELDS = ("language", "intent", "sentiment", "urgency", "reach")


def retriage(message: Message, triage: Triage) -> None:
    """Put a new reading on the instance; what a person corrected stays."""
    for name in TRIAGE_FIELDS:
        if name not in message.corrected:
            setattr(message, name, getattr(triage, name))
    message.reasons = [reason for reason in triage.reasons if reason.get("field") not in message.corrected]
