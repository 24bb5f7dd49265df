"""What tests of the help centre share: a lead who publishes, and an article that is out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import Q
from django.test import Client

from helpdesk.events import Position
from helpdesk.models import Brand, Event
from knowledge import publishing
from knowledge.mining import learn
from knowledge.models import Edition
from tests.world import World

Write = Callable[..., Edition]
HOME = "/help/northwind/en/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _read_own_events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test runs in one transaction, of which readers on PostgreSQL rightly see nothing before it ends."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and not marker.kwargs.get("transaction"):
        monkeypatch.setattr(learn, "read_after", _uncommitted)


def _uncommitted(brand: Brand, position: Position, limit: int) -> list[Event]:
    after = Q(transaction__gt=position.transaction) | Q(transaction=position.transaction, id__gt=position.id)
    return list(Event.objects.filter(after, brand=brand).order_by("transaction", "id")[:limit])


@pytest.fixture
def write(world: World) -> Write:
    """An article by the lead, published unless `live=False`."""

    def written(title: str, body: str = "It is so.", *, live: bool = True, language: str = "", brand: Any = None, summary: str = "", **details: Any) -> Edition:  # fmt: skip
        by = world.lead if brand is None else world.rival_owner
        edition = publishing.create(
            brand or world.brand, by, publishing.Words(title, body, summary), language, **details
        )
        return publishing.publish(edition.pk, by) if live else edition

    return written


@pytest.fixture
def reader() -> Client:
    """Somebody with a browser and no log-in."""
    return Client()
