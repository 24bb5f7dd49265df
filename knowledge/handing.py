"""Articles handed to customers in answers: a link of its own for each ticket, so that we see whether it was opened."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from helpdesk.models import Message, MessageKind, Ticket, User
from helpdesk.workflow.verbs import Refused
from knowledge.centre.place import address_of
from knowledge.models import Edition, Handed, HelpCentre, Visible


def hand(edition: Edition, ticket: Ticket, by: User) -> Handed:
    """The link of this article for this ticket, the same each time. Refused where customers cannot read it."""
    if edition.brand_id != ticket.brand_id or not edition.is_live or edition.article.visible == Visible.INTERNAL:
        raise Refused("edition", "not_theirs", _("Customers cannot read this article. Say it in your own words."))
    row: Handed | None = Handed.objects.filter(edition=edition, ticket=ticket).first()
    if row is None:
        try:
            with transaction.atomic():
                row = Handed.objects.create(
                    brand_id=ticket.brand_id, edition=edition, ticket=ticket, agent=by, code=secrets.token_urlsafe(6)
                )
        except IntegrityError:  # pressed twice
            row = Handed.objects.get(edition=edition, ticket=ticket)
    return row


def link_of(row: Handed, request: HttpRequest | None = None) -> str:
    """What goes into the answer."""
    edition = row.edition
    centre = HelpCentre.of(edition.brand)
    page = address_of(edition.brand, centre, edition.language, "article", edition.slug, request=request)
    return f"{page}?r={row.code}"


def went_out(messages: Collection[int]) -> None:
    """Tell which answers carry the links that were made for them; `messages` are replies."""
    replies = Message.objects.filter(pk__in=messages, kind=MessageKind.REPLY)
    said: dict[int, list[tuple[int, str]]] = {}
    for key, ticket, text in replies.values_list("pk", "ticket", "text"):
        said.setdefault(ticket, []).append((key, text))
    for row in Handed.objects.filter(ticket__in=said, message=None):
        row.message_id = next((key for key, text in said[row.ticket_id] if f"r={row.code}" in text), None)
        if row.message_id:
            row.save(update_fields=["message"])
