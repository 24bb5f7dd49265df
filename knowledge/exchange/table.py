"""Rows of a CSV file → pages. A row that cannot be read is named by its line and left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused
from knowledge.exchange import head, webpage
from knowledge.exchange.page import Page, Tongues, Unfit, details, own_slug
from knowledge.publishing import Words, slug_of

LONGEST_FIELD = 2 * 1024 * 1024  # characters
ALSO = {"question": "title", "answer": "body"}  # what else columns are called


def pages(path: Path, tongues: Tongues) -> Iterator[Page | Unfit]:
    """Every row, in order. Refused where the file has not the columns that are needed."""
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        separator = max(",;\t", key=file.readline(64 * 1024).count)
        file.seek(0)
        lines = csv.reader(file, delimiter=separator, strict=True)
        try:
            columns = _columns(next(lines, []))
        except csv.Error as error:
            raise Refused("file", "columns", _("This is no CSV file: %(why)s.") % {"why": error}) from error
        for line, row in _rows(lines):
            place = _("%(file)s, line %(line)s") % {"file": path.name, "line": line}
            try:
                yield _page(place, _values(columns, row), tongues)
            except Refused as refusal:
                yield Unfit(place, refusal.text)


def _rows(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """(the line it begins in, the row or what is wrong with it)."""
    while True:
        line = lines.line_num + 1  # type: ignore[attr-defined]  # csv's own reader has it
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error
            continue
        if row:
            yield line, row


def _columns(names: list[str]) -> list[str]:
    if any("\udc80" <= letter <= "\udcff" or letter == "\x00" for letter in "".join(names)):
        raise Refused("file", "encoding", _("This file is not UTF-8. Save it as “CSV UTF-8” and run this again."))
    given = [name.strip().lower().replace(" ", "_") for name in names]
    columns = [ALSO[name] if name in ALSO and ALSO[name] not in given else name for name in given]
    if "title" not in columns or not {"body", "html"} & set(columns):
        found = ", ".join(names)[:300]
        raise Refused(
            "file",
            "columns",
            _("It needs the columns title (or question) and body, html or answer. It has: %(found)s.")
            % {"found": found or "–"},
        )
    return columns


def _values(columns: list[str], row: list[str] | csv.Error) -> dict[str, str]:
    if isinstance(row, csv.Error):
        raise Refused(
            "file", "broken", _("This row cannot be read (%(why)s). Is a quotation mark never closed?") % {"why": row}
        )
    if len(row) != len(columns):
        raise Refused(
            "file",
            "broken",
            _("This row has %(has)s fields, not %(needs)s. Is a quotation mark missing?")
            % {"has": len(row), "needs": len(columns)},
        )
    values = dict(zip(columns, row, strict=True))
    whole = "".join(row)
    if "\x00" in whole:
        raise Refused("file", "no_text", _("This row holds NUL bytes. Take them out."))
    if any("\udc80" <= letter <= "\udcff" for letter in whole):
        raise Refused("file", "encoding", _("This row is not UTF-8. Save the file as UTF-8 and run this again."))
    return values


def _page(place: str, values: dict[str, str], tongues: Tongues) -> Page:
    title, body = head.said(values, "title"), values.get("body", "").replace("\r\n", "\n")
    if not body.strip() and values.get("html"):
        named, body = webpage.read(values["html"])
        title = title or named
    slug, around = own_slug(values), details(values)
    return Page(
        place=place, group=f"article {around['key']}" if around["key"] else place,
        language=tongues.meant(head.said(values, "language")), words=Words(title, body, head.said(values, "summary")),
        slug=slug or slug_of(title) or "article", has_own_slug=bool(slug), **around,
    )  # fmt: skip
