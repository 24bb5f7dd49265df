"""The rows of an archive on disk, put into conversations: memory stays flat however long the file is.

A row's conversation is that of what it answers; where the file lacks that, the missing row's id still names it, so that
two answers to one lost question stay together.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from mentions.archive.rows import Row

BATCH = 5000
MOST_ROUNDS = 64  # each doubles the height it climbs
COLUMNS = ("line", "id", "author", "text", "at", "inbound", "parent", "thread", "name", "handle", "url", "subject")


class Spool:
    """A SQLite file beside the data; made anew for each import, and deleted when it is over."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self.repeated = 0  # rows with the id of an earlier one
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA cache_size=-65536")

    def fill(self, rows: Iterable[Row]) -> int:
        """Take all rows in; how many there are. Of two with one id the first counts."""
        self._db.execute("DROP TABLE IF EXISTS said")
        self._db.execute(
            "CREATE TABLE said (line INTEGER, id TEXT PRIMARY KEY, author TEXT, text TEXT, at REAL, inbound INTEGER,"
            " parent TEXT, thread TEXT, name TEXT, handle TEXT, url TEXT, subject TEXT, root TEXT) WITHOUT ROWID"
        )
        waiting: list[tuple[object, ...]] = []
        taken = 0
        for row in rows:
            taken += 1
            waiting.append(_packed(row))
            if len(waiting) == BATCH:
                self._insert(waiting)
                waiting = []
        self._insert(waiting)
        self._join()
        kept = int(self._db.execute("SELECT count(*) FROM said").fetchone()[0])
        self.repeated = taken - kept
        return kept

    def _insert(self, rows: list[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        self._db.execute("BEGIN")
        self._db.executemany(f"INSERT OR IGNORE INTO said VALUES ({marks})", rows)  # noqa: S608 - question marks
        self._db.execute("COMMIT")

    def _join(self) -> None:
        """Climb from parent to parent until every row knows its root; who answers in a circle keeps what was found."""
        self._db.execute("BEGIN")
        for _round in range(MOST_ROUNDS):
            moved = self._db.execute(
                "UPDATE said SET root = (SELECT above.root FROM said AS above WHERE above.id = said.root)"
                " WHERE EXISTS (SELECT 1 FROM said AS above WHERE above.id = said.root AND above.root != said.root)"
            ).rowcount
            if not moved:
                break
        self._db.execute("DROP TABLE IF EXISTS begun")
        self._db.execute("CREATE TABLE begun AS SELECT root, min(at) AS first FROM said GROUP BY root")
        self._db.execute("CREATE INDEX begun_root ON begun (root)")
        self._db.execute("DROP TABLE IF EXISTS ordered")
        self._db.execute(
            "CREATE TABLE ordered AS SELECT said.id AS id, said.root AS root FROM said JOIN begun USING (root)"
            " ORDER BY begun.first, said.root, said.at, said.line"
        )
        self._db.execute("COMMIT")

    def conversations(self, after: int, size: int) -> Iterator[tuple[int, list[tuple[Row, str]]]]:
        """(position, rows with their root) in sets of about `size`; no conversation of a page's size is cut in two."""
        position = after
        while True:
            found = self._db.execute(
                f"SELECT ordered.rowid, said.{', said.'.join(COLUMNS)}, said.root FROM ordered JOIN said USING (id)"  # noqa: S608
                " WHERE ordered.rowid > ? ORDER BY ordered.rowid LIMIT ?",
                (position, size * 2),
            ).fetchall()
            if not found:
                return
            end = min(size, len(found))
            while end < len(found) and found[end][-1] == found[end - 1][-1]:
                end += 1
            position = found[end - 1][0]
            yield position, [(_unpacked(row[1:-1]), row[-1]) for row in found[:end]]

    def close(self, *, delete: bool) -> None:
        self._db.close()
        if delete:
            self.path.unlink(missing_ok=True)


def _packed(row: Row) -> tuple[object, ...]:
    root = row.thread or row.parent or row.id
    values = [getattr(row, column) for column in COLUMNS]
    values[COLUMNS.index("at")] = row.at.timestamp()
    return (*(_clean(value) for value in values), root if not row.thread else f"thread:{row.thread}")


def _clean(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _unpacked(values: tuple[object, ...]) -> Row:
    found = dict(zip(COLUMNS, values, strict=True))
    found["at"] = dt.datetime.fromtimestamp(float(str(found["at"])), dt.UTC)
    found["inbound"] = bool(found["inbound"])
    return Row(**found)  # type: ignore[arg-type]
