"""Which inquiries ask the same thing: grouped without labels, without network, the same way every time. Pure.

A text is the words it is made of (wordllama's vectors, moved towards the company each word keeps in this corpus) beside the
corpus' own directions (LSA). Each is moved to the middle of those that are its neighbours in both directions; groups grow by
average link over the graph of neighbours, down to a limit that the corpus itself gives; only texts whose neighbours agree stay,
and groups whose members take each other for neighbours become one. What each step is worth stands in docs/topics.md.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded when they are first asked for

from helpdesk.text import similar

Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SIZE, WORD_SIZE = 256, 128  # numbers from the model, from the corpus' own words
WORD_WEIGHT = 0.5  # of the latter beside the former
MOST_WORDS, MOST_TOKENS = 2000, 2000  # of the corpus that are looked at
COMPANY = 0.7  # how much the company a token keeps here counts beside what it means anywhere
MOST_LETTERS = 1000
FEWEST_NEIGHBOURS, MOST_NEIGHBOURS = 6, 20  # between them as many as are, on the average, ...
AS_CLOSE = 0.8  # ... so close in proportion to the nearest one: how many ask the same differs from corpus to corpus
TOWARDS, STEPS = 0.7, 2  # how far a text is moved to the middle of those that are alike, and how often
LEAST = 5  # members of a topic
STRICT, STRICTEST, LAXEST = 1.69, 0.82, 0.77  # see _limit
JOIN = 0.25  # of the votes of two topics' members that go to the other one's, from which they are one
COVER = 0.715  # the surest share of texts that is kept in topics ...
BESIDE, BESIDE_COVER = 0.6, 0.702  # agreement from which one that was left out comes in, and up to which share
SURE, UNSURE = 0.9, 0.3  # ... but from this agreement of its neighbours a text is kept, below that one not, in any case
AT_ONCE = 20_000_000  # cosines in memory: 80 MB, and as much again twice for their order

NOISE = re.compile(r"https?://\S+|@[\w.\-]+|\S+@\S+|[\d_]+")
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Adaptation:
    mean: Matrix  # of the texts' meanings
    tokens: Ints  # the model's that are common here
    company: Matrix  # a row each: the middle of the texts it is in
    words: dict[str, int]
    directions: Matrix  # a row a word, IDF included


def bare(text: str) -> str:
    return NOISE.sub(" ", unicodedata.normalize("NFKC", text[:MOST_LETTERS])).strip()


def unit(rows: Matrix) -> Matrix:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 1e-6, length, np.inf), dtype=np.float32)


def _count(rows: Sequence[Sequence[int]], width: int) -> scipy.sparse.csr_matrix:
    start = np.cumsum([0, *map(len, rows)])
    where = np.fromiter((one for row in rows for one in row), dtype=np.int32, count=int(start[-1]))
    made = scipy.sparse.csr_matrix((np.ones(len(where), np.float32), where, start), shape=(len(rows), width))
    made.sum_duplicates()
    return made


def _tokens(texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    made = []
    for start in range(0, max(len(texts), 1), 10_000):
        told, table = similar.pieces(texts[start : start + 10_000])
        made.append(_count(told, len(table)))
    counts = scipy.sparse.vstack(made).tocsr()
    counts.data = np.sqrt(counts.data)
    return counts


def _words(words: dict[str, int], texts: Sequence[str]) -> scipy.sparse.csr_matrix:
    made = _count([[words[word] for word in WORD.findall(text.lower()) if word in words] for text in texts], len(words))
    made.data = 1 + np.log(made.data)
    return made


def fit(texts: Sequence[str]) -> Adaptation:
    from sklearn.utils.extmath import randomized_svd  # a second and 60 MB: only where topics are found

    kept = [bare(text) for text in texts]
    seen: dict[str, int] = {}
    for text in kept:
        for word in set(WORD.findall(text.lower())):
            seen[word] = seen.get(word, 0) + 1
    common = sorted((word for word, times in seen.items() if times > 1), key=lambda word: (-seen[word], word))[
        :MOST_WORDS
    ]
    words = {word: index for index, word in enumerate(common)}
    inverse = np.array([np.log((1 + len(kept)) / (1 + seen[word])) + 1 for word in common], dtype=np.float32)
    size = min(WORD_SIZE, len(words), len(kept))
    directions = np.zeros((len(words), WORD_SIZE), dtype=np.float32)
    if size:
        counts = _words(words, kept).multiply(inverse).tocsr()
        length = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)))
        counts = counts.multiply(1 / np.maximum(length, 1e-6)).tocsr()
        directions[:, :size] = randomized_svd(counts, size, n_iter=4, random_state=0)[2].T * inverse[:, None]
    counts, base = _tokens(kept), similar.pieces([])[1]
    times = np.asarray(counts.sum(axis=0)).ravel()
    order = np.argsort(-times, kind="stable")[:MOST_TOKENS]
    tokens = np.sort(order[times[order] > 1])
    meaning = unit(counts @ base)
    some = np.flatnonzero(np.diff(counts.indptr))
    mean = meaning[some].mean(axis=0) if len(some) > 1 else np.zeros(SIZE, np.float32)
    company = counts[some][:, tokens].T @ unit(meaning[some] - mean) / (times[tokens, None] + 2)
    if len(tokens):
        weight = times[tokens] / times[tokens].sum()
        ratio = (weight @ (base[tokens] ** 2).sum(axis=1)) / max(1e-6, weight @ (company**2).sum(axis=1))
        company = (COMPANY * np.sqrt(ratio) * company).astype(np.float16).astype(np.float32)
    meaning = unit(counts @ base + counts[:, tokens] @ company)
    mean = meaning[some].mean(axis=0) if len(some) > 1 else mean
    return Adaptation(mean, tokens, company, words, directions)


def vectors(told: Adaptation, texts: Sequence[str]) -> Matrix:
    """One row a text, of length one; zeros where there is nothing to go by."""
    kept = [bare(text) for text in texts]
    counts = _tokens(kept)
    meaning = unit(counts @ similar.pieces([])[1] + counts[:, told.tokens] @ told.company)
    meaning[np.diff(counts.indptr) > 0] -= told.mean
    own = np.asarray(_words(told.words, kept) @ told.directions, dtype=np.float32).reshape(len(kept), WORD_SIZE)
    return unit(np.hstack([unit(meaning), np.float32(WORD_WEIGHT) * unit(own)]))


def nearest(of: Matrix, among: Matrix, count: int, *, same: bool = False) -> tuple[Ints, Matrix]:
    """The `count` rows of `among` closest to each row of `of`, and their cosines; `same`: they are the same rows."""
    count = max(0, min(count, len(among) - same))
    index, value = np.zeros((len(of), count), np.int64), np.zeros((len(of), count), np.float32)
    chunk = int(np.clip(AT_ONCE // max(len(among), 1), 16, 1024))
    for start in range(0, len(of) if count else 0, chunk):
        close = of[start : start + chunk] @ among.T
        if same:
            close[np.arange(len(close)), np.arange(start, start + len(close))] = -2
        best = np.argpartition(close, len(among) - count, axis=1)[:, len(among) - count :]
        far = np.take_along_axis(close, best, axis=1)
        order = np.argsort(-far, axis=1, kind="stable")
        index[start : start + chunk] = np.take_along_axis(best, order, axis=1)
        value[start : start + chunk] = np.take_along_axis(far, order, axis=1)
    return index, np.maximum(value, 0)


def _links(index: Ints, value: Matrix, size: int) -> scipy.sparse.csr_matrix:
    start = np.arange(0, index.size + 1, max(1, index.shape[1]))[: len(index) + 1]
    return scipy.sparse.csr_matrix(
        (value.ravel(), index.ravel(), start if index.size else np.zeros(len(index) + 1, int)), shape=(len(index), size)
    )


def _moved(rows: Matrix, links: scipy.sparse.csr_matrix, towards: float, steps: int) -> Matrix:
    """Each row moved to the middle of those that are alike in both directions."""
    both = links.minimum(links.T).tocsr()
    made = rows
    for _ in range(steps):
        made = unit((1 - towards) * rows + towards * unit(both @ made))
    return made


def _dots(rows: Matrix, left: Ints, right: Ints) -> Matrix:
    made = [
        np.einsum("ij,ij->i", rows[left[i : i + 65536]], rows[right[i : i + 65536]]) for i in range(0, len(left), 65536)
    ]
    return np.concatenate([np.zeros(0, np.float32), *made])


def _average_link(rows: Matrix, left: Ints, right: Ints, least: float) -> Ints:
    """Groups of which any two that are linked have a mean cosine below `least`: reciprocal nearest groups are made one."""
    group, total, size = np.arange(len(rows)), rows.copy(), np.ones(len(rows), np.float32)
    close = _dots(total, left, right)
    while len(left):
        best = np.full(len(total), -2, np.float32)
        np.maximum.at(best, left, close)
        np.maximum.at(best, right, close)
        # of equally close ones the first, else rings of equals would never be one
        partner = np.full(len(total), len(total))
        np.minimum.at(partner, left[close >= best[left]], right[close >= best[left]])
        np.minimum.at(partner, right[close >= best[right]], left[close >= best[right]])
        joined = (partner[left] == right) & (partner[right] == left) & (close >= least)
        if not joined.any():
            break
        into, gone = left[joined], right[joined]
        total[into] += total[gone]
        size[into] += size[gone]
        new = np.arange(len(total))
        new[gone] = into
        fresh = np.zeros(len(total), bool)
        fresh[into] = True
        group, left, right = new[group], new[left], new[right]
        keep = left != right
        left, right, close = left[keep], right[keep], close[keep]
        touched = fresh[left] | fresh[right]
        low, high = np.minimum(left, right), np.maximum(left, right)
        _, first = np.unique(low * len(total) + high, return_index=True)
        left, right, close, touched = low[first], high[first], close[first], touched[first]
        close[touched] = _dots(total, left[touched], right[touched]) / (size[left[touched]] * size[right[touched]])
    return group


def _tidy(group: Ints, least: int) -> Ints:
    """Numbered by size, the greatest first; -1 where there are too few members."""
    kind, first, back, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    order = sorted(
        (i for i in range(len(kind)) if kind[i] >= 0 and size[i] >= least), key=lambda i: (-size[i], first[i])
    )
    number = np.full(len(kind), -1)
    number[order] = np.arange(len(order))
    return np.asarray(number[back].reshape(-1), dtype=np.int64)


def _vote(links: scipy.sparse.csr_matrix, group: Ints) -> tuple[Ints, Matrix]:
    """The topic most of a text's neighbours are in, and which share of them, weighed by how close they are."""
    inside = np.flatnonzero(group >= 0)
    member = scipy.sparse.csr_matrix(
        (np.ones(len(inside), np.float32), (inside, group[inside])),
        shape=(len(group), max(1, int(group.max(initial=0)) + 1)),
    )
    votes = (links @ member).tocsr()
    share = np.asarray(votes.max(axis=1).todense()).ravel() / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1e-6)
    return np.where(share > 0, np.asarray(votes.argmax(axis=1)).ravel(), -1), np.asarray(share, np.float32)


