"""Bodies before the house: read whole, and no larger than the house takes.

Django writes a body of any size to disk before it looks who sent it, and Django REST framework takes one without a
Content-Length (chunked) for empty. So each is read here, counted while it comes, and handed on with its length.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[Any]]


class TooLarge(Exception):
    """More than we take."""


class Gone(Exception):
    """Who called has left."""


class BoundedBodies:
    """An ASGI application around another: 413 for a body of more than `most` bytes, as soon as that is known.

    `roomy`: paths that take more, such as those for pictures, with how much.
    """

    def __init__(self, app: App, most: int, roomy: Mapping[str, int] | None = None) -> None:
        self.app, self.most, self.roomy = app, most, roomy or {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        most = self.roomy.get(scope["path"], self.most)
        try:
            body = await self._read(scope, receive, most)
        except TooLarge:
            await _refuse(scope, send, most)
            return
        except Gone:
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
        scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        given = False

        async def replay() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    async def _read(self, scope: Any, receive: Receive, most: int) -> bytes:
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > most:
            raise TooLarge
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += bytes(message.get("body", b""))
            if len(body) > most:
                raise TooLarge
            if not message.get("more_body"):
                return bytes(body)


def _has_body(scope: Any) -> bool:
    names = {name for name, _value in scope["headers"]}
    return b"content-length" in names or b"transfer-encoding" in names


async def _refuse(scope: Any, send: Send, most: int) -> None:
    words = f"This is larger than {most // 1024 // 1024} MB, the most we take at once."
    kind, body = b"text/plain; charset=utf-8", words.encode()
    if scope["path"].startswith("/api/"):
        problem = {"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": words, "errors": []}
        kind, body = b"application/problem+json", json.dumps(problem).encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
