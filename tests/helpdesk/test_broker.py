"""The embedded broker under several writers: no reader ever finds half a message."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from helpdesk.conf.broker import Channel, _once_whole


@pytest.fixture
def connection(tmp_path: Path) -> Any:
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    (tmp_path / "queue").mkdir()
    with Connection(
        "filesystem://localhost", transport="helpdesk.conf.broker:Transport", transport_options=options
    ) as c:
        yield c


def test_many_writers_and_a_reader_lose_nothing(connection: Any) -> None:
    writers, each = 4, 100

    def write(number: int) -> None:
        with connection.clone().SimpleQueue("deliver") as queue:
            for item in range(each):
                queue.put({"writer": number, "item": item, "pad": "x" * 2000})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    found: set[tuple[int, int]] = set()
    with connection.SimpleQueue("deliver") as queue:
        assert isinstance(queue.channel, Channel)
        while len(found) < writers * each:
            try:
                message = queue.get(timeout=10)
            except Empty:
                break
            found.add((message.payload["writer"], message.payload["item"]))
            message.ack()
    for thread in threads:
        thread.join()
    assert len(found) == writers * each


def test_a_table_half_written_is_read_again() -> None:
    answers: list[Any] = [ValueError("half"), ValueError("half"), "whole"]

    def read() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert _once_whole(read) == "whole"
