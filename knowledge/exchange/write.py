"""A brand's articles → a folder of Markdown files, as `read` takes them: words, languages, categories and pictures."""

from __future__ import annotations

import csv
import hashlib
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from helpdesk.models import Brand
from helpdesk.workflow.verbs import Refused
from knowledge import pictures
from knowledge.exchange import head, rewrite
from knowledge.models import Edition, HelpCentre, OldAddress, Picture

LONGEST_NAME = 200  # bytes
CHUNK = 200  # rows that are in memory at once
PICTURE = re.compile(r"/help/picture/(?P<key>[A-Za-z0-9_-]{16,32})\Z")
OVERVIEW = (
    "file", "article", "language", "title", "summary", "category", "slug", "visible", "state", "review_by", "published_at",
    "changed_at",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a cell begins that a spreadsheet would obey


@dataclass
class Outcome:
    """Articles (each language counted) and pictures written; `missing`: pictures whose file is gone."""

    articles: int = 0
    pictures: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)


def write_out(brand: Brand, folder: Path, *, is_forced: bool = False) -> Outcome:
    """Everything of the brand. Refused where the folder holds something, unless `is_forced`: then files are written over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_forced and any(folder.iterdir()):
            raise Refused("folder", "taken", _("This folder is not empty. Choose another, or write over it (--force)."))
        export = _Export(brand, folder)
        with (folder / "articles.csv").open("w", encoding="utf-8-sig", newline="") as table:
            export.write(table)
    except OSError as error:
        raise Refused("folder", "unwritable", _("This cannot be written: %(why)s.") % {"why": error}) from error
    return export.outcome


class _Export:
    """What is asked once, so that an article costs no query."""

    def __init__(self, brand: Brand, folder: Path) -> None:
        self.brand, self.folder, self.outcome = brand, folder, Outcome()
        self.centre = HelpCentre.of(brand)
        self.pictures = {row.key: row for row in Picture.objects.for_brand(brand)}
        self.old = _old_addresses(brand)
        self.files = dict(self._addresses())
        self.written: set[str] = set()

    def _addresses(self) -> Iterator[tuple[tuple[str, str], str]]:
        """(language, slug) -> file, for each address and each that there once was."""
        for key, language, slug, shelf in (
            Edition.objects.for_brand(self.brand)
            .values_list("pk", "language", "slug", "article__category__slug")
            .iterator(CHUNK)
        ):
            file = _file(language, shelf, slug)
            for old in self.old.get(key, []):
                yield (language, old), file
            yield (language, slug), file

    def write(self, table: TextIO) -> None:
        rows = Edition.objects.for_brand(self.brand).select_related("article__category", "latest").order_by("pk")
        overview = csv.writer(table)
        overview.writerow(OVERVIEW)
        for row in rows.iterator(CHUNK):
            values = self._values(row)
            file = self.files[row.language, row.slug]
            _put(self.folder / file, f"{head.written(values)}\n{self._body(row, file)}\n")
            overview.writerow(_cells({**values, "file": file, "changed_at": _time(row.changed_at)}))
            self.outcome.articles += 1

    def _values(self, row: Edition) -> dict[str, Any]:
        article, latest = row.article, row.latest
        assert latest is not None
        return {
            "title": latest.title, "summary": latest.summary, "language": row.language, "slug": row.slug,
            "category": article.category.named(row.language) if article.category else "",
            "article": article.public_id, "visible": article.visible, "state": row.state,
            "review_by": article.review_by.isoformat() if article.review_by else "",
            "old_addresses": self.old.get(row.pk, []), "published_at": _time(row.published_at),
        }  # fmt: skip

    def _body(self, row: Edition, file: str) -> str:
        """The words, with links to files where they lead to our articles and pictures."""
        base = posixpath.dirname(file)
        assert row.latest is not None

        def lead(address: str, is_picture: bool) -> str | None:
            found = self._target(address)
            return None if found is None else quote(posixpath.relpath(found[0], base)) + found[1]

        return rewrite.rewritten(row.latest.body, lead)

    def _target(self, address: str) -> tuple[str, str] | None:
        """(file, anchor) of an address of ours; None for any other."""
        if hit := PICTURE.match(address):
            file = self._picture(hit["key"])
            return (file, "") if file else None
        path, mark, part = self._local(address).partition("#")
        pieces = unquote(path.partition("?")[0]).strip("/").split("/")
        if len(pieces) != 3 or pieces[1] != "articles":
            return None
        found = self.files.get((pieces[0], pieces[2]))
        return (found, mark + part) if found else None

    def _local(self, address: str) -> str:
        """The address below this help centre; "" for one that is elsewhere."""
        try:
            host = urlsplit(address).hostname or ""
        except ValueError:
            return ""
        below = f"/help/{self.brand.slug}/"
        if host and host == self.centre.domain:
            return address.split(host, 1)[1].partition("/")[2]
        ours = (settings.BASE_URL or "").rstrip("/")
        path = address[len(ours) :] if ours and address.startswith(f"{ours}/") else address
        return path[len(below) :] if path.startswith(below) else ""

    def _picture(self, key: str) -> str:
        """Its file, written the first time; "" where it is not ours, or gone."""
        row = self.pictures.get(key)
        if row is None:
            return ""
        file = f"pictures/{key}.{row.media_type.rpartition('/')[2]}"
        if key in self.written:
            return file
        try:
            with pictures.opened(row) as source:
                target = self.folder / file
                target.parent.mkdir(exist_ok=True)
                with target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        except FileNotFoundError:
            self.outcome.missing += 1
            self.outcome.problems.append(_("The picture %(key)s is gone; its place stays empty.") % {"key": key})
            del self.pictures[key]
            return ""
        self.written.add(key)
        self.outcome.pictures += 1
        return file


def _old_addresses(brand: Brand) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for edition, slug in OldAddress.objects.for_brand(brand).order_by("pk").values_list("edition", "slug"):
        found.setdefault(edition, []).append(slug)
    return found


def _file(language: str, shelf: str | None, slug: str) -> str:
    whole = slug.encode()  # a file's name has at most 255 bytes; its head tells the address
    name = slug if len(whole) <= LONGEST_NAME else f"{slug[:40]}-{hashlib.sha256(whole).hexdigest()[:8]}"
    return "/".join(part for part in (language, shelf, f"{name}.md") if part)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _time(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _cells(values: dict[str, Any]) -> Iterable[str]:
    """What a spreadsheet shows and does not obey."""
    for name in OVERVIEW:
        text = str(values.get(name, ""))
        yield f"'{text}" if text.startswith(FORMULA) else text
