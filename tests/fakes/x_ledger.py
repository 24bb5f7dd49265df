"""What the fake X remembers: people, posts in all their versions, direct messages, likes and mention lists."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import x_text
from .x_rules import EDITS, Json, snowflake

_FIRST_ACCOUNT = 1_500_000_000


@dataclass
class Account:
    """A person."""

    id: str
    username: str
    name: str
    followers: int
    verified_type: str
    premium: bool
    created_at: float
    protected: bool = False


@dataclass
class Post:
    """One version of a post. ``text`` is what people read; ``said`` lacks the @names X put before it.

    ``named`` are those the author named, ``auto_named`` those X named; ``people`` says whom each name meant then.
    """

    id: str
    author: str
    text: str
    said: str
    long_text: str
    created_at: float
    in_reply_to: str
    in_reply_to_user: str
    quote: str
    conversation: str
    history: list[str]
    named: frozenset[str]
    auto_named: frozenset[str]
    people: dict[str, str]
    lang: str
    shown: str
    shown_long: str
    wrapped: dict[str, str]
    reply_settings: str = "everyone"
    metrics: dict[str, int] = field(default_factory=dict)
    deleted: bool = False

    @property
    def whole(self) -> str:
        """The text without the cut."""
        return self.long_text or self.text

    @property
    def is_latest(self) -> bool:
        """Whether no edit has followed."""
        return self.history[-1] == self.id


@dataclass(frozen=True)
class DmEvent:
    """An event of a conversation of two."""

    id: str
    kind: str
    sender: str
    recipient: str
    text: str
    created_at: float

    @property
    def conversation(self) -> str:
        """The id of the conversation: the smaller user id comes first."""
        return conversation_of(self.sender, self.recipient)


@dataclass(frozen=True)
class Draft:
    """A post that has not been published."""

    author: str
    text: str
    reply_to: str = ""
    quote: str = ""
    at: float | None = None
    long_text: str = ""
    silent: bool = False
    spared: frozenset[str] = frozenset()
    lang: str = "en"


class Ledger:
    """The state of the platform; whoever touches it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.posts: dict[str, Post] = {}
        self.dms: dict[str, DmEvent] = {}
        self.likes: list[tuple[str, str]] = []
        self.raw_mentions: dict[str, list[tuple[int, Any]]] = {}
        self._last = 0
        self._given: set[int] = set()

    # People

    def add_account(self, username: str, name: str, followers: int, verified_type: str, *, premium: bool) -> Account:
        """Register a person."""
        if self.account_named(username) is not None:
            raise ValueError(f"There is already an account {username}")
        created = _FIRST_ACCOUNT + 3600.0 * len(self.accounts)
        identifier = str(snowflake(created, 7 + len(self.accounts)))
        account = Account(identifier, username, name or username, followers, verified_type, premium, created)
        self.accounts[identifier] = account
        return account

    def account_named(self, username: str) -> Account | None:
        """The account of a name, which counts the same in capitals."""
        low = username.lower()
        return next((one for one in self.accounts.values() if one.username.lower() == low), None)

    def next_id(self, at: float | None = None) -> str:
        """An identifier of this moment that nothing else has; those of now grow from one to the next."""
        number = snowflake(time.time() if at is None else at)
        if at is None:
            number = self._last = max(self._last + 1, number)
        while number in self._given:
            number += 1
        self._given.add(number)
        return str(number)

    # Posts

    def publish(self, draft: Draft) -> Post:
        """Put a post into the world."""
        parent = self.posts[draft.reply_to] if draft.reply_to else None
        auto = self.auto_names(draft, parent)
        text, long_text = (self.prefixed(draft, auto, one) for one in (draft.text, draft.long_text))
        identifier = self.next_id(draft.at)
        post = self._version(identifier, draft, text, long_text)
        post.auto_named = frozenset(auto) - post.named
        if parent is not None:
            post.in_reply_to, post.in_reply_to_user = parent.id, parent.author
            post.conversation = parent.conversation
        self.posts[identifier] = post
        return post

    def auto_names(self, draft: Draft, parent: Post | None) -> list[str]:
        """The ids of those whom X itself names before a reply: the author, and whom the author named."""
        if parent is None or draft.silent:
            return []
        order = dict.fromkeys([parent.author, *self._in_order(parent)])
        return [one for one in order if one != draft.author and one not in draft.spared]

    def edit(self, identifier: str, text: str) -> Post:
        """Publish a further version of a post, under an id of its own."""
        first = self.posts[self.posts[identifier].history[0]]
        if len(first.history) > EDITS:
            raise ValueError("A post can be edited five times")
        old = self.posts[first.history[-1]]
        post = self._version(self.next_id(), Draft(old.author, text, lang=old.lang), text, "")
        for name in (
            "in_reply_to",
            "in_reply_to_user",
            "quote",
            "conversation",
            "history",
            "reply_settings",
            "metrics",
        ):
            setattr(post, name, getattr(old, name))
        post.history.append(post.id)
        self.posts[post.id] = post
        return post

    def delete(self, identifier: str) -> None:
        """Delete a post with all its versions."""
        for one in self.posts[identifier].history:
            self.posts[one].deleted = True

    def visible(self, identifier: str, viewer: str) -> Post | None:
        """A post this viewer may read."""
        post = self.posts.get(identifier)
        if post is None or post.deleted or self.hidden(post, viewer):
            return None
        return post

    def hidden(self, post: Post, viewer: str) -> bool:
        """Whether a protected account keeps a post from this viewer."""
        return self.accounts[post.author].protected and post.author != viewer

    def standing(self, chosen: Callable[[Post], bool]) -> list[Post]:
        """The posts that stand, in their latest version, oldest first."""
        found = [one for one in self.posts.values() if not one.deleted and one.is_latest and chosen(one)]
        return sorted(found, key=lambda one: int(one.id))

    def versions_of(self, identifier: str) -> set[str]:
        """Every id under which a post has stood."""
        post = self.posts.get(identifier)
        return set(post.history) if post else {identifier}

    def mentioning(self, user_id: str) -> Iterator[tuple[int, Post | Any]]:
        """An account's mention list, in no order: posts, and whatever a test has put there."""
        for post in self.standing(lambda one: user_id in one.named | one.auto_named):
            yield int(post.id), post
        yield from self.raw_mentions.get(user_id, [])

    def count_replies(self, post: Post) -> int:
        """How many replies to a post stand."""
        return len(self.standing(lambda one: one.in_reply_to in post.history))

    def count_quotes(self, post: Post) -> int:
        """How many quotes of a post stand."""
        return len(self.standing(lambda one: one.quote in post.history))

    # Direct messages

    def write_dm(self, sender: str, recipient: str, text: str, kind: str, at: float | None) -> DmEvent:
        """Add an event to the conversation of two."""
        moment = time.time() if at is None else at
        event = DmEvent(self.next_id(at), kind, sender, recipient, text, moment)
        self.dms[event.id] = event
        return event

    def dms_of(self, user_id: str) -> list[DmEvent]:
        """Every event a person sees, newest first."""
        found = [one for one in self.dms.values() if user_id in {one.sender, one.recipient}]
        return sorted(found, key=lambda one: int(one.id), reverse=True)

    def _version(self, identifier: str, draft: Draft, text: str, long_text: str) -> Post:
        shown, wrapped = x_text.shortened(text, identifier)
        shown_long, wrapped_long = x_text.shortened(long_text, identifier)
        return Post(
            id=identifier,
            author=draft.author,
            text=text,
            said=draft.text,
            long_text=long_text,
            created_at=time.time() if draft.at is None else draft.at,
            in_reply_to="",
            in_reply_to_user="",
            quote=draft.quote,
            conversation=identifier,
            history=[identifier],
            named=frozenset(self.ids_of(one.value for one in x_text.mentions(draft.long_text or draft.text))),
            auto_named=frozenset(),
            people=self._people_in(long_text or text),
            lang=draft.lang,
            shown=shown,
            shown_long=shown_long,
            wrapped=wrapped | wrapped_long,
        )

    def ids_of(self, names: Iterator[str]) -> list[str]:
        """The ids of those among these names that somebody has."""
        found = [self.account_named(name) for name in names]
        return [one.id for one in found if one is not None]

    def _people_in(self, text: str) -> dict[str, str]:
        found = [self.account_named(one.value) for one in x_text.mentions(text)]
        return {one.username.lower(): one.id for one in found if one is not None}

    def _in_order(self, post: Post) -> list[str]:
        return [one for one in post.people.values() if one in post.named | post.auto_named]

    def prefixed(self, draft: Draft, auto: list[str], text: str) -> str:
        if not text:
            return ""
        leading = self.ids_of(iter(x_text.leading_names(text)[0]))
        missing = [f"@{self.accounts[one].username} " for one in auto if one not in leading]
        return "".join([*missing, text])


def conversation_of(one: str, other: str) -> str:
    """The id of the conversation of two people."""
    small, large = sorted((one, other), key=int)
    return f"{small}-{large}"


def raw_key(item: Any, otherwise: str) -> tuple[int, Any]:
    """A mention list's item of any shape, with the number it is listed by."""
    own: Json = item if isinstance(item, dict) else {}
    identifier = own.get("id")
    known = isinstance(identifier, str) and identifier.isascii() and identifier.isdecimal()
    return int(str(identifier) if known else otherwise), item
