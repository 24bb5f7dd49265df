"""The contract between the helpdesk and a platform: few verbs, typed values, one error.

A connector is made for one account and one piece of work, in one thread. It never touches the database: it is
given settings and secrets, returns values, and says what it did to its session through `session_changed`.
How to write one: docs/adding-a-platform.md. What every one must survive: tests/platforms/contract.py.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection

from helpdesk.net import HttpClient, NetError, Response
from helpdesk.ports import FrozenPart

# What went wrong, in the words people read. `%(…)s` are the problem's parameters.
WORDS = {
    "credentials": "%(platform)s refused the log-in. Enter a new password or token under Sources.",
    "forbidden": "%(platform)s no longer lets us do this (%(detail)s). Check the account's permissions.",
    "throttled": "%(platform)s asked us to slow down.",
    "budget": "The hour's requests are used up; listening goes on when the next hour begins.",
    "unavailable": "%(platform)s is not well (%(detail)s).",
    "unreachable": "%(detail)s. Check the address.",
    "undecodable": "%(platform)s answered with something else than its API (%(detail)s).",
    "too_large": "%(platform)s sent more than we take in at once.",
    "backlog": "More had piled up than one look reads (%(detail)s); the oldest of it was left out.",
    "refused": "%(platform)s refused it: %(detail)s",
    "gone": "What this answers is no longer there.",
    "missing": "%(platform)s has no such item (any more).",
    "settings": "The settings of this source are not complete: %(detail)s",
    "unsure": "The line broke while sending; it may or may not have arrived.",
    "bug": "We stumbled over this ourselves (%(detail)s). It is in the log.",
    "seal": "The stored password can no longer be read (the sealing key changed). Enter it again under Sources.",
}


# What the network did, in the words people read.
NET_WORDS = {
    "blocked": "This address is not allowed",
    "bad_url": "This is no usable address",
    "dns": "This address is not known",
    "refused": "Nothing answers there",
    "tls": "No secure connection can be made",
    "timeout": "No answer in time",
    "broken": "The connection broke off",
}


class PlatformError(Exception):
    """A call that did not work out.

    `permanent`: trying the same again cannot help. `retry_after`: seconds the platform asked for, if any.
    `maybe_done`: a write may have taken effect all the same. `code` is a key of WORDS.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail[:300]
        self.permanent, self.retry_after, self.maybe_done = permanent, retry_after, maybe_done

    @property
    def problem(self) -> dict[str, Any]:
        return {"code": self.code, "detail": self.detail}


@dataclass(frozen=True)
class Setting:
    """One field a person fills in to connect an account."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    is_url: bool = False
    choices: tuple[tuple[str, str], ...] = ()  # where only these will do: value and what people read


@dataclass(frozen=True)
class Stream:
    """A kind of source: what it hears. `takes_query`: it needs a search term."""

    key: str
    name: str
    takes_query: bool = False
    rhythm_seconds: int = 60


@dataclass(frozen=True)
class Platform:
    """What the registry and the screens know of a platform without connecting to it."""

    key: str
    name: str
    settings: tuple[Setting, ...] = ()
    streams: tuple[Stream, ...] = ()
    # declared abilities; an account may have fewer (`Identity.abilities`)
    public_reply: bool = False
    private_reply: bool = False
    like: bool = False
    lookup: bool = False
    reads_per_hour: int = 600  # of one source, to begin with: people can change it
    writes_per_hour: int | None = None
    by_hand: bool = False
    help: str = ""

    def stream(self, key: str) -> Stream:
        return next(stream for stream in self.streams if stream.key == key)


@dataclass(frozen=True)
class Limits:
    """How long a text may be, as the platform counts, and into how many parts it may be split."""

    max_length: int
    max_bytes: int | None = None
    max_parts: int = 1
    unit: str = "characters"


@dataclass(frozen=True)
class Author:
    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""
    reach: int | None = None
    verified_address: str = ""


@dataclass(frozen=True)
class Post:
    """One remote item as a connector hands it over. `external_id` is its global name, `version` changes by edit."""

    kind: str  # post, direct, mail, review: what it *is*, never how it was heard
    external_id: str
    author: Author
    text: str
    said_at: dt.datetime
    thread_key: str
    local_id: str = ""
    version: str = ""
    parent_id: str = ""
    root_author_id: str = ""
    url: str = ""
    subject: str = ""
    ours: bool = False
    replies: int | None = None  # directly beneath it, where the platform counts them
    reference: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Malformed:
    """An item the connector could not read: it goes to quarantine with the reason."""

    raw: Any
    detail: str


@dataclass(frozen=True)
class Page:
    """What one request brought. `cursor` is a durable position, safe to resume from once this page is stored;
    None where the position does not move (a cursor that lives only within one pass is never given)."""

    posts: tuple[Post, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    gone: tuple[str, ...] = ()  # external ids the platform says were deleted
    cursor: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Found:
    """What a lookup by id brought: items as they are now, and the ids that are gone."""

    posts: tuple[Post, ...] = ()
    gone: tuple[str, ...] = ()
    malformed: tuple[Malformed, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who we are on the platform. `namespace` is where its ids are unique."""

    namespace: str
    external_id: str
    handle: str
    abilities: Mapping[str, str] = field(default_factory=dict)  # ability -> "" or why it is missing


@dataclass(frozen=True)
class Sent:
    """Proof that a part is on the platform."""

    external_id: str
    url: str = ""
    external: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A reply to freeze. `action`: public, private or like; `target`: the mention's reference."""

    action: str
    text: str
    target_id: str
    target: Mapping[str, Any]
    author_id: str
    written_at: dt.datetime
    people: Mapping[str, str] = field(default_factory=dict)  # handle -> external id, for those we know


