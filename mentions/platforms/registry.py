"""Every platform we can hear: one line each."""

from __future__ import annotations

from django.conf import settings

from mentions.platforms.archive.connector import Archive
from mentions.platforms.base import Connector, Platform
from mentions.platforms.bluesky.connector import Bluesky
from mentions.platforms.demo.connector import Demo
from mentions.platforms.email.connector import Email
from mentions.platforms.feed.connector import Feed
from mentions.platforms.manual.connector import Manual
from mentions.platforms.mastodon.connector import Mastodon
from mentions.platforms.web.connector import Web
from mentions.platforms.wordpress.connector import WordPress
from mentions.platforms.x.connector import X

CONNECTORS: dict[str, type[Connector]] = {
    "bluesky": Bluesky,
    "x": X,
    "mastodon": Mastodon,
    "email": Email,
    "wordpress": WordPress,
    "feed": Feed,
    "manual": Manual,
    "archive": Archive,
    "web": Web,
    "demo": Demo,
}

# Names of platforms a demo channel may play, for people to read.
PLAYED = {
    "x": "X",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "email": "Email",
    "blog": "Blog comment",
    "phone": "Phone",
}


class UnknownPlatform(Exception):
    """No connector has that key. The text names those there are."""


def connector_class(key: str) -> type[Connector]:
    if key not in CONNECTORS:
        raise UnknownPlatform(f"There is no platform “{key}”. Choose one of: {', '.join(sorted(offered()))}.")
    return CONNECTORS[key]


def platform(key: str) -> Platform:
    return connector_class(key).platform


def offered() -> list[str]:
    """Keys a person may connect: those with settings or a demo, where demos are on."""
    return [
        key
        for key, connector in CONNECTORS.items()
        if not (connector.platform.by_hand or connector.platform.is_ours) and (key != "demo" or settings.DEMO)
    ]


def name_of(key: str) -> str:
    return CONNECTORS[key].platform.name if key in CONNECTORS else PLAYED.get(key, key)
