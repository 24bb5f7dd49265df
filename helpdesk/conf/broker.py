"""The embedded broker: kombu's messages in files, with two holes closed.

kombu writes a message under its final name and reads an exchange's table while it may be half made: whoever reads in
that moment finds no JSON, and the worker ends (seen twice in an hour of little load).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps

T = TypeVar("T")


class Channel(filesystem.Channel):
    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """A message appears under its name whole, or not at all."""
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        target = Path(self.data_folder_out) / name
        part = target.with_name(f"{name}.part")
        try:
            part.write_text(dumps(message))
            os.replace(part, target)
        except OSError as error:
            raise ChannelError(f"Cannot add {target} to the queue.") from error

    def get_table(self, exchange: str) -> Any:
        return _once_whole(lambda: super(Channel, self).get_table(exchange))

    def _queue_bind(self, *args: Any) -> None:
        _once_whole(lambda: super(Channel, self)._queue_bind(*args))


class Transport(filesystem.Transport):
    Channel = Channel


def _once_whole(read: Callable[[], T], tries: int = 50) -> T:
    """What `read` reads, once another process has finished writing it."""
    for _ in range(tries):
        try:
            return read()
        except ValueError:
            time.sleep(0.02)
    return read()
