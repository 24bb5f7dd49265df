"""What tests of the help centre share: a lead who publishes, and an article that is out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from knowledge import publishing
from knowledge.models import Edition
from tests.world import World

Write = Callable[..., Edition]
HOME = "/help/northwind/en/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


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
