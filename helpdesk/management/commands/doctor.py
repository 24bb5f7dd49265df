from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from helpdesk import doctor


class Command(BaseCommand):
    help = "Say what is healthy, what is not, and what to do next. Exits 1 if anything is not."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        for finding in findings:
            mark = self.style.SUCCESS("fine ") if finding.healthy else self.style.ERROR("sick ")
            self.stdout.write(f"{mark} {finding.subject}: {finding.state}")
            if finding.next_step:
                self.stdout.write(f"      → {finding.next_step}")
        sick = sum(not finding.healthy for finding in findings)
        self.stdout.write(
            f"{len(findings)} looked at, {sick} to see to." if sick else f"{len(findings)} looked at, all fine."
        )
        if sick:
            sys.exit(1)
