"""What the doctor says of help centres."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from knowledge import doctor
from knowledge.models import Clustering, HelpCentre, Inquiry, SearchEntry
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db


def unwell() -> dict[str, str]:
    return {one.subject: one.next_step for one in doctor.examine() if not one.healthy}


def test_a_domain_nobody_answers_to_is_told(world: World, settings: Any) -> None:
    HelpCentre.objects.create(brand=world.brand, domain="help.northwind.example")
    settings.ALLOWED_HOSTS = ["desk.example"]
    assert "HELPDESK_ALLOWED_HOSTS" in unwell()["help centre of northwind at help.northwind.example"]
    settings.ALLOWED_HOSTS = [".northwind.example"]
    assert unwell() == {}


def test_articles_search_does_not_know_are_told(world: World, write: Write) -> None:
    write("Late trains")
    assert unwell() == {}
    SearchEntry.objects.all().delete()
    assert unwell() == {"search of articles": "Run `manage.py rebuild_search`."}


def test_nights_that_no_longer_come_are_told(world: World) -> None:
    now = timezone.now()
    Inquiry.objects.bulk_create(
        Inquiry(brand=world.brand, language="en", text="Where?", origin="api", said_at=now) for _number in range(20)
    )
    assert unwell() == {}  # the first is still to come
    Clustering.objects.create(brand=world.brand, language="en", inquiries=20, finished_at=now - dt.timedelta(days=3))
    assert list(unwell()) == ["topics of northwind (en)"]
