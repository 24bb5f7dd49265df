from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk.text.clean import cleaned, storable
from mentions.triage import read, reason_words
from mentions.triage.learned import Learned


class Command(BaseCommand):
    help = "Read texts: JSON lines with `text` in, the same with language, intent, sentiment, urgency and reasons out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--input", required=True, type=Path)
        parser.add_argument("--output", required=True, type=Path)
        parser.add_argument(
            "--learn",
            type=Path,
            help="labelled lines (text with intent, sentiment or urgency; or complaint: 0/1) to learn from first",
        )

    def handle(self, *args: Any, input: Path, output: Path, learn: Path | None, **options: Any) -> None:
        rows = list(_lines(input))
        texts = [cleaned(row["text"]).text for row in rows]
        readings = [read(text) for text in texts]
        if learn is not None:
            learned = Learned(_labelled(row) for row in _lines(learn))
            if not learned.models:
                raise CommandError(
                    f"{learn}: nothing to learn. At least 20 rows must label intent, sentiment or urgency with two values or more."
                )
            readings = learned.apply(texts, readings)
        try:
            out = output.open("w", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}.") from error
        with out:
            for row, found in zip(rows, readings, strict=True):
                reasons = {reason["field"]: reason_words(reason) for reason in found.reasons}
                more = {
                    "language": found.language,
                    "intent": found.intent,
                    "sentiment": found.sentiment,
                    "urgency": found.urgency,
                    "reasons": reasons,
                }
                out.write(json.dumps({**storable(row), **more}, ensure_ascii=False) + "\n")
        self.stdout.write(json.dumps({"read": len(rows)}))


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON-lines file; CommandError names the line that is none."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(file, number, line)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from error


def _row(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CommandError(f"{file}, line {number}: not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise CommandError(f"{file}, line {number}: needs a “text” that is a string.")
    return row


def _labelled(row: dict[str, Any]) -> dict[str, Any]:
    """A complaint flag as an intent, where no intent is given."""
    if "intent" not in row and row.get("complaint") in (0, 1):
        return {**row, "intent": "complaint" if row["complaint"] else "other"}
    return row