class Connector(ABC):
    """One account at work. Methods raise PlatformError and nothing else on purpose."""

    platform: ClassVar[Platform]

    def __init__(
        self,
        settings: Mapping[str, Any],
        secrets: Mapping[str, Any],
        session: Mapping[str, Any],
        *,
        identity: Identity | None = None,
        http: HttpClient | None = None,
        session_changed: Callable[[dict[str, Any]], None] = lambda session: None,
        account_id: int = 0,
    ) -> None:
        self.settings, self.secrets, self.session = settings, secrets, dict(session)
        self.identity, self.account_id = identity, account_id
        self._http = http
        self._session_changed = session_changed
        self.requests = 0

    @property
    def http(self) -> HttpClient:
        """Made when first asked for: limits and lengths need none."""
        if self._http is None:
            self._http = HttpClient()
        return self._http

    def keep_session(self, session: dict[str, Any]) -> None:
        self.session = session
        self._session_changed(session)

    # --- verbs -------------------------------------------------------------------------------------------------

    @abstractmethod
    def connect(self) -> Identity:
        """Log in and say who we are; PlatformError("credentials", permanent) where we are refused."""

    @abstractmethod
    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Pages of what is new since `cursor` ({} the first time). Each is stored before the next is asked for."""

    def reread(self, stream: str, raw: Any) -> Page:
        """One raw item of that stream, read again: what a retry from quarantine calls. Makes no request."""
        return Page(malformed=(Malformed(raw, "this platform cannot re-read items"),))

    def limits(self, action: str) -> Limits:
        return Limits(max_length=10_000)

    def length(self, text: str) -> int:
        return len(text)

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        """The parts of a reply, fixed for good. Makes no request."""
        raise PlatformError("refused", "read-only", permanent=True)

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        """Whether the platform makes a second send of this frozen payload harmless."""
        return False

    def send(self, payload: Mapping[str, Any]) -> Sent:
        raise PlatformError("refused", "read-only", permanent=True)

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        """Our post of this payload, if it is there. Finding it proves it sent; None proves nothing.

        `known`: external ids of other parts of ours, which are never the answer. A sent part's payload, whose words
        are gone, is looked for only where its id was chosen by us.
        """
        return None

    def lookup(self, ids: Sequence[str]) -> Found:
        """Items as they are now, by external id."""
        return Found()

    def replies(self, external_id: str) -> Page:
        """What stands beneath an item, some levels deep. Asked for where `Post.replies` of a lookup has grown."""
        return Page()

    def authors(self, ids: Sequence[str]) -> Mapping[str, Author]:
        """More of people whose items say little (reach, names), by external id. Asked for newcomers only."""
        return {}

    def following(self, payload: Mapping[str, Any], previous: Sent) -> dict[str, Any]:
        """The payload of a part that comes after `previous`: the same for the same two, whenever it is asked."""
        return dict(payload)

    def write_cost(self, payload: Mapping[str, Any]) -> int:
        return 1

    # --- for connectors ----------------------------------------------------------------------------------------

    def ask(self, method: str, url: str, **options: Any) -> Response:
        """One request, counted; what the network did wrong as PlatformError."""
        self.requests += 1
        if settings.POOLED and not connection.in_atomic_block:
            connection.close()  # back to the pool: a slow platform must not hold what pages need
        try:
            return self.http.request(method, url, **options)
        except NetError as error:
            raise self.of_net(error) from error

    def of_net(self, error: NetError) -> PlatformError:
        code = {"undecodable": "undecodable", "too_large": "too_large"}.get(error.code, "unreachable")
        permanent = error.code in ("blocked", "bad_url")
        detail = NET_WORDS.get(error.code, error.code) + (f" ({error.detail})" if error.detail else "")
        return PlatformError(code, detail, permanent=permanent, maybe_done=error.maybe_received)

    def decoded(self, response: Response) -> dict[str, Any]:
        try:
            value = response.json()
        except NetError as error:
            raise self.of_net(error) from error
        if not isinstance(value, dict):
            raise PlatformError("undecodable", "not an object", maybe_done=True)
        return value


def read_each(items: Any, read: Callable[[Any], Post | None]) -> tuple[list[Post], list[Malformed]]:
    """Posts of a list from outside; one that cannot be read costs itself and nothing else. None skips an item."""
    posts: list[Post] = []
    malformed: list[Malformed] = []
    for item in items if isinstance(items, list) else []:
        try:
            post = read(item)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            malformed.append(Malformed(item, f"{type(error).__name__}: {error}"[:200]))
            continue
        if post is not None:
            posts.append(post)
    return posts, malformed


def text_of(value: Any, name: str) -> str:
    """`value` where it is a non-empty string; ValueError names it otherwise."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing or no text")
    return value


def time_of(value: Any, name: str) -> dt.datetime:
    """An ISO-8601 time with zone, in UTC; ValueError names it otherwise."""
    try:
        time = dt.datetime.fromisoformat(text_of(value, name))
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} is no time: {str(value)[:40]}") from error


LONGEST_WAIT = 86_400.0  # seconds; who asks for more is asked again after a day


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3); None without one, a day at most."""
    raw = headers.get("retry-after", "").strip()
    if raw.isascii() and raw.isdigit():
        return min(float(raw), LONGEST_WAIT)
    try:
        return min(max(0.0, (parsedate_to_datetime(raw) - now).total_seconds()), LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
