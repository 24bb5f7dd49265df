"""RSS and Atom, asked for politely and read with feedparser: conditional requests, moved and gone feeds, rest."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit, urlunsplit

import feedparser

from helpdesk.net import Response
from mentions.platforms.base import LONGEST_WAIT, Connector, PlatformError, retry_after
from mentions.platforms.html import text_of_html

MOST_HOPS = 5
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
MAX_AGE = re.compile(r"max-age=(\d{1,9})")
ALERTS = re.compile(r"tag:google\.com,\d{4}:googlealerts/feed:")


@dataclass(frozen=True)
class Answer:
    """A feed as it came. `entries` is None where nothing has changed; `position` is where to go on from."""

    entries: list[Any] | None
    title: str
    position: Mapping[str, Any]
    rest: float  # seconds the feed asks to be left alone


def ask_for(connector: Connector, url: str, position: Mapping[str, Any]) -> Answer:
    """The feed at `url`, or where it has moved to. PlatformError("ended") where it is gone for good."""
    moved = position.get("url")
    here = str(moved) if isinstance(moved, str) and moved else url
    headers = {"accept": ACCEPT}
    if position.get("etag"):
        headers["if-none-match"] = str(position["etag"])
    if position.get("modified"):
        headers["if-modified-since"] = str(position["modified"])
    response, here = _followed(connector, here, headers)
    if response.status == 304:
        return Answer(None, "", position, _rest(response, {}))
    _check(response)
    digest = hashlib.sha256(response.body).hexdigest()
    found = feedparser.parse(
        response.body,
        response_headers={"content-type": response.headers.get("content-type", ""), "content-location": here},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not found.entries and not found.feed.get("title") and not found.get("version"):
        raise PlatformError("undecodable", f"no feed but {response.headers.get('content-type', 'something else')[:60]}")
    kept = {"etag": response.headers.get("etag", "")[:500], "modified": response.headers.get("last-modified", "")[:100]}
    stands = {
        **{key: value for key, value in kept.items() if value},
        "seen": digest,
        **({"url": here} if here != url else {}),
    }
    entries = None if position.get("seen") == digest else list(found.entries)
    return Answer(entries, str(found.feed.get("title") or ""), stands, _rest(response, found.feed))


def _followed(connector: Connector, url: str, headers: Mapping[str, str]) -> tuple[Response, str]:
    """The answer at the end of the redirects, and the address to ask next time: where 301 and 308 lead."""
    here, lasting = url, url
    is_lasting = True
    for _hop in range(MOST_HOPS):
        response = connector.ask("GET", here, headers=headers)
        target = response.headers.get("location", "")
        if response.status not in (301, 302, 303, 307, 308) or not target:
            return response, lasting
        here = urljoin(here, target)
        is_lasting = is_lasting and response.status in (301, 308)
        lasting = here if is_lasting else lasting
    raise PlatformError("undecodable", "it is passed on without end")


def _check(response: Response) -> None:
    now = dt.datetime.now(dt.UTC)
    status = response.status
    if status == 200:
        return
    if status == 410:
        raise PlatformError("ended", permanent=True)
    if status == 429:
        raise PlatformError("throttled", f"HTTP {status}", retry_after=retry_after(response.headers, now))
    if status >= 500:
        raise PlatformError("unavailable", f"HTTP {status}", retry_after=retry_after(response.headers, now))
    if status in (401, 403):
        raise PlatformError("forbidden", f"HTTP {status}", permanent=True)
    if status == 404:
        raise PlatformError("unreachable", "There is no feed at this address (HTTP 404)")
    raise PlatformError("undecodable", f"HTTP {status}")


def _rest(response: Response, feed: Mapping[str, Any]) -> float:
    """How long the feed and its server ask to be left alone: a day at most."""
    seconds = [0.0]
    age = MAX_AGE.search(response.headers.get("cache-control", ""))
    if age:
        seconds.append(float(age[1]))
    ttl = str(feed.get("ttl") or "")
    if ttl.isascii() and ttl.isdigit():
        seconds.append(float(ttl[:6]) * 60)
    period, often = (
        PERIODS.get(str(feed.get("sy_updateperiod") or "").strip().lower()),
        str(feed.get("sy_updatefrequency") or "1"),
    )
    if period:
        seconds.append(period / max(int(often[:6]) if often.isascii() and often.isdigit() else 1, 1))
    return min(max(seconds), LONGEST_WAIT)


# --- entries ---------------------------------------------------------------------------------------------------


def name_of(entry: Mapping[str, Any]) -> str:
    """What identifies an entry in its feed: its id, else its link, else its title and date."""
    own = entry.get("id")
    if isinstance(own, str) and own.strip():
        return fitting(own.strip())
    link = link_of(entry)
    if link:
        return fitting(_plain(link))
    title, when = str(entry.get("title") or ""), str(entry.get("published") or entry.get("updated") or "")
    basis = f"{title}\n{when}" if title else f"{words_of(entry)}\n{when}"
    if not basis.strip():
        raise ValueError("the entry has neither id, link, title nor text")
    return f"hash:{hashlib.sha256(basis.encode('utf-8', 'replace')).hexdigest()}"


def version_of(entry: Mapping[str, Any]) -> str:
    """Changes when the entry does: when it says it was updated, else by its words."""
    updated = str(entry.get("updated") or "")[:128]
    words = f"{entry.get('title', '')}\n{words_of(entry)}"
    return updated or hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]


def is_alert(entry: Mapping[str, Any]) -> bool:
    return bool(ALERTS.match(str(entry.get("id", ""))))


def link_of(entry: Mapping[str, Any]) -> str:
    """Where it stands; of an alert the page itself, not the way there through the alert service."""
    link = str(entry.get("link") or "").strip()
    parts = urlsplit(link) if len(link) < 4000 and link.startswith(("http://", "https://")) else None
    if parts and parts.hostname and parts.hostname.startswith("www.google.") and parts.path == "/url":
        query = parse_qs(parts.query)
        return next(iter(query.get("url", query.get("q", []))), link)
    return link


def _plain(link: str) -> str:
    parts = urlsplit(link)
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query, ""))


def said_at(entry: Mapping[str, Any], otherwise: dt.datetime) -> dt.datetime:
    for field in ("published_parsed", "updated_parsed", "created_parsed"):
        try:
            return dt.datetime.fromtimestamp(calendar.timegm(entry[field]), dt.UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return otherwise


def words_of(entry: Mapping[str, Any]) -> str:
    """The entry's content, else its summary."""
    content = entry.get("content")
    values: Iterable[Any] = content if isinstance(content, list) else []
    html = next((part["value"] for part in values if isinstance(part, dict) and isinstance(part.get("value"), str)), "")
    return text_of_html(html or str(entry.get("summary") or ""))


def fitting(name: str, limit: int = 512) -> str:
    """`name`, or its hash where it is longer than its column."""
    return name if len(name) <= limit else f"hash:{hashlib.sha256(name.encode()).hexdigest()}"
