from __future__ import annotations

from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from knowledge.models import HelpCentre

KEEP_SECONDS = 30


def own_domains() -> frozenset[str]:
    """The domains that brands have for their help centres; a new one works within half a minute."""
    found: frozenset[str] | None = cache.get("help:domains")
    if found is None:
        found = frozenset(HelpCentre.objects.exclude(domain="").values_list("domain", flat=True))
        cache.set("help:domains", found, KEEP_SECONDS)
    return found


class OwnDomainMiddleware:
    """At a brand's own domain there is its help centre and nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = request.get_host().rsplit(":", 1)[0].lower()
        if host in own_domains():
            request.help_domain = host  # type: ignore[attr-defined]
            request.urlconf = "knowledge.own_urls"
        return self.get_response(request)
