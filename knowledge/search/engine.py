"""Full text in the database: which editions hold the terms, the best first. One question, two engines.

PostgreSQL: a tsvector of our own terms (configuration `simple`), titles weighing more, behind a GIN index. SQLite: an FTS5
table of the same terms. Rows are written by `knowledge.search.index`, never by triggers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import connection

TABLE, FULLTEXT = "knowledge_searchentry", "knowledge_searchtext"
TITLE_WEIGHT, TEXT_WEIGHT = 3.0, 1.0
PLAIN = re.compile(r"[\w]+")


class Entry(NamedTuple):
    """One edition's terms, space-joined."""

    edition: int
    brand: int
    language: str
    title: str
    text: str


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def write(entries: Sequence[Entry]) -> None:
    """Put their terms in the place of what was there."""
    if not entries:
        return
    with connection.cursor() as cursor:
        if is_postgres():
            cursor.executemany(
                f"UPDATE {TABLE} SET terms = setweight(to_tsvector('simple', %s), 'A') || setweight(to_tsvector('simple', %s), 'C')"  # noqa: S608
                " WHERE edition_id = %s",
                [(one.title, one.text[:500_000], one.edition) for one in entries],
            )
            return
        cursor.executemany(f"DELETE FROM {FULLTEXT} WHERE rowid = %s", [(one.edition,) for one in entries])  # noqa: S608
        cursor.executemany(
            f"INSERT INTO {FULLTEXT} (rowid, place, title, text) VALUES (%s, %s, %s, %s)",  # noqa: S608
            [(one.edition, place(one.brand, one.language), one.title, one.text) for one in entries],
        )


def forget(editions: Collection[int]) -> None:
    """On PostgreSQL the terms go with their row."""
    if editions and not is_postgres():
        with connection.cursor() as cursor:
            cursor.executemany(f"DELETE FROM {FULLTEXT} WHERE rowid = %s", [(one,) for one in editions])  # noqa: S608


def place(brand: int, language: str) -> str:
    """One word that names a brand and a language, to be looked for beside the terms."""
    return f"p{brand}q{language.replace('-', '')}"


def matches(brand: int, language: str, wanted: Sequence[str], visible: Sequence[str], most: int) -> list[int]:
    """Editions that hold any of the terms, the best first."""
    safe = [one for one in dict.fromkeys(wanted) if PLAIN.fullmatch(one)]
    if not safe:
        return []
    return (
        _postgres(brand, language, safe, visible, most)
        if is_postgres()
        else _sqlite(brand, language, safe, visible, most)
    )


def _postgres(brand: int, language: str, wanted: Sequence[str], visible: Sequence[str], most: int) -> list[int]:
    query = " | ".join(f"'{one}'" for one in wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT edition_id FROM {TABLE} WHERE brand_id = %s AND language = %s AND visible = ANY(%s)"  # noqa: S608
            " AND terms @@ %s::tsquery ORDER BY ts_rank('{0.1,0.2,0.4,1.0}', terms, %s::tsquery, 1) DESC, edition_id LIMIT %s",
            [brand, language, list(visible), query, query, most],
        )
        return [row[0] for row in cursor.fetchall()]


def _sqlite(brand: int, language: str, wanted: Sequence[str], visible: Sequence[str], most: int) -> list[int]:
    query = f'place:"{place(brand, language)}" AND ({" OR ".join(f"{{title text}}:{_quoted(one)}" for one in wanted)})'
    holes = ", ".join(["%s"] * len(visible))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {FULLTEXT}.rowid FROM {FULLTEXT} JOIN {TABLE} ON edition_id = {FULLTEXT}.rowid"  # noqa: S608
            f" WHERE {FULLTEXT} MATCH %s AND visible IN ({holes})"
            f" ORDER BY bm25({FULLTEXT}, 0.0, {TITLE_WEIGHT}, {TEXT_WEIGHT}), {FULLTEXT}.rowid LIMIT %s",
            [query, *visible, most],
        )
        return [row[0] for row in cursor.fetchall()]


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
