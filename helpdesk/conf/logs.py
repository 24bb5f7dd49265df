"""What logs may not hold: a database error quotes the row it refused, which is somebody's words."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

QUOTES = re.compile(r"^(DETAIL|CONTEXT|STATEMENT|QUERY): .*(?:\n(?!\S+Error|Traceback).*)?$", re.MULTILINE)


def without_rows(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what went wrong and where, without the values it went wrong with."""
    for key in ("exception", "event"):
        if isinstance(event.get(key), str) and "DETAIL:" in event[key]:
            event[key] = QUOTES.sub(r"\1: …", event[key])
    return event
