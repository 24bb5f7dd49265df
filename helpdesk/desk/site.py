"""The desk: one admin site, entered by membership, in which an outsider finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from unfold.sites import UnfoldAdminSite

from helpdesk.desk import navigation
from helpdesk.models import User

View = Callable[..., HttpResponseBase]


class DeskSite(UnfoldAdminSite):
    """Where agents work. Its own pages come from `helpdesk.desk.urls` and from apps above, through ports."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and isinstance(request.user, User) and request.user.roles)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Log in first; who has no brand finds nothing here. The desk's CSP is wider than the house's."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.headers.get(
                    "HX-Request"
                ):  # a list that renews itself: load the page, which leads to the log-in
                    return HttpResponse(status=204, headers={"HX-Refresh": "true"})
                return redirect_to_login(request.get_full_path(), reverse("account_login"))
            if not self.has_permission(request):
                raise Http404
            answer: HttpResponseBase = inner(request, *args, **kwargs)
            if hasattr(answer, "_csp_replace"):
                return answer  # it brings a policy of its own
            return csp_update(settings.DESK_CSP)(lambda _request: answer)(request)

        guarded_view: View = update_wrapper(guarded, view)
        return guarded_view

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("account_login")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("account_logout")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("desk:inbox", view="next")

    def extra_urls(self) -> list[URLPattern]:
        from helpdesk.desk import urls  # the views need the site

        return urls.patterns(self)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return navigation.sections(request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The palette's search: a ticket by number, customers by name."""
        from helpdesk.desk.search import results

        return results(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        context["account_links"] = [{"title": "Change password", "link": reverse("account_change_password")}]
        return context


site = DeskSite(name="desk")
