"""What customers asked, by the million: a sample that the real night groups, repeated inside the database.

As a step: a hundred thousand questions and the topics they were in before, for a night to group anew. The questions are the
public ones under ../shared/data where those are there (they are never ours to keep), else invented.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from helpdesk.models import Brand
from helpdesk.workflow.brands import open_brand
from knowledge.mining import nightly, places
from knowledge.models import HelpCentre, Inquiry, Topic
from tests.bench.fill import defaults, settle, unhindered
from tests.bench.place import ROOT
from tests.bench.wording import Library

SAMPLE, INTENTS, SPAN = 24_000, 35, dt.timedelta(days=700)
PUBLIC, PUBLIC_FILES = ROOT.parent / "shared" / "data", ("banking77.jsonl", "clinc150.jsonl")
NIGHT_INTENTS, BEFORE = 150, 0.8  # of a night's questions that were in a topic


def fill(brand: Brand, language: str, library: Library, size: int, tickets: int) -> None:
    """`size` inquiries over seven hundred days; the latest are those of tickets. PostgreSQL only."""
    sample = min(SAMPLE, size // 4)
    now = timezone.now()
    Inquiry.objects.bulk_create(
        (inquiry(brand, language, text, now - dt.timedelta(minutes=number)) for number, text in invented(library, sample)),
        batch_size=2000,
    )  # fmt: skip
    nightly.run(brand, language)
    with unhindered((Inquiry,)), connection.cursor() as cursor:
        cursor.execute(_repeated(sample, size - sample, tickets, SPAN.total_seconds() / size))
    connection.close()
    settle((Inquiry,))
    places.count(list(Topic.objects.values_list("pk", flat=True)))


def invented(library: Library, sample: int) -> Iterator[tuple[int, str]]:
    """The night tells apart what is meant and how it is put: some three hundred topics."""
    return enumerate(text for _intent, text in library.asked(sample, INTENTS))


def inquiry(brand: Brand, language: str, text: str, said_at: dt.datetime, **more: Any) -> Inquiry:
    return Inquiry(
        brand=brand, language=language, text=text, origin=Inquiry.Origin.SEARCH, platform="web", said_at=said_at, **more
    )


def _repeated(sample: int, more: int, tickets: int, apart: float) -> str:
    """So many more rows, each like one of the sample, so many seconds apart; the last of them belong to the big brand's tickets."""
    columns = {
        **defaults(Inquiry, "now()"), "brand_id": "brand_id", "language": "language", "text": "text || ' ' || n", "topic_id": "CASE WHEN n % 5 <> 0 THEN topic_id END",
        "origin": f"CASE WHEN n > {more - tickets} THEN 'ticket' ELSE 'search' END", "platform": "CASE n % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'mastodon' ELSE 'web' END",
        "sentiment": "CASE n % 4 WHEN 0 THEN 'negative' ELSE 'neutral' END",
        "said_at": f"now() - ({more} - n) * interval '{apart:.3f} seconds'",
        "ticket_id": f"CASE WHEN n > {more - tickets} AND (n - {more - tickets}) % 5 <> 0 THEN n - {more - tickets} END",
    }  # fmt: skip
    return (
        "WITH like_these AS (SELECT row_number() OVER (ORDER BY id) - 1 AS place, * FROM knowledge_inquiry)"
        f" INSERT INTO knowledge_inquiry ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        f" FROM generate_series(1, {more}::bigint) n JOIN like_these ON place = n * 7919 % {sample} ORDER BY n"
    )


# --- for one night -----------------------------------------------------------------------------------------------


def run(inquiries: int) -> dict[str, Any]:
    """Questions of one brand, most of them in a topic by what is meant; and where they come from."""
    call_command("migrate", verbosity=0)
    brand, library = open_brand("lantern-lines", "Lantern Lines"), Library(NIGHT_INTENTS * 25)
    HelpCentre.objects.create(brand=brand, languages=["en"])
    source, questions = _questions(library, inquiries)
    topics: dict[str, Topic] = {}
    now, rows = timezone.now(), []
    for number, (intent, text) in enumerate(questions):
        if intent not in topics:
            topics[intent] = Topic.objects.create(brand=brand, language="en", title=text[:200])
        topic = topics[intent] if library.dice.random() < BEFORE else None
        rows.append(inquiry(brand, "en", text[:500], now - dt.timedelta(minutes=number), topic=topic))
    Inquiry.objects.bulk_create(rows, batch_size=2000)
    settle((Inquiry,))
    return {"inquiries": len(rows), "intents": len(topics), "questions": source}


def _questions(library: Library, count: int) -> tuple[str, Iterator[tuple[str, str]]]:
    public = [json.loads(line) for name in PUBLIC_FILES if (PUBLIC / name).exists() for line in (PUBLIC / name).open()]
    if not public:
        return "invented", ((str(intent), text) for intent, text in library.asked(count, NIGHT_INTENTS))
    library.dice.shuffle(public)
    return "public, with variations", islice(_varied(library, public), count)


def _varied(library: Library, rows: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    """As they are; then again and again, put otherwise."""
    yield from ((row["label"], row["text"]) for row in rows)
    while True:
        yield from ((row["label"], library.said_otherwise(row["text"])) for row in rows)
