"""The desk's smaller pages: notices, and logging a contact."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as flash
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk import contacts, notices
from helpdesk.desk.forms import sent_before
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Channel, Customer
from helpdesk.permissions import brands_where
from helpdesk.workflow.brands import MANUAL
from helpdesk.workflow.verbs import Refused


@require_GET
def all_notices(request: HttpRequest) -> HttpResponse:
    from helpdesk.desk.site import site

    rows = list(notices.for_user(me(request)).select_related("brand").prefetch_related("readers")[:100])
    for row in rows:
        row.words = notices.wording(row)  # type: ignore[attr-defined]
        row.is_read = any(reader.pk == request.user.pk for reader in row.readers.all())  # type: ignore[attr-defined]
    context = {**site.each_context(request), "notices": rows, "title": _("Notices")}
    return TemplateResponse(request, "desk/notices.html", context)


@require_POST
def read_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    notice = get_object_or_404(notices.for_user(me(request)), pk=notice_id)
    notice.readers.add(me(request))
    return redirect("desk:notices")


class ContactForm(forms.Form):
    """A contact by phone, at the counter or by letter. Who it was stands in one row."""

    row_begins, row_ends = ("name",), ("email",)

    channel = forms.ModelChoiceField(Channel.objects.none(), label=gettext_lazy("How"), empty_label=None)
    name = forms.CharField(label=gettext_lazy("Their name"), max_length=200, required=False)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=40, required=False)
    email = forms.EmailField(label=gettext_lazy("Email"), required=False)
    customer = forms.ModelChoiceField(Customer.objects.none(), required=False, widget=forms.HiddenInput)
    subject = forms.CharField(label=gettext_lazy("About"), max_length=200, required=False)
    text = forms.CharField(
        label=gettext_lazy("What they said"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 7})
    )

    def __init__(self, *args: Any, brands: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = (
            Channel.objects.filter(brand__in=brands, platform=MANUAL, is_active=True)
            .select_related("brand")
            .order_by("brand", "id")
        )
        self.fields["channel"].queryset = channels  # type: ignore[attr-defined]
        self.fields["customer"].queryset = Customer.objects.filter(brand__in=brands)  # type: ignore[attr-defined]
        if len(brands) > 1:
            self.fields["channel"].label_from_instance = lambda row: f"{row.brand} · {row}"  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def log_contact(request: HttpRequest) -> HttpResponse:
    from helpdesk.desk.site import site

    brands = brands_where(me(request), "ticket.log")
    if not brands:
        demand(request, "ticket.log", next(iter(me(request).roles)))
    form = ContactForm(request.POST or None, brands=brands, initial={"customer": request.GET.get("customer")})
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        channel = given.pop("channel")
        try:
            if given["customer"] and given["customer"].brand_id != channel.brand_id:
                raise Refused("channel", "other_brand", _("This customer belongs to another brand."))
            with transaction.atomic():
                message = None if sent_before(request) else contacts.log(channel, me(request), contacts.Logged(**given))
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        else:
            if message is None:
                flash.info(request, _("This was logged already."))
                return redirect("desk:inbox", view="next")
            flash.success(request, _("Logged as ticket #%(number)s.") % {"number": message.ticket.number})
            return redirect("desk:ticket", ticket_id=message.ticket_id)
    context = {**site.each_context(request), "form": form, "title": _("Log a contact")}
    return TemplateResponse(request, "desk/contact.html", context, status=400 if form.errors else 200)
