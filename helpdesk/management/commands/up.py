from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk import processes
from helpdesk.checks import sqlite_note


class Command(BaseCommand):
    help = "Start everything: migrate, then web, worker and beat; Ctrl-C ends all of it."
    requires_system_checks: list[str] = []  # migrate checks, after we said what we do

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        if not 1 <= port <= 65535:
            raise CommandError(f"Port {port}: must be between 1 and 65535.")
        try:
            processes.check_port(host, port)
        except processes.PortTaken as error:
            raise CommandError(str(error)) from error
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)  # a shell that starts us with & has it ignored
        try:
            with processes.alone(settings.DATA_DIR):
                self._prepare()
                self._run(host, port)
        except processes.NotAlone as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _prepare(self) -> None:
        self._say("Checking settings and bringing the database up to date …")
        _manage("migrate", "-v0")
        if settings.DEMO:
            self._say("Making the demo brand (the first time takes a few seconds) …")
            _manage("demo")

    def _run(self, host: str, port: int) -> None:
        self._say("Starting web, worker and beat …")
        named = processes.commands(host, port)
        alive = settings.DATA_DIR / "worker-alive"
        with processes.Household(named, settings.BASE_DIR, alive=alive, say=self._say) as household:
            if processes.wait_for_port(host, port, 60, household.running["web"]):
                self._greet(host, port)
            while True:
                time.sleep(0.2)
                try:
                    household.look_after()
                except processes.GaveUp as error:
                    raise CommandError(str(error)) from error

    def _greet(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        lines = [
            "",
            f"  Desk   http://{shown}:{port}/desk/",
            f"  Help   http://{shown}:{port}/help/",
            f"  API    http://{shown}:{port}/api/v1/   (schema: /api/v1/schema/?format=json)",
        ]
        login = settings.DATA_DIR / "demo-login.txt"
        if settings.DEMO and login.exists():
            email, password = login.read_text().split()
            lines.append(f"  Log in {email}   password {password}")
            lines.append(
                "         (the same password opens lena@, sven@, noor@ and audit@: manager, lead, agent, auditor)"
            )
        notes = [f"  {note}" for note in [sqlite_note()] if note]
        self._say("\n".join([*lines, "", "  Ctrl-C stops everything.", *notes]))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _manage(*words: str) -> None:
    """Another command in a process of its own: its memory is not ours to keep."""
    if subprocess.run([sys.executable, "manage.py", *words], cwd=settings.BASE_DIR, check=False).returncode:
        raise CommandError(f"`manage.py {words[0]}` failed; its last lines above say why.")


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
