from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from mentions import polling
from mentions.models import Source


class Command(BaseCommand):
    help = "Listen once, in the foreground: one JSON line of counts. Exits 1 where something failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", type=int, help="a source's number, due or not; without it, all that are due")

    def handle(self, *args: Any, source: int | None, **options: Any) -> None:
        if source is not None and not Source.objects.filter(pk=source).exists():
            known = ", ".join(f"{row.pk} {row.name}" for row in Source.objects.order_by("id")[:20]) or "none yet"
            raise CommandError(f"There is no source {source}. There are: {known}.")
        ids = [source] if source is not None else list(Source.objects.due(timezone.now()).values_list("id", flat=True))
        total: dict[str, Any] = {
            "sources": len(ids),
            "heard": 0,
            "new": 0,
            "edited": 0,
            "deleted": 0,
            "quarantined": 0,
            "problems": [],
        }
        for source_id in ids:
            counts = polling.poll(source_id, forced=source is not None)
            if not counts["claimed"] and source is not None:
                counts["problem"] = {"code": "busy", "detail": "a worker is at it already"}
            for name in ("heard", "new", "edited", "deleted", "quarantined"):
                total[name] += counts.get(name, 0)
            if counts.get("problem"):
                total["problems"].append({"source": source_id, **counts["problem"]})
        self.stdout.write(json.dumps(total))
        if total["problems"]:
            sys.exit(1)
