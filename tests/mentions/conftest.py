"""A brand that listens on the fake network, with one mention of Ana's heard."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from helpdesk.models import Delivery, Ticket
from helpdesk.workflow import replies
from mentions import connecting, polling
from mentions.models import Account, Source
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

PASSWORD = "abcd-efgh-ijkl-mnop"


@dataclass
class Heard:
    world: World
    network: FakeBluesky
    source: Source
    us: str
    ana: str
    uri: str

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.order_by("id")[0]

    def poll(self) -> dict[str, object]:
        return polling.poll(self.source.pk, forced=True)

    def reply(self, text: str, visibility: str = "public") -> Delivery:
        return replies.reply(self.ticket.pk, self.world.agent, text, visibility)

    def also_listen(self, stream: str, query: str = "", handle: str = "northwind.test") -> Source:
        """Another stream of our account, or the notifications of another account of the brand."""
        settings = {"base_url": self.network.url, "identifier": handle, "app_password": PASSWORD}
        name = "Bluesky" if handle == "northwind.test" else handle
        return connecting.add_source(
            self.world.brand, None, connecting.Wanted("bluesky", name, settings, stream, query)
        )


@pytest.fixture
def heard(world: World, bluesky: FakeBluesky) -> Heard:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    uri = bluesky.post(ana, "@northwind.test where is my train", mention=[us])
    polling.poll(source.pk, forced=True)
    return Heard(world, bluesky, source, us, ana, uri)
