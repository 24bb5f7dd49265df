"""What the desk's templates say: times in words, platforms by name, text made safe to show."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, urlize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from helpdesk import links
from helpdesk.models import Channel, Message, Ticket, public_id
from helpdesk.models.customer import initials_of
from helpdesk.ports import ports
from helpdesk.text import private
from helpdesk.text.clean import excerpt, shown
from helpdesk.text.triage import Intent, Sentiment, Urgency

register = template.Library()

SOON = dt.timedelta(minutes=30)


@register.simple_tag
def once() -> SafeString:
    """A hidden field that tells this page's form from every other: sent twice, it has its effect once."""
    return format_html('<input type="hidden" name="once" value="{}">', public_id())


@register.simple_tag
def problem(channel: Channel, found: dict[str, Any]) -> str:
    return ports.mouth.problem(channel, found)


@register.filter
def platform(key: str) -> str:
    return ports.mouth.platform_name(key)


@register.filter
def words(text: str) -> SafeString:
    """Customer text as HTML: escaped, with line breaks and plain links; direction tricks made visible."""
    linked = urlize(shown(text), nofollow=True, autoescape=True)
    return mark_safe(linked.replace("\n", "<br>"))  # noqa: S308 - urlize escaped it


register.filter("initials", initials_of)


@register.filter
def short(text: str, limit: int = 140) -> str:
    return excerpt(text, limit)


@register.filter
def span(seconds: float) -> str:
    """A length of time in its largest unit: 8 min, 3 h, 2 d."""
    minutes = int(abs(seconds) // 60)
    if minutes < 60:
        return _("%(count)d min") % {"count": max(minutes, 1)}
    if minutes < 48 * 60:
        return _("%(count)d h") % {"count": minutes // 60}
    return _("%(count)d d") % {"count": minutes // (24 * 60)}


@register.filter
def due(ticket: Ticket) -> dict[str, str] | None:
    """When an answer is due, in words and as a tone: late, soon or later."""
    if ticket.due_at is None:
        return None
    left = ticket.due_at - timezone.now()
    if left < dt.timedelta():
        return {"tone": "late", "words": _("%(span)s late") % {"span": span(left.total_seconds())}}
    words = _("in %(span)s") % {"span": span(left.total_seconds())}
    return {"tone": "soon" if left < SOON else "later", "words": words}


@register.filter
def discreet(text: str, country: str = "") -> str:
    """Private data behind dots, for lists, where others look over the shoulder; whole it is on the ticket's page."""
    return private.masked(text, private.find(text, [country] if country else []))


@register.filter
def ago(at: dt.datetime | None) -> SafeString | str:
    """A time as people say it, the exact one on hover."""
    if at is None:
        return ""
    try:
        local = timezone.localtime(at)
    except OverflowError:  # at the calendar's edge
        local = at
    past = timezone.now() - at
    if past < -dt.timedelta(minutes=1):
        said = _("in %(span)s") % {"span": span(past.total_seconds())}
    elif past < dt.timedelta(minutes=1):
        said = _("just now")
    elif past < dt.timedelta(hours=20):
        said = _("%(span)s ago") % {"span": span(past.total_seconds())}
    else:
        said = date_format(local, "j M, H:i" if past < dt.timedelta(days=300) else "j M Y")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), date_format(local, "j F Y, H:i T"), said
    )


@register.filter
def followers(count: int) -> str:
    """8.4k followers"""
    if count < 1000:
        return ngettext("%(count)d follower", "%(count)d followers", count) % {"count": count}
    return _("%(count)sk followers") % {"count": f"{count / 1000:.1f}".rstrip("0").rstrip(".")}


@register.filter
def tint(name: str) -> int:
    """One of six avatar tints, the same for a name each time."""
    return sum(map(ord, name)) % 6


@register.filter
def without_keys(text: str) -> str:
    return links.without_keys(text)


@register.filter
def https(address: str | None) -> str:
    """An address fit for a link: https only, else ""."""
    return address if address and address.startswith("https://") else ""


@register.filter
def reason(found: dict[str, Any]) -> str:
    """Why triage read it so, worded by whoever found it."""
    return ports.reason_words(found)


@register.filter
def triage_choices(message: Message) -> list[tuple[str, Any, str]]:
    """(field, choices, value) of what a person may correct."""
    kinds = {"intent": Intent, "sentiment": Sentiment, "urgency": Urgency}
    return [(name, kind.choices, getattr(message, name)) for name, kind in kinds.items()]


@register.filter
def at(found: dict[Any, Any], key: Any) -> Any:
    """The entry of a mapping, or None."""
    return found.get(key)
