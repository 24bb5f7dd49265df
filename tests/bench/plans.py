"""Step: what the database does for the hot pages: every SELECT of a request, with its plan, slowest first."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.test import Client

MOST = 6  # plans a page
EXPLAIN = {"postgresql": "EXPLAIN (ANALYZE, BUFFERS) ", "sqlite": "EXPLAIN QUERY PLAN "}


def run(keys: dict[str, Any]) -> dict[str, Any]:
    return {path: _plans(path, keys) for path in _paths(keys)}


def _paths(keys: dict[str, Any]) -> list[str]:
    if "plans" in keys:
        return list(keys["plans"])
    lists = [
        f"/api/v1/tickets/?{urlencode({'ordering': name, 'cursor': cursor})}"
        for name, deep in keys["api"].items()
        for cursor in ("", deep["cursor"])
    ]
    inbox = ["/desk/inbox/next/", f"/desk/inbox/next/?cursor={keys['inbox']['one']['cursor']}"]
    return [*inbox, f"/desk/tickets/{keys['tickets'][0]}/", *lists]


def _plans(path: str, keys: dict[str, Any]) -> list[str]:
    """The slowest queries of a request, each as "milliseconds, statement, plan"."""
    seen: list[tuple[float, str, Any]] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seen.append((time.perf_counter() - begun, sql, params))

    client = Client(headers={"Authorization": f"Bearer {keys['tokens']['one']}"}, SERVER_NAME="127.0.0.1")
    if not path.startswith("/help/"):  # that is read by people nobody knows
        client.cookies["sessionid"] = keys["sessions"]["one"]
    client.get(path)
    with connection.execute_wrapper(watch):
        assert client.get(path).status_code == 200, path
    slowest = sorted((row for row in seen if row[1].lstrip().startswith("SELECT")), key=lambda row: -row[0])
    return [_explained(*row) for row in slowest[:MOST]]


def _explained(seconds: float, sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(EXPLAIN[connection.vendor] + sql, params)
        plan = "\n".join("    " + str(row[-1]) for row in cursor.fetchall())
    short = re.sub(r"SELECT (DISTINCT )?.*? FROM", "SELECT … FROM", sql, count=1)
    return f"  {seconds * 1000:.2f} ms  {short} {params}\n{plan}"
