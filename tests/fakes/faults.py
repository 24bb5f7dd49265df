"""Ways in which a fake platform lets a caller down, and barriers at which it holds a request."""

from __future__ import annotations

import json
import threading
import time
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """An HTTP answer before it goes on the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def rendered(self) -> bytes:
        """The answer as bytes; the length it claims is that of the whole body."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


def json_answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON, in plain UTF-8 where the content can be written so."""
    try:
        encoded = json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        encoded = json.dumps(body).encode()
    return Answer(status, encoded, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class Wire(Protocol):
    """A connection to a caller who waits for an answer."""

    @property
    def stopping(self) -> threading.Event:
        """Set when the server goes down."""

    def begin(self, status: int) -> None:
        """Note the status that is about to be sent; before the bytes, so that no caller sees them first."""

    def send(self, data: bytes) -> None:
        """Put bytes on the connection."""

    def close(self) -> None:
        """End the connection in order."""

    def reset(self) -> None:
        """Tear the connection down, so that the caller sees a reset."""


class Action(ABC):
    """What happens to one call."""

    def performs(self) -> bool:
        """Whether the server does what was asked."""
        return False

    @abstractmethod
    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Answer, or do not."""


class Performed(Action):
    """An action that comes after the server has done what was asked."""

    def performs(self) -> bool:
        """It does."""
        return True


class Plain(Performed):
    """No fault."""

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Answer as the rules say."""
        wire.begin(answer.status)
        wire.send(answer.rendered())


@dataclass(frozen=True)
class Status(Action):
    """Answer this status without performing, or after performing where ``perform`` says so."""

    code: int
    body: Mapping[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    perform: bool = False

    def performs(self) -> bool:
        """As the test asked."""
        return self.perform

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Send the status and its body."""
        wire.begin(self.code)
        if isinstance(self.body, bytes):
            wire.send(Answer(self.code, self.body, self.headers).rendered())
        else:
            default = {"error": _phrase(self.code).replace(" ", ""), "message": _phrase(self.code)}
            wire.send(json_answer(self.code, self.body or default, self.headers).rendered())


@dataclass(frozen=True)
class Hang(Action):
    """Take the request, do nothing for so long, and hang up."""

    seconds: float

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Wait and close."""
        wire.stopping.wait(self.seconds)
        wire.close()


@dataclass(frozen=True)
class HangAfter(Performed):
    """Perform, wait for so long, then answer."""

    seconds: float

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Wait and answer, if anybody still listens."""
        if wire.stopping.wait(self.seconds):
            return wire.close()
        wire.begin(answer.status)
        wire.send(answer.rendered())


class ResetBefore(Action):
    """Reset the connection without performing."""

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Reset."""
        wire.reset()


class ResetAfter(Performed):
    """Perform, then reset the connection before a byte of the answer."""

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Reset."""
        wire.reset()


