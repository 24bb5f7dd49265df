from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk.models import Brand
from mentions import archive
from mentions.archive.rows import BadMap, kind_of, mapping_of
from mentions.platforms.registry import PLAYED

WIDTH = 30


class Command(BaseCommand):
    help = (
        "Bring in what was said before: whole conversations from a CSV or JSONL file, or a Zendesk export (JSONL). Safe to "
        "run twice; one that was broken off goes on from where it was. Prints one JSON line; exit 1 where rows were broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--brand", required=True, metavar="SLUG")
        parser.add_argument(
            "--map", default="", metavar="FIELD=COLUMN,…", help="text, author, id, time; parent, inbound, …"
        )
        parser.add_argument("--format", choices=["csv", "jsonl", "zendesk"], default="")
        parser.add_argument("--channel", default="Archive", help="Where its tickets are shown.")
        parser.add_argument("--shown-as", choices=sorted(PLAYED), default="", help="The platform it comes from.")

    def handle(self, *args: Any, **options: Any) -> None:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise CommandError(f"There is no brand “{options['brand']}”. Make it with `manage.py open_brand`.")
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        kind = options["format"] or kind_of(path)
        try:
            table = {} if kind == "zendesk" else mapping_of(options["map"])
            wanted = archive.Wanted(path, brand, table, kind, options["channel"][:100], options["shown_as"])
            outcome = archive.bring_in(wanted, self.tell)
        except BadMap as error:
            raise CommandError(str(error)) from error
        except archive.Busy as error:
            raise CommandError(
                "Another import into this channel is running. Wait for it, then run this again."
            ) from error
        if sys.stderr.isatty():
            self.stderr.write("")
        for problem in outcome.problems:
            self.stderr.write(problem)
        self.stdout.write(json.dumps({name: value for name, value in asdict(outcome).items() if name != "problems"}))
        if outcome.broken:
            self.stderr.write(f"{outcome.broken} rows were left out. Mend them and run this again: the rest is known.")
            sys.exit(1)

    def tell(self, stage: str, done: int, total: int) -> None:
        """A bar on a terminal; elsewhere nothing, but the line at the end."""
        if not sys.stderr.isatty():
            return
        filled = int(WIDTH * done / total) if total else 0
        bar = f"[{'█' * filled}{'·' * (WIDTH - filled)}] {done / total:4.0%}" if total else ""
        sys.stderr.write(f"\r{stage} {bar} {done:,}{f' of {total:,}' if total else ''} ")
        sys.stderr.flush()
