"""One at a time: real servers have fixed ports and mailboxes, and two runs of the tests may go on side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files import locks


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait until no other run on this machine has the server of this name; have it until the block ends."""
    with (Path(tempfile.gettempdir()) / f"helpdesk-turn-{name}").open("a") as file:
        locks.lock(file, locks.LOCK_EX)
        try:
            yield
        finally:
            locks.unlock(file)
