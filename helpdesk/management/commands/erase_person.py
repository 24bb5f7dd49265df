from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from helpdesk import erasing
from helpdesk.models import Brand, Customer
from helpdesk.workflow.verbs import Conflict


class Command(BaseCommand):
    help = (
        "Erase a person: their words and names leave every table, file and queue, for good. Find them by number, handle or "
        "address; without --yes it only says who would be erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--brand", metavar="SLUG")
        parser.add_argument("--customer", type=int, metavar="ID")
        parser.add_argument(
            "--handle", metavar="HANDLE", help="A handle, a mail address or a phone number as we have it."
        )
        parser.add_argument("--yes", action="store_true", help="Do it.")
        parser.add_argument("--sweep", action="store_true", help="Only write SQLite's file anew, after an erasure.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sweep"]:
            erasing.sweep()
            return
        found = list(self.found(options)[:20])
        if not found:
            raise CommandError("Nobody fits. Look them up in the desk (Ctrl-K) and give --customer.")
        if len(found) > 1:
            listed = "\n".join(f"  {row.pk}  {row.name}  ({row.tickets.count()} tickets)" for row in found)
            raise CommandError(f"Several fit; give --customer with one of these:\n{listed}")
        row = found[0]
        if not options["yes"]:
            self.stdout.write(
                f"This would erase customer {row.pk}, {row.name or 'without a name'}. Add --yes to do it."
            )
            return
        try:
            outcome = erasing.erase(row.pk, None)
        except Conflict as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(outcome)))

    def found(self, options: dict[str, Any]) -> Any:
        brand = Brand.objects.filter(slug=options["brand"] or "").first()
        if brand is None:
            raise CommandError("Give --brand with the short name of a brand.")
        rows = Customer.objects.filter(brand=brand)
        if options["customer"]:
            return rows.filter(pk=options["customer"])
        handle = (options["handle"] or "").strip()
        if not handle:
            raise CommandError("Say who: --customer ID or --handle HANDLE.")
        ways = [handle, handle.lstrip("@"), f"mailto:{handle}", f"mail:{handle}", f"tel:{handle}"]
        alike = Q(profiles__handle__iexact=handle) | Q(profiles__handle__iexact=handle.lstrip("@"))
        return rows.filter(alike | Q(profiles__external_id__in=ways)).distinct()
