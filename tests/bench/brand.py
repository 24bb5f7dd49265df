"""Step: a migrated database with one brand."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from helpdesk.workflow.brands import open_brand


def run() -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    return {"brand": open_brand("lantern-lines", "Lantern Lines").pk}
