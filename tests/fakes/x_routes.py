"""The methods of the fake X as a table, and the pages of its lists."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from .x_call import Call, Caller
from .x_rules import PROBLEMS, Json, Word, bad_parameter, forbidden, problem

T = TypeVar("T")

Who = Literal["user", "either", "app"]
Names = Callable[[Word], frozenset[str]]
_CONTEXTS = {
    "user": ("OAuth 2.0 Application-Only", "OAuth 1.0a User Context, OAuth 2.0 User Context"),
    "app": ("OAuth 2.0 User Context", "OAuth 2.0 Application-Only"),
}
_READS = "tweet.read users.read"


def no_parameters(word: Word) -> frozenset[str]:
    """The parameters of a method that has none."""
    return frozenset()


@dataclass(frozen=True)
class Route:
    """A method: its name as the platform's pages write it, who may call it, and what it does."""

    name: str
    run: Callable[[Call], Json]
    who: Who = "either"
    scopes: str = _READS
    names: Names = no_parameters
    status: int = 200
    free: bool = False

    @property
    def verb(self) -> str:
        """The HTTP method."""
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path, with the place that varies marked by a colon."""
        return self.name.partition(" ")[2]

    def place(self, path: str) -> str | None:
        """What stands in the place that varies; None where the path is another's."""
        pattern = re.sub(r":\w+", "([^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        if found is None:
            return None
        return found[1] if found.groups() else ""

    def check(self, caller: Caller) -> None:
        """Refuse a caller of the wrong kind, or without the scopes."""
        kind = "user" if caller.user_id else "app"
        if self.who not in {"either", kind}:
            used, supported = _CONTEXTS[self.who]
            detail = (
                f"Authenticating with {used} is forbidden for this endpoint.  "
                f"Supported authentication types are [{supported}]."
            )
            raise problem(403, "Unsupported Authentication", detail, f"{PROBLEMS}/unsupported-authentication")
        if caller.user_id and not set(self.scopes.split()) <= caller.scopes:
            raise forbidden()


class Table:
    """Finds the route of a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        # A path that is written out is meant before one with a place that varies.
        self._routes = sorted(routes, key=lambda one: one.path.count(":"))

    def find(self, verb: str, path: str) -> tuple[Route, str] | None:
        """The route of a request and what stands in its place that varies."""
        for route in self._routes:
            place = route.place(path) if route.verb == verb else None
            if place is not None:
                return route, place
        return None


@dataclass
class Passes:
    """The pages of lists. A page's token serves the pass it was given out in, and no later one."""

    _passes: dict[str, int] = field(default_factory=dict)
    _tokens: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def page(
        self, call: Call, rows: Sequence[tuple[int, T]], size: int, *names: str
    ) -> tuple[list[tuple[int, T]], str | None]:
        """One page of rows, largest key first, and the token of the next."""
        key = self._key(call, names)
        name = next((one for one in names if call.one(one)), None)
        if name is None:
            self._passes[key] = self._passes.get(key, 0) + 1
            rest = list(rows)
        else:
            last = self._opened(key, name, call.need(name))
            rest = [row for row in rows if row[0] < last]
        rest.sort(key=lambda row: row[0], reverse=True)
        shown = rest[:size]
        return shown, self._token(key, shown[-1][0]) if len(rest) > size else None

    def _key(self, call: Call, names: tuple[str, ...]) -> str:
        free = {*names, "max_results", "expansions"}
        asked = sorted((k, v[0]) for k, v in call.query.items() if k not in free and not k.endswith(".fields"))
        return f"{call.method} {call.place} {call.caller.name} {asked}"

    def _opened(self, key: str, name: str, token: str) -> int:
        mine, number, last = self._tokens.get(token, ("", 0, 0))
        if mine != key or number != self._passes.get(key):
            raise bad_parameter(name, token)
        return last

    def _token(self, key: str, last: int) -> str:
        token = secrets.token_hex(16)
        self._tokens[token] = (key, self._passes[key], last)
        return token
