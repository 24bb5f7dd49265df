"""Outside hours the customer hears when we are back: in the brand's own words, by name, once a ticket."""

from __future__ import annotations

import datetime as dt
import logging
import zoneinfo

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from helpdesk.hours import Hours, NeverOpen
from helpdesk.models import Brand, Message, MessageKind, Ticket
from helpdesk.workflow import replies
from helpdesk.workflow.verbs import Conflict, Refused

log = logging.getLogger(__name__)

FRESH = dt.timedelta(hours=1)  # what was said longer ago is history: a first look reads a week of it
NOT_GREETED = ("praise", "spam")


def says_so(brand: Brand, ticket: Ticket, hours: Hours, now: dt.datetime) -> bool:
    """Whether this ticket, whose customer has just spoken, is one to say it to. No query."""
    return bool(brand.away_text) and ticket.intent not in NOT_GREETED and not hours.is_open(now)


def greet(ticket: Ticket, brand: Brand, hours: Hours, now: dt.datetime) -> bool:
    """Say when we are back, unless that was said before or cannot be; whether it was. In the caller's transaction."""
    if Message.objects.filter(ticket=ticket, kind=MessageKind.REPLY).exists():
        return False
    said = Message.objects.filter(ticket=ticket, kind=MessageKind.INBOUND, deleted_at=None).order_by("-said_at", "-id")
    latest = said.first()
    if latest is None or latest.is_automatic or latest.said_at < now - FRESH:
        return False
    try:
        text = worded(brand, replies.shown_name(ticket, latest.visibility), hours.next_opening(now), now)
        with transaction.atomic():
            replies.say_automatically(ticket.pk, text, latest.visibility)
    except (NeverOpen, Refused, Conflict):
        return False
    except Exception:  # what is nice to say keeps no ticket from its ladder
        log.exception("ticket %s: could not say when we are back", ticket.pk)
        return False
    return True


def worded(brand: Brand, name: str, opens: dt.datetime, now: dt.datetime) -> str:
    """The brand's words, with the customer's first name and when we are back, as a clock there shows it."""
    zone = zoneinfo.ZoneInfo(brand.time_zone)
    there, here = opens.astimezone(zone), now.astimezone(zone)
    clock = date_format(there, "H:i")
    days = (there.date() - here.date()).days
    if days == 0:
        when = _("today at %(clock)s") % {"clock": clock}
    elif days == 1:
        when = _("tomorrow at %(clock)s") % {"clock": clock}
    elif days < 7:
        when = _("on %(day)s at %(clock)s") % {"day": date_format(there, "l"), "clock": clock}
    else:
        when = _("on %(day)s at %(clock)s") % {"day": date_format(there, "j F"), "clock": clock}
    return replies.named(brand.away_text, name).replace("{when}", when)
