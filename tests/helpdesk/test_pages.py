"""Keyset pages: every row once, in order, both ways, however many share a time."""

from __future__ import annotations

import pytest
from django.utils import timezone

from helpdesk.keyset import Order, page
from helpdesk.models import Ticket
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["next_due_at", "priority", "created_at"])
def test_pages_hold_every_row_once_both_ways(world: World, column: str, descending: bool) -> None:
    for number in range(23):
        world.ticket(who=f"p{number}", brand=world.brand if number % 3 else world.rival)
    Ticket.objects.filter(number__lte=9).update(next_due_at=timezone.now(), priority=3)
    order, rows = Order(column, descending), Ticket.objects.all()
    brands = [world.brand.pk, world.rival.pk]
    seen: list[int] = []
    cursor, cursors = "", [""]
    while True:
        found = page(rows, order, 5, cursor, brands)
        seen += [row.pk for row in found.rows]
        if not found.next:
            break
        cursor = found.next
        cursors.append(cursor)
    expected = rows.order_by(*((f"-{column}", "-id") if descending else (column, "id")))
    assert seen == [row.pk for row in expected]
    back = page(rows, order, 5, found.previous, brands)
    assert [row.pk for row in back.rows] == seen[-len(found.rows) - 5 : -len(found.rows)]


def test_an_api_list_is_walked_by_its_links(world: World) -> None:
    for number in range(7):
        world.ticket(who=f"p{number}")
    api = world.api(world.agent)
    address, seen = "/api/v1/tickets/?limit=3&ordering=-created", []
    while address:
        answer = api.get(address).json()
        seen += [row["number"] for row in answer["results"]]
        address = answer["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
