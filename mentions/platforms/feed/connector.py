"""RSS and Atom: comments of blogs, alerts, forums. Read-only: each entry leads to its page."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mentions.platforms import syndication
from mentions.platforms.base import (
    Author,
    Connector,
    Identity,
    Page,
    Platform,
    Post,
    Setting,
    Stream,
    read_each,
)
from mentions.platforms.html import text_of_html

ALERTS = "googlealerts"


class Feed(Connector):
    platform = Platform(
        key="feed",
        name="Feed",
        settings=(
            Setting(
                "url",
                "Address",
                "Of an RSS or Atom feed: a blog's comments, an alert, a forum.",
                is_url=True,
                is_page=True,
            ),
        ),
        streams=(Stream("entries", "New entries", rhythm_seconds=900, keeps_days=0),),
        reads_per_hour=120,
        help="A feed can only be read. Open the page to answer there.",
        permissions=(("none", "a feed is public; a private one carries its key in the address"),),
        guide="Copy the feed's address: on most blogs the page's address with /comments/feed/, in an alert service "
        "“deliver to: RSS feed”.",
    )

    @property
    def url(self) -> str:
        return str(self.settings["url"])

    def connect(self) -> Identity:
        answer = syndication.ask_for(self, self.url, {})
        entries = answer.entries or []
        # alerts find the same page in several feeds: one name for all of them
        is_alert = any(syndication.is_alert(entry) for entry in entries) or "/alerts/feeds/" in self.url
        own = syndication.fitting(self.url, 255)
        return Identity(ALERTS if is_alert else own, own, answer.title[:200] or str(urlsplit(self.url).hostname))

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        answer = syndication.ask_for(self, self.url, cursor)
        self.rest = answer.rest
        posts, malformed = read_each(_told_apart(answer.entries or []), self._post)
        yield Page(tuple(posts), tuple(malformed), cursor=answer.position)

    def reread(self, stream: str, raw: Any) -> Page:
        posts, malformed = read_each([raw], self._post)
        return Page(tuple(posts), tuple(malformed))

    def _post(self, entry: Any) -> Post:
        link, name = syndication.link_of(entry), syndication.name_of(entry)
        is_alert = self.identity is not None and self.identity.namespace == ALERTS
        if is_alert and link:
            name = syndication.fitting(link)
        title, words = (
            " ".join(text_of_html(str(entry.get("title") or "")).split()),
            syndication.words_of(entry),
        )
        parent = entry.get("thr_in-reply-to")
        parent_id = str(parent.get("ref") or "") if isinstance(parent, dict) else ""
        return Post(
            kind="post",
            external_id=name,
            version=syndication.version_of(entry),
            author=self._author(entry, link),
            text=words if title and words.startswith(title) else "\n\n".join(part for part in (title, words) if part),
            said_at=syndication.said_at(entry, dt.datetime.now(dt.UTC)),
            thread_key=syndication.fitting(parent_id or name),
            parent_id=syndication.fitting(parent_id) if parent_id else "",
            url=link,
            subject=title,
            raw=_kept(entry),
        )

    def _author(self, entry: Mapping[str, Any], link: str) -> Author:
        """By name, within the feed; of an alert the site that wrote it."""
        detail = entry.get("author_detail")
        name = str((detail.get("name") if isinstance(detail, dict) else "") or entry.get("author") or "").strip()
        page = str(detail.get("href") or "") if isinstance(detail, dict) else ""
        if name:
            return Author(syndication.fitting(f"name:{name.lower()}"), name=name, url=page)
        host = urlsplit(link).hostname or "somebody"
        if self.identity is not None and self.identity.namespace == ALERTS:
            return Author(f"site:{host}"[:255], handle=host[:255], name=host[:200])
        # nobody knows whether two entries without a name are of one person
        return Author(syndication.fitting(f"entry:{syndication.name_of(entry)}"), name=host[:200])


def _bare_link(entry: Any) -> str:
    """The link of an entry that has no id of its own; "" where it has one, or no link that can be read."""
    try:
        return "" if entry.get("id") else syndication.link_of(entry)
    except (AttributeError, ValueError):
        return ""


def _told_apart(entries: list[Any]) -> list[Any]:
    """Entries without an id that all lead to one page are known by their words as well."""
    links = Counter(map(_bare_link, entries))
    for entry in entries:
        link = _bare_link(entry)
        if link and links[link] > 1:
            words = f"{entry.get('title', '')}\n{syndication.words_of(entry)}"
            entry["id"] = f"{link}#{hashlib.sha256(words.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return entries


KEPT = (
    "id", "title", "link", "author", "author_detail", "summary", "content", "published", "updated", "published_parsed",
    "updated_parsed", "thr_in-reply-to",
)  # fmt: skip


def _kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in KEPT if name in entry}
