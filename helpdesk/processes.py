"""Web, worker and beat as processes of one parent: started together, stopped together within 3 seconds.

Killing a worker outright is safe here: what it was doing is a leased row, found again by the next tick.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.conf import settings

PATIENCE = 1.5  # seconds between asking to stop and making sure
STANDS_STILL = 45.0  # seconds without a finished wake-up after which the worker is started anew
RESTART_WINDOW, MOST_RESTARTS = 60.0, 4


class GaveUp(Exception):
    """A process ends as often as it is started."""


class PortTaken(Exception):
    """Something else listens there."""


class NotAlone(Exception):
    """Somebody else runs on this folder."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs: two beats on one broker in files would wake each worker twice."""
    with (folder / "up.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotAlone(
                f"This is running already on the data in {folder}. Stop it first, or set HELPDESK_DATA to another folder."
            ) from error
        yield


def commands(host: str, port: int) -> dict[str, list[str]]:
    """The three processes and how each is started."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "helpdesk.conf.celery", "--quiet"]
    level = settings.LOG_LEVEL.lower()
    return {
        "web": [
            python, "-m", "uvicorn", "helpdesk.conf.asgi:application", "--host", host, "--port", str(port), "--log-level", "warning",
            "--no-server-header", "--proxy-headers" if settings.BEHIND_PROXY else "--no-proxy-headers", "--timeout-graceful-shutdown", "1", "--lifespan", "off",
        ],
        "worker": [
            *celery, "worker", "-Q", "deliver,wake,poll", "-c", str(settings.WORKER_PROCESSES), "-l", level, "--without-gossip", "--without-mingle",
            "--without-heartbeat",
        ],
        "beat": [*celery, "beat", "-l", level, "-s", str(settings.DATA_DIR / "beat-schedule"), "--pidfile="],
    }  # fmt: skip


def check_port(host: str, port: int) -> None:
    """PortTaken, in words, where something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another: make run PORT={port + 1}"
            ) from error


class Household:
    """The processes while the block runs, each in a session of its own, so that Ctrl-C reaches only us.

    One that ends is started again, and so is a worker that has not finished a wake-up for a while: a pool child
    killed at the wrong moment can leave the others waiting for a lock it held.
    """

    def __init__(self, named: dict[str, list[str]], cwd: Path, *, alive: Path, say: Callable[[str], None]) -> None:
        self.named, self.cwd, self.alive, self.say = named, cwd, alive, say
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, list[float]] = {name: [] for name in named}

    def __enter__(self) -> Household:
        for name in self.named:
            self._start(name)
        return self

    def __exit__(self, *exc: object) -> None:
        stop(list(self.running.values()))

    def _start(self, name: str) -> None:
        self.running[name] = subprocess.Popen(self.named[name], cwd=self.cwd, start_new_session=True)
        self.started[name].append(time.monotonic())

    def look_after(self) -> None:
        """Start again what ended or stands still. GaveUp where something ends again and again."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self._again(name, "ended")
        if self._stands_still():
            stop([self.running["worker"]])
            self._again("worker", "stood still")

    def _again(self, name: str, what: str) -> None:
        recent = [at for at in self.started[name] if time.monotonic() - at < RESTART_WINDOW]
        if len(recent) >= MOST_RESTARTS:
            raise GaveUp(f"The {name} process {what} {len(recent)} times in a minute; its last lines above say why.")
        self.say(f"The {name} process {what}; starting it again.")
        _signal(self.running[name], signal.SIGKILL, group=True)
        self._start(name)

    def _stands_still(self) -> bool:
        young = time.monotonic() - self.started["worker"][-1] < STANDS_STILL
        try:
            quiet = time.time() - self.alive.stat().st_mtime
        except FileNotFoundError:
            quiet = STANDS_STILL + 1
        return not young and quiet > STANDS_STILL


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask, wait PATIENCE seconds, then end whatever is left of each group."""
    for process in processes:
        _signal(process, signal.SIGTERM, group=False)
    until = time.monotonic() + PATIENCE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.05, until - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL, group=True)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(process.pid, number)
        elif process.poll() is None:
            os.kill(process.pid, number)


def wait_for_port(host: str, port: int, seconds: float, alive: subprocess.Popen[bytes]) -> bool:
    """Whether something listens there within `seconds`, while `alive` lives."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and alive.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 0.5):
            return True
        time.sleep(0.1)
    return False
