"""The week as its editors are told of it: what is in it, and that it comes once, on Monday morning where they are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from helpdesk.models import Alert
from helpdesk.workflow import alerts
from knowledge import digest, feedback
from knowledge.models import Digest, Inquiry, Reading, Search, Topic
from knowledge.reports import week
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db
MONDAY = dt.date(2026, 3, 9)
WITHIN = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)
TOLD = dt.datetime(2026, 3, 16, 9, tzinfo=dt.UTC)  # the Monday after, at nine


@pytest.fixture
def eventful(world: World, write: Write) -> World:
    """A week with one of each."""
    with time_machine.travel(WITHIN - dt.timedelta(weeks=6), tick=False):
        worn = write("How to get a refund", review_by=dt.date(2026, 3, 20))
        disliked, fine = write("Lost bags"), write("Bring a dog")
    with time_machine.travel(WITHIN, tick=False):
        Topic.objects.create(brand=world.brand, language="en", title="Where is the bus?", asked_30=8)
        Topic.objects.create(brand=world.brand, language="en", title="Thanks", state="aside")
        for number in range(6):
            feedback.vote(disliked, f"r{number}", f"t{number}", is_helpful=number < 2)
            feedback.vote(fine, f"r{number}", f"t{number}", is_helpful=True)
        for words in ("night train", "Night train", "soup"):
            Search.objects.create(brand=world.brand, language="en", words=words, found=0)
    topic = Topic.objects.create(
        brand=world.brand, language="en", title="Refund", article=worn.article, covered_at=WITHIN - dt.timedelta(weeks=6)
    )  # fmt: skip
    Topic.objects.filter(pk=topic.pk).update(created_at=WITHIN - dt.timedelta(weeks=8))
    for back, count in ((0, 9), (1, 2), (2, 3), (3, 3)):
        Inquiry.objects.bulk_create(
            Inquiry(brand=world.brand, language="en", text="How?", origin="ticket", topic=topic, said_at=WITHIN - dt.timedelta(weeks=back))
            for _number in range(count)
        )  # fmt: skip
    Reading.objects.create(brand=world.brand, edition=fine, day=WITHIN.date() - dt.timedelta(weeks=1), asked=9)
    return world


def test_a_week_tells_what_is_to_be_done(eventful: World) -> None:
    found = week.of(eventful.brand, MONDAY)
    assert [row.title for row in found.topics] == ["Where is the bus?"]
    assert [(one.edition.title, one.asked, one.usual, one.share) for one in found.doubts] == [
        ("How to get a refund", 9, 2.0, None), ("Lost bags", 0, 0.0, 33),
    ]  # fmt: skip
    assert found.missed == [("night train", 2), ("soup", 1)]
    assert [row.title for row in found.reviews] == ["How to get a refund"]
    assert week.of(eventful.rival, MONDAY).counts == {"topics": 0, "doubts": 0, "missed": 0, "reviews": 0, "broken": 0}


def test_it_is_told_once_to_who_publishes(eventful: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (digest.tell(TOLD), digest.tell(TOLD)) == (1, 0)
    row = Alert.objects.get()
    assert row.user == eventful.lead
    subject, text, link = alerts.said(row)
    assert subject == "The week of the help centre: 1 new topics, 2 articles that stopped answering"
    assert "3 searches" in text
    assert link.endswith("/desk/help-effect/week/?brand=northwind&week=2026-03-09")
    assert "night train" not in f"{subject}{text}"  # customers' words stay in the house
    assert Digest.objects.filter(brand=eventful.brand).get().counts["doubts"] == 2


def test_a_week_begins_where_the_brand_is(eventful: World) -> None:
    brand = eventful.brand
    brand.time_zone = "America/Los_Angeles"
    assert digest.due(brand, TOLD) is None  # it is still night there
    assert digest.due(brand, TOLD + dt.timedelta(hours=7)) == MONDAY
    assert digest.due(brand, TOLD + dt.timedelta(days=4)) is None  # no news any more


def test_an_empty_week_tells_nobody(world: World) -> None:
    assert digest.tell(TOLD) == 0
    assert not Alert.objects.exists()


def test_the_page_shows_it(eventful: World) -> None:
    client = eventful.desk(eventful.agent)
    page = client.get("/desk/help-effect/week/?brand=northwind&week=2026-03-12").content.decode()
    for words in ("Where is the bus?", "How to get a refund", "9 asked this week", "night train", "helped 33 %"):
        assert words in page
    assert client.get("/desk/help-effect/week/?week=soon").status_code == 404
    assert client.get("/desk/help-effect/week/?brand=southwind").status_code == 404
