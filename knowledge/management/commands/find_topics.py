from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from helpdesk.models import Brand
from knowledge.mining import learn, nightly
from knowledge.models import Inquiry


class Command(BaseCommand):
    help = "Reads what was asked and groups it into topics now, instead of at night; one JSON line a language."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--brand", help="The brand's short name; left out: all brands.")

    def handle(self, **options: Any) -> None:
        brands = Brand.objects.order_by("id")
        if options["brand"]:
            brands = brands.filter(slug=options["brand"])
            if not brands:
                raise CommandError(f"There is no brand “{options['brand']}”.")
        learn.catch_up()
        for brand in brands:
            for language in sorted(set(Inquiry.objects.for_brand(brand).values_list("language", flat=True))):
                night = nightly.run(brand, language)
                counts = {"inquiries": night.inquiries, "topics": night.topics}
                self.stdout.write(json.dumps({"brand": brand.slug, "language": language, **counts}))
