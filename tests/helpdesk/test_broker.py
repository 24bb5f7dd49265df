"""The embedded broker under several writers: no reader ever finds half a message."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from queue import Empty
from typing import Any

from kombu import Connection

from helpdesk.conf.broker import Channel, _once_whole

TRANSPORT = "helpdesk.conf.broker:Transport"
WRITERS, EACH = 3, 150


def connected(folder: Path) -> Connection:
    options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
    }
    return Connection("filesystem://localhost", transport=TRANSPORT, transport_options=options)


def write(folder: Path, number: int) -> None:
    with connected(folder) as connection, connection.SimpleQueue("deliver") as queue:
        for item in range(EACH):
            queue.put({"writer": number, "item": item, "pad": "x" * 2000})


def test_many_writing_processes_and_a_reader_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    fresh = multiprocessing.get_context("spawn")
    writers = [fresh.Process(target=write, args=(tmp_path, number)) for number in range(WRITERS)]
    found: set[tuple[int, int]] = set()
    with connected(tmp_path) as connection, connection.SimpleQueue("deliver") as queue:
        assert isinstance(queue.channel, Channel)
        for writer in writers:
            writer.start()
        while len(found) < WRITERS * EACH:
            try:
                message = queue.get(timeout=30)
            except Empty:
                break
            found.add((message.payload["writer"], message.payload["item"]))
            message.ack()
    for writer in writers:
        writer.join()
    assert len(found) == WRITERS * EACH


def test_a_table_half_written_is_read_again() -> None:
    answers: list[Any] = [ValueError("half"), ValueError("half"), "whole"]

    def read() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert _once_whole(read) == "whole"
