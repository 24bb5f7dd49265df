"""Errors as application/problem+json (RFC 9457), each naming the field, why, and what to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.views import set_rollback

from helpdesk.states import IllegalMove
from helpdesk.text.clean import storable
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused

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


def problem_response(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """DRF's exception handler. None (a 500) for what nobody foresaw."""
    found = _translated(error)
    if found is None:
        return None
    set_rollback()
    status, detail, errors, headers = found
    # always JSON, whatever the view would render its answers as
    return JsonResponse(problem(status, detail, errors), status=status, headers=headers, content_type=MEDIA_TYPE)


MOST_ERRORS = 20
Found = tuple[int, str, list[dict[str, str]], dict[str, str]]


def _translated(error: Exception) -> Found | None:
    return _of_ours(error) or _of_django(error) or _of_rest(error)


def _of_ours(error: Exception) -> Found | None:
    if isinstance(error, Refused):
        return 400, error.text, [{"field": error.field, "code": error.code, "message": error.text}], {}
    if isinstance(error, Conflict | IllegalMove):
        return 409, str(error), [], {}
    if isinstance(error, PermissionRefused):
        return 403, str(error), [], {}
    return None


def _of_django(error: Exception) -> Found | None:
    if isinstance(error, DjangoPermissionDenied):
        return 403, str(error) or _("Your role does not reach this."), [], {}
    if isinstance(error, Http404):
        return 404, _("There is nothing here, or it is not yours to see."), [], {}
    if isinstance(error, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1000
        return 413, _("This body is larger than %(most)d kB, the most we take.") % {"most": most}, [], {}
    if isinstance(error, SuspiciousOperation):
        return 400, _("We do not take this request: %(why)s") % {"why": str(error)[:200]}, [], {}
    return None


def _of_rest(error: Exception) -> Found | None:
    if isinstance(error, exceptions.ValidationError):
        errors = list(itertools.islice(_flat(error.get_full_details()), MOST_ERRORS))
        return 400, " ".join(_sentence(item) for item in errors[:3]), errors, {}
    if isinstance(error, exceptions.APIException):
        headers = {}
        if auth := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = str(auth)
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait))
        status = 404 if isinstance(error, exceptions.NotFound) else error.status_code
        words = f"{error.detail} {NEXT_STEP[status]}" if status in NEXT_STEP else str(error.detail)
        return status, words, [], headers
    return None


NEXT_STEP = {
    401: "Send Authorization: Bearer and a token of yours (manage.py create_token).",
    405: "See /api/v1/schema/ for what can be done here.",
    415: "Send application/json.",
}


def _sentence(error: dict[str, str]) -> str:
    """An error with its field in front, where the words do not name it."""
    return error["message"] if error["field"] == "non_field_errors" else f"{error['field']}: {error['message']}"


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
            problem(404, _("There is no such address: each ends with a slash. See /api/v1/schema/.")),
            status=404,
            content_type=MEDIA_TYPE,
        )
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> Any:
    """A request Django does not take: a wrong host, too many fields, too large a body."""
    if request.path.startswith("/api/"):
        found = _translated(exception)
        status, detail = (found[0], found[1]) if found else (400, _("We do not take this request."))
        return JsonResponse(problem(status, detail), status=status, content_type=MEDIA_TYPE)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> Any:
    if request.path.startswith("/api/"):
        again = _("Nothing was changed; try again, with the same Idempotency-Key.") if request.method == "POST" else ""
        detail = f"{_('Something broke on our side.')} {again}".strip()
        return JsonResponse(problem(500, detail), status=500, content_type=MEDIA_TYPE)
    return defaults.server_error(request)
