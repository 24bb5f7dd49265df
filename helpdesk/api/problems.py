"""Errors as application/problem+json (RFC 9457), each naming the field, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from helpdesk.states import IllegalMove
from helpdesk.text.clean import storable
from helpdesk.workflow.tickets import Conflict, PermissionRefused, Refused

MEDIA_TYPE = "application/problem+json"


class Unprocessable(exceptions.APIException):
    status_code = 422
    default_code = "unprocessable"


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    clean: dict[str, Any] = storable(body)  # an error may repeat what was sent
    return clean


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None (a 500) for what nobody foresaw."""
    found = _translated(error)
    if found is None:
        return None
    set_rollback()
    status, detail, errors, headers = found
    return Response(problem(status, detail, errors), status=status, headers=headers, content_type=MEDIA_TYPE)


Found = tuple[int, str, list[dict[str, str]], dict[str, str]]


def _translated(error: Exception) -> Found | None:
    if isinstance(error, Refused):
        return 400, error.text, [{"field": error.field, "code": error.code, "message": error.text}], {}
    if isinstance(error, Conflict | IllegalMove):
        return 409, str(error), [], {}
    if isinstance(error, PermissionRefused | DjangoPermissionDenied):
        return 403, str(error) or _("Your role does not reach this."), [], {}
    if isinstance(error, Http404):
        return 404, _("There is nothing here, or it is not yours to see."), [], {}
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.get_full_details()))
        return 400, " ".join(item["message"] for item in errors[:3]), errors, {}
    if isinstance(error, exceptions.APIException):
        headers = {}
        if auth := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = str(auth)
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait))
        status = 404 if isinstance(error, exceptions.NotFound) else error.status_code
        return status, str(error.detail), [], headers
    return None


def _flat(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """{"settings": {"name": [{"message", "code"}]}} -> rows with field "settings.name"."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": path or "non_field_errors", "code": str(details["code"]), "message": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _flat(inner, path if name == "non_field_errors" and path else f"{path}.{name}".lstrip("."))
    elif isinstance(details, list):
        for index, inner in enumerate(details):
            nested = isinstance(inner, dict) and set(inner) != {"message", "code"}
            yield from _flat(inner, f"{path}.{index}".lstrip(".") if nested and len(details) > 1 else path)


def not_found(request: HttpRequest, exception: Exception) -> Any:
    """404 outside DRF: a problem under /api/, a page elsewhere."""
    if request.path.startswith("/api/"):
        return JsonResponse(
            problem(404, _("There is no such address. See /api/v1/schema/.")), status=404, content_type=MEDIA_TYPE
        )
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> Any:
    if request.path.startswith("/api/"):
        detail = _("Something broke on our side. Nothing was changed; try again, with the same Idempotency-Key.")
        return JsonResponse(problem(500, detail), status=500, content_type=MEDIA_TYPE)
    return defaults.server_error(request)
