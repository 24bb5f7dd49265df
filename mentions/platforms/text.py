"""What several platforms do with text: count what people see as one character, and cut a long text into posts."""

from __future__ import annotations

import re
from collections.abc import Callable

import regex

CLUSTER = regex.compile(r"\X")


def graphemes(text: str) -> int:
    """User-perceived characters by UAX 29's extended grapheme clusters."""
    return len(clusters(text))


def clusters(text: str) -> list[str]:
    return list(CLUSTER.findall(text))


def cut(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` in pieces that each fit, broken at paragraphs, sentences or words where there are any.

    `fits` must hold for every shorter beginning of what it holds for.
    """
    pieces, rest = [], text.strip()
    while rest:
        head = rest if fits(rest) else _fitting(rest, fits)
        if len(head) == len(rest):
            pieces.append(rest)
            break
        at = max(_break_at(head), 1)
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return pieces


def _fitting(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits, in whole clusters; one cluster at least."""
    whole = clusters(text)
    low, high = 1, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits("".join(whole[:middle])) else (low, middle - 1)
    return "".join(whole[:low])


def _break_at(head: str) -> int:
    for pattern in (r"\n\n(?!.*\n\n)", r"(?<=[.!?…。！？])\s(?!.*[.!?…。！？]\s)", r"\s(?!.*\s)"):
        found = [hit.start() for hit in re.finditer(pattern, head, re.DOTALL) if hit.start() > len(head) // 3]
        if found:
            return found[-1]
    return len(head)
