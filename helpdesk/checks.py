"""What is worth a sentence at start."""

from __future__ import annotations

import sqlite3

from django.conf import settings
from django.utils.translation import gettext as _


def sqlite_note() -> str:
    """Before 3.51.3 SQLite has a rare WAL-reset bug with two writing connections; "" where that is no concern."""
    if not settings.EMBEDDED_DATABASE or sqlite3.sqlite_version_info >= (3, 51, 3):
        return ""
    return _(
        "SQLite %(version)s is fine to try things out; before 3.51.3 a rare bug can damage a database that two "
        "processes write to. For real work set DATABASE_URL to PostgreSQL."
    ) % {"version": sqlite3.sqlite_version}
