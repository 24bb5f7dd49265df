"""Feeds: asked for politely, read whatever shape they are in, never twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from helpdesk.models import Message, Notice, Ticket
from mentions import polling
from mentions.models import Mention, Quarantine, Source
from tests.fakes import faults as fault
from tests.fakes.faults import Answer
from tests.fakes.server import FakeServer, Incoming
from tests.world import World, connect

pytestmark = pytest.mark.django_db


class Newsstand(FakeServer):
    """Serves one document with an ETag, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.headers, self.asked = b"", dict[str, str](), list[Incoming]()
        self.tagged = True

    def named(self, incoming: Incoming) -> str | None:
        return incoming.path

    def answer(self, incoming: Incoming) -> Answer:
        self.asked.append(incoming)
        tag = f'"{hash(self.body)}"'
        if self.tagged and incoming.headers.get("if-none-match") == tag:
            return Answer(304, b"", {})
        headers = {"Content-Type": "application/rss+xml", **({"ETag": tag} if self.tagged else {}), **self.headers}
        return Answer(200, self.body, headers)


def rss(*items: str, more: str = "") -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>Trains</title>{more}{"".join(items)}</channel></rss>'.encode()


def item(number: int, text: str = "Late again", author: str = "Ana") -> str:
    return (
        f"<item><title>By {author}</title><link>https://blog.example.com/p#comment-{number}</link>"
        f"<guid isPermaLink='false'>https://blog.example.com/?c={number}</guid><author>{author}</author>"
        f"<pubDate>{formatdate(time.time() - 60)}</pubDate><description>&lt;p&gt;{text} {number}&lt;/p&gt;</description></item>"
    )


@pytest.fixture
def stand() -> Iterator[Newsstand]:
    with Newsstand() as running:
        running.body = rss(item(1), item(2))
        yield running
        assert running.crashes == []


@pytest.fixture
def source(world: World, stand: Newsstand) -> Source:
    return connect(world, "feed", {"url": f"{stand.url}/comments/feed/"})


def heard(source: Source) -> dict[str, Any]:
    return polling.poll(source.pk, forced=True)


def test_entries_are_heard_once_and_asked_for_conditionally(stand: Newsstand, source: Source) -> None:
    assert heard(source)["new"] == 2
    assert heard(source)["heard"] == 0
    assert stand.requests[-1].status == 304
    stand.body = rss(item(3), item(2), item(1))
    assert heard(source)["new"] == 1
    assert set(Message.objects.values_list("text", flat=True)) == {f"By Ana\n\nLate again {n}" for n in (1, 2, 3)}
    assert Message.objects.filter(url="https://blog.example.com/p#comment-3").exists()


def test_a_feed_without_tags_is_compared_by_what_it_says(stand: Newsstand, source: Source) -> None:
    stand.tagged = False
    assert heard(source)["new"] == 2
    assert heard(source)["heard"] == 0


def test_nothing_can_be_sent_there_and_the_page_is_a_click_away(world: World, source: Source) -> None:
    heard(source)
    path = f"/api/v1/tickets/{Message.objects.all()[0].ticket_id}/replies/"
    refused = world.api(world.agent).post(path, {"text": "Sorry", "visibility": "public"}, format="json")
    assert "Open the page to answer there" in refused.json()["errors"][0]["message"]


def test_a_changed_entry_is_an_edit(stand: Newsstand, source: Source) -> None:
    heard(source)
    stand.body = stand.body.replace(b"Late again 1", b"On time 1").replace(b"<title>By Ana", b"<title>By Ana", 1)
    heard(source)
    assert Message.objects.count() == 2


def test_a_moved_feed_is_asked_for_at_its_new_address(stand: Newsstand, source: Source) -> None:
    stand.fault("/comments/feed/", fault.Status(301, b"", {"Location": f"{stand.url}/new/"}))
    assert heard(source)["new"] == 2
    stand.body = rss(item(9))
    heard(source)
    assert stand.asked[-1].path == "/new/"


def test_a_detour_for_now_moves_nothing(stand: Newsstand, source: Source) -> None:
    stand.fault("/comments/feed/", fault.Status(302, b"", {"Location": f"{stand.url}/elsewhere/"}))
    heard(source)
    stand.body = rss(item(9))
    heard(source)
    assert stand.asked[-1].path == "/comments/feed/"


def test_a_feed_that_is_gone_is_no_longer_asked_for_and_somebody_is_told(stand: Newsstand, source: Source) -> None:
    stand.always("*", fault.Status(410))
    assert heard(source)["problem"]["code"] == "ended"
    assert Source.objects.get().is_active is False
    assert Notice.objects.get(settled_at=None).code == "source.ended"


