"""The cache, for what can be made again: where it is away, everything works and is merely slower."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
AWAY = (RedisError, OSError)


def get(key: str) -> Any:
    """None where it is not there, or the cache is away."""
    try:
        return cache.get(key)
    except AWAY as error:
        log.warning("the cache is away: %s", type(error).__name__)
        return None


def put(key: str, value: Any, seconds: int) -> None:
    try:
        cache.set(key, value, seconds)
    except AWAY as error:
        log.warning("the cache is away: %s", type(error).__name__)


def counted(key: str, seconds: int) -> int:
    """One more of `key`: how many there are within `seconds`. 0 where nobody counts."""
    try:
        cache.add(key, 0, seconds)
        return int(cache.incr(key))
    except ValueError:  # it ended just now
        return 1
    except AWAY as error:
        log.warning("the cache is away: %s", type(error).__name__)
        return 0
