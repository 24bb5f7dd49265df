"""How a help centre looks and what it offers; and its shelves."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from helpdesk import events
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Brand
from helpdesk.permissions import may
from helpdesk.workflow.verbs import Refused
from knowledge import pictures, publishing
from knowledge.centre import look
from knowledge.centre.place import address_of
from knowledge.desk import named, page
from knowledge.middleware import host_of, our_host
from knowledge.models import Category, HelpCentre

LANGUAGE = r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?"


class CentreForm(forms.ModelForm):  # type: ignore[type-arg]
    spoken = forms.CharField(
        label=gettext_lazy("Languages"), max_length=100,
        help_text=gettext_lazy("Codes, the first by default, such as: en, de, ar"),
    )  # fmt: skip
    website = forms.URLField(label=gettext_lazy("Your website"), required=False, max_length=300, assume_scheme="https")
    sites = forms.CharField(
        label=gettext_lazy("Sites that may read articles"), required=False, max_length=1000,
        help_text=gettext_lazy("Origins such as https://www.example.com, one a line; * for all."), widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip

    class Meta:
        model = HelpCentre
        fields = [
            "is_open",
            "takes_requests",
            "takes_ideas",
            "heading",
            "intro",
            "website",
            "colour",
            "domain",
            "minutes_per_answer",
        ]
        widgets = {"colour": forms.TextInput(attrs={"type": "color"})}

    def __init__(self, *args: Any, taken: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.taken = taken
        self.fields["spoken"].initial = ", ".join(self.instance.spoken)
        self.fields["sites"].initial = "\n".join(self.instance.origins)

    def clean_spoken(self) -> list[str]:
        found = [one.strip().lower() for one in self.cleaned_data["spoken"].replace(";", ",").split(",") if one.strip()]
        wrong = [one for one in found if not re.fullmatch(LANGUAGE, one)]
        if wrong or not found:
            raise forms.ValidationError(
                _("“%(code)s” is no code of a language. Write en, or pt-br."), params={"code": (wrong or [""])[0]}
            )
        return list(dict.fromkeys(found))[:20]

    def clean_sites(self) -> list[str]:
        found = [one.strip().rstrip("/") for one in self.cleaned_data["sites"].split() if one.strip()]
        for one in found:
            if one != "*" and not re.fullmatch(r"https?://[A-Za-z0-9.\-]+(?::\d{1,5})?", one):
                raise forms.ValidationError(
                    _("“%(site)s” is no origin. Write https:// and the name, nothing after it."), params={"site": one}
                )
        return found[:50]

    def clean_domain(self) -> str:
        name = str(self.cleaned_data["domain"]).strip().lower()
        if name and name in self.taken:
            raise forms.ValidationError(_("The desk itself is there. Choose another name, such as help.example.com."))
        if name and HelpCentre.objects.filter(domain=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another help centre is there already."))
        return name


def _brand(request: HttpRequest) -> Brand:
    """The brand asked for, else the first that is chosen."""
    rows = Brand.objects.visible_to(request.user)
    slug = request.POST.get("brand") or request.GET.get("brand", "")
    return (
        get_object_or_404(rows, slug=named(slug))
        if slug
        else rows.filter(pk__in=chosen_brands(request)).order_by("id")[0]
    )


@require_http_methods(["GET", "POST"])
def centre(request: HttpRequest) -> HttpResponse:
    """The help centre of a brand."""
    brand = _brand(request)
    row = HelpCentre.of(brand)
    form = CentreForm(request.POST or None, instance=row, taken=(our_host(), host_of(request)))
    status = 200
    if request.method == "POST":
        demand(request, "help.edit", brand.pk)
        status = 400
        if form.is_valid():
            try:
                _save(request, brand, form)
                flash.success(request, _("Kept. The help centre looks like this from now on."))
                return redirect(f"{request.path}?brand={brand.slug}")
            except Refused as refusal:
                form.add_error(None, refusal.text)
    context = {
        "form": form, "brand": brand, "centre": row, "brands": Brand.objects.visible_to(request.user).order_by("name"),
        "may_edit": may(request.user, "help.edit", brand.pk), "address": address_of(brand, HelpCentre.of(brand), row.language, "home", request=request),
        "shade": look.name(look.readable(look.rgb(HelpCentre.of(brand).colour), look.WHITE)), "title": _("Help centre"),
    }  # fmt: skip
    return page(request, "help_centre", context, status)


@transaction.atomic
def _save(request: HttpRequest, brand: Brand, form: CentreForm) -> None:
    row: HelpCentre = form.save(commit=False)
    row.brand, row.languages, row.origins = brand, form.cleaned_data["spoken"], form.cleaned_data["sites"]
    file = request.FILES.get("logo")
    if file is not None and not isinstance(file, list):
        if (file.size or 0) > pictures.MOST_BYTES:
            raise Refused("logo", "too_large", _("A picture has at most 10 MB. Make it smaller first."))
        row.logo = pictures.store(brand, me(request), file.name or "logo", file.read()).key
    row.save()
    events.record([events.happened("help.changed", brand, actor=me(request), fields=sorted(form.changed_data))])


class CategoryForm(forms.Form):
    """A shelf; in other languages, one line each: de: Name | Beschreibung."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    description = forms.CharField(label=gettext_lazy("What is on it"), max_length=250, required=False)
    position = forms.IntegerField(label=gettext_lazy("Place"), min_value=0, max_value=32_000, required=False)
    texts = forms.CharField(
        label=gettext_lazy("In other languages"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line, such as: de: Fahrkarten | Kaufen und erstatten"),
    )  # fmt: skip

    def clean_texts(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for line in filter(str.strip, self.cleaned_data["texts"].splitlines()):
            code, colon, words = line.partition(":")
            if not colon or not words.strip():
                raise forms.ValidationError(
                    _("“%(line)s”: write the language, a colon and the name."), params={"line": line[:60]}
                )
            name, _bar, description = words.partition("|")
            found[code.strip().lower()[:10]] = {"name": name.strip()[:100], "description": description.strip()[:250]}
        return found


@require_http_methods(["GET", "POST"])
def categories(request: HttpRequest) -> HttpResponse:
    """The shelves of a brand's help centre: a new one, or one changed (`category`)."""
    brand = _brand(request)
    raw = request.POST.get("category") or request.GET.get("category", "")
    row = (
        get_object_or_404(Category.objects.for_brand(brand), pk=int(raw))
        if raw.isascii() and raw.isdigit() and len(raw) < 19
        else None
    )
    initial = _shown(row) if row else {}
    form = CategoryForm(request.POST or None, initial=initial)
    status = 200
    if request.method == "POST":
        demand(request, "article.publish", brand.pk)
        status = 400
        if form.is_valid():
            values = {**form.cleaned_data, "position": form.cleaned_data["position"] or 0}
            try:
                publishing.save_category(brand, me(request), row, **values)
                flash.success(request, _("Kept."))
                return redirect(f"{request.path}?brand={brand.slug}")
            except Refused as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
    context = {
        "form": form, "brand": brand, "row": row, "rows": Category.objects.for_brand(brand),
        "brands": Brand.objects.visible_to(request.user).order_by("name"), "may_edit": may(request.user, "article.publish", brand.pk), "title": _("Categories"),
    }  # fmt: skip
    return page(request, "categories", context, status)


def _shown(row: Category) -> dict[str, Any]:
    lines = [
        f"{code}: {text.get('name', '')}" + (f" | {text['description']}" if text.get("description") else "")
        for code, text in row.texts.items()
    ]
    return {"name": row.name, "description": row.description, "position": row.position, "texts": "\n".join(lines)}


@require_POST
def remove_category(request: HttpRequest, category_id: int) -> HttpResponse:
    row = get_object_or_404(Category.objects.visible_to(request.user).select_related("brand"), pk=category_id)
    demand(request, "article.publish", row.brand_id)
    publishing.remove_category(row, me(request))
    flash.success(request, _("Gone. Its articles stay, without a category."))
    return redirect("desk:categories")
