"""What posts and messages say, read piece by piece: nothing in them is sure to be what it should be."""

from __future__ import annotations

import datetime as dt
import html
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from mentions.platforms.base import Author, Post, count_of, text_of, time_of
from mentions.platforms.x.names import either, included
from mentions.platforms.x.text import named

SCHEME = re.compile(r"https?://")  # X writes it before an address that had none
LEADING = re.compile(r"^(?:[@＠]\w{1,15}\s+)+")


def author_of(user_id: str, users: Mapping[str, Mapping[str, Any]]) -> Author:
    user = users.get(user_id, {})
    metrics = user.get("public_metrics")
    handle = str(user.get("username") or "")
    return Author(
        user_id,
        handle=handle,
        name=str(user.get("name") or ""),
        url=f"https://x.com/{handle}" if handle else f"https://x.com/i/user/{user_id}",
        reach=count_of(metrics.get("followers_count")) if isinstance(metrics, dict) else None,
    )


def first_id(item: Mapping[str, Any]) -> str:
    """The id of an item's first version: each edit has an id of its own."""
    history = either(item, "edit_history_{}_ids")
    first = history[0] if isinstance(history, list) and history else None
    return first if isinstance(first, str) and first else text_of(item["id"], "id")


def last_id(item: Mapping[str, Any]) -> str:
    history = either(item, "edit_history_{}_ids")
    ids = [one for one in history if isinstance(one, str)] if isinstance(history, list) else []
    return max([text_of(item["id"], "id"), *ids], key=lambda name: (len(name), name))


def words_of(item: Mapping[str, Any]) -> str:
    """The whole text as people read it: not cut, unescaped, with the addresses that t.co hides."""
    note = either(item, "note_{}")
    whole = note if isinstance(note, dict) and isinstance(note.get("text"), str) else item
    if not isinstance(whole["text"], str):
        raise TypeError("text is no text")
    text = html.unescape(whole["text"])
    for short, long in _links(whole.get("entities")).items():
        text = text.replace(short, long)
    return text


def _links(entities: Any) -> dict[str, str]:
    urls = entities.get("urls") if isinstance(entities, dict) else None
    return {
        url["url"]: url["expanded_url"]
        for url in (urls if isinstance(urls, list) else [])[:100]
        if isinstance(url, dict)
        and all(isinstance(url.get(name), str) and url[name] for name in ("url", "expanded_url"))
    }


def referenced(item: Mapping[str, Any], kind: str) -> str:
    """The id of the post this one answers (`replied_to`) or quotes (`quoted`), or ""."""
    found = either(item, "referenced_{}s")
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and one.get("type") == kind and isinstance(one.get("id"), str):
            return str(one["id"])
    return ""


def handles_in(item: Mapping[str, Any]) -> set[str]:
    """Who is mentioned, in lower case: by the entities where there are any, else by the text."""
    entities = item.get("entities")
    mentions = entities.get("mentions") if isinstance(entities, dict) else None
    found = {
        str(one.get("username")).lower()
        for one in (mentions if isinstance(mentions, list) else [])
        if isinstance(one, dict)
    }
    return found | named(item["text"] if isinstance(item.get("text"), str) else "")


def post_of(
    item: Mapping[str, Any], answer: Mapping[str, Any], *, me: str, handle: str, summons: str = "unsaid"
) -> Post:
    """A post. `answer`: what it came in, with the people and posts it refers to.

    `summons`: what the list it came from says of our being summoned: "yes", "perhaps", "no", or "unsaid".
    """
    users, others = included(answer, "users"), included(answer, "posts")
    author_id = text_of(item["author_id"], "author_id")
    parent_id, quoted_id = referenced(item, "replied_to"), referenced(item, "quoted")
    parent, quoted = others.get(parent_id, {}), others.get(quoted_id, {})
    thread = item.get("conversation_id")
    if not isinstance(thread, str) or not thread:
        above_thread = parent.get("conversation_id") or parent_id
        thread = above_thread if isinstance(above_thread, str) and above_thread else first_id(item)
    metrics = item.get("public_metrics")
    own, author = first_id(item), author_of(author_id, users)
    above = parent_id or quoted_id
    above_post = parent if parent_id else quoted
    latest = text_of(item["id"], "id")
    return Post(
        kind="post",
        external_id=own,
        local_id=latest,
        version=latest,
        author=author,
        text=words_of(item),
        said_at=time_of(item["created_at"], "created_at"),
        thread_key=thread,
        parent_id=first_id(above_post) if above_post else above,
        others=(above,) if above_post and first_id(above_post) != above else (),
        root_author_id=_root_author(thread, own, author_id, parent_id, parent),
        url=f"https://x.com/{author.handle or 'i'}/status/{latest}",
        ours=author_id == me,
        continues=bool(parent_id),
        replies=count_of(metrics.get("reply_count")) if isinstance(metrics, dict) else None,
        reference={
            "id": latest,
            "author": author_id,
            **_summoned(item, quoted, quoted_id, me, handle, summons),
            "settings": str(item.get("reply_settings") or ""),
        },
        raw={**item, "includes": _narrow(item, users, others)},
    )


