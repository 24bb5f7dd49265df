"""The table of `helpdesk.permissions`, asked for the API: scope first, then 404 for outsiders, then 403."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from helpdesk.models import ApiToken
from helpdesk.permissions import least_role, may


class RolePermission(BasePermission):
    """Views declare `needs`: DRF action -> action of the table ("read" where not named).

    Rows come from `visible_to`, so that what is not the caller's is 404 before a role is asked.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        scope = "read" if request.method in SAFE_METHODS else "write"
        if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
            raise PermissionDenied(_("This token has no “%(scope)s” scope.") % {"scope": scope})
        return True

    def has_object_permission(self, request: Request, view: Any, row: Any) -> bool:
        demand(request, needed(view), row.brand_id)
        return True


def needed(view: Any) -> str:
    return str(getattr(view, "needs", {}).get(view.action, "read"))


def demand(request: Request, action: str, brand_id: int) -> None:
    """PermissionDenied, in words, unless the caller's role in the brand reaches the action."""
    if not may(request.user, action, brand_id):
        raise PermissionDenied(
            _("This needs the role of %(role)s or higher in this brand.") % {"role": least_role(action).label.lower()}
        )
