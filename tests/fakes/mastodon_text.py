"""How Mastodon reads and counts a status, and the sanitised HTML it makes of one."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import regex

URL_CHARACTERS = 23

_URL = r"https?://[^\s<>\"]*[^\s<>\".,;:!?()\[\]{}'’”»]"
_NAME = r"[a-z0-9_]+(?:[a-z0-9_.-]+[a-z0-9_]+)?"
_MENTION = rf"(?<![=/\w.@])@(?P<user>{_NAME})(?:@(?P<domain>[\w.-]+\w))?"
_TAG = r"(?<![=/\w&])#(?P<tag>\w*[^\W\d_·]\w*)"
_PARTS = re.compile(rf"(?P<url>{_URL})|{_MENTION}|{_TAG}", re.IGNORECASE)
_SCHEME = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)
_SHOWN = 30


@dataclass(frozen=True)
class Person:
    """Somebody a text mentions."""

    id: str
    username: str
    url: str


Resolve = Callable[[str, str | None], Person | None]


def length(text: str, spoiler: str = "") -> int:
    """The characters a status counts: graphemes, each URL as 23, `@user@domain` as `@user`."""
    return len(regex.findall(r"\X", spoiler + _PARTS.sub(_counted, text)))


def mentioned(text: str, resolve: Resolve) -> list[str]:
    """The ids of the accounts a text names, in the order of the text."""
    people = (_person(part, resolve) for part in _PARTS.finditer(text))
    return list(dict.fromkeys(person.id for person in people if person))


def tags_of(text: str) -> list[str]:
    """The hashtags of a text, in lower case."""
    return list(dict.fromkeys(part["tag"].lower() for part in _PARTS.finditer(text) if part["tag"]))


def rendered(text: str, resolve: Resolve, domain: str) -> str:
    """The text as HTML: paragraphs, line breaks, links, mentions and hashtags."""
    pieces, at = [], 0
    for part in _PARTS.finditer(text):
        pieces += [_escaped(text[at : part.start()]), _linked(part, resolve, domain)]
        at = part.end()
    whole = "".join([*pieces, _escaped(text[at:])]).strip()
    paragraphs = [one.replace("\n", "<br />") for one in re.split(r"\n{2,}", whole)]
    return "".join(f"<p>{one}</p>" for one in paragraphs if one)


def link(url: str) -> str:
    """A link, its scheme and its end hidden from the eye as Mastodon hides them."""
    rest = _SCHEME.sub("", url, count=1)
    scheme = url[: len(url) - len(rest)]
    kind = "ellipsis" if len(rest) > _SHOWN else ""
    return (
        f'<a href="{_escaped(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}</span><span class="{kind}">{_escaped(rest[:_SHOWN])}</span>'
        f'<span class="invisible">{_escaped(rest[_SHOWN:])}</span></a>'
    )


def _counted(part: re.Match[str]) -> str:
    if part["url"]:
        return "x" * URL_CHARACTERS
    return f"@{part['user']}" if part["user"] else part[0]


def _person(part: re.Match[str], resolve: Resolve) -> Person | None:
    return resolve(part["user"], part["domain"]) if part["user"] else None


def _linked(part: re.Match[str], resolve: Resolve, domain: str) -> str:
    if part["url"]:
        return link(part["url"])
    if part["tag"]:
        where = f"https://{domain}/tags/{part['tag'].lower()}"
        return f'<a href="{where}" class="mention hashtag" rel="tag">#<span>{part["tag"]}</span></a>'
    person = _person(part, resolve)
    if person is None:
        return _escaped(part[0])
    return (
        f'<span class="h-card" translate="no"><a href="{person.url}" class="u-url mention">'
        f"@<span>{person.username}</span></a></span>"
    )


def _escaped(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;")
