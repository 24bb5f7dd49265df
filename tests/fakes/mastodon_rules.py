"""What Mastodon's documentation says of versions, ids, pages and scopes; nothing here knows any client."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

VISIBILITIES = ("public", "unlisted", "private", "direct")
_AREAS = [
    "accounts",
    "blocks",
    "bookmarks",
    "conversations",
    "favourites",
    "filters",
    "follows",
    "lists",
    "media",
    "mutes",
    "notifications",
    "reports",
    "search",
    "statuses",
]
SCOPES = frozenset(
    ["read", "write", "follow", "push", "profile", *(f"{verb}:{area}" for verb in ("read", "write") for area in _AREAS)]
)

# The number a release reports under `api_versions`, newest first.
_API_VERSIONS = (((4, 6), 11), ((4, 5), 7), ((4, 4), 6), ((4, 3), 2))
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_LEADING_NUMBER = re.compile(r"\d+")
_FALSE = frozenset(("", "0", "f", "F", "false", "FALSE", "off", "OFF"))


class Refusal(Exception):
    """What the server answers instead of doing what was asked."""

    def __init__(self, status: int, error: str, description: str | None = None) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body = {"error": error} | ({"error_description": description} if description else {})


def not_found() -> Refusal:
    """The refusal of what is not there, or not for this viewer."""
    return Refusal(404, "Record not found")


def invalid(reason: str) -> Refusal:
    """The refusal of what does not validate."""
    return Refusal(422, f"Validation failed: {reason}")


@dataclass
class Options:
    """What a test may set; limits and durations also while the fake runs."""

    flavour: str
    domain: str
    version: str
    rate_limit: int | None
    characters: int
    search: bool
    full_handles: bool
    window_seconds: float = 300
    posting_limit: int = 300
    posting_seconds: float = 3 * 3600
    idempotency_seconds: float = 3600
    code_seconds: float = 600

    @property
    def ulid(self) -> bool:
        """Whether this server is one of the other implementations, with ULIDs for ids."""
        return self.flavour == "ulid"

    def since(self, major: int, minor: int) -> bool:
        """Whether this is Mastodon of that release or a later one."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return not self.ulid and found is not None and (int(found[1]), int(found[2])) >= (major, minor)

    @property
    def api_version(self) -> int | None:
        """What stands under `api_versions.mastodon`; None where there is no such field."""
        return next((number for release, number in _API_VERSIONS if self.since(*release)), None)


class Snowflakes:
    """Ids as Mastodon's: decimal, in the order of the moments they stand for, never given twice."""

    _shift = 16

    def __init__(self, salt: int = 0) -> None:
        self._salt, self._last = salt, 0
        self._taken: set[int] = set()

    def next(self, at: float | None = None) -> str:
        """An id newer than every one before it, or the id of this moment."""
        number = (int((time.time() if at is None else at) * 1000) << self._shift) | self._salt
        if at is None:
            number = self._last = max(self._last + 1, number)
        while number in self._taken:
            number += 1
        self._taken.add(number)
        return self.write(number)

    def write(self, key: int) -> str:
        """The id of a key."""
        return str(key)

    def key(self, text: str) -> int:
        """The key of an id; as the database casts it: what does not begin with a digit is 0 (issue 25245)."""
        leading = _LEADING_NUMBER.match(text)
        return int(leading[0]) if leading else 0


class Counter(Snowflakes):
    """Ids that count up; they begin below a hundred, so that their texts do not sort as they do."""

    def next(self, at: float | None = None) -> str:
        """The next number, whatever the moment."""
        self._last = max(self._last, self._salt) + 1
        return self.write(self._last)


class Ulids(Snowflakes):
    """Ids as ULIDs."""

    _shift = 80

    def write(self, key: int) -> str:
        """26 characters of Crockford's base 32."""
        return "".join(_CROCKFORD[key >> shift & 31] for shift in range(125, -1, -5))

    def key(self, text: str) -> int:
        """The key of an id; 0 where it is no ULID."""
        if not _ULID.fullmatch(text):
            return 0
        number = 0
        for sign in text:
            number = number << 5 | _CROCKFORD.index(sign)
        return number


@dataclass(frozen=True)
class Window:
    """Which part of a list is wanted; the bounds are keys of ids."""

    limit: int
    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None


def page(rows: Sequence[tuple[int, T]], window: Window) -> list[tuple[int, T]]:
    """One page, newest first: `min_id` takes what follows it, `since_id` what is newest and still after it."""
    ordered = sorted(rows, key=itemgetter(0), reverse=True)
    if window.max_id is not None:
        ordered = [row for row in ordered if row[0] < window.max_id]
    if window.min_id is not None:
        newer = [row for row in ordered if row[0] > window.min_id]
        return newer[max(0, len(newer) - window.limit) :]
    since = window.since_id
    return [row for row in ordered if since is None or row[0] > since][: window.limit]


def truthy(value: object) -> bool:
    """Whether a parameter says yes, as Rails reads it."""
    return value is not None and str(value) not in _FALSE and value is not False


def covers(granted: Sequence[str], wanted: str) -> bool:
    """Whether scopes allow what one scope names: `read` allows every `read:…`."""
    return wanted in granted or wanted.partition(":")[0] in granted


def iso(moment: float) -> str:
    """A moment as the API writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
