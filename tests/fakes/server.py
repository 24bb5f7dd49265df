"""What every fake platform is built on: an HTTP server on loopback with faults, barriers and a log of requests."""

from __future__ import annotations

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

from .faults import Action, Answer, Barrier, FaultPlan

_HOST = "127.0.0.1"
_NOT_PERFORMED = Answer(500, b"")


@dataclass(frozen=True)
class Incoming:
    """A request as it came. Header names are lower case; `path` is unquoted, without the query."""

    verb: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


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


class FakeServer:
    """Subclasses give `named` and `answer`; tests let it fail with `fault`, `always` and the barriers."""

    def __init__(self, port: int = 0) -> None:
        self.crashes: list[BaseException] = []
        self._port = port
        self._faults = FaultPlan()
        self._log: list[_Entry] = []
        self._server: _Server | None = None

    # What a platform is

    def named(self, incoming: Incoming) -> str | None:
        """The name by which faults and the log know this request; None: no fault meets it."""
        raise NotImplementedError

    def answer(self, incoming: Incoming) -> Answer:
        """Do what a request asks, or say why not."""
        raise NotImplementedError

    # Up and down

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the platform answers; the same before and after a restart."""
        if self._port == 0:
            raise RuntimeError("The fake has not been started yet")
        return f"http://{_HOST}:{self._port}"

    def start(self) -> None:
        """Listen; a second start keeps the port and what is known."""
        if self._server is None:
            self._server = _Server(self, self._port)
            self._port = int(self._server.server_address[1])

    def stop(self) -> None:
        """Go down: close every connection, perform nothing that was held back."""
        if self._server is not None:
            self._server.go_down()
            self._server = None

    @property
    def requests(self) -> list[Request]:
        """Every named call, in the order of arrival."""
        return [Request(one.method, one.status, one.at) for one in list(self._log)]

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

    def converse(self, incoming: Incoming, wire: _Connection) -> None:
        """Take one call through its barriers and its fault, and note how it ended."""
        method = self.named(incoming)
        if method is None:
            return wire.send(self.answer(incoming).rendered())
        entry = _Entry(method, time.monotonic())
        self._log.append(entry)
        if not self._faults.hold(method, wire, after=False):
            return wire.close()
        action = self._faults.take(method)
        answer = _NOT_PERFORMED
        if action.performs():
            answer = self.answer(incoming)
            if not self._faults.hold(method, wire, after=True):
                return wire.close()
        wire.entry = entry
        try:
            action.deliver(wire, answer)
        except OSError:
            entry.status = 0
            raise


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, fake: FakeServer, port: int) -> None:
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

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
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
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(path.query, keep_blank_values=True)
        self.server.fake.converse(Incoming(self.command, unquote(path.path), query, headers, body), self)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It was already gone.
        return
