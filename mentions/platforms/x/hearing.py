"""Hearing X: mentions, searches, quotes and direct messages, and looking again at what was heard.

`since_id` is a durable position; a `pagination_token` lives within one pass. Lists are newest first, so the position
comes with the last page. Reads cost money: no page is asked for that the brand's budget could not pay.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mentions.platforms.base import (
    Found,
    Malformed,
    Page,
    PlatformError,
    Post,
    Ref,
    Search,
    Span,
    count_of,
    read_each,
    time_of,
)
from mentions.platforms.x import money, posts
from mentions.platforms.x.session import Session

FIRST_LOOK = dt.timedelta(days=6, hours=23)  # recent search reaches seven days back
KEPT_DIRECTS = dt.timedelta(days=29, hours=23)
SECOND = dt.timedelta(seconds=1)
LONGEST_QUERY = 512
SHOWN_MENTIONS = 800  # however many there are
QUOTED, QUOTE_PAGES = 25, 4
MOST_PAGES = 50
MOST_DIRECT_PAGES = 12  # of the 15 requests in 15 minutes, and there is no `until_id` to go on from
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
        """Back from the newest to the last known, page by page; each leaves a position made of ids, good to go on from.

        `{"since_id"}`: all before is known. `{"newest", "until_id", …}`: a pass that has come down to `until_id`.
        """
        span, newest, until = _span(cursor), str(cursor.get("newest") or ""), str(cursor.get("until_id") or "")
        known, token, resumed = str(cursor.get("since_id") or ""), "", until
        begin = time_of(span["start_time"], "cursor") if "start_time" in span else None
        summons = "perhaps" if path.endswith("/mentions") else "no"
        reached = int(cursor.get("reached", 0))
        for _number in range(MOST_PAGES):
            price = self._price if path.endswith("/mentions") else money.POST_READ
            given = {**params, **span, "max_results": self.afford(100, least, price)}
            if until_id := resumed if token else until:  # a token goes with what its first page was asked with
                given.pop("start_time", None)  # X takes no ids beside times
                given["until_id"] = until_id
            if token:
                given["next_token" if "search" in path else "pagination_token"] = token
            try:
                answer = self.spelt(path, given)
            except PlatformError as error:
                if known and error.code == "refused" and "since_id" in error.detail:
                    yield Page(cursor={})  # too old for a search: it begins anew, with what the last days hold
                    return
                raise
            items = _items(answer)
            self.charge("posts read", len(items), len(items) * price)
            newest = newest or posts.newest(items) or known
            reached += len(items)
            lowest = posts.oldest(items)
            token = _next_token(answer, token)
            goes_on = bool(token) or ("meta" not in answer and bool(lowest) and lowest != until)
            fresh = [item for item in items if begin is None or not _is_before(item, begin)]
            goes_on = goes_on and len(fresh) == len(items)
            until = lowest or until
            on_the_way = {**span, "newest": newest, "until_id": until, "reached": reached} if until else None
            yield self._page(fresh, answer, on_the_way if goes_on else _done(newest), summons)
            if not goes_on:
                break
        if summons == "perhaps" and reached >= SHOWN_MENTIONS:
            raise PlatformError("backlog", f"X shows the newest {SHOWN_MENTIONS} mentions")

    def read_price(self, stream: str) -> int:
        return {"mentions": self._price, "search": money.POST_READ}.get(stream, 0)

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """Newest first, down to the span's begin. The position is a time: X takes none of its ids beside times."""
        is_search = stream == "search"
        path = "/2/tweets/search/recent" if is_search else f"/2/users/{self.me}/mentions"
        end, token = str(position.get("end_time") or posts.stamp(span.until)), ""
        params = {"start_time": posts.stamp(span.since), "end_time": end, **({"query": query} if is_search else {})}
        least, price = 10 if is_search else 5, self.read_price(stream)
        while most >= least:
            given = {**params, "max_results": min(most, self.afford(100, least, price))}
            if token:
                given["next_token" if is_search else "pagination_token"] = token
            answer = self.spelt(path, given)
            items = _items(answer)
            self.charge("posts read", len(items), len(items) * price)
            most -= len(items)
            page = self._page(items, answer, None, "no" if is_search else "perhaps")
            times = [post.said_at for post in page.posts]
            end = posts.stamp(min(times) + SECOND) if times else end
            yield replace(page, cursor={"end_time": end})
            token = _next_token(answer, token)
            if not token:
                return

    def _page(
        self, items: list[Any], answer: Mapping[str, Any], cursor: Mapping[str, Any] | None, summons: str
    ) -> Page:
        read, malformed = read_each(items, lambda item: self._post(item, answer, summons))
        return Page(tuple(read), tuple(malformed), cursor=cursor)

    def _post(self, item: Any, answer: Mapping[str, Any], summons: str = "unsaid") -> Post:
        return posts.post_of(item, answer, me=self.me, handle=self.handle, summons=summons)

    def _quotes(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Posts that quote our newest ones: asked for where a count of quotes has grown, or is not told."""
        most = self.afford(QUOTED, 5, self._price)
        # replies are many on a support account, and quoted by few
        answer = self.spelt(f"/2/users/{self.me}/tweets", {"max_results": most, "exclude": "retweets,replies"})
        ours = [item for item in _items(answer) if isinstance(item, dict) and isinstance(item.get("id"), str)]
        self.charge("posts read", len(ours), len(ours) * self._price)
        before = cursor.get("counts")
        known: Mapping[str, Any] = before if isinstance(before, dict) else {}
        counts: dict[str, int] = {}
        for item in ours:
            name, count = item["id"], _quote_count(item)
            counts[name] = int(known.get(name, 0))
            if count is not None and count <= counts[name]:
                continue
            grown, read = QUOTE_PAGES * 100 if count is None else count - counts[name], 0
            for page, found in self._quotes_of(name, grown):
                read += found
                yield page
            counts[name] = max(counts[name], min(count, counts[name] + read) if count is not None else 0)
        yield Page(cursor={"counts": counts})

    def _quotes_of(self, name: str, most: int) -> Iterator[tuple[Page, int]]:
        """Pages of what quotes one post, the newest first, until as many are read as are new."""
        token, read = "", 0
        for _number in range(QUOTE_PAGES):
            params = {"max_results": self.afford(100, 10, money.POST_READ)}
            try:
                answer = self.spelt(
                    f"/2/tweets/{name}/quote_tweets", {**params, **({"pagination_token": token} if token else {})}
                )
            except PlatformError as error:
                if error.code not in ("missing", "forbidden", "unavailable", "undecodable", "refused"):
                    raise  # of one post, the others' quotes are heard
                return
            items = _items(answer)
            self.charge("posts read", len(items), len(items) * money.POST_READ)
            read += len(items)
            yield self._page(items, answer, None, "yes"), len(items)
            token = _next_token(answer, token)
            if not token or read >= most:
                return

    def queries(self, search: Search) -> list[str]:
        """As few as X's 512 characters allow; what we say ourselves and reposts are left out there."""
        rest = [f"-{_quoted(word)}" for word in search.exclude] + [f"-from:{self.handle}"] * bool(self.handle)
        rest += [f"lang:{search.language}"] * bool(search.language) + ["-is:retweet"]
        tail, found, some = " " + " ".join(rest), list[str](), list[str]()
        for phrase in map(_quoted, search.include):
            if some and len(_any_of([*some, phrase]) + tail) > LONGEST_QUERY:
                found.append(_any_of(some) + tail)
                some = []
            some.append(phrase)
        return [*found, _any_of(some) + tail]

    def _directs(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Newest first, without a `since`: back to the newest one known, or a week."""
        known, newest, token = str(cursor.get("id") or ""), "", ""
        oldest = dt.datetime.now(dt.UTC) - (KEPT_DIRECTS if known else FIRST_LOOK)
        for number in range(MOST_DIRECT_PAGES):
            most = self.afford(100 if token else 50, 1, money.DIRECT_READ)
            params = {**DIRECT, "max_results": most, **({"pagination_token": token} if token else {})}
            answer = self.call("GET", "/2/dm_events", params=params)
            items = _items(answer)
            self.charge("messages read", len(items), len(items) * money.DIRECT_READ)
            newest = newest or posts.newest(items) or known
            fresh = [item for item in items if not _is_known(item, known) and not _is_before(item, oldest)]
            following = _meta(answer).get("next_token")
            over = len(fresh) < len(items) or not isinstance(following, str) or following in ("", token)
            last = over or number == MOST_DIRECT_PAGES - 1
            read, malformed = read_each(fresh, partial(self._direct, answer=answer))
            yield Page(tuple(read), tuple(malformed), cursor={"id": newest} if last and newest else None)
            if over:
                return
            token = str(following)
        raise PlatformError("backlog", f"{MOST_DIRECT_PAGES} pages")

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
            answer = self._several(several)
            shown = [item for item in _items(answer) if isinstance(item, dict)]
            self.charge("posts read", len(shown), len(shown) * money.POST_READ)
            for item in shown:
                later = posts.last_id(item) if isinstance(item.get("id"), str) else ""
                if later and later != item["id"] and later not in wanted:
                    wanted[later] = posts.first_id(item)
                    ids.append(later)
            read, broken = read_each(shown, partial(self._post, answer=answer))
            found |= {post.external_id: post for post in read if _is_newer(post, found.get(post.external_id))}
            malformed += broken
            gone += [wanted[name] for name in self._missing(several, shown, answer) if name in wanted]
        return Found(tuple(found.values()), tuple(name for name in gone if name not in found), tuple(malformed))

    def _several(self, ids: Sequence[str]) -> dict[str, Any]:
        try:
            return self.spelt("/2/tweets", {"ids": ",".join(ids)})
        except PlatformError as error:
            if error.code != "missing":
                raise
            return {"data": []}  # a server that says so of all of them: each is asked for by itself

    def _missing(self, ids: Sequence[str], shown: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[str]:
        """Of these, what is deleted: said to be, or left out and not there when asked for by itself."""
        present = {name for item in shown for name in posts.versions(item)}
        said = _errors(answer)
        gone = [name for name in ids if said.get(name) == "missing"]
        for name in (name for name in ids if name not in present and name not in said):
            try:
                alone = self.call("GET", f"/2/tweets/{name}")
            except PlatformError as error:
                if error.code == "missing":
                    gone.append(name)
                elif error.code in ("credentials", "throttled", "credit"):
                    raise
                continue
            if not alone.get("data") and _errors(alone).get(name) == "missing":
                gone.append(name)
        return gone

    def replies(self, item: Ref) -> Page:
        """Direct answers of the last seven days: X lists no replies of one post."""
        most = self.afford(100, 10, money.POST_READ)
        query = f"in_reply_to_tweet_id:{item.local_id or item.external_id}"
        answer = self.spelt("/2/tweets/search/recent", {"query": query, "max_results": most})
        items = _items(answer)
        self.charge("posts read", len(items), len(items) * money.POST_READ)
        return self._page(items, answer, None, "perhaps")


def _quoted(phrase: str) -> str:
    return f'"{phrase}"' if not phrase.isalnum() else phrase


def _any_of(phrases: Sequence[str]) -> str:
    return phrases[0] if len(phrases) == 1 else f"({' OR '.join(phrases)})"


def _span(cursor: Mapping[str, Any]) -> dict[str, str]:
    """From where to look: what is known, else a week back, as it was when the pass began."""
    if cursor.get("since_id"):
        return {"since_id": str(cursor["since_id"])}
    return {"start_time": str(cursor.get("start_time") or posts.stamp(dt.datetime.now(dt.UTC) - FIRST_LOOK))}


def _done(newest: str) -> dict[str, str] | None:
    return {"since_id": newest} if newest else None


def _next_token(answer: Mapping[str, Any], before: str) -> str:
    following = _meta(answer).get("next_token")
    return following if isinstance(following, str) and following != before else ""


def _items(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("data") or []
    if not isinstance(found, list) or (answer and not {"data", "meta", "errors", "includes"} & answer.keys()):
        raise PlatformError("undecodable", "no data")
    return found


def _meta(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = answer.get("meta")
    return meta if isinstance(meta, dict) else {}


def _errors(answer: Mapping[str, Any]) -> dict[str, str]:
    """What is said of ids that are not shown: "missing" where they are deleted, "hidden" where they are not for us."""
    errors = answer.get("errors")
    found = {}
    for error in errors if isinstance(errors, list) else []:
        if not isinstance(error, dict) or error.get("parameter", "ids") not in ("ids", "id"):
            continue
        words = f"{error.get('type', '')} {error.get('title', '')}".lower()
        is_gone = "not-found" in words or "not found" in words
        found[str(error.get("value") or error.get("resource_id") or "")] = "missing" if is_gone else "hidden"
    return found


def _is_newer(post: Post, than: Post | None) -> bool:
    return than is None or int(post.local_id) > int(than.local_id)


def _quote_count(item: Mapping[str, Any]) -> int | None:
    metrics = item.get("public_metrics")
    return count_of(metrics.get("quote_count")) if isinstance(metrics, dict) else None


def _is_known(item: Any, known: str) -> bool:
    name = item.get("id") if isinstance(item, dict) else None
    return bool(known) and isinstance(name, str) and name.isascii() and name.isdigit() and int(name) <= int(known)


def _is_before(item: Any, moment: dt.datetime) -> bool:
    try:
        return time_of(item["created_at"], "created_at") < moment
    except (KeyError, TypeError, ValueError):
        return False
