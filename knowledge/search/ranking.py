"""The order of articles for a customer's words: soft BM25 beside word vectors. No database, no files.

A `Bank` holds what is needed of all articles of one brand and language. Per search `read` makes a `Query`, `near` scores every
article by one product of matrices, and `rescored` puts the candidates in order (the nearest, and what the database's full text
found): z-scores of meaning, and of a BM25 in which a related word counts as part of an occurrence (Robertson and Zaragoza 2009; word
vectors of wordllama). Articles that resemble everything answer nothing (hubness: Conneau et
al. 2018). Weights are round numbers that held on four collections; see `manage.py search_articles`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from helpdesk.text.similar import Matrix, word_vectors
from knowledge.search.terms import stem, words

Ints = npt.NDArray[np.int64]

K1, B = 1.2, 0.75  # BM25's usual constants
FLOOR = 0.4  # cosine below which two words have nothing to do with each other
NEIGHBOURS, REFERENCE = 10, 1000  # hubness: mean of the ten nearest among at most a thousand articles
PRIOR = 10  # articles from which on the mean of all counts more than half
MEANING, LEXICAL = 2.0, 1.0  # weights of the two z-scores
FEW, SHARE = 50, 0.1  # changes that are put in one by one; beyond, all is counted anew


class Text(NamedTuple):
    """An article as search reads it; `key` is its edition's."""

    key: int
    title: str
    body: str


@dataclass(frozen=True)
class Entry:
    """One article: its distinct words (rows of the vocabulary), and how often each occurs."""

    rows: Ints
    counts: Matrix
    length: int


@dataclass(frozen=True)
class Query:
    words: list[str]  # distinct
    stems: Ints  # numbers of their stems, -1 where the bank has none
    directions: Matrix
    weight: Matrix
    vector: Matrix


class Scored(NamedTuple):
    """A candidate: its place in the bank, its score beside the others', and how much of the question its words cover, 0 to 1."""

    place: int
    score: float
    covered: float


def unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def z(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))


