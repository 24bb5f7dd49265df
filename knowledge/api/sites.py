"""Whose scripts may read what is public: the sites a brand's manager has named, for that brand alone (CORS)."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest

from knowledge.models import HelpCentre

PUBLIC = re.compile(r"\A/api/v1/help/(?P<slug>[-a-zA-Z0-9_]{1,50})/")


def is_named(sender: Any, request: HttpRequest, **kwargs: Any) -> bool:
    """Whether the script's site is one of the brand's. Asked of every address: those of other pages cost no query."""
    found, origin = PUBLIC.match(request.path_info), request.headers.get("Origin", "")
    if found is None or not origin:
        return False
    named = HelpCentre.objects.filter(brand__slug=found["slug"]).values_list("origins", flat=True).first() or []
    return "*" in named or origin.lower() in (one.lower() for one in named)
