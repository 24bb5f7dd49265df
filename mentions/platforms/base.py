"""The contract between the helpdesk and a platform: few verbs, typed values, one error.

A connector is made for one account and one piece of work, in one thread. It never touches the database: it is
given settings and secrets, returns values, and says what it did to its session to its `Keeper`.
How to write one: docs/adding-a-platform.md. What every one must survive: tests/platforms/contract.py.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
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
    "credentials": "%(platform)s refused the log-in (%(detail)s). The password or token is wrong or no longer good; enter a new one.",
    "forbidden": "%(platform)s no longer lets us do this (%(detail)s). Check the account's permissions.",
    "throttled": "%(platform)s asked us to slow down.",
    "budget": "The hour's requests are used up; listening goes on when the next hour begins.",
    "money": "This month's budget for %(platform)s is used up, but for what answers need. A manager can raise it under Sources.",
    "credit": "%(platform)s says that the prepaid credit or the spending cap is used up (%(detail)s). Top it up there.",
    "unavailable": "%(platform)s is not well (%(detail)s).",
    "unreachable": "%(detail)s. Check the address.",
    "no_api": "There is no %(platform)s at this address (%(detail)s). Check the address.",
    "names_others": "On %(platform)s whoever is named in a direct message gets it too: %(detail)s. Write the name without its @.",
    "out_of_reach": "%(platform)s does not let us reach this person: %(detail)s",
    "moderated": "Somebody has decided on this comment on %(platform)s by now (%(detail)s). Look there before you answer.",
    "undecodable": "%(platform)s answered with something else than its API (%(detail)s): a maintenance page, say, or another site. If it stays so, check the address.",
    "too_large": "%(platform)s sent more than we take in at once.",
    "backlog": "More had piled up than one look reads (%(detail)s); the oldest of it was left out.",
    "refused": "%(platform)s refused it: %(detail)s",
    "bounced": "It came back: %(detail)s",
    "delayed": "It has not arrived yet; their server goes on trying: %(detail)s",
    "not_summoned": "%(platform)s takes no reply of an app there: the post neither mentions nor quotes us. Open it on %(platform)s and answer there.",
    "gone": "What this answers is no longer there.",
    "ended": "%(platform)s says that this is gone for good. Listening has stopped.",
    "missing": "%(platform)s has no such item (any more).",
    "settings": "A setting is not right: %(detail)s.",
    "unsure": "The line broke while sending; it may or may not have arrived.",
    "house": "We could not store what came (%(detail)s). Nothing is lost: it is asked for again.",
    "bug": "We stumbled over this ourselves (%(detail)s). It is in the log.",
    "paused": "Somebody had paused it.",
    "idle": "No worker looked.",
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
    `maybe_done`: a write may have taken effect all the same. `only`: a limit on "public" or on "private" answers alone.
    `code` is a key of WORDS.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        maybe_done: bool = False,
        only: str = "",
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.only = code, detail[:300], only
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
    is_page: bool = False  # of a URL: one document, whose last slash is part of its name
    choices: tuple[tuple[str, str], ...] = ()  # where only these will do: value and what people read
    is_date: bool = False  # YYYY-MM-DD
    is_more: bool = False  # few need it: folded away in forms
    is_free: bool = False  # changes neither where we log in nor as whom: a stored secret stays good


ENDS = Setting(
    "expires_on",
    "Log-in ends on",
    "Where the platform gave it an end: that day, as YYYY-MM-DD. Managers are told two weeks before.",
    required=False,
    is_date=True,
    is_more=True,
)


@dataclass(frozen=True)
class Stream:
    """A kind of source: what it hears. `takes_query`: it needs a search term.

    `keeps_days`: for so long the platform shows what we were not there to hear; None: as long as it exists; 0: for no
    time that could be told. `reads_back`: it can be asked for what was said between two moments (`Connector.past`).
    """

    key: str
    name: str
    takes_query: bool = False
    rhythm_seconds: int = 60
    keeps_days: int | None = None
    reads_back: bool = False


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
    lookup_kinds: tuple[str, ...] = ("post",)  # of items that can be looked up
    recheck_seconds: int = 0  # at least so long between two looks at the same item
    reads_per_hour: int = 600  # of one source, to begin with: people can change it
    writes_per_hour: int | None = None
    by_hand: bool = False
    is_ours: bool = False  # a part of this house: nobody connects it
    help: str = ""
    # what to ask for when connecting, in the platform's own words: (permission, what for)
    permissions: tuple[tuple[str, str], ...] = ()
    guide: str = ""  # how to get credentials, in a few sentences
    is_paid: bool = False  # reads and writes cost money there: a brand sets a monthly budget
    moderates: bool = False  # items may be held there until somebody approves them
    authorises: bool = False  # in the browser, instead of a pasted token
    hooks: bool = False  # pushes what happens to /hooks/<platform>/<token>/

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
class Ref:
    """A known item: its global name, and the one that calls use where it differs ("" where never heard)."""

    external_id: str
    local_id: str = ""


@dataclass(frozen=True)
class File:
    """A file that came with an item."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""  # where the item's HTML shows it inline