def _limit(close: Matrix) -> float:
    """From which mean cosine groups are one: the less alike the texts here that are each other's neighbours, the stricter."""
    return float(np.clip(STRICT - np.quantile(close, 0.1), LAXEST, STRICTEST)) if len(close) else STRICTEST


def _joined(links: scipy.sparse.csr_matrix, group: Ints) -> Ints:
    """Topics made one whose members take each other for neighbours; each with the one it has most to do with, in rounds."""
    while (group >= 0).any():
        inside = np.flatnonzero(group >= 0)
        count = int(group.max()) + 1
        member = scipy.sparse.csr_matrix(
            (np.ones(len(inside), np.float32), (inside, group[inside])), shape=(len(group), count)
        )
        votes = (member.T @ links @ member).tocsr()
        whole = np.maximum(np.asarray(votes.sum(axis=1)).ravel(), 1e-6)
        across = (votes + votes.T).tocoo()
        apart = across.row != across.col
        row, col = across.row[apart], across.col[apart]
        share = across.data[apart] / (2 * np.minimum(whole[row], whole[col]))
        order = np.lexsort((col, -share, row))
        best, top = np.full(count, -1), np.zeros(count, np.float32)
        first = order[np.unique(row[order], return_index=True)[1]]
        best[row[first]], top[row[first]] = col[first], share[first]
        low = np.arange(count)
        pair = (best > low) & (best[best] == low) & (top >= JOIN)
        if not pair.any():
            break
        low[best[pair]] = np.flatnonzero(pair)
        group = _tidy(np.where(group >= 0, low[np.maximum(group, 0)], -1), 1)
    return group


