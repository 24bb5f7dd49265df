"""Hearing X: mentions, searches, quotes and direct messages, and looking again at what was heard.

`since_id` is a durable position; a `pagination_token` lives within one pass. Lists are newest first, so the position
comes with the last page. Reads cost money: no page is asked for that the brand's budget could not pay.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mentions.platforms.base import Found, Malformed, Page, PlatformError, Post, Ref, read_each, time_of
from mentions.platforms.x import money, posts
from mentions.platforms.x.session import Session

FIRST_LOOK = dt.timedelta(days=6, hours=23)  # recent search reaches seven days back
MOST_PAGES = 50
DIRECT = {
    "event_types": "MessageCreate",
    "dm_event.fields": "id,text,event_type,dm_conversation_id,created_at,sender_id,entities",
    "expansions": "sender_id",
    "user.fields": "username,name,verified,verified_type,public_metrics",
}


class Hearing(Session):
    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        if stream == "direct":
            return self._directs(cursor)
        if stream == "quotes":
            return self._quotes(cursor)
        if stream == "search":
            return self._since("/2/tweets/search/recent", {"query": query}, cursor, least=10)
        return self._since(f"/2/users/{self.me}/mentions", {}, cursor, least=5)

    @property
    def _price(self) -> int:
        """Of reading one mention of ours: less where the app is the account's own."""
        return money.OWNED_READ if self.settings.get("own_app") == "yes" else money.POST_READ

    def _since(self, path: str, params: Mapping[str, Any], cursor: Mapping[str, Any], *, least: int) -> Iterator[Page]:
        since, newest, token = str(cursor.get("since_id") or ""), "", ""
        price = self._price if path.endswith("/mentions") else money.POST_READ
        start = {"since_id": since} if since else {"start_time": posts.stamp(dt.datetime.now(dt.UTC) - FIRST_LOOK)}
        for number in range(MOST_PAGES):
            most = self.afford(100, least, price)
            given = {**params, **start, "max_results": most, **({"pagination_token": token} if token else {})}
            if token and "search" in path:
                given["next_token"] = given.pop("pagination_token")
            try:
                answer = self.spelt(path, given)
            except PlatformError as error:
                if since and not token and error.code == "refused" and "since_id" in error.detail:
                    # too old for a search: what the last days hold, and word of what is lost
                    yield from self._since(path, params, {}, least=least)
                    raise PlatformError("backlog", "the position is older than 7 days") from error
                raise
            items = _items(answer)
            self.charge("posts read", len(items), len(items) * price)
            newest = newest or posts.newest(items) or since
            following = _meta(answer).get("next_token")
            over = not isinstance(following, str) or not following or following == token
            last = over or number == MOST_PAGES - 1
            yield self._page(items, answer, {"since_id": newest} if last and newest else None)
            if over:
                return
            token = str(following)
        raise PlatformError("backlog", f"{MOST_PAGES} pages")

    def _page(self, items: list[Any], answer: Mapping[str, Any], cursor: Mapping[str, Any] | None) -> Page:
        read, malformed = read_each(items, lambda item: self._post(item, answer))
        return Page(tuple(read), tuple(malformed), cursor=cursor)

    def _post(self, item: Any, answer: Mapping[str, Any]) -> Post:
        return posts.post_of(item, answer, me=self.me, handle=self.handle)

    def _quotes(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Posts that quote our newest ones: asked for where a count of quotes has grown."""
        self.afford(10, 5, self._price)
        answer = self.spelt(f"/2/users/{self.me}/tweets", {"max_results": 10, "exclude": "retweets"})
        ours = _items(answer)
        self.charge("posts read", len(ours), len(ours) * self._price)
        known = cursor.get("counts") if isinstance(cursor.get("counts"), dict) else {}
        counts = {item["id"]: _quote_count(item) for item in ours if isinstance(item, dict) and "id" in item}
        for name in [name for name, count in counts.items() if count > int((known or {}).get(name, 0))]:
            most = self.afford(100, 10, money.POST_READ)
            quotes = self.spelt(f"/2/tweets/{name}/quote_tweets", {"max_results": most})
            items = _items(quotes)
            self.charge("posts read", len(items), len(items) * money.POST_READ)
            yield self._page(items, quotes, None)
        yield Page(cursor={"counts": counts})

    def _directs(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Newest first, without a `since`: back to the newest one known, or a week."""
        known, newest, token = str(cursor.get("id") or ""), "", ""
        oldest = dt.datetime.now(dt.UTC) - FIRST_LOOK
        for number in range(MOST_PAGES):
            most = self.afford(100 if token else 50, 1, money.DIRECT_READ)
            params = {**DIRECT, "max_results": most, **({"pagination_token": token} if token else {})}
            answer = self.call("GET", "/2/dm_events", params=params)
            items = _items(answer)
            self.charge("messages read", len(items), len(items) * money.DIRECT_READ)
            newest = newest or posts.newest(items) or known
            fresh = [item for item in items if not _is_known(item, known) and not _is_before(item, oldest)]
            following = _meta(answer).get("next_token")
            over = len(fresh) < len(items) or not isinstance(following, str) or following in ("", token)
            last = over or number == MOST_PAGES - 1
            read, malformed = read_each(fresh, partial(self._direct, answer=answer))
            yield Page(tuple(read), tuple(malformed), cursor={"id": newest} if last and newest else None)
            if over:
                return
            token = str(following)
        raise PlatformError("backlog", f"{MOST_PAGES} pages")

    def _direct(self, event: Any, answer: Mapping[str, Any]) -> Post | None:
        if event.get("event_type", "MessageCreate") != "MessageCreate":
            return None
        return posts.direct_of(event, answer, me=self.me)

    def reread(self, stream: str, raw: Any) -> Page:
        answer = raw if isinstance(raw, dict) else {}
        is_direct = "dm_conversation_id" in answer
        read, malformed = read_each([raw], lambda item: (self._direct if is_direct else self._post)(item, answer))
        return Page(tuple(read), tuple(malformed))

    def lookup(self, items: Sequence[Ref]) -> Found:
        """Each by the id of its newest version; one that has a newer version by now is asked for by that."""
        wanted = {item.local_id or item.external_id: item.external_id for item in items}
        found, malformed, gone = dict[str, Post](), list[Malformed](), list[str]()
        ids = [name for name in wanted if name.isascii() and name.isdigit()]
        while ids:
            several, ids = ids[:100], ids[100:]
            if self.allowance is not None and self.afford(len(several), 1, money.POST_READ) < len(several):
                break  # what answers need is not spent on looking again
            answer = self.spelt("/2/tweets", {"ids": ",".join(several)})
            shown = _items(answer)
            self.charge("posts read", len(shown), len(shown) * money.POST_READ)
            for item in shown:
                later = posts.last_id(item) if isinstance(item, dict) and isinstance(item.get("id"), str) else ""
                if later and later != item["id"] and later not in wanted:
                    wanted[later] = posts.first_id(item)
                    ids.append(later)
            read, broken = read_each(shown, partial(self._post, answer=answer))
            found |= {post.external_id: post for post in read if _is_newer(post, found.get(post.external_id))}
            malformed += broken
            gone += [wanted[name] for name in _missing(answer) if name in wanted]
        return Found(tuple(found.values()), tuple(name for name in gone if name not in found), tuple(malformed))

    def replies(self, item: Ref) -> Page:
        """What the last seven days hold of its conversation: X lists no replies of one post."""
        most = self.afford(100, 10, money.POST_READ)
        query = f"conversation_id:{item.external_id}"
        answer = self.spelt("/2/tweets/search/recent", {"query": query, "max_results": most})
        items = _items(answer)
        self.charge("posts read", len(items), len(items) * money.POST_READ)
        page = self._page(items, answer, None)
        return Page(tuple(post for post in page.posts if post.external_id != item.external_id), page.malformed)


def _items(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("data", [])
    if not isinstance(found, list) or ("data" not in answer and "meta" not in answer and "errors" not in answer):
        raise PlatformError("undecodable", "no data")
    return found


def _meta(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = answer.get("meta")
    return meta if isinstance(meta, dict) else {}


def _missing(answer: Mapping[str, Any]) -> list[str]:
    """Ids of what is deleted; what is only hidden from us (protected, withheld) is not."""
    errors = answer.get("errors")
    return [
        str(error.get("value") or error.get("resource_id") or "")
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
        and "not-found" in str(error.get("type", ""))
        and error.get("parameter", "ids") == "ids"
    ]


def _is_newer(post: Post, than: Post | None) -> bool:
    return than is None or int(post.local_id) > int(than.local_id)


def _quote_count(item: Mapping[str, Any]) -> int:
    metrics = item.get("public_metrics")
    count = metrics.get("quote_count") if isinstance(metrics, dict) else 0
    return count if isinstance(count, int) else 0


def _is_known(item: Any, known: str) -> bool:
    name = item.get("id") if isinstance(item, dict) else None
    return bool(known) and isinstance(name, str) and name.isascii() and name.isdigit() and int(name) <= int(known)


def _is_before(item: Any, moment: dt.datetime) -> bool:
    try:
        return time_of(item["created_at"], "created_at") < moment
    except (KeyError, TypeError, ValueError):
        return False
