"""Admin pages of helpdesk's own rows. `ScopedAdmin` is what every admin page of this project derives from."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from helpdesk.desk.site import site
from helpdesk.models import ApiToken, Brand, Customer, Membership, User
from helpdesk.permissions import brands_where, may, may_anywhere


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
        "first_response_hours",
        "next_response_hours",
        "reopen_hours",
        "keep_payload_days",
        "keep_event_days",
    )
    readonly_fields = ("slug",)
    ordering = ("name",)


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member by address: known people are added, new ones get an account without a password."""

    email = forms.EmailField(
        label=gettext_lazy("Email"), help_text=gettext_lazy("Somebody new sets a password by “Forgot your password?”.")
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100, required=False)

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
        self.instance.user = User.objects.filter(email=email).first() or User.objects.create_user(
            email, None, name=name
        )
        return super().save(commit)


@register(Membership)
class MembershipAdmin(ScopedAdmin):
    needs = "member.edit"
    needs_to_read = "member.edit"
    can_add = can_delete = True
    list_display = ("user", "brand", "role", "created_at")
    list_select_related = ("user", "brand")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = MembershipForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("role",) if obj else ("brand", "email", "name", "role")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and self._is_last_owner(obj) and obj.role != "owner":
            flash.error(request, _("A brand keeps at least one owner: make somebody else owner first."))
            return
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and self._is_last_owner(obj))

    def _is_last_owner(self, row: Membership) -> bool:
        owners = Membership.objects.filter(brand=row.brand_id, role="owner")
        return owners.filter(pk=row.pk).exists() and owners.count() == 1


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
        return ("brand", "scopes", "hint", "expires_at", "last_used_at") if obj else ()

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
        flash.warning(request, _("Copy it now, it is not shown again: %(token)s") % {"token": token})
