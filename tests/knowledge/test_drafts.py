"""Drafts from what was asked and answered: evidence for each sentence, gaps where nobody knew, nothing private, nothing invented."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Message, Ticket, Verdict
from helpdesk.text.triage import Triage
from helpdesk.workflow import tickets
from helpdesk.workflow.verbs import Refused
from knowledge import publishing, search
from knowledge.mining import answers, drafts, learn, nightly, polish
from knowledge.mining.answers import Reply, is_telling, merged, telling
from knowledge.models import Draft, Edition, Inquiry, Topic
from tests.knowledge.test_mining import KINDS, sentences
from tests.world import World

pytestmark = pytest.mark.django_db

ANSWER = (
    "Hi Ana! Sorry about that. Bikes travel free at weekends outside rush hour. "
    "On weekdays a bike needs a ticket for 4 euros. Please DM us your booking. ^NH"
)


def answered(world: World, kind: str, reply: str, count: int = 20) -> list[Ticket]:
    """Tickets of one kind, each answered so and settled."""
    made = []
    for number, text in enumerate(sentences(kind)[:count]):
        ticket = world.ticket(text, who=f"{kind}{chr(97 + number)}")
        say(world, ticket, reply)
        made.append(tickets.resolve(ticket.pk, world.agent))
    return made


def say(world: World, ticket: Ticket, text: str) -> Message:
    now = timezone.now()
    made: Message = Message.objects.create(
        brand=world.brand, ticket=ticket, kind="reply", visibility="public", author=world.agent, text=text, said_at=now,
        heard_at=now, sent_at=now,
    )  # fmt: skip
    return made


def found(world: World) -> None:
    learn.catch_up()
    nightly.run(world.brand, "en")


def topic_of(words: str) -> Topic:
    row = Inquiry.objects.filter(text__icontains=words).exclude(topic=None).select_related("topic").first()
    assert row is not None
    assert row.topic is not None
    return row.topic


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("Bikes travel free at weekends outside rush hour.", True),
        ("You can change your seat in the app under Trips.", True),
        ("Please send us a DM with your booking number.", False),
        ("We're sorry for the inconvenience caused.", False),
        ("I have refunded your ticket to your card.", False),
        ("We will get back to you on this.", False),
        ("Your order 123-1234567-1234567 arrives in the evening.", False),
        ("Could you tell us more about it?", False),
        ("The train leaves at noon tomorrow from there.", False),
        ("Thanks!", False),
        ("Ask Ana Lindqvist at the counter about it.", False),
    ],
)
def test_what_would_answer_others_too(line: str, is_kept: bool) -> None:
    assert is_telling(line, names=["Ana Lindqvist"]) is is_kept


def test_a_reply_without_its_talk() -> None:
    assert telling(ANSWER) == [
        "Bikes travel free at weekends outside rush hour.",
        "On weekdays a bike needs a ticket for 4 euros.",
    ]


def test_what_many_say_is_said_once_with_all_its_evidence() -> None:
    replies = [
        Reply(1, 11, "Bikes travel free at weekends."),
        Reply(2, 12, "Bikes travel free at weekends! Folding bikes always travel free."),
        Reply(3, 13, "Bikes travel free at weekends."),
    ]
    made = merged(replies)
    assert [(one.text, one.messages, one.tickets) for one in made] == [
        ("Bikes travel free at weekends.", (1, 2, 3), (11, 12, 13)),
        ("Folding bikes always travel free.", (2,), (12,)),
    ]


def test_a_topic_becomes_a_draft_that_is_reviewed_published_and_found(world: World) -> None:
    answered(world, "bike", ANSWER)
    answered(world, "password", "Choose “Forgot password” on the log-in page and follow the link in the mail.")
    found(world)
    edition = drafts.of_topic(topic_of("take my bike"), world.agent)
    assert edition.latest is not None
    assert edition.state == "draft"
    assert edition.live is None
    body = edition.latest.body
    assert "Bikes travel free at weekends outside rush hour." in body
    assert "What people also ask" in body
    for word in ("Ana", "DM", "Sorry", "^NH"):
        assert word not in body
    row = Draft.objects.get(article=edition.article)
    assert all(one["messages"] and one["tickets"] for one in row.evidence)
    assert all(one["sentence"] in body.replace("\n", " ") for one in row.evidence)
    assert drafts.of_topic(topic_of("take my bike"), world.agent).pk == edition.pk  # the one there is
    publishing.submit(edition.pk, world.agent)
    publishing.publish(edition.pk, world.lead)
    topic = topic_of("take my bike")
    assert topic.covered_at is not None
    hits = search.find(world.brand, "en", "is my bicycle allowed on board").hits
    assert [hit.edition for hit in hits][:1] == [edition.pk]


def test_what_nobody_answered_well_is_a_gap_and_cannot_be_published(world: World) -> None:
    answered(world, "charged", "Sorry to hear that! Please DM us your booking.")
    answered(world, "bike", ANSWER)
    found(world)
    edition = drafts.of_topic(topic_of("charged twice"), world.lead)
    assert edition.latest is not None
    assert "[gap: Nobody has answered this well yet" in edition.latest.body
    assert Draft.objects.get(article=edition.article).evidence == []
    with pytest.raises(Refused, match="still a gap"):
        publishing.publish(edition.pk, world.lead)


def test_answers_that_did_not_help_are_no_evidence(world: World) -> None:
    made = answered(world, "bike", "Bikes are never allowed on any of our trains at all.", 10)
    Ticket.objects.filter(pk__in=[row.pk for row in made]).update(verdict=Verdict.UNHAPPY)
    late = answered(world, "password", "Choose Forgot password on the log-in page.", 10)
    Ticket.objects.filter(pk__in=[row.pk for row in late]).update(reopened_count=1)
    keys = [row.pk for row in (*made, *late)]
    assert drafts.best_replies(world.brand, keys) == []


def test_a_draft_from_one_ticket(world: World) -> None:
    ticket = world.ticket("@northwind Hi, can I take my bike at the weekend? My number is +46 70 123 45 67", who="ana")
    say(world, ticket, ANSWER)
    edition = drafts.of_ticket(ticket, world.agent)
    assert edition.title.startswith("Can I take my bike at the weekend?")
    assert edition.latest is not None
    assert "free at weekends" in edition.latest.body
    assert "70 123" not in edition.title


def test_a_model_may_word_but_not_invent(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "A bike costs 4 euros.\n\n[gap: Say where.]"
    assert polish.polished(body) == (body, False)  # off by default
    settings.LLM_BASE_URL = "http://127.0.0.1:9/v1"
    assert polish.polished(body) == (body, False)  # nobody answers
    monkeypatch.setattr(polish, "_asked", lambda text: "Taking a bike costs 4 euros.\n\n[gap: Say where.]")
    assert polish.polished(body) == ("Taking a bike costs 4 euros.\n\n[gap: Say where.]", True)
    for wrong in ("A bike costs 5 euros.\n\n[gap: Say where.]", "A bike costs 4 euros at the counter.", "4", ""):
        monkeypatch.setattr(polish, "_asked", lambda text, wrong=wrong: wrong)
        assert polish.polished(body) == (body, False)


# --- in the desk -----------------------------------------------------------------------------------------------


def test_an_agent_writes_and_a_lead_publishes_in_the_desk(world: World) -> None:
    agent, lead = world.desk(world.agent), world.desk(world.lead)
    answer = agent.post(
        "/desk/articles/new/", {"brand": "northwind", "title": "Bikes", "body": "# Free\n\nAt weekends."}
    )
    edition = Edition.objects.get()
    assert answer.headers["Location"] == f"/desk/articles/{edition.pk}/"
    assert "At weekends." in agent.get(answer.headers["Location"]).content.decode()
    assert "<h2" in agent.post("/desk/articles/preview/", {"body": "# Free"}).content.decode()
    assert agent.post(f"/desk/articles/{edition.pk}/publish/").status_code == 403
    agent.post(f"/desk/articles/{edition.pk}/submit/", {"why": "please"})
    assert lead.post(f"/desk/articles/{edition.pk}/send_back/", {"why": ""}).status_code == 400
    assert lead.post(f"/desk/articles/{edition.pk}/publish/").status_code == 302
    edition.refresh_from_db()
    assert edition.state == "published"
    assert "Bikes" in lead.get("/desk/articles/?state=published&q=bik").content.decode()


def test_words_that_were_refused_stay_in_the_box(world: World) -> None:
    edition = publishing.create(world.brand, world.agent, publishing.Words("Bikes", "Free."))
    base = edition.latest_id
    publishing.save(edition.pk, world.lead, publishing.Words("Bikes", "Free at weekends."))
    agent = world.desk(world.agent)
    answer = agent.post(f"/desk/articles/{edition.pk}/", {"title": "Bikes", "body": "Never free.", "base": base})
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Never free." in html
    assert "Sven Holm saved this meanwhile" in html
    answer = agent.post(f"/desk/articles/{edition.pk}/", {"title": "", "body": "Never free."})
    assert answer.status_code == 400
    assert "Never free." in answer.content.decode()


def test_a_revision_shows_what_it_changed(world: World) -> None:
    edition = publishing.create(world.brand, world.agent, publishing.Words("Bikes", "One\n\nTwo <b>\n\nThree"))
    publishing.save(edition.pk, world.agent, publishing.Words("Bikes", "One\n\nTwo and a half\n\nThree", why="fares"))
    html = world.desk(world.agent).get(f"/desk/articles/{edition.pk}/revisions/2/").content.decode()
    assert 'class="hd-gone"' in html
    assert "Two &lt;b&gt;" in html
    assert "fares" in html


def test_topics_in_the_desk(world: World) -> None:
    for kind in KINDS:
        answered(world, kind, ANSWER if kind == "bike" else "Sorry about that!")
    found(world)
    agent = world.desk(world.agent)
    page = agent.get("/desk/topics/").content.decode()
    assert page.count("Draft an article") == 3
    topic = topic_of("take my bike")
    assert "asked in 30 days" in agent.get(f"/desk/topics/{topic.pk}/").content.decode()
    assert agent.post(f"/desk/topics/{topic.pk}/name/", {"title": "Bikes on trains"}).status_code == 302
    answer = agent.post(f"/desk/topics/{topic.pk}/draft/")
    assert answer.headers["Location"].startswith("/desk/articles/")
    html = agent.get(answer.headers["Location"]).content.decode()
    assert "What it rests on" in html
    assert "answer 1" in html
    other = topic_of("log in")
    agent.post(f"/desk/topics/{other.pk}/merge/", {"into": topic.pk})
    other.refresh_from_db()
    topic.refresh_from_db()
    assert (other.state, topic.size) == ("merged", 40)


def test_a_manager_sets_the_help_centre_up(world: World) -> None:
    manager = world.desk(world.manager)
    given = {"brand": "northwind", "spoken": "en, de", "colour": "#ffd400", "minutes_per_answer": "6", "is_open": "on", "sites": "https://www.northwind.example"}  # fmt: skip
    assert manager.post("/desk/help-centre/", given).status_code == 302
    assert world.brand.help_centre.languages == ["en", "de"]
    for wrong in (
        {"spoken": "english please"},
        {"sites": "www.northwind.example/help"},
        {"colour": "red"},
        {"domain": "no domain"},
    ):
        assert manager.post("/desk/help-centre/", {**given, **wrong}).status_code == 400
    lead = world.desk(world.lead)
    shelf = {"brand": "northwind", "name": "Tickets", "texts": "de: Fahrkarten | Kaufen"}
    assert lead.post("/desk/help-centre/categories/", shelf).status_code == 302
    assert lead.post("/desk/help-centre/categories/", {**shelf, "texts": "Fahrkarten"}).status_code == 400
    assert "Fahrkarten" not in world.desk(world.outsider).get("/help/northwind/en/").content.decode()


def test_what_one_sentence_tells_is_not_told_again() -> None:
    said = (
        "A bike place costs 4 euros; book it in the app under “Extras”.",
        "Yes, you book a bike place in the app under “Extras”.",
        "A bike place costs 5 euros; book it in the app under “Extras”.",
    )
    replies = [answers.Reply(number, number, text) for number, text in enumerate(said, 1)]
    assert answers.says(said[0], said[1])
    assert not answers.says(said[0], said[2])  # another number is another fact
    told = answers.merged(replies[:2])
    assert [(one.text, one.messages) for one in told] == [(said[0], (1, 2))]


@pytest.mark.parametrize(
    "line",
    ["We’ll get this passed on to the right team.", "I can look into your concern.", "That doesn't sound good.", "If you need anything else, give us a shout.",
     "Click here to meet me back in there!", "Don't worry, help's here.", "We'd like to take a closer look with you."],
)  # fmt: skip
def test_talk_is_no_answer(line: str) -> None:
    assert not is_telling(line)


def test_chat_is_no_inquiry(world: World) -> None:
    for number, text in enumerate(
        ("BOORITO TIME at the station", "I left my umbrella on the 8:12", "Umbrellas at platform 4, anybody?")
    ):
        ticket = world.ticket(text, who=f"who{number}", triage=Triage(intent="other"))
        tickets.resolve(ticket.pk, world.agent)
    learn.catch_up()
    assert sorted(Inquiry.objects.values_list("text", flat=True)) == [
        "I left my umbrella on the 8:12",
        "Umbrellas at platform 4, anybody?",
    ]
