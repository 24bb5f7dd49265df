"""What the network's views and records say, read piece by piece: nothing in them is sure to be what it should be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mentions.platforms.base import Author, count_of, text_of, time_of

POSTS = "app.bsky.feed.post"


def author_of(view: Mapping[str, Any], did: str) -> Author:
    return Author(
        did,
        handle=str(view.get("handle") or ""),
        name=str(view.get("displayName") or ""),
        url=f"https://bsky.app/profile/{did}",
        reach=count_of(view.get("followersCount")),
    )


def strong(reference: Mapping[str, Any]) -> dict[str, str]:
    return {"uri": text_of(reference["uri"], "reply uri"), "cid": text_of(reference["cid"], "reply cid")}


def pictures(embed: Any) -> str:
    """What stands under a post's pictures, as lines of its own: a post may say nothing else."""
    media = embed.get("media", embed) if isinstance(embed, dict) else {}
    images = media.get("images") if isinstance(media, dict) else None
    lines = [
        f"\n[Picture: {image['alt']}]" if image.get("alt") else "\n[Picture]"
        for image in (images if isinstance(images, list) else [])[:20]
        if isinstance(image, dict)
    ]
    return "".join(lines)


def quoted(embed: Any) -> str:
    """The uri of the post that is quoted, or ""."""
    found = embed.get("record") if isinstance(embed, dict) else None
    found = found.get("record", found) if isinstance(found, dict) else {}
    uri = found.get("uri")
    return uri if isinstance(uri, str) and f"/{POSTS}/" in uri and len(uri) <= 512 else ""


def beneath(node: Any, levels: int) -> list[Any]:
    """The posts beneath a thread's node, nearest first; blocked and missing ones are nodes without a post."""
    found: list[Any] = []
    nodes = node.get("replies") if isinstance(node, dict) else None
    for below in nodes if isinstance(nodes, list) and levels else []:
        if isinstance(below, dict) and "post" in below:
            found += [below["post"], *beneath(below, levels - 1)]
    return found


def did_of(uri: str) -> str:
    return uri.removeprefix("at://").split("/", 1)[0]


def says(message: Any, did: str, text: str, since: dt.datetime) -> bool:
    """Whether `did` wrote `text` in this chat message, not before `since`."""
    try:
        return (
            message["sender"]["did"] == did
            and message["text"] == text
            and time_of(message["sentAt"], "sentAt") >= since
            and isinstance(message["id"], str)
        )
    except (KeyError, TypeError, ValueError):
        return False


def gate(view: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the author closed replies, where this kind of view says so (a notification does not)."""
    viewer = view.get("viewer")
    return {"closed": bool(viewer.get("replyDisabled"))} if isinstance(viewer, dict) else {}


def indexed_at(view: Any) -> dt.datetime | None:
    try:
        return time_of(view["indexedAt"], "indexedAt")
    except (KeyError, TypeError, ValueError):
        return None


def claimed_at(value: Any, otherwise: dt.datetime) -> dt.datetime:
    try:
        return time_of(value, "createdAt")
    except ValueError:
        return otherwise


def chat_id(log: Mapping[str, Any]) -> str:
    message = log.get("message")
    return f"{log.get('convoId')}/{message.get('id')}" if isinstance(message, dict) else ""
