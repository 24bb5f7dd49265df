"""Which texts are about the same thing: static word embeddings (wordllama, offline), averaged, compared by cosine.

A vector is 256 numbers of length one, stored as float16, 512 bytes. Where a text has too little to go by there is none.
The model is English at heart; texts of other languages are found alike by names and shared words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from wordllama.inference import WordLlamaInference

Matrix = npt.NDArray[np.float32]

MODEL = "wordllama-l2-supercat-256"
SIZE = 256
# cosines from which a text is about the same trouble as another one, and as several; see tests/helpdesk/test_similar.py
ALIKE, ALIKE_TO_SEVERAL = 0.42, 0.45
SEVERAL = 2
FEWEST = 3  # words
MOST = 1000  # letters that are looked at
NOISE = re.compile(r"https?://\S+|[@#][\w.\-]+|\S+@\S+|[\d_]+")
WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def _model() -> WordLlamaInference:
    import wordllama  # a second and 100 MB: only in processes that compare

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(dim=SIZE, cache_dir=folder, disable_download=True)


def bare(text: str) -> str:
    """What a text is about: without whom it is addressed to, links and numbers, which all of a brand's posts share."""
    return NOISE.sub(" ", text[:MOST]).strip()


def vectors(texts: Sequence[str], fewest: int = FEWEST) -> list[bytes]:
    """One a text, b"" where it has fewer than `fewest` words."""
    kept = [bare(text) for text in texts]
    told = [index for index, text in enumerate(kept) if len(WORD.findall(text)) >= fewest]
    found = [b""] * len(kept)
    if told:
        made = _model().embed([kept[index] for index in told], norm=True)
        for index, row in zip(told, np.asarray(made, dtype="<f2"), strict=True):
            found[index] = row.tobytes()
    return found


def pieces(texts: Sequence[str]) -> tuple[list[list[int]], Matrix]:
    """(the pieces each text is made of, as rows of the table; the model's table, a row a piece)."""
    model = _model()
    found = model.tokenizer.encode_batch(list(texts), add_special_tokens=False) if texts else []
    rows = [[one for one, is_real in zip(each.ids, each.attention_mask, strict=True) if is_real] for each in found]
    return rows, model.embedding


def word_vectors(words: Sequence[str]) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Each word's vector, the sum of its pieces', not of length one; and how many pieces it has: one for a word the model knows."""
    ids, table = pieces(words)
    if not words:
        return np.zeros((0, table.shape[1]), dtype=np.float32), np.zeros(0, dtype=np.int64)
    sums = np.array([table[one].sum(axis=0) for one in ids], dtype=np.float32).reshape(-1, table.shape[1])
    return sums, np.array([len(one) for one in ids], dtype=np.int64)


def matrix(stored: Sequence[bytes]) -> Matrix:
    """Stored vectors, one a row; zeros, which are like nothing, where there is none."""
    made = np.zeros((len(stored), SIZE), dtype=np.float32)
    for index, one in enumerate(stored):
        if len(one) == 2 * SIZE:
            made[index] = np.frombuffer(one, dtype="<f2")
    return made


def closeness(to: Sequence[bytes], others: Matrix) -> npt.NDArray[np.float32]:
    """How close each of `others` is to the middle of `to`, from -1 to 1."""
    middle = matrix(to).sum(axis=0)
    length = float(np.linalg.norm(middle))
    if length == 0:
        return np.zeros(len(others), dtype=np.float32)
    return np.asarray(others @ (middle / length), dtype=np.float32)
