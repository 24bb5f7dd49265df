"""What of a mail is new, and what it only repeats: found line by line, in any language.

A library for this (mail-parser-reply) takes eight seconds over twenty thousand line ends [seen]; what it knows of thirty
languages is the wording of “On …, … wrote:”, which always ends in a colon before the quoted lines.
"""

from __future__ import annotations

import re

RULER = re.compile(r"\s*(?:_{10,}|-{10,}|-{2,}\s*[^-]{3,60}?\s*-{2,})\s*")  # “-----Original Message-----” and the like
# a label in any writing, a colon of either width; “Name：” needs no space after it
_LETTER = r"A-ZÀ-ÖØ-Þ\u0370-\u042f\u0590-\u06ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
FIELD = re.compile(rf"\s*\*?(?P<label>[{_LETTER}][^:：\n]{{0,24}})(?::\*?\s|：\*?)\s*\S.*")
ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w")
WHEN = re.compile(r"(?<!\d)(?:\d{1,2}[:.]\d{2}|(?:19|20)\d{2})(?!\d)")
LONGEST_ATTRIBUTION = 3  # lines


def split(text: str) -> tuple[str, str]:
    """(what is new, what is repeated). Answers between quoted lines stay where they are: the whole is new then."""
    lines = text.split("\n")
    start = _start(lines)
    if start is None or not any(line.strip() for line in lines[:start]):
        return text.strip(), ""
    return "\n".join(lines[:start]).strip(), "\n".join(lines[start:]).strip()


def _start(lines: list[str]) -> int | None:
    """The first line of what is repeated, to the end of the mail."""
    headed = _after_ruler(lines)
    quoted = _quoted_to_the_end(lines)
    found = [at for at in (headed, quoted) if at is not None]
    return min(found) if found else None


def _quoted_to_the_end(lines: list[str]) -> int | None:
    """Where the last block of “>” lines begins, if nothing but empty lines follows it; with who wrote it."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and (lines[start - 1].lstrip().startswith(">") or not lines[start - 1].strip()):
        start -= 1
    if not any(line.lstrip().startswith(">") for line in lines[start:end]):
        return None
    return _with_attribution(lines, start)


def _with_attribution(lines: list[str], start: int) -> int:
    """Up over “On Monday Ana wrote:”, which a mail program breaks into two or three lines."""
    last = start - 1
    if last < 0 or not lines[last].rstrip().endswith(":"):
        return start
    first = last
    while first and last - first < LONGEST_ATTRIBUTION - 1 and lines[first - 1].strip():
        first -= 1
    # a paragraph of ours that happens to end in a colon is longer than that
    return first if first == 0 or not lines[first - 1].strip() else last


def _names_a_sender(line: str) -> bool:
    """“From: Ana <ana@…>”, in any language; “E-mail: ana@…” is a field of a form."""
    found = FIELD.fullmatch(line[:300])
    return found is not None and "mail" not in found["label"].lower() and bool(ADDRESS.search(line[:300]))


def _is_bracketed(line: str) -> bool:
    """An address as mail programs write it after a name: in a second line, after the date."""
    return _names_a_sender(line) and any(mark in line for mark in "<[(")


def _after_ruler(lines: list[str]) -> int | None:
    """Where a forwarded or answered mail begins with its header: From, Sent, To … with an address among them."""
    for at, line in enumerate(lines):
        if not FIELD.fullmatch(line[:300]) or (at and FIELD.fullmatch(lines[at - 1][:300])):
            continue  # no field, or not the first of its block
        block = [other for other in lines[at : at + 6] if FIELD.fullmatch(other[:300])]
        if len(block) < 3 or (not any(map(_names_a_sender, block[:1])) and not _is_bracketed(block[1])):
            continue
        if not any(WHEN.search(re.split("[:：]", other, maxsplit=1)[1][:300]) for other in block):
            continue  # no mail's header: a form that somebody filled in
        above = at
        while above and not lines[above - 1].strip():
            above -= 1
        return above - 1 if above and RULER.fullmatch(lines[above - 1][:200]) else at
    return None
