from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from knowledge.models import HelpCentre

KEEP_SECONDS = 30.0


class OwnDomainMiddleware:
    """At a brand's own domain there is its help centre and nothing else. A new one works within half a minute.

    Where the house itself is (HELPDESK_BASE_URL) it stays, whatever a brand says its domain is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._domains: frozenset[str] = frozenset()
        self._until = float("-inf")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = host_of(request)
        if host in self._known():
            request.help_domain = host  # type: ignore[attr-defined]
            request.urlconf = "knowledge.own_urls"
        return self.get_response(request)

    def _known(self) -> frozenset[str]:
        """Kept by this process, for every page asks."""
        if time.monotonic() > self._until:
            found = HelpCentre.objects.exclude(domain="").values_list("domain", flat=True)
            self._domains = frozenset(found) - {our_host()}
            self._until = time.monotonic() + KEEP_SECONDS
        return self._domains


def host_of(request: HttpRequest) -> str:
    """The host that was asked for, without its port."""
    return request.get_host().rsplit(":", 1)[0].lower()


def our_host() -> str:
    """Where the house says it is; "" where it does not say."""
    return (urlsplit(settings.BASE_URL).hostname or "").lower()
