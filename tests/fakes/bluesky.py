"""A fake Bluesky network over HTTP for fault tests: it keeps the platform's rules and a ledger of what it accepted."""

from __future__ import annotations

import copy
from typing import Any

from .bluesky_chat import Message
from .bluesky_ledger import Ledger, Record, Write
from .bluesky_rules import LIKE, POST, Json
from .bluesky_sessions import Call, Options
from .bluesky_xrpc import Xrpc
from .faults import Answer, json_answer
from .server import FakeServer, Incoming


class FakeBluesky(FakeServer):
    """A whole network on one port: its personal data server, its index, its chat and its directory."""

    def __init__(
        self,
        *,
        port: int = 0,
        access_seconds: float = 7200,
        chat: bool = True,
        rate_limit: int | None = None,
        shuffle_pages: bool = False,
        index_delay: float = 0,
    ) -> None:
        self.options = Options(
            access_seconds=access_seconds,
            chat=chat,
            rate_limit=rate_limit,
            shuffle_pages=shuffle_pages,
            index_delay=index_delay,
        )
        super().__init__(port)
        self._ledger = Ledger()
        self._xrpc = Xrpc(self._ledger, self.options, lambda: self.url)

    def named(self, incoming: Incoming) -> str | None:
        """The XRPC method; the directory beside them never fails."""
        return incoming.path.removeprefix("/xrpc/") if incoming.path.startswith("/xrpc/") else None

    def answer(self, incoming: Incoming) -> Answer:
        """What the method or the directory says."""
        method = self.named(incoming)
        if method is None:
            return self.directory(incoming.path)
        headers: Json = dict(incoming.headers)
        return self._xrpc.answer(Call(method, incoming.verb, incoming.query, headers, incoming.body))

    # People

    def add_account(
        self, handle: str, password: str = "main-secret", app_password: str = "abcd-efgh-ijkl-mnop", followers: int = 0
    ) -> str:
        """Register a person and return the did."""
        with self._ledger.lock:
            return self._ledger.add_account(handle, password, app_password, followers).did

    def set_app_password(self, did: str, new: str, *, revoke_sessions: bool = False) -> None:
        """Replace the app password; ``revoke_sessions`` also closes what was opened with the old one."""
        with self._ledger.lock:
            self._ledger.accounts[did].app_password = new
            if revoke_sessions:
                self._xrpc.sessions.revoke(did)

    def revoke_sessions(self, did: str) -> None:
        """Let every token of an account open nothing from now on."""
        with self._ledger.lock:
            self._xrpc.sessions.revoke(did)

    def expire_access_tokens(self, did: str) -> None:
        """Let the access tokens of an account run out now; refreshing still works."""
        with self._ledger.lock:
            self._xrpc.sessions.expire_access(did)

    def set_handle(self, did: str, handle: str) -> None:
        """Rename a person; the did stays."""
        with self._ledger.lock:
            self._ledger.accounts[did].handle = handle

    def refuse_chat(self, did: str, error: str | None = "MessagesDisabled") -> None:
        """Let a person take no messages, for this reason; None lets them take messages again."""
        with self._ledger.lock:
            self._ledger.accounts[did].chat_refusal = error

    # What people do

    def post(
        self,
        did: str,
        text: str,
        *,
        reply_to: str | None = None,
        created_at: str | None = None,
        mention: list[str] | None = None,
        quote: str | None = None,
    ) -> str:
        """Publish a post; a mention whose @handle the text lacks is put before it. Return the uri."""
        with self._ledger.lock:
            delay = self.options.index_delay
            record = self._ledger.write_post(
                did, text, reply_to=reply_to, created_at=created_at, mention=mention, quote=quote, delay=delay
            )
            return record.uri

    def edit(self, uri: str, text: str) -> str:
        """Change a post's text under the same uri; return the new cid."""
        with self._ledger.lock:
            return self._ledger.edit_post(uri, text).cid

    def delete(self, uri: str) -> None:
        """Delete a post."""
        with self._ledger.lock:
            self._ledger.remove(uri)

    def close_replies(self, uri: str) -> None:
        """Let a post say that nobody may reply to it."""
        with self._ledger.lock:
            self._ledger.closed_to_replies.add(uri)

    def raw_notification(self, did: str, item: dict[str, Any]) -> None:
        """Put an item of any shape at the head of an account's notifications; no filter holds it back."""
        with self._ledger.lock:
            self._ledger.add_raw_notice(did, item)

    def drop_notifications(self, did: str) -> None:
        """Forget what an account was told so far, as an index that missed it: the posts themselves stand."""
        with self._ledger.lock:
            self._ledger.notices[did].clear()

    def direct(self, from_did: str, to_did: str, text: str) -> str:
        """Send a chat message; return its id."""
        with self._ledger.lock:
            return self._xrpc.chat.write(from_did, to_did, text).id

    # The ledger

    @property
    def writes(self) -> list[Write]:
        """Every write the server accepted, in order."""
        with self._ledger.lock:
            return list(self._ledger.writes)

    def posts_by(self, did: str) -> list[Record]:
        """The posts of a person that stand, oldest first."""
        return self._records(POST, did)

    def likes_by(self, did: str) -> list[Record]:
        """The likes of a person that stand, oldest first."""
        return self._records(LIKE, did)

    def messages_from(self, did: str) -> list[Message]:
        """The chat messages a person sent, oldest first."""
        with self._ledger.lock:
            return [one for one in self._xrpc.chat.messages if one.sender == did]

    def cid(self, uri: str) -> str:
        """The cid of a post as it stands."""
        with self._ledger.lock:
            return self._ledger.records[uri].cid

    def directory(self, path: str) -> Answer:
        """What the directory of dids says under this path."""
        with self._ledger.lock:
            account = self._ledger.accounts.get(path.removeprefix("/"))
            if account is None:
                return json_answer(404, {"message": f"DID not registered: {path.removeprefix('/')}"})
            return json_answer(200, self._xrpc.did_document(account))

    def _records(self, collection: str, did: str) -> list[Record]:
        with self._ledger.lock:
            return copy.deepcopy(self._ledger.live(collection, did))
