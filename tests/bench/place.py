"""Where a part of the benchmark runs: a database of its own, a folder of its own, an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"


@dataclass
class Place:
    """A scratch database and what processes need to use it."""

    name: str
    folder: Path
    url: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        ours = ("HELPDESK_", "DATABASE_URL", "REDIS_URL", "DJANGO_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
            "HELPDESK_DATA": str(self.folder),
            "HELPDESK_ALLOW_NETS": "127.0.0.0/8",
            "HELPDESK_LOG_LEVEL": "WARNING",
            "DATABASE_URL": self.url,
            **self.extra,
        }

    def step(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What `tests.bench.step NAME` answers, run in a process of its own on this database."""
        out = self.folder / f"{name}.json"
        command = [sys.executable, "-m", "tests.bench.step", name, json.dumps(arguments), str(out)]
        subprocess.run(command, cwd=ROOT, env=self.env, check=True)
        answer: dict[str, Any] = json.loads(out.read_text())
        return answer

    @contextlib.contextmanager
    def running(self, command: list[str], port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The process while the block runs; with `port`, once it listens there."""
        process = subprocess.Popen(command, cwd=ROOT, env=self.env, start_new_session=True)
        try:
            if port is not None:
                _wait_for(port, process)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def sqlite(folder: Path, name: str) -> Iterator[Place]:
    home = folder / f"sqlite-{name}"
    home.mkdir(mode=0o700)
    yield Place(name, home, f"sqlite:///{home / 'helpdesk.sqlite3'}")


@contextlib.contextmanager
def postgres(folder: Path, name: str) -> Iterator[Place]:
    home = folder / f"postgres-{name}"
    home.mkdir(mode=0o700)
    database = f"helpdesk_bench_{os.getpid()}_{name}"
    _say_to_server(f"CREATE DATABASE \"{database}\" TEMPLATE template0 ENCODING 'UTF8'")
    try:
        yield Place(name, home, urlunsplit(urlsplit(server())._replace(path=f"/{database}")))
    finally:
        _say_to_server(f'DROP DATABASE "{database}" WITH (FORCE)')


LANES = {"postgres": postgres, "sqlite": sqlite}


def server() -> str:
    """The PostgreSQL server DATABASE_URL names, else the one on this machine."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(("postgres://", "postgresql://")) else SERVER


def missing(lane: str) -> str:
    """Why this lane cannot run here; "" where it can."""
    if lane == "postgres":
        try:
            _say_to_server("SELECT 1")
        except psycopg.OperationalError as error:
            return f"no PostgreSQL at {urlsplit(server()).hostname}: {error}"
    return ""


def _say_to_server(sql: str) -> None:
    with psycopg.connect(server(), autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.encode())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")