def _summoned(
    item: Mapping[str, Any], quoted: Mapping[str, Any], quoted_id: str, me: str, handle: str, summons: str
) -> dict[str, bool | None]:
    """Whether the author has summoned us, by name or by quoting us: X takes an app's reply nowhere else.

    None: X knows, we do not. What a look at one post cannot tell is left as it was.
    """
    is_named = handle.lower() in handles_in(item) or me in mentioned_ids(item)
    if summons == "yes" or item.get("author_id") == me or is_named or quoted.get("author_id") == me:
        return {"summoned": True}
    if summons == "unsaid":
        return {}
    is_open = summons == "perhaps" or item.get("in_reply_to_user_id") == me or (bool(quoted_id) and not quoted)
    return {"summoned": None if is_open else False}


def mentioned_ids(item: Mapping[str, Any]) -> set[str]:
    entities = item.get("entities")
    mentions = entities.get("mentions") if isinstance(entities, dict) else None
    return {
        str(one.get("id"))
        for one in (mentions if isinstance(mentions, list) else [])
        if isinstance(one, dict) and "id" in one
    }


def _root_author(thread: str, own: str, author_id: str, parent_id: str, parent: Mapping[str, Any]) -> str:
    if own == thread:
        return author_id
    if parent_id == thread or (parent and first_id(parent) == thread):
        return str(parent.get("author_id") or "")
    return ""


def _narrow(
    item: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What of the includes belongs to this item, so that it can be read again alone."""
    author = item.get("author_id")
    near = [others[name] for kind in ("replied_to", "quoted") if (name := referenced(item, kind)) in others]
    return {"users": [users[author]] if isinstance(author, str) and author in users else [], "tweets": near}


def direct_of(event: Mapping[str, Any], answer: Mapping[str, Any], *, me: str) -> Post:
    """A direct message."""
    if not isinstance(event.get("text"), str):
        raise TypeError("text is no text")
    users, sender = included(answer, "users"), text_of(event["sender_id"], "sender_id")
    conversation = text_of(event["dm_conversation_id"], "dm_conversation_id")
    return Post(
        kind="direct",
        external_id=text_of(event["id"], "id"),
        author=author_of(sender, users),
        text=words_of(event),
        said_at=time_of(event["created_at"], "created_at"),
        thread_key=conversation,
        root_author_id="" if sender == me else sender,
        ours=sender == me,
        reference={"conversation": conversation, "author": sender},
        raw={**event, "includes": {"users": [users[sender]] if sender in users else []}},
    )


def same(one: str, other: str) -> bool:
    """Whether two texts are one post: X puts the names of those answered before it."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    without = SCHEME.sub("", LEADING.sub("", text.strip()))
    return " ".join(unicodedata.normalize("NFC", without).split())


def newest(items: list[Any]) -> str:
    """The greatest id of these, which is the newest; "" where there is none."""
    ids = [item["id"] for item in items if isinstance(item, dict) and _is_number(item.get("id"))]
    return max(ids, key=int, default="")


def oldest(items: list[Any]) -> str:
    """The smallest id of these; "" where there is none."""
    ids = [item["id"] for item in items if isinstance(item, dict) and _is_number(item.get("id"))]
    return min(ids, key=int, default="")


def versions(item: Mapping[str, Any]) -> set[str]:
    """Every id this item has or had."""
    history = either(item, "edit_history_{}_ids")
    return {str(item.get("id"))} | {
        one for one in (history if isinstance(history, list) else []) if isinstance(one, str)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
