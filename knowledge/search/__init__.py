"""Search over published articles: one interface, two engines, ranked with what the words mean.

Candidates come from the database's full text and from the nearest vectors; `ranking` puts them in order. Nothing is returned
rather than something that only shares everyday words: what was searched in vain becomes an inquiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from django.utils.safestring import SafeString

from helpdesk.models import Brand
from helpdesk.text.clean import one_line
from helpdesk.text.private import find as private_data
from helpdesk.text.private import masked
from knowledge.models import READABLE, Edition, Search
from knowledge.search import engine, excerpts, spelling
from knowledge.search.index import forget, rebuild, write
from knowledge.search.ranking import Bank, Scored
from knowledge.search.shelf import Shelf, shelf_of
from knowledge.search.terms import terms, words

LONGEST = 200  # characters of a search
CANDIDATES = 50
MOST_TERMS = 8  # that the database is asked for: the rarest say most
EVERYDAY = 0.25  # of the articles that hold a term, from which on it tells nothing
# what a search needs to have to do with an article. Of FAQs that were right for a question (stack exchange) 95 % are nearer than
# NEAR, of those nearest to questions about something else 10 %.
NEAR, NEAR_QUESTION = 0.22, 0.28  # a search; running text, whose answers are shown unasked
COVERED, COVERED_QUESTION = 0.5, 0.6  # or: how much of it the article's words cover
HELD_NEAR, HELD_COVERED = 0.1, 0.15  # or: it holds a telling word, and these
RELATED = 0.25  # cosine from which an article is shown beside another one
__all__ = ["Found", "Hit", "asked", "find", "forget", "near", "rebuild", "remember", "suggest", "write"]


@dataclass(frozen=True)
class Hit:
    """One article found. `title_html` and `excerpt_html` have what was found marked, everything else escaped."""

    edition: int
    article: int
    slug: str
    title: str
    title_html: SafeString
    excerpt_html: SafeString
    score: float


@dataclass(frozen=True)
class Found:
    """`corrected`: the words as they were looked for where some were misspelt, else ""."""

    hits: list[Hit] = field(default_factory=list)
    corrected: str = ""


def asked(raw: str) -> str:
    """What is searched for: one line of at most two hundred characters."""
    return one_line(raw, LONGEST)


def find(
    brand: Brand, language: str, text: str, reader: str = "anybody", *, limit: int = 10, is_question: bool = False
) -> Found:
    """Articles for these words, the best first. `is_question`: running text, of which only near answers are shown."""
    shelf = shelf_of(brand, language)
    if not len(shelf) or not text.strip():
        return Found()
    with shelf.bank.lock:
        query = spelling.corrected(text, shelf.bank)
        wanted = set(_telling(shelf.bank, query)) or set(terms(query, language))
    ranked = ranked_for(shelf, query, READABLE[reader], is_question=is_question)[:limit]
    rows = _rows(brand, reader, ranked)
    texts = excerpts.texts_of(list(rows))
    hits = [
        Hit(
            key, row.article_id, row.slug, row.title,
            excerpts.marked(row.title, wanted, language), excerpts.excerpt(texts.get(key, ""), wanted, language), score,
        )
        for key, score in ranked
        if (row := rows.get(key)) is not None
    ]  # fmt: skip
    return Found(hits, query if query != text else "")


def _rows(brand: Brand, reader: str, ranked: Sequence[tuple[int, float]]) -> dict[int, Edition]:
    """The editions as they are now: what was put away or hidden since is left out."""
    rows = Edition.objects.for_brand(brand).readable(reader).filter(pk__in=[key for key, _score in ranked])
    return {row.pk: row for row in rows}


def ranked_for(
    shelf: Shelf, text: str, visible: tuple[str, ...], *, is_question: bool = False
) -> list[tuple[int, float]]:
    """(edition, score), the best first: nothing that only shares everyday words."""
    with shelf.bank.lock:
        wanted = _telling(shelf.bank, text)
    lexical = engine.matches(shelf.brand, shelf.language, wanted, visible, CANDIDATES)
    with shelf.bank.lock:  # another thread may be taking in what was just published
        return _in_order(shelf, text, lexical, visible, is_question=is_question)


def _in_order(
    shelf: Shelf, text: str, lexical: Sequence[int], visible: tuple[str, ...], *, is_question: bool
) -> list[tuple[int, float]]:
    """The nearest in meaning and what the database found, put in order; without what does not fit."""
    bank = shelf.bank
    query = bank.read(text)
    near = bank.near(query)
    may = shelf.may_see(visible)
    count = min(CANDIDATES, len(near))
    nearest = np.argpartition(-np.where(may, near, -9.0), count - 1)[:count]
    found = [bank.places[key] for key in lexical if key in bank.places]
    candidates = dict.fromkeys([*found, *(int(place) for place in nearest if may[place])])
    scored, held = bank.rescored(query, list(candidates), near), set(found)

    def fits(one: Scored) -> bool:
        close = near[one.place]
        if is_question:
            return bool(close >= NEAR_QUESTION or one.covered >= COVERED_QUESTION)
        holds = one.place in held and close >= HELD_NEAR and one.covered >= HELD_COVERED
        return bool(close >= NEAR or one.covered >= COVERED or holds)

    return [(bank.keys[one.place], one.score) for one in scored if fits(one)]


def _telling(bank: Bank, text: str) -> list[str]:
    """The rarest terms of a search that articles hold; everyday ones only where there are no others."""
    known = [term for term in dict.fromkeys(terms(text, bank.language)) if bank.often(term)]
    most = max(EVERYDAY * len(bank), 20)
    rare = [term for term in known if bank.often(term) <= most] or known
    return sorted(rare, key=bank.often)[:MOST_TERMS]


def suggest(brand: Brand, language: str, text: str, reader: str, limit: int = 6) -> list[Hit]:
    """Titles for what is being typed: the last word may be half written."""
    shelf = shelf_of(brand, language)
    typed = words(text)
    if not len(shelf) or not typed:
        return []
    last = typed[-1]
    with shelf.bank.lock:
        ends = [] if text.endswith(" ") else spelling.beginning_with(last, shelf.bank)
        known = shelf.bank.knows(last)
        query = spelling.corrected(
            " ".join([*typed[:-1], *([last] if known or not ends else []), *ends[:3]]), shelf.bank
        )
    ranked = ranked_for(shelf, query, READABLE[reader])[:limit]
    rows = _rows(brand, reader, ranked)
    return [
        Hit(key, row.article_id, row.slug, row.title, SafeString(""), SafeString(""), score)
        for key, score in ranked
        if (row := rows.get(key)) is not None
    ]


def near(edition: Edition, reader: str, limit: int) -> list[int]:
    """Editions about something near this one, the nearest first; never itself."""
    shelf = shelf_of(edition.brand_id, edition.language)
    with shelf.bank.lock:
        place = shelf.bank.places.get(edition.pk)
        if place is None:
            return []
        close = shelf.bank.matrix @ shelf.bank.matrix[place]
        close = np.where(shelf.may_see(READABLE[reader]), close, -1.0)
        close[place] = -1.0
        return [shelf.bank.keys[int(one)] for one in np.argsort(-close)[:limit] if close[one] > RELATED]


def remember(brand: Brand, language: str, text: str, found: int, place: str = Search.Place.PAGE) -> Search:
    """Write a search down, without private data and without who searched."""
    kept = masked(text, private_data(text))[:LONGEST]
    row: Search = Search.objects.create(brand=brand, language=language, words=kept, place=place, found=found)
    return row
