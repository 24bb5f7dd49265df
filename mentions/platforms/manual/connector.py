"""Phone, shop floor, letter: an agent is the ear, and the mouth. Nothing is polled and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mentions.platforms.base import Connector, Identity, Page, Platform


class Manual(Connector):
    platform = Platform(
        key="manual",
        name="By hand",
        by_hand=True,
        help="Call or write to them, then log the call: it counts as the answer.",
    )

    def connect(self) -> Identity:
        return Identity(namespace="manual", external_id="", handle="")

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        yield from ()
