from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from knowledge import search


class Command(BaseCommand):
    help = "Makes the search index of all help centres anew from what is published. Safe at any time."

    def handle(self, **options: Any) -> None:
        def tell(done: int, total: int) -> None:
            if options["verbosity"] > 0:
                self.stderr.write(f"\r{done} of {total}", ending="")

        indexed, forgotten = search.rebuild(tell)
        self.stdout.write(json.dumps({"indexed": indexed, "forgotten": forgotten}))
