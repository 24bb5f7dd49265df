"""A feed at every address, with an entry more each time it is read."""

from __future__ import annotations

import time
from collections import Counter
from email.utils import formatdate

from tests.fakes.faults import Answer
from tests.fakes.server import FakeServer, Incoming

SHOWN = 10
SAID = "The {number}. ferry of {path} left without us"


class Newsstand(FakeServer):
    """Serves RSS at `/<anything>/`; the log names each request by its path."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self._read: Counter[str] = Counter()

    def named(self, incoming: Incoming) -> str:
        return incoming.path

    def answer(self, incoming: Incoming) -> Answer:
        self._read[incoming.path] += 1
        last = self._read[incoming.path]
        entries = "".join(self._entry(incoming.path, number) for number in range(max(1, last - SHOWN), last + 1))
        body = (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>{incoming.path}</title>{entries}</channel></rss>'
        )
        return Answer(200, body.encode(), {"Content-Type": "application/rss+xml"})

    def _entry(self, path: str, number: int) -> str:
        page = f"{self.url}{path}{number}"
        return (
            f"<item><title>Ferry {number}</title><link>{page}</link><guid>{page}</guid><author>Una {number % 7}</author>"
            f"<pubDate>{formatdate(time.time() - 30)}</pubDate><description>{SAID.format(number=number, path=path)}"
            "</description></item>"
        )
