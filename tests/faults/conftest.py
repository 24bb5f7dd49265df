"""The stage of the fault tests: a network with a ledger, real worker processes, and the judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Delivery, DeliveryPart, Event, Ticket
from mentions.models import Account, Mention, Quarantine, Source
from tests.fakes.bluesky import FakeBluesky
from tests.processes import Background, background
from tests.world import World, listen

RHYTHM = 1


@dataclass
class Stage:
    world: World
    network: FakeBluesky
    source: Source
    us: str
    ana: str

    def mention(self, text: str) -> str:
        return self.network.post(self.ana, f"@northwind.test {text}", mention=[self.us])

    def reply(self, text: str, visibility: str = "public", key: str = "", ticket: Ticket | None = None) -> Delivery:
        """A reply through the API, to the newest ticket unless one is named."""
        ticket = ticket or Ticket.objects.order_by("-id")[0]
        headers = {"Idempotency-Key": key} if key else {}
        api = self.world.api(self.world.agent)
        body = {"text": text, "visibility": visibility}
        answer = api.post(f"/api/v1/tickets/{ticket.pk}/replies/", body, format="json", headers=headers)
        assert answer.status_code == 202, answer.content
        return Delivery.objects.get(pk=answer.json()["id"])

    def sent(self) -> list[str]:
        """What the network has of ours in public, by text."""
        return [record.record["text"] for record in self.network.posts_by(self.us)]

    def settled(self, delivery: Delivery, *states: str, seconds: float = 40) -> Delivery:
        def there() -> bool:
            delivery.refresh_from_db()
            return delivery.state in (states or ("sent",))

        until(
            there,
            seconds,
            lambda: f"delivery is {delivery.state}: {[(p.state, p.problem, p.attempts) for p in delivery.parts.all()]}",
        )
        return delivery

    def heard(self, count: int, seconds: float = 40) -> None:
        until(lambda: self.mentions() >= count, seconds, lambda: f"{self.mentions()} mentions: {self.state()}")

    def mentions(self) -> int:
        return Mention.objects.filter(account__external_id=self.us).exclude(external_id__contains=self.us).count()

    def state(self) -> dict[str, Any]:
        self.source.refresh_from_db()
        return {
            name: getattr(self.source, name)
            for name in ("lease_until", "failures", "problem", "next_poll_at", "cursor")
        }

    def problem(self) -> str:
        return str(Source.objects.get(pk=self.source.pk).problem.get("code", ""))

    def judge(self, items: int) -> None:
        """What must hold after every fault; the network's ledger is the judge, not our tables."""
        assert not Quarantine.objects.exists(), list(Quarantine.objects.values_list("problem", flat=True))
        heard = list(Mention.objects.exclude(external_id__contains=self.us).values_list("external_id", flat=True))
        assert len(heard) == len(set(heard)) == items, f"{items} on the network, {len(heard)} here"
        texts = self.sent() + [message.text for message in self.network.messages_from(self.us)]
        assert len(texts) == len(set(texts)), f"sent twice: {texts}"
        for part in DeliveryPart.objects.filter(state="sent"):
            assert part.external_id, part.pk
        sent = Delivery.objects.filter(state="sent").count()
        assert Event.objects.filter(code="delivery.sent").count() == sent
        assert Event.objects.filter(code="ticket.created").count() == Ticket.objects.count()
        assert Event.objects.filter(code="message.heard").count() == items
        until(self.idle, 20, lambda: f"the queue does not drain: {self.state()}")

    def idle(self) -> bool:
        """No lease is older than its time, and no reply is due."""
        now = timezone.now()
        late = Source.objects.filter(lease_until__lt=now).exists()
        waiting = DeliveryPart.objects.filter(state__in=["queued", "sending"]).exists()
        return not late and not waiting


def until(condition: Callable[[], Any], seconds: float, what: Callable[[], str] = lambda: "") -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s. {what()}")


@pytest.fixture
def stage(transactional_db: None, world: World, bluesky: FakeBluesky) -> Stage:
    """Northwind listens on the fake network every second; Ana is there to talk. No worker runs yet."""
    source = listen(world, bluesky)
    Source.objects.update(rhythm_seconds=RHYTHM, budget_per_hour=100_000)
    return Stage(
        world, bluesky, source, Account.objects.get().external_id, bluesky.add_account("ana.test", followers=10)
    )


@pytest.fixture
def workers(stage: Stage) -> Iterator[Background]:
    with background(tick=1) as running:
        yield running


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the workers said where a test failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    running = getattr(item, "funcargs", {}).get("workers")
    if report.failed and running is not None:
        report.sections.append(("workers", running.logs()[-6000:]))
