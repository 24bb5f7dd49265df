"""The reading side of the fake network: notifications, posts, threads, people and search."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from .bluesky_ledger import Account, Ledger, Notice, Record, features_of, quoted_uri
from .bluesky_rules import LIKE, POST, REPOST, Json, Refusal, invalid, iso, moment_of, page
from .bluesky_sessions import Call, Options

_DEFS = "app.bsky.feed.defs"
# The network answers fewer levels than a caller may ask for.
_MOST_LEVELS = 200


class Feed:
    """The queries of app.bsky.*; whoever calls them holds the ledger's lock."""

    def __init__(self, ledger: Ledger, options: Options) -> None:
        self._ledger, self._options = ledger, options

    def list_notifications(self, viewer: Account, call: Call) -> Json:
        """app.bsky.notification.listNotifications: by the earlier of claimed and indexed time; pages only go back."""
        limit, reasons = call.number("limit", 50, 1, 100), call.query.get("reasons")
        now = time.time()
        rows = [
            (f"{self._dated(one).astimezone(UTC).isoformat()} {one.seq:012}", self._notice_view(one))
            for one in self._ledger.notices[viewer.did]
            if one.visible_at <= now and (one.raw is not None or not reasons or one.reason in reasons)
        ]
        shown, cursor = page(rows, limit, call.one("cursor"), shuffled=self._options.shuffle_pages)
        return {"notifications": shown, "priority": False} | ({"cursor": cursor} if cursor else {})

    def get_posts(self, viewer: Account, call: Call) -> Json:
        """app.bsky.feed.getPosts: those of the named posts that are there."""
        found = [self._post(uri) for uri in call.many("uris", 25)]
        return {"posts": [self._post_view(one) for one in found if one is not None]}

    def get_post_thread(self, viewer: Account, call: Call) -> Json:
        """app.bsky.feed.getPostThread: a post with what stands above and below it."""
        uri = call.need("uri")
        below, above = call.number("depth", 6, 0, 1000), call.number("parentHeight", 80, 0, 1000)
        post = self._post(uri)
        if post is None:
            raise Refusal(400, "NotFound", f"Post not found: {uri}")
        thread = self._below(post, min(below, _MOST_LEVELS))
        node = thread
        for ancestor in self._ledger.ancestors(post, min(above, _MOST_LEVELS)):
            node["parent"] = self._thread_node(ancestor)
            node = node["parent"]
            if "notFound" in node:
                break
        return {"thread": thread}

    def get_profiles(self, viewer: Account, call: Call) -> Json:
        """app.bsky.actor.getProfiles: those of the named people who are there."""
        found = [self._ledger.account_named(one) for one in call.many("actors", 25)]
        return {"profiles": [self._detailed(one) for one in found if one is not None]}

    def get_profile(self, viewer: Account, call: Call) -> Json:
        """app.bsky.actor.getProfile."""
        account = self._ledger.account_named(call.need("actor"))
        if account is None:
            raise invalid("Profile not found")
        return self._detailed(account)

    def search_posts(self, viewer: Account, call: Call) -> Json:
        """app.bsky.feed.searchPosts: every word of the query, the newest first."""
        query, limit = call.need("q"), call.number("limit", 25, 1, 100)
        since, until = _bound(call.one("since"), "since"), _bound(call.one("until"), "until")
        rows = []
        for post in self._ledger.live(POST):
            at = _sort_at(post)
            timely = (since is None or at >= since) and (until is None or at < until)
            if timely and post.visible_at <= time.time() and self._matches(post, query, call):
                rows.append((f"{at.astimezone(UTC).isoformat()} {post.seq:012}", self._post_view(post)))
        shown, cursor = page(rows, limit, call.one("cursor"), shuffled=self._options.shuffle_pages)
        return {"posts": shown, "hitsTotal": len(rows)} | ({"cursor": cursor} if cursor else {})

    def _matches(self, post: Record, query: str, call: Call) -> bool:
        text = str(post.record.get("text", "")).casefold()
        for quoted, word in re.findall(r'"([^"]+)"|(\S+)', query):
            if word.startswith("from:"):
                if not self._by(post, word.removeprefix("from:")):
                    return False
            elif (quoted or word).casefold() not in text:
                return False
        author, mentions = call.one("author"), call.one("mentions")
        return (
            (author is None or self._by(post, author))
            and (mentions is None or self._mentions(post, mentions))
            and all(tag.casefold() in _tags(post) for tag in call.query.get("tag", []))
            and _links_to(post, call.one("url"), call.one("domain"))
            and call.one("lang") in {None, *post.record.get("langs", [])}
        )

    def _by(self, post: Record, identifier: str) -> bool:
        account = self._ledger.account_named(identifier.removeprefix("@"))
        return account is not None and account.did == post.did

    def _mentions(self, post: Record, identifier: str) -> bool:
        account = self._ledger.account_named(identifier)
        return account is not None and any(one["did"] == account.did for one in features_of(post.record, "mention"))

    def _post(self, uri: str) -> Record | None:
        found = self._ledger.find(uri)
        return found if found is not None and found.collection == POST and not found.deleted else None

    def _below(self, post: Record, levels: int) -> Json:
        view = self._thread_node(post.uri)
        if levels > 0:
            replies = [
                one
                for one in self._ledger.live(POST)
                if one.record.get("reply", {}).get("parent", {}).get("uri") == post.uri
            ]
            view["replies"] = [self._below(one, levels - 1) for one in replies]
        return view

    def _thread_node(self, uri: str) -> Json:
        post = self._post(uri)
        if post is None:
            return {"$type": f"{_DEFS}#notFoundPost", "uri": uri, "notFound": True}
        return {"$type": f"{_DEFS}#threadViewPost", "post": self._post_view(post)}

    def _dated(self, notice: Notice) -> datetime:
        if notice.raw is not None:
            return datetime.fromtimestamp(notice.indexed_at, UTC)
        return _sort_at(self._ledger.records[notice.uri])

    def _notice_view(self, notice: Notice) -> Json:
        if notice.raw is not None:
            return notice.raw
        record = self._ledger.records[notice.uri]
        view: Json = {
            "uri": record.uri,
            "cid": record.cid,
            "author": self._profile(record.did),
            "reason": notice.reason,
            "record": record.record,
            "isRead": False,
            "indexedAt": iso(self._dated(notice).timestamp()),
            "labels": [],
        }
        return view | ({"reasonSubject": notice.subject} if notice.subject else {})

    def _post_view(self, post: Record) -> Json:
        posts = self._ledger.live(POST)
        viewer = {"threadMuted": False, "embeddingDisabled": False}
        if post.uri in self._ledger.closed_to_replies:
            viewer["replyDisabled"] = True
        return {
            "uri": post.uri,
            "cid": post.cid,
            "author": self._profile(post.did),
            "record": post.record,
            "replyCount": sum(one.record.get("reply", {}).get("parent", {}).get("uri") == post.uri for one in posts),
            "repostCount": self._subject_count(REPOST, post.uri),
            "likeCount": self._subject_count(LIKE, post.uri),
            "quoteCount": sum(quoted_uri(one.record) == post.uri for one in posts),
            "indexedAt": iso(post.indexed_at),
            "viewer": viewer,
            "labels": [],
        }

    def _subject_count(self, collection: str, uri: str) -> int:
        return sum(one.record["subject"]["uri"] == uri for one in self._ledger.live(collection))

    def _profile(self, did: str) -> Json:
        account = self._ledger.accounts[did]
        return {
            "did": did,
            "handle": account.handle,
            "displayName": account.handle.partition(".")[0].title(),
            "viewer": {"muted": False, "blockedBy": False},
            "labels": [],
            "createdAt": iso(account.created_at),
        }

    def _detailed(self, account: Account) -> Json:
        return self._profile(account.did) | {
            "followersCount": account.followers,
            "followsCount": 0,
            "postsCount": len(self._ledger.live(POST, account.did)),
            "verification": {"verifications": [], "verifiedStatus": "none", "trustedVerifierStatus": "none"},
            "indexedAt": iso(account.created_at),
        }


def _sort_at(post: Record) -> datetime:
    indexed = datetime.fromtimestamp(post.indexed_at, UTC)
    claimed = moment_of(str(post.record.get("createdAt")))
    return min(claimed, indexed) if claimed else indexed


def _bound(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    moment = moment_of(f"{text}T00:00:00Z") or moment_of(text)
    if moment is None:
        raise invalid(f"Error: {name} must be a datetime or a date")
    return moment


def _tags(post: Record) -> set[str]:
    return {str(one["tag"]).casefold() for one in features_of(post.record, "tag")} | {
        str(tag).casefold() for tag in post.record.get("tags", [])
    }


def _links_to(post: Record, url: str | None, domain: str | None) -> bool:
    links = [str(one["uri"]) for one in features_of(post.record, "link")]
    external = post.record.get("embed", {}).get("external", {}).get("uri")
    links += [external] if isinstance(external, str) else []
    return (url is None or url in links) and (domain is None or any(urlsplit(one).hostname == domain for one in links))
