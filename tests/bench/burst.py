"""Signed pushes in a burst, against a bare view that stores one row; none is lost, and all are worked on afterwards.

The two take turns in blocks, each by several hands at once, so that the machine's moods meet both alike.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.bench.figures import Figure, Figures, versus
from tests.bench.place import Place
from tests.fakes.x import FakeX

HANDS, BLOCK, WARM_UP = 8, 500, 100
GOAL = "<= 10"
SECRET = "consumer-secret"
PATIENCE = 300  # seconds until the worker has done with all of them


@dataclass
class Sender:
    """Sends bodies to one address, by several hands, and notes how long each answer took."""

    path: str
    port: int
    headers: Callable[[bytes], dict[str, str]]
    times: list[float] = field(default_factory=list)

    def block(self, bodies: Sequence[bytes]) -> None:
        with ThreadPoolExecutor(HANDS) as hands:
            for times in hands.map(self._hand, [bodies[hand::HANDS] for hand in range(HANDS)]):
                self.times += times

    def _hand(self, bodies: Sequence[bytes]) -> list[float]:
        times = []
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, trust_env=False) as client:
            for body in bodies:
                begun = time.perf_counter()
                answer = client.post(self.path, content=body, headers=self.headers(body))
                times.append((time.perf_counter() - begun) * 1000)
                if answer.status_code != 200:
                    raise RuntimeError(f"{self.path}: {answer.status_code} {answer.text[:300]}")
        return times


def measure(place: Place, port: int, posts: int) -> Figures:
    """Both bursts of `posts` bodies; then a worker until every push is a message."""
    with FakeX(limits=False) as x:
        us, person = x.add_account("lantern"), x.add_account("una", followers=12)
        place.extra["HELPDESK_ALLOW_NETS"] = "127.0.0.0/8"
        given: dict[str, Any] = {"base_url": x.url, "access_token": x.token(us), "consumer_secret": SECRET}
        made = place.step("hooked", port=port, settings=given)
        bodies = [_mention(x, us, person, number) for number in range(posts + WARM_UP)]
        with place.running(made["commands"]["web"], port):
            product, bare = _both(made, port, bodies)
        stored = place.step("hooked", port=port, settings=given)["pushed"]
        if stored != len(bodies):
            raise RuntimeError(f"of {len(bodies)} pushes {stored} are stored")
        begun = time.monotonic()
        with place.running(made["commands"]["worker"]), place.running(made["commands"]["beat"]):
            messages = _worked_off(place, port, given, len(bodies))
        seconds = time.monotonic() - begun
    return {
        "hooks.p99": versus(_p99(product), _p99(bare), "ms", GOAL),
        "hooks.lost": Figure(len(bodies) - messages, "pushes", goal="<= 0", of_value=True),
        "hooks.worked_off": Figure(messages / seconds, "pushes/s"),
    }


def _both(made: dict[str, Any], port: int, bodies: Sequence[bytes]) -> tuple[list[float], list[float]]:
    product = Sender(made["path"], port, _signed)
    bare = Sender(f"/bare/push/{made['brand']}/{made['account']}/", port, _plain)
    for sender in (product, bare):
        sender.block(bodies[:WARM_UP])
        sender.times.clear()
    for start in range(WARM_UP, len(bodies), BLOCK):
        for sender in (product, bare):
            sender.block(bodies[start : start + BLOCK])
    return product.times, bare.times


def _worked_off(place: Place, port: int, given: dict[str, Any], wanted: int) -> int:
    """Messages, once nothing waits any more."""
    until = time.monotonic() + PATIENCE
    while True:
        found = place.step("hooked", port=port, settings=given)
        if not found["waiting"] or time.monotonic() > until:
            return int(found["messages"])
        time.sleep(2)


def _mention(x: FakeX, us: str, person: str, number: int) -> bytes:
    words = f"@lantern the ferry from pier {number} left without us"
    return json.dumps(x.mention_event(us, x.post(person, words))).encode()


def _signed(body: bytes) -> dict[str, str]:
    return {**_plain(body), "X-Twitter-Webhooks-Signature": FakeX.signature(SECRET, body)}


def _plain(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json"}


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]
