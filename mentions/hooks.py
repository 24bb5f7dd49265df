"""Push in: `/hooks/<platform>/<token>/`. The raw body is verified before it is parsed, stored, and answered at once.

The work is done in the background (`mentions.pushes`). What is pushed twice is stored once; what happened longer ago than
names are kept is refused, or an old signed body could be played again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from helpdesk.text.clean import storable
from helpdesk.text.private import scrubbed
from mentions import accounts
from mentions.models import Account, Push
from mentions.platforms import registry
from mentions.platforms.base import Connector, PlatformError

WINDOW = dt.timedelta(days=7)
SLACK = dt.timedelta(minutes=5)


class Refusal(Exception):
    """An answer that is no acceptance: its status, and what to do."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@method_decorator(csrf_exempt, name="dispatch")
class HookView(View):
    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest, platform: str, token: str) -> HttpResponse:
        """The platform asks whether we are who its owner says."""
        try:
            _account, connector = _opened(platform, token)
        except Refusal as refusal:
            return _refused(refusal)
        answer = connector.challenge(request.GET.dict())
        if answer is None:
            return _refused(Refusal(400, _("This is no challenge. The secret may be missing: enter it under Sources.")))
        return JsonResponse(answer)

    def post(self, request: HttpRequest, platform: str, token: str) -> HttpResponse:
        try:
            account, connector = _opened(platform, token)
            headers = {name.lower(): value for name, value in request.headers.items()}
            if not connector.is_signed_by(headers, request.body):
                raise Refusal(403, _("The signature does not fit this body. Check the secret under Sources."))
            _keep(account, connector, _parsed(request.body))
        except Refusal as refusal:
            return _refused(refusal)
        _wake()
        return HttpResponse(status=200)


def _opened(platform: str, token: str) -> tuple[Account, Connector]:
    found = Account.objects.filter(hook_token=token, platform=platform).select_related("channel")
    account = found.first() if platform in registry.CONNECTORS and registry.platform(platform).hooks else None
    if account is None:
        raise Refusal(404, _("There is no such hook."))
    try:
        return account, accounts.open_connector(account)
    except PlatformError as error:
        raise Refusal(503, accounts.problem_words(error.problem, platform)) from error


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, _("This is no JSON.")) from None


def _keep(account: Account, connector: Connector, pushed: Any) -> None:
    """Store it, once. What cannot be told is kept as well, under a name of its own: nothing signed is thrown away."""
    now = timezone.now()
    try:
        event = connector.event(pushed)
        name, stream, at, owner = event.name, event.stream, event.at, event.owner
    except (KeyError, TypeError, ValueError, AttributeError):
        digest = hashlib.sha256(json.dumps(pushed, sort_keys=True).encode()).hexdigest()
        name, stream, at, owner = digest, "", None, ""
    if at is not None and not now - WINDOW <= at <= now + SLACK:
        raise Refusal(400, _("This happened too long ago, or has not happened yet."))
    if owner and owner != account.external_id:  # one app pushes for all accounts that authorised it, to one address
        theirs = Account.objects.filter(
            brand=account.brand_id, platform=account.platform, namespace=account.namespace, external_id=owner
        )
        found = theirs.first()
        if found is None:
            return  # an account that is none of this brand's
        account = found
    name = (
        name
        if len(name) <= 128 and storable(name) == name
        else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    )
    row = Push(
        brand_id=account.brand_id,
        account=account,
        name=name,
        stream=stream[:30],
        body=scrubbed(storable(pushed)),
        received_at=now,
        due_at=now,
    )
    Push.objects.bulk_create([row], ignore_conflicts=True)


_woken = 0.0


def _wake() -> None:
    """Call a worker, once a tick and process at most: the rows are the queue, and a burst needs no burst of calls."""
    global _woken  # noqa: PLW0603 - of this process; two that call are one too many, and harmless
    now = time.monotonic()
    if now - _woken < settings.TICK_SECONDS:
        return
    _woken = now
    from mentions.plugs import wake_pushes

    wake_pushes()


def _refused(refusal: Refusal) -> HttpResponse:
    body = {"type": "about:blank", "title": "", "status": refusal.status, "detail": refusal.words, "errors": []}
    return JsonResponse(body, status=refusal.status, content_type="application/problem+json")
