from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from mentions import delivery


class Command(BaseCommand):
    help = "Send every reply that is due, in the foreground: one JSON line of counts. Exits 1 where one failed."

    def handle(self, *args: Any, **options: Any) -> None:
        ids = delivery.due_deliveries(timezone.now(), most=100_000)
        total: dict[str, int] = {"deliveries": len(ids), "sent": 0, "queued": 0, "failed": 0, "unknown": 0}
        for delivery_id in ids:
            for state, count in delivery.deliver(delivery_id).items():
                total[state] = total.get(state, 0) + count
        self.stdout.write(json.dumps(total))
        if total["failed"] or total["unknown"] or total["queued"]:
            sys.exit(1)
