from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk.models import Brand
from helpdesk.workflow.verbs import Refused
from knowledge.exchange import write


class Command(BaseCommand):
    help = (
        "Write a brand's articles into a folder: a Markdown file a language, its pictures, and a table of all. What "
        "`import_articles` reads. Prints one JSON line; exit 1 where a picture's file is gone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--brand", required=True, metavar="SLUG")
        parser.add_argument("--force", action="store_true", help="Also into a folder that holds something.")

    def handle(self, *args: Any, **options: Any) -> None:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise CommandError(f"There is no brand “{options['brand']}”.")
        try:
            outcome = write.write_out(brand, options["folder"], is_forced=options["force"])
        except Refused as refusal:
            raise CommandError(f"{options['folder']}: {refusal.text}") from refusal
        for problem in outcome.problems:
            self.stderr.write(problem)
        counts = {"articles": outcome.articles, "pictures": outcome.pictures, "missing": outcome.missing}
        self.stdout.write(json.dumps(counts))
        if outcome.missing:
            sys.exit(1)
