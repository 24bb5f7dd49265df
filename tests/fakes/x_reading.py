"""What one reads on X: mentions, search, lookups, timelines, quotes and people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .x_call import Call
from .x_ledger import Account, Ledger, Post
from .x_meter import Meter
from .x_routes import Names, Passes, Route
from .x_rules import (
    DAY,
    LOOKUP_IDS,
    MENTION_DEPTH,
    SEARCH_DAYS,
    SEARCH_QUERY,
    TIMELINE_DEPTH,
    USER_FIELDS,
    Json,
    invalid,
    iso,
    moment_of_id,
    snowflake,
)
from .x_search import compiled
from .x_view import Views

_WINDOW = frozenset(("since_id", "until_id", "start_time", "end_time", "max_results"))
# How close to now the end of a search may be.
_SEARCH_LAG = 10
Rows = list[tuple[int, Post | Any]]


@dataclass
class Reading:
    """The methods that read."""

    ledger: Ledger
    views: Views
    meter: Meter
    passes: Passes

    def routes(self) -> list[Route]:
        """The table of them."""
        return [
            Route("GET /2/users/:id/mentions", self.mentions, names=self._names(_WINDOW | {"pagination_token"})),
            Route(
                "GET /2/users/:id/tweets", self.timeline, names=self._names(_WINDOW | {"pagination_token", "exclude"})
            ),
            Route(
                "GET /2/tweets/search/recent",
                self.search,
                names=self._names(_WINDOW | {"query", "next_token", "pagination_token", "sort_order"}),
            ),
            Route(
                "GET /2/tweets/:id/quote_tweets",
                self.quotes,
                names=self._names(frozenset(("max_results", "pagination_token", "exclude"))),
            ),
            Route("GET /2/tweets", self.lookup, names=self._names(frozenset(("ids",)))),
            Route("GET /2/tweets/:id", self.lookup_one, names=self._names(frozenset())),
            Route("GET /2/users/me", self.me, who="user", names=self._names(frozenset(), users=True)),
            Route("GET /2/users", self.users, names=self._names(frozenset(("ids",)), users=True)),
            Route("GET /2/users/by", self.users_by, names=self._names(frozenset(("usernames",)), users=True)),
            Route("GET /2/users/:id", self.user, names=self._names(frozenset(), users=True)),
            Route("GET /2/users/by/username/:name", self.user_by, names=self._names(frozenset(), users=True)),
        ]

    # Posts

    def mentions(self, call: Call) -> Json:
        """Posts that name an account: the newest 800."""
        account = self._account(call)
        if account is None:
            return self._no_account(call)
        newest = sorted(self.ledger.mentioning(account.id), key=lambda row: row[0], reverse=True)[:MENTION_DEPTH]
        return self._listed(call, _within(call, newest), 10, 5, "pagination_token")

    def timeline(self, call: Call) -> Json:
        """An account's posts."""
        excluded = call.listed("exclude", frozenset(("replies", "retweets")))
        account = self._account(call)
        if account is None:
            return self._no_account(call)
        if account.protected and account.id != call.caller.user_id:
            return {"errors": [self.views.missing(account.id, "id", "user", kept=True)]}
        posts = self.ledger.standing(lambda one: one.author == account.id)
        rows: Rows = [(int(one.id), one) for one in posts if "replies" not in excluded or not one.in_reply_to]
        return self._listed(call, _within(call, rows[-TIMELINE_DEPTH:]), 10, 5, "pagination_token")

    def search(self, call: Call) -> Json:
        """Posts of the last seven days that a query finds."""
        query = call.need("query")
        if len(query) > SEARCH_QUERY:
            message = f"The length of the `query` query parameter [{len(query)}] is not between 1 and {SEARCH_QUERY}"
            raise invalid(message, query=query)
        matches = compiled(query, self.ledger)
        _check_search_window(call)
        since = time.time() - SEARCH_DAYS * DAY
        posts = self.ledger.standing(lambda one: one.created_at >= since and matches(one))
        rows: Rows = [(int(one.id), one) for one in posts if not self.ledger.hidden(one, call.caller.user_id)]
        rows = _within(call, rows)
        if call.choice("sort_order", "recency", ("recency", "relevancy")) == "relevancy":
            liked = sorted(rows, key=lambda row: (sum(one == row[1].id for _, one in self.ledger.likes), row[0]))
            rows = [(place, row[1]) for place, row in enumerate(liked)]
        return self._listed(call, rows, 10, 10, "next_token", "pagination_token")

    def quotes(self, call: Call) -> Json:
        """Posts that quote one."""
        identifier = call.path_id()
        call.listed("exclude", frozenset(("replies", "retweets")))
        versions = self.ledger.versions_of(identifier)
        rows: Rows = [(int(one.id), one) for one in self.ledger.standing(lambda one: one.quote in versions)]
        answer = self._listed(call, rows, 10, 10, "pagination_token")
        answer["meta"] = {k: v for k, v in answer["meta"].items() if k in {"result_count", "next_token"}}
        return answer

    def lookup(self, call: Call) -> Json:
        """Posts by their ids; what is gone is told beside what is there."""
        return self._found(call, call.ids("ids", LOOKUP_IDS), "ids")

    def lookup_one(self, call: Call) -> Json:
        """One post by its id."""
        answer = self._found(call, [call.path_id()], "id")
        return answer | ({"data": answer["data"][0]} if "data" in answer else {})

    def _found(self, call: Call, ids: list[str], parameter: str) -> Json:
        wanted, viewer = self.views.wanted(call), call.caller.user_id
        found = {one: self.ledger.visible(one, viewer) for one in ids}
        posts = [one for one in found.values() if one is not None]
        gone = [self.views.missing_post(one, parameter, viewer) for one, post in found.items() if post is None]
        answer = self.views.posts(posts, wanted)
        self.meter.read(call, "post_read", (one.id for one in posts))
        errors = gone + answer.pop("errors", [])
        return answer | ({"errors": errors} if errors else {})

    def _listed(self, call: Call, rows: Rows, default: int, low: int, *tokens: str) -> Json:
        wanted = self.views.wanted(call)
        size = call.number("max_results", default, low, 100)
        page, following = self.passes.page(call, rows, size, *tokens)
        answer = self.views.posts([row[1] for row in page], wanted)
        shown = _shown_ids(page, answer.get("data", []))
        self.meter.read(call, "post_read", map(str, shown))
        meta: Json = {"result_count": len(answer.get("data", []))}
        if shown:
            meta |= {"newest_id": str(max(shown)), "oldest_id": str(min(shown))}
        return answer | {"meta": meta | ({"next_token": following} if following else {})}

    # People

    def me(self, call: Call) -> Json:
        """Whose token this is."""
        self._check_user_fields(call)
        return self._one_user(call, self.ledger.accounts.get(call.caller.user_id), call.caller.user_id, "id")

    def user(self, call: Call) -> Json:
        """A person by id."""
        self._check_user_fields(call)
        return self._one_user(call, self.ledger.accounts.get(call.path_id()), call.place, "id")

    def user_by(self, call: Call) -> Json:
        """A person by name."""
        self._check_user_fields(call)
        return self._one_user(call, self.ledger.account_named(call.place), call.place, "username")

    def users(self, call: Call) -> Json:
        """People by their ids."""
        ids = call.ids("ids", LOOKUP_IDS)
        return self._users(call, {one: self.ledger.accounts.get(one) for one in ids}, "ids")

    def users_by(self, call: Call) -> Json:
        """People by their names."""
        names = call.need("usernames").split(",")
        if len(names) > LOOKUP_IDS:
            raise invalid(f"The number of usernames is not between 1 and {LOOKUP_IDS}", usernames=names)
        return self._users(call, {one: self.ledger.account_named(one) for one in names}, "usernames")

    def _users(self, call: Call, found: dict[str, Account | None], parameter: str) -> Json:
        fields = self._check_user_fields(call)
        people = [one for one in found.values() if one is not None]
        self.meter.read(call, "user_read", (one.id for one in people))
        gone = [self.views.missing(one, parameter, "user") for one, account in found.items() if account is None]
        data = [self.views.user(one, fields) for one in people]
        return ({"data": data} if data else {}) | ({"errors": gone} if gone else {})

    def _one_user(self, call: Call, account: Account | None, value: str, parameter: str) -> Json:
        answer = self._users(call, {value: account}, parameter)
        return answer | ({"data": answer["data"][0]} if "data" in answer else {})

    def _check_user_fields(self, call: Call) -> frozenset[str]:
        spelling = self.views.spelling
        call.listed(spelling.fields, spelling.post_fields())
        call.listed("expansions", frozenset((f"pinned_{spelling.word}_id",)))
        return call.listed("user.fields", USER_FIELDS)

    def _account(self, call: Call) -> Account | None:
        return self.ledger.accounts.get(call.path_id())

    def _no_account(self, call: Call) -> Json:
        return {"errors": [self.views.missing(call.place, "id", "user")]}

    def _names(self, more: frozenset[str], *, users: bool = False) -> Names:
        return lambda word: more | self.views.parameters(word, users=users)


