"""Step: a help centre of a size, with what was asked and the topics a night found in it, and the keys with which it is asked."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.core.management import call_command
from django.db.models import Count
from django.utils import timezone
from django.utils.text import slugify

from helpdesk.desk.inbox_views import TO_ANSWER
from helpdesk.models import Message, Ticket, update_each
from helpdesk.processes import commands
from knowledge import search
from knowledge.models import Article, Category, Edition, HelpCentre, Inquiry, Revision, SearchEntry, Topic
from knowledge.states import EditionState
from tests.bench import asked
from tests.bench.fill import fill, settle
from tests.bench.people import House, open_house, session_of, token_of
from tests.bench.wording import SHELVES, Library

LANGUAGE, BATCH, WRITTEN = "en", 1000, dt.timedelta(days=700)
READ, EACH, TALKS = 400, 60, 70  # articles that are read, searches of each kind, tickets that are looked at


def run(articles: int, inquiries: int, tickets: int, port: int) -> dict[str, Any]:
    """`inquiries` and `tickets`: 0 for none of them."""
    call_command("migrate", verbosity=0)
    house, library = open_house(), Library(articles)
    begun = time.perf_counter()
    if tickets:
        fill(house, tickets)
    HelpCentre.objects.create(brand=house.big, languages=[LANGUAGE])
    _write(house, library)
    search.rebuild()
    if inquiries:
        asked.fill(house.big, LANGUAGE, library, inquiries, tickets)
    settle((Edition, Revision, Inquiry))
    told = _told(house, library) if tickets else []
    editions = list(Edition.objects.order_by("id").values_list("slug", "title"))
    step = max(1, len(editions) // READ)
    topics = list(Topic.objects.order_by("-asked_30", "-id").values_list("pk", flat=True)[:30])
    home, words = f"/help/{house.big.slug}/{LANGUAGE}/", library.searches([title for _slug, title in editions], EACH)
    read = [f"{home}articles/{slug}/" for slug, _title in editions[::step]][:READ]
    return {
        "brand": house.big.pk, "home": home, "articles": read, "searches": words, "topics": topics, "tickets": told,
        "sessions": {"one": session_of(house.one)}, "tokens": {"one": token_of(house.one)},
        "commands": commands("127.0.0.1", port),
        "plans": [read[0], *_searches(home, words), *(["/desk/topics/", f"/desk/topics/{topics[0]}/"] if topics else [])],
        "sizes": {**_sizes(), "fill_seconds": round(time.perf_counter() - begun, 1)},
    }  # fmt: skip


def _searches(home: str, words: list[tuple[str, str]]) -> list[str]:
    """One of a title and one that asks."""
    from urllib.parse import urlencode

    return [f"{home}search/?{urlencode({'q': dict(words)[kind]})}" for kind in ("title", "question")]


def _write(house: House, library: Library) -> None:
    """Articles as `publishing` leaves them, written by the thousand."""
    shelves = Category.objects.bulk_create(
        Category(brand=house.big, slug=f"shelf-{number}", name=library.shelves[number][0].title(), position=number)
        for number in range(SHELVES)
    )
    now, waiting = timezone.now(), []
    for number, one in enumerate(library.articles()):
        at = now - WRITTEN * (1 - number / library.size)
        edition = Edition(
            brand=house.big, language=LANGUAGE, title=one.title, summary=one.summary, published_at=at, changed_at=at,
            slug=f"{slugify(one.title)[:80]}-{number}", article=Article(brand=house.big, category=shelves[one.shelf], owner=house.one),
        )  # fmt: skip
        waiting.append(
            (edition, Revision(brand=house.big, number=1, title=one.title, summary=one.summary, body=one.body))
        )
        if len(waiting) == BATCH or number == library.size - 1:
            _store(waiting)
            waiting = []


def _store(rows: list[tuple[Edition, Revision]]) -> None:
    Article.objects.bulk_create([edition.article for edition, _revision in rows])
    for edition, _revision in rows:
        edition.article_id = edition.article.pk
    Edition.objects.bulk_create([edition for edition, _revision in rows])
    for edition, revision in rows:
        revision.edition = edition
    Revision.objects.bulk_create([revision for _edition, revision in rows])
    for edition, revision in rows:
        edition.latest = edition.live = revision
        edition.state = EditionState.PUBLISHED
    update_each([edition for edition, _revision in rows], ["latest", "live", "state"])


def _told(house: House, library: Library) -> list[int]:
    """Tickets whose customers ask something articles are about."""
    keys = list(Ticket.objects.filter(TO_ANSWER, brand=house.big).order_by("-id").values_list("id", flat=True)[:TALKS])
    rows = list(Message.objects.filter(ticket__in=keys))
    for row in rows:
        row.text = f"{library.question()} {library.question()}"
    Message.objects.bulk_update(rows, ["text"])
    return keys


def _sizes() -> dict[str, Any]:
    words = [len(text.split()) for text in SearchEntry.objects.values_list("text", flat=True)]
    return {
        "articles": Edition.objects.live().count(),
        "words_of_an_article": {"fewest": min(words), "most": max(words), "mean": round(sum(words) / len(words))},
        "inquiries": Inquiry.objects.count(),
        "without_a_topic": Inquiry.objects.filter(topic=None).count(),
        "topics": Topic.objects.count(),
        "largest_topic": Topic.objects.annotate(count=Count("inquiries")).order_by("-count").values_list("count", flat=True).first() or 0,
        "tickets": Ticket.objects.count(),
    }  # fmt: skip
