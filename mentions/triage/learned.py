"""Triage that learns from labelled rows: word and character TF-IDF, balanced logistic regression.

Loaded only where it is asked for (`manage.py triage --learn`): scikit-learn is heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from helpdesk.text.triage import Triage

FIELDS = ("intent", "sentiment", "urgency")
LEAST_ROWS = 20


class Learned:
    """What labelled rows teach about each field they label with at least two values."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        labelled = list(rows)
        self.models: dict[str, Any] = {}
        for name in FIELDS:
            pairs = [(str(row["text"]), str(row[name])) for row in labelled if row.get(name)]
            if len(pairs) >= LEAST_ROWS and len({label for _, label in pairs}) > 1:
                words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, strip_accents="unicode")
                signs = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True)
                model = make_pipeline(
                    make_union(words, signs), LogisticRegression(C=4, max_iter=1000, class_weight="balanced")
                )
                self.models[name] = model.fit([text for text, _ in pairs], [label for _, label in pairs])

    def apply(self, texts: Sequence[str], readings: Sequence[Triage]) -> list[Triage]:
        """The readings, with the learned fields put in and the certainty as their reason."""
        found = list(readings)
        for name, model in self.models.items():
            for index, chances in enumerate(model.predict_proba(list(texts)) if texts else []):
                best = int(chances.argmax())
                reason = {"field": name, "code": "learned", "word": f"{chances[best]:.0%}"}
                others = tuple(item for item in found[index].reasons if item["field"] != name)
                values: dict[str, Any] = {name: str(model.classes_[best]), "reasons": (*others, reason)}
                found[index] = replace(found[index], **values)
        return found
