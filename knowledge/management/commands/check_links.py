from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from helpdesk.models import Brand
from knowledge import links


class Command(BaseCommand):
    help = (
        "Look where the links of published articles lead now, instead of once a week. The desk shows those that lead nowhere. "
        "Prints one JSON line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--brand", metavar="SLUG", help="Left out: all brands.")

    def handle(self, **options: Any) -> None:
        brand = Brand.objects.filter(slug=options["brand"]).first() if options["brand"] else None
        if options["brand"] and brand is None:
            raise CommandError(f"There is no brand “{options['brand']}”.")
        found = links.check(brand, say=self.stderr.write)
        counts = {"articles": found.articles, "links": found.links, "broken": found.broken, "mended": found.mended}
        self.stdout.write(json.dumps(counts))
