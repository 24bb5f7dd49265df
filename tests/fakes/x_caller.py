"""What the tests of the fake X call it with: a client that knows no rules, and a webhook that keeps what it gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from .x import FakeX


@dataclass
class Caller:
    """A bare client with one token."""

    fake: FakeX
    id: str
    token: str

    def ask(self, path: str, **query: Any) -> httpx.Response:
        """The answer to a GET; two underscores in a name stand for a dot."""
        params = {name.replace("__", "."): value for name, value in query.items()}
        return httpx.get(f"{self.fake.url}{path}", params=params, headers=self.headers)

    def send(self, path: str, body: Any) -> httpx.Response:
        """The answer to a POST of JSON."""
        return httpx.post(f"{self.fake.url}{path}", json=body, headers=self.headers)

    def say(self, text: str, reply_to: str = "", **more: Any) -> httpx.Response:
        """The answer to a post."""
        reply = {"reply": {"in_reply_to_tweet_id": reply_to}} if reply_to else {}
        return self.send("/2/tweets", {"text": text, **reply, **more})

    def remove(self, identifier: str) -> httpx.Response:
        """The answer to a deletion."""
        return httpx.delete(f"{self.fake.url}/2/tweets/{identifier}", headers=self.headers)

    def mentions(self, **query: Any) -> httpx.Response:
        """One page of mentions."""
        return self.ask(f"/2/users/{self.id}/mentions", **query)

    @property
    def headers(self) -> dict[str, str]:
        """The token, as it is sent."""
        return {"Authorization": f"Bearer {self.token}"}


class Hook(HTTPServer):
    """A webhook on loopback; under ``/bad`` it does not know the secret."""

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Hooked)
        self.secret = secret
        self.got: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class _Hooked(BaseHTTPRequestHandler):
    server: Hook

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query)["crc_token"][0]
        secret = "wrong" if "/bad" in self.path else self.server.secret
        self._reply(json.dumps({"response_token": FakeX.crc(secret, token)}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["x-twitter-webhooks-signature"], body))
        self._reply(b"{}")

    def _reply(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what came, not a log."""


def refused(answer: httpx.Response, status: int, words: str) -> None:
    """Expect a refusal that says this."""
    assert answer.status_code == status, answer.text
    assert words in answer.text


def ids(answer: httpx.Response) -> list[str]:
    """The ids of what an answer lists."""
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json().get("data", [])]
