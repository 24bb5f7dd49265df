"""Fields nobody offered: each writable body refuses what it does not list, names it, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model

from helpdesk.models import ApiToken, Membership
from tests.attacks.scene import Scene

pytestmark = pytest.mark.django_db

REPLY = {"text": "Hello", "visibility": "public"}
# method, address, the scene's row, a valid body
BODIES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("patch", "brands/{}/", "brand", {"name": "New"}),
    ("patch", "customers/{}/", "customer", {"name": "New"}),
    ("patch", "tickets/{}/", "ticket", {"priority": 1}),
    ("post", "tickets/", "ticket", {"text": "Hello", "name": "Ana", "brand": "northwind"}),
    ("post", "tickets/{}/replies/", "ticket", REPLY),
    ("post", "tickets/{}/notes/", "ticket", {"text": "Hello"}),
    ("post", "tickets/{}/calls/", "ticket", {"text": "Hello"}),
    ("post", "tickets/{}/assign/", "ticket", {"assignee": None}),
    ("post", "tickets/{}/close/", "ticket", {"reason": "spam"}),
    ("post", "messages/{}/triage/", "message", {"intent": "spam"}),
    ("post", "deliveries/{}/decide/", "unknown", {"decision": "cancel"}),
    ("post", "sources/", "source", {"platform": "demo", "name": "New", "brand": "northwind"}),
    ("patch", "sources/{}/", "source", {"name": "New"}),
    ("post", "teams/", "team", {"name": "New", "brand": "northwind"}),
    ("patch", "teams/{}/", "team", {"name": "New"}),
    ("patch", "calendars/{}/", "calendar", {"name": "New"}),
    ("patch", "policies/{}/", "policy", {"name": "New"}),
    ("patch", "levels/{}/", "level", {"name": "New"}),
    ("patch", "shifts/{}/", "shift", {"weekdays": [1]}),
    ("patch", "escalation-policies/{}/", "rule", {"name": "New"}),
    ("post", "tickets/{}/escalate/", "ticket", {"why": "New"}),
    ("post", "escalations/{}/lower/", "step", {"level": 1}),
    ("post", "follow-ups/{}/finish/", "follow_up", {"outcome": "reached"}),
    ("post", "approvals/{}/approve/", "approval", {"text": "Other words"}),
    ("post", "approvals/{}/refuse/", "approval", {"reason": "Too much"}),
    ("post", "tickets/{}/check/", "ticket", REPLY),
]
EXTRA = {
    "id": 1, "public_id": "x", "number": 7, "state": "closed", "brand_id": 2, "slug": "southbay", "customer_id": 1, "author": 1,
    "account": 1, "cursor": {}, "sealed_secrets": "x", "role": "owner", "is_superuser": True, "created_at": "2020-01-01T00:00Z",
    "__class__": "x", "pk": 1, "lease_token": 9, "corrected": {},
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "thing", "body"), BODIES, ids=[f"{m} {p}" for m, p, *_ in BODIES])
def test_unknown_fields_are_named_and_nothing_changes(
    scene: Scene, method: str, path: str, thing: str, body: dict[str, Any]
) -> None:
    row: Model = getattr(scene.north, thing)
    before = everything(row)
    send = getattr(scene.world.api(scene.world.owner), method)
    named = {}
    for name, value in EXTRA.items():
        answer = send(f"/api/v1/{path.format(row.pk)}", {**body, name: value}, format="json")
        named[name] = (answer.status_code, [error["field"] for error in answer.json()["errors"]])
    assert named == {name: (400, [name]) for name in EXTRA}
    assert everything(row) == before


def everything(row: Model) -> list[Any]:
    """Every column of the row's table."""
    return list(type(row)._default_manager.order_by("pk").values())


@pytest.mark.parametrize(
    "body", [[], [{"text": "x"}], "text", 7, None, {"text": {"a": 1}}, {"text": ["x"]}, {"text": True}]
)
def test_bodies_of_another_shape_are_refused(scene: Scene, body: Any) -> None:
    answer = scene.world.api(scene.world.owner).post(
        f"/api/v1/tickets/{scene.north.ticket.pk}/notes/", body, format="json"
    )
    assert answer.status_code in (400, 201)
    assert answer.status_code == 400 or body == {"text": True}


def test_the_admin_takes_no_field_it_does_not_show(scene: Scene) -> None:
    desk, north = scene.world.desk(scene.world.owner), scene.north
    desk.post(
        f"/desk/helpdesk/customer/{north.customer.pk}/change/",
        {"name": "Ana", "brand": scene.south.brand.pk, "public_id": "x", "custom": "{}", "erased_at_0": "2020-01-01"},
    )
    kept = type(north.customer).objects.get(pk=north.customer.pk)
    assert (kept.name, kept.brand_id, kept.public_id, kept.erased_at) == (
        "Ana",
        north.brand.pk,
        north.customer.public_id,
        None,
    )
    desk.post(f"/desk/helpdesk/brand/{north.brand.pk}/change/", {"name": "N", "slug": "southbay"})
    north.brand.refresh_from_db()
    assert north.brand.slug == "northwind"


def test_a_token_is_made_for_oneself_and_keeps_its_scopes(scene: Scene) -> None:
    desk, north = scene.world.desk(scene.world.owner), scene.north
    form = {
        "brand": north.brand.pk,
        "name": "robot",
        "scopes": ["read"],
        "user": scene.world.agent.pk,
        "hash": "x",
        "expires_at_0": "",
    }
    assert desk.post("/desk/helpdesk/apitoken/add/", form).status_code == 302
    made = ApiToken.objects.latest("pk")
    assert (made.user, made.brand, made.scopes, len(made.hash)) == (scene.world.owner, north.brand, ["read"], 64)
    desk.post(
        f"/desk/helpdesk/apitoken/{north.token.pk}/change/",
        {"name": "robot", "scopes": ["read", "write"], "user": scene.world.owner.pk, "brand": scene.south.brand.pk},
    )
    kept = ApiToken.objects.get(pk=north.token.pk)
    assert (kept.scopes, kept.user_id, kept.brand_id) == (["read"], north.token.user_id, north.brand.pk)


def test_nobody_makes_themselves_owner(scene: Scene) -> None:
    for who in ("auditor", "agent", "lead", "manager"):
        user = getattr(scene.world, who)
        row = Membership.objects.get(user=user)
        answer = scene.world.desk(user).post(f"/desk/helpdesk/membership/{row.pk}/change/", {"role": "owner"})
        row.refresh_from_db()
        assert (answer.status_code, row.role) == (403, who)


def test_the_last_owner_stays(scene: Scene) -> None:
    desk, row = scene.world.desk(scene.world.owner), Membership.objects.get(user=scene.world.owner)
    desk.post(f"/desk/helpdesk/membership/{row.pk}/change/", {"role": "agent"})
    desk.post(f"/desk/helpdesk/membership/{row.pk}/delete/", {"post": "yes"})
    assert Membership.objects.get(pk=row.pk).role == "owner"