@dataclass(frozen=True)
class Drip(Performed):
    """Perform, and answer one byte at a time."""

    seconds_between_bytes: float

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Send the status line, the headers and the body byte by byte."""
        wire.begin(answer.status)
        for octet in answer.rendered():
            wire.send(bytes([octet]))
            if wire.stopping.wait(self.seconds_between_bytes):
                break


class Truncated(Performed):
    """Perform, and close in the middle of the body."""

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Send half of the body under the length of the whole."""
        rendered = answer.rendered()
        wire.begin(answer.status)
        wire.send(rendered[: len(rendered) - (len(answer.body) + 1) // 2])
        wire.close()


@dataclass(frozen=True)
class Body(Action):
    """Answer these bytes with status 200, as something between us and the server might."""

    content: bytes
    content_type: str = "application/json"
    perform: bool = False

    def performs(self) -> bool:
        """As the test asked."""
        return self.perform

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Send the bytes."""
        wire.begin(200)
        wire.send(Answer(200, self.content, {"Content-Type": self.content_type}).rendered())


def Html(*, perform: bool = False) -> Body:  # noqa: N802 - reads as the other actions do
    """A page of HTML with status 200, as a network's sign-in page gives."""
    return Body(b"<!doctype html><title>Sign in</title><p>Please sign in.</p>", "text/html; charset=utf-8", perform)


@dataclass(frozen=True)
class GzipBomb(Action):
    """A small compressed body that unfolds to so many megabytes of valid JSON."""

    megabytes: int

    def deliver(self, wire: Wire, answer: Answer) -> None:
        """Send the bomb."""
        press = zlib.compressobj(9, zlib.DEFLATED, 31)
        blank = b" " * 1024 * 1024
        packed = b"".join(press.compress(blank) for _ in range(self.megabytes)) + press.compress(b"{}") + press.flush()
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "gzip"}
        wire.begin(200)
        wire.send(Answer(200, packed, headers).rendered())


def retry_after(seconds: int) -> Status:
    """A 429 that says in seconds when to come back."""
    return Status(429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, {"Retry-After": str(seconds)})


def retry_after_date(seconds: int) -> Status:
    """A 429 that says by an HTTP date when to come back."""
    date = formatdate(time.time() + seconds, usegmt=True)
    return Status(429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, {"Retry-After": date})


def reset_at(seconds: int) -> Status:
    """A 429 that says only by RateLimit-Reset, in epoch seconds, when to come back."""
    headers = {
        "RateLimit-Limit": "3000",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(int(time.time()) + seconds),
    }
    return Status(429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, headers)


class Barrier:
    """A place where requests stand until a test lets them go."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._arrived = 0
        self._open = False

    def reached(self, timeout: float, count: int = 1) -> bool:
        """Wait until so many requests have come here; False if they did not in time."""
        with self._condition:
            return self._condition.wait_for(lambda: self._arrived >= count, timeout)

    def release(self) -> None:
        """Let the waiting requests go, and every later one pass."""
        with self._condition:
            self._open = True
            self._condition.notify_all()

    def hold(self, stopping: threading.Event) -> bool:
        """Stand here until released; False when the server goes down first."""
        with self._condition:
            self._arrived += 1
            self._condition.notify_all()
            # Looking up now and then also notices a server that goes down.
            while not self._open and not stopping.is_set():
                self._condition.wait(0.02)
        return not stopping.is_set()


class FaultPlan:
    """Which action and which barriers meet the next call of a method; the method ``*`` stands for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, deque[Action]] = {}
        self._always: dict[str, Action] = {}
        self._before: dict[str, list[Barrier]] = {}
        self._after: dict[str, list[Barrier]] = {}

    def add(self, method: str, action: Action, times: int) -> None:
        """Let the next calls of a method meet this action."""
        with self._lock:
            self._next.setdefault(method, deque()).extend([action] * times)

    def set_always(self, method: str, action: Action) -> None:
        """Let every call of a method meet this action."""
        with self._lock:
            self._always[method] = action

    def add_barrier(self, method: str, *, after: bool) -> Barrier:
        """Hold calls of a method before or after they are performed."""
        barrier = Barrier()
        with self._lock:
            (self._after if after else self._before).setdefault(method, []).append(barrier)
        return barrier

    def clear(self) -> None:
        """Forget every action, and open every barrier."""
        with self._lock:
            standing = [one for side in (self._before, self._after) for many in side.values() for one in many]
            for memory in (self._next, self._always, self._before, self._after):
                memory.clear()
        for barrier in standing:
            barrier.release()

    def take(self, method: str) -> Action:
        """The action for the call that is now at hand."""
        with self._lock:
            for name in (method, "*"):
                if self._next.get(name):
                    return self._next[name].popleft()
            return self._always.get(method) or self._always.get("*") or Plain()

    def hold(self, method: str, wire: Wire, *, after: bool) -> bool:
        """Stand at the barriers of a method; False when the server goes down meanwhile."""
        with self._lock:
            side = self._after if after else self._before
            barriers = [*side.get(method, []), *side.get("*", [])]
        return all(barrier.hold(wire.stopping) for barrier in barriers)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
