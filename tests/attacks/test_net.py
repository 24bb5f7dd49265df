"""Requests we can be talked into: no private address by any spelling, no slow drip, no bomb."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from helpdesk.net import HttpClient, NetError
from mentions.models import Account, Source
from tests.attacks.scene import Scene

PRIVATE = [
    "https://127.0.0.1/", "https://localhost/", "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://0.0.0.0/", "https://0/", "https://127.1/",
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://[::1]/", "https://[::]/",
    "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
    "https://[fd00::1]/", "https://[fec0::1]/", "https://[64:ff9b:1::7f00:1]/", "https://[fe80::1]/", "https://[ff02::1]/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://127.0.0.1:8443/", "https://１２７.0.0.1/", "https://[::127.0.0.1]/",
]  # fmt: skip
UNUSABLE = [
    "ftp://platform.example/", "file:///etc/passwd", "gopher://platform.example/", "//platform.example/", "platform.example", "",
    "https://user@platform.example/", "https://user:word@platform.example/", "https://platform.example@127.0.0.1/", "https://",
    "https:///etc/passwd", "https://platform.example:99999/", "https://platform.example:x/", "https://[::1", "https://a b.example/",
    "https://platform.example/\r\nX-Other: 1", "javascript:alert(1)", "unix:/var/run/docker.sock",
]  # fmt: skip
NAMES = {"public.example": "93.184.216.34", "inside.example": "10.0.0.7", "localhost": "127.0.0.1"}


@pytest.fixture
def closed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No private network is allowed, names are ours to tell, and every address that is called is noted."""
    settings.ALLOW_NETS = []
    settings.REQUEST_SECONDS = 2
    real, called = socket.getaddrinfo, []

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".example") and host not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(NAMES.get(host, host), port, *args, **options)

    def connect(address: Any, *args: Any, **options: Any) -> Any:
        called.append(address[0])
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    return called


def refusal(url: str, **options: Any) -> str:
    with HttpClient() as http, pytest.raises(NetError) as caught:
        http.request("GET", url, **options)
    return caught.value.code


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_not_called(closed: list[str], url: str) -> None:
    assert refusal(url) in ("blocked", "bad_url", "dns")
    assert closed == []


@pytest.mark.parametrize("url", UNUSABLE)
def test_what_is_no_plain_address_is_refused(closed: list[str], url: str) -> None:
    assert refusal(url) == "bad_url"
    assert closed == []


def test_names_that_lead_inside_or_nowhere(closed: list[str]) -> None:
    assert refusal("https://inside.example/") == "blocked"
    assert refusal("https://nowhere.example/") == "dns"
    assert refusal("http://public.example/") == "blocked", "plain http is for allowed networks"
    assert closed == []


def test_one_bad_address_among_good_ones_is_enough(closed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: entries)
    assert refusal("https://public.example/") == "blocked"
    assert closed == []


def test_a_name_that_changes_its_mind(closed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the one called: the name is asked once, and never by the socket."""
    answers = itertools.chain(["93.184.216.34"], itertools.repeat("127.0.0.1"))

    def resolve(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert refusal("https://public.example/") == "refused"
    assert closed == ["93.184.216.34"]
    assert refusal("https://public.example/") == "blocked"
    assert closed == ["93.184.216.34"]


@pytest.mark.django_db
def test_a_source_takes_no_such_address(scene: Scene, closed: list[str]) -> None:
    before, api = (Source.objects.count(), Account.objects.count()), scene.world.api(scene.world.manager)
    named = {}
    for url in (*PRIVATE, *UNUSABLE, "https://inside.example", "https://nowhere.example", "http://public.example"):
        settings = {"base_url": url, "identifier": "northwind.test", "app_password": "abcd-efgh-ijkl-mnop"}
        body = {"brand": "northwind", "platform": "bluesky", "name": "Bluesky two", "settings": settings}
        answer = api.post("/api/v1/sources/", body, format="json")
        assert "abcd-efgh" not in answer.content.decode()
        named[url] = (answer.status_code, [error["field"] for error in answer.json().get("errors", [])])
    assert {url: found for url, found in named.items() if found != (400, ["settings.base_url"])} == {}
    assert closed == []
    assert (Source.objects.count(), Account.objects.count()) == before


# --- an allowed server that means ill --------------------------------------------------------------------------


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def says(body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            return

    return answer


def drips(request: BaseHTTPRequestHandler) -> None:
    """One byte at a time, each well within any timeout of its own."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(200):
            request.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize(
    "target", ["https://10.0.0.7/", "http://169.254.169.254/", "file:///etc/passwd", "https://[::1]:1/"]
)
def test_a_redirect_leads_to_no_private_address(settings: Any, target: str) -> None:
    settings.ALLOW_NETS = ["127.0.0.0/8"]

    def moved(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with server(moved) as url:
        assert refusal(f"{url}/", redirects=3) in ("blocked", "bad_url")


def test_a_slow_drip_ends_at_the_deadline() -> None:
    begun = time.monotonic()
    with server(drips) as url, HttpClient(seconds=0.5) as http, pytest.raises(NetError) as caught:
        http.request("GET", url)
    assert caught.value.code == "timeout"
    assert time.monotonic() - begun < 5


def test_a_bomb_does_not_unfold() -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    with server(says(bomb, Content_Encoding="gzip")) as url:
        assert refusal(url) == "too_large"
    with server(says(bomb[:200], Content_Encoding="gzip", Content_Length="200")) as url, HttpClient() as http:
        assert len(http.request("GET", url).body) < 5_000_000


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"0" * 6_000_000, {}, "too_large"),
        (b"no gzip", {"Content_Encoding": "gzip"}, "undecodable"),
        (b"x", {"Content_Encoding": "br"}, "undecodable"),
        (b"x", {"Content_Encoding": "gzip, gzip"}, "undecodable"),
    ],
)
def test_answers_nobody_can_take(body: bytes, headers: dict[str, str], code: str) -> None:
    with server(says(body, **headers)) as url:
        assert refusal(url) == code


def test_deep_nesting_is_no_crash() -> None:
    with server(says(b"[" * 200_000)) as url, HttpClient() as http, pytest.raises(NetError) as caught:
        http.request("GET", url).json()
    assert caught.value.code == "undecodable"
