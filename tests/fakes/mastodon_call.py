"""One request to the fake server, read whole, and how its methods are named and found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from .faults import Answer, json_answer
from .mastodon_ledger import Account
from .mastodon_rules import Json, Refusal, Snowflakes, Window, truthy

_BOUNDS = ("max_id", "since_id", "min_id")


@dataclass(frozen=True)
class Token:
    """An access token; without an account it speaks for an app alone."""

    value: str
    account_id: str | None
    scopes: tuple[str, ...]
    client_id: str | None = None


@dataclass(frozen=True)
class Call:
    """A request whose method is known."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    argument: str = ""
    token: Token | None = None
    account: Account | None = None

    @property
    def viewer(self) -> str | None:
        """The id of the account that asks, if one does."""
        return self.account.id if self.account else None

    @property
    def owner(self) -> Account:
        """The account that asks, where the method is not open to others."""
        assert self.account is not None
        return self.account

    def one(self, name: str) -> str | None:
        """A parameter that may be absent or empty."""
        return self.query[name][-1] or None if name in self.query else None

    def flag(self, name: str) -> bool:
        """Whether a parameter says yes."""
        return truthy(self.one(name))

    def many(self, name: str) -> list[str]:
        """A parameter given as `name[]`; one without brackets is no list, and ignored."""
        return list(self.query.get(f"{name}[]", []))

    def window(self, ids: Snowflakes, default: int, most: int) -> Window:
        """The page a call asks for; a limit over the most is cut to it."""
        asked = self.one("limit")
        limit = default if asked is None else min(abs(number_of(asked)), most)
        bounds = [self.one(name) for name in _BOUNDS]
        return Window(limit, *(None if bound is None else ids.key(bound) for bound in bounds))

    def fields(self) -> Json:
        """The body as fields, sent as JSON or as a form; lists in a form are named `name[]`."""
        if "json" in self.headers.get("content-type", ""):
            return _json_object(self.body)
        form = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name.removesuffix("[]"): values if name.endswith("[]") else values[-1] for name, values in form.items()}

    def links(self, origin: str, first: str, last: str | None) -> str:
        """The `Link` header of a page; `last` is None where nothing older can follow."""
        kept = [(name, value) for name, many in self.query.items() if name not in _BOUNDS for value in many]
        where = f"<{origin}{self.path}?"
        following = [] if last is None else [f'{where}{urlencode([*kept, ("max_id", last)])}>; rel="next"']
        return ", ".join([*following, f'{where}{urlencode([*kept, ("min_id", first)])}>; rel="prev"'])


@dataclass(frozen=True)
class Route:
    """A method: its template, who may call it, and what it does."""

    verb: str
    template: str
    run: Callable[[Call], Answer]
    scopes: tuple[str, ...] = ()
    access: str = "user"

    @property
    def name(self) -> str:
        """What faults and the log call it."""
        return f"{self.verb} {self.template}"

    def argument(self, verb: str, path: str) -> str | None:
        """What stands in the template's place; None where the request is for something else."""
        if verb != self.verb:
            return None
        found = re.fullmatch(re.sub(r":\w+", "([^/]+)", self.template), path)
        return None if found is None else "".join(found.groups())


def ok(body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a call that went well."""
    return json_answer(200, body, headers)


def text_of(fields: Json, name: str) -> str:
    """A field as text; empty where it is absent."""
    value = fields.get(name)
    return "" if value is None else str(value)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError as broken:
        raise Refusal(400, "There was a problem in the JSON you submitted") from broken
    return value if isinstance(value, dict) else {}


def number_of(text: str) -> int:
    """The number a text begins with, 0 where it begins with none."""
    found = re.match(r"\s*(-?\d+)", text)
    return int(found[1]) if found else 0
