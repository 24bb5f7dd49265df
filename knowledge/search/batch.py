"""The ranking on files: what `manage.py search_articles` does, with SQLite's full text in memory for candidates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from knowledge.search import spelling
from knowledge.search.ranking import Bank, Text
from knowledge.search.terms import terms

CANDIDATES, MOST = 50, 5


class BadBank(ValueError):
    """A row that is no FAQ, with its line and what is wrong."""


def texts_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Text]]:
    """(ids as given, texts): `answers` may be a list or one text, `question` may be missing."""
    ids: list[Any] = []
    texts: list[Text] = []
    for number, row in enumerate(rows):
        if "faq" not in row:
            raise BadBank(f"line {number + 1}: there is no “faq”, the id of the row")
        answers = row.get("answers") or ""
        body = "\n".join(map(str, answers)) if isinstance(answers, list) else str(answers)
        ids.append(row["faq"])
        texts.append(Text(number, str(row.get("question") or ""), body))
    return ids, texts


def search(bank_rows: Sequence[Mapping[str, Any]], queries: Sequence[str], language: str) -> Iterator[list[Any]]:
    """For each query the ids of at most five FAQs, the best first."""
    ids, texts = texts_of(bank_rows)
    bank = Bank(language)
    bank.put(texts)
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE held USING fts5(title, body)")
    index.executemany(
        "INSERT INTO held (rowid, title, body) VALUES (?, ?, ?)",
        [(text.key, " ".join(terms(text.title, language)), " ".join(terms(text.body, language))) for text in texts],
    )
    for words in queries:
        yield [ids[place] for place in _one(bank, index, words)][:MOST]
    index.close()


def _one(bank: Bank, index: sqlite3.Connection, words: str) -> list[int]:
    if not len(bank):
        return []
    text = spelling.corrected(words[:2000], bank)
    query = bank.read(text)
    near = bank.near(query)
    wanted = " OR ".join(f'"{term}"' for term in dict.fromkeys(terms(text, bank.language)))
    lexical: list[int] = []
    if wanted:
        found = index.execute("SELECT rowid FROM held WHERE held MATCH ? ORDER BY rank LIMIT ?", (wanted, CANDIDATES))
        lexical = [row[0] for row in found]
    nearest = [int(place) for place in np.argsort(-near)[:CANDIDATES]]
    places = list(dict.fromkeys([*lexical, *nearest]))
    return [one.place for one in bank.rescored(query, places, near)]