class Bank:
    """The articles of one brand in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.lock = threading.RLock()  # held while it is filled, and by who asks
        self.texts: dict[int, tuple[str, str]] = {}
        self._begin()

    def _begin(self) -> None:
        self.places: dict[int, int] = {}
        self.keys: list[int] = []
        self.entries: list[Entry] = []
        self.vocabulary: dict[str, int] = {}
        self.stems: dict[str, int] = {}
        self.stem_of = np.zeros(0, dtype=np.int64)
        self.frequency = np.zeros(0, dtype=np.float32)
        self.directions = self.raw = np.zeros((0, 256), dtype=np.float32)
        self.means: list[Matrix] = []
        self.mean_length = 1.0
        self.matrix = np.zeros((0, 256), dtype=np.float32)
        self.hubness = np.zeros(0, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.keys)

    # --- filling -----------------------------------------------------------------------------------------------

    def put(self, texts: Sequence[Text], gone: Iterable[int] = ()) -> None:
        """Take these in. Few are put beside the rest, weighed by what is known; many, or any that go, are counted anew."""
        lost = [key for key in gone if self.texts.pop(key, None) is not None]
        self.texts.update({text.key: (text.title, text.body) for text in texts})
        if lost or len(texts) > max(FEW, SHARE * len(self)):
            self._begin()
            self._take([Text(key, *text) for key, text in self.texts.items()])
        else:
            self._take(texts)

    def _take(self, texts: Sequence[Text]) -> None:
        if not texts:
            return
        fields = [[Counter(words(text.title)) for text in texts], [Counter(words(text.body)) for text in texts]]
        self._learn(fields)
        is_first = not self.keys
        for text, title, body in zip(texts, *fields, strict=True):
            self._set(text.key, self._entry(title, body))
        places = [self.places[text.key] for text in texts]
        if is_first:
            self.mean_length = max(float(np.mean([entry.length for entry in self.entries])), 1.0)
        parts = self._parts(fields, is_first=is_first)
        rows = unit(np.sum(parts, axis=0)) if parts else np.zeros((len(texts), 256), dtype=np.float32)
        grown = np.zeros((len(self.keys), 256), dtype=np.float32)
        grown[: len(self.matrix)] = self.matrix
        grown[places] = rows
        hubness = np.zeros(len(self.keys), dtype=np.float32)
        hubness[: len(self.hubness)] = self.hubness
        self.matrix = grown
        hubness[places] = self._hubness(places)
        self.hubness = hubness

    def _learn(self, fields: Sequence[Sequence[Counter[str]]]) -> None:
        """New words and stems, and in how many articles each stem occurs."""
        new = list(
            dict.fromkeys(word for field in fields for count in field for word in count if word not in self.vocabulary)
        )
        for word in new:
            self.vocabulary[word] = len(self.vocabulary)
        numbers = [self.stems.setdefault(stem(word, self.language), len(self.stems)) for word in new]
        self.stem_of = np.concatenate([self.stem_of, np.array(numbers, dtype=np.int64)])
        raw = word_vectors(new)[0]
        self.raw = np.vstack([self.raw, raw])
        self.directions = np.vstack([self.directions, unit(raw)])
        frequency = np.zeros(len(self.stems), dtype=np.float32)
        frequency[: len(self.frequency)] = self.frequency
        for title, body in zip(*fields, strict=True):
            rows = [self.vocabulary[word] for word in {*title, *body}]
            frequency[np.unique(self.stem_of[rows])] += 1
        self.frequency = frequency

    def _entry(self, title: Counter[str], body: Counter[str]) -> Entry:
        both = title + body
        rows = np.array([self.vocabulary[word] for word in both], dtype=np.int64)
        counts = np.array(list(both.values()), dtype=np.float32)
        return Entry(rows, counts, both.total())

    def _set(self, key: int, entry: Entry) -> None:
        place = self.places.setdefault(key, len(self.keys))
        if place == len(self.keys):
            self.keys.append(key)
            self.entries.append(entry)
        else:
            self.entries[place] = entry

    def _parts(self, fields: Sequence[Sequence[Counter[str]]], *, is_first: bool) -> list[Matrix]:
        """Vectors of titles and of bodies, without what all have in common. The means are those of the first filling."""
        used = [number for number, field in enumerate(fields) if any(field)] if is_first else range(len(self.means))
        parts: list[Matrix] = []
        if is_first:
            self.means = []
        for number in used:
            part = np.array([self._middle(count) for count in fields[number]], dtype=np.float32)
            filled = np.asarray(part.any(axis=1))
            if is_first:
                share = filled.sum() / (filled.sum() + PRIOR)
                self.means.append(np.asarray(part[filled].mean(axis=0) * share, dtype=np.float32))
            parts.append(np.where(filled[:, None], unit(part - self.means[len(parts)]), 0).astype(np.float32))
        return parts

    def _middle(self, count: Counter[str]) -> Matrix:
        """The mean of a text's words, weighed by how telling they are."""
        if not count:
            return np.zeros(self.raw.shape[1], dtype=np.float32)
        rows = np.array([self.vocabulary[word] for word in count], dtype=np.int64)
        weight = np.sqrt(self.idf(self.frequency[self.stem_of[rows]])) * np.array(
            list(count.values()), dtype=np.float32
        )
        return np.asarray(weight @ self.raw[rows] / weight.sum(), dtype=np.float32)

    def _hubness(self, places: Sequence[int]) -> Matrix:
        """Half the mean cosine to the nearest neighbours."""
        size = len(self.keys)
        if size < 2:
            return np.zeros(len(places), dtype=np.float32)
        reference = np.linspace(0, size - 1, min(size, REFERENCE)).astype(np.int64)
        cosines = self.matrix[list(places)] @ self.matrix[reference].T
        cosines[np.equal.outer(np.array(places), reference)] = -1  # not itself
        count = min(NEIGHBOURS, len(reference) - 1)
        return np.asarray(np.sort(cosines, axis=1)[:, -count:].mean(axis=1) / 2, dtype=np.float32)

    def idf(self, frequency: Matrix) -> Matrix:
        size = max(len(self.keys), 1)
        return np.asarray(np.log(1 + np.maximum(size - frequency + 0.5, 0.5) / (frequency + 0.5)), dtype=np.float32)

    # --- asking ------------------------------------------------------------------------------------------------

    def knows(self, word: str) -> bool:
        return word in self.vocabulary or stem(word, self.language) in self.stems

    def often(self, term: str) -> float:
        """In how many articles a stem occurs."""
        number = self.stems.get(term)
        return 0.0 if number is None else float(self.frequency[number])

    def read(self, text: str) -> Query:
        every = words(text)
        distinct = list(dict.fromkeys(every))
        raw = word_vectors(distinct)[0]
        numbers = np.array([self.stems.get(stem(word, self.language), -1) for word in distinct], dtype=np.int64)
        idf = self.idf(np.array([self.frequency[one] if one >= 0 else 0 for one in numbers], dtype=np.float32))
        count = Counter(every)
        weight = np.sqrt(idf) * np.array([count[word] for word in distinct], dtype=np.float32)
        mean = weight @ raw / max(float(weight.sum()), 1e-9)
        vector = np.sum([unit(mean - one) for one in self.means], axis=0) if self.means else np.zeros(raw.shape[1])
        return Query(
            distinct, numbers, unit(raw), np.asarray(idf * np.linalg.norm(raw, axis=1)), unit(np.asarray(vector))
        )

    def near(self, query: Query) -> Matrix:
        """A score of meaning for every article."""
        return np.asarray(self.matrix @ query.vector - self.hubness, dtype=np.float32)

    def rescored(self, query: Query, candidates: Sequence[int], near: Matrix) -> list[Scored]:
        """The candidates (places in the bank), the best first. `near`: of the whole bank."""
        if not candidates:
            return []
        picked = np.asarray(candidates, dtype=np.int64)
        entries = [self.entries[place] for place in candidates]
        score, covered = MEANING * z(near[picked]), np.zeros(len(picked))
        full = [number for number, entry in enumerate(entries) if len(entry.rows)]
        if query.words and full:
            rows, place = self._words_of(entries)
            cosine = query.directions @ self.directions[rows].T  # words asked × words of candidates
            cosine[query.stems[:, None] == self.stem_of[rows][None, :]] = 1
            lexical, covered[full] = self._soft(query, [entries[number] for number in full], cosine, place)
            whole = np.zeros(len(picked))
            whole[full] = lexical
            score = score + LEXICAL * z(whole)
        order = np.argsort(-score, kind="stable")
        return [Scored(int(picked[at]), float(score[at]), float(covered[at])) for at in order]

    def _words_of(self, entries: Sequence[Entry]) -> tuple[Ints, Ints]:
        """(the words of these articles, and for each word of the vocabulary which of them it is)."""
        used = np.zeros(len(self.stem_of), dtype=bool)
        used[np.concatenate([entry.rows for entry in entries])] = True
        rows = np.flatnonzero(used)
        place = np.zeros(len(used), dtype=np.int64)
        place[rows] = np.arange(len(rows))
        return rows, place

    def _soft(
        self, query: Query, entries: Sequence[Entry], cosine: Matrix, place: Ints
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """BM25 in which a related word is part of an occurrence; and the share of the question that is covered."""
        soft = np.maximum(cosine - FLOOR, 0) / (1 - FLOOR)
        rows = place[np.concatenate([entry.rows for entry in entries])]
        starts = np.cumsum([0, *(len(entry.rows) for entry in entries)])[:-1]
        counts = np.concatenate([entry.counts for entry in entries])
        often = np.add.reduceat(soft[:, rows] * counts, starts, axis=1)
        lengths = np.array([entry.length for entry in entries], dtype=np.float32)
        often = often * (K1 + 1) / (often + K1 * (1 - B + B * lengths / self.mean_length))
        best = np.maximum.reduceat(soft[:, rows], starts, axis=1)
        covered = query.weight @ best / max(float(query.weight.sum()), 1e-9)
        return query.weight @ often, covered
