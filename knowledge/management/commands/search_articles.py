from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from knowledge.jsonl import rows
from knowledge.search.batch import BadBank, search


class Command(BaseCommand):
    help = (
        "Searches FAQs of a file: --bank has rows {faq, question, answers}, --queries has rows {q}; --output gets the same rows "
        "with “results”, at most five faq ids, the best first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bank", type=Path, required=True)
        parser.add_argument("--queries", type=Path, required=True)
        parser.add_argument("--output", type=Path, required=True)
        parser.add_argument("--language", default="en", help="Of the FAQs, such as en.")

    def handle(self, **options: Any) -> None:
        bank, queries = rows(options["bank"]), rows(options["queries"])
        for number, row in enumerate(queries, 1):
            if not isinstance(row.get("q"), str):
                raise CommandError(f"{options['queries']}, line {number}: there is no “q”, the question as text")
        try:
            found = search(bank, [row["q"] for row in queries], options["language"])
            with options["output"].open("w", encoding="utf-8") as file:
                for row, results in zip(queries, found, strict=True):
                    file.write(json.dumps({**row, "results": results}, ensure_ascii=False) + "\n")
        except BadBank as error:
            raise CommandError(f"{options['bank']}, {error}") from error
        self.stdout.write(json.dumps({"queries": len(queries), "faqs": len(bank)}))
