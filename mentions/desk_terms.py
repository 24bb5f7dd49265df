"""The desk's page of search terms: what the brand listens for beyond its own handle, and what a day of it would bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from helpdesk.desk.site import DeskSite, site
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Brand
from helpdesk.permissions import brands_where
from helpdesk.workflow.verbs import Refused
from mentions import sources, terms
from mentions.models import Account, Term
from mentions.platforms import registry

NOTHING: Mapping[int, Any] = {}


def urls(desk: DeskSite) -> list[Any]:
    guard = desk.admin_view
    return [
        path("terms/", guard(all_terms), name="terms"),
        path("terms/<int:term_id>/", guard(edit_term), name="term"),
        path("terms/<int:term_id>/listen/", guard(listen), name="listen_for_term"),
    ]


class TermForm(forms.Form):
    brand = forms.ModelChoiceField(Brand.objects.none(), label=gettext_lazy("Brand"), empty_label=None)
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("As colleagues will know it.")
    )
    include = forms.CharField(
        label=gettext_lazy("Listen for"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line; any of them, as whole words."),
    )
    exclude = forms.CharField(
        label=gettext_lazy("But not"),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text=gettext_lazy("One a line; a post with one of them is left out."),
    )
    language = forms.RegexField(
        r"^[a-z]{2,3}$",
        label=gettext_lazy("Language"),
        required=False,
        error_messages={"invalid": gettext_lazy("Write it in two letters, such as sv for Swedish.")},
        help_text=gettext_lazy("Two letters, such as sv; empty: any."),
    )
    near_misses = forms.BooleanField(
        label=gettext_lazy("Near-miss spellings"),
        required=False,
        help_text=gettext_lazy("Also what people write for it: joined, hyphenated, a letter more or less."),
    )

    def __init__(self, *args: Any, brands: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].queryset = Brand.objects.filter(pk__in=brands)  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        lists = {name: given[name].splitlines() for name in ("include", "exclude")}
        return {"name": given["name"], "language": given["language"], "near_misses": given["near_misses"], **lists}


@require_http_methods(["GET", "POST"])
def all_terms(request: HttpRequest) -> HttpResponse:
    """The terms, each with where it is listened for; and a form for a new one."""
    brands = brands_where(me(request), "source.edit")
    form = TermForm(request.POST or None, brands=brands)
    if request.method == "POST":
        if not brands:
            demand(request, "source.edit", next(iter(me(request).roles)))
        if form.is_valid():
            try:
                term = terms.create(form.cleaned_data["brand"], me(request), **form.values())
            except Refused as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
            else:
                flash.success(request, _("Kept. Choose where to listen for it."))
                return redirect("desk:term", term_id=term.pk)
    rows = Term.objects.visible_to(request.user).select_related("brand").prefetch_related("sources__account__channel")
    context = {
        "terms": rows.order_by("brand__name", "name"),
        "form": form if brands else None,
        "title": _("Search terms"),
    }
    return _page(request, "desk/terms.html", context, 400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def edit_term(request: HttpRequest, term_id: int) -> HttpResponse:
    """One term: its words, and for each account that can be searched what the last day would have brought."""
    term = get_object_or_404(Term.objects.visible_to(request.user).select_related("brand"), pk=term_id)
    demand(request, "source.edit", term.brand_id)
    form = _form_of(term, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            terms.change(term.pk, me(request), **form.values())
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        else:
            flash.success(request, _("Saved: it is asked for in these words from now on."))
            return redirect("desk:term", term_id=term.pk)
    return _term_page(request, term, form)


def _form_of(term: Term, data: Any = None) -> TermForm:
    initial = {
        "brand": term.brand_id,
        "name": term.name,
        "language": term.language,
        "near_misses": term.near_misses,
        "include": "\n".join(term.include),
        "exclude": "\n".join(term.exclude),
    }
    return TermForm(data, brands=[term.brand_id], initial=initial)


def _term_page(request: HttpRequest, term: Term, form: TermForm, previews: Mapping[int, Any] = NOTHING) -> HttpResponse:
    """`previews`: by account, what a preview found there."""
    listening = set(term.sources.filter(is_active=True).values_list("account", flat=True))
    rows = [
        {
            "account": account,
            "listens": account.pk in listening,
            "found": previews.get(account.pk),
            "is_paid": registry.platform(account.platform).is_paid,
        }
        for account in _searchable(term)
    ]
    context = {"term": term, "form": form, "accounts": rows, "title": term.name}
    return _page(request, "desk/term.html", context, 400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def listen(request: HttpRequest, term_id: int) -> HttpResponse:
    """Listen for it on one account; or, asked for a preview, only show what the last day would have brought."""
    term = get_object_or_404(Term.objects.visible_to(request.user), pk=term_id)
    if request.method != "POST":  # a preview's address, opened anew
        return redirect("desk:term", term_id=term.pk)
    demand(request, "source.edit", term.brand_id)
    chosen = request.POST.get("account", "")
    account = next((one for one in _searchable(term) if str(one.pk) == chosen), None)
    if account is None:
        flash.error(request, _("Choose an account of this brand that can be searched."))
        return redirect("desk:term", term_id=term.pk)
    try:
        if "preview" in request.POST:
            return _term_page(request, term, _form_of(term), {account.pk: terms.preview(account, term)})
        if "stop" in request.POST:
            for source in term.sources.filter(account=account, is_active=True):
                sources.change(source.pk, me(request), is_active=False)
            flash.success(request, _("No longer listened for on %(name)s.") % {"name": account.channel.name})
        else:
            terms.listen(term.pk, account, me(request))
            flash.success(request, _("Listening for it on %(name)s.") % {"name": account.channel.name})
    except Refused as refusal:
        flash.error(request, refusal.text)
    return redirect("desk:term", term_id=term.pk)


def _searchable(term: Term) -> list[Account]:
    rows = Account.objects.filter(brand=term.brand_id).select_related("channel").order_by("channel__name")
    return [row for row in rows if any(stream.takes_query for stream in registry.platform(row.platform).streams)]


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **context}, status=status)
