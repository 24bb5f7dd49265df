from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk import summary
from helpdesk.models import Brand


class Command(BaseCommand):
    help = "Compare every ticket's summary columns with its messages and deadlines, and put right what is not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--brand", help="slug; without it, all brands")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where something is wrong")

    def handle(self, *args: Any, brand: str | None, check: bool, **options: Any) -> None:
        row = Brand.objects.filter(slug=brand).first() if brand else None
        if brand and row is None:
            known = ", ".join(Brand.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no brand “{brand}”. There are: {known}.")
        looked = wrong = 0
        for batch in summary.rebuild(row, repair=not check):
            looked, wrong = looked + batch.tickets, wrong + len(batch.differences)
            for ticket, column, stored, right in batch.differences:
                self.stdout.write(f"ticket {ticket}: {column} is {stored!r}, its rows say {right!r}")
            self.stderr.write(f"\r{looked} tickets", ending="")
        self.stderr.write("")
        verb = "wrong" if check else "put right"
        self.stdout.write(
            f"{looked} tickets looked at, {wrong} columns {verb}."
            if wrong
            else f"{looked} tickets looked at, all right."
        )
        if check and wrong:
            sys.exit(1)
