"""An archive: what was said before, brought in from a file. Nothing is polled and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mentions.platforms.base import Connector, Identity, Page, Platform, Stream


class Archive(Connector):
    platform = Platform(
        key="archive",
        name="Archive",
        by_hand=True,
        streams=(Stream("archive", "What was imported"),),
        help="This is history, brought in from a file. Answer where the customer is now.",
    )

    def connect(self) -> Identity:
        return Identity(namespace="archive", external_id="", handle="")

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        yield from ()
