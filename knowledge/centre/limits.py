"""How much one address may do, and forms that only our own pages may send. Counted in the cache: for politeness, not money."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from knowledge import kept

READER_COOKIE = "help_reader"
READER_DAYS = 400
SIGNER = Signer(salt="knowledge.reader")
# what -> (how often, in how many seconds)
LIMITS: dict[str, tuple[int, int]] = {
    "search": (120, 60),
    "suggest": (240, 60),
    "ask": (6, 3600),
    "idea": (6, 3600),
    "vote": (60, 3600),
    "feedback": (60, 3600),
}


class TooMany(Exception):
    """One address did this too often. The text says so, and when it goes on."""

    def __init__(self, seconds: int) -> None:
        minutes = max(1, -(-seconds // 60))
        super().__init__(
            _("That is a lot at once, and we read everything. Please go on in %(count)d minutes.") % {"count": minutes}
        )
        self.seconds = seconds


def count(request: HttpRequest, what: str) -> None:
    """One more of `what` from this address. TooMany beyond the limit."""
    most, seconds = LIMITS[what]
    window = int(time.time()) // seconds
    key = f"help:{what}:{window}:{trace_of(request, '')[:24]}"
    if kept.counted(key, seconds + 5) > most:
        raise TooMany((window + 1) * seconds - int(time.time()))


def address_of(request: HttpRequest) -> str:
    """Where the request came from; behind a proxy that is trusted, what it says."""
    if settings.BEHIND_PROXY and (forwarded := request.headers.get("X-Forwarded-For", "")):
        return forwarded.split(",")[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def keyed(*words: str) -> str:
    """A hash that says nothing without our key."""
    return hmac.new(settings.SECRET_KEY.encode(), "\x1f".join(words).encode(), hashlib.sha256).hexdigest()


def trace_of(request: HttpRequest, purpose: str = "trace") -> str:
    """The same for the same browser at the same address; it cannot be read back."""
    agent = request.headers.get("User-Agent", "") if purpose else ""
    return keyed("help", purpose, address_of(request), agent)


def reader_of(request: HttpRequest) -> tuple[str, str]:
    """(this reader's hash, the cookie to give them where they have none yet)."""
    try:
        known = SIGNER.unsign(request.COOKIES.get(READER_COOKIE, ""))
        return keyed("reader", known), ""
    except BadSignature:
        new = secrets.token_urlsafe(16)
        return keyed("reader", new), SIGNER.sign(new)


def remember(response: HttpResponse, cookie: str) -> None:
    if cookie:
        response.set_cookie(
            READER_COOKIE, cookie, max_age=READER_DAYS * 86_400, httponly=True, samesite="Lax", secure=settings.HTTPS
        )


def from_here(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Only our own pages may send this form. They hold no token, so that everybody's page is the same and can be kept; the
    browser says where a form comes from."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not is_from_here(request):
            return HttpResponse(_("Send this from our own page."), status=403, content_type="text/plain; charset=utf-8")
        return view(request, *args, **kwargs)

    guarded.csrf_exempt = True  # type: ignore[attr-defined]
    return guarded


def is_from_here(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "")
    if site:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    return not origin or urlsplit(origin).netloc == request.get_host()
