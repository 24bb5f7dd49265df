"""Bluesky (AT Protocol): notifications, search terms and direct messages in; posts, direct messages and likes out.

Facts from the published lexicons (20 Aug 2026): a notification's cursor pages backwards within one pass and is no
resume point; a post's `indexedAt` is the server's time, `createdAt` the client's claim, and a notification is dated and
listed by the earlier of the two; putRecord with our own rkey makes a second identical put a no-op; facets count bytes.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    NOTHING,
    Author,
    Draft,
    Found,
    Identity,
    Limits,
    Page,
    Platform,
    PlatformError,
    Post,
    Ref,
    Sent,
    Setting,
    Span,
    Stream,
    count_of,
    read_each,
    text_of,
    time_of,
)
from mentions.platforms.bluesky import text as bluesky_text
from mentions.platforms.bluesky import views
from mentions.platforms.bluesky.session import CHAT, Session
from mentions.platforms.bluesky.views import POSTS
from mentions.platforms.text import cut, graphemes

LIKES = "app.bsky.feed.like"
REASONS = ("mention", "reply", "quote")
OVERLAP = dt.timedelta(minutes=15)
# Lists are in the order of the earlier of createdAt and indexedAt: what was written offline comes in below the
# watermark, so that now and then a look goes back further.
DEEP_OVERLAP = dt.timedelta(hours=24)
DEEP_EVERY = dt.timedelta(hours=1)
FIRST_LOOK = dt.timedelta(days=7)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MOST_PAGES = 200
MOST_PARTS = 4
DEEPEST = 6  # levels read beneath an item: who goes on in five posts is heard in one look


class Bluesky(Session):
    platform = Platform(
        key="bluesky",
        name="Bluesky",
        settings=(
            Setting("base_url", "Server", "Where the account lives.", default="https://bsky.social", is_url=True),
            Setting("identifier", "Handle", "Such as support.example.org, or the account's email."),
            Setting(
                "app_password",
                "App password",
                "Bluesky → Settings → Privacy and security → App passwords. Allow direct messages to answer privately.",
                secret=True,
            ),
        ),
        streams=(
            Stream("notifications", "Mentions, replies and quotes", rhythm_seconds=30, reads_back=True),
            Stream("search", "Posts with a search term", takes_query=True, rhythm_seconds=60, reads_back=True),
            Stream("direct", "Direct messages", rhythm_seconds=60),
        ),
        public_reply=True,
        private_reply=True,
        like=True,
        lookup=True,
        reads_per_hour=6000,  # the network takes 36,000 from one address
        writes_per_hour=5000,
    )

    def connect(self) -> Identity:
        self.log_in()
        abilities = {}
        try:
            self.call("GET", "chat.bsky.convo.listConvos", params={"limit": 1}, headers=CHAT)
        except PlatformError as error:
            if "token" in error.detail.lower():
                abilities["private"] = (
                    "This app password may not read direct messages. Make one that may, and reconnect under Sources."
                )
            elif error.permanent or "Internal" in error.detail:  # a passing outage takes no ability away
                abilities["private"] = f"This server offers us no direct messages ({error.detail or error.code})."
        return Identity("atproto", self.did, str(self.session.get("handle", "")), abilities)

    # --- hearing -----------------------------------------------------------------------------------------------

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        if stream == "direct":
            return self._direct(cursor)
        if stream == "search":
            return self._newest_first("app.bsky.feed.searchPosts", {"q": query, "sort": "latest"}, "posts", cursor)
        return self._newest_first(
            "app.bsky.notification.listNotifications", {"reasons": list(REASONS)}, "notifications", cursor
        )

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """Newest first, down to the span's begin. What a server no longer knows as a cursor is begun anew by `reading_back`."""
        is_search = stream == "search"
        method = "app.bsky.feed.searchPosts" if is_search else "app.bsky.notification.listNotifications"
        params: dict[str, Any] = {"reasons": list(REASONS)}
        if is_search:
            params = {"q": query, "sort": "latest", "since": _zulu(span.since), "until": _zulu(span.until)}
        within = str(position.get("cursor") or "")
        while True:
            answer = self.call("GET", method, params={**params, "limit": 100, **({"cursor": within} if within else {})})
            items, following = answer.get("posts" if is_search else "notifications"), answer.get("cursor")
            if not isinstance(items, list):
                raise PlatformError("undecodable", "no list")
            times = [at for at in map(views.indexed_at, items) if at]
            posts, malformed = read_each([one for one in items if span.holds(views.indexed_at(one))], self._post)
            yield Page(tuple(posts), tuple(malformed), cursor={"cursor": following or within})
            if not following or following == within or (times and min(times) < span.since):
                return
            within = str(following)

    def _newest_first(self, method: str, params: dict[str, Any], key: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Pages backwards until what was stored before; the new watermark comes with the last page only."""
        watermark, now = _position(cursor, "indexed_at"), dt.datetime.now(dt.UTC)
        deep_at = _position(cursor, "deep_at") or EPOCH
        deep = now - deep_at >= DEEP_EVERY
        oldest = watermark - (DEEP_OVERLAP if deep else OVERLAP) if watermark else now - FIRST_LOOK
        deep_at = now if deep else deep_at
        if method.endswith("searchPosts"):
            params = {**params, "since": _zulu(oldest)}
        newest, within = watermark, None
        for number in range(MOST_PAGES):
            answer = self.call("GET", method, params={**params, "limit": 100, **({"cursor": within} if within else {})})
            items = answer.get(key)
            if not isinstance(items, list):
                raise PlatformError("undecodable", f"no {key}")
            # the first look goes back so far and no further
            wanted = items if watermark else [item for item in items if (views.indexed_at(item) or now) >= oldest]
            posts, malformed = read_each(wanted, self._post)
            times = [at for at in map(views.indexed_at, items) if at]
            newest = max([min(at, now) for at in (newest, *times) if at], default=None)
            following = answer.get("cursor")
            # an empty page says nothing: what we may not see is filtered out after paging
            over = not following or following == within or (bool(times) and min(times) < oldest)
            last = over or number == MOST_PAGES - 1
            kept = {"indexed_at": newest.isoformat(), "deep_at": deep_at.isoformat()} if last and newest else None
            yield Page(tuple(posts), tuple(malformed), cursor=kept)
            if over:
                return
            within = following
        raise PlatformError("backlog", f"{MOST_PAGES} pages")

    def _post(self, view: Any) -> Post | None:
        """A notification or a post view. None for what is no post (a like, should the server send one)."""
        if view.get("reason", "mention") not in REASONS:
            return None
        uri, cid, record, author = (
            text_of(view["uri"], "uri"),
            text_of(view["cid"], "cid"),
            view["record"],
            view["author"],
        )
        did, text = text_of(author["did"], "author.did"), record["text"]
        if not isinstance(text, str):
            raise TypeError("record.text is no text")
        reply = record.get("reply") or {}
        own = {"uri": uri, "cid": cid}
        root = views.strong(reply["root"]) if reply else own
        indexed = time_of(view["indexedAt"], "indexedAt")
        rkey = uri.rsplit("/", 1)[-1]
        return Post(
            kind="post",
            external_id=uri,
            local_id=rkey,
            version=cid,
            author=views.author_of(author, did),
            text=text + views.pictures(record.get("embed")),
            said_at=min(views.claimed_at(record.get("createdAt"), indexed), indexed),
            thread_key=root["uri"],
            parent_id=views.strong(reply["parent"])["uri"] if reply else views.quoted(record.get("embed")),
            root_author_id=views.did_of(root["uri"]),
            url=f"https://bsky.app/profile/{did}/post/{rkey}",
            ours=did == self.did,
            continues=bool(reply),
            replies=count_of(view.get("replyCount")),
            reference={**own, "root": root, **views.gate(view)},
            raw=view,
        )

    def reread(self, stream: str, raw: Any) -> Page:
        is_chat = isinstance(raw, dict) and "convoId" in raw
        posts, malformed = read_each([raw], self._chat_message if is_chat else self._post)
        return Page(tuple(posts), tuple(malformed))

    def authors(self, ids: Sequence[str]) -> Mapping[str, Author]:
        found: dict[str, Author] = {}
        for start in range(0, len(ids), 25):
            answer = self.call("GET", "app.bsky.actor.getProfiles", params={"actors": list(ids[start : start + 25])})
            for profile in answer.get("profiles") or []:
                if isinstance(profile, dict) and isinstance(profile.get("did"), str):
                    found[profile["did"]] = views.author_of(profile, profile["did"])
        return found

    def lookup(self, items: Sequence[Ref]) -> Found:
        posts, malformed, present = [], [], set[Any]()
        ids = [
            item.external_id for item in items if item.external_id.startswith("at://")
        ]  # one that is no URI would fail all of them
        for start in range(0, len(ids), 25):
            answer = self.call("GET", "app.bsky.feed.getPosts", params={"uris": list(ids[start : start + 25])})
            shown = answer.get("posts")
            if not isinstance(shown, list):
                raise PlatformError("undecodable", "no posts")
            present |= {view["uri"] for view in shown if isinstance(view, dict) and isinstance(view.get("uri"), str)}
            read, broken = read_each(shown, self._post)
            posts += read
            malformed += broken
        missing = [uri for uri in ids if uri not in present]
        return Found(tuple(posts), tuple(uri for uri in missing if self._is_deleted(uri)), tuple(malformed))

    def _is_deleted(self, uri: str) -> bool:
        """Whether a post that getPosts left out is gone. One of somebody who blocks us is left out too."""
        try:
            answer = self.call("GET", "app.bsky.feed.getPostThread", params={"uri": uri, "depth": 0, "parentHeight": 0})
        except PlatformError as error:
            if error.code in ("credentials", "throttled"):
                raise
            return error.code == "missing"
        thread = answer.get("thread")
        return isinstance(thread, dict) and str(thread.get("$type", "")).endswith("notFoundPost")

    def replies(self, item: Ref) -> Page:
        params = {"uri": item.external_id, "depth": DEEPEST, "parentHeight": 0}
        try:
            thread = self.call("GET", "app.bsky.feed.getPostThread", params=params).get("thread")
        except PlatformError as error:
            if error.code == "missing":  # deleted since it was counted
                return Page()
            raise
        posts, malformed = read_each(views.beneath(thread, DEEPEST), self._post)
        return Page(tuple(posts), tuple(malformed))

    def _direct(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """The chat log since `rev`, a durable position."""
        rev = str(cursor.get("rev", ""))
        for _number in range(MOST_PAGES):
            answer = self.call("GET", "chat.bsky.convo.getLog", params={"cursor": rev} if rev else None, headers=CHAT)
            logs = answer.get("logs")
            if not isinstance(logs, list):
                raise PlatformError("undecodable", "no logs")
            posts, malformed = read_each(logs, self._chat_message)
            gone = [
                views.chat_id(log)
                for log in logs
                if isinstance(log, dict) and str(log.get("$type", "")).endswith("logDeleteMessage")
            ]
            following = answer.get("cursor")
            moved = isinstance(following, str) and following > rev
            rev = str(following) if moved else rev
            yield Page(tuple(posts), tuple(malformed), tuple(filter(None, gone)), cursor={"rev": rev} if rev else None)
            if not moved or not logs:
                return

    def _chat_message(self, log: Any) -> Post | None:
        if not str(log.get("$type", "")).endswith("logCreateMessage") or str(log["message"].get("$type", "")).endswith(
            "deletedMessageView"
        ):
            return None
        message, convo = log["message"], text_of(log["convoId"], "convoId")
        did = text_of(message["sender"]["did"], "sender.did")
        if not isinstance(message["text"], str):
            raise TypeError("message.text is no text")
        return Post(
            kind="direct",
            external_id=f"{convo}/{text_of(message['id'], 'message.id')}",
            local_id=message["id"],
            version=str(message.get("rev", "")),
            author=Author(did, url=f"https://bsky.app/profile/{did}"),
            text=message["text"],
            said_at=time_of(message["sentAt"], "sentAt"),
            thread_key=convo,
            root_author_id="" if did == self.did else did,
            ours=did == self.did,
            reference={"convo": convo},
            raw=log,
        )

    # --- answering ---------------------------------------------------------------------------------------------

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        if action == "private":
            return Limits(bluesky_text.MAX_CHAT_GRAPHEMES, bluesky_text.MAX_CHAT_BYTES)
        return Limits(bluesky_text.MAX_GRAPHEMES, bluesky_text.MAX_BYTES, MOST_PARTS)

    def length(self, text: str) -> int:
        return graphemes(text)

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        if action == "public" and target.get("closed"):
            return _("The author lets nobody reply to this post. Answer privately.")
        return ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        if draft.action == "private":
            payload = {
                "action": "private",
                "did": draft.author_id,
                "convo": draft.target.get("convo", ""),
                "text": draft.text,
            }
            return [FrozenPart({**payload, "written_at": draft.written_at.isoformat()})]
        if draft.action == "like":
            subject = {"uri": draft.target["uri"], "cid": draft.target["cid"]}
            return [self._frozen(LIKES, {"$type": LIKES, "subject": subject}, draft.written_at, 0)]
        root, parent = draft.target["root"], {"uri": draft.target["uri"], "cid": draft.target["cid"]}
        parts = []
        for position, piece in enumerate(cut(draft.text, bluesky_text.fits)):
            record: dict[str, Any] = {"$type": POSTS, "text": piece, "reply": {"root": root, "parent": parent}}
            facets = bluesky_text.facets(piece, draft.people.get)
            if facets:
                record["facets"] = facets
            parts.append(self._frozen(POSTS, record, draft.written_at, position))
        return parts

    def _frozen(self, collection: str, record: dict[str, Any], at: dt.datetime, position: int) -> FrozenPart:
        """rkey and createdAt are fixed here: they make a second put a no-op."""
        rkey = tid()
        moment = at + dt.timedelta(milliseconds=position)
        created = moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = {"action": "put", "collection": collection, "rkey": rkey, "record": {**record, "createdAt": created}}
        payload["text"] = record.get("text", "")
        return FrozenPart(payload, expected_id=f"at://{self.did}/{collection}/{rkey}")

    def following(self, payload: Mapping[str, Any], previous: Sent) -> dict[str, Any]:
        if payload.get("collection") != POSTS:
            return dict(payload)
        record, cid = {**payload["record"]}, previous.external.get("cid")
        if not cid:
            raise PlatformError("gone", permanent=True)
        record["reply"] = {**record["reply"], "parent": {"uri": previous.external_id, "cid": cid}}
        return {**payload, "record": record}

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return payload.get("action") == "put"

    def write_cost(self, payload: Mapping[str, Any]) -> int:
        return 2 if payload.get("action") == "put" else 1

    def send(self, payload: Mapping[str, Any]) -> Sent:
        if payload["action"] == "private":
            return self._send_direct(payload)
        body = {
            "repo": self.did or self._own_did(),
            "collection": payload["collection"],
            "rkey": payload["rkey"],
            "record": payload["record"],
        }
        return self._sent(self.call("POST", "com.atproto.repo.putRecord", body=body))

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        if payload["action"] == "private":
            return self._find_direct(payload, known)
        params = {"repo": self.did or self._own_did(), "collection": payload["collection"], "rkey": payload["rkey"]}
        try:
            return self._sent(self.call("GET", "com.atproto.repo.getRecord", params=params))
        except PlatformError as error:
            if error.code in ("missing", "refused"):  # older servers give RecordNotFound no name
                return None
            raise

    def _own_did(self) -> str:
        self.log_in()
        return self.did

    def _sent(self, answer: Mapping[str, Any]) -> Sent:
        uri, cid = answer.get("uri"), answer.get("cid")
        if not isinstance(uri, str) or not isinstance(cid, str):
            raise PlatformError("undecodable", "a record without uri and cid", maybe_done=True)
        url = f"https://bsky.app/profile/{self.did}/post/{uri.rsplit('/', 1)[-1]}" if f"/{POSTS}/" in uri else ""
        return Sent(uri, url, {"cid": cid})

    def _send_direct(self, payload: Mapping[str, Any]) -> Sent:
        convo = payload.get("convo") or self._convo_with(payload["did"])
        body = {"convoId": convo, "message": {"text": payload["text"]}}
        answer = self.call("POST", "chat.bsky.convo.sendMessage", body=body, headers=CHAT)
        if not isinstance(answer.get("id"), str):
            raise PlatformError("undecodable", "a message without id", maybe_done=True)
        return Sent(f"{convo}/{answer['id']}")

    def _convo_with(self, did: str) -> str:
        convo = self.call("GET", "chat.bsky.convo.getConvoForMembers", params={"members": [did]}, headers=CHAT).get(
            "convo"
        )
        if not isinstance(convo, dict) or not isinstance(convo.get("id"), str):
            raise PlatformError("undecodable", "no conversation")
        return str(convo["id"])

    def _find_direct(self, payload: Mapping[str, Any], known: Collection[str]) -> Sent | None:
        convo = payload.get("convo") or self._convo_with(payload["did"])
        answer = self.call("GET", "chat.bsky.convo.getMessages", params={"convoId": convo, "limit": 100}, headers=CHAT)
        since = time_of(payload["written_at"], "written_at") - dt.timedelta(minutes=2)
        ours = [
            message for message in answer.get("messages") or [] if views.says(message, self.did, payload["text"], since)
        ]
        names = [f"{convo}/{message['id']}" for message in ours]
        return next((Sent(name) for name in names if name not in known), None)


SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"


def tid() -> str:
    """A TID record key: 53 bits of microseconds and 10 random bits, in sortable base 32."""
    number = (time.time_ns() // 1000) << 10 | secrets.randbits(10)
    return "".join(SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def _zulu(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _position(cursor: Mapping[str, Any], name: str) -> dt.datetime | None:
    return time_of(cursor[name], "cursor") if cursor.get(name) else None
