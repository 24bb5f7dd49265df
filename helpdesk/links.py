"""Addresses of ours as others need them: whole, where we know what we are called."""

from __future__ import annotations

from django.conf import settings


def absolute(path: str) -> str:
    """`path` with our name before it; "" where HELPDESK_BASE_URL does not say it (the demo invents one)."""
    base = settings.BASE_URL.rstrip("/") or ("http://localhost:8000" if settings.DEMO else "")
    return f"{base}{path}" if base else ""
