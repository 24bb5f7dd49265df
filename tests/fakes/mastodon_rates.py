"""How often the fake server lets itself be asked."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from .mastodon_rules import Refusal


class TooMany(Refusal):
    """A 429; it says by `X-RateLimit-Reset` alone when to come back, never by `Retry-After`."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(429, "Too many requests")
        self.headers = headers


class RateWindow:
    """Fixed windows of calls, one for each key."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def spend(self, key: str, limit: int, seconds: float) -> dict[str, str]:
        """Count a call; the headers that tell the caller where it stands, or a 429."""
        now = time.time()
        ends, used = self._windows.get(key, (0.0, 0))
        if ends <= now:
            ends, used = now + seconds, 0
        used += 1
        self._windows[key] = (ends, used)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - used)),
            "X-RateLimit-Reset": datetime.fromtimestamp(ends, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        }
        if used > limit:
            raise TooMany(headers)
        return headers
