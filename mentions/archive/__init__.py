"""Bringing an archive in: whole conversations, both sides told apart, settled from the start. Safe twice, resumable.

What an archive holds asks for no answer: its tickets are closed, no deadline runs, nobody is told. Where an import was
broken off it goes on; what is in already is known by its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from helpdesk import events
from helpdesk.models import Brand, BrandCounter, Channel
from mentions import accounts, ingest, polling
from mentions.archive.rows import Broken, Row, read
from mentions.archive.spool import Spool
from mentions.models import Account, ArchiveRun, Mention, Source
from mentions.platforms.base import Author, Page, Post
from mentions.platforms.syndication import fitting

SET = 500
MOST_TOLD = 100  # broken rows that are named; the rest are counted
PLATFORM = "archive"


@dataclass(frozen=True)
class Wanted:
    """What to bring in, and how it is shown."""

    path: Path
    brand: Brand
    table: Mapping[str, str]
    kind: str  # csv, jsonl, zendesk
    channel: str = "Archive"
    shown_as: str = ""


@dataclass
class Outcome:
    rows: int = 0
    messages: int = 0
    tickets: int = 0
    known: int = 0
    repeated: int = 0  # rows with the id of an earlier one of the file: left out
    without_customer: int = 0
    broken: int = 0
    problems: list[str] = field(default_factory=list)


class Busy(Exception):
    """Another import into this channel is running."""


def bring_in(wanted: Wanted, tell: Callable[[str, int, int], None] = lambda stage, done, total: None) -> Outcome:
    """Import the file; `tell` hears how far it is. BadMap and ValueError say what is wrong with the file or the map."""
    outcome = Outcome()
    source = _source(wanted)
    run = _run(wanted, source)
    spool = Spool(Path(settings.DATA_DIR) / "imports" / f"{run.fingerprint}.sqlite")
    try:
        outcome.rows = total = spool.fill(_sound(read(wanted.path, wanted.table, wanted.kind), outcome, tell))
        outcome.repeated = spool.repeated
        for position, some in spool.conversations(run.position, SET):
            _take_in(source, run, position, some, outcome)
            tell("conversations", position, total)
    finally:
        spool.close(delete=True)
    run.finished_at = timezone.now()
    run.counts = {"messages": outcome.messages, "tickets": outcome.tickets, "broken": outcome.broken}
    with transaction.atomic():
        run.save(update_fields=["finished_at", "counts"])
        events.record([events.happened("archive.imported", wanted.brand, source=source.pk, **run.counts)])
    return outcome


def _sound(found: Iterable[Row | Broken], outcome: Outcome, tell: Callable[[str, int, int], None]) -> Iterator[Row]:
    """The rows that can be used; the others are counted, and the first of them named."""
    for number, row in enumerate(found, 1):
        if number % 5000 == 0:
            tell("reading", number, 0)
        if isinstance(row, Row):
            yield row
            continue
        outcome.broken += 1
        if len(outcome.problems) < MOST_TOLD:
            outcome.problems.append(f"line {row.line}: {row.why}")


def _source(wanted: Wanted) -> Source:
    """The archive's channel, account and source, made the first time."""
    with transaction.atomic():
        Brand.objects.select_for_update(no_key=True).get(pk=wanted.brand.pk)
        channel, _made = Channel.objects.get_or_create(
            brand=wanted.brand, platform=PLATFORM, name=wanted.channel, defaults={"shown_as": wanted.shown_as}
        )
        account, _made = Account.objects.get_or_create(
            channel=channel,
            defaults={"brand": wanted.brand, "platform": PLATFORM, "namespace": f"archive:{channel.pk}"},
        )
        now = timezone.now()
        source, _made = Source.objects.get_or_create(
            account=account,
            kind=PLATFORM,
            query="",
            defaults={"brand": wanted.brand, "name": wanted.channel, "next_poll_at": now, "is_active": False},
        )
    return Source.objects.select_related("account__channel", "account__brand").get(pk=source.pk)


def _run(wanted: Wanted, source: Source) -> ArchiveRun:
    """This file's run into this channel: one broken off goes on from where it was."""
    digest = hashlib.sha256(repr((source.pk, sorted(wanted.table.items()), wanted.kind)).encode())
    with wanted.path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    run, _made = ArchiveRun.objects.get_or_create(
        source=source, fingerprint=digest.hexdigest(), defaults={"brand": wanted.brand, "started_at": timezone.now()}
    )
    if run.finished_at is not None:  # the whole again: what is in is known
        run.position, run.finished_at = 0, None
        run.save(update_fields=["position", "finished_at"])
    return run


def _take_in(source: Source, run: ArchiveRun, position: int, some: list[tuple[Row, str]], outcome: Outcome) -> None:
    """One set, with the position it moves to, in one transaction."""
    lease = polling.claim(source.pk, forced=True)
    if lease is None:
        raise Busy
    connector = accounts.open_connector(lease.source.account)
    posts = _posts(source, some)
    try:
        with transaction.atomic():
            before = _next_number(source)
            ingest.store(lease, Page(tuple(posts)), connector)
            outcome.tickets += _next_number(source) - before
            ArchiveRun.objects.filter(pk=run.pk).update(position=position)
    finally:
        polling.release(lease)
    new, kept = lease.counts["new"], lease.counts["quarantined"]
    alone = _without_customer(source, posts)
    outcome.messages += max(new - alone, 0)
    outcome.without_customer += alone
    outcome.known += len(posts) - new - kept
    if kept:
        outcome.broken += kept
        outcome.problems.append(f"{kept} rows wait in quarantine, with the reason")


def _next_number(source: Source) -> int:
    return int(BrandCounter.objects.values_list("next_ticket", flat=True).get(brand=source.brand_id))


def _without_customer(source: Source, posts: list[Post]) -> int:
    """Of ours, how many stand in no ticket: nobody they could have been said to is in the file."""
    ours = [post.external_id for post in posts if post.ours]
    rows = Mention.objects.filter(account=source.account_id, external_id__in=ours, message=None, deleted_at=None)
    return rows.count()


def _posts(source: Source, some: list[tuple[Row, str]]) -> list[Post]:
    first = {root: row for row, root in reversed(some) if row.id == root}
    begun: dict[str, Row] = {}
    for row, root in some:
        begun.setdefault(root, row)
    return [_post(row, root, first.get(root, begun[root])) for row, root in some]


def _post(row: Row, root: str, opener: Row) -> Post:
    return Post(
        kind="post",
        external_id=fitting(row.id),
        author=Author(fitting(row.author), handle=row.handle or row.author, name=row.name, url=row.url),
        text=row.text,
        said_at=row.at,
        thread_key=fitting(root),
        parent_id=fitting(row.parent) if row.parent else "",
        root_author_id=fitting(opener.author) if opener.inbound else "",
        url=row.url,
        subject=row.subject,
        ours=not row.inbound,
        settled=True,
        raw={"line": row.line},
    )
