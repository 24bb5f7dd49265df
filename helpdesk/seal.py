"""Credentials at rest: JSON sealed with Fernet. The first key seals, all keys open (so that keys can rotate)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """The seal does not open with any key we have: HELPDESK_SEAL_KEYS lost the key it was sealed with."""


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(value: dict[str, Any]) -> str:
    return _box(tuple(settings.SEAL_KEYS)).encrypt(json.dumps(value).encode()).decode()


def unseal(sealed: str) -> dict[str, Any]:
    """The sealed mapping; {} for the empty string. Raises Unreadable."""
    if not sealed:
        return {}
    try:
        value: dict[str, Any] = json.loads(_box(tuple(settings.SEAL_KEYS)).decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable("The stored credentials do not open with HELPDESK_SEAL_KEYS. Enter them again.") from None
    return value
