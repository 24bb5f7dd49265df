"""Mastodon and servers that speak its API: mentions, quotes and hashtags in; replies, direct messages, favourites out.

Facts from its documentation (July 2026) and from two compatible servers: `min_id` is a durable position and its pages
go forward, each newest first; ids are opaque; a reply names nobody by itself; `Idempotency-Key` is not obeyed by all,
so that a reply whose answer was lost is looked for and never simply sent again.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    ENDS,
    NOTHING,
    Draft,
    Found,
    Identity,
    Limits,
    Malformed,
    Page,
    Platform,
    PlatformError,
    Post,
    Ref,
    Search,
    Sent,
    Setting,
    Span,
    Stream,
    read_each,
    time_of,
)
from mentions.platforms.mastodon import statuses, text
from mentions.platforms.mastodon.server import CHARACTERS, URL_LENGTH, VERIFY, Server
from mentions.platforms.text import cut

NOTIFICATIONS, STATUSES = "/api/v1/notifications", "/api/v1/statuses"
TYPES = ("mention", "quote")
FIRST_LOOK = dt.timedelta(days=7)
MOST_PAGES = 200
MOST_PARTS = 4
OF_ONE_ITEM = ("missing", "forbidden", "unavailable", "undecodable", "too_large", "refused")
CLOCK = dt.timedelta(seconds=5)  # by which a server's times may be out of order
SEVERAL = 20  # ids that one look-up takes


class Mastodon(Server):
    _is_there: bool | None = None  # found out in this piece of work

    platform = Platform(
        key="mastodon",
        name="Mastodon",
        settings=(
            Setting("base_url", "Server", "Where the account lives, such as https://social.example.", is_url=True),
            Setting(
                "access_token",
                "Access token",
                "Preferences → Development → New application, with the permissions below; then “Your access token”.",
                secret=True,
            ),
            ENDS,
        ),
        streams=(
            Stream("notifications", "Mentions, quotes and direct messages", rhythm_seconds=60, reads_back=True),
            Stream("hashtag", "Posts with a hashtag", takes_query=True, rhythm_seconds=120, reads_back=True),
        ),
        public_reply=True,
        private_reply=True,
        like=True,
        lookup=True,
        lookup_kinds=("post", "direct"),
        authorises=True,
        reads_per_hour=1800,  # a server takes 300 in five minutes from one account
        writes_per_hour=100,  # and 300 posts in three hours
        permissions=(
            ("read:accounts", "to know who we are"),
            ("read:notifications", "to hear mentions and direct messages"),
            ("read:statuses", "to read whole conversations, edits and hashtags"),
            ("write:statuses", "to answer"),
            ("write:favourites", "to acknowledge"),
        ),
        guide="On the server: Preferences → Development → New application. Tick exactly the permissions below, save, "
        "open the application again and copy “Your access token”.",
    )

    def connect(self) -> Identity:
        try:
            account = self.decoded(self.call("GET", VERIFY))
        except PlatformError as error:
            if error.code != "missing" and not (
                error.code == "unavailable" and error.detail in ("HTTP 404", "HTTP 410")
            ):
                raise
            raise PlatformError("no_api", error.detail, permanent=True) from error
        try:
            us, handle = statuses.person_id(account), str(account.get("acct") or account.get("username") or "")
        except (KeyError, TypeError, ValueError) as error:
            raise PlatformError("undecodable", "an account without id") from error
        facts = self.described()
        domain = str(facts.get("domain") or self.domain)
        return Identity(domain, us, text.full(handle, domain), facts=facts)

    @property
    def handle(self) -> str:
        return self.identity.handle if self.identity else ""

    @property
    def us(self) -> str:
        return self.identity.external_id if self.identity else ""

    # --- hearing -----------------------------------------------------------------------------------------------

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        path, params = _list_of(stream, query)
        if stream != "hashtag":
            yield from self._listed(path, params, cursor)
            return
        # what other servers send late stands where it would have stood: below the position. The newest are read again
        met = [name for name in cursor.get("met") or [] if isinstance(name, str)]
        last: Mapping[str, Any] = cursor
        for page in self._listed(path, params, cursor):
            last = page.cursor or last
            yield replace(page, cursor={**last, "met": met} if page.cursor else None)
        if not last.get("min_id"):
            return
        items = self._read(path, params)
        oldest_wanted = dt.datetime.now(dt.UTC) - FIRST_LOOK
        is_first = not cursor.get("min_id")  # all of it has just been read
        late = [one for one in items if not is_first and _id(one) not in met and not _is_before(one, oldest_wanted)]
        yield self._page(late, {**last, "met": [name for item in items if (name := _id(item))]})

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """From the newest down to the span's begin: ids are opaque, no server is asked by date."""
        path, params = _list_of(stream, query)
        before = str(position.get("max_id") or "")
        while True:
            items = self._read(path, {**params, **({"max_id": before} if before else {})})
            oldest = _oldest(items)
            if not oldest or oldest == before:
                return
            before = oldest
            yield self._page([item for item in items if span.holds(_created_at(item))], {"max_id": before})
            if all(_is_before(item, span.since) for item in items):
                return

    def _listed(self, path: str, params: Mapping[str, Any], cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Forward from `min_id`, a durable position, until a page brings nothing; the first time backward for a week.

        A server that does not know the position brings its oldest page: what is older than the position was begins anew.
        """
        position, seen = str(cursor.get("min_id") or ""), set[str]()
        before = _time_or_none(cursor.get("at"))
        if not position:
            yield from self._first_look(path, params, cursor)
            return
        for _number in range(MOST_PAGES):
            items = self._read(path, {**params, "min_id": position})
            fresh = [item for item in items if _id(item) not in seen]
            end = _latest(items)
            at = _created_at(end)
            if before and at and at < before - CLOCK:
                yield from self._first_look(path, params, {})
                return
            seen |= {_id(item) for item in items}
            if fresh:
                position, before = _id(end) or position, at or before
                yield self._page(fresh, _position(position, before))
            if not fresh or not end:
                return

    def _read(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        try:
            return self.decoded_list(self.call("GET", path, params=params))
        except PlatformError as error:
            if "types[]" not in params or error.code not in ("refused", "unavailable") or len(params["types[]"]) == 1:
                raise
            # older servers stumble over a kind of notification that they do not know, some over the parameter itself
            try:
                return self.decoded_list(self.call("GET", path, params={**params, "types[]": list(TYPES[:1])}))
            except PlatformError as again:
                if again.code != "refused":
                    raise
                return self.decoded_list(
                    self.call("GET", path, params={name: value for name, value in params.items() if name != "types[]"})
                )

    def _first_look(self, path: str, params: Mapping[str, Any], cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Newest first, a week back; broken off, it goes on below `max_id`. The position comes with the last page."""
        oldest_wanted = dt.datetime.now(dt.UTC) - FIRST_LOOK
        before, newest = str(cursor.get("max_id") or ""), str(cursor.get("newest") or "")
        at = _time_or_none(cursor.get("at"))
        for number in range(MOST_PAGES):
            items = self._read(path, {**params, **({"max_id": before} if before else {})})
            oldest = _oldest(items)
            if not newest and items:
                newest, at = _id(_latest(items)), _created_at(_latest(items))
            over = not oldest or oldest == before or any(_is_before(item, oldest_wanted) for item in items)
            before = oldest
            fresh = [item for item in items if not _is_before(item, oldest_wanted)]
            position: Mapping[str, Any] | None = _position(newest, at) if newest else None
            if position is not None and not over and number < MOST_PAGES - 1:
                position = {"max_id": before, "newest": newest, **({"at": at.isoformat()} if at else {})}
            yield self._page(fresh, position)
            if over:
                return

    def _page(self, items: list[Any], cursor: Mapping[str, Any] | None) -> Page:
        posts, malformed = read_each(items, self._post)
        return Page(tuple(posts), tuple(malformed), cursor=cursor)

    def _post(self, item: Any) -> Post | None:
        """A notification or a status. None for what is no status (a new follower, should the server send one)."""
        status = item
        if "type" in item:
            if item["type"] not in TYPES or ("status" in item and item["status"] is None):
                return None  # deleted before we looked
            status = item["status"]
        status = statuses.itself(status)
        reply_to = status.get("in_reply_to_id")
        if not reply_to:
            return statuses.post_of(status, us=self.us, root=None)
        above = self._above(statuses.local_id(status))
        if not above:
            asked = self._parent(str(reply_to))
            return statuses.post_of(status, us=self.us, root=None, parent=asked, thread=f"beneath:{reply_to}")
        parent = next((one for one in above if one.get("id") == reply_to), above[-1])
        return statuses.post_of(status, us=self.us, root=above[0], parent=statuses.name_of(parent))

    def _above(self, local_id: str) -> list[dict[str, Any]]:
        """The statuses that this one goes on from, the first of all first; empty where the server does not say.

        What is wrong with one conversation must not keep the others from being heard.
        """
        try:
            context = self.decoded(self.call("GET", f"{STATUSES}/{local_id}/context"))
        except PlatformError as error:
            if error.code in OF_ONE_ITEM or (error.code == "unreachable" and self._answers()):
                return []
            raise
        ancestors = context.get("ancestors")
        return [one for one in ancestors if _is_status(one)] if isinstance(ancestors, list) else []

    def _answers(self) -> bool:
        """Whether the server is there at all, where one request hung or broke off; asked once in a look."""
        if self._is_there is None:
            try:
                self._is_there = self._asked("GET", VERIFY).status < 500
            except PlatformError:
                self._is_there = False
        return self._is_there

    def _parent(self, local_id: str) -> str:
        """The name of a status that is answered, asked for by itself; "" where the server does not say."""
        try:
            return statuses.name_of(self.decoded(self.call("GET", f"{STATUSES}/{local_id}")))
        except PlatformError as error:
            if error.code in OF_ONE_ITEM or (error.code == "unreachable" and self._answers()):
                return ""
            raise
        except (KeyError, TypeError, ValueError):
            return ""

    def reread(self, stream: str, raw: Any) -> Page:
        posts, malformed = read_each([raw], self._post)
        return Page(tuple(posts), tuple(malformed))

    def lookup(self, items: Sequence[Ref]) -> Found:
        """Several at once where the server can (4.3); what that leaves out is asked for by itself."""
        known = {item.local_id: item.external_id for item in items if item.local_id}
        ids, posts, malformed, gone = list(known), list[Post](), list[Malformed](), list[str]()
        for start in range(0, len(ids), SEVERAL):
            several = ids[start : start + SEVERAL]
            shown = self._several(several)
            present = {one["id"] for one in shown}
            for local_id in (one for one in several if one not in present):
                try:
                    shown.append(self.decoded(self.call("GET", f"{STATUSES}/{local_id}")))
                except PlatformError as error:
                    if error.code != "missing":
                        raise
                    gone.append(known[local_id])
            read, broken = read_each(shown, self._as_it_is)
            posts += read
            malformed += broken
        return Found(tuple(posts), tuple(gone), tuple(malformed))

    def _several(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        try:
            found = self.decoded_list(self.call("GET", STATUSES, params={"id[]": list(ids)}))
        except PlatformError as error:
            if error.code in ("missing", "refused", "undecodable"):  # older or other servers
                return []
            raise
        return [one for one in found if _is_status(one)]

    def _as_it_is(self, status: Any) -> Post:
        """A known status: where it stands has been read before."""
        return statuses.post_of(statuses.itself(status), us=self.us, root=None)

    def replies(self, item: Ref) -> Page:
        if not item.local_id:
            return Page()
        try:
            context = self.decoded(self.call("GET", f"{STATUSES}/{item.local_id}/context"))
        except PlatformError as error:
            if error.code == "missing":  # deleted since it was counted
                return Page()
            raise
        above = [one for one in context.get("ancestors") or [] if _is_status(one)]
        beneath = [one for one in context.get("descendants") or [] if _is_status(one)]
        by_id = {one["id"]: statuses.name_of(one) for one in beneath} | {item.local_id: item.external_id}
        root = above[0] if above else None

        def read(status: Any) -> Post:
            parent = by_id.get(str(status.get("in_reply_to_id")), item.external_id)
            thread = "" if root is not None else item.external_id
            return statuses.post_of(status, us=self.us, root=root, parent=parent, thread=thread)

        posts, malformed = read_each(beneath, read)
        return Page(tuple(posts), tuple(malformed))

    def queries(self, search: Search) -> list[str]:
        """Hashtags: searching whole texts is what few servers can."""
        return list(
            dict.fromkeys("".join(letter for letter in phrase if letter.isalnum()) for phrase in search.include)
        )

    # --- answering ---------------------------------------------------------------------------------------------

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        """What the address of the person takes is not theirs to fill."""
        address = self.length(f"@{target['acct']}") + 1 if target.get("acct") else 0
        return Limits(int(self.facts.get("characters") or CHARACTERS) - address, max_parts=MOST_PARTS)

    def length(self, words: str) -> int:
        return text.length(words, int(self.facts.get("url_length") or URL_LENGTH))

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        if draft.action == "like":
            return [FrozenPart({"action": "like", "id": draft.target["id"], "uri": draft.target_id})]
        acct, is_direct = str(draft.target.get("acct") or ""), draft.action == "private"
        # who is not named may not be told, and of a direct message all who are named are the recipients
        if is_direct and (others := text.others(draft.text, {acct, self.handle}, self.domain)):
            raise PlatformError("names_others", ", ".join(f"@{name}" for name in others), permanent=True)
        address = f"@{acct} " if acct else ""
        most = self.limits(draft.action).max_length
        pieces = cut(draft.text, lambda piece: self.length(f"{address}{piece}") <= most)
        pieces = [
            piece if (number and not is_direct) or text.names(piece, acct, self.domain) else f"{address}{piece}"
            for number, piece in enumerate(pieces)
        ]
        payloads = [
            {
                "action": draft.action,
                "text": piece,
                "reply_to": draft.target["id"],
                "beneath": draft.target_id,
                "visibility": "direct" if is_direct else _as_open_as(str(draft.target.get("visibility"))),
                "key": secrets.token_hex(16),
                "written_at": draft.written_at.isoformat(),
            }
            for piece in pieces
        ]
        return [FrozenPart(payload) for payload in payloads]

    def following(self, payload: Mapping[str, Any], previous: Sent) -> dict[str, Any]:
        local_id = previous.external.get("id")
        if not local_id:
            raise PlatformError("gone", permanent=True)
        return {**payload, "reply_to": local_id, "beneath": previous.external_id}

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return payload.get("action") == "like"  # a second favourite changes nothing

    def send(self, payload: Mapping[str, Any]) -> Sent:
        if payload["action"] == "like":
            self.call("POST", f"{STATUSES}/{payload['id']}/favourite")
            return Sent(f"like:{payload['uri']}"[:512])
        body = {"status": payload["text"], "in_reply_to_id": payload["reply_to"], "visibility": payload["visibility"]}
        try:
            answer = self.call("POST", STATUSES, body=body, key=str(payload["key"]))
        except PlatformError as error:
            if error.code == "missing":
                raise PlatformError("gone", permanent=True) from error
            raise
        return _sent(self.decoded(answer))

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        """Our status with these words beneath that one: in its context, else among our newest."""
        if payload["action"] == "like" or not payload.get("text"):
            return None
        since = time_of(payload["written_at"], "written_at") - dt.timedelta(minutes=2)
        for statuses_found in (self._beneath(str(payload["reply_to"])), self._our_newest()):
            for status in statuses_found:
                if self._is_ours(status, payload, since) and statuses.name_of(status) not in known:
                    return _sent(status)
        return None

    def _beneath(self, local_id: str) -> list[Any]:
        try:
            context = self.decoded(self.call("GET", f"{STATUSES}/{local_id}/context"))
        except PlatformError as error:
            if error.code == "missing":
                return []
            raise
        found = context.get("descendants")
        return found if isinstance(found, list) else []

    def _our_newest(self) -> list[Any]:
        return self.decoded_list(self.call("GET", f"/api/v1/accounts/{self.us}/statuses", params={"limit": 40}))

    def _is_ours(self, status: Any, payload: Mapping[str, Any], since: dt.datetime) -> bool:
        try:
            return (
                statuses.person_id(status["account"]) == self.us
                and status.get("in_reply_to_id") == payload["reply_to"]
                and time_of(status["created_at"], "created_at") >= since
                and any(text.same(words, str(payload["text"])) for words in statuses.ways_of(status))
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return False


def _list_of(stream: str, query: str) -> tuple[str, dict[str, Any]]:
    """The path of what a stream reads, and its parameters."""
    if stream == "hashtag":
        return f"/api/v1/timelines/tag/{quote(query.strip().lstrip('#'), safe='')}", {"limit": 40}
    return NOTIFICATIONS, {"types[]": list(TYPES), "limit": 80, "include_filtered": "true"}


def _sent(status: Mapping[str, Any]) -> Sent:
    try:
        return Sent(statuses.name_of(status), str(status.get("url") or ""), {"id": statuses.local_id(status)})
    except (KeyError, TypeError, ValueError) as error:
        raise PlatformError("undecodable", "a status without id and address", maybe_done=True) from error


def _as_open_as(visibility: str) -> str:
    """A reply is no more public than what it answers; servers have kinds of their own."""
    return visibility if visibility in ("public", "unlisted", "private", "local") else "private"


def _is_status(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("account"), dict)


def _id(item: Any) -> str:
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _latest(items: Sequence[Any]) -> Any:
    """The newest item: pages are newest first, on some servers oldest first; ids within a second need not be in order."""
    named = [item for item in items if _id(item)]
    if not named:
        return None
    first, last = named[0], named[-1]
    first_at, last_at = _created_at(first), _created_at(last)
    return last if first_at and last_at and last_at > first_at else first


def _position(position: str, at: dt.datetime | None) -> dict[str, str]:
    return {"min_id": position, **({"at": at.isoformat()} if at else {})}


def _created_at(item: Any) -> dt.datetime | None:
    return _time_or_none(item.get("created_at")) if isinstance(item, dict) else None


def _time_or_none(value: Any) -> dt.datetime | None:
    try:
        return time_of(value, "time")
    except ValueError:
        return None


def _oldest(items: Sequence[Any]) -> str:
    return min(filter(None, map(_id, items)), key=lambda name: (len(name), name), default="")


def _is_before(item: Any, moment: dt.datetime) -> bool:
    try:
        return time_of(item["created_at"], "created_at") < moment
    except (KeyError, TypeError, ValueError):
        return False
