from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from knowledge.jsonl import rows
from knowledge.mining import clusters


class Command(BaseCommand):
    help = (
        "Groups the questions of a file: --input has rows {text}; --output gets the same rows with “topic”, a number, or null "
        "where a question stands alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--input", type=Path, required=True)
        parser.add_argument("--output", type=Path, required=True)

    def handle(self, **options: Any) -> None:
        given = rows(options["input"])
        for number, row in enumerate(given, 1):
            if not isinstance(row.get("text"), str):
                raise CommandError(f"{options['input']}, line {number}: there is no “text”")
        texts = [row["text"] for row in given]
        found = clusters.groups(clusters.vectors(clusters.fit(texts), texts))
        with options["output"].open("w", encoding="utf-8") as file:
            for row, topic in zip(given, found, strict=True):
                file.write(json.dumps({**row, "topic": int(topic) if topic >= 0 else None}, ensure_ascii=False) + "\n")
        counts = {"rows": len(given), "topics": int(found.max(initial=-1)) + 1, "alone": int((found < 0).sum())}
        self.stdout.write(json.dumps(counts))