def groups(made: Matrix, least: int = LEAST, cover: float = COVER) -> Ints:
    """The topic of each row, 0 the greatest; -1 for none."""
    index, value = nearest(made, made, MOST_NEIGHBOURS, same=True)
    count = _neighbours(value)
    return grouped(made, index[:, :count], value[:, :count], least, cover)


def _neighbours(value: Matrix) -> int:
    """How many of the nearest are taken for neighbours: fewer where few ask the same."""
    if not value.size:
        return int(value.shape[1])
    close = value.mean(axis=0)
    alike = int(np.flatnonzero(close >= AS_CLOSE * close[0]).max(initial=0)) + 1
    return int(np.clip(alike, min(FEWEST_NEIGHBOURS, value.shape[1]), MOST_NEIGHBOURS))


def grouped(made: Matrix, index: Ints, value: Matrix, least: int = LEAST, cover: float = COVER) -> Ints:
    if len(made) < least:
        return np.full(len(made), -1, dtype=np.int64)
    links = _links(index, value**2, len(made))
    links.eliminate_zeros()
    moved = _moved(made, links, TOWARDS, STEPS)
    both = scipy.sparse.triu(links.minimum(links.T), 1).tocoo()
    either = scipy.sparse.triu(links.maximum(links.T), 1).tocoo()
    limit = _limit(_dots(moved, both.row, both.col))
    group = _tidy(_average_link(moved, either.row.astype(np.int64), either.col.astype(np.int64), limit), least)
    found, share = _vote(links, group)
    share = np.where((found == group) & (group >= 0), share, -1)
    surest = np.sort(share)[::-1][min(len(share) - 1, int(cover * len(share)))]
    group = _tidy(np.where(share >= np.clip(surest, UNSURE, SURE), group, -1), least)
    return _with_those_beside(links, _tidy(_joined(links, group), least), min(cover, BESIDE_COVER))


