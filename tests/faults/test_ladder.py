"""Faults on the ladder: two beats and many workers, a worker killed mid-sweep, clocks that jump, clicks that double."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from helpdesk import summary
from helpdesk.models import Deadline, Escalation, Event, Ticket
from helpdesk.workflow import sweep
from tests.faults.conftest import until
from tests.faults.test_houses import at_once
from tests.processes import ROOT, background, database_url
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)


def overdue(world: World, count: int) -> list[int]:
    """That many complaints whose first answer was due an hour ago."""
    keys = [world.ticket("This is terrible, I am furious", who=f"person{number}").pk for number in range(count)]
    now = timezone.now()
    Deadline.objects.update(started_at=now - 6 * HOUR, due_at=now - HOUR, risk_at=now - 2 * HOUR)
    summary.refresh(keys)
    return keys


def judge(keys: list[int], level: int = 2) -> None:
    """Each ticket has its step with its event; no step is there twice."""
    steps = Counter(Escalation.objects.values_list("ticket_id", "level"))
    raised = Counter(Event.objects.filter(code="escalation.raised").values_list("ticket_id", flat=True))
    assert steps == {(key, level): 1 for key in keys}
    assert raised == dict.fromkeys(keys, 1)
    assert not Event.objects.filter(code="escalation.fired").exists()
    assert set(Ticket.objects.filter(pk__in=keys).values_list("level", flat=True)) == {level}
    assert summary.differences(keys) == []


def test_21_many_hands_take_one_step_each(world: World, caplog: pytest.LogCaptureFixture) -> None:
    keys = overdue(world, 60)
    now = timezone.now()

    def hand(_number: int) -> int:
        done = 0
        while found := sweep.sweep(now, 7):
            done += found
        return done

    assert sum(at_once(4, hand)) == 60
    judge(keys)
    assert caplog.records == [], "nobody got in another's way"


def test_21_two_beats_and_two_workers(world: World) -> None:
    keys = overdue(world, 40)
    with background(tick=1) as workers:
        workers.worker(name="two")
        workers.beat(name="two")
        until(lambda: Escalation.objects.count() == len(keys), 40, lambda: f"{Escalation.objects.count()} steps")
        time.sleep(3)  # a few ticks more
    judge(keys)


# sweeps in small batches; in the third, half of what is written is there when the process stops for good
KILLED = """
import django, os, sys
django.setup()
from django.utils import timezone
from helpdesk.models import Escalation
from helpdesk.workflow import sweep
batches = 0
def write(rows, tickets, now, real=sweep._write):
    global batches
    batches += 1
    if batches < 3:
        return real(rows, tickets, now)
    Escalation.objects.bulk_create(rows.raised)
    print("half", flush=True)
    sys.stdin.read()
sweep._write = write
while sweep.sweep(timezone.now(), 5):
    pass
"""


def test_a_worker_killed_in_the_middle_leaves_each_ticket_with_both_or_neither(world: World) -> None:
    keys = overdue(world, 20)
    env = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "helpdesk.conf.settings"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, env=env, **pipes)
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said == b"half\n", process.stderr.read() if process.stderr else ""
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    connections.close_all()

    done = set(Escalation.objects.values_list("ticket_id", flat=True))
    assert len(done) == 10, "two batches of five"
    assert set(Event.objects.filter(code="escalation.raised").values_list("ticket_id", flat=True)) == done
    assert set(Ticket.objects.filter(level=2).values_list("pk", flat=True)) == done
    while sweep.sweep(timezone.now(), 5):
        pass
    judge(keys)


@pytest.mark.parametrize("jumps", [(1, 0, -1, 0), (-1, 1, 0), (0, 0, 1, 1, -1)], ids=str)
def test_20_a_clock_that_jumps_takes_no_step_twice(world: World, jumps: tuple[int, ...]) -> None:
    keys = overdue(world, 5)
    Deadline.objects.update(due_at=timezone.now() - dt.timedelta(minutes=5), risk_at=None)
    summary.refresh(keys)
    now = timezone.now()
    for jump in jumps:
        sweep.sweep(now + jump * HOUR)
    steps = Escalation.objects.values_list("ticket_id", "level")
    assert len(set(steps)) == len(steps) == 5
    assert max(Escalation.objects.values_list("reminded", flat=True)) <= 1
    assert Event.objects.filter(code__in=["escalation.raised", "escalation.fired"]).count() == 5


class TestClicks:
    def test_24_one_key_raises_once(self, world: World) -> None:
        ticket = world.ticket()
        api = world.api(world.agent)

        def click(_number: int) -> tuple[int, int]:
            headers = {"Idempotency-Key": "one"}
            answer = api.post(
                f"/api/v1/tickets/{ticket.pk}/escalate/", {"why": "Twice"}, format="json", headers=headers
            )
            return answer.status_code, answer.json()["id"]

        found = at_once(6, click)
        assert len(set(found)) == 1
        assert found[0][0] == 201
        assert Escalation.objects.count() == 1
        assert ticket.messages.filter(kind="note").count() == 1

    def test_24_one_form_raises_once(self, world: World) -> None:
        from helpdesk.workflow import policies

        policies.save_level(world.brand, world.manager, name="Third")
        ticket = world.ticket()
        desk = world.desk(world.agent)
        body = {"level": "0", "why": "Twice", "once": "a-form"}
        codes = at_once(4, lambda _: desk.post(f"/desk/tickets/{ticket.pk}/escalate/", body).status_code)
        assert set(codes) == {302}
        assert list(Escalation.objects.values_list("level", flat=True)) == [2]

    def test_23_many_acknowledge_and_one_has_it(self, world: World) -> None:
        from helpdesk.workflow import escalation

        ticket = world.ticket()
        escalation.escalate(ticket.pk, world.agent)
        people = [world.lead, world.manager, world.owner]
        found = at_once(3, lambda number: escalation.acknowledge(ticket.pk, people[number]))
        winners = [row for row in found if isinstance(row, Escalation)]
        assert len(winners) == 1
        ticket.refresh_from_db()
        assert ticket.assignee_id == winners[0].acknowledged_by_id
        assert all("has acknowledged it already" in str(other) for other in found if not isinstance(other, Escalation))


def test_a_sweep_and_an_answer_meet(world: World) -> None:
    """An answer that goes out while the ladder looks: the ticket is raised or answered first, and right after both."""
    from helpdesk.workflow import tickets

    keys = overdue(world, 12)
    gate = threading.Barrier(2)

    def look(_number: int) -> None:
        gate.wait(10)
        while sweep.sweep(timezone.now(), 3):
            pass

    def call(_number: int) -> None:
        gate.wait(10)
        for key in keys:
            tickets.log_call(key, world.agent, "Rang them")

    found = at_once(2, lambda number: (look, call)[number](number))
    assert found == [None, None]
    assert summary.differences(keys) == []
    assert Ticket.objects.filter(state="waiting").count() == 12