@pytest.mark.parametrize(
    ("more", "headers", "seconds"),
    [
        ("<ttl>60</ttl>", {}, 3600),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", {}, 1800),
        ("", {"Cache-Control": "public, max-age=7200"}, 7200),
        ("<ttl>1</ttl>", {}, 900),
    ],
)
def test_a_feed_is_left_alone_as_long_as_it_asks(
    stand: Newsstand, source: Source, more: str, headers: dict[str, str], seconds: int
) -> None:
    stand.body, stand.headers = rss(item(1), more=more), headers
    heard(source)
    row = Source.objects.get()
    assert row.last_tried_at
    assert (row.next_poll_at - row.last_tried_at).total_seconds() == pytest.approx(seconds)


def test_an_outage_says_when_to_come_back(stand: Newsstand, source: Source) -> None:
    stand.always("*", fault.Status(503, b"", {"Retry-After": "1800"}))
    assert heard(source)["problem"]["code"] == "unavailable"
    row = Source.objects.get()
    assert row.last_tried_at
    assert (row.next_poll_at - row.last_tried_at).total_seconds() >= 1800


def test_alerts_lead_to_the_page_itself_and_two_alerts_find_one_page(world: World, stand: Newsstand) -> None:
    def alert(number: int) -> bytes:
        return (
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>Alert</title><entry>'
            f"<id>tag:google.com,2013:googlealerts/feed:{number}</id><title type='html'>&lt;b&gt;Northwind&lt;/b&gt; late</title>"
            "<link href='https://www.google.com/url?rct=j&amp;url=https://news.example.com/a%3Fb%3D1&amp;ct=ga'/>"
            "<published>2026-11-24T10:00:00Z</published><updated>2026-11-24T10:00:00Z</updated><content type='html'>"
            "It is &lt;b&gt;late&lt;/b&gt;</content><author><name></name></author></entry></feed>"
        ).encode()

    for number in (1, 2):
        stand.body = alert(number)
        heard(connect(world, "feed", {"url": f"{stand.url}/alerts/feeds/{number}"}, name=f"Alert {number}"))
    assert Mention.objects.get().external_id == "https://news.example.com/a?b=1"
    message = Message.objects.get()
    assert (message.text, message.url) == ("Northwind late\n\nIt is late", "https://news.example.com/a?b=1")
    assert message.profile
    assert message.profile.name == "news.example.com"


def test_what_is_broken_is_read_as_far_as_it_goes(stand: Newsstand, source: Source) -> None:
    stand.body = rss(item(5)).replace(b"</channel></rss>", b"<item><title>& bad < xml")
    assert heard(source)["new"] >= 1


def test_a_page_that_is_no_feed_is_said_before_anything_is_stored(world: World, stand: Newsstand) -> None:
    stand.body, stand.headers = b"<html><body>Maintenance</body></html>", {"Content-Type": "text/html"}
    body = {"platform": "feed", "name": "Blog", "settings": {"url": stand.url + "/x"}}
    refused = world.api(world.manager).post("/api/v1/sources/", body, format="json")
    assert refused.status_code == 400
    assert "something else than its API" in refused.json()["errors"][0]["message"]


def test_an_entry_of_words_alone_is_known_by_them(stand: Newsstand, source: Source) -> None:
    stand.body = rss("<item><description>who am I</description></item>", item(7))
    assert (heard(source)["new"], heard(source)["new"]) == (2, 0)


def test_entries_without_an_id_that_lead_to_one_page_are_told_by_their_words(stand: Newsstand, source: Source) -> None:
    one, other = (f"<item><link>https://x.test/news</link><title>number {n}</title></item>" for n in (1, 2))
    stand.body = rss(one, other)
    assert (heard(source)["new"], heard(source)["new"]) == (2, 0)


def test_entries_without_a_name_are_not_taken_for_one_person_s(stand: Newsstand, source: Source) -> None:
    one, other = (f"<item><guid>{n}</guid><description>number {n}</description></item>" for n in (1, 2))
    stand.body = rss(one, other)
    heard(source)
    assert Ticket.objects.count() == 2


def test_an_entry_with_nothing_in_it_waits_in_quarantine(stand: Newsstand, source: Source) -> None:
    stand.body = rss("<item></item>", item(7))
    assert heard(source)["quarantined"] == 1
    assert Quarantine.objects.count() == 1
