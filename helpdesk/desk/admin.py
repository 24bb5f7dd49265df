"""Admin pages of helpdesk's own rows. `ScopedAdmin` is what every admin page of this project derives from."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from helpdesk import events
from helpdesk.desk.accounts import password_link
from helpdesk.desk.site import site
from helpdesk.models import ApiToken, Brand, Customer, Membership, User
from helpdesk.permissions import brands_where, may, may_anywhere
from helpdesk.text.clean import cleaned, one_line


class ScopedAdmin(ModelAdmin):
    """Rows, choices and autocompletes of the user's brands only; what may be done comes from the one table.

    `needs` is the action that adding, changing and deleting take; "" makes the page read-only.
    `needs_to_read` is what seeing takes.
    """

    needs: ClassVar[str] = ""
    needs_to_read: ClassVar[str] = "read"
    can_add = False
    can_delete = False
    actions: Any = None
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = self.model._default_manager.all()
        readable = brands_where(request.user, self.needs_to_read)
        return (
            rows.visible_to(request.user)
            .filter(**{f"{rows.brand_path()}__in": readable})
            .order_by(*self.get_ordering(request) or ["-pk"])
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_anywhere(request.user, self.needs_to_read)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.needs_to_read, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.needs) and self._may(request, self.needs, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_add and may_anywhere(request.user, self.needs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and self._may(request, self.needs, obj)

    def _may(self, request: HttpRequest, action: str, obj: Any) -> bool:
        user: Any = request.user
        return may_anywhere(user, action) if obj is None else may(user, action, obj.brand_id)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Nothing but what `list_filter` offers: Django would let any column be probed, by regular expressions too."""
        return lookup in {str(name) for name in self.get_list_filter(request)} if request else False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What is typed here is cleaned as everywhere, and leaves an event."""
        for name in form.changed_data:
            value = getattr(obj, name, None)
            if isinstance(value, str):
                field = self.model._meta.get_field(name)
                lines = isinstance(field, models.TextField)
                setattr(obj, name, cleaned(value).text if lines else one_line(value, field.max_length or 1000))
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            self.happened(request, obj, "changed" if change else "added", fields=sorted(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self.happened(request, obj, "removed")
            super().delete_model(request, obj)

    def happened(self, request: HttpRequest, obj: Any, what: str, **values: Any) -> None:
        noun = self.model._meta.model_name
        actor: Any = request.user
        about = {} if noun == "brand" else {str(noun): obj.pk}
        events.record([events.happened(f"{noun}.{what}", obj.brand_id, actor=actor, **about, **values)])

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied  # as the page of the row itself says; Django would say 404
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        return answer

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404  # Django would redirect and say so; an outsider gets 404

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only the brands the user may act in; rows of other models by their own scoping."""
        if db_field.name == "brand":
            kwargs["queryset"] = Brand.objects.filter(pk__in=brands_where(request.user, self.needs or "read"))
        elif "queryset" not in kwargs:
            manager = db_field.remote_field.model._default_manager.all()
            kwargs["queryset"] = manager.visible_to(request.user) if hasattr(manager, "visible_to") else manager.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def register(model: type[models.Model]) -> Any:
    def wrap(admin: type[ScopedAdmin]) -> type[ScopedAdmin]:
        site.register(model, admin)
        return admin

    return wrap


@register(Customer)
class CustomerAdmin(ScopedAdmin):
    needs = "customer.edit"
    list_display = ("name", "handles", "language", "place", "created_at")
    search_fields = ("name", "profiles__handle")
    fields = ("name", "language", "place", "about")
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("profiles")

    @staticmethod
    def handles(row: Customer) -> str:
        return ", ".join(str(profile) for profile in row.profiles.all()[:3])


@register(Brand)
class BrandAdmin(ScopedAdmin):
    needs = "brand.edit"
    needs_to_read = "brand.edit"
    list_display = ("name", "slug", "time_zone", "first_response_hours", "next_response_hours")
    fields = (
        "name",
        "slug",
        "time_zone",
        "locale",
        "country",
        "first_response_hours",
        "next_response_hours",
        "reopen_hours",
        "currency",
        "survey_minutes",
        "survey_text",
        "away_text",
        "keep_payload_days",
        "keep_event_days",
    )
    readonly_fields = ("slug",)
    ordering = ("name",)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member's role; a brand keeps an owner."""

    class Meta:
        model = Membership
        fields = ("role",)

    def clean_role(self) -> str:
        role = str(self.cleaned_data["role"])
        if role != "owner" and _is_last_owner(self.instance):
            raise forms.ValidationError(_("A brand keeps at least one owner: make somebody else owner first."))
        return role


def _is_last_owner(row: Membership) -> bool:
    owners = Membership.objects.filter(brand=row.brand_id, role="owner")
    return owners.filter(pk=row.pk).exists() and owners.count() == 1


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member by address: known people are added, new ones get an account without a password."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        widget=UnfoldAdminEmailInputWidget,
        help_text=gettext_lazy("For somebody new you get a link to pass on, with which they choose a password."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Membership
        fields = ("brand", "role")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        email, brand = (given.get("email") or "").strip().lower(), given.get("brand")
        if email and brand and Membership.objects.filter(brand=brand, user__email=email).exists():
            self.add_error("email", _("They are a member already. Change their role in the list."))
        return given

    def save(self, commit: bool = True) -> Any:
        email = self.cleaned_data["email"].strip().lower()
        name = self.cleaned_data["name"] or email.split("@")[0]
        known = User.objects.filter(email=email).first()
        self.instance.user = known or User.objects.create_user(email, None, name=name)
        self.instance.is_new_person = known is None
        return super().save(commit)


@register(Membership)
class MembershipAdmin(ScopedAdmin):
    needs = "member.edit"
    needs_to_read = "member.edit"
    can_add = can_delete = True
    list_display = ("user", "brand", "role", "created_at")
    list_select_related = ("user", "brand")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        kwargs["form"] = MembershipForm if obj is None else RoleForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("role",) if obj else ("brand", "email", "name", "role")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if getattr(obj, "is_new_person", False):
            link = password_link(request, obj.user)
            flash.warning(
                request,
                _("Pass this link on to %(name)s: it lets them choose a password, once. %(link)s")
                % {"name": obj.user.name, "link": link},
            )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and _is_last_owner(obj))


@register(ApiToken)
class ApiTokenAdmin(ScopedAdmin):
    """Tokens of the brands one owns. The token itself is shown once, when it is made."""

    needs = "token.edit"
    needs_to_read = "token.edit"
    can_add = True
    list_display = ("__str__", "brand", "user", "scopes", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user", "brand")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ("name", "brand", "scopes", "hint", "expires_at", "last_used_at", "revoked_at")
            if obj
            else ("brand", "name", "scopes")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        kept = ("brand", "scopes", "hint", "expires_at", "last_used_at")
        return (*kept, *(("revoked_at",) if obj.revoked_at else ())) if obj else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "scopes":
            return forms.MultipleChoiceField(
                choices=[("read", _("read")), ("write", _("write"))],
                widget=forms.CheckboxSelectMultiple,
                initial=["read"],
            )
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "brand" and field is not None:
            field.required = True
        return field

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        row, token = ApiToken.issue(request.user, scopes=obj.scopes, brand=obj.brand, name=obj.name)  # type: ignore[arg-type]
        obj.pk, obj.hash, obj.user_id = row.pk, row.hash, row.user_id
        with transaction.atomic():
            self.happened(request, row, "added")
        flash.warning(request, _("Copy it now, it is not shown again: %(token)s") % {"token": token})
