"""Readers keep their own position, and never pass a writer that has not committed."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from helpdesk import events
from helpdesk.events import Position
from helpdesk.models import Brand, Event
from helpdesk.workflow.brands import open_brand


def write(brand: Brand, *codes: str) -> None:
    with transaction.atomic():
        events.record([events.happened(code, brand, ticket=7) for code in codes])


def read_all(brand: Brand, limit: int = 2) -> list[str]:
    position, found = Position(), list[str]()
    while rows := events.read_after(brand, position, limit):
        found += [row.code for row in rows]
        position = events.position_of(rows[-1])
    return found


@pytest.mark.django_db(transaction=True)
def test_events_are_read_in_order_by_brand_and_none_twice() -> None:
    brand, other = open_brand("a", "A"), open_brand("b", "B")
    for number in range(5):
        write(brand, f"n{number}", f"m{number}")
        write(other, "elsewhere")
    assert read_all(brand) == [f"{letter}{number}" for number in range(5) for letter in "nm"]


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_a_mistake() -> None:
    brand = open_brand("a", "A")
    with pytest.raises(RuntimeError):
        events.record([events.happened("n", brand)])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_reader_waits_for_a_slow_writer() -> None:
    brand = open_brand("a", "A")
    wrote, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            events.record([events.happened("slow", brand)])
            wrote.set()
            finish.wait(10)
        connections.close_all()

    writer = threading.Thread(target=slow)
    writer.start()
    wrote.wait(10)
    write(brand, "quick")
    assert list(Event.objects.values_list("code", flat=True)) == ["quick"], "its id is the higher one"
    assert read_all(brand) == [], "to read it now would be to pass the slow one by"
    finish.set()
    writer.join()
    assert read_all(brand) == ["slow", "quick"]
