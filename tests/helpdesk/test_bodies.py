"""Bodies at the door: chunked ones are read, too large ones are refused before anything is written."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpdesk.conf.bodies import BoundedBodies

Sent = list[dict[str, Any]]


def call(headers: list[tuple[bytes, bytes]], *chunks: bytes, path: str = "/api/v1/tickets/") -> tuple[Sent, Sent]:
    """(what the application inside was given, what was answered)."""
    given: Sent = []
    answered: Sent = []
    pieces = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    pieces.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        answered.append(message)

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        given.append({"headers": dict(scope["headers"]), **(await receive())})

    scope = {"type": "http", "path": path, "headers": headers}
    with ThreadPoolExecutor(1) as apart:  # the browser's tests leave a loop running in this thread
        apart.submit(
            lambda: asyncio.run(BoundedBodies(inside, 1000, {"/pictures/": 2000})(scope, receive, send))
        ).result()
    return given, answered


def test_a_chunked_body_is_handed_on_with_its_length() -> None:
    given, _ = call([(b"transfer-encoding", b"chunked")], b'{"pri', b'ority": 4}')
    assert given[0]["body"] == b'{"priority": 4}'
    assert given[0]["headers"] == {b"content-length": b"15"}


@pytest.mark.parametrize("headers", [[(b"content-length", b"314572800")], [(b"transfer-encoding", b"chunked")]])
def test_too_large_is_said_before_it_is_kept(headers: list[tuple[bytes, bytes]]) -> None:
    given, answered = call(headers, b"x" * 600, b"x" * 600)
    assert given == []
    assert answered[0]["status"] == 413
    assert json.loads(answered[1]["body"])["status"] == 413


def test_where_pictures_come_in_there_is_more_room() -> None:
    headers = [(b"transfer-encoding", b"chunked")]
    given, _ = call(headers, b"x" * 900, b"x" * 900, path="/pictures/")
    assert len(given[0]["body"]) == 1800
    given, answered = call(headers, b"x" * 1900, b"x" * 900, path="/pictures/")
    assert (given, answered[0]["status"]) == ([], 413)
