"""The scene every attack begins in, and quick clients."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from tests.attacks.scene import Scene, make_quick, open_scene
from tests.world import World


@pytest.fixture(autouse=True)
def _quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(settings, monkeypatch)
    cache.clear()  # rate limits count across tests


@pytest.fixture
def scene(world: World) -> Scene:
    return open_scene(world)
