"""Whether articles help, counted from what happened: readers, votes, linked answers, and the questions that no longer come."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from helpdesk.models import Message
from helpdesk.workflow import replies
from knowledge import counting, feedback, handing, publishing
from knowledge.mining import learn
from knowledge.models import Edition, HelpCentre, Inquiry, Reading, Search, Topic
from knowledge.reports import effect
from tests.attacks.scene import heard
from tests.knowledge.conftest import HOME, Write
from tests.world import World

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 18, 12, tzinfo=dt.UTC)  # a Wednesday
OUT = NOW - dt.timedelta(weeks=6)


def ask(topic: Topic, count: int, at: dt.datetime) -> None:
    Inquiry.objects.bulk_create(
        Inquiry(brand_id=topic.brand_id, language="en", text="How?", origin="ticket", topic=topic, said_at=at)
        for _number in range(count)
    )


@pytest.fixture
def answered(world: World, write: Write) -> Edition:
    """An article six weeks old: ten questions a week before it, three since."""
    with time_machine.travel(OUT, tick=False):
        edition = write("How to get a refund")
    topic = Topic.objects.create(brand=world.brand, language="en", title="Refund", article=edition.article)
    for week in range(1, 7):
        ask(topic, 10, OUT - dt.timedelta(weeks=week))
    for week in range(1, 6):
        ask(topic, 3, OUT + dt.timedelta(weeks=week))
    ask(topic, 50, OUT)  # the week itself tells of neither
    ask(topic, 50, NOW)  # nor does the one that runs
    return edition


def test_fewer_questions_since_it_is_out(answered: Edition) -> None:
    found = effect.of(answered.article, NOW)
    assert (found.before, found.after, found.change, found.fewer) == (10.0, 3.0, -70, 35)
    assert found.minutes_saved == 35 * 6
    assert [week.is_after for week in found.weeks].count(True) == 6
    assert [week.inquiries for week in found.weeks][-3:] == [3, 3, 50]


def test_time_saved_is_the_larger_of_two_views_and_never_their_sum(world: World, answered: Edition) -> None:
    HelpCentre.objects.create(brand=world.brand, minutes_per_answer=10)
    Reading.objects.create(brand=world.brand, edition=answered, day=NOW.date(), views=90, spared=20)
    assert effect.of(answered.article, NOW).minutes_saved == 350
    Reading.objects.update(spared=40)
    assert effect.of(answered.article, NOW).minutes_saved == 400


def test_a_growing_topic_saves_nothing(world: World, write: Write) -> None:
    with time_machine.travel(OUT, tick=False):
        edition = write("How to get a refund")
    topic = Topic.objects.create(brand=world.brand, language="en", title="Refund", article=edition.article)
    ask(topic, 4, OUT - dt.timedelta(weeks=2))
    for week in range(1, 6):
        ask(topic, 9, OUT + dt.timedelta(weeks=week))
    found = effect.of(edition.article, NOW)
    assert (found.fewer, found.minutes_saved) == (0, 0)


def test_a_draft_has_no_before_and_no_after(world: World, write: Write) -> None:
    found = effect.of(write("Not yet", live=False).article, NOW)
    assert (found.before, found.after, found.out_since, found.change) == (None, None, None, None)


def test_who_opened_an_article_from_a_search_and_asked_nothing_was_spared(
    world: World, write: Write, reader: Client
) -> None:
    edition = write("How to get a refund", "Open your booking.")
    reader.get(f"{HOME}search/?q=refund")
    found = Search.objects.get()
    reader.get(f"{HOME}articles/{edition.slug}/?s={found.public_id}")
    reader.get(f"{HOME}search/?q=refund")  # and one who left
    later = timezone.now() + dt.timedelta(hours=1)
    assert learn.of_searches(later) == 2
    assert learn.of_searches(later) == 0  # each is counted once
    row = Reading.objects.get()
    assert (row.views, row.spared, row.asked) == (1, 1, 0)


def test_who_asked_after_reading_was_not_spared(world: World, write: Write, reader: Client) -> None:
    edition = write("How to get a refund", "Open your booking.")
    reader.get(f"{HOME}search/?q=refund")
    found = Search.objects.get()
    reader.get(f"{HOME}articles/{edition.slug}/?s={found.public_id}")
    sent = {
        "text": "It does not work for me",
        "seen": "1",
        "article": edition.article.public_id,
        "search": found.public_id,
    }
    assert reader.post(f"{HOME}ask/", sent).status_code == 302
    learn.of_searches(timezone.now() + dt.timedelta(hours=1))
    row = Reading.objects.get()
    assert (row.spared, row.asked) == (0, 1)
    total = effect.overview([world.brand.pk])
    assert (total.spared, total.asked, total.deflection) == (0, 1, 0)


def test_the_overview_adds_up(world: World, answered: Edition, reader: Client) -> None:
    for number in range(6):
        feedback.vote(answered, f"r{number}", f"t{number}", is_helpful=number < 5)
    Reading.objects.filter(edition=answered).update(views=40, spared=9)
    for words, found in (("lost bag", 0), ("Lost bag", 0), ("refund", 3)):
        Search.objects.create(brand=world.brand, language="en", words=words, found=found)
    Search.objects.create(brand=world.rival, language="en", words="ferry", found=0)
    total = effect.overview([world.brand.pk])
    assert (total.views, total.spared, total.share_helped, total.searches, total.in_vain) == (40, 9, 83, 3, 2)
    assert total.missed == [("lost bag", 2)]
    assert [one.title for one in total.articles] == ["How to get a refund"]


def test_pages_show_it(world: World, answered: Edition) -> None:
    Reading.objects.create(brand=world.brand, edition=answered, day=timezone.now().date(), views=3, spared=2)
    client = world.desk(world.agent)
    page = client.get("/desk/help-effect/").content.decode()
    assert "How to get a refund" in page
    assert "Its effect" in client.get(f"/desk/articles/{answered.pk}/").content.decode()
    assert "How to get a refund" not in world.desk(world.rival_owner).get("/desk/help-effect/").content.decode()


def test_links_are_counted_once_they_were_sent(world: World, answered: Edition) -> None:
    ticket = heard(world, "Ana", world.brand).ticket
    row = handing.hand(answered, ticket, world.agent)
    assert effect.of(answered.article).handed == 0
    delivery = replies.reply(ticket.pk, world.agent, f"Here: {handing.link_of(row)}", "public")
    learn.listen(world.brand)
    assert effect.of(answered.article).handed == 0
    Message.objects.filter(delivery=delivery).update(sent_at=timezone.now())
    assert (effect.of(answered.article).handed, effect.of(answered.article).followed) == (1, 0)
    publishing.archive(answered.pk, world.lead)
    assert effect.of(answered.article).handed == 1


def test_views_wait_while_the_database_is_away(
    world: World, write: Write, reader: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = write("How to get a refund")
    settings.HELP_COUNT_SECONDS = 3600
    reader.get(f"{HOME}articles/{edition.slug}/")

    def away(counted: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as broken:
        broken.setattr(counting, "write", away)
        counting.counts.flush_quietly()
    assert not Reading.objects.exists()
    counting.counts.flush()
    assert Reading.objects.get().views == 1
