"""Articles beside a ticket: what is suggested, the link of an answer and whether it was opened, and what the ticket gives back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from helpdesk.workflow import replies
from helpdesk.workflow.verbs import Refused
from knowledge import handing, requests
from knowledge.mining import learn
from knowledge.models import Draft, Edition, Feedback, Handed, Revision
from tests.attacks.scene import heard
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db
ASKS = "My train was cancelled yesterday. How do I get a refund for the ticket?"


@pytest.fixture
def refund(write: Write) -> Edition:
    write("Bring a dog on board", "Dogs travel on a lead.")
    return write("How to get a refund for a cancelled train", "Open your booking and choose refund.")


def desk(world: World, who: str = "agent") -> Client:
    return world.desk(getattr(world, who))


def test_a_ticket_shows_what_may_answer_it(world: World, refund: Edition, write: Write) -> None:
    write("Refunds above the limit", "For agents: cancelled train refund above 100 needs a lead.", visible="internal")
    ticket = world.ticket(ASKS)
    page = desk(world).get(f"/desk/tickets/{ticket.pk}/")
    assert f'hx-get="/desk/tickets/{ticket.pk}/articles/"' in page.content.decode()
    panel = desk(world).get(f"/desk/tickets/{ticket.pk}/articles/").content.decode()
    assert "How to get a refund for a cancelled train" in panel
    assert "Bring a dog on board" not in panel
    internal = panel.split("Refunds above the limit", 1)[1].split("</li>", 1)[0]
    assert "agents only" in internal
    assert "data-hand" not in internal
    assert "data-hand" not in desk(world, "auditor").get(f"/desk/tickets/{ticket.pk}/articles/").content.decode()


def test_a_link_is_made_once_and_tells_when_it_was_opened(world: World, refund: Edition, reader: Client) -> None:
    ticket = heard(world, "Ana", world.brand).ticket
    client = desk(world)
    path = f"/desk/tickets/{ticket.pk}/articles/"
    told = client.post(path, {"edition": refund.pk}).json()
    assert told == client.post(path, {"edition": refund.pk}).json()
    assert re.search(r"/help/northwind/en/articles/how-to-get-a-refund[a-z-]*/\?r=[\w-]{8}$", told["link"])
    assert Handed.objects.filter(agent=world.agent, message=None, opened_at=None).count() == 1
    replies.reply(ticket.pk, world.agent, f"It is here: {told['link']}", "public")
    learn.listen(world.brand)
    assert Handed.objects.get().message is not None
    reader.get(told["link"].replace("http://testserver", ""), headers={"User-Agent": "Googlebot/2.1"})
    assert Handed.objects.get().opened_at is None  # a machine that looks at links is no reader
    reader.get(told["link"].replace("http://testserver", ""))
    assert Handed.objects.get().opened_at is not None
    assert "Answered with" in client.get(path).content.decode()


def test_what_customers_cannot_read_is_not_handed(world: World, write: Write) -> None:
    ticket = world.ticket(ASKS)
    inner, draft = write("Inside", visible="internal"), write("A draft", live=False)
    theirs = write("Theirs", brand=world.rival)
    for edition in (inner, draft, theirs):
        with pytest.raises(Refused):
            handing.hand(edition, ticket, world.agent)
        told = desk(world).post(f"/desk/tickets/{ticket.pk}/articles/", {"edition": edition.pk})
        assert told.status_code == 400
        assert told.json()["error"]
    assert not Handed.objects.exists()


def test_the_picker_finds_while_one_types(world: World, refund: Edition) -> None:
    ticket = world.ticket(ASKS)
    client = desk(world)

    def titles(words: str) -> list[str]:
        found = client.get(f"/desk/tickets/{ticket.pk}/articles/find/", {"q": words}).json()
        return [one["title"] for one in found["results"]]

    assert titles("do") == ["Bring a dog on board"]
    assert titles("refu") == [refund.title]
    assert titles("") == [refund.title]  # nothing typed yet: what fits the ticket
    assert titles("zebra") == []


def test_where_a_customer_came_from_is_told(world: World, refund: Edition) -> None:
    asked = requests.Asked("It says my booking is unknown", "Refund", "", "", refund, None)
    thread = requests.new_thread()
    requests.ask(world.brand, asked, thread, "http://testserver/x")
    found: Any = requests.state_of(_thread(world, thread))[0]
    panel = desk(world).get(f"/desk/tickets/{found.pk}/articles/").content.decode()
    assert "Had read" in panel
    assert refund.title in panel


def _thread(world: World, key: str) -> Any:
    return requests.find(world.brand, requests.token_of(key))


def test_an_article_is_written_from_a_ticket_once(world: World) -> None:
    ticket = world.ticket(ASKS)
    first = desk(world).post(f"/desk/tickets/{ticket.pk}/articles/write/")
    again = desk(world).post(f"/desk/tickets/{ticket.pk}/articles/write/")
    assert first["Location"] == again["Location"]
    assert Draft.objects.get().ticket == ticket
    assert "[gap:" in Revision.objects.get().body  # nothing was answered: nothing is made up
    assert desk(world, "auditor").post(f"/desk/tickets/{ticket.pk}/articles/write/").status_code == 403


def test_this_article_is_wrong_reaches_its_editors(world: World, refund: Edition) -> None:
    ticket = world.ticket(ASKS)
    client = desk(world)
    back = client.post(f"/desk/articles/{refund.pk}/wrong/", {"words": "The button moved", "ticket": ticket.pk})
    assert back["Location"] == f"/desk/tickets/{ticket.pk}/"
    row = Feedback.objects.get()
    assert (row.words, row.author, row.ticket) == ("The button moved", world.agent, ticket)
    assert "The button moved" in client.get("/desk/articles/").content.decode()
    client.post(f"/desk/articles/{refund.pk}/wrong/", {"words": " "})
    assert Feedback.objects.count() == 1
