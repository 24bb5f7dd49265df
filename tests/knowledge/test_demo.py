"""The demo brand shows the circle: questions, a topic with its draft, an article whose questions fall."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from helpdesk.models import Brand, Ticket, User
from knowledge.models import Draft, Edition, Idea, Inquiry, Revision, Topic
from knowledge.reports import effect, week
from knowledge.reports.weeks import mondays


@pytest.mark.django_db
def test_the_demo_closes_the_circle(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    call_command("demo", stdout=io.StringIO())
    brand = Brand.objects.get()
    bikes = Topic.objects.current().get(title="Taking a bike on the train")
    assert (bikes.size, bikes.asked_30, bikes.covered_at) == (14, 14, None)
    draft = Draft.objects.get(topic=bikes)
    body = Revision.objects.get(edition__article=draft.article).body
    assert "last carriage" in body
    assert all(one["messages"] for one in draft.evidence)
    assert not any(name in body for name in ("Noor", "Sven", "Agda"))
    refund = Edition.objects.get(title__startswith="Get your money back", language="en")
    found = effect.of(refund.article)
    assert found.before is not None
    assert found.after is not None
    assert found.after * 3 < found.before, "its chart falls"
    assert (found.handed, found.followed) == (6, 4)
    total = effect.overview([brand.pk])
    assert total.deflection is not None
    assert total.missed[0] == ("night bus lund", 6)
    assert week.of(brand, mondays()[-2]).reviews, "a review is due"
    assert set(Edition.objects.values_list("state", flat=True)) == {"draft", "review", "published"}
    assert set(Idea.objects.values_list("state", flat=True)) == {"new", "planned", "shipped"}
    assert Ticket.objects.get(platform="web").came_from.edition == refund
    assert Inquiry.objects.filter(text__icontains="Lindqvist").count() == 0
    reader = Client()
    for page in (
        "",
        "articles/get-your-money-back-for-a-delayed-or-cancelled-train/",
        "ideas/",
        "expect/",
        "search/?q=refnud",
    ):
        assert reader.get(f"/help/northwind-rail/en/{page}").status_code == 200, page
    desk = Client()
    desk.force_login(User.objects.get(email="noor@northwind.example"))
    for page in ("help-effect/", "help-effect/week/", "topics/", f"topics/{bikes.pk}/", "articles/"):
        assert desk.get(f"/desk/{page}").status_code == 200, page
