"""What `manage.py doctor` looks at in this house; apps above add theirs through `ports.doctors`."""

from __future__ import annotations

import datetime as dt
import shutil
import stat

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.utils import timezone

from helpdesk import links
from helpdesk.checks import sqlite_note
from helpdesk.models import Alert, Brand, Membership, ServicePolicy
from helpdesk.permissions import Role
from helpdesk.ports import Finding, ports


def examine() -> list[Finding]:
    database = _database()
    if not database.healthy:
        return [database, *_broker(), *_disk()]
    found = [database, *_sqlite(), *_broker(), *_disk(), *_brands(), *_words_outside()]
    for look in ports.doctors:
        found += look()
    return found


def _database() -> Finding:
    name = "database (PostgreSQL)" if connection.vendor == "postgresql" else "database (SQLite)"
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return Finding(name, False, str(error).split("\n")[0], "Check DATABASE_URL and that the server runs.")
    if missing:
        return Finding(name, False, f"{len(missing)} migrations are missing", "Run `manage.py migrate`.")
    return Finding(name, True, "answers, all migrations applied")


def _sqlite() -> list[Finding]:
    return [Finding("SQLite", True, f"warning: {note}") for note in [sqlite_note()] if note]


def _broker() -> list[Finding]:
    if not settings.REDIS_URL:
        return [Finding("broker (files)", True, f"in {settings.DATA_DIR / 'broker'}")]
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3)
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
    except redis.RedisError as error:
        return [
            Finding(
                "broker (Redis)", False, str(error), "Check REDIS_URL. Nothing is lost: due work waits in the database."
            )
        ]
    fine = policy in ("", "noeviction")
    return [
        Finding(
            "broker (Redis)",
            fine,
            f"answers, {policy or 'policy unknown'}",
            "" if fine else "Set maxmemory-policy noeviction.",
        )
    ]


def _disk() -> list[Finding]:
    free = shutil.disk_usage(settings.DATA_DIR).free // 2**20
    mode = stat.S_IMODE(settings.DATA_DIR.stat().st_mode)
    return [
        Finding(
            "disk",
            free > 200,
            f"{free} MB free under {settings.DATA_DIR}",
            "" if free > 200 else "Make room, or move HELPDESK_DATA.",
        ),
        Finding(
            "private folder",
            not mode & 0o077,
            f"mode {mode:o}",
            "" if not mode & 0o077 else f"chmod 700 {settings.DATA_DIR}",
        ),
    ]


def _words_outside() -> list[Finding]:
    """What customers are asked and colleagues told outside the desk needs our own address and a way out."""
    found = []
    asks = Q(survey_minutes__isnull=False) | Q(
        pk__in=ServicePolicy.objects.filter(survey_minutes__isnull=False).values("brand")
    )
    asking = list(Brand.objects.filter(asks).values_list("slug", flat=True)[:10])
    if asking:
        fine = bool(links.absolute("/"))
        state = (
            "links begin with " + links.absolute("/")
            if fine
            else f"{', '.join(asking)} would ask, but nobody is sent a link"
        )
        found.append(Finding("surveys", fine, state, "" if fine else "Set HELPDESK_BASE_URL."))
    given_up = Alert.objects.filter(failed_at__gt=timezone.now() - dt.timedelta(days=1))
    problem = given_up.order_by("-failed_at").values_list("problem", flat=True).first()
    if problem is not None:
        found.append(
            Finding("alerts", False, f"given up within a day: {problem}", "See the desk: Set up, Told outside.")
        )
    return found


def _brands() -> list[Finding]:
    if not Brand.objects.exists():
        return [
            Finding(
                "brands",
                False,
                "there is none yet",
                "`manage.py demo` makes one to look at; `manage.py open_brand` a real one.",
            )
        ]
    owned = Membership.objects.filter(role=Role.OWNER).values("brand")
    orphans = list(Brand.objects.exclude(pk__in=owned).values_list("slug", flat=True)[:10])
    return [
        Finding(
            "brands",
            not orphans,
            "each has an owner" if not orphans else f"no owner: {', '.join(orphans)}",
            "Add one: `manage.py open_brand`." if orphans else "",
        )
    ]
