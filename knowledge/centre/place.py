"""Where a reader is: which brand's help centre, in which language, as whom; and how its addresses are written.

A brand's help centre stands at /help/<brand>/<language>/… or, with a domain of its own, at /<language>/… there. Views are
written once: `in_place` gives them a `Place` and answers 404 for whatever is not this brand's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language_info

from helpdesk.models import Brand
from helpdesk.permissions import role_of
from knowledge.centre import look
from knowledge.models import HelpCentre

RIGHT_TO_LEFT = {"ar", "fa", "he", "ur", "ps", "sd", "ug", "yi", "dv", "ckb"}
KNOWN_COOKIE, KNOWN_DAYS = "help_known", 30
FRESH_SECONDS = 60  # for which a page may be kept by whoever keeps pages
SIGNER = TimestampSigner(salt="knowledge.known")
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Place:
    """One reader's place. `reader` is anybody, customer or member (see `knowledge.models.READABLE`)."""

    request: HttpRequest
    brand: Brand
    centre: HelpCentre
    language: str
    reader: str
    is_own_domain: bool = False

    @property
    def direction(self) -> str:
        return "rtl" if self.language.split("-")[0] in RIGHT_TO_LEFT else "ltr"

    @property
    def is_private(self) -> bool:
        return self.reader != "anybody"

    def to(self, name: str, *args: Any, language: str = "") -> str:
        """The path of one of our pages, in this place's manner."""
        return path_to(self.brand, self.centre, language or self.language, name, *args, own=self.is_own_domain)

    def whole(self, name: str, *args: Any, language: str = "") -> str:
        """The canonical address of a page, with its host."""
        return address_of(self.brand, self.centre, language or self.language, name, *args, request=self.request)

    def languages(self) -> list[dict[str, str]]:
        return [
            {"code": code, "name": language_name(code), "url": self.to("home", language=code)}
            for code in self.centre.spoken
        ]

    def context(self, **values: Any) -> dict[str, Any]:
        return {
            "place": self, "brand": self.brand, "centre": self.centre, "language": self.language,
            "theme": look.address(self), **values,
        }  # fmt: skip

    def page(self, template: str, *, status: int = 200, **values: Any) -> HttpResponse:
        return TemplateResponse(self.request, f"help/{template}.html", self.context(**values), status=status)


def language_name(code: str) -> str:
    try:
        return str(get_language_info(code)["name_local"]).capitalize()
    except KeyError:
        return code


def path_to(brand: Brand, centre: HelpCentre, language: str, name: str, *args: Any, own: bool = False) -> str:
    if own:
        return reverse(f"help:{name}", args=[language, *args], urlconf="knowledge.own_urls")
    return reverse(f"help:{name}", args=[brand.slug, language, *args], urlconf=settings.ROOT_URLCONF)


def address_of(
    brand: Brand, centre: HelpCentre, language: str, name: str, *args: Any, request: HttpRequest | None = None
) -> str:
    """With the host: the brand's own domain where it has one, else ours."""
    path = path_to(brand, centre, language, name, *args, own=bool(centre.domain))
    return base_of(centre, request) + path


def base_of(centre: HelpCentre, request: HttpRequest | None = None) -> str:
    if centre.domain:
        return f"{'https' if settings.HTTPS else 'http'}://{centre.domain}{_port(request)}"
    if settings.BASE_URL:
        return str(settings.BASE_URL).rstrip("/")
    return request.build_absolute_uri("/").rstrip("/") if request else "http://localhost:8000"


def _port(request: HttpRequest | None) -> str:
    """Where we are reached at a port (a test, a machine at home) the brand's domain is, too."""
    port = request.get_port() if request else ""
    return f":{port}" if port and port not in ("80", "443") and not settings.BEHIND_PROXY else ""


def find(request: HttpRequest, slug: str, language: str) -> Place:
    """The place, or 404: a brand that is not there, is closed to customers, or does not speak that language."""
    own = getattr(request, "help_domain", "")
    rows = HelpCentre.objects.select_related("brand").filter(domain=own) if own else HelpCentre.objects.none()
    centre = rows.first() if own else None
    if centre is None:
        brand = Brand.objects.select_related("help_centre").filter(slug=slug).first() if slug else None
        if brand is None:
            raise Http404
        centre = getattr(brand, "help_centre", None) or HelpCentre(brand=brand)
    reader = reader_of(request, centre.brand)
    if (not centre.is_open and reader != "member") or language not in centre.spoken:
        raise Http404
    return Place(request, centre.brand, centre, language, reader, bool(own))


def reader_of(request: HttpRequest, brand: Brand) -> str:
    if settings.SESSION_COOKIE_NAME in request.COOKIES and role_of(request.user, brand.pk) is not None:
        return "member"
    try:
        known = SIGNER.unsign(request.COOKIES[KNOWN_COOKIE], max_age=KNOWN_DAYS * 86_400)
    except (KeyError, BadSignature):
        return "anybody"
    return "customer" if known == str(brand.pk) else "anybody"


def make_known(response: HttpResponse, brand: Brand) -> None:
    """Who opened the link of their own request is signed in, for thirty days."""
    response.set_cookie(
        KNOWN_COOKIE,
        SIGNER.sign(str(brand.pk)),
        max_age=KNOWN_DAYS * 86_400,
        httponly=True,
        samesite="Lax",
        secure=settings.HTTPS,
    )


def in_place(view: View) -> View:
    """Give the view its `Place`; speak its language; say how long the answer may be kept."""

    @wraps(view)
    def placed(request: HttpRequest, *args: Any, slug: str = "", language: str, **kwargs: Any) -> HttpResponse:
        place = find(request, slug, language)
        with translation.override(language):
            response = view(place, *args, **kwargs)
            if isinstance(response, TemplateResponse) and not response.is_rendered:
                response.render()
        if "Cache-Control" not in response:
            if place.is_private or request.method not in ("GET", "HEAD"):
                patch_cache_control(response, private=True, no_cache=True)
            else:
                patch_cache_control(response, public=True, max_age=FRESH_SECONDS)
        response.headers.setdefault("Content-Language", language)
        return _conditional(request, response)

    return placed


def _conditional(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """304 to who has just this page already."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or response.streaming:
        return response
    from django.middleware.http import ConditionalGetMiddleware  # a function of two arguments in the shape of a class

    middleware = ConditionalGetMiddleware(lambda _request: response)
    done = middleware.process_response(request, response)
    assert isinstance(done, HttpResponse)
    return done
