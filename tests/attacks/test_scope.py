"""Other people's rows, named where one's own belong: by key, by number, in bodies, choices and kept answers."""

from __future__ import annotations

from typing import Any

import pytest

from helpdesk.models import Delivery, IdempotencyRecord, Message, Ticket, User
from helpdesk.permissions import Role
from tests.attacks.scene import NORTH, SOUTH, Scene
from tests.world import person

pytestmark = pytest.mark.django_db

LISTS = (
    "brands",
    "channels",
    "members",
    "customers",
    "tickets",
    "messages",
    "deliveries",
    "notices",
    "sources",
    "quarantine",
)
PAGES = (
    "inbox/next/", "inbox/settled/", "notices/", "contact/", "sources/", "sources/add/demo/", "quarantine/",
    "helpdesk/customer/", "helpdesk/brand/", "helpdesk/membership/", "helpdesk/apitoken/", "helpdesk/membership/add/",
    "helpdesk/apitoken/add/", f"search/?s={NORTH}", f"helpdesk/customer/?q={NORTH}",
)  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists_hold_ones_own_rows_only(scene: Scene, name: str) -> None:
    shown = scene.world.api(scene.world.rival_owner).get(f"/api/v1/{name}/").json()["results"]
    assert shown != []
    assert NORTH not in str(shown)
    assert {row.get("brand", row.get("slug")) for row in shown} == {"southbay"}


@pytest.mark.parametrize("name", LISTS)
def test_a_filter_by_brand_opens_no_other(scene: Scene, name: str) -> None:
    api = scene.world.api(scene.world.rival_owner)
    answer = api.get(f"/api/v1/{name}/?brand=northwind")
    assert answer.status_code == 400 if name == "brands" else answer.json()["results"] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_and_their_choices_hold_ones_own_rows_only(scene: Scene, page: str) -> None:
    answer = scene.world.desk(scene.world.rival_owner).get(f"/desk/{page}")
    body = answer.content.decode().replace(f'value="{NORTH}"', "")  # what was searched for stands in the box
    assert answer.status_code == 200
    assert NORTH not in body
    assert "Northwind" not in body


@pytest.mark.parametrize(
    "field", ["ticket&field_name=customer", "profile&field_name=customer", "participant&field_name=ticket"]
)
def test_autocompletes_hold_ones_own_rows_only(scene: Scene, field: str) -> None:
    answer = scene.world.desk(scene.world.rival_owner).get(
        f"/desk/autocomplete/?app_label=helpdesk&model_name={field}&term="
    )
    assert NORTH not in answer.content.decode()
    assert SOUTH in answer.content.decode() or answer.status_code in (403, 404)


def test_autocomplete_names_no_users(scene: Scene) -> None:
    desk = scene.world.desk(scene.world.rival_owner)
    answer = desk.get("/desk/autocomplete/?app_label=helpdesk&model_name=membership&field_name=user&term=n")
    assert answer.status_code in (403, 404)


def test_search_by_number_finds_ones_own_ticket(scene: Scene) -> None:
    """Numbers count per brand: the same number names a ticket in each."""
    assert scene.north.ticket.number == scene.south.ticket.number
    body = (
        scene.world.desk(scene.world.rival_owner)
        .get(f"/desk/search/?s=%23{scene.north.ticket.number}")
        .content.decode()
    )
    assert f"/desk/tickets/{scene.south.ticket.pk}/" in body
    assert f"/desk/tickets/{scene.north.ticket.pk}/" not in body


def test_a_message_is_triaged_under_its_own_ticket_only(scene: Scene) -> None:
    desk = scene.world.desk(scene.world.agent)
    for message in (scene.south.message, Message.objects.filter(ticket=scene.north.settled).first()):
        assert message is not None
        answer = desk.post(f"/desk/tickets/{scene.north.ticket.pk}/triage/", {"message": message.pk, "intent": "spam"})
        assert answer.status_code == 404
        message.refresh_from_db()
        assert message.intent != "spam"


@pytest.mark.parametrize("who", ["rival_owner", "outsider", "auditor", "gone"])
def test_a_ticket_goes_to_colleagues_who_answer(scene: Scene, who: str) -> None:
    """Neither to another brand's people, nor to nobody's, nor to who only reads or may no longer log in."""
    assignee = (
        person("gone@northwind.example", "Gil Gone", scene.north.brand) if who == "gone" else getattr(scene.world, who)
    )
    User.objects.filter(email="gone@northwind.example").update(is_active=False)
    ticket = scene.north.ticket
    answer = scene.world.api(scene.world.owner).post(
        f"/api/v1/tickets/{ticket.pk}/assign/", {"assignee": assignee.pk}, format="json"
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "assignee")
    assert (
        scene.world.desk(scene.world.owner)
        .post(f"/desk/tickets/{ticket.pk}/assign/", {"assignee": assignee.pk})
        .status_code
        == 400
    )
    ticket.refresh_from_db()
    assert ticket.assignee_id is None


def test_an_agent_takes_no_ticket_from_a_colleague(scene: Scene) -> None:
    ticket = scene.north.ticket
    Ticket.objects.filter(pk=ticket.pk).update(assignee=scene.world.lead)
    for assignee in (scene.world.agent.pk, None):
        answer = scene.world.api(scene.world.agent).post(
            f"/api/v1/tickets/{ticket.pk}/assign/", {"assignee": assignee}, format="json"
        )
        assert answer.status_code == 403
    assert (
        scene.world.desk(scene.world.agent).post(f"/desk/tickets/{ticket.pk}/assign/", {"assignee": ""}).status_code
        == 403
    )
    ticket.refresh_from_db()
    assert ticket.assignee_id == scene.world.lead.pk


