"""What a result shows of its text: the lines in which the words were found, marked; everything escaped."""

from __future__ import annotations

import re
from collections.abc import Collection

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from knowledge.models import SearchEntry
from knowledge.search.terms import terms

LONGEST, MOST_LINES = 180, 400
PIECE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[\W_]+")
SENTENCE = re.compile(r"(?<=[.!?。？！])\s+|\n")


def texts_of(editions: Collection[int]) -> dict[int, str]:
    return dict(SearchEntry.objects.filter(edition__in=editions).values_list("edition", "text"))


def marked(text: str, wanted: Collection[str], language: str) -> SafeString:
    """The text with the wanted terms in <mark>."""
    parts = []
    for found in PIECE.finditer(text):
        piece = found[0]
        is_hit = piece[0].isalnum() and any(term in wanted for term in terms(piece, language))
        parts.append(f"<mark>{escape(piece)}</mark>" if is_hit else escape(piece))
    return mark_safe("".join(parts))  # noqa: S308 - every piece is escaped


def excerpt(text: str, wanted: Collection[str], language: str) -> SafeString:
    """About 180 characters around the sentence that holds most of the terms."""
    lines = [line for line in SENTENCE.split(text)[:MOST_LINES] if line.strip()]
    if not lines:
        return SafeString("")
    best = max(range(len(lines)), key=lambda place: (len(set(terms(lines[place], language)) & set(wanted)), -place))
    shown = lines[best]
    if best + 1 < len(lines) and len(shown) + len(lines[best + 1]) < LONGEST:
        shown = f"{shown} {lines[best + 1]}"
    return marked(_cut(shown, wanted, language), wanted, language)


def _cut(line: str, wanted: Collection[str], language: str) -> str:
    if len(line) <= LONGEST:
        return line
    first = next((hit.start() for hit in PIECE.finditer(line) if set(terms(hit[0], language)) & set(wanted)), 0)
    start = max(0, first - LONGEST // 3)
    start = line.rfind(" ", 0, start) + 1 if start else 0
    cut = line[start : start + LONGEST].rsplit(" ", 1)[0]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(line) else "")
