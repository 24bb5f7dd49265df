"""The API as a client meets it: filters mean what they say, errors name the field, answers match the schema."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from helpdesk.models import Customer, Event, Message, Profile, Ticket
from helpdesk.workflow import tickets
from tests.world import World

pytestmark = pytest.mark.django_db

B = "/api/v1"


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


# --- filters ---------------------------------------------------------------------------------------------------


@pytest.fixture
def three(world: World) -> list[Ticket]:
    """One of nobody's, one of the agent's that waits, one of the lead's that is resolved."""
    rows = [world.ticket(f"my train number {n} never came", who=f"p{n}") for n in range(3)]
    tickets.log_call(rows[1].pk, world.agent, "told them")
    tickets.assign(rows[2].pk, world.lead, world.lead)
    tickets.resolve(rows[2].pk, world.lead)
    return rows


def test_filters_find_what_they_say(world: World, three: list[Ticket]) -> None:
    free, waiting, resolved = (ticket.pk for ticket in three)
    api = world.api(world.agent)

    def found(query: str) -> set[int]:
        return set(ids(api.get(f"{B}/tickets/?{query}")))

    assert found("assignee=me") == {waiting}
    assert found("assignee=none") == {free}
    assert found(f"assignee={world.lead.pk}") == {resolved}
    assert found("state=new,resolved") == {free, resolved}
    assert found("platform=bluesky,x") == {free, waiting, resolved}
    assert found("platform=x") == set()
    assert found(f"number={three[1].number}") == {waiting}
    assert found(f"customer={three[0].customer_id}") == {free}
    assert found("intent=complaint") == {free, waiting, resolved}
    assert found("due_before=9999-12-31T00:00:00Z") == {free}, "where nothing is due, nothing is due before anything"
    later = (timezone.now() + dt.timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert found(f"created_before={later}") == {free, waiting, resolved}
    assert found(f"heard_after={later}") == set()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("number=1.9", "number"),
        ("number=1_0", "number"),
        ("number=٣", "number"),
        ("priority=9", "priority"),
        ("state=bogus", "state"),
        ("state=new&state=open", "state"),
        ("assignee=you", "assignee"),
        ("created_after=yesterday", "created_after"),
        ("created_after=0001-01-01T00:00:00%2B14:00", "created_after"),
        ("limit=0", "limit"),
        ("limit=000001999999", "limit"),
        ("limit=101", "limit"),
        ("ordering=colour", "ordering"),
        ("stat=new", "stat"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_a_value_that_is_none_is_refused_at_its_name(world: World, query: str, field: str) -> None:
    answer = world.api(world.agent).get(f"{B}/tickets/?{query}")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    error = answer.json()["errors"][0]
    assert error["field"] == field
    assert error["message"]
    assert error["code"] not in ("", "None")


def test_choices_are_told(world: World, three: list[Ticket]) -> None:
    api = world.api(world.agent)
    assert "waiting" in api.get(f"{B}/tickets/?state=bogus").json()["detail"]
    body = {"text": "hello", "visibility": "loud"}
    answer = api.post(f"{B}/tickets/{three[0].pk}/replies/", body, format="json").json()
    assert answer["errors"] == [
        {"field": "visibility", "code": "invalid_choice", "message": "Choose one of: public, private."}
    ]
    assert answer["detail"].startswith("visibility: ")


@pytest.mark.parametrize("address", ["notices", "quarantine"])
def test_yes_and_no(world: World, address: str) -> None:
    api = world.api(world.manager)
    assert api.get(f"{B}/{address}/?open=true").status_code == 200
    assert api.get(f"{B}/{address}/?open=perhaps").status_code == 400


def test_created_means_oldest_first_everywhere(world: World) -> None:
    for number in range(3):
        world.ticket(who=f"p{number}")
    api = world.api(world.agent)
    for address in ("tickets", "customers", "messages"):
        assert ids(api.get(f"{B}/{address}/?ordering=created")) == sorted(ids(api.get(f"{B}/{address}/")))
    assert ids(api.get(f"{B}/customers/")) == sorted(ids(api.get(f"{B}/customers/")), reverse=True), "newest first"


# --- bodies ----------------------------------------------------------------------------------------------------


def test_verbs_without_a_body_take_none(world: World) -> None:
    ticket, api = world.ticket(), world.api(world.agent)
    for verb in ("resolve", "reopen", "acknowledge"):
        answer = api.post(f"{B}/tickets/{ticket.pk}/{verb}/", {"foo": "bar"}, format="json")
        assert answer.status_code == 400, verb
        assert answer.json()["errors"][0]["field"] == "foo"
    assert api.post(f"{B}/tickets/{ticket.pk}/resolve/", b"{broken", content_type="application/json").status_code == 400
    assert api.post(f"{B}/tickets/{ticket.pk}/resolve/").status_code == 200


def test_a_missing_slash_is_an_error_and_not_another_request(world: World) -> None:
    api = world.api(world.agent)
    for method in (api.post, api.get, api.patch, api.delete):
        answer = method(f"{B}/tickets")
        assert answer.status_code == 404
        assert "slash" in answer.json()["detail"]


def test_errors_are_problems_whatever_is_accepted(world: World) -> None:
    api = world.api(world.agent)
    for accept in ("text/html", "application/xml", "application/problem+json", "", "application/json;q=0"):
        answer = api.get(f"{B}/tickets/?state=bogus", HTTP_ACCEPT=accept)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), accept
    assert api.put(f"{B}/schema/")["Content-Type"] == "application/problem+json"
    assert api.options(f"{B}/tickets/").status_code == 405
    assert "no-store" in api.get(f"{B}/tickets/")["Cache-Control"]


def test_too_large_a_body_is_said_to_be(world: World) -> None:
    ticket = world.ticket()
    answer = world.api(world.agent).post(f"{B}/tickets/{ticket.pk}/notes/", {"text": "x" * 3_000_000}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("text", ["a\nb", "a\u202eb", "a\x07b", "a\u0000b"])
def test_a_changed_name_is_cleaned_as_a_given_one(world: World, text: str) -> None:
    ticket, api = world.ticket(), world.api(world.manager)
    api.patch(f"{B}/tickets/{ticket.pk}/", {"subject": text}, format="json")
    api.patch(f"{B}/customers/{ticket.customer_id}/", {"name": text}, format="json")
    api.patch(f"{B}/brands/{world.brand.pk}/", {"name": text}, format="json")
    ticket.refresh_from_db()
    world.brand.refresh_from_db()
    for value in (ticket.subject, ticket.customer.name, world.brand.name):
        assert value.isprintable()


def test_a_changed_brand_leaves_an_event_and_a_bad_zone_is_refused(world: World) -> None:
    api = world.api(world.manager)
    assert api.patch(f"{B}/brands/{world.brand.pk}/", {"reopen_hours": "48"}, format="json").status_code == 200
    assert Event.objects.get(code="brand.changed").data["fields"] == ["reopen_hours"]
    answer = api.patch(f"{B}/brands/{world.brand.pk}/", {"time_zone": "Mars/Olympus"}, format="json")
    assert answer.json()["errors"][0]["field"] == "time_zone"


# --- logging a contact -----------------------------------------------------------------------------------------


def log(world: World, **body: Any) -> Any:
    return world.api(world.agent).post(f"{B}/tickets/", {"text": "Please call back", **body}, format="json")


def test_every_way_to_reach_the_caller_is_kept(world: World) -> None:
    answer = log(world, name="Else Ek", phone="+46 8 123 45", email="Else@ek.example")
    assert answer.status_code == 201, answer.content
    customer = Customer.objects.get()
    assert set(customer.profiles.values_list("external_id", flat=True)) == {"tel:+46812345", "mailto:else@ek.example"}
    again = log(world, customer=customer.pk, phone="+46 70 5550142")
    assert again.json()["customer"]["id"] == customer.pk
    assert Profile.objects.filter(customer=customer, external_id="tel:+46705550142").exists()


def test_a_long_address_is_kept_whole_or_refused(world: World) -> None:
    host = ".".join(["b" * 60] * 2 + ["c" * 20, "example"])
    assert log(world, email=f"{'a' * 64}@{host}").status_code == 201
    assert Profile.objects.get().external_id == f"mailto:{'a' * 64}@{host}"
    answer = log(world, email=f"{'a' * 64}@{'.'.join(['b' * 60] * 4)}.example")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "email")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "n", "said_at": "0001-01-01T00:00:00Z"}, "said_at"),
        ({"name": "n", "said_at": "2999-01-01T00:00:00Z"}, "said_at"),
        ({"phone": "call me"}, "phone"),
        ({}, "name"),
        ({"name": "n", "channel": "Pigeon"}, "channel"),
        ({"name": "n", "customer": 999_999}, "customer"),
        ({"name": 5}, "name"),
        ({"name": "n", "brand": "southbay"}, "brand"),
    ],
)
def test_a_contact_that_will_not_do_is_refused_at_its_field(world: World, body: dict[str, Any], field: str) -> None:
    answer = log(world, **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Ticket.objects.exists()


def test_null_is_as_good_as_left_out(world: World) -> None:
    assert log(world, name="Else", customer=None, said_at=None, subject=None).status_code == 201


# --- the schema ------------------------------------------------------------------------------------------------


def test_the_schema_is_valid_and_complete() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null", stderr=io.StringIO())


def as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable`, in JSON Schema's words."""
    if isinstance(node, list):
        return [as_json_schema(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(inner) for name, inner in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") else plain


def test_answers_are_what_the_schema_says(world: World, three: list[Ticket]) -> None:
    generator: Any = SchemaGenerator
    document = as_json_schema(generator().get_schema(request=None, public=True))
    api, checked = world.api(world.owner), 0
    for path, item in document["paths"].items():
        if "get" not in item or "schema" in path:
            continue
        asked = {
            one["name"]: "train"
            for one in item["get"].get("parameters", [])
            if one["in"] == "query" and one.get("required")
        }
        where = path.replace("{id}", str(three[0].pk)).replace("{slug}", "northwind").replace("{language}", "en")
        answer = api.get(where, asked)
        if answer.status_code == 404:
            continue  # nothing of that kind is there
        shape = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        judge = jsonschema.Draft202012Validator({**shape, "components": document["components"]})
        assert [f"{path}: {error.message[:200]}" for error in judge.iter_errors(answer.json())] == []
        checked += 1
    assert checked >= 12


def test_one_number_however_written_is_one_caller(world: World) -> None:
    world.brand.country = "SE"
    world.brand.save()
    for phone in ("+46 70 123 45 67", "0046701234567", "070-123 45 67"):
        assert log(world, name="Ana Lind", phone=phone).status_code == 201
    customer = Customer.objects.get()
    api = world.api(world.agent)
    for handle in ("+46701234567", "+46 70 123 45 67", "0046701234567", "070-123 45 67"):
        found = api.get("/api/v1/customers/", {"handle": handle}).json()["results"]
        assert [row["id"] for row in found] == [customer.pk], handle


def test_a_second_number_leaves_the_first_alone(world: World) -> None:
    log(world, name="Hugo", phone="+45 11 22 33 44")
    customer = Customer.objects.get()
    log(world, customer=customer.pk, phone="+45 99 88 77 66")
    log(world, customer=customer.pk, email="hugo@x.example")
    known = {way: handle.replace(" ", "") for way, handle in customer.profiles.values_list("external_id", "handle")}
    assert known == {
        "tel:+4511223344": "+4511223344",
        "tel:+4599887766": "+4599887766",
        "mailto:hugo@x.example": "hugo@x.example",
    }


def test_a_known_address_with_a_new_number_is_the_same_person(world: World) -> None:
    log(world, name="Kim", email="kim@k.example")
    log(world, phone="+1 212 555 0000", email="KIM@k.example")
    assert Customer.objects.get().profiles.count() == 2


@pytest.mark.parametrize("field", ["name", "phone", "subject"])
def test_what_is_too_long_is_refused_not_cut(world: World, field: str) -> None:
    answer = log(world, **{"name": "Ana", field: "1" * 201})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_a_name_given_for_a_known_number_is_not_lost(world: World) -> None:
    log(world, phone="+46 70 123 45 67")
    log(world, phone="+46 70 123 45 67", name="Anna Berg")
    assert Customer.objects.get().name == "Anna Berg"
    log(world, phone="+46 70 123 45 67", name="Eva Berg")
    assert Customer.objects.get().name == "Anna Berg"
    assert Message.objects.get(kind="note").text == "The name given was Eva Berg."


def test_two_desks_behind_a_switchboard_are_two_people(world: World) -> None:
    for name, desk in (("Bo", "12"), ("Eva", "13")):
        log(world, name=name, phone=f"+46 8 123 456 78 ext. {desk}")
    assert Customer.objects.count() == 2
