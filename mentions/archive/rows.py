"""Rows of an archive file, one at a time: CSV, JSON lines, or a Zendesk export. A broken row says which it is and why."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

from mentions.platforms.html import text_of_html

NEEDED = ("text", "author", "id", "time")
KNOWN = (*NEEDED, "parent", "inbound", "thread", "name", "handle", "url", "subject")
NO = {"false", "0", "no", "n", "outbound", "out", "agent", "f"}
YES = {"true", "1", "yes", "y", "inbound", "in", "customer", "t", ""}
LONGEST_FIELD = 10 * 1024 * 1024


class BadMap(Exception):
    """The --map cannot be used; the text says why and what would do."""


@dataclass(frozen=True)
class Row:
    """One thing said, as the file tells it. `line` is where it stands."""

    line: int
    id: str
    author: str
    text: str
    at: dt.datetime
    inbound: bool = True
    parent: str = ""
    thread: str = ""
    name: str = ""
    handle: str = ""
    url: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Broken:
    """A row that cannot be taken in: where it stands, and why."""

    line: int
    why: str


def mapping_of(text: str) -> dict[str, str]:
    """`field=column,…` as a table. BadMap names what is unknown or missing."""
    table: dict[str, str] = {}
    for pair in filter(None, (piece.strip() for piece in text.split(","))):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or field not in KNOWN:
            raise BadMap(f"“{pair}” is no mapping. Write field=column; the fields are {', '.join(KNOWN)}.")
        table[field] = column
    missing = [field for field in NEEDED if field not in table]
    if missing:
        raise BadMap(f"--map lacks {', '.join(missing)}. Say which column holds it, such as {missing[0]}=COLUMN.")
    return table


def read(path: Path, table: Mapping[str, str], kind: str) -> Iterator[Row | Broken]:
    """Every row of the file, in its order. BadMap where the file has no such column; ValueError where it is no such file."""
    if kind == "zendesk":
        yield from _zendesk(path)
    elif kind == "jsonl":
        yield from _mapped(_json_lines(path), table)
    else:
        yield from _mapped(_csv(path, table), table)


def kind_of(path: Path) -> str:
    return "jsonl" if path.suffix.lower() in (".jsonl", ".ndjson") else "csv"


def _csv(path: Path, table: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(min(LONGEST_FIELD, sys.maxsize))
    encoding = encoding_of(path)
    separator = _separator(path, encoding)
    with path.open(encoding=encoding, errors="replace", newline=_line_end(path)) as file:
        lines = csv.DictReader(map(_sound, file), strict=False, delimiter=separator)
        columns = lines.fieldnames or []
        absent = [column for column in table.values() if column not in columns]
        if absent:
            known = ", ".join(map(str, columns))
            raise BadMap(
                f"The file has no column “{absent[0]}”. It has: {known[:500]}{'…' if len(known) > 500 else ''}."
            )
        while True:
            try:
                row = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                yield lines.line_num, Broken(lines.line_num, str(error))
                continue
            swallowed = _swallowed(row, list(columns), separator, table["time"])
            yield lines.line_num, Broken(lines.line_num, swallowed) if swallowed else row


def _swallowed(row: Mapping[Any, Any], columns: list[str], separator: str, time: str) -> str:
    """Why this is no one row: a quotation mark that is never closed takes the rows after it into its field."""
    at = columns.index(time)
    for value in row.values():
        lines = value.split("\n")[1:] if isinstance(value, str) else []
        rows = sum(_is_a_row(line.split(separator), len(columns), at) for line in lines)
        if rows:
            return f"a field holds {rows} more rows: is a quotation mark before it never closed?"
    if any(row.get(None) or []):
        return f"it has more than {len(columns)} fields: is a quotation mark missing?"
    return ""


def _is_a_row(fields: list[str], columns: int, at: int) -> bool:
    """Whether a line within a field is a row itself: as many fields, and a time where a row has it."""
    if columns < 2 or len(fields) < columns:
        return False
    for field in {fields[at], fields[at - columns]}:
        try:
            time_of(field.strip(' "'))
        except ValueError:
            continue
        return True
    return False


def encoding_of(path: Path) -> str:
    """By its mark, else UTF-8 if nearly all of it can be, else Windows' Latin, which spreadsheets write."""
    letters = broken = 0
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        for piece in codecs.iterdecode(iter(partial(file.read, 1024 * 1024), b""), "utf-8", errors="replace"):
            letters += len(piece) - len(piece.encode("ascii", "ignore"))
            broken += piece.count("\ufffd")
    return "cp1252" if broken * 4 > letters else "utf-8-sig"


def _separator(path: Path, encoding: str) -> str:
    """A comma, or what spreadsheets of other countries write: whichever the first line has most of."""
    with path.open(encoding=encoding, errors="replace") as file:
        head = file.readline(64 * 1024)
    return max(",;\t", key=head.count)


def _line_end(path: Path) -> str:
    """What ends a line: a lone carriage return in a text does not, unless the file has no other ends."""
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    return "\n" if b"\n" in head else "\r"


