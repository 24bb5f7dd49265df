"""Two brands with channels and users, so that there is somebody to measure for."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from helpdesk.models import ApiToken, Brand, Channel, Membership, User
from helpdesk.permissions import Role
from helpdesk.workflow.brands import open_brand
from mentions.models import Account

PLATFORMS = ("x", "bluesky", "mastodon")


@dataclass
class House:
    """The big brand holds most of the tickets; `one` works for it alone, `both` for the small one too."""

    big: Brand
    small: Brand
    one: User
    both: User
    channels: dict[int, list[int]] = field(default_factory=dict)  # brand id -> channel ids


def open_house() -> House:
    big, small = open_brand("lantern-lines", "Lantern Lines"), open_brand("pebble-post", "Pebble Post")
    one, both = _user("one@lantern.example", "Una Vass", [big]), _user("both@lantern.example", "Bo Thorn", [big, small])
    house = House(big, small, one, both)
    for brand in (big, small):
        house.channels[brand.pk] = [_channel(brand, name).pk for name in PLATFORMS]
    return house


def _user(email: str, name: str, brands: list[Brand]) -> User:
    user = User(email=email, name=name)
    user.set_unusable_password()
    user.save()
    for brand in brands:
        Membership.objects.create(brand=brand, user=user, role=Role.OWNER)
    return user


def _channel(brand: Brand, name: str) -> Channel:
    channel = Channel.objects.create(brand=brand, platform="demo", shown_as=name, name=name.title())
    Account.objects.create(brand=brand, channel=channel, platform="demo", namespace=f"demo:{name}", external_id="us")
    return channel


def session_of(user: User) -> str:
    """The key of a session in which `user` is logged in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def token_of(user: User) -> str:
    return ApiToken.issue(user, scopes=["read", "write"])[1]
