"""This app's part of `manage.py doctor`: own domains, what search knows, and the night."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db.models import Max
from django.http.request import validate_host
from django.utils import timezone

from helpdesk.models import Brand
from helpdesk.ports import Finding
from knowledge.mining import nightly
from knowledge.models import Clustering, Edition, HelpCentre

LATE = dt.timedelta(days=2)


def examine() -> list[Finding]:
    return [*_domains(), *_search(), *_nights()]


def _domains() -> list[Finding]:
    """A brand's own domain is answered only where the house knows that it is called so."""
    found = []
    for centre in HelpCentre.objects.exclude(domain="").select_related("brand").order_by("domain"):
        is_known = validate_host(centre.domain, settings.ALLOWED_HOSTS)
        state = "this server answers to it" if is_known else "this server does not answer to that name"
        step = "" if is_known else f"Add {centre.domain} to HELPDESK_ALLOWED_HOSTS, and start anew."
        found.append(Finding(f"help centre of {centre.brand.slug} at {centre.domain}", is_known, state, step))
    return found


def _search() -> list[Finding]:
    live = Edition.objects.live()
    missing = live.filter(entry=None).count()
    if missing:
        return [Finding("search of articles", False, f"{missing} are not found", "Run `manage.py rebuild_search`.")]
    return [Finding("search of articles", True, f"knows all {live.count()}")]


def _nights() -> list[Finding]:
    now = timezone.now()
    ends = Clustering.objects.exclude(finished_at=None).order_by().values_list("brand", "language")
    last = {(brand, language): at for brand, language, at in ends.annotate(at=Max("finished_at"))}
    names = dict(Brand.objects.values_list("pk", "slug"))
    late = [pair for pair in nightly.due(now) if (at := last.get(pair)) is not None and at < now - LATE]
    return [
        Finding(
            f"topics of {names[brand]} ({language})", False, f"were last grouped {last[brand, language]:%Y-%m-%d %H:%M} UTC",
            "See that a worker and beat run: `manage.py up`, or your process manager.",
        )
        for brand, language in late
    ]  # fmt: skip
