"""X (API v2, August 2026): mentions, searches, quotes and direct messages in; replies in threads, messages and likes out.

A reply through the API of a self-serve app is taken only where the answered post names or quotes us; X has no
idempotency key, so that a post whose answer was lost is looked for and never simply sent again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    ENDS,
    NOTHING,
    Draft,
    Event,
    Identity,
    Limits,
    Page,
    Platform,
    PlatformError,
    Sent,
    Setting,
    Stream,
    text_of,
    time_of,
)
from mentions.platforms.text import cut
from mentions.platforms.x import money, posts, pushed, text
from mentions.platforms.x.hearing import DIRECT, Hearing

MAX_DIRECT = 10_000
MOST_PARTS = 4
UNKNOWN_NAME = ("not one of", "unknown", "unrecognized", "additional propert", "not defined", "unexpected")
DIRECT_PATH = "/2/dm_conversations"


class X(Hearing):
    platform = Platform(
        key="x",
        name="X",
        settings=(
            Setting("base_url", "API", "Leave as it is.", default="https://api.x.com", is_url=True, is_more=True),
            Setting("access_token", "Access token", "A user's token, of OAuth 2.0 or a plain one.", secret=True),
            Setting(
                "refresh_token", "Refresh token", "With OAuth 2.0 and offline.access.", secret=True, required=False
            ),
            Setting("client_id", "Client id", "Of your app; needed to renew tokens.", required=False),
            Setting("client_secret", "Client secret", "Of a confidential app.", secret=True, required=False),
            Setting(
                "consumer_secret",
                "API key secret",
                "Proves what X pushes to us.",
                secret=True,
                required=False,
                is_more=True,
            ),
            Setting(
                "tier",
                "Kind of app",
                "Enterprise apps may answer anybody and like.",
                default="self_serve",
                is_more=True,
                is_free=True,
                choices=(("self_serve", "Self-serve (pay per use)"), ("enterprise", "Enterprise")),
            ),
            Setting(
                "own_app",
                "Whose app",
                "Reading one's own mentions costs a fifth where the account owns the app.",
                default="no",
                is_more=True,
                is_free=True,
                choices=(("no", "Somebody else's"), ("yes", "This account's own")),
            ),
            Setting(
                "long_posts",
                "Long posts",
                "Premium accounts may post up to 25,000 characters.",
                default="no",
                is_more=True,
                is_free=True,
                choices=(("no", "280 characters, in threads"), ("yes", "Up to 25,000 characters")),
            ),
            ENDS,
        ),
        streams=(
            Stream("mentions", "Mentions and replies", rhythm_seconds=60, reads_back=True),
            Stream(
                "search",
                "Posts with a search term",
                takes_query=True,
                rhythm_seconds=300,
                keeps_days=7,
                reads_back=True,
            ),
            Stream("quotes", "Quotes of our posts", rhythm_seconds=3600),
            Stream("direct", "Direct messages", rhythm_seconds=120, keeps_days=30),
        ),
        public_reply=True,
        private_reply=True,
        like=True,
        lookup=True,
        reads_per_hour=1200,
        writes_per_hour=100,
        recheck_seconds=20 * 3600,  # each day's first look at a post costs; deletions are to be followed within a day
        is_paid=True,
        authorises=True,
        hooks=True,
        permissions=(
            ("tweet.read", "to hear mentions"),
            ("users.read", "to know who wrote them"),
            ("tweet.write", "to answer"),
            ("dm.read", "to hear direct messages"),
            ("dm.write", "to answer in private"),
            ("like.write", "to acknowledge (enterprise apps only)"),
            ("offline.access", "to stay logged in"),
        ),
        guide="In X's developer console: make an app, set up user authentication (OAuth 2.0, read and write and direct "
        "messages), and authorise the support account with the scopes below. X charges for reads and writes: set a "
        "monthly budget. Encrypted chats (XChat) are not in the API and are not heard.",
    )

    def connect(self) -> Identity:
        user = self._me()
        try:
            data = user["data"]
            me, handle = text_of(data["id"], "id"), text_of(data["username"], "username")
        except (KeyError, TypeError, ValueError) as error:
            raise PlatformError("undecodable", "an account without id and name") from error
        self.identity = Identity("x", me, handle, facts={"spelling": "tweet"})
        try:
            self.spelt(f"/2/users/{me}/mentions", {"max_results": 5})  # which also finds the spelling
        except PlatformError as error:
            if error.code in ("credentials", "forbidden", "credit"):
                raise  # anything else passes, and listening says so if it does not
        abilities = {}
        if self.settings.get("tier") != "enterprise":
            abilities["like"] = _("X lets enterprise apps like, and no others.")
        try:
            self.call("GET", "/2/dm_events", params={**DIRECT, "max_results": 1})
        except PlatformError as error:
            if error.code in ("forbidden", "missing", "credentials"):
                abilities["private"] = _(
                    "This token may not read direct messages (%(detail)s). Authorise with dm.read and dm.write, and reconnect."
                ) % {"detail": error.detail}
        return Identity("x", me, handle, abilities, {"spelling": self.spelling.key})

    def _me(self) -> dict[str, Any]:
        try:
            return self.call("GET", "/2/users/me", params={"user.fields": "username,name,verified_type,public_metrics"})
        except PlatformError as error:
            if error.code != "refused":
                raise
            return self.call("GET", "/2/users/me")

    # --- what X pushes -----------------------------------------------------------------------------------------

    @property
    def _secret(self) -> str:
        return str(self.secrets.get("consumer_secret") or "")

    def challenge(self, query: Mapping[str, str]) -> dict[str, Any] | None:
        return pushed.challenge(self._secret, query) if self._secret else None

    def is_signed_by(self, headers: Mapping[str, str], body: bytes) -> bool:
        return pushed.is_signed(self._secret, headers, body)

    def event(self, body: Any) -> Event:
        return pushed.event_of(body)

    def read_push(self, body: Any) -> Page:
        return pushed.page_of(body, me=self.me, handle=self.handle)

    # --- answering ---------------------------------------------------------------------------------------------

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        if action == "private":
            return Limits(MAX_DIRECT)
        if self.settings.get("long_posts") == "yes":
            return Limits(text.MAX_LONG)
        return Limits(text.MAX_LENGTH, max_parts=MOST_PARTS)

    def length(self, words: str) -> int:
        return text.weighted(words)

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        if action != "public" or self.settings.get("tier") == "enterprise":
            return ""
        if target.get("summoned") is False:
            return _(
                "X lets an app answer only posts that mention or quote us, and this one does neither. Open it on X to "
                "answer there, or answer privately."
            )
        return ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        written = {"written_at": draft.written_at.isoformat()}
        if draft.action == "like":
            return [FrozenPart({"action": "like", "id": draft.target["id"], "first": draft.target_id})]
        if draft.action == "private":
            where = {"convo": str(draft.target.get("conversation") or ""), "to": draft.author_id}
            return [FrozenPart({"action": "private", "text": draft.text, **where, **written})]
        most = self.limits("public").max_length
        summoned = draft.target.get("summoned") is True
        return [
            FrozenPart(
                {
                    "action": "public",
                    "text": piece,
                    "reply_to": draft.target["id"],
                    "summoned": summoned and not position,
                    **written,
                }
            )
            for position, piece in enumerate(cut(draft.text, lambda piece: text.weighted(piece) <= most))
        ]

    def following(self, payload: Mapping[str, Any], previous: Sent) -> dict[str, Any]:
        is_known = previous.external_id.isdigit()  # else a person said that it is there: we answer the same post again
        return {**payload, "reply_to": previous.external_id} if is_known else dict(payload)

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return payload.get("action") == "like"

    def write_price(self, payload: Mapping[str, Any]) -> int:
        if payload.get("action") == "private":
            return money.DIRECT
        if payload.get("action") != "public":
            return 0
        if text.has_link(str(payload.get("text", ""))):
            return money.POST_WITH_LINK
        return money.SUMMONED_REPLY if payload.get("summoned") else money.POST

    def send(self, payload: Mapping[str, Any]) -> Sent:
        try:
            return self._done(payload)
        except PlatformError as error:
            error.only = "private" if payload["action"] == "private" else "public"  # each has limits of its own
            raise

    def _done(self, payload: Mapping[str, Any]) -> Sent:
        if payload["action"] == "like":
            self.call("POST", f"/2/users/{self.me}/likes", body={"tweet_id": payload["id"]})
            return Sent(f"like:{payload['first']}")
        if payload["action"] == "private":
            return self._send_direct(payload)
        try:
            answer = self._posted(payload, "in_reply_to_tweet_id")
        except PlatformError as error:
            detail = error.detail.lower()
            if error.code != "refused" or "in_reply_to" not in detail:
                raise
            if not any(word in detail for word in UNKNOWN_NAME):
                raise PlatformError("gone", error.detail, permanent=True) from error
            answer = self._posted(payload, "in_reply_to_post_id")  # refused for its name: nothing was posted
        data = answer.get("data")
        name = data.get("id") if isinstance(data, dict) else None
        if not isinstance(name, str | int) or not str(name):
            raise PlatformError("undecodable", "a post without id", maybe_done=True)
        return self._sent(str(name))

    def _posted(self, payload: Mapping[str, Any], name: str) -> dict[str, Any]:
        return self.call("POST", "/2/tweets", body={"text": payload["text"], "reply": {name: payload["reply_to"]}})

    def _sent(self, name: str) -> Sent:
        return Sent(name, f"https://x.com/{self.handle or 'i'}/status/{name}", {"id": name})

    def _send_direct(self, payload: Mapping[str, Any]) -> Sent:
        where = payload["convo"] or f"with/{payload['to']}"
        answer = self.call("POST", f"{DIRECT_PATH}/{where}/messages", body={"text": payload["text"]})
        data = answer.get("data")
        name = data.get("dm_event_id") if isinstance(data, dict) else None
        if not isinstance(name, str | int) or not str(name):
            raise PlatformError("undecodable", "a message without id", maybe_done=True)
        return Sent(str(name))

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        if payload["action"] == "like" or not payload.get("text"):
            return None
        since = time_of(payload["written_at"], "written_at") - dt.timedelta(minutes=2)
        if payload["action"] == "private":
            return self._find_direct(payload, known, since)
        params = {"max_results": 20, "start_time": posts.stamp(since)}
        answer = self.spelt(f"/2/users/{self.me}/tweets", params)
        found = answer.get("data")
        items = found if isinstance(found, list) else []
        self.charge("posts read", len(items), len(items) * self._price)
        for item in items:
            if self._is_ours(item, payload) and posts.first_id(item) not in known:
                return self._sent(posts.first_id(item))
        return None

    def _is_ours(self, item: Any, payload: Mapping[str, Any]) -> bool:
        try:
            return posts.referenced(item, "replied_to") == payload["reply_to"] and posts.same(
                posts.words_of(item), str(payload["text"])
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return False

    def _find_direct(self, payload: Mapping[str, Any], known: Collection[str], since: dt.datetime) -> Sent | None:
        where = payload["convo"] or f"with/{payload['to']}"
        answer = self.call("GET", f"{DIRECT_PATH}/{where}/dm_events", params={**DIRECT, "max_results": 20})
        found = answer.get("data")
        items = found if isinstance(found, list) else []
        self.charge("messages read", len(items), len(items) * money.DIRECT_READ)
        for item in items:
            try:
                post = posts.direct_of(item, answer, me=self.me)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            if post.ours and post.said_at >= since and post.text == payload["text"] and post.external_id not in known:
                return Sent(post.external_id)
        return None