def _with_those_beside(links: scipy.sparse.csr_matrix, group: Ints, cover: float) -> Ints:
    """Texts that were left out, but most of whose neighbours are in one topic, come in, the surest first."""
    found, share = _vote(links, group)
    room = int(cover * len(group)) - int((group >= 0).sum())
    beside = np.flatnonzero((group < 0) & (found >= 0) & (share >= BESIDE))
    chosen = beside[np.argsort(-share[beside], kind="stable")][: max(room, 0)]
    made = group.copy()
    made[chosen] = found[chosen]
    return made


# --- one at a time ---------------------------------------------------------------------------------------------


def centres(made: Matrix, found: Ints) -> Matrix:
    """The middle of each topic, of length one."""
    count = int(found.max(initial=-1)) + 1
    total = np.zeros((count, made.shape[1]), dtype=np.float32)
    inside = np.flatnonzero(found >= 0)
    np.add.at(total, found[inside], made[inside])
    return unit(total)


def nearest_centre(rows: Matrix, middles: Matrix) -> tuple[Ints, Matrix]:
    """(the closest topic of each row, how close it is); -1 where there is no topic or nothing to go by."""
    if not len(middles) or not len(rows):
        return np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows), dtype=np.float32)
    close = rows @ middles.T
    best = close.argmax(axis=1)
    value = close[np.arange(len(rows)), best]
    return np.where(value > 0, best, -1).astype(np.int64), np.asarray(value, dtype=np.float32)


def limit_of(made: Matrix, found: Ints, middles: Matrix) -> float:
    """How close to a topic's middle a new text has to be to belong to it: closer than most that were left out, and than the
    farthest fifth of those inside."""
    inside = np.flatnonzero(found >= 0)
    if not len(inside):
        return 1.0
    own = np.einsum("ij,ij->i", made[inside], middles[found[inside]])
    within = float(np.quantile(own, 0.2))
    outside = np.flatnonzero(found < 0)
    if not len(outside):
        return within
    return max(within, float(np.quantile(nearest_centre(made[outside], middles)[1], 0.6)))


# --- kept between nights ---------------------------------------------------------------------------------------


def kept(told: Adaptation) -> bytes:
    """The adaptation as bytes: arrays and a list of words, nothing that runs."""
    out = io.BytesIO()
    words = np.frombuffer(json.dumps(list(told.words), ensure_ascii=False).encode(), dtype=np.uint8)
    np.savez_compressed(
        out, mean=told.mean.astype("<f4"), tokens=told.tokens.astype("<i4"), company=told.company.astype("<f2"), words=words,
        directions=told.directions.astype("<f2"),
    )  # fmt: skip
    return out.getvalue()


def read(stored: bytes) -> Adaptation:
    """As `kept` wrote it."""
    with np.load(io.BytesIO(stored), allow_pickle=False) as found:
        words = json.loads(found["words"].tobytes().decode())
        return Adaptation(
            found["mean"].astype(np.float32), found["tokens"].astype(np.int64), found["company"].astype(np.float32),
            {word: index for index, word in enumerate(words)}, found["directions"].astype(np.float32),
        )  # fmt: skip
