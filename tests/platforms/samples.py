"""One item of each kind as each platform gives it, with invented people: what the mutation tests start from."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

SETTINGS = {"email": {"address": "support@shop.test"}, "feed": {"url": "https://blog.example.com/feed"}}
SETTINGS |= {"wordpress": {"base_url": "https://blog.example.com"}, "x": {"base_url": "https://api.x.com"}}
SETTINGS |= {"mastodon": {"base_url": "https://social.example"}, "bluesky": {"base_url": "https://pds.example"}}


@dataclass(frozen=True)
class Sample:
    platform: str
    stream: str
    item: Any
    facts: dict[str, Any] = field(default_factory=dict)


BLUESKY = {
    "uri": "at://did:plc:ana/app.bsky.feed.post/3k",
    "cid": "bafyana",
    "author": {"did": "did:plc:ana", "handle": "ana.example.com", "displayName": "Ana", "followersCount": 12},
    "reason": "mention",
    "record": {
        "$type": "app.bsky.feed.post",
        "text": "@northwind.example where is it?",
        "createdAt": "2026-11-24T10:00:00.000Z",
        "reply": {
            "root": {"uri": "at://did:plc:ben/app.bsky.feed.post/3j", "cid": "bafyben"},
            "parent": {"uri": "at://did:plc:ben/app.bsky.feed.post/3j", "cid": "bafyben"},
        },
        "embed": {"$type": "app.bsky.embed.images", "images": [{"alt": "a platform", "image": {"size": 12}}]},
    },
    "replyCount": 2,
    "viewer": {"replyDisabled": False},
    "indexedAt": "2026-11-24T10:00:01.000Z",
}

CHAT = {
    "$type": "chat.bsky.convo.defs#logCreateMessage",
    "rev": "3k",
    "convoId": "c1",
    "message": {
        "id": "m1",
        "rev": "3k",
        "text": "my number is N-1",
        "sender": {"did": "did:plc:ana"},
        "sentAt": "2026-11-24T10:00:00.000Z",
    },
}

STATUS = {
    "id": "117020583245459824",
    "uri": "https://social.example/users/ana/statuses/117020583245459824",
    "url": "https://social.example/@ana/117020583245459824",
    "created_at": "2026-11-24T10:00:00.000Z",
    "edited_at": None,
    "in_reply_to_id": None,
    "content": '<p><span class="h-card"><a href="#">@<span>northwind</span></a></span> late &amp; cold</p>',
    "spoiler_text": "trains",
    "visibility": "public",
    "account": {
        "id": "117020566092212359",
        "username": "ana",
        "acct": "ana@social.example",
        "display_name": "Ana",
        "url": "https://social.example/@ana",
        "followers_count": 12,
    },
    "media_attachments": [{"type": "image", "description": "a platform"}],
    "replies_count": 1,
}
NOTIFICATION = {"id": "34975861", "type": "mention", "created_at": "2026-11-24T10:00:01.000Z", "status": STATUS}

TWEET = {
    "id": "1991234567890123456",
    "text": "@northwind late again &lt;3 https://t.co/abc",
    "author_id": "2244994945",
    "conversation_id": "1991234567890123400",
    "created_at": "2026-11-24T10:00:00.000Z",
    "edit_history_tweet_ids": ["1991234567890123450", "1991234567890123456"],
    "referenced_tweets": [{"type": "replied_to", "id": "1991234567890123400"}],
    "entities": {
        "mentions": [{"start": 0, "end": 10, "username": "northwind", "id": "1"}],
        "urls": [{"url": "https://t.co/abc", "expanded_url": "https://example.com/a"}],
    },
    "public_metrics": {"reply_count": 1, "quote_count": 0},
    "note_tweet": {"text": "@northwind late again and more", "entities": {"urls": []}},
    "reply_settings": "everyone",
    "includes": {
        "users": [{"id": "2244994945", "username": "ana", "name": "Ana", "public_metrics": {"followers_count": 12}}],
        "tweets": [
            {"id": "1991234567890123400", "author_id": "2244994945", "edit_history_tweet_ids": ["1991234567890123400"]}
        ],
    },
}

DM = {
    "id": "1991234567890123999",
    "event_type": "MessageCreate",
    "text": "my number is N-1",
    "sender_id": "2244994945",
    "dm_conversation_id": "1-2244994945",
    "created_at": "2026-11-24T10:00:00.000Z",
    "entities": {"urls": []},
    "includes": {"users": [{"id": "2244994945", "username": "ana", "name": "Ana"}]},
}

MAIL = (
    b"From: Ana <ana@customer.test>\r\nTo: support@shop.test\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <1@customer.test>\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nLate.\r\n"
)

COMMENT = {
    "id": 12,
    "post": 1,
    "parent": 0,
    "author": 0,
    "author_name": "Ana",
    "author_email": "ana@customer.test",
    "author_url": "",
    "date_gmt": "2026-11-24T10:00:00",
    "content": {"rendered": "<p>Late &amp; cold</p>", "raw": "Late & cold"},
    "link": "https://blog.example.com/p#comment-12",
    "status": "hold",
    "type": "comment",
}

ENTRY = {
    "id": "https://blog.example.com/?c=1",
    "title": "By Ana",
    "link": "https://blog.example.com/p#comment-1",
    "author": "Ana",
    "author_detail": {"name": "Ana", "href": "https://ana.example.com"},
    "summary": "<p>Late</p>",
    "content": [{"type": "text/html", "value": "<p>Late again</p>"}],
    "updated": "2026-11-24T10:00:00Z",
    "published_parsed": [2026, 11, 24, 10, 0, 0, 1, 328, 0],
    "thr_in-reply-to": {"ref": "https://blog.example.com/?c=0"},
}

SAMPLES = {
    "bluesky": Sample("bluesky", "notifications", BLUESKY),
    "bluesky-chat": Sample("bluesky", "direct", CHAT),
    "mastodon": Sample("mastodon", "notifications", NOTIFICATION),
    "mastodon-status": Sample("mastodon", "hashtag", STATUS),
    "x": Sample("x", "mentions", TWEET),
    "x-direct": Sample("x", "direct", DM),
    "email": Sample(
        "email",
        "mail",
        {"uid": 1, "at": "2026-11-24T10:00:00+00:00", "sent": False, "mail": base64.b64encode(MAIL).decode()},
    ),
    "wordpress": Sample("wordpress", "comments", COMMENT, {"rest": "path", "user": 1}),
    "feed": Sample("feed", "entries", ENTRY),
}
