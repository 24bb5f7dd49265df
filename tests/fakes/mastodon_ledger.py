"""What the fake server remembers: people, statuses, favourites and notifications."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .mastodon_rules import Counter, Json, Options, Snowflakes, Ulids
from .mastodon_text import Person, link, mentioned, rendered, tags_of

# Keeps the ids of one kind apart from those of another made in the same millisecond.
_STATUS_SALT, _NOTICE_SALT, _REMOTE_SALT = 0x1, 0x5A175A17 << 32, 0x100
_FIRST_NOTICE = 96


@dataclass
class Account:
    """Somebody the server knows; `domain` is None for its own people."""

    id: str
    handle: str
    domain: str | None
    followers: int
    bot: bool
    created_at: float


@dataclass(frozen=True)
class Revision:
    """A status as it read from a moment on."""

    text: str
    content: str
    spoiler: str
    at: float


@dataclass
class Draft:
    """A status about to be published."""

    text: str
    reply_to: str | None = None
    visibility: str = "public"
    spoiler: str = ""
    quote: str | None = None
    language: str = "en"
    sensitive: bool = False
    at: float | None = None
    mentions: list[str] = field(default_factory=list)
    reblog_of: str | None = None


@dataclass
class Status:
    """A status as it stands."""

    id: str
    account_id: str
    text: str
    visibility: str
    in_reply_to_id: str | None
    in_reply_to_account_id: str | None
    spoiler: str
    language: str
    sensitive: bool
    quote: str | None
    reblog_of: str | None
    mentions: list[str]
    uri: str
    conversation: str
    created_at: float
    revisions: list[Revision]
    deleted: bool = False

    @property
    def edited_at(self) -> float | None:
        """When it was last changed."""
        return self.revisions[-1].at if len(self.revisions) > 1 else None


@dataclass(frozen=True)
class Favourite:
    """One account's favourite; its id is another sequence than that of statuses."""

    id: str
    account_id: str
    status_id: str


@dataclass(frozen=True)
class Notice:
    """One line of an account's notifications; `raw` is given out as it is."""

    id: str
    type: str
    author: str
    status_id: str
    at: float
    filtered: bool
    raw: Json | None = None


