"""The help centre by API: written, published and found by a machine; what anybody may read; and what is refused in which words."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from helpdesk.models import IdempotencyRecord
from knowledge import ideas, publishing
from knowledge.models import Category, Edition, HelpCentre, Idea, Inquiry, Search, Topic
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db
PUBLIC = "/api/v1/help/northwind/en/"


def send(world: World, method: str, path: str, body: Any = None, who: str = "lead", **headers: Any) -> Any:
    return getattr(world.api(getattr(world, who)), method)(f"/api/v1/{path}", body, format="json", **headers)


def test_an_article_from_its_first_words_to_its_readers(world: World, reader: Client) -> None:
    shelf = send(world, "post", "categories/", {"name": "Tickets", "texts": {"de": {"name": "Fahrkarten"}}})
    assert (shelf.status_code, shelf.json()["slug"]) == (201, "tickets")
    body = {"title": "Get a refund", "body": "Open **your booking**.", "category": "tickets", "summary": "In two steps"}
    made = send(world, "post", "articles/", body, "agent", HTTP_IDEMPOTENCY_KEY="one")
    assert made.status_code == 201, made.json()
    article = made.json()
    edition = article["editions"][0]
    assert (article["category"], edition["state"], edition["url"], edition["body_html"]) == (
        "tickets",
        "draft",
        None,
        "",
    )
    again = send(world, "post", "articles/", body, "agent", HTTP_IDEMPOTENCY_KEY="one")
    assert (again.json()["id"], again["Idempotent-Replay"], IdempotencyRecord.objects.count()) == (
        article["id"],
        "true",
        1,
    )
    path = f"articles/{article['id']}"
    assert send(world, "post", f"{path}/submit/", {}, "agent").json()["editions"][0]["state"] == "review"
    assert send(world, "post", f"{path}/publish/", {}, "agent").status_code == 403
    out = send(world, "post", f"{path}/publish/", {"why": "Checked"}).json()["editions"][0]
    assert out["state"] == "published"
    assert "<strong>your booking</strong>" in out["body_html"]
    assert out["url"].endswith("/help/northwind/en/articles/get-a-refund/")
    stale = send(world, "post", f"{path}/words/", {"title": "Get a refund", "body": "New", "revision": 9}, "agent")
    assert stale.status_code == 409
    newer = send(world, "post", f"{path}/words/", {"title": "Get a refund", "body": "New", "revision": 1}, "agent")
    assert newer.json()["editions"][0]["has_changes"]
    assert [one["number"] for one in send(world, "get", f"{path}/revisions/").json()] == [2, 1]
    assert send(world, "get", "articles/?state=draft&category=tickets").json()["results"][0]["id"] == article["id"]
    assert send(world, "get", "articles/?state=archived").json()["results"] == []
    effect = send(world, "get", f"{path}/effect/").json()
    assert (effect["views"], len(effect["weeks"]), effect["before"]) == (
        0,
        13,
        None if effect["before"] is None else 0.0,
    )
    assert reader.get(out["url"].replace("http://testserver", "")).status_code == 200


def test_languages_are_named_where_there_are_several(world: World) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "de"])
    key = send(world, "post", "articles/", {"title": "Refunds", "body": "So."}).json()["id"]
    both = send(
        world, "post", f"articles/{key}/words/", {"language": "de", "title": "Erstattung", "body": "So."}
    ).json()
    assert [one["language"] for one in both["editions"]] == ["en", "de"]
    unnamed = send(world, "post", f"articles/{key}/publish/", {})
    assert (unnamed.status_code, unnamed.json()["errors"][0]["field"]) == (400, "language")
    assert (
        send(world, "post", f"articles/{key}/publish/", {"language": "de"}).json()["editions"][1]["state"]
        == "published"
    )
    other = send(world, "post", f"articles/{key}/words/", {"language": "fr", "title": "Non", "body": "."})
    assert other.json()["errors"][0]["message"].startswith("The help centre speaks: en, de")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"title": " "}, "title"), ({"title": "A", "color": 1}, "color"), ({"title": "A", "category": "none"}, "category"),
     ({"title": "A", "visible": "all"}, "visible"), ({"title": "A", "owner": 10**9}, "owner"), ({"title": "A" * 201}, "title")],
)  # fmt: skip
def test_what_will_not_do_is_named(world: World, body: dict[str, Any], field: str) -> None:
    told = send(world, "post", "articles/", body)
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, field)


def test_inquiries_come_in_without_names_and_find_their_topic(world: World) -> None:
    topic = Topic.objects.create(brand=world.brand, language="en", title="Where is my parcel?")
    rival = Topic.objects.create(brand=world.rival, language="en", title="Theirs")
    body = {"text": "Hi @northwind, my name is Greta Lund, where is my parcel? greta@example.com", "platform": "chat"}
    made = send(world, "post", "inquiries/", body, "agent").json()
    assert (made["origin"], made["platform"], made["topic"]) == ("api", "chat", None)
    assert not any(word in made["text"] for word in ("Greta", "Lund", "example.com", "@northwind"))
    placed = send(world, "post", f"inquiries/{made['id']}/place/", {"topic": topic.pk}, "agent").json()
    assert (placed["topic"], placed["is_placed"]) == (topic.pk, True)
    assert send(world, "get", f"inquiries/?topic={topic.pk}").json()["results"][0]["id"] == made["id"]
    assert send(world, "get", "inquiries/?topic=none").json()["results"] == []
    assert send(world, "post", f"inquiries/{made['id']}/place/", {"topic": rival.pk}, "agent").status_code == 400
    assert (
        send(world, "post", "inquiries/", {"text": "@northwind https://example.com"}).json()["errors"][0]["code"]
        == "nothing_asked"
    )
    assert Inquiry.objects.count() == 1


def test_a_topic_is_named_kept_and_drafted(world: World) -> None:
    topic = Topic.objects.create(brand=world.brand, language="en", title="parcel where", asked_30=14)
    Topic.objects.create(brand=world.brand, language="en", title="Thanks", state="aside")
    assert [one["id"] for one in send(world, "get", "topics/?covered=false").json()["results"]] == [topic.pk]
    assert [one["title"] for one in send(world, "get", "topics/?state=aside").json()["results"]] == ["Thanks"]
    named = send(world, "patch", f"topics/{topic.pk}/", {"title": "Where is my parcel?"}, "agent").json()
    assert (named["title"], named["is_named"]) == ("Where is my parcel?", True)
    assert send(world, "post", f"topics/{topic.pk}/keep/", who="agent").json()["state"] == "kept"
    drafted = send(world, "post", f"topics/{topic.pk}/draft/", who="agent")
    assert drafted.status_code == 201
    article = send(world, "get", f"articles/{drafted.json()['article']}/").json()
    assert "[gap:" in article["editions"][0]["body"]  # nobody has answered it: nothing is made up
    assert send(world, "post", f"articles/{article['id']}/publish/", {}).json()["errors"][0]["code"] == "gap"
    assert send(world, "get", f"articles/?topic={topic.pk}").json()["results"][0]["id"] == article["id"]


def test_ideas_of_an_app_have_one_vote_a_person(world: World) -> None:
    made = send(world, "post", "ideas/", {"title": "Bikes on trains", "voter": "user-1"}, "agent").json()
    assert made["votes"] == 1
    path = f"ideas/{made['id']}"
    assert send(world, "post", f"{path}/vote/", {"voter": "user-1"}, "agent").json()["votes"] == 1
    assert send(world, "post", f"{path}/vote/", {"voter": "user-2"}, "agent").json()["votes"] == 2
    assert send(world, "post", "ideas/", {"title": "bikes on trains", "voter": "user-3"}, "agent").json()["votes"] == 3
    assert send(world, "post", f"{path}/decide/", {"state": "declined"}).json()["errors"][0]["field"] == "answer"
    assert send(world, "post", f"{path}/decide/", {"state": "planned"}, "agent").status_code == 403
    assert (
        send(world, "post", f"{path}/decide/", {"state": "planned", "answer": "In spring."}).json()["state"]
        == "planned"
    )


def test_search_finds_for_members_what_only_they_read(world: World, write: Write) -> None:
    write("How to get a refund", "Open your booking and choose refund.")
    write("Refunds above the limit", "Ask a lead about the refund.", visible="internal")
    found = send(world, "get", "search/?q=refnud", who="auditor").json()
    assert {one["title"] for one in found["results"]} == {"How to get a refund", "Refunds above the limit"}
    assert found["corrected"] == "refund"
    assert not Search.objects.exists()
    assert send(world, "get", "search/").json()["errors"][0]["field"] == "q"
    assert send(world, "get", "search/?q=a&page=2").status_code == 400
    assert send(world, "get", "search/?q=a&limit=99").status_code == 400


# --- what anybody may read -------------------------------------------------------------------------------------


def test_anybody_reads_what_is_out_and_nothing_else(world: World, write: Write, reader: Client) -> None:
    shelf = Category.objects.create(brand=world.brand, slug="tickets", name="Tickets")
    write("How to get a refund", "Open your **booking**.", category=shelf)
    write("Only for us", "A secret.", visible="internal")
    write("For known customers", "A discount.", visible="known")
    write("A draft", "Not yet.", live=False)
    write("Theirs", "Of the rival.", brand=world.rival)
    listed = reader.get(f"{PUBLIC}articles/")
    assert [one["title"] for one in listed.json()["results"]] == ["How to get a refund"]
    assert listed["Cache-Control"] == "public, max-age=60" or "public" in listed["Cache-Control"]
    assert "Cookie" not in listed["Vary"]
    again = reader.get(f"{PUBLIC}articles/", headers={"If-None-Match": listed["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    one = reader.get(f"{PUBLIC}articles/how-to-get-a-refund/").json()
    assert (one["html"].strip(), one["text"], one["category"]) == (
        "<p>Open your <strong>booking</strong>.</p>",
        "Open your booking.",
        "tickets",
    )
    for slug in ("only-for-us", "for-known-customers", "a-draft", "theirs"):
        assert reader.get(f"{PUBLIC}articles/{slug}/").status_code == 404
    assert [(row["slug"], row["count"]) for row in reader.get(f"{PUBLIC}categories/").json()] == [("tickets", 1)]
    found = reader.get(f"{PUBLIC}search/?q=secret discount refund").json()["results"]
    assert [hit["title"] for hit in found] == ["How to get a refund"]
    assert Search.objects.get().place == "api"
    assert f"?s={Search.objects.get().public_id}" in found[0]["url"]
    # a log-in changes nothing: what is public can be kept by anybody
    reader.force_login(world.lead)
    assert reader.get(f"{PUBLIC}articles/only-for-us/").status_code == 404


def test_nothing_is_written_in_public(world: World, write: Write, reader: Client) -> None:
    write("How to get a refund")
    for page in ("articles/", "categories/", "ideas/", "search/", "articles/how-to-get-a-refund/"):
        assert reader.post(f"{PUBLIC}{page}", {}, content_type="application/json").status_code == 405
    for place in ("/api/v1/help/nobody/en/", "/api/v1/help/northwind/xx/"):
        assert reader.get(f"{place}articles/").status_code == 404
    HelpCentre.objects.update_or_create(brand=world.brand, defaults={"is_open": False})
    assert reader.get(f"{PUBLIC}articles/").status_code == 404


def test_hidden_ideas_are_not_told(world: World, reader: Client) -> None:
    shown = ideas.propose(world.brand, "en", "Bikes on trains", "", ("a", "a"))
    hidden = ideas.propose(world.brand, "en", "Something rude", "", ("b", "b"))
    ideas.hide(hidden.pk, world.lead, is_hidden=True)
    assert [one["id"] for one in reader.get(f"{PUBLIC}ideas/").json()["results"]] == [shown.pk]
    assert Idea.objects.count() == 2


def test_scripts_of_the_sites_a_brand_named_may_read(world: World, write: Write, reader: Client) -> None:
    write("How to get a refund")
    HelpCentre.objects.create(brand=world.brand, origins=["https://www.northwind.example"])
    named, other = {"Origin": "https://www.northwind.example"}, {"Origin": "https://evil.example"}
    allowed = reader.get(f"{PUBLIC}articles/", headers=named)
    assert allowed["Access-Control-Allow-Origin"] == named["Origin"]
    assert "origin" in allowed["Vary"].lower()
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in reader.get(f"{PUBLIC}articles/", headers=other)
    asks = {**named, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match"}
    told = reader.options(f"{PUBLIC}articles/", headers=asks)
    assert (told.status_code, told["Access-Control-Allow-Methods"]) == (200, "GET, HEAD, OPTIONS")
    # the rival named nobody, and what members read is read by no script of another site
    for address in ("/api/v1/help/southwind/en/articles/", "/api/v1/articles/", "/desk/", "/help/northwind/en/"):
        assert "Access-Control-Allow-Origin" not in reader.get(address, headers=named), address
    HelpCentre.objects.update(origins=["*"])
    assert reader.get(f"{PUBLIC}articles/", headers=other)["Access-Control-Allow-Origin"] == other["Origin"]


def test_a_flood_is_told_when_to_go_on(
    world: World, write: Write, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge.centre import limits

    write("How to get a refund")
    monkeypatch.setitem(limits.LIMITS, "search", (2, 60))
    answers = [reader.get(f"{PUBLIC}search/?q=refund") for _number in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) <= 60
    assert "Please go on in" in answers[-1].json()["detail"]


def test_a_word_of_an_edition_is_not_shared_between_brands(world: World, write: Write) -> None:
    theirs: Edition = write("Theirs", brand=world.rival)
    assert send(world, "get", f"articles/{theirs.article_id}/").status_code == 404
    assert send(world, "post", f"articles/{theirs.article_id}/publish/", {}).status_code == 404


def test_an_agent_does_not_open_to_all_what_is_out_or_will_be(world: World, write: Write) -> None:
    inner = write("Inside", visible="internal")
    due = write("Soon", visible="internal", live=False)
    at = timezone.now() + dt.timedelta(days=1)
    publishing.schedule(due.pk, world.lead, at)
    for edition in (inner, due):
        path = f"articles/{edition.article_id}/"
        assert send(world, "patch", path, {"visible": "public"}, "agent").status_code == 403
        assert send(world, "patch", path, {"visible": "public"}, "lead").status_code == 200


def test_in_another_language_neither(world: World, write: Write) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "de"])
    inner = write("Inside", visible="internal")
    german = publishing.translate(inner.article_id, world.agent, publishing.Words("Innen"), "de")
    answer = world.desk(world.agent).post(f"/desk/articles/{german.pk}/details/", {"visible": "public"})
    assert answer.status_code == 403


def test_words_that_are_left_out_stay(world: World) -> None:
    key = send(world, "post", "articles/", {"title": "Refunds", "body": "So it is.", "summary": "How"}).json()["id"]
    told = send(world, "post", f"articles/{key}/words/", {"title": "Refund"}).json()["editions"][0]
    assert (told["title"], told["body"], told["summary"]) == ("Refund", "So it is.", "How")


@pytest.mark.parametrize("code", ["\ud800", "en\u0000", "xx klingon"])
def test_names_of_languages_are_codes(world: World, code: str) -> None:
    body = json.dumps({"name": "A", "texts": {code: {"name": "x"}}})
    told = world.api(world.lead).post("/api/v1/categories/", body, content_type="application/json")
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "texts")


def test_odd_addresses_are_not_there(world: World, reader: Client) -> None:
    assert reader.get(f"{PUBLIC}articles/a%00b/").status_code == 404
    desk = world.desk(world.lead)
    for path in (
        "help-effect/week/?brand=%00",
        "articles/exchange/?brand=%00",
        "help-effect/week/?week=0001-01-01",
        "help-effect/week/?week=9999-12-31",
    ):
        assert desk.get(f"/desk/{path}").status_code == 404, path
