"""How help pages write addresses and amounts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from knowledge.markdown import as_paragraphs

register = template.Library()


@register.simple_tag(takes_context=True)
def to(context: Any, name: str, *args: Any) -> str:
    """The path of a help page in the reader's place."""
    return str(context["place"].to(name, *args))


@register.filter
def day(moment: dt.datetime | None) -> SafeString:
    """A day as people write it, exact for machines."""
    if moment is None:
        return SafeString("")
    from django.utils.formats import date_format

    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="minutes"), date_format(local, "DATE_FORMAT")
    )


@register.filter
def ago(moment: dt.datetime) -> SafeString:
    """How long ago, with the exact time on hover."""
    local = timezone.localtime(moment)
    span = timesince(moment).split(",")[0]
    is_now = timezone.now() - moment < dt.timedelta(minutes=1)
    said = _("just now") if is_now else _("%(span)s ago") % {"span": span}
    exact = local.strftime("%Y-%m-%d %H:%M")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="minutes"), exact, said)


@register.filter
def paragraphs(text: str) -> SafeString:
    """What customers and agents wrote, escaped, in paragraphs."""
    return mark_safe(as_paragraphs(text))  # noqa: S308 - escaped in as_paragraphs


@register.filter
def minutes(count: int) -> str:
    """A span as people say it: 9 min, 3 h, 2 days."""
    if count < 90:
        return ngettext("%(count)d min", "%(count)d min", count) % {"count": count}
    hours = round(count / 60)
    if hours < 48:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    days = round(hours / 24)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@register.filter
def promised(hours: float) -> str:
    return minutes(round(hours * 60))
