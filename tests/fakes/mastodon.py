"""A fake Mastodon server over HTTP for fault tests: it keeps the platform's rules and a ledger of what it accepted."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from .faults import Answer
from .mastodon_api import Api
from .mastodon_call import Token
from .mastodon_ledger import Account, Draft, Ledger, Status
from .mastodon_rules import Options
from .server import FakeServer, Incoming

FLAVOURS = ("mastodon", "ulid")


class FakeMastodon(FakeServer):
    """One server of the fediverse, and what it knows of people on others."""

    def __init__(
        self,
        *,
        port: int = 0,
        flavour: str = "mastodon",
        domain: str = "",
        rate_limit: int | None = None,
        characters: int = 500,
        search: bool = True,
        version: str = "4.4.1",
        full_handles: bool = False,
    ) -> None:
        if flavour not in FLAVOURS:
            raise ValueError(f"There is no flavour {flavour}")
        self.options = Options(
            flavour=flavour,
            domain=domain or "social.test",
            version=version,
            rate_limit=rate_limit,
            characters=characters,
            search=search,
            full_handles=full_handles,
        )
        super().__init__(port)
        self._ledger = Ledger(self.options)
        self._api = Api(self._ledger, lambda: self.url)

    def named(self, incoming: Incoming) -> str | None:
        """The verb and the template of the path; a path of no method stands for itself."""
        return self._api.named(incoming.verb, incoming.path)

    def answer(self, incoming: Incoming) -> Answer:
        """What the method says."""
        return self._api.answer(incoming)

    # People

    def add_account(
        self,
        handle: str,
        *,
        followers: int = 0,
        domain: str | None = None,
        token: str | None = None,
        scopes: str = "read write",
        bot: bool = False,
    ) -> str:
        """Register a person, of another server where a domain says so; return the id. A token opens their account."""
        with self._ledger.lock:
            account = self._ledger.add_account(handle, followers, domain, bot=bot)
            if token is not None:
                self._api.tokens.add(Token(token, account.id, tuple(scopes.split())))
            return account.id

    def revoke(self, token: str) -> None:
        """Let a token open nothing from now on."""
        with self._ledger.lock:
            self._api.tokens.revoke(token)

    def who_authorises(self, account_id: str | None) -> None:
        """Let this person consent to every app that asks at /oauth/authorize; None: nobody does."""
        with self._ledger.lock:
            self._api.oauth.consenting = account_id

    def set_handle(self, account_id: str, handle: str) -> None:
        """Rename a person; the id stays, and so does the uri of what they published."""
        with self._ledger.lock:
            self._ledger.accounts[account_id].handle = handle

    def filter_notifications(self, account_id_of_author: str) -> None:
        """From now on list what this author does only to a caller with include_filtered=true."""
        with self._ledger.lock:
            self._ledger.filtered_authors.add(account_id_of_author)

    # What people do

    def post(
        self,
        account_id: str,
        text: str,
        *,
        reply_to: str | None = None,
        visibility: str = "public",
        mention: list[str] | None = None,
        tags: list[str] | None = None,
        spoiler: str = "",
        quote: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Publish a status and return its local id.

        As a person's client does, put the mention of those it answers or names before the text,
        and the tags behind it, where the text lacks them. ``at`` also decides the id.
        """
        with self._ledger.lock:
            author = self._ledger.accounts[account_id]
            asked = [*self._answered(author, reply_to), *(mention or [])]
            text = _tagged(self._ledger.addressed(author, text, asked), tags or [])
            if quote is not None:
                self._standing(quote)
            draft = Draft(
                text,
                reply_to=reply_to,
                visibility=visibility,
                spoiler=spoiler,
                quote=quote,
                sensitive=bool(spoiler),
                at=at.timestamp() if at else None,
            )
            return self._ledger.publish(author, draft).id

    def edit(self, status_id: str, text: str) -> None:
        """Change a status; whom it mentioned it still mentions, and they are not told."""
        with self._ledger.lock:
            status = self._standing(status_id)
            author = self._ledger.accounts[status.account_id]
            self._ledger.edit(status, self._ledger.addressed(author, text, status.mentions))

    def delete(self, status_id: str) -> None:
        """Delete a status, and every notification of it."""
        with self._ledger.lock:
            self._ledger.remove(self._standing(status_id))

    def favourite(self, account_id: str, status_id: str) -> None:
        """Favourite a status."""
        with self._ledger.lock:
            self._ledger.favour(account_id, self._standing(status_id))

    def reblog(self, account_id: str, status_id: str) -> str:
        """Boost a status and return the id of the boost."""
        with self._ledger.lock:
            return self._ledger.reblog(self._ledger.accounts[account_id], self._standing(status_id)).id

    def raw_notification(self, account_id: str, item: dict[str, Any]) -> None:
        """Put an item of any shape at the head of an account's notifications; no filter holds it back."""
        with self._ledger.lock:
            self._ledger.add_raw_notice(account_id, item)

    def drop_notifications(self, account_id: str) -> None:
        """Forget what an account was told so far: the statuses themselves stand."""
        with self._ledger.lock:
            self._ledger.notices[account_id].clear()

    def incomplete_context(self, status_id: str) -> None:
        """Leave the descendants out of a context, and say that they are still being fetched."""
        with self._ledger.lock:
            self._ledger.incomplete_contexts.add(status_id)

    def complete_context(self, status_id: str) -> None:
        """Show a context whole again: the fetching is done."""
        with self._ledger.lock:
            self._ledger.incomplete_contexts.discard(status_id)

    # The ledger

    def uri(self, status_id: str) -> str:
        """The global name of a status, deleted or not."""
        with self._ledger.lock:
            return self._ledger.statuses[status_id].uri

    def statuses_by(self, account_id: str) -> list[Status]:
        """The statuses of a person that stand, oldest first."""
        with self._ledger.lock:
            return copy.deepcopy(self._ledger.by(account_id))

    def favourites_by(self, account_id: str) -> list[str]:
        """The ids of the statuses a person favourited, oldest favourite first."""
        with self._ledger.lock:
            return [one.status_id for one in self._ledger.favourites if one.account_id == account_id]

    def _standing(self, status_id: str) -> Status:
        status = self._ledger.find(status_id)
        if status is None:
            raise KeyError(status_id)
        return status

    def _answered(self, author: Account, reply_to: str | None) -> list[str]:
        """Whom a person's client mentions in a reply: the one it answers, unless that is its own author."""
        if reply_to is None:
            return []
        parent = self._standing(reply_to)
        return [] if parent.account_id == author.id else [parent.account_id]


def _tagged(text: str, tags: list[str]) -> str:
    lacking = [tag for tag in tags if f"#{tag}".lower() not in text.lower()]
    return " ".join([text, *(f"#{tag}" for tag in lacking)])