def _within(call: Call, rows: Rows) -> Rows:
    since, until = call.id("since_id"), call.id("until_id")
    start, end = call.moment("start_time"), call.moment("end_time")
    if start is not None:
        since = max(since or 0, snowflake(start) - 1)
    if end is not None:
        until = min(until or snowflake(end), snowflake(end))
    return [row for row in rows if (since is None or row[0] > since) and (until is None or row[0] < until)]


def _check_search_window(call: Call) -> None:
    now = time.time()
    oldest = now - SEARCH_DAYS * DAY
    start, end = call.moment("start_time"), call.moment("end_time")
    for name in ("since_id", "until_id"):
        if call.id(name) is not None and (start is not None or end is not None):
            words = f"Invalid use of '{name}' in conjunction with 'start_time' or 'end_time'"
            raise invalid(words, **{name: call.one(name)})
    for name in ("since_id", "until_id"):
        value = call.one(name)
        if value is not None and call.id(name) is not None and moment_of_id(value) < oldest:
            message = (
                f"'{name}' must be a tweet id created after {iso(oldest)[:16]}Z. "
                f"Please use a '{name}' that is larger than {snowflake(oldest)}"
            )
            raise invalid(message, **{name: value})
    if start is not None and start < oldest:
        message = f"Invalid 'start_time':'{call.one('start_time')}'. 'start_time' must be on or after {iso(oldest)}"
        raise invalid(message, start_time=call.one("start_time"))
    if end is not None and end > now - _SEARCH_LAG:
        message = (
            f"Invalid 'end_time':'{call.one('end_time')}'. "
            f"'end_time' must be a minimum of {_SEARCH_LAG} seconds prior to the request time."
        )
        raise invalid(message, end_time=call.one("end_time"))
    if start is not None and end is not None and start >= end:
        raise invalid("'start_time' must be before 'end_time'", start_time=call.one("start_time"))


def _shown_ids(page: Sequence[tuple[int, Post | Any]], data: list[Any]) -> list[int]:
    """The ids of the items that were shown; an item of no shape has the id it is listed by."""
    written = {one["id"] for one in data if isinstance(one, dict) and isinstance(one.get("id"), str)}
    return [
        int(item.id) if isinstance(item, Post) else key
        for key, item in page
        if not isinstance(item, Post) or item.id in written
    ]
