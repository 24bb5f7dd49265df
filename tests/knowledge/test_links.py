"""Where the links of articles lead: rows say it of our own pages, a real server of others."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from helpdesk.conf.celery import app
from knowledge import links, publishing, tasks
from knowledge.models import BrokenLink, HelpCentre, Idea
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db


class Site(BaseHTTPRequestHandler):
    """Answers the status that its path names; /only-get/<status>/ refuses HEAD."""

    asked: list[tuple[str, str]] = []

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.asked.append((self.command, self.path))
        parts = self.path.strip("/").split("/")
        if parts[0] == "off":  # breaks off without a word
            self.close_connection = True
            return
        status = int(parts[-1])
        if parts[0] == "only-get" and self.command == "HEAD":
            status = 405
        self.send_response(status)
        if parts[0] == "to":
            self.send_header("Location", "http://[::1" if parts[1] == "nowhere" else f"/{parts[1]}")
        if parts[0] == "round":
            self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(links, "PAUSE_SECONDS", 0.0)
    Site.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def broken() -> dict[str, str]:
    return dict(BrokenLink.objects.values_list("url", "problem"))


def body(*addresses: str) -> str:
    return "\n\n".join(f"[x]({address})" for address in addresses)


def test_what_other_sites_answer(write: Write, site: str) -> None:
    fine = ("200", "only-get/200", "to/200/302", "401", "403", "429", "418")
    bad = {
        "404": "404", "410": "for good", "500": "trouble", "503": "trouble", "only-get/404": "404", "to/404/301": "404",
        "round/302": "again and again", "to/nowhere/302": "no address", "off": "broke off",
    }  # fmt: skip
    write("Elsewhere", body(*(f"{site}/{path}" for path in (*fine, *bad))))
    found = links.check()
    told = {url.removeprefix(f"{site}/"): problem for url, problem in broken().items()}
    assert told.keys() == bad.keys()
    assert all(bad[path] in problem for path, problem in told.items()), told
    assert (found.articles, found.links, found.broken) == (1, len(fine) + len(bad), len(bad))


def test_one_address_is_asked_once_whoever_names_it(write: Write, site: str) -> None:
    write("One", body(f"{site}/404", f"{site}/404#part"))
    write("Two", body(f"{site}/404"))
    links.check()
    assert Site.asked == [("HEAD", "/404")]
    assert BrokenLink.objects.count() == 3


def test_since_stays_until_it_is_mended(world: World, write: Write, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    edition = write("Elsewhere", body(f"{site}/404", f"{site}/410"))
    links.check()
    then = timezone.now() - dt.timedelta(days=9)
    BrokenLink.objects.update(since=then, seen_at=then)
    links.check()
    assert set(BrokenLink.objects.values_list("since", flat=True)) == {then}
    assert all(row.seen_at > then for row in BrokenLink.objects.all())
    monkeypatch.setattr(links._Asking, "problem", lambda *args: None)  # it turns machines away: nobody can say
    assert (links.check().mended, BrokenLink.objects.count()) == (0, 2)
    monkeypatch.setattr(links._Asking, "problem", lambda *args: "")
    assert (links.check().mended, BrokenLink.objects.count()) == (2, 0)
    BrokenLink.objects.create(
        brand=world.brand, edition=edition, url="https://gone.example/", problem="x", since=then, seen_at=then
    )
    publishing.archive(edition.pk, world.lead)
    assert (links.check().mended, BrokenLink.objects.count()) == (1, 0)


def test_what_may_not_be_called_is_noted_and_stops_nothing(write: Write, site: str, settings: Any) -> None:
    settings.ALLOW_NETS = ["127.0.0.0/8"]
    write(
        "Elsewhere",
        body("https://10.0.0.7/", "http://192.168.1.1/", "https://nowhere.invalid/", "https://user:pass@x.example/")
        + f"\n\n{body(f'{site}/404', 'http://127.0.0.1:1/', 'https://[::1', f'https://127.0.0.1:{site[-5:]}/200')}",
    )
    links.check()
    told = broken()
    assert "private network" in told["https://10.0.0.7/"]
    assert "Not looked at" in told["http://192.168.1.1/"]
    assert "DNS" in told["https://nowhere.invalid/"]
    assert "no address" in told["https://user:pass@x.example/"]
    assert "takes no calls" in told["http://127.0.0.1:1/"]
    assert f"{site}/404" in told


def test_links_within_the_help_centre_are_checked_by_rows(world: World, write: Write, settings: Any) -> None:
    settings.BASE_URL = "https://desk.example.com"
    shelf = publishing.save_category(world.brand, world.lead, name="Money")
    idea = Idea.objects.create(brand=world.brand, language="en", title="Night trains")
    target = write("Refunds", "## By card\n\nThree days.", category=shelf)
    publishing.readdress(target.pk, world.lead, "money-back")
    write("Draft only", live=False)
    write("Secret", visible="internal")
    here = "/help/northwind/en"
    fine = (
        f"{here}/articles/money-back/", f"{here}/articles/money-back", f"{here}/articles/money-back/#by-card", "#own-part",
        f"{here}/articles/refunds/", "../money-back/", f"https://desk.example.com{here}/", f"{here}/categories/money/",
        f"{here}/ideas/{idea.pk}/", "mailto:ana@example.org", "tel:+4631123456", "/desk/", "#top",
    )  # fmt: skip
    bad = {
        f"{here}/articles/draft-only/": "not published", f"{here}/articles/money-back/#by-cash": "by-cash", "#lost": "lost",
        f"{here}/categories/lost/": "category", "/help/northwind/fr/": "language", "/help/lost/en/": "help centre",
        "/lost/": "no such page", f"{here}/articles/secret/": "Not everybody", f"{here}/ideas/99999/": "idea",
        "../lost/": "no such article", "/help/picture/AAAAAAAAAAAAAAAAAAAAAA": "picture",
    }  # fmt: skip
    write("All of them", f"## Own part\n\n{body(*fine, *bad)}")
    links.check()
    told = broken()
    assert told.keys() == bad.keys()
    assert all(bad[url] in problem for url, problem in told.items()), told


def test_links_at_a_domain_of_its_own(world: World, write: Write) -> None:
    HelpCentre.objects.create(brand=world.brand, domain="help.northwind.example")
    write("Refunds")
    own = "https://help.northwind.example"
    fine = (f"{own}/en/articles/refunds/", "/en/articles/refunds/", "../refunds/")
    bad = (f"{own}/en/articles/lost/", "/help/northwind/en/articles/refunds/")
    write("Both", body(*fine, *bad))
    links.check(world.brand)
    assert set(broken()) == set(bad)


def test_a_turn_that_is_over_goes_on_where_it_was(write: Write, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write("Elsewhere", body(*(f"{site}/{path}/404" for path in "abc")))
    first = links.check(turn=-1.0)
    assert (BrokenLink.objects.count(), bool(first.next)) == (1, True)
    called: list[str] = []
    monkeypatch.setattr(tasks.check_links, "delay", called.append)
    monkeypatch.setattr(tasks, "LINKS_TURN", -1.0)
    tasks.check_links(first.next)
    tasks.check_links(called[-1])
    assert len(called) == 2
    tasks.check_links(called[-1])
    assert (BrokenLink.objects.count(), len(called), len(Site.asked)) == (3, 2, 3)
    assert app.conf.beat_schedule["check-links"]["task"] == tasks.check_links.name


def test_a_host_has_a_pause_between_two_requests(write: Write, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "PAUSE_SECONDS", 0.2)
    write("Elsewhere", body(f"{site}/200", f"{site}/only-get/200"))
    began = time.monotonic()
    links.check()
    assert time.monotonic() - began >= 0.4


def test_the_command_says_what_is_broken_and_the_article_shows_it(world: World, write: Write, site: str) -> None:
    edition = write("Elsewhere", body(f"{site}/404", "/lost/"))
    write("Theirs", body(f"{site}/410"), brand=world.rival)
    out, err = StringIO(), StringIO()
    call_command("check_links", "--brand", "northwind", stdout=out, stderr=err)
    assert out.getvalue() == '{"articles": 1, "links": 2, "broken": 2, "mended": 0}\n'
    assert f"en/elsewhere: {site}/404: There is no such page (404)." in err.getvalue()
    page = world.desk(world.agent).get(f"/desk/articles/{edition.pk}/").content.decode()
    assert f'<a class="hd-link" href="{site}/404" target="_blank" rel="noopener noreferrer">' in page
    assert "There is no such page (404)." in page
    assert "since" in page
    with pytest.raises(CommandError, match="no brand"):
        call_command("check_links", "--brand", "lost")
