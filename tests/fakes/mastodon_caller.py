"""A bare client for the tests of the fake Mastodon server; it knows none of the rules."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from .mastodon import FakeMastodon

NOTIFICATIONS = "/api/v1/notifications"
STATUSES = "/api/v1/statuses"
BACK = "https://desk.example/back?channel=5"


class Caller(httpx.Client):
    """Calls with a token, or without."""

    def __init__(self, fake: FakeMastodon, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=fake.url, headers=headers, trust_env=False)

    def ids(self, path: str = NOTIFICATIONS, /, **query: Any) -> list[str]:
        """The ids of a list."""
        return [one["id"] for one in self.get(path, params=query).raise_for_status().json()]

    def say(self, text: str, *, key: str | None = None, **fields: Any) -> httpx.Response:
        """Post a status."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.post(STATUSES, json={"status": text, **fields}, headers=headers)

    def consent(self, app: dict[str, Any], **changed: str) -> dict[str, list[str]]:
        """What the browser brings back from asking for consent."""
        query = {
            "response_type": "code",
            "client_id": app["client_id"],
            "redirect_uri": BACK,
            "scope": "read",
            "state": "s1",
        }
        answer = self.get("/oauth/authorize", params=query | changed)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"{BACK}&")
        return parse_qs(urlsplit(answer.headers["Location"]).query)

    def trade(self, app: dict[str, Any], code: str, **changed: str) -> httpx.Response:
        """Ask for a token."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        identity = {name: app[name] for name in ("client_id", "client_secret")}
        return self.post("/oauth/token", data=fields | identity | changed)


def links(answer: httpx.Response) -> dict[str, dict[str, list[str]]]:
    """The parameters of every address in a Link header, by its relation."""
    return {str(rel): parse_qs(urlsplit(link["url"]).query) for rel, link in answer.links.items()}