def _sound(line: str) -> str:
    end = "\n" if line.endswith(("\n", "\r")) else ""
    return line.rstrip("\r\n").replace("\r", " ").replace("\x00", "\ufffd") + end


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                yield number, Broken(number, "this line is no JSON")
                continue
            yield number, value if isinstance(value, dict) else Broken(number, "this line is no JSON object")


def _mapped(lines: Iterator[tuple[int, Any]], table: Mapping[str, str]) -> Iterator[Row | Broken]:
    for number, value in lines:
        if isinstance(value, Broken):
            yield value
            continue
        try:
            yield _row(number, {field: value.get(column) for field, column in table.items()})
        except ValueError as error:
            yield Broken(number, str(error))


def _row(line: int, found: Mapping[str, Any]) -> Row:
    values = {field: _plain(found.get(field)) for field in KNOWN}
    for field in ("id", "author", "text"):
        if not values[field]:
            raise ValueError(f"{field} is empty")
    return Row(
        line=line,
        id=values["id"],
        author=values["author"],
        text=values["text"],
        at=time_of(values["time"]),
        inbound=_yes_or_no(values["inbound"]),
        parent=values["parent"],
        thread=values["thread"],
        name=values["name"],
        handle=values["handle"],
        url=values["url"],
        subject=values["subject"],
    )


def _plain(value: Any) -> str:
    """Text, or a number as text; spreadsheets make 3.0 of an id 3."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"\d+\.0", text) else text


def _yes_or_no(text: str) -> bool:
    if text.lower() in NO:
        return False
    if text.lower() in YES:
        return True
    raise ValueError(f"inbound is “{text[:20]}”; use true or false")


def time_of(text: str) -> dt.datetime:
    """ISO-8601, a mail's date, Twitter's old form, or seconds (or milliseconds) since 1970; UTC where none is named."""
    for read_as in FORMS:
        try:
            found = read_as(text)
            return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    raise ValueError(f"time is “{text[:40]}”, which is no time we know")


def _since_1970(text: str) -> dt.datetime:
    number = float(text)
    if not 1e8 < number < 1e14:  # a year, or the days of a spreadsheet
        raise ValueError
    return dt.datetime.fromtimestamp(number / 1000 if number > 1e11 else number, dt.UTC)


FORMS: tuple[Callable[[str], dt.datetime], ...] = (
    dt.datetime.fromisoformat,
    lambda text: dt.datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y"),
    _since_1970,
    parsedate_to_datetime,
    lambda text: dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z"),
)

# --- Zendesk ---------------------------------------------------------------------------------------------------


def _zendesk(path: Path) -> Iterator[Row | Broken]:
    """A ticket a line, with its comments; internal comments stay out: they were never said to anybody."""
    _lines_of_tickets(path)
    for number, value in _json_lines(path):
        if isinstance(value, Broken):
            yield value
            continue
        try:
            yield from _ticket(number, value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Broken(number, f"no Zendesk ticket: {type(error).__name__} {error}"[:200])


def _lines_of_tickets(path: Path) -> None:
    """BadMap where the file is one list, or one object that holds a list: it would be read as a single broken line."""
    with path.open("rb") as file:
        head = file.read(4096).lstrip(b"\xef\xbb\xbf \r\n\t")
    wrapped = re.match(rb'\{\s*"tickets"\s*:\s*\[', head)
    if head.startswith(b"[") or wrapped:
        how = "jq -c '.tickets[]'" if wrapped else "jq -c '.[]'"
        raise BadMap(f"This file is one list. What is read is one ticket a line: {how} {path.name} > tickets.jsonl")


def _ticket(line: int, ticket: Mapping[str, Any]) -> Iterator[Row]:
    number, requester = str(ticket["id"]), ticket.get("requester") or {}
    customer = str(ticket.get("requester_id") or requester.get("id") or "")
    if not customer:
        raise ValueError("requester is missing")
    people = {str(one["id"]): one for one in ticket.get("users") or [] if isinstance(one, dict) and "id" in one}
    people.setdefault(customer, requester)
    comments = ticket.get("comments")
    if not isinstance(comments, list) or not comments:
        comments = [
            {
                "id": "first",
                "author_id": customer,
                "body": ticket.get("description"),
                "created_at": ticket["created_at"],
            }
        ]
    for comment in comments:
        text = _plain(comment.get("plain_body") or comment.get("body"))
        text = text or text_of_html(_plain(comment.get("html_body")))
        if comment.get("public") is False or not text:
            continue
        author = str(comment.get("author_id") or customer)
        person = people.get(author, {})
        yield Row(
            line=line,
            id=f"{number}/{comment['id']}",
            author=author,
            text=text,
            at=time_of(_plain(comment["created_at"])),
            inbound=author == customer or person.get("role") == "end-user",
            thread=number,
            name=_plain(person.get("name")),
            handle=_plain(person.get("email")),
            subject=_plain(ticket.get("subject")),
        )