class Ledger:
    """The state of the server; whoever touches it holds `lock`."""

    def __init__(self, options: Options) -> None:
        self.lock = threading.RLock()
        self.options = options
        self.accounts: dict[str, Account] = {}
        self.statuses: dict[str, Status] = {}
        self.favourites: list[Favourite] = []
        self.notices: dict[str, list[Notice]] = {}
        self.filtered_authors: set[str] = set()
        self.incomplete_contexts: set[str] = set()
        self.ids = Ulids(_STATUS_SALT) if options.ulid else Snowflakes()
        self.notice_ids = Ulids(_NOTICE_SALT) if options.ulid else Counter(_FIRST_NOTICE)
        self.favourite_ids = Counter()
        self._remote_ids = Snowflakes(_REMOTE_SALT)
        self._own: dict[str, list[Status]] = defaultdict(list)
        self._about: dict[tuple[str, str], list[Status]] = defaultdict(list)

    # People

    def add_account(self, handle: str, followers: int, domain: str | None, *, bot: bool) -> Account:
        """Register a person of this server or of another."""
        if domain == self.options.domain:
            domain = None
        if self.account_at(handle, domain) is not None:
            raise ValueError(f"There is already an account {handle}")
        account = Account(self.ids.next(), handle, domain, followers, bot, time.time())
        self.accounts[account.id], self.notices[account.id] = account, []
        return account

    def account_at(self, handle: str, domain: str | None) -> Account | None:
        """The account of a handle; without a domain, or with this one, somebody local."""
        if domain is not None and domain.lower() == self.options.domain:
            domain = None
        name = (handle.lower(), domain.lower() if domain else None)
        return next((one for one in self.accounts.values() if (one.handle.lower(), one.domain) == name), None)

    def home(self, account: Account) -> str:
        """The address of the server an account lives on."""
        return f"https://{account.domain or self.options.domain}"

    def acct(self, account: Account) -> str:
        """How this server writes an account: its own people bare, unless it is told to write them in full."""
        if account.domain is None and not self.options.full_handles:
            return account.handle
        return f"{account.handle}@{account.domain or self.options.domain}"

    # Statuses

    def find(self, status_id: str) -> Status | None:
        """A status that stands."""
        status = self.statuses.get(status_id)
        return status if status is not None and not status.deleted else None

    def standing(self) -> Iterator[Status]:
        """Every status that is not deleted, in the order in which the server learnt of them."""
        return (one for one in self.statuses.values() if not one.deleted)

    def by(self, account_id: str) -> list[Status]:
        """What an account published and has not deleted, oldest first."""
        own = [one for one in self._own[account_id] if not one.deleted]
        return sorted(own, key=lambda status: self.ids.key(status.id))

    def about(self, status_id: str, kind: str) -> list[Status]:
        """The statuses that answer, boost or quote a status; the kind is `reply`, `reblog` or `quote`."""
        return [one for one in self._about[status_id, kind] if not one.deleted]

    def fans(self, status_id: str) -> list[str]:
        """The ids of those who favourited a status."""
        return [one.account_id for one in self.favourites if one.status_id == status_id]

    def visible(self, status: Status, viewer: str | None) -> bool:
        """Whether a viewer may see a status; nobody here follows anybody."""
        if status.visibility in {"public", "unlisted"}:
            return True
        return viewer is not None and viewer in {status.account_id, *status.mentions}

    def publish(self, author: Account, draft: Draft) -> Status:
        """Publish a status and tell those it mentions; a reply by itself tells nobody."""
        parent = self.find(draft.reply_to) if draft.reply_to else None
        now = time.time() if draft.at is None else draft.at
        status_id = self.ids.next(draft.at)
        status = Status(
            id=status_id,
            account_id=author.id,
            text=draft.text,
            visibility=draft.visibility,
            in_reply_to_id=parent.id if parent else None,
            in_reply_to_account_id=parent.account_id if parent else None,
            spoiler=draft.spoiler,
            language=draft.language,
            sensitive=draft.sensitive,
            quote=draft.quote,
            reblog_of=draft.reblog_of,
            mentions=list(dict.fromkeys([*self.named_in(author, draft.text), *draft.mentions])),
            uri=self._uri(author, status_id),
            conversation=parent.conversation if parent else status_id,
            created_at=now,
            revisions=[self._revision(author, draft.text, draft.spoiler, draft.quote, now)],
        )
        self._remember(status)
        for account_id in status.mentions:
            self._notify(account_id, "mention", status)
        if draft.quote is not None and self.options.since(4, 5):
            self._notify(self.statuses[draft.quote].account_id, "quote", status)
        return status

    def edit(self, status: Status, text: str) -> None:
        """Change a status; only those who boosted or quoted it are told, not those it mentions."""
        author = self.accounts[status.account_id]
        status.text = text
        status.mentions = list(dict.fromkeys([*status.mentions, *self.named_in(author, text)]))
        status.revisions.append(self._revision(author, text, status.spoiler, status.quote, time.time()))
        for boost in self.about(status.id, "reblog"):
            self._notify(boost.account_id, "update", status)
        for quoting in self.about(status.id, "quote") if self.options.since(4, 5) else []:
            self._notify(quoting.account_id, "quoted_update", status)

    def remove(self, status: Status) -> None:
        """Delete a status, its boosts and every notification of it."""
        gone = {status.id} | {one.id for one in self.about(status.id, "reblog")}
        for status_id in gone:
            self.statuses[status_id].deleted = True
        self.favourites = [one for one in self.favourites if one.status_id not in gone]
        for account_id, notices in self.notices.items():
            self.notices[account_id] = [one for one in notices if one.status_id not in gone]

    def favour(self, account_id: str, status: Status) -> None:
        """Favourite a status; a second time changes nothing."""
        if account_id in self.fans(status.id):
            return
        self.favourites.append(Favourite(self.favourite_ids.next(), account_id, status.id))
        self._notify(status.account_id, "favourite", status, by=account_id)

    def reblog(self, account: Account, status: Status) -> Status:
        """Boost a status."""
        boost = self.publish(account, Draft("", visibility=status.visibility, reblog_of=status.id))
        self._notify(status.account_id, "reblog", status, by=account.id)
        return boost

    def add_raw_notice(self, account_id: str, item: Json) -> None:
        """Put an item of any shape at the head of an account's notifications; no filter holds it back."""
        notice = Notice(self.notice_ids.next(), "", "", "", time.time(), filtered=False, raw=item)
        self.notices[account_id].append(notice)

    # What a text says

    def named_in(self, author: Account, text: str) -> list[str]:
        """The accounts a text names; a bare name is one of the author's own server."""
        return mentioned(text, _Resolver(self, author))

    def addressed(self, author: Account, text: str, account_ids: list[str]) -> str:
        """The text with those mentions before it that it lacks, as people's clients put them."""
        named = self.named_in(author, text)
        lacking = [self.accounts[one] for one in dict.fromkeys(account_ids) if one not in named]
        marks = "".join(f"@{self._mark(author, one)} " for one in lacking)
        return marks + text

    def url(self, account: Account) -> str:
        """The page of an account."""
        return f"{self.home(account)}/@{account.handle}"

    def status_url(self, status: Status) -> str:
        """The page of a status."""
        return f"{self.url(self.accounts[status.account_id])}/{status.uri.rpartition('/')[2]}"

    def tags(self, status: Status) -> list[str]:
        """The hashtags of a status."""
        return tags_of(status.text)

    def _remember(self, status: Status) -> None:
        self.statuses[status.id] = status
        self._own[status.account_id].append(status)
        for kind, other in (("reply", status.in_reply_to_id), ("reblog", status.reblog_of), ("quote", status.quote)):
            if other is not None:
                self._about[other, kind].append(status)

    def _mark(self, author: Account, person: Account) -> str:
        if author.domain == person.domain:
            return person.handle
        return f"{person.handle}@{person.domain or self.options.domain}"

    def _revision(self, author: Account, text: str, spoiler: str, quote: str | None, at: float) -> Revision:
        content = rendered(text, _Resolver(self, author), author.domain or self.options.domain)
        quoted = self.statuses.get(quote) if quote else None
        if quoted is not None and self.status_url(quoted) not in text:
            content = f'<p class="quote-inline">RE: {link(self.status_url(quoted))}</p>{content}'
        return Revision(text, content, spoiler, at)

    def _uri(self, author: Account, status_id: str) -> str:
        # A status of another server has another id there; only its local id serves here.
        last = status_id if author.domain is None else self._remote_ids.next()
        return f"{self.home(author)}/users/{author.handle}/statuses/{last}"

    def _notify(self, account_id: str, type: str, status: Status, *, by: str | None = None) -> None:
        author = by or status.account_id
        if account_id == author or self.accounts[account_id].domain is not None:
            return
        filtered = author in self.filtered_authors
        notice = Notice(self.notice_ids.next(), type, author, status.id, time.time(), filtered)
        self.notices[account_id].append(notice)


@dataclass(frozen=True)
class _Resolver:
    ledger: Ledger
    author: Account

    def __call__(self, user: str, domain: str | None) -> Person | None:
        account = self.ledger.account_at(user, domain or self.author.domain)
        return Person(account.id, account.handle, self.ledger.url(account)) if account else None
