"""The one HTTP client. Everything that leaves this house for another goes through `HttpClient.request`.

It differs from a plain client in what it refuses: a request has one total deadline (a server that drips a
byte a second does not stretch it), an answer has a size cap counted after decompression, and the address a
name resolves to is checked and then *used*, so that a name cannot change between the check and the call.
Private networks and plain http are refused unless `HELPDESK_ALLOW_NETS` names the network.

Built on httpcore, the engine of httpx: its network backend is a public seam, httpx's is not.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpcore
from django.conf import settings

MAX_BYTES = 5 * 1024 * 1024
USER_AGENT = "helpdesk/1 (+https://example.org/helpdesk)"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


# NAT64 and IPv4-compatible addresses hold an IPv4 address in their last 32 bits
CARRIES_IPV4 = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")]
# Local NAT64 and site-local: private, whatever Python's table of the day says
NEVER_PUBLIC = [ipaddress.ip_network(net) for net in ("64:ff9b:1::/48", "fec0::/10", "3fff::/20", "5f00::/16")]


class NetError(Exception):
    """A request that got no usable answer.

    `maybe_received`: the other side may have acted on it. False only where no byte of the request left.
    `code` is one of: blocked, dns, refused, tls, timeout, broken, too_large, undecodable, bad_url.
    """

    def __init__(self, code: str, detail: str = "", *, maybe_received: bool = False) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.maybe_received = code, detail, maybe_received


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, read once per process (it takes longer than a request)."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class Response:
    """An answer read whole. Header names are lower case; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The decoded body. NetError("undecodable") for anything else, HTML with status 200 included."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            raise NetError("undecodable", f"{kind}, {len(self.body)} bytes", maybe_received=True) from error


