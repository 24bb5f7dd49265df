"""From tickets, searches and feedback to inquiries to topics."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.erasing import erase
from helpdesk.models import Brand, Ticket
from helpdesk.text.triage import Triage
from helpdesk.workflow import forget, tickets
from knowledge import search
from knowledge.mining import clusters, drafts, learn, nightly, places
from knowledge.mining.questions import question_of
from knowledge.models import Advice, Clustering, Edition, Inquiry, Search, Topic
from knowledge.tasks import look
from tests.conftest import SHARED
from tests.world import World, open_world

pytestmark = pytest.mark.django_db

KINDS = {
    "charged": (
        "{} charged twice for my ticket", ["Why was I", "I was", "You have", "My card was", "Apparently I got", "Again I am"],
        ["what now?", "please give it back", "when is it paid back?", "my bank shows two payments"],
    ),
    "bike": (
        "{} take my bike on the train", ["Can I", "May I", "How do I", "Is it possible to", "Am I allowed to", "Where do I"],
        ["at the weekend?", "in the morning?", "and what does the bike cost?", "without a bike ticket?"],
    ),
    "password": (
        "{} log in to my account", ["I cannot", "Why can't I", "Help, I am unable to", "It won't let me", "No way to", "I can't"],
        ["the password is wrong", "I forgot my password", "it says wrong password", "the password reset never comes"],
    ),
}  # fmt: skip


LOST = [
    "an umbrella on the train, where is lost property?",
    "a bag on the train, do you have lost property?",
    "a phone in the train, lost property?",
]


def sentences(kind: str) -> list[str]:
    middle, begins, ends = KINDS[kind]
    return [f"{middle.format(begin)}, {end}" for begin in begins for end in ends][:20]


def ask_all(world: World, brand: Brand | None = None) -> list[Ticket]:
    """Sixty tickets of three kinds, resolved."""
    made = []
    for kind in KINDS:
        for number, text in enumerate(sentences(kind)):
            ticket = world.ticket(text, who=f"{kind}{'abcdefghijklmnopqrstuvwxyz'[number]}", brand=brand)
            tickets.resolve(ticket.pk, world.rival_owner if brand else world.agent)
            made.append(ticket)
    return made


# --- questions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("@northwind Hi there! Where is my refund? Booking 8XK42Q 😡 https://t.co/x", "Where is my refund? Booking …"),
        ("Hello, my name is Ana Lindqvist. Can I take my bike?", "Can I take my bike?"),
        (
            "My number is +46 70 123 45 67 and my card 4111 1111 1111 1111 was charged",
            "My number is … and my card … was charged",
        ),
        ("Where is order 123-1234567-1234567?", "Where is order …?"),
        ("Does it go on Sundays?\n\nKind regards,\nBen", "Does it go on Sundays?"),
        ("Train to Malmö?\n> On Monday you wrote\n> something else", "Train to Malmö?"),
        ("thanks!", ""),
        ("@northwind", ""),
        ("😡😡😡", ""),
        ("財布を忘れました、どうすればいいですか", "財布を忘れました、どうすればいいですか"),
        ("#delayed again, how do I claim?", "Delayed again, how do I claim?"),
        ("Is 10:30 &amp; 11:30 the same train?", "Is 10:30 & 11:30 the same train?"),
    ],
)
def test_the_question_without_who_asked(said: str, asked: str) -> None:
    assert question_of(said) == asked


def test_names_we_know_are_left_out() -> None:
    made = question_of("Noor told Ana Lindqvist to ask: where is Ana's bike?", names=["Ana Lindqvist", "Noor Haddad"])
    assert not {"ana", "lindqvist", "noor"} & set(made.lower().replace("?", "").split())
    assert "bike" in made


def test_a_long_story_becomes_its_question() -> None:
    story = (
        "I went to the station at five. " * 20
        + "How do I get my money back for the cancelled train? "
        + "It rained. " * 20
    )
    made = question_of(story)
    assert len(made) <= 300
    assert "How do I get my money back" in made


@given(st.text(max_size=300))
def test_any_text_has_a_question_or_none(text: str) -> None:
    made = question_of(text)
    assert len(made) <= 301
    assert "@" not in made or "http" not in made


# --- inquiries -------------------------------------------------------------------------------------------------


def test_sixty_tickets_of_three_kinds_become_three_topics(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    assert Inquiry.objects.count() == 60
    call_command("find_topics", "--brand", "northwind", verbosity=0)
    topics = list(Topic.objects.order_by("-size"))
    assert len(topics) == 3
    for topic in topics:
        kinds = Counter(
            next(kind for kind in KINDS if inquiry.text in [one[0].upper() + one[1:] for one in sentences(kind)])
            for inquiry in topic.inquiries.all()
        )
        assert len(kinds) == 1
        assert topic.size == topic.asked_30 >= 15
        assert topic.title in {inquiry.text for inquiry in topic.inquiries.all()}
        assert topic.channels == {"bluesky": topic.size}


def test_what_comes_later_finds_its_topic_at_once(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    bike = topic_of("take my bike")
    ticket = world.ticket("Can we take our bike on the train on Sunday?", who="zoe")
    tickets.resolve(ticket.pk, world.agent)
    other = world.ticket("Your new logo hurts my eyes and my soul", who="yan")
    tickets.resolve(other.pk, world.agent)
    learn.catch_up()
    assert ticket.inquiry.topic == bike
    assert other.inquiry.topic is None


def test_praise_spam_and_unsettled_tickets_ask_nothing(world: World) -> None:
    world.ticket("Where is my train?", who="open")
    spam = world.ticket("Where can you buy cheap watches?", who="spam")
    tickets.close(spam.pk, world.agent, "spam")
    praise = world.ticket("Is this not the best train ever?", who="glad", triage=Triage(intent="praise"))
    tickets.resolve(praise.pk, world.agent)
    learn.catch_up()
    assert not Inquiry.objects.exists()


def test_reading_twice_and_resolving_twice_gives_one_inquiry(world: World) -> None:
    ticket = world.ticket("Where is my umbrella, please?")
    tickets.resolve(ticket.pk, world.agent)
    tickets.reopen(ticket.pk, world.agent)
    tickets.resolve(ticket.pk, world.agent)
    learn.catch_up()
    from knowledge.models import Learner

    Learner.objects.all().delete()
    learn.catch_up()
    assert Inquiry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_is_read_once_and_in_order() -> None:
    world = open_world()
    for number in range(3):
        tickets.resolve(
            world.ticket(f"Where is umbrella number {'abc'[number]}?", who=f"per{'abc'[number]}").pk, world.agent
        )
    assert learn.catch_up() > 0
    assert Inquiry.objects.count() == 3
    assert learn.listen(world.brand) == 0
    tickets.resolve(world.ticket("Where is my blue bag?", who="zoe").pk, world.agent)
    learn.catch_up()
    assert Inquiry.objects.count() == 4


def test_searches_in_vain_are_asked_too(world: World) -> None:
    now = timezone.now()
    vain = search.remember(world.brand, "en", "sleeping car with shower", 0)
    left = search.remember(world.brand, "en", "how to change seats", 3)
    solved = search.remember(world.brand, "en", "refund of a ticket", 1)
    word = search.remember(world.brand, "en", "x", 0)
    from knowledge import publishing

    edition = publishing.create(world.brand, world.lead, publishing.Words("Refunds", "Five days."))
    Search.objects.filter(pk=solved.pk).update(chosen=edition)
    assert learn.of_searches(now) == 0  # they may still find it
    assert learn.of_searches(now + dt.timedelta(hours=1)) == 4
    assert learn.of_searches(now + dt.timedelta(hours=1)) == 0
    assert set(Inquiry.objects.values_list("search", "origin")) == {(vain.pk, "search"), (left.pk, "search")}
    assert word.words == "x"


def test_what_is_taken_back_or_erased_is_forgotten(world: World) -> None:
    message = world.hear("Where is my blue umbrella?", who="ana")
    other = world.ticket("Where is my red umbrella?", who="ben")
    for ticket in (message.ticket, other):
        tickets.resolve(ticket.pk, world.agent)
    learn.catch_up()
    assert Inquiry.objects.count() == 2
    with transaction.atomic():
        forget.tombstone([message], timezone.now())
    assert Inquiry.objects.get().ticket_id == other.pk
    erase(other.customer_id, world.owner)
    assert Inquiry.objects.count() == 0


def test_brands_are_apart(world: World) -> None:
    ask_all(world)
    ask_all(world, world.rival)
    learn.catch_up()
    for brand in (world.brand, world.rival):
        nightly.run(brand, "en")
    for inquiry in Inquiry.objects.select_related("topic"):
        assert inquiry.topic is None or inquiry.topic.brand_id == inquiry.brand_id


# --- the night -------------------------------------------------------------------------------------------------


def topic_of(words: str) -> Topic:
    found = Inquiry.objects.filter(text__icontains=words).exclude(topic=None).select_related("topic").first()
    assert found is not None
    assert found.topic is not None
    return found.topic


def test_a_second_night_keeps_every_number(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    before = dict(Inquiry.objects.values_list("pk", "topic"))
    begins = ["I left", "I forgot", "We lost", "Somebody left", "My son forgot", "I have lost"]
    lost = [f"{begin} {end}" for begin in begins for end in LOST]
    world_more = [world.ticket(text, who=f"lost{chr(97 + at)}") for at, text in enumerate(lost)]
    for ticket in world_more:
        tickets.resolve(ticket.pk, world.agent)
    learn.catch_up()
    nightly.run(world.brand, "en")
    after = dict(Inquiry.objects.values_list("pk", "topic"))
    kept = [after[key] == topic for key, topic in before.items() if topic is not None]
    assert sum(kept) >= 0.95 * len(kept)
    assert Topic.objects.count() == 4


def test_an_editors_decision_survives(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    bike, charged = topic_of("my bike"), topic_of("charged twice")
    Topic.objects.filter(pk=bike.pk).update(title="Bikes on trains", is_named=True, state="kept")
    stray = charged.inquiries.first()
    assert stray is not None
    Inquiry.objects.filter(pk=stray.pk).update(topic=bike, is_placed=True)
    nightly.run(world.brand, "en")
    bike.refresh_from_db()
    stray.refresh_from_db()
    assert (bike.title, bike.state, stray.topic_id) == ("Bikes on trains", "kept", bike.pk)
    Topic.objects.filter(pk=charged.pk).update(title="As customers were shown it", state="kept")
    nightly.run(world.brand, "en")
    charged.refresh_from_db()
    assert charged.title == "As customers were shown it"  # nobody has looked at another one


def test_where_groups_say_otherwise_there_is_advice(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    bike = topic_of("my bike")
    half = list(bike.inquiries.values_list("pk", flat=True)[:9])
    other = Topic.objects.create(brand=world.brand, language="en", title="Cycles", is_named=True, state="kept")
    Inquiry.objects.filter(pk__in=half).update(topic=other)
    Topic.objects.filter(pk=bike.pk).update(state="kept")
    nightly.run(world.brand, "en")
    advice = Advice.objects.get(kind="merge")
    assert {advice.topic_id, advice.other_id} == {bike.pk, other.pk}
    Advice.objects.update(state="refused")
    nightly.run(world.brand, "en")
    assert Advice.objects.get(kind="merge").state == "refused"
    assert set(Inquiry.objects.filter(topic=other).values_list("pk", flat=True)) == set(half)


def test_the_night_comes_by_itself_once(world: World) -> None:
    assert nightly.due(timezone.now()) == []
    ask_all(world)
    learn.catch_up()
    assert nightly.due(timezone.now()) == [(world.brand.pk, "en")]
    nightly.run(world.brand, "en")
    assert nightly.due(timezone.now()) == []
    assert nightly.due(timezone.now() + dt.timedelta(hours=21)) == [(world.brand.pk, "en")]
    Clustering.objects.create(brand=world.brand, language="en")
    assert nightly.due(timezone.now()) == []  # somebody is at it
    look()


@given(st.lists(st.dictionaries(st.one_of(st.none(), st.integers(1, 6)), st.integers(1, 9), max_size=4), max_size=6))
def test_matching_gives_each_topic_to_one_group(groups: list[dict[int | None, int]]) -> None:
    held = [Counter(group) for group in groups]
    chosen = nightly.match(held, [sum(group.values()) for group in groups], {1, 2})
    assert len(set(chosen.values())) == len(chosen)
    assert all(held[number][key] > 0 for number, key in chosen.items())


# --- grouping --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [[], [""], ["", "", "?", "🚂"], ["the same words"] * 40, ["a", "b"], ["x"] * 5])
def test_grouping_of_nearly_nothing(texts: list[str]) -> None:
    adaptation = clusters.fit(texts)
    made = clusters.vectors(adaptation, texts)
    found = clusters.groups(made)
    assert len(found) == len(texts)
    assert np.isfinite(made).all()


def test_grouping_is_the_same_every_time_and_can_be_kept() -> None:
    texts = [text for kind in KINDS for text in sentences(kind)]
    adaptation = clusters.fit(texts)
    first, second = (clusters.vectors(one, texts) for one in (adaptation, clusters.read(clusters.kept(adaptation))))
    assert np.abs(first - second).max() < 0.02
    assert (clusters.groups(first) == clusters.groups(clusters.vectors(clusters.fit(texts), texts))).all()


def test_files(tmp_path: Path) -> None:
    texts = [text for kind in KINDS for text in sentences(kind)]
    (tmp_path / "in").write_text("\n".join(json.dumps({"text": text, "more": 1}) for text in texts))
    call_command("mine_topics", input=tmp_path / "in", output=tmp_path / "out", verbosity=0)
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [row["text"] for row in rows] == texts
    found = [Counter(row["topic"] for row in rows[start : start + 20]).most_common(1)[0] for start in (0, 20, 40)]
    assert len({topic for topic, _count in found}) == 3
    assert all(count >= 15 and topic is not None for topic, count in found)
    (tmp_path / "in").write_text('{"question": "x"}')
    with pytest.raises(CommandError, match="line 1: there is no “text”"):
        call_command("mine_topics", input=tmp_path / "in", output=tmp_path / "out", verbosity=0)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "cover", "pure"), [("banking77", 0.70, 0.87), ("clinc150", 0.65, 0.90)])
def test_real_questions_are_grouped_well(name: str, cover: float, pure: float) -> None:
    rows = [json.loads(line) for line in (SHARED / "data" / f"{name}.jsonl").read_text().splitlines()]
    texts = [row["text"] for row in rows]
    found = clusters.groups(clusters.vectors(clusters.fit(texts), texts))
    by_topic: dict[int, Counter[str]] = {}
    for row, topic in zip(rows, found, strict=True):
        if topic >= 0:
            by_topic.setdefault(int(topic), Counter())[row["label"]] += 1
    inside = sum(sum(count.values()) for count in by_topic.values())
    assert inside / len(rows) >= cover
    assert sum(max(count.values()) for count in by_topic.values()) / inside >= pure
    per_label = Counter(count.most_common(1)[0][0] for count in by_topic.values())
    assert float(np.median(list(per_label.values()))) <= 3


def test_an_archive_that_ended_years_ago_is_grouped_too(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    Inquiry.objects.update(said_at=timezone.now() - dt.timedelta(days=3000))
    assert nightly.due(timezone.now()) == [(world.brand.pk, "en")]
    assert nightly.run(world.brand, "en").topics == 3
    assert nightly.due(timezone.now()) == []
    page = world.desk(world.agent).get("/desk/topics/").content.decode()
    assert "20 asked in all, the last on" in page


def test_a_row_from_the_future_moves_no_year(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    for at in (timezone.now() + dt.timedelta(days=900), dt.datetime(1, 1, 1, tzinfo=dt.UTC)):
        Inquiry.objects.create(brand=world.brand, language="en", text="When?", origin="api", said_at=at)
    assert nightly.due(timezone.now()) == [(world.brand.pk, "en")]
    assert nightly.run(world.brand, "en").topics == 3


def test_erasing_leaves_no_words_in_searches_titles_and_drafts(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    topic = topic_of("bike")
    theirs = Inquiry.objects.filter(topic=topic).exclude(ticket=None)[0]
    assert theirs.ticket is not None
    Topic.objects.filter(pk=topic.pk).update(title=theirs.text)
    looked = Search.objects.create(
        brand=world.brand, language="en", words="Globex fired me", found=0, ticket=theirs.ticket
    )
    Inquiry.objects.create(
        brand=world.brand, language="en", text="Globex fired me", origin="search", search=looked, said_at=timezone.now()
    )
    drafts.of_ticket(theirs.ticket, world.agent)
    kept = drafts.of_topic(topic, world.agent)
    erase(theirs.ticket.customer_id, world.owner)
    assert not Inquiry.objects.filter(text__contains="Globex").exists()
    assert not Search.objects.filter(words__contains="Globex").exists()
    topic.refresh_from_db()
    assert topic.title != theirs.text
    assert list(Edition.objects.all()) == [kept]


def test_a_worker_looks_at_the_topics_once_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    monkeypatch.setattr(places, "LOOK_SECONDS", 60.0)
    places._looked.clear()
    rows = [
        Inquiry(brand=world.brand, language="en", text="Can I take my bike on the train?", said_at=timezone.now())
        for _number in range(2)
    ]
    places.assign(world.brand, "en", rows[:1])
    with django_assert_num_queries(0):
        places.assign(world.brand, "en", rows[1:])
    assert rows[0].topic_id == rows[1].topic_id == topic_of("bike").pk
    places._looked.clear()


def test_one_more_is_counted_as_all_anew(world: World) -> None:
    ask_all(world)
    learn.catch_up()
    nightly.run(world.brand, "en")
    for number, text in enumerate(sentences("bike")[:3]):
        tickets.resolve(world.ticket(text, who=f"more{chr(97 + number)}").pk, world.agent)
    learn.catch_up()
    columns = ("size", "asked_30", "asked_before", "negative_30", "first_at", "last_at", "channels")
    added = list(Topic.objects.order_by("pk").values(*columns))
    places.count(list(Topic.objects.values_list("pk", flat=True)))
    assert list(Topic.objects.order_by("pk").values(*columns)) == added
    assert sum(row["size"] for row in added) == 63
