"""What statuses and notifications say, read piece by piece: nothing in them is sure to be what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mentions.platforms.base import Author, Post, count_of, text_of, time_of
from mentions.platforms.html import text_of_html

OPEN = ("public", "unlisted", "local")


def author_of(account: Mapping[str, Any]) -> Author:
    """By the server's own id: an address changes with the handle."""
    return Author(
        person_id(account),
        handle=str(account.get("acct") or ""),
        name=str(account.get("display_name") or account.get("username") or ""),
        url=str(account.get("url") or ""),
        reach=count_of(account.get("followers_count")),
    )


def person_id(account: Mapping[str, Any]) -> str:
    return text_of(account["id"], "account.id")


def name_of(status: Mapping[str, Any]) -> str:
    return text_of(status.get("uri") or status["url"], "status.uri")


def local_id(status: Mapping[str, Any]) -> str:
    return text_of(status["id"], "status.id")


def itself(status: Any) -> Mapping[str, Any]:
    """The status that was written: some servers wrap one that somebody boosted."""
    if not isinstance(status, dict):
        raise TypeError("status is no object")
    wrapped = status.get("reblog")
    return wrapped if isinstance(wrapped, dict) else status


def ways_of(status: Mapping[str, Any]) -> list[str]:
    """Its words as they are shown, and as they were written where the server tells: it may have formatted them."""
    source = status.get("text")
    return [words_of(status), *([source] if isinstance(source, str) else [])]


def words_of(status: Mapping[str, Any]) -> str:
    """The text, after its content warning, before what its pictures show."""
    content = status["content"]
    if not isinstance(content, str):
        raise TypeError("status.content is no text")
    spoiler = status.get("spoiler_text")
    lines = [f"[{spoiler}]"] if isinstance(spoiler, str) and spoiler else []
    lines.append(text_of_html(content))
    media = status.get("media_attachments")
    for item in (media if isinstance(media, list) else [])[:20]:
        if isinstance(item, dict):
            what = "Picture" if item.get("type") in ("image", None) else str(item.get("type")).title()
            lines.append(f"[{what}: {item['description']}]" if item.get("description") else f"[{what}]")
    return "\n".join(line for line in lines if line)


def post_of(
    status: Mapping[str, Any], *, us: str, root: Mapping[str, Any] | None, parent: str = "", thread: str = ""
) -> Post:
    """A status as a post. `root`: the first status of its thread, where it is no root itself and we know that one."""
    if not isinstance(status.get("account"), dict):
        raise TypeError("status.account is no object")
    author, uri, said_at = author_of(status["account"]), name_of(status), time_of(status["created_at"], "created_at")
    visibility = str(status.get("visibility") or "public")
    first = root if root is not None else status
    edited = status.get("edited_at")
    return Post(
        kind="direct" if visibility == "direct" else "post",
        external_id=uri,
        local_id=local_id(status),
        version=edited if isinstance(edited, str) else "",
        author=author,
        text=words_of(status),
        said_at=said_at,
        thread_key=thread or name_of(first),
        parent_id=parent,
        root_author_id="" if thread else person_id(first["account"]),
        url=str(status.get("url") or ""),
        ours=author.external_id == us,
        private=visibility not in OPEN,
        replies=count_of(status.get("replies_count")),
        reference={"id": local_id(status), "acct": author.handle, "visibility": visibility},
        raw=status,
    )
