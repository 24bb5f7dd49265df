"""The idea board: one vote a person, alike ideas first, decisions in the open."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import ideas
from knowledge.models import Idea, Vote
from tests.knowledge.conftest import HOME
from tests.world import World

pytestmark = pytest.mark.django_db


def idea(world: World, title: str = "A quiet carriage on night trains", who: str = "ana", **more: Any) -> Idea:
    return ideas.propose(world.brand, "en", title, more.pop("text", ""), (who, f"{who}-trace"), **more)


def test_proposing_shows_what_is_alike_first(world: World, reader: Client) -> None:
    idea(world)
    first = reader.post(f"{HOME}ideas/", {"title": "Quiet coaches on the night train please"})
    assert "Is it one of these?" in first.content.decode()
    assert Idea.objects.count() == 1
    answer = reader.post(f"{HOME}ideas/", {"title": "Quiet coaches on the night train please", "seen": "1"})
    assert answer.status_code == 302
    assert Idea.objects.count() == 2


def test_one_person_votes_once(world: World, reader: Client) -> None:
    row = idea(world)
    path = f"{HOME}ideas/{row.pk}/vote/"
    assert "said=thanks" in reader.post(path).headers["Location"]
    assert "said=before" in reader.post(path).headers["Location"]
    assert "said=before" in Client().post(path).headers["Location"]  # without its cookie
    assert (
        "said=thanks"
        in Client(headers={"User-Agent": "Another"}).post(path, {"address": "b@example.com"}).headers["Location"]
    )
    assert (
        "said=before"
        in Client(headers={"User-Agent": "Third"}).post(path, {"address": "B@example.com"}).headers["Location"]
    )
    row.refresh_from_db()
    assert (row.votes, row.cast.count()) == (3, 3)
    assert "example.com" not in str(list(Vote.objects.values_list("address", flat=True)))


def test_the_same_words_are_a_vote(world: World) -> None:
    first, second = idea(world), idea(world, "a quiet carriage on NIGHT trains", who="ben")
    assert first.pk == second.pk
    assert Idea.objects.get().votes == 2


def test_a_decision_is_told_to_who_wanted_to_know(world: World, settings: Any) -> None:
    settings.MAIL = {"EMAIL_BACKEND": "locmem"}
    row = idea(world, address="ana@example.com")
    ideas.vote(row, ("ben", "ben-trace"))
    assert ideas.tell(lambda one: f"https://help.example/{one.pk}") == 0
    ideas.decide(row.pk, world.lead, "shipped", "From Sunday on.")
    assert [ideas.tell(lambda one: f"https://help.example/{one.pk}") for _ in range(2)] == [1, 0]
    letter = mail.outbox[0]
    assert letter.to == ["ana@example.com"]
    assert "From Sunday on." in letter.body
    with pytest.raises(Conflict, match="decided"):
        ideas.vote(row.__class__.objects.get(pk=row.pk), ("cem", "cem-trace"))


def test_declining_needs_a_reason(world: World) -> None:
    row = idea(world)
    with pytest.raises(Refused, match="Say why not"):
        ideas.decide(row.pk, world.lead, "declined", " ")


def test_merging_counts_each_voter_once(world: World, reader: Client) -> None:
    one, two = idea(world, who="ana"), idea(world, "Silence in coach nine", who="ben")
    ideas.vote(two, ("ana", "ana-trace"))
    ideas.vote(two, ("cem", "cem-trace"))
    into = ideas.merge(two.pk, one.pk, world.lead)
    assert into.votes == 3
    assert reader.get(f"{HOME}ideas/{two.pk}/").headers["Location"] == f"{HOME}ideas/{one.pk}/"
    with pytest.raises(Refused):
        ideas.merge(one.pk, one.pk, world.lead)


def test_hidden_ideas_and_other_brands_are_not_there(world: World, reader: Client) -> None:
    row = idea(world)
    ideas.hide(row.pk, world.lead, is_hidden=True)
    assert reader.get(f"{HOME}ideas/{row.pk}/").status_code == 404
    theirs = ideas.propose(world.rival, "en", "Larger ferries", "", ("x", "y"))
    assert reader.get(f"{HOME}ideas/{theirs.pk}/").status_code == 404
    assert reader.post(f"{HOME}ideas/{theirs.pk}/vote/").status_code == 404


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"title": ""}, "Say it in one line"),
        ({"title": "x" * 121, "seen": "1"}, "at most 120"),
        ({"title": "fine words", "text": "y" * 4001, "seen": "1"}, "4,000"),
        ({"title": "fine words", "address": "nonsense", "seen": "1"}, "no email address"),
        ({"title": "fine words", "website": "spam"}, "looked like a machine"),
    ],
)
def test_a_bad_idea_is_told(reader: Client, world: World, given: dict[str, str], says: str) -> None:
    answer = reader.post(f"{HOME}ideas/", given)
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Idea.objects.exists()


def test_what_is_written_is_text(world: World, reader: Client) -> None:
    row = idea(world, "<b>Bold</b>", text="<script>alert(1)</script> call 0046 70 123 45 67")
    html = reader.get(f"{HOME}ideas/{row.pk}/").content.decode()
    assert "<script>alert" not in html
    assert "&lt;b&gt;Bold" in html
