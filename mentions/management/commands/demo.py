from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mentions import demo


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # `migrate` checked a moment ago
    help = "Make the demo brand, Northwind Rail: invented people, history and a living stream. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo platform is off. Set HELPDESK_DEMO=true (`make run` does), then try again.")
        made = demo.make()
        login = settings.DATA_DIR / "demo-login.txt"
        if made.password:
            login.touch(mode=0o600)
            login.write_text(f"owner@northwind.example\n{made.password}\n")
            self.stdout.write(f"{made.brand.name} is open. Its people and their password: {login}")
        else:
            self.stdout.write(f"{made.brand.name} is there already; nothing was changed.")
