"""What every verb shares: the ticket, locked; an agent's words, cleaned; and how it says no."""

from __future__ import annotations

from django.utils.translation import gettext as _

from helpdesk.models import BrandCounter, Ticket
from helpdesk.text.clean import cleaned


class Conflict(Exception):
    """The row changed under the caller, or its state does not allow this. The text says what now."""


class Refused(Exception):
    """A value that cannot be taken. `field` names it; the text says why and what to do."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(text)
        self.field, self.code, self.text = field, code, text


class PermissionRefused(Exception):
    """The role does not reach this; the text says whose does."""


def locked(ticket_id: int) -> Ticket:
    """The ticket, locked until the end of the caller's transaction."""
    rows = Ticket.objects.select_for_update(of=("self",)).select_related("brand", "channel", "customer")
    return rows.get(pk=ticket_id)


def in_line(brand_id: int) -> None:
    """Stand in line for what concerns several tickets of one customer: the brand's counter, before any ticket."""
    BrandCounter.objects.select_for_update().filter(brand=brand_id).first()


def words(text: str, field: str = "text") -> str:
    """Cleaned text of an agent; refused where nothing or too much is left."""
    clean = cleaned(text)
    if not clean.text:
        raise Refused(field, "blank", _("Write something first."))
    if clean.is_cut:
        raise Refused(field, "too_long", _("This is longer than 20,000 characters. Shorten it."))
    return clean.text
