"""What X pushes: its challenge, its signature, and the items in an event's envelope (X Activity API)."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from mentions.platforms.base import Event, Malformed, Page, Post, text_of, time_of
from mentions.platforms.x import posts

SIGNATURE = "x-twitter-webhooks-signature"


def signed(secret: str, content: bytes) -> str:
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(digest).decode()


def challenge(secret: str, query: Mapping[str, str]) -> dict[str, Any] | None:
    """The answer that proves we know the secret (CRC)."""
    token = query.get("crc_token", "")
    return {"response_token": signed(secret, token.encode())} if token else None


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    given = headers.get(SIGNATURE, "")
    return bool(secret) and hmac.compare_digest(given.encode("utf-8", "replace"), signed(secret, body).encode())


def event_of(pushed: Any) -> Event:
    data = pushed["data"]
    kind = text_of(data["event_type"], "event_type")
    stream = "direct" if kind.startswith("dm.") else "mentions"
    chosen = data.get("filter")
    owner = chosen.get("user_id") if isinstance(chosen, dict) else None
    return Event(
        text_of(data["event_uuid"], "event_uuid"), stream, _at(data), str(owner) if isinstance(owner, str | int) else ""
    )


def _at(data: Mapping[str, Any]) -> dt.datetime | None:
    payload = data.get("payload")
    events = payload.get("direct_message_events") if isinstance(payload, dict) else None
    try:
        if isinstance(events, list) and events:  # as the API before wrote it
            return dt.datetime.fromtimestamp(int(events[0]["created_timestamp"]) / 1000, dt.UTC)
        return time_of(payload["created_at"], "created_at") if isinstance(payload, dict) else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def page_of(pushed: Any, *, me: str, handle: str) -> Page:
    """The posts, messages and deletions in an envelope. A kind of event that is none of these brings nothing."""
    data = pushed["data"]
    kind, payload = data["event_type"], data.get("payload")
    answer = {"includes": data.get("includes") or pushed.get("includes") or {}}
    if kind == "post.delete":
        return Page(gone=(text_of(payload["id"], "id"),))
    try:
        if kind.startswith("post."):
            return Page((posts.post_of(payload, answer, me=me, handle=handle),))
        if kind == "dm.received":
            return Page(tuple(_directs(payload, answer, me)))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return Page(malformed=(Malformed(payload, f"{type(error).__name__}: {error}"[:200]),))
    return Page()


def _directs(payload: Mapping[str, Any], answer: Mapping[str, Any], me: str) -> list[Post]:
    """Messages in either shape: as the API lists them, or in the words of the API before."""
    if "dm_conversation_id" in payload:
        return [posts.direct_of(payload, answer, me=me)]
    found = []
    users = payload.get("users")
    people = [_user(user) for user in users.values()] if isinstance(users, dict) else []
    for event in payload["direct_message_events"]:
        message = event["message_create"]
        sender, target = text_of(message["sender_id"], "sender_id"), text_of(message["target"]["recipient_id"], "to")
        stamp = dt.datetime.fromtimestamp(int(event["created_timestamp"]) / 1000, dt.UTC)
        as_listed = {
            "id": event["id"],
            "text": message["message_data"]["text"],
            "entities": message["message_data"].get("entities"),
            "sender_id": sender,
            "dm_conversation_id": "-".join(sorted((sender, target), key=int)),
            "created_at": stamp.isoformat(),
        }
        found.append(posts.direct_of(as_listed, {"includes": {"users": people}}, me=me))
    return found


def _user(value: Any) -> Any:
    return value.get("data", value) if isinstance(value, dict) else value