@dataclass(frozen=True)
class Span:
    """A stretch of the past: from `since` until before `until`, in UTC."""

    since: dt.datetime
    until: dt.datetime

    def holds(self, moment: dt.datetime | None) -> bool:
        """What says no time may be of any: it is taken to be of this one."""
        return moment is None or self.since <= moment < self.until


@dataclass(frozen=True)
class Search:
    """What to search for: any of `include` (spellings and all), none of `exclude`, in `language` ("": in any)."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    language: str = ""


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
    private: bool | None = None  # None: as its kind says (direct and mail are)
    continues: bool = True  # what it answers; a quote begins a conversation of its own
    replies: int | None = None  # directly beneath it, where the platform counts them
    others: tuple[str, ...] = ()  # more that it may answer, in order, where `parent_id` is not known here
    ticket: int = 0  # the ticket that the item proves to belong to (a signed address)
    number: int = 0  # the ticket's number it claims to belong to: believed of that ticket's customer only
    html: str = ""  # as sent; never shown raw
    quoted: str = ""  # what it only repeats of earlier talk
    files: tuple[File, ...] = ()
    settled: bool = False  # old talk, which asks for no answer
    automatic: bool = False  # written by a machine: an auto-answer, a newsletter
    reference: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Malformed:
    """An item the connector could not read: it goes to quarantine with the reason."""

    raw: Any
    detail: str


@dataclass(frozen=True)
class Bounce:
    """Word that something of ours, by its external id, did not arrive. `permanent`: it never will."""

    external_id: str
    permanent: bool
    detail: str = ""


@dataclass(frozen=True)
class Page:
    """What one request brought. `cursor` is a durable position, safe to resume from once this page is stored;
    None where the position does not move (a cursor that lives only within one pass is never given)."""

    posts: tuple[Post, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    gone: tuple[str, ...] = ()  # external ids the platform says were deleted
    bounces: tuple[Bounce, ...] = ()
    cursor: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Authorisation:
    """Where a person says yes, and what is to be kept until they come back (PKCE's verifier, the app's own secret)."""

    url: str
    kept: Mapping[str, str]


@dataclass(frozen=True)
class Event:
    """Something pushed to us: its name among all that this account is pushed, when it happened, where it belongs.

    `stream` is the kind of source it would have been heard by; `owner` the account it is for, where the body says so.
    """

    name: str
    stream: str
    at: dt.datetime | None = None
    owner: str = ""


@dataclass(frozen=True)
class Found:
    """What a lookup by id brought: items as they are now, and the ids that are gone."""

    posts: tuple[Post, ...] = ()
    gone: tuple[str, ...] = ()
    malformed: tuple[Malformed, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who we are on the platform. `namespace` is where its ids are unique.

    `facts`: what the server said of itself that is needed without asking it again (limits, spellings, folders).
    """

    namespace: str
    external_id: str
    handle: str
    abilities: Mapping[str, str] = field(default_factory=dict)  # ability -> "" or why it is missing
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """Proof that a part is on the platform. `external` keeps what later calls need; its `id` is the local one."""

    external_id: str
    url: str = ""
    external: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A reply to freeze. `action`: public, private, like, approve, spam or hide.

    `target`: the mention's reference; `target_kind`: what the mention is; `author_id`: whose it is.
    """

    action: str
    text: str
    target_id: str
    target: Mapping[str, Any]
    author_id: str
    written_at: dt.datetime
    target_kind: str = "post"
    target_local_id: str = ""
    author_handle: str = ""
    ticket: int = 0
    number: int = 0  # the ticket's, as people know it
    people: Mapping[str, str] = field(default_factory=dict)  # handle -> external id, for those we know


def _forget(session: dict[str, Any]) -> None:
    """Nobody keeps it."""


@dataclass(frozen=True)
class Keeper:
    """Who keeps an account's session. `renew` lets one worker at a time make a new one (see `Connector.renew`)."""

    keep: Callable[[dict[str, Any]], None] = _forget
    renew: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]] | None = None