def test_a_contact_binds_no_customer_of_another_brand(scene: Scene) -> None:
    before = Ticket.objects.count()
    body = {"text": "My bag", "brand": "northwind", "customer": scene.south.customer.pk}
    answer = scene.world.api(scene.world.agent).post("/api/v1/tickets/", body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "customer")
    form = {"channel": scene.north.phone.pk, "customer": scene.south.customer.pk, "text": "My bag"}
    assert scene.world.desk(scene.world.agent).post("/desk/contact/", form).status_code == 400
    assert Ticket.objects.count() == before


def test_who_works_in_two_brands_mixes_them_not(scene: Scene) -> None:
    """A customer of one brand in a channel of the other: refused though both are the caller's."""
    both = person("both@both.example", "Bea Both", scene.north.brand, Role.OWNER)
    scene.south.brand.memberships.create(user=both, role=Role.OWNER)
    before = Ticket.objects.count()
    body = {"text": "My bag", "brand": "northwind", "customer": scene.south.customer.pk}
    assert scene.world.api(both).post("/api/v1/tickets/", body, format="json").status_code == 400
    form = {"channel": scene.north.phone.pk, "customer": scene.south.customer.pk, "text": "My bag"}
    assert scene.world.desk(both).post("/desk/contact/", form).status_code == 400
    assert Ticket.objects.count() == before


def test_a_role_in_one_brand_is_none_in_the_other(scene: Scene) -> None:
    """Owner here and auditor there: there they read, and nothing else."""
    both = person("both@both.example", "Bea Both", scene.north.brand, Role.AUDITOR)
    scene.south.brand.memberships.create(user=both, role=Role.OWNER)
    api, desk, north = scene.world.api(both), scene.world.desk(both), scene.north
    assert api.get(f"/api/v1/tickets/{north.ticket.pk}/").status_code == 200
    refused = [
        api.patch(f"/api/v1/tickets/{north.ticket.pk}/", {"subject": "x"}, format="json"),
        api.post("/api/v1/tickets/", {"text": "x", "name": "y", "brand": "northwind"}, format="json"),
        desk.post(f"/desk/tickets/{north.ticket.pk}/resolve/"),
        desk.post(f"/desk/helpdesk/customer/{north.customer.pk}/change/", {"name": "x"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    unseen = [f"membership/{north.member.pk}", f"apitoken/{north.token.pk}", f"brand/{north.brand.pk}"]
    assert [desk.get(f"/desk/helpdesk/{path}/change/").status_code for path in unseen] == [404] * 3


def test_a_token_of_one_brand_opens_no_other(scene: Scene) -> None:
    both = person("both@both.example", "Bea Both", scene.north.brand, Role.OWNER)
    scene.south.brand.memberships.create(user=both, role=Role.OWNER)
    api = scene.world.api(both, brand=scene.south.brand)
    assert api.get(f"/api/v1/tickets/{scene.south.ticket.pk}/").status_code == 200
    assert api.get(f"/api/v1/tickets/{scene.north.ticket.pk}/").status_code == 404
    assert NORTH not in api.get("/api/v1/tickets/").content.decode()


def test_a_member_cannot_be_moved_to_another_brand(scene: Scene) -> None:
    """The admin's form for members: brand and user are no part of a change, and no other brand is a choice."""
    desk, rival = scene.world.desk(scene.world.rival_owner), scene.south
    theirs = {"brand": scene.north.brand.pk, "user": scene.world.outsider.pk, "role": "agent"}
    rival.brand.memberships.create(user=scene.world.outsider, role=Role.AGENT)
    row = rival.brand.memberships.get(user=scene.world.outsider)
    desk.post(f"/desk/helpdesk/membership/{row.pk}/change/", {**theirs, "role": "lead"})
    row.refresh_from_db()
    assert (row.brand_id, row.role) == (rival.brand.pk, "lead")
    answer = desk.post("/desk/helpdesk/membership/add/", {**theirs, "email": "x@y.example", "name": "X"})
    assert answer.status_code == 200
    assert not User.objects.filter(email="x@y.example").exists()


def test_an_idempotency_key_gives_nobody_elses_answer(scene: Scene) -> None:
    body, key = {"text": "We know who took your bag"}, {"Idempotency-Key": "0001"}
    path = f"/api/v1/tickets/{scene.north.ticket.pk}/notes/"
    first = scene.world.api(scene.world.agent).post(path, body, format="json", headers=key)
    assert first.status_code == 201
    second = scene.world.api(scene.world.lead).post(path, body, format="json", headers=key)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    stranger: Any = scene.world.api(scene.world.rival_owner).post(path, body, format="json", headers=key)
    assert stranger.status_code == 404
    assert "took your bag" not in stranger.content.decode()
    assert IdempotencyRecord.objects.filter(key="0001").count() == 2


def test_a_kept_answer_ends_with_the_membership(scene: Scene) -> None:
    """Who left the brand gets 404 for the key they used while they were in it."""
    path, body = f"/api/v1/tickets/{scene.north.ticket.pk}/notes/", {"text": "We know who took your bag"}
    api = scene.world.api(scene.world.agent)
    assert api.post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 201
    scene.north.member.delete()
    answer = api.post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code == 404, answer.content


def test_a_delivery_is_decided_by_its_own_brand(scene: Scene) -> None:
    desk = scene.world.desk(scene.world.rival_owner)
    for verb in ("decide", "cancel"):
        assert desk.post(f"/desk/deliveries/{scene.north.unknown.pk}/{verb}/", {"decision": "sent"}).status_code == 404
    assert Delivery.objects.get(pk=scene.north.unknown.pk).state == "unknown"
