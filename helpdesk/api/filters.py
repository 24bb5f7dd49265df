"""What lists can be narrowed by. A value that is none of a filter's is an error, never "everything"."""

from __future__ import annotations

import datetime as dt
from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from helpdesk.contacts import numbers
from helpdesk.models import FAR, Customer, MessageKind, Profile, Ticket
from helpdesk.states import PartState, TicketState
from helpdesk.text.triage import Intent, Sentiment, Urgency


def refused(name: str, text: str) -> ValidationError:
    return ValidationError({name: [text]}, code="invalid")


class Words(filters.BaseInFilter, filters.ChoiceFilter):
    """One or several of the choices, separated by commas."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        known = ", ".join(str(value) for value, _label in kwargs.get("choices", ()))
        kwargs.setdefault("error_messages", {"invalid_choice": f"Choose from: {known}."})
        super().__init__(*args, **kwargs)


class Names(filters.BaseInFilter, filters.CharFilter):
    """One or several words, separated by commas."""


class NumberField(forms.IntegerField):
    """A whole number, written in plain digits."""

    default_error_messages = {"invalid": "A whole number."}

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str) and value and not (value.isascii() and value.isdigit()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class Number(filters.NumberFilter):
    field_class = NumberField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"min_value": 1, "max_value": 2**63 - 1, **kwargs})


class YesNo(filters.TypedChoiceFilter):
    """`true` or `false`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            *args,
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda value: value == "true",
            error_messages={"invalid_choice": "true or false."},
            **kwargs,
        )


class TimeField(filters.IsoDateTimeFilter.field_class):
    """A time in UTC; one that lies outside the calendar there is an error, not a crash."""

    default_error_messages = {"invalid": "An ISO-8601 time such as 2026-11-22T08:00:00Z, its plus sign escaped."}

    def clean(self, value: Any) -> Any:
        try:
            found = super().clean(value)
            return found.astimezone(dt.UTC) if found else found
        except OverflowError as error:
            raise forms.ValidationError(_("This time lies outside the calendar."), code="invalid") from error


class Time(filters.IsoDateTimeFilter):
    field_class = TimeField


class BrandFilter(filters.FilterSet):
    brand = filters.CharFilter(field_name="brand__slug", max_length=50, help_text="Its slug; another's has no rows.")


class CustomerFilter(BrandFilter):
    name = filters.CharFilter(lookup_expr="istartswith", max_length=200)
    handle = filters.CharFilter(method="known_as", max_length=255, help_text="A handle, address or number, whole.")

    def known_as(self, rows: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        same = Q(handle__iexact=value) | Q(external_id__in=numbers(value, self.request.user.roles))
        return rows.filter(pk__in=Profile.objects.filter(same).values("customer"))


class TicketFilter(BrandFilter):
    state = Words(choices=TicketState.choices)
    platform = Names(max_length=30, help_text="Such as bluesky, manual; several with commas.")
    assignee = filters.CharFilter(method="of_assignee", help_text="A member's id, `me` or `none`.")
    intent = Words(choices=Intent.choices)
    sentiment = Words(choices=Sentiment.choices)
    urgency = Words(choices=Urgency.choices)
    priority = Number(max_value=4, help_text="1 low to 4 critical.")
    level = Number(max_value=9, help_text="Its rung of the ladder.")
    number = Number(max_value=2**31 - 1)
    customer = Number(field_name="customer_id")
    channel = Number(field_name="channel_id")
    created_after = Time(field_name="created_at", lookup_expr="gte", help_text="Then or later.")
    created_before = Time(field_name="created_at", lookup_expr="lt")
    heard_after = Time(field_name="last_inbound_at", lookup_expr="gte", help_text="Then or later.")
    heard_before = Time(field_name="last_inbound_at", lookup_expr="lt")
    due_before = Time(method="due_by")

    def of_assignee(self, rows: QuerySet[Ticket], name: str, value: str) -> QuerySet[Ticket]:
        if value == "none":
            return rows.filter(assignee=None)
        if value == "me":
            return rows.filter(assignee=self.request.user.pk)
        if value.isascii() and value.isdigit() and len(value) < 19:
            return rows.filter(assignee=int(value))
        raise refused("assignee", _("A member's id, `me` or `none`."))

    def due_by(self, rows: QuerySet[Ticket], name: str, value: dt.datetime) -> QuerySet[Ticket]:
        return rows.filter(next_due_at__lt=min(value, FAR))


class MessageFilter(BrandFilter):
    ticket = Number(field_name="ticket_id")
    kind = Words(choices=MessageKind.choices)


class DeliveryFilter(BrandFilter):
    ticket = Number(field_name="ticket_id")
    state = Words(choices=PartState.choices)


class NoticeFilter(BrandFilter):
    open = YesNo(field_name="settled_at", lookup_expr="isnull")
