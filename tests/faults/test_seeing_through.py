"""Faults on what is told and asked: workers killed while two hundred are told, two hands at one survey, clicks that double."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from helpdesk.models import (
    Affected,
    Brand,
    Concession,
    Delivery,
    Escalation,
    Event,
    Message,
    Statement,
    StatementCopy,
    Survey,
    Ticket,
)
from helpdesk.workflow import concessions, incidents, surveys, tickets
from helpdesk.workflow.verbs import Conflict
from mentions.models import DemoPost, Mention
from mentions.platforms.demo import ledger
from tests.attacks.scene import called, heard
from tests.faults.conftest import until
from tests.faults.test_houses import at_once
from tests.processes import background
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
WORDS = "{name}, payments in the app fail since noon. It is us, not your card."


def crowd(world: World, count: int) -> list[int]:
    """Tickets of that many people, each with a post in the demo platform's ledger that can be answered."""
    keys, account = [], world.channel().account
    for number in range(count):
        message = heard(world, "x", world.brand, who=called(number))
        ledger.say(account.pk, f"key-{number}", called(number), "x", timezone.now())
        Mention.objects.filter(message=message).update(reference={"key": f"key-{number}"}, external_id=f"demo:key-{number}")  # fmt: skip
        keys.append(message.ticket_id)
    return keys


def going(world: World, count: int) -> Statement:
    """A statement that all of these are to be told, approved, its pace no hindrance."""
    row = incidents.begin(world.brand, world.lead, "Payments fail", crowd(world, count))
    said = Statement.objects.create(brand=world.brand, incident=row, kind="holding", text=WORDS, written_by=world.lead, per_minute=30_000)  # fmt: skip
    incidents._go(said, world.manager, timezone.now())
    return said


def told_to(least: int) -> bool:
    return StatementCopy.objects.filter(state="told").count() >= least


def judge(said: Statement, count: int) -> None:
    """Each of them has it once, in words of their own; nothing else was said."""
    copies = StatementCopy.objects.filter(statement=said)
    assert set(copies.values_list("state", flat=True)) == {"told"}
    assert copies.count() == count
    replies = list(Message.objects.filter(kind="reply").values_list("ticket_id", flat=True))
    assert sorted(replies) == sorted(Affected.objects.values_list("ticket_id", flat=True))
    assert Message.objects.filter(kind="reply", text__startswith="Per").count() == count
    assert Delivery.objects.count() == count
    assert Event.objects.filter(code="incident.told").count() == 1


def test_worker_killed_while_two_hundred_are_told(world: World) -> None:
    said = going(world, 200)
    with background(tick=1) as workers:
        workers.beat()
        for name, least in (("one", 15), ("two", 70)):
            worker = workers.worker(name=name)
            until(partial(told_to, least), 60, workers.logs)
            workers.kill(worker)
        assert StatementCopy.objects.filter(state="queued").exists(), "it was killed in the middle"
        workers.worker(name="three")
        workers.worker(name="four")
        until(lambda: not StatementCopy.objects.filter(state="queued").exists(), 90, workers.logs)
        until(lambda: Statement.objects.get().state == "done", 20, workers.logs)
        until(lambda: not Delivery.objects.filter(state__in=["queued", "sending"]).exists(), 120, workers.logs)
    judge(said, 200)
    ours = DemoPost.objects.filter(author="", parent_key__startswith="key-").values_list("parent_key", "text")
    assert len(ours) == len({parent for parent, _text in ours}) == 200, "on the platform, too, each was told once"
    assert all(text.startswith(f"{called(int(parent.removeprefix('key-'))).title()}, ") for parent, text in ours)


def test_21_many_hands_tell_each_once(world: World) -> None:
    said = going(world, 40)
    later = timezone.now() + HOUR

    def hand(_number: int) -> int:
        done = 0
        while found := incidents.tell(later):
            done += found
        return done

    at_once(4, hand)
    judge(said, 40)


def test_21_two_hands_ask_a_customer_once(world: World) -> None:
    Brand.objects.update(survey_minutes=1)
    for number in range(8):
        ticket = heard(world, "x", world.brand, who=f"per{'abcd'[number % 4]}").ticket
        tickets.log_call(ticket.pk, world.agent, "Told them")
        tickets.resolve(ticket.pk, world.agent)
    later = timezone.now() + HOUR
    at_once(4, lambda _number: surveys.send(later))
    asked = Survey.objects.filter(state="sent").values_list("ticket__customer", flat=True)
    assert len(asked) == len(set(asked)) == len(set(Ticket.objects.values_list("customer", flat=True)))
    assert Message.objects.filter(is_automatic=True).count() == len(asked)


def test_24_a_verdict_given_twice_at_once_counts_once(world: World) -> None:
    ticket = heard(world, "x", world.brand, who="ana").ticket
    Ticket.objects.filter(pk=ticket.pk).update(answered_at=timezone.now())
    tickets.resolve(ticket.pk, world.agent)
    row = surveys.ask(ticket.pk, world.agent)
    found = at_once(4, lambda _number: surveys.answer(row.pk, 1, "Still broken"))
    assert [type(one) for one in found].count(Conflict) == 3
    assert Escalation.objects.count() == 1
    assert Message.objects.filter(text="Still broken").count() == 1
    assert Ticket.objects.get().reopened_count == 1


def test_24_slices_at_once_stay_within_the_limit(world: World) -> None:
    ticket = world.ticket()

    def slice_(_number: int) -> str:
        return concessions.ask(ticket.pk, world.agent, "refund", Decimal(15), "We were late").state

    found = at_once(4, slice_)
    assert sorted(found) == ["approved", "asked", "asked", "asked"], "the limit is 20"
    assert Concession.objects.count() == 4


def test_24_one_key_asks_for_one_concession(world: World) -> None:
    ticket, api = world.ticket(), world.api(world.agent)
    body = {"ticket": ticket.pk, "kind": "refund", "amount": "5", "why": "We were late", "grant": True}

    def click(_number: int) -> tuple[int, int]:
        answer = api.post("/api/v1/concessions/", body, format="json", headers={"Idempotency-Key": "one"})
        return answer.status_code, answer.json()["id"]

    assert at_once(6, click) == [(201, Concession.objects.get().pk)] * 6
