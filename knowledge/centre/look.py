"""A brand's colour, made readable: a small stylesheet of its own, so that no page needs inline styles."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from knowledge.models import DEFAULT_COLOUR, colour

if TYPE_CHECKING:
    from knowledge.centre.place import Place

WHITE, DARK = (255, 255, 255), (17, 20, 28)
SOFT, SOFT_DARK = (246, 247, 249), (25, 30, 41)  # the panels of help.css
ENOUGH = 4.6  # contrast of text, a little above WCAG AA's 4.5
YEAR = 31_536_000
RGB = tuple[int, int, int]


def address(place: Place) -> str:
    """Where the stylesheet of this brand's colour is; the colour is in the address, so that it may be kept for ever."""
    return reverse("help:theme", args=[place.centre.colour.lstrip("#").lower()], urlconf=place_urlconf(place))


def place_urlconf(place: Place) -> str | None:
    return "knowledge.own_urls" if place.is_own_domain else None


@require_GET
def theme(request: HttpRequest, code: str) -> HttpResponse:
    """`:root` with the brand's colour in the shades that pages use, by day and by night."""
    try:
        colour(f"#{code}")
    except ValidationError as error:
        raise Http404 from error
    base = rgb(f"#{code}")
    tints = mixed(base, WHITE, 0.08), mixed(base, DARK, 0.16)
    by_day, by_night = readable(base, WHITE, SOFT, tints[0]), readable(base, DARK, SOFT_DARK, tints[1])
    css = (
        f":root{{--brand:{name(by_day)};--on-brand:#fff;--tint:{name(tints[0])};--edge:{name(mixed(base, WHITE, 0.35))}}}"
        f"@media (prefers-color-scheme:dark){{:root{{--brand:{name(by_night)};--on-brand:{name(DARK)};"
        f"--tint:{name(tints[1])};--edge:{name(mixed(base, DARK, 0.5))}}}}}"
        f"@media print{{:root{{--brand:#000;--tint:#fff}}}}\n"
    )
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response["ETag"] = f'"{hashlib.sha256(css.encode()).hexdigest()[:16]}"'
    return response


def rgb(code: str) -> RGB:
    code = (code or DEFAULT_COLOUR).lstrip("#")
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def name(of: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*of)


def mixed(one: RGB, other: RGB, share: float) -> RGB:
    """`share` of the one in the other."""
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def luminance(of: RGB) -> float:
    """WCAG 2, relative luminance."""
    parts = [value / 255 for value in of]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: RGB, other: RGB) -> float:
    """WCAG 2, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable(base: RGB, *grounds: RGB) -> RGB:
    """The nearest shade of a colour in which text can be read on all of these: darker on light ones, lighter on dark ones."""
    towards = (0, 0, 0) if luminance(grounds[0]) > 0.5 else (255, 255, 255)
    shades = (mixed(base, towards, 1 - step / 40) for step in range(41))
    return next((shade for shade in shades if all(contrast(shade, ground) >= ENOUGH for ground in grounds)), towards)
