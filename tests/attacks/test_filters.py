"""Odd values in every filter, ordering, cursor and body: refused or without effect, never an error of ours."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from helpdesk.api.urls import router
from helpdesk.text.clean import cleaned
from tests.attacks.scene import Scene

pytestmark = pytest.mark.django_db
C = TypeVar("C", bound=Client)

ODD = [
    "'", '"', "' OR 1=1 --", "1; DROP TABLE helpdesk_ticket", "1 UNION SELECT password FROM helpdesk_user", "%", "_", "\\", "\x00", "a\x00b",
    "-1", "0", "1" * 40, "9" * 19, str(2**63), "1e309", "NaN", "Infinity", "1_000", "٣", "²", "true", "null", "[]", "{}", "\ufffd", "\u202e", "😀" * 300,
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2020-01-01", "x" * 5000, "%s", "{0}", "../../etc/passwd", "new,,open", ",",
]  # fmt: skip


def calm(client: C) -> C:
    """The client as the network sees us: a crash is an answer with status 500."""
    client.raise_request_exception = False
    return client


LISTS = [(prefix, view) for prefix, view, _ in router.registry if prefix != "platforms"]


@pytest.mark.parametrize(("prefix", "view"), LISTS, ids=[prefix for prefix, _ in LISTS])
def test_odd_values_in_every_filter(scene: Scene, prefix: str, view: Any) -> None:
    api = calm(scene.world.api(scene.world.agent))
    kind = getattr(view, "filterset_class", None)
    names = [*(kind.base_filters if kind else ()), "ordering", "cursor", "limit", "nonsense"]
    place = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda hit: {"slug": "northwind", "language": "en"}[hit[1]], prefix)
    answers = {(name, odd): api.get(f"/api/v1/{place}/?{urlencode({name: odd})}") for name in names for odd in ODD}
    broken = [key for key, answer in answers.items() if answer.status_code not in (200, 400)]
    assert broken == []
    known = {"southbay", "Quillfeather"}
    assert not any(word in answer.content.decode() for answer in answers.values() for word in known)


def test_a_broken_byte_in_an_address(scene: Scene) -> None:
    """%ED%A0%80 is a lone surrogate, %FF no UTF-8 at all."""
    api, desk = calm(scene.world.api(scene.world.agent)), calm(scene.world.desk(scene.world.agent))
    for raw in ("%ED%A0%80", "%FF", "%00"):
        for path in ("tickets/?platform=", "customers/?name=", "tickets/?cursor=", "sources/?platform="):
            assert api.get(f"/api/v1/{path}{raw}").status_code in (200, 400)
        for path in (
            "search/?s=",
            "inbox/next/?platform=",
            "inbox/next/?cursor=",
            "helpdesk/customer/?q=",
            "contact/?customer=",
        ):
            assert desk.get(f"/desk/{path}{raw}").status_code in (200, 302, 404), path


@pytest.mark.parametrize(
    "ordering",
    [
        "id",
        "customer__name",
        "brand__memberships__user__password",
        "-",
        "--created",
        "created,id",
        "?",
        "pk",
        "RANDOM()",
    ],
)
def test_orderings_are_those_declared(scene: Scene, ordering: str) -> None:
    answer = calm(scene.world.api(scene.world.agent)).get(f"/api/v1/tickets/?ordering={quote(ordering)}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "ordering")


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


TIME = "2020-01-01T00:00:00+00:00"
CURSORS = [
    cursor("created_at", TIME, 1, 0), cursor("next_due_at", "x", 1, 0), cursor("next_due_at", "2020-01-01T00:00:00", 1, 0),
    cursor("next_due_at", TIME, "1 OR 1=1", 0), cursor("next_due_at", TIME, -1, 0), cursor("next_due_at", TIME, 2**63, 0),
    cursor("next_due_at", None, 1, 0), cursor("next_due_at", {"a": 1}, 1, 0), cursor("next_due_at", TIME, True, 0), cursor("next_due_at"),
    cursor("next_due_at", TIME, 1, 0, 0), cursor(), cursor("next_due_at", 5, 1, 0), cursor("next_due_at", True, 1, 0), cursor(["next_due_at"], TIME, 1, 0),
    cursor("next_due_at", "0001-01-01T00:00:00+23:59", 1, 0), cursor("next_due_at", "9999-12-31T23:59:59-23:59", 1, 0),
    base64.urlsafe_b64encode(b"[" * 5000).decode(), "====", "not base64!", "bnVsbA", "e30", "\u00e9", cursor("next_due_at", "\ud800", 1, 0),
]  # fmt: skip


def test_forged_cursors_are_refused(scene: Scene) -> None:
    api, desk = calm(scene.world.api(scene.world.agent)), calm(scene.world.desk(scene.world.agent))
    answers = {given: api.get(f"/api/v1/tickets/?cursor={quote(given)}") for given in CURSORS}
    assert {given: answer.content for given, answer in answers.items() if answer.status_code != 400} == {}
    assert {answer.json()["errors"][0]["field"] for answer in answers.values()} == {"cursor"}
    pages = {given: desk.get(f"/desk/inbox/next/?cursor={quote(given)}").status_code for given in CURSORS}
    assert {given: status for given, status in pages.items() if status != 404} == {}


def test_a_cursor_of_somebody_else_shows_ones_own_rows(scene: Scene) -> None:
    theirs = scene.world.api(scene.world.rival_owner).get("/api/v1/tickets/?limit=1").json()["next"]
    answer = calm(scene.world.api(scene.world.agent)).get(theirs)
    assert answer.status_code == 200
    assert {row["brand"] for row in answer.json()["results"]} <= {"northwind"}


KEYS = ["0", "99999999", "9" * 18, "9" * 19, "1.0", "-1", "1'", "%00", "x"]


def test_odd_keys_in_an_address(scene: Scene) -> None:
    api, desk = calm(scene.world.api(scene.world.owner)), calm(scene.world.desk(scene.world.owner))
    things = ("tickets", "messages", "deliveries", "sources", "brands", "notices")
    found = {(path, key): api.get(f"/api/v1/{path}/{key}/").status_code for path in things for key in KEYS}
    pages = (
        "tickets/{0}/",
        "sources/{0}/",
        "helpdesk/customer/{0}/change/",
        "helpdesk/brand/{0}/change/",
        "r/{0}/{0}/",
    )
    found |= {(page, key): desk.get(f"/desk/{page.format(key)}").status_code for page in pages for key in KEYS}
    assert {where: status for where, status in found.items() if status != 404} == {}


WORDS = [
    "\ud800",
    "a\udfffb",
    "\x00",
    "\x00\x01\x02",
    "\u202eevil",
    "x" * 30_000,
    "\u0301" * 30_000,
    " ",
    "\ufeff",
    "😀" * 20_001,
]


@pytest.mark.parametrize("word", WORDS, ids=[repr(word[:6]) for word in WORDS])
def test_odd_words_in_bodies(scene: Scene, word: str) -> None:
    """Lone surrogates, NULs, too much and nothing: taken cleaned, or refused at the field."""
    api, north = calm(scene.world.api(scene.world.owner)), scene.north
    bodies = {
        ("patch", f"brands/{north.brand.pk}/"): {"name": word},
        ("patch", f"customers/{north.customer.pk}/"): {"name": word, "about": word, "place": word},
        ("patch", f"tickets/{north.ticket.pk}/"): {"subject": word},
        ("patch", f"sources/{north.source.pk}/"): {"name": word},
        ("post", "tickets/"): {"text": word, "name": word, "subject": word, "brand": "northwind"},
        ("post", "sources/"): {"platform": "demo", "name": word, "brand": "northwind", "settings": {"shown_as": word}},
        ("post", f"tickets/{north.ticket.pk}/replies/"): {"text": word, "visibility": "public"},
        ("post", f"tickets/{north.ticket.pk}/notes/"): {"text": word},
        ("post", f"messages/{north.message.pk}/triage/"): {"language": word},
        ("post", f"tickets/{north.ticket.pk}/assign/"): {"assignee": word},
        ("post", "tickets/?x"): {word: word},
    }
    statuses = {
        (m, p): getattr(api, m)(f"/api/v1/{p}", json.dumps(body), content_type="application/json").status_code
        for (m, p), body in bodies.items()
    }
    assert {key: status for key, status in statuses.items() if status not in (200, 201, 202, 400)} == {}
    shown = api.get("/api/v1/customers/").content.decode() + api.get("/api/v1/tickets/").content.decode()
    assert "\\ud800" not in shown
    assert "\\u0000" not in shown


@pytest.mark.parametrize(
    "raw",
    [b"{", b"\xff", b"[" * 100_000, b'{"text": NaN}', b"", b'{"a":' * 50_000, b"1" * 10_000],
)
def test_broken_bodies(scene: Scene, raw: bytes) -> None:
    path = f"/api/v1/tickets/{scene.north.ticket.pk}/notes/"
    assert calm(scene.world.api(scene.world.agent)).post(path, raw, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "number", [0, -1, 2**31, 2**63 - 1, 2**63, 10**400, 1.5, True, "1", [1]], ids=lambda number: repr(number)[:12]
)
def test_odd_numbers_in_bodies(scene: Scene, number: Any) -> None:
    api, north = calm(scene.world.api(scene.world.owner)), scene.north
    bodies = {
        f"tickets/{north.ticket.pk}/assign/": {"assignee": number},
        "tickets/": {"text": "x", "customer": number, "brand": "northwind"},
        "sources/": {"platform": "demo", "name": "x", "brand": "northwind", "rhythm_seconds": number},
    }
    answers = [
        api.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json") for path, body in bodies.items()
    ]
    answers += [
        api.patch(
            f"/api/v1/brands/{north.brand.pk}/", json.dumps({"reopen_hours": number}), content_type="application/json"
        )
    ]
    assert {answer.status_code for answer in answers} <= {200, 201, 400, 404}


def test_a_large_body_is_refused(scene: Scene) -> None:
    body = json.dumps({"text": "x" * 2_000_000})
    answer = calm(scene.world.api(scene.world.agent)).post(
        f"/api/v1/tickets/{scene.north.ticket.pk}/notes/", body, content_type="application/json"
    )
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "lookup",
    [
        "about__regex=^(x*)(x*)y$",
        "name__regex=[",
        "created_at__year=99999999999",
        "brand__memberships__user__email__startswith=a",
    ],
)
def test_no_column_is_probed_through_a_list_s_address(scene: Scene, lookup: str) -> None:
    desk = scene.world.desk(scene.world.auditor)
    assert desk.get(f"/desk/helpdesk/customer/?{lookup}").status_code == 400


def test_marks_upon_marks_are_capped_before_they_are_sorted() -> None:
    assert len(cleaned("a" + "\u0300\u0323\u0301\u0330" * 25_000).text) <= 32


def test_a_session_cookie_that_is_none_is_ignored(client: Client, scene: Scene) -> None:
    client.cookies["sessionid"] = "\x00abcdefghij"
    assert client.get("/desk/").status_code == 302
    assert client.get("/api/v1/tickets/").status_code == 401
