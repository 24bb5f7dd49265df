"""Real worker and beat processes on the test database, for tests of what happens between processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection

from helpdesk.processes import STANDS_STILL

ROOT = Path(__file__).resolve().parents[1]


def database_url() -> str:
    """The test database, as a worker is told of it."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    user, password, host = given["USER"], given["PASSWORD"], given["HOST"] or "127.0.0.1"
    secret = f":{password}" if password else ""
    return f"postgresql://{user}{secret}@{host}:{given['PORT'] or 5432}/{given['NAME']}"


@dataclass
class Background:
    """Processes under test. `env` is what each is started with."""

    env: dict[str, str]
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self.processes)}.log").open("ab")
        command = [sys.executable, "-m", *words]
        process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def worker(self, processes: int = 2, name: str = "one") -> subprocess.Popen[bytes]:
        """A Celery worker; returns when it is ready."""
        before = self.ready_count()
        command = ["worker", "-Q", "deliver,wake,poll", "-c", str(processes), "-l", "info", "-n", f"{name}@%h"]
        process = self.start(
            "celery",
            "-A",
            "helpdesk.conf.celery",
            *command,
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        )
        end = time.monotonic() + 60
        while self.ready_count() == before:
            assert process.poll() is None, self.logs()
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)
        return process

    def beat(self, name: str = "one") -> subprocess.Popen[bytes]:
        return self.start(
            "celery", "-A", "helpdesk.conf.celery", "beat", "-s", str(self.folder / f"beat-{name}"), "--pidfile="
        )

    def ready_count(self) -> int:
        return self.logs().count(" ready.")

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def kill(
        self, process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL, *, group: bool = True
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number) if group else os.kill(process.pid, number)
        if number == signal.SIGKILL:
            process.wait(10)

    def look_after(self, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """As `manage.py up` does: a worker that has finished nothing for 45 s is started anew. The worker there is now.

        A reconnect of the broker's library to Redis that never ends was seen once in some ten restarts [seen].
        """
        sign = self.folder / "worker-alive"
        if not sign.exists() or time.time() - sign.stat().st_mtime < STANDS_STILL:
            return worker
        self.kill(worker)
        sign.touch()
        return self.worker(name=f"anew{len(self.processes)}")

    def children(self, process: subprocess.Popen[bytes]) -> list[int]:
        """Pids of a worker's pool processes."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    def stop(self) -> None:
        for process in self.processes:
            self.kill(process)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a process under test is told: the test database, a broker of its own, short leases."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HELPDESK_")}
    env |= {
        "DJANGO_SETTINGS_MODULE": "helpdesk.conf.settings",
        "DATABASE_URL": database_url(),
        "HELPDESK_DATA": str(folder),
        "HELPDESK_SECRET_KEY": settings.SECRET_KEY,
        "HELPDESK_SEAL_KEYS": ",".join(settings.SEAL_KEYS),
        "HELPDESK_ALLOW_NETS": "127.0.0.0/8,::1/128",
        "HELPDESK_DEMO": "true",
        "HELPDESK_LEASE_SECONDS": "4",
        "HELPDESK_REQUEST_SECONDS": "2",
        **more,
    }
    return env


@contextlib.contextmanager
def background(*, tick: int = 1, workers: int = 1, redis_url: str | None = None, **more: str) -> Iterator[Background]:
    """A worker (or several) and beat on the test database, ended with the block."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-test-") as name:
        env = environment(Path(name), HELPDESK_TICK_SECONDS=str(tick), **more)
        url = redis_url if redis_url is not None else (settings.REDIS_URL and _own_redis(settings.REDIS_URL))
        env.pop("REDIS_URL", None)
        if url:
            env["REDIS_URL"] = url
        running = Background(env, Path(name))
        try:
            for number in range(workers):
                running.worker(name=f"w{number}")
            if tick:
                running.beat()
            yield running
        finally:
            running.stop()


def _own_redis(url: str) -> str:
    """Another database of the same server, emptied: nothing of other tests is in the way."""
    import redis

    own = url.rsplit("/", 1)[0] + "/13"
    redis.Redis.from_url(own).flushdb()
    return own