class HttpClient:
    """Requests with a deadline. One per piece of work and thread; connections are reused within it."""

    def __init__(self, *, seconds: float | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.seconds = float(seconds or settings.REQUEST_SECONDS)
        self.max_bytes = max_bytes
        self._backend = _GuardedBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust(),
            network_backend=self._backend,
            max_connections=4,
            keepalive_expiry=15,
        )

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._pool.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        redirects: int = 0,
    ) -> Response:
        """One answer, whatever its status. `body` is sent as JSON, `form` as a form; `redirects` are followed for GET and HEAD.

        Raises NetError. A reused connection that turns out dead before the answer counts as maybe received.
        """
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params if isinstance(params, Mapping) else list(params), doseq=True)}"
        given = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "gzip", **(headers or {})}
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            given["content-type"] = "application/json"
        elif form is not None:
            content, given["content-type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        self._backend.deadline = time.monotonic() + self.seconds
        for _hop in range(redirects + 1):
            answer = self._once(method, url, given, content)
            target = answer.headers.get("location")
            if (
                method not in ("GET", "HEAD")
                or answer.status not in (301, 302, 303, 307, 308)
                or not target
                or _hop == redirects
            ):
                return answer
            url, previous = urljoin(url, target), url
            if urlsplit(url)[:2] != urlsplit(previous)[:2]:
                given.pop("authorization", None)
        raise AssertionError("unreachable")

    def _once(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        scheme, host, port = checked_url(url)
        self._backend.plain = scheme == "http"
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}[scheme]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = f"[{host}]" if ":" in host else host
        sent = {"host": named if port == default else f"{named}:{port}", "content-length": str(len(content)), **headers}
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=scheme.encode(), host=host.encode(), port=port, target=target.encode()),
            headers=[(name.encode(), value.encode("latin-1", "replace")) for name, value in sent.items()],
            content=content,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self.seconds)},
        )
        try:
            answer = self._pool.handle_request(request)
            try:
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
                body = _read(answer.iter_stream(), found.get("content-encoding", ""), self.max_bytes)
            finally:
                answer.close()
        except (httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
            raise NetError("timeout", f"{host} did not answer the call") from error
        except httpcore.ConnectError as error:
            code = "tls" if isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error) else "refused"
            raise NetError(code, f"{host}:{port}") from error
        except httpcore.TimeoutException as error:
            raise NetError(
                "timeout", f"no whole answer from {host} in {self.seconds:g} s", maybe_received=True
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise NetError("broken", f"{host} broke off", maybe_received=True) from error
        return Response(answer.status, found, body, url)


def open_stream(host: str, port: int, *, plain: bool, seconds: float | None = None) -> socket.socket:
    """A connection to a checked address, for protocols that are not HTTP. NetError as everywhere.

    `plain`: what is said on it is not encrypted, which only HELPDESK_ALLOW_NETS allows.
    """
    timeout = float(seconds or settings.REQUEST_SECONDS)
    failure = NetError("refused", f"{host}:{port}")
    for address in resolve(host, port, plain=plain):
        try:
            return socket.create_connection((address, port), timeout)
        except TimeoutError:
            failure = NetError("timeout", f"{host} did not answer the call")
        except OSError:
            failure = NetError("refused", f"{host}:{port}")
    raise failure


def trusted() -> ssl.SSLContext:
    """The TLS settings of this house."""
    return _trust()


def checked_url(url: str) -> tuple[str, str, int]:
    """(scheme, host, port). NetError("bad_url") for anything that is no plain http(s) address of a host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NetError("bad_url", "is not well formed") from error
    if port == 0:
        raise NetError("bad_url", "names port 0")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise NetError("bad_url", "must start with https:// and name a host, without a user")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise NetError("bad_url", "contains white space")
    try:
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        (parts.path + parts.query).encode("ascii")
    except UnicodeError as error:
        raise NetError("bad_url", "has a host or path that is not plain ASCII or too long") from error
    return parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme]


def resolve(host: str, port: int, *, plain: bool) -> list[str]:
    """The addresses of `host` we may call. NetError "dns" or "blocked"."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NetError("dns", f"{host} is not known") from error
    addresses = list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
    allowed = [address for address in addresses if may_call(ipaddress.ip_address(address), plain=plain)]
    if not allowed or len(allowed) != len(addresses):
        why = "plain http is not allowed" if plain else "it is a private address"
        raise NetError("blocked", f"{host}: {why}. HELPDESK_ALLOW_NETS can allow its network")
    return allowed


def may_call(address: Address, *, plain: bool) -> bool:
    """Whether we may connect there: public addresses by https, any in HELPDESK_ALLOW_NETS also by http."""
    inner = _embedded(address)
    if any(inner in net for net in _allowed_nets() if net.version == inner.version):
        return True
    closed = any(address in net for net in NEVER_PUBLIC if net.version == address.version)
    return not plain and not closed and address.is_global and inner.is_global and not inner.is_multicast


def _embedded(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4, Teredo or NAT64 one; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if any(address in net for net in CARRIES_IPV4) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _allowed_nets() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(net) for net in settings.ALLOW_NETS]


def _read(chunks: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """The decoded body; NetError as soon as it passes `limit`, before a bomb unfolds."""
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise NetError("undecodable", f"content encoding {encoding}", maybe_received=True)
    unzip = zlib.decompressobj(31) if "gzip" in encoding else None
    body = bytearray()
    try:
        for piece in _pieces(chunks, unzip, limit):
            body += piece
            if len(body) > limit:
                raise NetError("too_large", f"more than {limit} bytes", maybe_received=True)
    except zlib.error as error:
        raise NetError("undecodable", "broken gzip", maybe_received=True) from error
    return bytes(body)


def _pieces(chunks: Iterable[bytes], unzip: Any, limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        if unzip is None:
            yield chunk
            continue
        rest = chunk
        while rest:
            yield unzip.decompress(rest, limit)
            rest = unzip.unconsumed_tail


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to a checked address, and holds every read and write to the deadline of the request."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self.deadline = 0.0
        self.plain = False

    def remaining(self, timeout: float | None, expired: type[Exception]) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise expired("deadline")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(  # type: ignore[override]  # the options are passed on as they come
        self, host: str, port: int, timeout: float | None = None, **options: Any
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(host)
        for address in resolve(host, port, plain=self.plain):
            try:
                left = self.remaining(timeout, httpcore.ConnectTimeout)
                return _GuardedStream(self._inner.connect_tcp(address, port, left, **options), self)
            except httpcore.ConnectError as error:
                failure = error
        raise failure


class _GuardedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, guard: _GuardedBackend) -> None:
        self._inner, self._guard = inner, guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._guard.remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._guard.remaining(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._guard.remaining(timeout, httpcore.ConnectTimeout)
        return _GuardedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
