"""Files of a folder → pages: Markdown with a head, or HTML. What cannot be read is named and left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused
from knowledge import markdown
from knowledge.exchange import head, webpage
from knowledge.exchange.folder import Folder
from knowledge.exchange.page import Page, Tongues, Unfit, details, own_slug
from knowledge.publishing import Words, slug_of

MARKDOWN, HTML = (".md", ".markdown"), (".html", ".htm")
MOST_BYTES = 2 * 1024 * 1024  # of one file: an article has at most 100,000 characters
INDEX = {"index", "_index", "readme"}  # such a file stands for its folder


@dataclass(frozen=True)
class Spot:
    """What a file's path says: its language (a code, "" for none), folders without it, and its name."""

    language: str
    folders: tuple[str, ...]
    name: str


def pages(folder: Folder, tongues: Tongues) -> Iterator[Page | Unfit]:
    """Every article of the folder, in the order of paths."""
    for path in folder.files((*MARKDOWN, *HTML)):
        try:
            yield _page(folder, path, tongues)
        except Refused as refusal:
            yield Unfit(path, refusal.text)


def _page(folder: Folder, path: str, tongues: Tongues) -> Page:
    text = text_of(folder.content(path, MOST_BYTES))
    values, title, body = _from_html(text) if path.lower().endswith(HTML) else _from_markdown(text)
    spot = spot_of(path, tongues)
    slug, around = own_slug(values), details(values)
    code = head.said(values, "language") or spot.language
    title = title or _worded(spot.name)
    group = f"article {around['key']}" if around["key"] else "/".join([*spot.folders, spot.name])
    shelves = spot.folders[:-1] if spot.name.lower() in INDEX and len(spot.folders) > 1 else spot.folders
    return Page(
        place=path, path=path, folder=PurePosixPath(path).parent.as_posix(), group=group,
        language=tongues.meant(code), has_own_language=bool(code),
        words=Words(title, body, head.said(values, "summary")), slug=slug or _slug(spot, title), has_own_slug=bool(slug),
        shelf=_worded(shelves[-1]) if shelves else "", **around,
    )  # fmt: skip


def text_of(raw: bytes) -> str:
    """Its text, with one kind of line end. Refused for what is none."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("file", "encoding", _("This is not UTF-8. Save it as UTF-8 and run this again.")) from error
    if "\x00" in text:
        raise Refused("file", "no_text", _("This holds NUL bytes and is no text. Save it as text in UTF-8."))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_markdown(text: str) -> tuple[dict[str, Any], str, str]:
    values, body = head.parted(text)
    if title := head.said(values, "title"):
        return values, title, body
    return values, *markdown.titled(body)


def _from_html(text: str) -> tuple[dict[str, Any], str, str]:
    return {}, *webpage.read(text)


def spot_of(path: str, tongues: Tongues) -> Spot:
    """`de/refunds.md`, `refunds.de.md` and `refunds.md` are one article: the language is in the name, or in a folder.

    A folder at the top that is called like a language nobody speaks here is one all the same: its pages are not English.
    """
    parts = PurePosixPath(path)
    folders, name = list(parts.parts[:-1]), parts.stem
    before, dot, last = name.rpartition(".")
    is_in_name = bool(dot and before and tongues.names_one(last))
    at = next((number for number, one in enumerate(folders) if tongues.names_one(one) and tongues.known_as(one)), -1)
    if at < 0 and folders and tongues.names_one(folders[0]):
        at = 0
    in_folder = folders.pop(at) if at >= 0 else ""
    return Spot(last if is_in_name else in_folder, tuple(folders), before if is_in_name else name)


def _slug(spot: Spot, title: str) -> str:
    """By the file's name, which stays when the title changes; a folder's index by the folder's."""
    name = spot.name
    if name.lower() in INDEX:
        name = spot.folders[-1] if spot.folders else title
    return slug_of(name.replace("_", "-")) or slug_of(title) or "article"


def _worded(name: str) -> str:
    """A name of a file or folder as words: getting-started is Getting started."""
    words = " ".join(name.replace("-", " ").replace("_", " ").split())
    return words[:1].upper() + words[1:]
