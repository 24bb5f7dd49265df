"""Addresses of ours as others need them: whole, where we know what we are called."""

from __future__ import annotations

import re

from django.conf import settings
from django.utils.translation import gettext as _

OF_A_SURVEY = re.compile(r"(?:https?://[^\s/]+)?/survey/[\w:.\-]+/?")


def without_keys(text: str) -> str:
    """Words of ours as colleagues read them: the link by which a customer answers is the customer's alone."""
    return OF_A_SURVEY.sub(_("[their own link]"), text) if "/survey/" in text else text


def absolute(path: str) -> str:
    """`path` with our name before it; "" where HELPDESK_BASE_URL does not say it (the demo invents one)."""
    base = settings.BASE_URL.rstrip("/") or ("http://localhost:8000" if settings.DEMO else "")
    return f"{base}{path}" if base else ""
