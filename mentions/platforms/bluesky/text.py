"""Bluesky's text: how long it is, and which bytes of it are links, mentions and tags."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mentions.platforms.text import graphemes

MAX_GRAPHEMES = 300
MAX_BYTES = 3000
MAX_CHAT_GRAPHEMES = 1000
MAX_CHAT_BYTES = 10_000

URL = re.compile(r"(?<![\w@])https?://[^\s<>\"'⟦⟧。、！？）」』]+")
MENTION = re.compile(
    r"(?<![\w@.])@([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)+)"
)
TAG = re.compile(r"(?<![\w#])#(?!\d+\b)(\w{1,64})(?!\w)")


def fits(text: str) -> bool:
    """Whether `text` is short enough for one post, in graphemes and in bytes."""
    return graphemes(text) <= MAX_GRAPHEMES and _bytes(text) <= MAX_BYTES


def facets(text: str, did_of: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """Facets by byte offset in UTF-8 (app.bsky.richtext.facet). A handle that does not resolve stays plain text."""
    found: list[tuple[int, int, dict[str, Any]]] = []
    for hit in URL.finditer(text):
        url = _without_end(hit[0])
        found.append((hit.start(), hit.start() + len(url), {"$type": "app.bsky.richtext.facet#link", "uri": url}))
    for hit in MENTION.finditer(text):
        did = did_of(hit[1].lower())
        if did:
            found.append((hit.start(), hit.end(), {"$type": "app.bsky.richtext.facet#mention", "did": did}))
    for hit in TAG.finditer(text):
        found.append((hit.start(), hit.end(), {"$type": "app.bsky.richtext.facet#tag", "tag": hit[1]}))
    return [
        {"index": {"byteStart": _bytes(text[:start]), "byteEnd": _bytes(text[:end])}, "features": [feature]}
        for start, end, feature in _apart(found)
    ]


def _without_end(url: str) -> str:
    """A URL without the sentence's punctuation after it; a bracket stays where the URL opened it."""
    while url and (url[-1] in ".,;:!?…" or (url[-1] in ")]}" and url.count(url[-1]) > url.count(OPENS[url[-1]]))):
        url = url[:-1]
    return url


OPENS = {")": "(", "]": "[", "}": "{"}


def _apart(found: list[tuple[int, int, dict[str, Any]]]) -> list[tuple[int, int, dict[str, Any]]]:
    """In order, without those that overlap an earlier one (a tag inside a URL)."""
    kept: list[tuple[int, int, dict[str, Any]]] = []
    for span in sorted(found, key=lambda item: (item[0], -item[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _bytes(text: str) -> int:
    return len(text.encode())