NOBODY = Keeper()
NOTHING: Mapping[str, Any] = {}


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
        keeper: Keeper = NOBODY,
        account_id: int = 0,
    ) -> None:
        self.settings, self.secrets, self.session = settings, secrets, dict(session)
        self.identity, self.account_id = identity, account_id
        self._http = http
        self._keeper = keeper
        self.requests = 0
        self.rest = 0.0  # seconds the platform asks to be left alone after this look
        self.spent: dict[str, tuple[int, int]] = {}  # what -> (how often, millionths of a dollar)
        self.allowance: int | None = None  # millionths that may still be spent; None: as much as it takes

    @property
    def http(self) -> HttpClient:
        """Made when first asked for: limits and lengths need none."""
        if self._http is None:
            self._http = HttpClient()
        return self._http

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.identity.facts if self.identity else {}

    def charge(self, what: str, count: int, micros: int = 0) -> None:
        """Note what a call cost: `count` of `what`, together so many millionths of a dollar."""
        had = self.spent.get(what, (0, 0))
        self.spent[what] = (had[0] + count, had[1] + micros)

    @property
    def cost(self) -> int:
        """Millionths of a dollar that this piece of work has cost so far."""
        return sum(micros for _count, micros in self.spent.values())

    def keep_session(self, session: dict[str, Any]) -> None:
        self.session = session
        self._keeper.keep(session)

    def renew(self, make: Callable[[], dict[str, Any]]) -> None:
        """A new session by `make`, which is called by one worker at a time; another's, where one was faster."""
        if self._keeper.renew is not None:
            self.session = self._keeper.renew(make)
        else:
            self.keep_session(make())

    # --- verbs -------------------------------------------------------------------------------------------------

    @abstractmethod
    def connect(self) -> Identity:
        """Log in and say who we are; PlatformError("credentials", permanent) where we are refused."""

    @abstractmethod
    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Pages of what is new since `cursor` ({} the first time). Each is stored before the next is asked for."""

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """Pages of what was said in `span`, of streams that read back. A page's cursor is where to go on from ({} at first).

        No more than `most` items are asked for where items cost money; where few are left, it ends before it is done.
        """
        raise PlatformError("refused", "the past cannot be asked for", permanent=True)

    def reads_back(self, stream: str) -> bool:
        """Whether this account's stream can be asked for its past. Makes no request."""
        return self.platform.stream(stream).reads_back

    def read_price(self, stream: str) -> int:
        """What reading one item costs, in millionths of a dollar."""
        return 0

    def reread(self, stream: str, raw: Any) -> Page:
        """One raw item of that stream, read again: what a retry from quarantine calls. Makes no request."""
        return Page(malformed=(Malformed(raw, "this platform cannot re-read items"),))

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        """Of an answer to the item with the reference `target`, read off settings and facts: makes no request."""
        return Limits(max_length=10_000)

    def length(self, text: str) -> int:
        """As the platform counts. Makes no request."""
        return len(text)

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        """Why `action` on this item is not possible here, as a sentence; "" where it is. Makes no request."""
        return ""

    def where(self, action: str, target: Mapping[str, Any]) -> str:
        """Where an answer to this goes, in a few words; "" where nobody could be in doubt. Makes no request."""
        return ""

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

    def lookup(self, items: Sequence[Ref]) -> Found:
        """Items as they are now."""
        return Found()

    def replies(self, item: Ref) -> Page:
        """What stands beneath an item, some levels deep. Asked for where `Post.replies` of a lookup has grown."""
        return Page()

    def queries(self, search: Search) -> list[str]:
        """The queries of the searching stream that bring what is searched for, and perhaps more: it is sifted here."""
        return [f'"{phrase}"' if " " in phrase else phrase for phrase in search.include]

    def authorise(self, back: str, state: str) -> Authorisation:
        """Begin: `back` is where the platform sends the person to, with a code and this `state`."""
        raise PlatformError("refused", "this platform takes a pasted token", permanent=True)

    def redeem(self, code: str, back: str, kept: Mapping[str, str]) -> dict[str, str]:
        """The secrets that a code stands for, by the names of settings."""
        raise PlatformError("refused", "this platform takes a pasted token", permanent=True)

    def challenge(self, query: Mapping[str, str]) -> dict[str, Any] | None:
        """What to answer a platform that asks whether this hook is ours; None: that is no question of its. No request."""
        return None

    def is_signed_by(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the platform pushed exactly these bytes. Header names are lower case. Makes no request."""
        return False

    def event(self, pushed: Any) -> Event:
        """What a pushed body is about; ValueError, KeyError or TypeError where it cannot be told. Makes no request."""
        raise ValueError("nothing is pushed from there")

    def read_push(self, pushed: Any) -> Page:
        """The items in a pushed body. Makes no request."""
        return Page()

    def authors(self, ids: Sequence[str]) -> Mapping[str, Author]:
        """More of people whose items say little (reach, names), by external id. Asked for newcomers only."""
        return {}

    def following(self, payload: Mapping[str, Any], previous: Sent) -> dict[str, Any]:
        """The payload of a part that comes after `previous`: the same for the same two, whenever it is asked."""
        return dict(payload)

    def write_cost(self, payload: Mapping[str, Any]) -> int:
        """Of the account's writes an hour."""
        return 1

    def write_price(self, payload: Mapping[str, Any]) -> int:
        """What sending it will cost, in millionths of a dollar."""
        return 0

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
        value = self._json(response)
        if not isinstance(value, dict):
            raise PlatformError("undecodable", "not an object", maybe_done=True)
        return value

    def decoded_list(self, response: Response) -> list[Any]:
        value = self._json(response)
        if not isinstance(value, list):
            raise PlatformError("undecodable", "not a list", maybe_done=True)
        return value

    def _json(self, response: Response) -> Any:
        try:
            return response.json()
        except NetError as error:
            raise self.of_net(error) from error


def pkce() -> tuple[str, str]:
    """(verifier, challenge) of RFC 7636, S256."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


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


def count_of(value: Any) -> int | None:
    """A count from outside, where it is one that fits its column."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


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


def said_in(response: Response, *names: str) -> str:
    """The first of these fields of an error's JSON that is text; "" where there is none: an error page may be anything."""
    try:
        value = response.json()
    except NetError:
        return ""
    fields = value if isinstance(value, dict) else {}
    return next((text for name in names if isinstance(text := fields.get(name), str) and text), "")


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
