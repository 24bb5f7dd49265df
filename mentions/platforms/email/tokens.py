"""A ticket's own address: `support+t42.abc…@shop.example`, signed, so that an answer to it proves where it belongs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from django.conf import settings

PLUS = re.compile(r"(?P<local>.+)\+t(?P<ticket>\d{1,18})\.(?P<proof>[a-z2-7]{16})")


def address(ours: str, ticket: int) -> str:
    local, _at, domain = ours.partition("@")
    return f"{local}+t{ticket}.{_proof(ours, ticket)}@{domain}"


def ticket_in(found: str, ours: str) -> int:
    """The ticket that this address of ours names and proves; 0 for any other."""
    local, _at, domain = found.lower().partition("@")
    our_local, _at, our_domain = ours.lower().partition("@")
    hit = PLUS.fullmatch(local)
    if hit is None or (hit["local"], domain) != (our_local, our_domain):
        return 0
    ticket = int(hit["ticket"])
    return ticket if hmac.compare_digest(hit["proof"], _proof(ours, ticket)) else 0


def _proof(ours: str, ticket: int) -> str:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"mail:{ours.lower()}:{ticket}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:10]).decode().lower()
