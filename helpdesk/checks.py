"""System checks: what is worth a sentence at start."""

from __future__ import annotations

import sqlite3
from typing import Any

from django.conf import settings
from django.core import checks


@checks.register()
def sqlite_version(**kwargs: Any) -> list[checks.CheckMessage]:
    """SQLite before 3.51.3 has a rare WAL-reset bug with two writing connections."""
    if not settings.EMBEDDED_DATABASE or sqlite3.sqlite_version_info >= (3, 51, 3):
        return []
    return [
        checks.Warning(
            f"SQLite {sqlite3.sqlite_version} has a rare bug that can damage a database two processes write to.",
            hint="Fine to try things out. For real work set DATABASE_URL to PostgreSQL, or install SQLite 3.51.3+.",
            id="helpdesk.W001",
        )
    ]
