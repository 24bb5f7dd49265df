"""One sequential client on one keep-alive connection, and medians of alternating requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx

ROUNDS, WARM_UP = 30, 2
Call = Callable[[int], httpx.Response]  # given the number of the round


@dataclass
class Visitor:
    """Asks one server, as one user: the session for the desk, the token for the API."""

    port: int
    keys: dict[str, Any]
    who: str = "one"

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, trust_env=False)

    def desk(self, path: str) -> httpx.Response:
        return good(self.http.get(path, headers={"Cookie": f"sessionid={self.keys['sessions'][self.who]}"}))

    def api(self, path: str) -> httpx.Response:
        return good(self.http.get(path, headers=self._token()))

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return good(self.http.post(path, json=body, headers=self._token()))

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys['tokens'][self.who]}"}


def good(response: httpx.Response) -> httpx.Response:
    if response.status_code not in (200, 201):
        raise RuntimeError(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text[:300]}"
        )
    return response


def compare(*calls: Call, rounds: int = ROUNDS) -> list[float]:
    """The median milliseconds of each call."""
    return [median(times) for times in timed(*calls, rounds=rounds)]


def timed(*calls: Call, rounds: int = ROUNDS) -> list[list[float]]:
    """Milliseconds of each call in each round; they take turns, so that the machine's moods meet all alike."""
    found: list[list[float]] = [[] for _ in calls]
    for turn in range(-WARM_UP, rounds):
        for call, times in zip(calls, found, strict=True):
            begun = time.perf_counter()
            call(turn + WARM_UP)
            if turn >= 0:
                times.append((time.perf_counter() - begun) * 1000)
    return found
