"""What tests share: two brands with people in every role, and the servers they may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from knowledge.mining import places
from knowledge.search import shelf
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, open_world

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
SHARED = Path(os.environ.get("HELPDESK_SHARED") or Path(__file__).resolve().parents[2] / "shared")

MISSING: dict[str, tuple[Callable[[], bool], str]] = {
    "postgres": (lambda: connection.vendor == "postgresql", "DATABASE_URL names no PostgreSQL"),
    "redis": (
        lambda: bool(django_settings.REDIS_URL) and bool(shutil.which("redis-server")),
        "REDIS_URL or redis-server is missing",
    ),
    "chromium": (lambda: CHROMIUM is not None, "Chromium is not installed"),
    "shared": (SHARED.is_dir, f"there is no folder {SHARED} (HELPDESK_SHARED)"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what this machine has not got; TEST_DEMAND names what must be there."""
    demanded = set(os.environ.get("TEST_DEMAND", "").split(","))
    for name, (present, reason) in MISSING.items():
        if item.get_closest_marker(name) and not present():
            if name in demanded:
                pytest.fail(f"{name} is demanded here, but {reason}", pytrace=False)
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _quick_and_local(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ALLOW_NETS = ["127.0.0.0/8", "::1/128"]
    settings.DEMO = True
    settings.HELP_COUNT_SECONDS = 0
    shelf.clear()
    monkeypatch.setattr(places, "LOOK_SECONDS", 0.0)


@pytest.fixture
def world(db: None) -> World:
    """Northwind Rail with somebody in every role, a rival brand, and an outsider."""
    return open_world()


@pytest.fixture
def bluesky() -> Iterator[FakeBluesky]:
    with FakeBluesky() as network:
        yield network
        assert network.crashes == []
