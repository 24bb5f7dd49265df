"""Hot pages ask the database as often for many tickets as for few; the numbers are pinned."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.world import World

pytestmark = pytest.mark.django_db

PINNED = {"/desk/inbox/next/": 21, "/desk/tickets/{first}/": 47, "/api/v1/tickets/": 3}


def asked(world: World, address: str, first: int) -> int:
    user = world.agent
    client = world.api(user) if address.startswith("/api/") else world.desk(user)
    path = address.format(first=first)
    client.get(path)  # what is read once per process or log-in is not counted
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("address", PINNED)
def test_query_counts_do_not_grow_with_tickets(world: World, address: str) -> None:
    first = world.ticket(who="first").pk
    few = asked(world, address, first)
    for number in range(30):
        world.ticket(who=f"person{number}")
    many = asked(world, address, first)
    assert few == many == PINNED[address], f"{address} asks {few} times for few, {many} for many"
