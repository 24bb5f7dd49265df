"""One request to the X API: who makes it, and how its parameters and its body are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .x_rules import Json, Refusal, bad_parameter, invalid, is_id

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


@dataclass(frozen=True)
class Caller:
    """Whom a bearer token speaks for; no user: the app alone."""

    user_id: str
    scopes: frozenset[str]
    owns_app: bool

    @property
    def name(self) -> str:
        """What the limits and the passes know the caller by."""
        return self.user_id or "app"


@dataclass(frozen=True)
class Call:
    """A request that a route has taken."""

    method: str
    place: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller = field(default_factory=lambda: Caller("", frozenset(), owns_app=False))

    def allow(self, names: frozenset[str]) -> None:
        """Refuse a parameter that the method does not know, or that comes twice."""
        for name, values in self.query.items():
            key = name.replace(".", "__")
            if name not in names:
                message = f"The query parameter [{name}] is not one of [{','.join(sorted(names))}]"
                raise invalid(message, **{key: values})
            if len(values) > 1:
                message = f"Duplicate parameters are not allowed: the `{name}` query parameter"
                raise invalid(message, **{key: values})

    def one(self, name: str) -> str | None:
        """A parameter that may be absent; empty is none at all, and refused."""
        values = self.query.get(name)
        if not values:
            return None
        if not values[0]:
            raise invalid(f"The `{name}` query parameter can not be empty", **{name.replace(".", "__"): values})
        return values[0]

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.one(name)
        if value is None:
            raise invalid(f"The `{name}` query parameter can not be empty", **{name.replace(".", "__"): []})
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within its bounds."""
        text = self.one(name)
        if text is None:
            return default
        if not text.removeprefix("-").isdecimal() or not low <= int(text) <= high:
            raise bad_parameter(name, text, f"is not between {low} and {high}")
        return int(text)

    def listed(self, name: str, allowed: frozenset[str]) -> frozenset[str]:
        """The comma-separated values of a parameter, each of them known."""
        text = self.one(name)
        chosen = text.split(",") if text else []
        for one in chosen:
            if one not in allowed:
                raise bad_parameter(name, one, f"is not one of [{','.join(sorted(allowed))}]")
        return frozenset(chosen)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One value out of a few."""
        value = self.one(name) or default
        if value not in allowed:
            raise bad_parameter(name, value, f"is not one of [{','.join(allowed)}]")
        return value

    def ids(self, name: str, most: int) -> list[str]:
        """The identifiers a parameter lists, each once."""
        listed = self.need(name).split(",")
        if len(listed) > most:
            message = (
                f"The number of values in the `{name}` query parameter list [{len(listed)}] is not between 1 and {most}"
            )
            raise invalid(message, **{name: listed})
        for one in listed:
            if not is_id(one):
                raise bad_parameter(name, one)
        return list(dict.fromkeys(listed))

    def id(self, name: str) -> int | None:
        """An identifier that may be absent, as the number it sorts by."""
        text = self.one(name)
        if text is None:
            return None
        if not is_id(text):
            raise bad_parameter(name, text)
        return int(text)

    def moment(self, name: str) -> float | None:
        """A moment that may be absent; RFC 3339, in UTC."""
        text = self.one(name)
        if text is None:
            return None
        if not _MOMENT.fullmatch(text):
            raise bad_parameter(name, text, "is not a valid RFC3339 timestamp")
        try:
            return datetime.fromisoformat(f"{text[:19]}{text[19:-1][:7]}").replace(tzinfo=UTC).timestamp()
        except ValueError as wrong:
            raise bad_parameter(name, text, "is not a valid RFC3339 timestamp") from wrong

    def path_id(self) -> str:
        """The identifier in the path."""
        if not is_id(self.place):
            raise bad_parameter("id", self.place)
        return self.place

    def json(self, schema: Mapping[str, type | tuple[type, ...]]) -> Json:
        """The JSON object of the body, with nothing in it that the schema lacks."""
        if "json" not in self.headers.get("content-type", ""):
            raise Refusal(415, {"title": "Unsupported Media Type", "type": "about:blank", "status": 415})
        return checked(self.body, schema)


def checked(raw: bytes, schema: Mapping[str, type | tuple[type, ...]]) -> Json:
    """A JSON object that keeps its schema."""
    try:
        value = json.loads(raw)
    except ValueError as broken:
        raise invalid("Invalid JSON: the request body could not be read") from broken
    if not isinstance(value, dict):
        raise invalid("$: is not an object")
    check_object(value, schema, "$")
    return value


def check_object(value: Json, schema: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    """Refuse an object with a key its schema lacks, or a value of another type."""
    for name, item in value.items():
        if name not in schema:
            raise invalid(
                f"{where}.{name}: is not defined in the schema and the schema does not allow additional properties"
            )
        if not isinstance(item, schema[name]):
            raise invalid(f"{where}.{name}: {type(item).__name__} found, another type expected")
