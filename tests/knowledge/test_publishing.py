"""An article's life: revisions that stay, states that follow a table, addresses that lead on."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from helpdesk.models import Event
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import publishing
from knowledge.models import Edition, HelpCentre, OldAddress, Passage, SearchEntry
from knowledge.publishing import Words
from knowledge.states import MOVES, EditionState, IllegalMove, moved
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db


def codes(world: World) -> list[str]:
    rows = Event.objects.filter(brand=world.brand, code__startswith="article.").order_by("id")
    return list(rows.values_list("code", flat=True))


def test_an_article_is_drafted_reviewed_and_published(world: World) -> None:
    edition = publishing.create(world.brand, world.agent, Words("I was charged twice", "Wait three days."))
    assert (edition.state, edition.slug, edition.language, edition.live) == ("draft", "i-was-charged-twice", "en", None)
    publishing.submit(edition.pk, world.agent, "please look")
    publishing.send_back(edition.pk, world.lead, "Say which days")
    publishing.save(edition.pk, world.agent, Words("I was charged twice", "Wait three working days.", why="days said"))
    publishing.submit(edition.pk, world.agent)
    done = publishing.publish(edition.pk, world.lead, "well said")
    assert (done.state, done.live_id, done.published_at is not None) == ("published", done.latest_id, True)
    assert list(done.revisions.order_by("number").values_list("number", flat=True)) == [1, 2]
    told = list(Passage.objects.filter(edition=edition).order_by("id").values_list("state", "by__name", "why"))
    assert told == [
        ("draft", "Noor Haddad", ""), ("review", "Noor Haddad", "please look"), ("draft", "Sven Holm", "Say which days"),
        ("draft", "Noor Haddad", "days said"), ("review", "Noor Haddad", ""), ("published", "Sven Holm", "well said"),
    ]  # fmt: skip
    assert codes(world)[-1] == "article.published"


def test_what_readers_see_stays_until_the_next_words_are_published(world: World, write: Write) -> None:
    edition = write("Bikes on trains", "Bikes travel free.")
    changed = publishing.save(edition.pk, world.agent, Words("Bikes on all trains", "Bikes cost 4 €."))
    assert (changed.state, changed.has_changes, changed.title) == ("draft", True, "Bikes on trains")
    assert changed.live is not None
    assert changed.live.body == "Bikes travel free."
    done = publishing.publish(edition.pk, world.lead)
    assert (done.title, done.has_changes, done.slug) == ("Bikes on all trains", False, "bikes-on-trains")


def test_who_saves_second_is_told_and_loses_nothing(world: World, write: Write) -> None:
    edition = write("Bikes", "Free.", live=False)
    begun = edition.latest_id
    publishing.save(edition.pk, world.lead, Words("Bikes", "Free at weekends."), base=begun)
    with pytest.raises(Conflict, match="Sven Holm saved this meanwhile"):
        publishing.save(edition.pk, world.agent, Words("Bikes", "Never free."), base=begun)


def test_saving_the_same_words_makes_no_revision(world: World, write: Write) -> None:
    edition = write("Bikes", "Free.")
    publishing.save(edition.pk, world.lead, Words("Bikes", "Free."))
    edition.refresh_from_db()
    assert (edition.state, edition.revisions.count()) == ("published", 1)


def test_an_earlier_revision_comes_back_as_a_new_one(world: World, write: Write) -> None:
    edition = write("Bikes", "Free.")
    publishing.save(edition.pk, world.lead, Words("Bikes", "Not free."))
    back = publishing.restore(edition.pk, world.lead, 1)
    assert back.latest is not None
    assert (back.latest.number, back.latest.body, back.latest.why) == (3, "Free.", "As in revision 1")
    with pytest.raises(Refused, match="no such revision"):
        publishing.restore(edition.pk, world.lead, 9)


def test_a_scheduled_article_goes_out_once(world: World, write: Write) -> None:
    edition = write("New times", "From Sunday.", live=False)
    with pytest.raises(Refused, match="has passed"):
        publishing.schedule(edition.pk, world.lead, timezone.now() - dt.timedelta(minutes=1))
    at = timezone.now() + dt.timedelta(hours=1)
    assert publishing.schedule(edition.pk, world.lead, at).state == "scheduled"
    assert publishing.publish_due(timezone.now()) == 0
    Edition.objects.filter(pk=edition.pk).update(publish_at=timezone.now() - dt.timedelta(seconds=1))
    assert publishing.publish_due(timezone.now()) == 1
    assert publishing.publish_due(timezone.now()) == 0
    assert codes(world).count("article.published") == 1


def test_editing_takes_a_scheduled_article_off_the_schedule(world: World, write: Write) -> None:
    edition = write("New times", "From Sunday.", live=False)
    publishing.schedule(edition.pk, world.lead, timezone.now() + dt.timedelta(hours=1))
    changed = publishing.save(edition.pk, world.agent, Words("New times", "From Monday."))
    assert (changed.state, changed.publish_at) == ("draft", None)


def test_an_empty_article_is_not_published(world: World) -> None:
    edition = publishing.create(world.brand, world.lead, Words("Nothing", " "))
    for act in (publishing.submit, publishing.publish):
        with pytest.raises(Refused) as refused:
            act(edition.pk, world.lead)
        assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("words", "field", "says"),
    [
        (Words("  "), "title", "words customers use"),
        (Words("x" * 201), "title", "at most 200"),
        (Words("x", summary="y" * 301), "summary", "at most 300"),
        (Words("x", "y" * 100_001), "body", "Make two of it"),
    ],
)
def test_bad_words_are_refused_at_their_field(world: World, words: Words, field: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        publishing.create(world.brand, world.agent, words)
    assert refused.value.field == field


def test_an_archived_article_is_gone_and_can_come_back(world: World, write: Write) -> None:
    edition = write("Old fares", "Gone.")
    publishing.archive(edition.pk, world.lead, "fares changed")
    edition.refresh_from_db()
    assert (edition.state, edition.live) == ("archived", None)
    assert not SearchEntry.objects.filter(edition=edition).exists()
    with pytest.raises(Conflict, match="Archived"):
        publishing.submit(edition.pk, world.lead)
    assert publishing.reopen(edition.pk, world.lead).state == "draft"


def test_two_articles_of_one_title_have_two_addresses(write: Write) -> None:
    assert [write("Refunds").slug, write("Refunds").slug, write("Refunds!").slug] == [
        "refunds",
        "refunds-2",
        "refunds-3",
    ]
    assert write("Возврат денег").slug == "возврат-денег"
    assert write("???").slug == "article"


def test_an_old_address_leads_on_until_it_is_used_again(world: World, write: Write) -> None:
    edition = write("Refunds")
    publishing.readdress(edition.pk, world.lead, "Money back")
    old = OldAddress.objects.get()
    assert (old.slug, old.edition_id) == ("refunds", edition.pk)
    assert write("Refunds").slug == "refunds"
    assert not OldAddress.objects.exists()
    with pytest.raises(Refused, match="has this address"):
        publishing.readdress(edition.pk, world.lead, "refunds")
    with pytest.raises(Refused, match="letters or numbers"):
        publishing.readdress(edition.pk, world.lead, "—")


def test_a_translation_knows_when_the_original_went_on(world: World, write: Write) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "de"])
    edition = write("Bikes", "Free.")
    german = publishing.translate(edition.article_id, world.agent, Words("Fahrräder", "Kostenlos."), "de")
    both = [edition, german]
    assert publishing.out_of_date(both, "en") == set()
    publishing.save(edition.pk, world.agent, Words("Bikes", "4 €."))
    publishing.publish(edition.pk, world.lead)
    assert publishing.out_of_date(both, "en") == {german.pk}
    german = publishing.save(german.pk, world.agent, Words("Fahrräder", "4 €."), is_up_to_date=True)
    assert publishing.out_of_date([edition, german], "en") == set()
    with pytest.raises(Refused, match="already"):
        publishing.translate(edition.article_id, world.agent, Words("Fahrrad", "x"), "de")
    with pytest.raises(Refused, match="en, de"):
        publishing.translate(edition.article_id, world.agent, Words("Vélos", "x"), "fr")


def test_every_state_can_be_left_and_no_move_is_invented() -> None:
    for state in EditionState:
        for verb, (sources, target) in MOVES.items():
            if state in sources:
                assert moved(state, verb) == target
            else:
                with pytest.raises(IllegalMove):
                    moved(state, verb)


def test_the_database_refuses_what_cannot_be(world: World, write: Write) -> None:
    edition = write("Bikes")
    for wrong in ({"state": "archived"}, {"state": "scheduled"}, {"live": None}, {"state": "lost"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Edition.objects.filter(pk=edition.pk).update(**wrong)


def test_details_stay_within_the_brand(world: World, write: Write) -> None:
    edition = write("Bikes")
    theirs = publishing.save_category(world.rival, world.rival_owner, name="Theirs")
    with pytest.raises(Refused, match="no such category"):
        publishing.settle(edition.article_id, world.lead, category=theirs)
    with pytest.raises(Refused, match="works for this brand"):
        publishing.settle(edition.article_id, world.lead, owner=world.outsider)
    publishing.settle(edition.article_id, world.lead, visible="internal")
    assert SearchEntry.objects.get(edition=edition).visible == "internal"
