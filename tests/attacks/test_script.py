"""Script that customers send, or that stands in an address, is text wherever colleagues read it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from helpdesk.models import Channel, Customer, Message, Profile, Ticket, User
from mentions import ingest
from mentions.models import Mention, Quarantine, Source
from mentions.platforms.base import Author, Page, Post
from mentions.platforms.demo.connector import Demo
from mentions.polling import claim
from tests.attacks.scene import Scene

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
BREAKOUT = "\"><img src=x onerror=alert(1)>'"
PAGES = [
    ("inbox/next/", ESCAPED),
    ("tickets/{ticket}/", ESCAPED),
    ("sources/", ESCAPED),
    ("sources/{source}/", ESCAPED),
    ("quarantine/", "alert(1)"),
    ("notices/", ESCAPED),
    ("contact/", ""),
    ("search/?s=%3Cscript", ESCAPED),
    ("helpdesk/customer/", ESCAPED),
    ("helpdesk/customer/?q=alert", ESCAPED),
    ("helpdesk/customer/{customer}/change/", ESCAPED),
    ("helpdesk/brand/", ESCAPED),
    ("helpdesk/brand/{brand}/change/", ESCAPED),
    ("helpdesk/membership/", ESCAPED),
    ("helpdesk/membership/{member}/change/", ESCAPED),
    ("helpdesk/membership/{member}/delete/", ESCAPED),
    ("helpdesk/apitoken/", ESCAPED),
    ("helpdesk/apitoken/{token}/change/", ESCAPED),
]
ADDRESSES = [
    "inbox/next/?intent={}",
    "inbox/next/?platform={}",
    "inbox/next/?reach={}",
    "inbox/next/?other={}",
    "search/?s={}",
    "helpdesk/customer/?q={}",
    "helpdesk/customer/?o={}",
    "contact/?customer={}",
]


@pytest.fixture
def owner(scene: Scene) -> Client:
    return scene.world.desk(scene.world.owner)


@pytest.fixture
def poisoned(scene: Scene) -> dict[str, Any]:
    """Script in every word of the brand that somebody types; the keys for the addresses."""
    north, brand = scene.north, scene.north.brand
    nasty = SCRIPT + BREAKOUT
    Customer.objects.filter(brand=brand).update(name=nasty, place=nasty, about=nasty, language="<b>")
    Profile.objects.filter(brand=brand).update(handle=nasty, name=nasty)
    Ticket.objects.filter(brand=brand).update(subject=nasty)
    Message.objects.filter(brand=brand).update(text=nasty, reasons=[{"field": nasty, "code": "word", "word": nasty}])
    for channel in Channel.objects.filter(brand=brand):
        Channel.objects.filter(pk=channel.pk).update(name=f"{nasty}{channel.pk}", handle=nasty)
    Source.objects.filter(brand=brand).update(name=nasty, query=nasty)
    Quarantine.objects.filter(brand=brand).update(raw={"text": nasty}, problem={"code": nasty, "detail": nasty})
    User.objects.filter(memberships__brand=brand).update(name=nasty)
    type(north.token).objects.filter(pk=north.token.pk).update(name=nasty)
    type(north.notice).objects.filter(pk=north.notice.pk).update(params={"name": nasty, "problem": nasty})
    type(brand).objects.filter(pk=brand.pk).update(name=nasty)
    things = ("ticket", "source", "customer", "brand", "member", "token")
    return {name: getattr(north, name).pk for name in things}


@pytest.mark.parametrize(("page", "shows"), PAGES, ids=[page for page, _ in PAGES])
def test_stored_script_is_shown_as_text(owner: Client, poisoned: dict[str, Any], page: str, shows: str) -> None:
    answer = owner.get(f"/desk/{page.format(**poisoned)}")
    assert answer.status_code == 200
    body = answer.content.decode()
    assert shows in body
    assert SCRIPT not in body
    assert "<img src=x" not in body


@pytest.mark.parametrize("address", ADDRESSES)
def test_script_in_an_address_comes_back_as_text(owner: Client, scene: Scene, address: str) -> None:
    answer = owner.get(f"/desk/{address.format('%22%3E%3Cscript%3Ealert(1)%3C/script%3E')}", follow=True)
    assert answer.status_code in (200, 404)
    assert SCRIPT not in answer.content.decode()


def test_what_an_agent_typed_comes_back_as_text(owner: Client, scene: Scene) -> None:
    """A refused draft stays in its box, and in it only."""
    text = f"</textarea>{SCRIPT}" + "x" * 21_000
    answer = owner.post(f"/desk/tickets/{scene.north.ticket.pk}/answer/", {"mode": "public", "text": text})
    assert answer.status_code == 400
    assert SCRIPT not in answer.content.decode()


def test_help_and_log_in_show_script_as_text(client: Client, scene: Scene, poisoned: dict[str, Any]) -> None:
    for path in ("/help/northwind/en/", f"/account/login/?next={SCRIPT}"):
        assert SCRIPT not in client.get(path).content.decode()


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", "http://plain.example/", "vbscript:x"])
def test_only_https_addresses_are_kept(scene: Scene, scheme: str) -> None:
    """What a platform gives as the address of a person or a post becomes a link: nothing but https is stored."""
    message = taken_in(scene, url=scheme, person_url=scheme)
    assert (message.url, message.profile.url if message.profile else None) == ("", "")


def test_https_addresses_are_kept_and_linked(scene: Scene, owner: Client) -> None:
    message = taken_in(scene, url="https://posts.example/1", person_url="https://people.example/ana")
    body = owner.get(f"/desk/tickets/{message.ticket_id}/").content.decode()
    assert 'href="https://posts.example/1"' in body
    assert 'href="https://people.example/ana"' in body


def test_script_addresses_are_no_links_even_where_stored(scene: Scene, owner: Client) -> None:
    """The second line of defence: a row that came in some other way."""
    Message.objects.filter(brand=scene.north.brand).update(url="javascript:alert(1)")
    Profile.objects.filter(brand=scene.north.brand).update(url="javascript:alert(1)")
    body = owner.get(f"/desk/tickets/{scene.north.ticket.pk}/").content.decode()
    assert 'href="javascript:' not in body


def test_script_addresses_in_words_are_no_links(scene: Scene, owner: Client) -> None:
    Message.objects.filter(pk=scene.north.message.pk).update(
        text="javascript:alert(1) and http://a.example/\"onclick='x'"
    )
    body = owner.get(f"/desk/tickets/{scene.north.ticket.pk}/").content.decode()
    assert "javascript:alert(1) and" in body
    assert 'href="javascript:' not in body
    assert "\"onclick='x'" not in body


@pytest.mark.parametrize(
    ("path", "evals"),
    [
        ("/desk/inbox/next/", True),
        ("/desk/helpdesk/customer/", True),
        ("/help/northwind/en/", False),
        ("/account/password/change/", False),
    ],
)
def test_pages_say_what_a_browser_may_load(owner: Client, scene: Scene, path: str, evals: bool) -> None:
    answer = owner.get(path)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert ("'unsafe-eval'" in policy["script-src"]) is evals
    assert "'unsafe-inline'" not in policy["script-src"]
    assert (policy["object-src"], policy["base-uri"], policy["frame-ancestors"]) == ("'none'", "'none'", "'none'")
    assert (answer.headers["X-Frame-Options"], answer.headers["X-Content-Type-Options"]) == ("DENY", "nosniff")


def taken_in(scene: Scene, *, url: str, person_url: str) -> Message:
    """One post through ingest, as a connector hands it over."""
    lease = claim(scene.north.source.pk, forced=True)
    assert lease is not None
    author = Author("demo:stranger", "stranger", "Stranger", url=person_url, reach=1)
    said_at = timezone.now() - dt.timedelta(minutes=1)
    post = Post("post", "demo:stored", author, "Where is my train?", said_at, "stored", url=url)
    ingest.store(lease, Page((post,)), Demo({}, {}, {}))
    message = Mention.objects.get(external_id="demo:stored").message
    assert message is not None
    return message
