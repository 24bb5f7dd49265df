"""A fake Bluesky network over HTTP for fault tests: it keeps the platform's rules and a ledger of what it accepted."""

from __future__ import annotations

import copy
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from .bluesky_chat import Message
from .bluesky_faults import Action, Answer, Barrier, FaultPlan, json_answer
from .bluesky_ledger import Ledger, Record, Write
from .bluesky_rules import LIKE, POST, Json
from .bluesky_sessions import Call, Options
from .bluesky_xrpc import Xrpc

_HOST = "127.0.0.1"
_NOT_PERFORMED = Answer(500, b"")


class Request(NamedTuple):
    """A call as it came; the status is 0 while, or if ever, it got no answer."""

    method: str
    status: int
    at: float


@dataclass
class _Entry:
    method: str = ""
    at: float = 0
    status: int = 0


class FakeBluesky:
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
        self.crashes: list[BaseException] = []
        self._port = port
        self._ledger = Ledger()
        self._xrpc = Xrpc(self._ledger, self.options, lambda: self.url)
        self._faults = FaultPlan()
        self._log: list[_Entry] = []
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the network answers; the same before and after a restart."""
        if self._port == 0:
            raise RuntimeError("The fake has not been started yet")
        return f"http://{_HOST}:{self._port}"

    def start(self) -> None:
        """Listen; a second start keeps the port and the ledger."""
        if self._server is None:
            self._server = _Server(self, self._port)
            self._port = int(self._server.server_address[1])

    def stop(self) -> None:
        """Go down: close every connection, perform nothing that was held back."""
        if self._server is not None:
            self._server.go_down()
            self._server = None

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

    @property
    def requests(self) -> list[Request]:
        """Every XRPC call, in the order of arrival."""
        return [Request(one.method, one.status, one.at) for one in list(self._log)]

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

    # Faults

    def fault(self, method: str, action: Action, times: int = 1) -> None:
        """Let the next calls of a method (``*``: of any) meet this action."""
        self._faults.add(method, action, times)

    def always(self, method: str, action: Action) -> None:
        """Let every call of a method meet this action, until ``clear``."""
        self._faults.set_always(method, action)

    def pause_before(self, method: str) -> Barrier:
        """Hold calls of a method before anything is performed."""
        return self._faults.add_barrier(method, after=False)

    def pause_after(self, method: str) -> Barrier:
        """Hold calls of a method when they are performed but not answered."""
        return self._faults.add_barrier(method, after=True)

    def clear(self) -> None:
        """Forget every fault and open every barrier."""
        self._faults.clear()

    # What the connection needs

    def converse(self, call: Call, wire: _Connection) -> None:
        """Take one call through its barriers and its fault, and note how it ended."""
        entry = _Entry(call.method, time.monotonic())
        self._log.append(entry)
        if not self._faults.hold(call.method, wire, after=False):
            return wire.close()
        action = self._faults.take(call.method)
        answer = _NOT_PERFORMED
        if action.performs():
            answer = self._xrpc.answer(call)
            if not self._faults.hold(call.method, wire, after=True):
                return wire.close()
        wire.entry = entry
        try:
            action.deliver(wire, answer)
        except OSError:
            entry.status = 0
            raise

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, fake: FakeBluesky, port: int) -> None:
        self.fake, self.stopping = fake, threading.Event()
        self.live: set[socket.socket] = set()
        super().__init__((_HOST, port), _Connection)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def go_down(self) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        deadline = time.monotonic() + 2
        # A caller may hold a connection open; a server that is gone answers on none.
        while self.live and time.monotonic() < deadline:
            for connection in list(self.live):
                _shut(connection)
            time.sleep(0.01)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A caller that went away is part of the tests; anything else is a mistake of the fake.
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.fake.crashes.append(error)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def stopping(self) -> threading.Event:
        return self.server.stopping

    def setup(self) -> None:
        super().setup()
        self.entry = _Entry()
        self.server.live.add(self.connection)

    def finish(self) -> None:
        self.server.live.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read the ledger, not a log."""

    def begin(self, status: int) -> None:
        self.entry.status = status

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def close(self) -> None:
        self.close_connection = True
        _shut(self.connection)

    def reset(self) -> None:
        self.close_connection = True
        # Lingering for no time makes the kernel send a reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length or self.stopping.is_set():
            # Half a request is none: the caller died while sending it.
            return self.close()
        path = urlsplit(self.path)
        if not path.path.startswith("/xrpc/"):
            return self.send(self.server.fake.directory(unquote(path.path)).rendered())
        headers: Json = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(path.query, keep_blank_values=True)
        self.server.fake.converse(Call(path.path.removeprefix("/xrpc/"), self.command, query, headers, body), self)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It was already gone.
        return
