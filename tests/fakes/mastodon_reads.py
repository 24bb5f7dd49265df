"""What the fake server tells: notifications, threads, timelines and accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .faults import Answer
from .mastodon_call import Call, Route, number_of, ok
from .mastodon_ledger import Ledger, Notice, Status
from .mastodon_rules import Json, Refusal, Snowflakes, not_found, page
from .mastodon_views import Views

T = TypeVar("T")

# How much of a thread is shown: to somebody signed in, and above and below to others.
_CONTEXT, _ANCESTORS, _DESCENDANTS, _DEPTH = 4096, 40, 60, 20
_MOST_IDS = 20
_TAGS_PER_MODE = 4


class Reads:
    """The methods that change nothing."""

    def __init__(self, ledger: Ledger, views: Views, origin: Callable[[], str]) -> None:
        self._ledger, self._views, self._origin = ledger, views, origin
        self._conversations: dict[tuple[str, str, frozenset[str]], str] = {}

    def routes(self) -> list[Route]:
        """The methods; a path that names something stands before one that takes any id."""
        statuses, accounts = ("read:statuses",), ("read:accounts",)
        many = [Route("GET", "/api/v1/statuses", self._by_ids, statuses, "open")]
        return [
            Route("GET", "/api/v1/notifications", self._notifications, ("read:notifications",)),
            *(many if self._ledger.options.since(4, 3) else []),
            Route("GET", "/api/v1/statuses/:id", self._status, statuses, "open"),
            Route("GET", "/api/v1/statuses/:id/context", self._context, statuses, "open"),
            Route("GET", "/api/v1/statuses/:id/history", self._history, statuses, "open"),
            Route("GET", "/api/v1/timelines/tag/:tag", self._tag, statuses, "open"),
            Route("GET", "/api/v1/accounts/verify_credentials", self._own, ("read:accounts", "profile")),
            Route("GET", "/api/v1/accounts/:id", self._account, accounts, "open"),
            Route("GET", "/api/v1/accounts/:id/statuses", self._account_statuses, statuses, "open"),
            Route("GET", "/api/v1/favourites", self._favourites, ("read:favourites",)),
            Route("GET", "/api/v1/conversations", self._conversation_list, statuses),
            Route("GET", "/api/v2/search", self._search, ("read:search",), "open"),
        ]

    # Notifications

    def _notifications(self, call: Call) -> Answer:
        shown = [one for one in self._ledger.notices[call.owner.id] if _wanted(one, call)]
        ids = self._ledger.notice_ids
        rows = [(ids.key(one.id), one) for one in shown]
        return self._paged(call, ids, rows, (40, 80), lambda one: self._views.notification(one, call.owner.id))

    # Statuses

    def _seen(self, call: Call) -> Status:
        status = self._ledger.find(call.argument)
        if status is None or not self._ledger.visible(status, call.viewer):
            raise not_found()
        return status

    def _status(self, call: Call) -> Answer:
        return ok(self._views.status(self._seen(call), call.viewer))

    def _by_ids(self, call: Call) -> Answer:
        asked = list(dict.fromkeys(call.many("id")))
        if len(asked) > _MOST_IDS:
            raise Refusal(422, "Mastodon::ValidationError")
        found = [status for one in asked if (status := self._ledger.find(one)) is not None]
        return ok([self._views.status(one, call.viewer) for one in found if self._ledger.visible(one, call.viewer)])

    def _history(self, call: Call) -> Answer:
        return ok(self._views.history(self._seen(call)))

    def _context(self, call: Call) -> Answer:
        status, signed = self._seen(call), call.account is not None
        above = self._above(status)[: _CONTEXT if signed else _ANCESTORS]
        below = self._below(status, _CONTEXT if signed else _DEPTH)[: _CONTEXT if signed else _DESCENDANTS]
        headers = {}
        if status.id in self._ledger.incomplete_contexts:
            below = []
            headers = {"Mastodon-Async-Refresh": f'id="context-{status.id}", retry=5, result_count=0'}
        shown = {"ancestors": above[::-1], "descendants": below}
        return ok({name: self._shown(many, call) for name, many in shown.items()}, headers)

    def _above(self, status: Status) -> list[Status]:
        found: list[Status] = []
        above = self._ledger.find(status.in_reply_to_id or "")
        while above is not None:
            found.append(above)
            above = self._ledger.find(above.in_reply_to_id or "")
        return found

    def _below(self, status: Status, deepest: int) -> list[Status]:
        """The descendants, each before its own answers."""
        found: list[Status] = []
        waiting = [(status, 0)]
        while waiting:
            one, depth = waiting.pop()
            found.append(one)
            if depth < deepest:
                answers = self._ledger.about(one.id, "reply")
                answers.sort(key=lambda answer: self._ledger.ids.key(answer.id), reverse=True)
                waiting += [(answer, depth + 1) for answer in answers]
        return found[1:]

    def _shown(self, statuses: Iterable[Status], call: Call) -> list[Json]:
        return [self._views.status(one, call.viewer) for one in statuses if self._ledger.visible(one, call.viewer)]

    # Timelines

    def _tag(self, call: Call) -> Answer:
        wanted = {call.argument.lower(), *_tags(call, "any")}
        every, none = set(_tags(call, "all")), set(_tags(call, "none"))

        def tagged(status: Status) -> bool:
            tags = set(self._ledger.tags(status))
            return bool(tags & wanted) and every <= tags and not tags & none

        public = [one for one in self._ledger.standing() if one.visibility == "public" and not one.reblog_of]
        return self._timeline(call, [one for one in public if tagged(one) and self._from_wanted_side(one, call)])

    def _from_wanted_side(self, status: Status, call: Call) -> bool:
        local = self._ledger.accounts[status.account_id].domain is None
        return not (call.flag("local") and not local) and not (call.flag("remote") and local)

    def _account_statuses(self, call: Call) -> Answer:
        account_id = self._known_account(call.argument)
        own = [one for one in self._ledger.by(account_id) if self._ledger.visible(one, call.viewer)]
        if call.flag("exclude_replies"):
            # A reply to oneself goes on, and is none.
            own = [one for one in own if one.in_reply_to_account_id in {None, account_id}]
        if call.flag("exclude_reblogs"):
            own = [one for one in own if one.reblog_of is None]
        if call.one("tagged"):
            own = [one for one in own if (call.one("tagged") or "").lower() in self._ledger.tags(one)]
        if call.flag("only_media") or call.flag("pinned"):
            own = []
        return self._timeline(call, own)

    def _timeline(self, call: Call, statuses: list[Status]) -> Answer:
        ids = self._ledger.ids
        rows = [(ids.key(one.id), one) for one in statuses]
        return self._paged(call, ids, rows, (20, 40), lambda one: self._views.status(one, call.viewer))

    def _favourites(self, call: Call) -> Answer:
        ids = self._ledger.favourite_ids
        own = [one for one in self._ledger.favourites if one.account_id == call.owner.id]
        rows = [(ids.key(one.id), self._ledger.statuses[one.status_id]) for one in own]
        return self._paged(call, ids, rows, (20, 40), lambda one: self._views.status(one, call.viewer))

    def _conversation_list(self, call: Call) -> Answer:
        ids, owner = self._ledger.ids, call.owner.id
        direct = [
            one for one in self._ledger.standing() if one.visibility == "direct" and self._ledger.visible(one, owner)
        ]
        direct.sort(key=lambda one: ids.key(one.id))
        latest = {
            (owner, one.conversation, frozenset([one.account_id, *one.mentions]) - {owner}): one for one in direct
        }
        # Pages go by the last status, so the ids of conversations serve no paging.
        rows = [(ids.key(one.id), (key, one)) for key, one in latest.items()]
        return self._paged(call, ids, rows, (20, 40), lambda row: self._conversation(*row))

    def _conversation(self, key: tuple[str, str, frozenset[str]], last: Status) -> Json:
        number = self._conversations.setdefault(key, str(len(self._conversations) + 1))
        others = sorted(key[2])
        return {
            "id": number,
            "unread": last.account_id != key[0],
            "accounts": [self._views.account(self._ledger.accounts[one]) for one in others],
            "last_status": self._views.status(last, key[0]),
        }

    # Accounts

    def _known_account(self, account_id: str) -> str:
        if account_id not in self._ledger.accounts:
            raise not_found()
        return account_id

    def _account(self, call: Call) -> Answer:
        return ok(self._views.account(self._ledger.accounts[self._known_account(call.argument)]))

    def _own(self, call: Call) -> Answer:
        return ok(self._views.own_account(call.owner))

    # Search

    def _search(self, call: Call) -> Answer:
        query, kind = call.one("q"), call.one("type")
        if query is None:
            raise Refusal(400, "param is missing or the value is empty or invalid: q")
        if call.account is None and (call.flag("resolve") or call.one("offset")):
            raise Refusal(401, "Search queries that resolve or skip are not supported without authentication")
        window, skip = call.window(self._ledger.ids, 20, 40), abs(number_of(call.one("offset") or "0"))
        words = query.lower().split()
        people = [one for one in self._ledger.accounts.values() if query.lower().lstrip("@") in self._ledger.acct(one)]
        tags = sorted({tag for one in self._ledger.standing() for tag in self._ledger.tags(one) if tag in words})
        rows = [(self._ledger.ids.key(one.id), one) for one in self._found(call, query)]
        found: dict[str, list[Json]] = {
            "accounts": [self._views.account(one) for one in people][skip : skip + window.limit],
            "statuses": [self._views.status(one, call.viewer) for _, one in page(rows, window)][skip:],
            "hashtags": [self._views.tag(one) for one in tags][skip : skip + window.limit],
        }
        return ok({name: many if kind in {None, name} else [] for name, many in found.items()})

    def _found(self, call: Call, query: str) -> list[Status]:
        """The statuses a search finds: one by its address, many by words where the server can search."""
        options = self._ledger.options
        seen = [one for one in self._ledger.standing() if self._ledger.visible(one, call.viewer)]
        if query.startswith("http") and call.flag("resolve") and not options.ulid:
            return [one for one in seen if query in {one.uri, self._ledger.status_url(one)}]
        if call.account is None or not options.search or options.ulid:
            return []
        author = call.one("account_id")
        words = query.lower().split()
        seen = [one for one in seen if one.visibility == "public" or call.viewer in {one.account_id, *one.mentions}]
        return [
            one for one in seen if author in {None, one.account_id} and all(word in one.text.lower() for word in words)
        ]

    def _paged(
        self,
        call: Call,
        ids: Snowflakes,
        rows: list[tuple[int, T]],
        limits: tuple[int, int],
        view: Callable[[T], Json],
    ) -> Answer:
        window = call.window(ids, *limits)
        shown = page(rows, window)
        headers = {}
        if shown:
            last = ids.write(shown[-1][0]) if len(shown) == window.limit else None
            headers = {"Link": call.links(self._origin(), ids.write(shown[0][0]), last)}
        return ok([view(one) for _, one in shown], headers)


def _wanted(notice: Notice, call: Call) -> bool:
    if notice.raw is not None:
        return True
    types, author = call.many("types"), call.one("account_id")
    return (
        (not types or notice.type in types)
        and notice.type not in call.many("exclude_types")
        and author in {None, notice.author}
        and (not notice.filtered or call.flag("include_filtered"))
    )


def _tags(call: Call, mode: str) -> list[str]:
    return [tag.lower() for tag in call.many(mode)[:_TAGS_PER_MODE]]
