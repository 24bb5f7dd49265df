from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk.models import Brand
from helpdesk.workflow.verbs import Refused
from knowledge.exchange import bring


class Command(BaseCommand):
    help = (
        "Bring articles in: a folder of Markdown and HTML files, or a CSV file. Safe to run twice: what says the same is left "
        "alone. Prints one JSON line; exit 1 where something was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="A folder, or a CSV file.")
        parser.add_argument("--brand", required=True, metavar="SLUG")
        parser.add_argument("--language", default="", metavar="CODE", help="Where a file says no other.")
        parser.add_argument("--publish", action="store_true", help="Publish what is complete; else all are drafts.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise CommandError(f"There is no brand “{options['brand']}”. Make it with `manage.py open_brand`.")
        path: Path = options["path"]
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
            raise CommandError(f"{path} is neither a folder nor a CSV file.")
        wanted = bring.Wanted(brand, path, options["language"], options["publish"], options["dry_run"])
        try:
            outcome = bring.bring_in(wanted, self.stderr.write, self.tell)
        except (Refused, OSError) as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(json.dumps(asdict(outcome)))
        if outcome.refused:
            self.stderr.write(f"{outcome.refused} were left out. Mend them and run this again: the rest is known.")
            sys.exit(1)

    def tell(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total}")
