"""The desk while a page stands open: it renews itself, and says who was faster."""

from __future__ import annotations

import pytest
from django.test import Client

from helpdesk.models import Delivery, Message
from helpdesk.workflow import tickets
from tests.mentions.conftest import Heard, heard

__all__ = ["heard"]

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}


def as_of(page: str) -> str:
    return page.split("as_of=")[1].split('"', maxsplit=1)[0]


def seen(page: str) -> str:
    return page.split('name="seen" form="hd-composer" value="')[1].split('"', maxsplit=1)[0]


def test_a_conversation_renews_itself_only_where_something_changed(heard: Heard) -> None:
    desk, path = heard.world.desk(heard.world.agent), f"/desk/tickets/{heard.ticket.pk}/"
    page = desk.get(path).content.decode()
    assert desk.get(path, {"as_of": as_of(page)}, headers=HX).status_code in (200, 204)  # 200 as a minute turns
    tickets.note(heard.ticket.pk, heard.world.lead, "Look at this.")
    renewed = desk.get(path, {"as_of": as_of(page)}, headers=HX)
    assert "Look at this." in renewed.content.decode()
    assert 'hd-composer"' not in renewed.content.decode().replace('form="hd-composer"', ""), "the draft is not touched"


def test_a_renewal_after_the_log_in_ended_loads_the_page(heard: Heard) -> None:
    answer = Client().get(f"/desk/tickets/{heard.ticket.pk}/", headers=HX)
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def test_who_was_faster_is_named_before_a_second_answer_goes_out(heard: Heard) -> None:
    path = f"/desk/tickets/{heard.ticket.pk}/"
    mine, theirs = heard.world.desk(heard.world.agent), heard.world.desk(heard.world.lead)
    page = mine.get(path).content.decode()
    theirs.post(f"{path}answer/", {"mode": "public", "text": "It runs again at noon."})
    late = mine.post(f"{path}answer/", {"mode": "public", "text": "Sorry, Ana!", "seen": seen(page)})
    assert late.status_code == 409
    said = late.content.decode()
    assert "Sven Holm answered while you were writing" in said
    assert "Sorry, Ana!" in said, "the words are kept"
    again = mine.post(f"{path}answer/", {"mode": "public", "text": "Sorry, Ana!", "seen": seen(said)})
    assert again.status_code == 302
    assert Delivery.objects.count() == 2


def test_a_note_needs_no_such_word(heard: Heard) -> None:
    path = f"/desk/tickets/{heard.ticket.pk}/"
    heard.world.desk(heard.world.lead).post(f"{path}answer/", {"mode": "public", "text": "It runs again at noon."})
    noted = heard.world.desk(heard.world.agent).post(f"{path}answer/", {"mode": "note", "text": "ok", "seen": "1"})
    assert noted.status_code == 302
    assert Message.objects.filter(kind="note").exists()


def test_the_address_of_a_verb_leads_back_to_the_ticket(heard: Heard) -> None:
    desk = heard.world.desk(heard.world.agent)
    answer = desk.get(f"/desk/tickets/{heard.ticket.pk}/answer/?view=mine&intent=question")
    assert answer.headers["Location"] == f"/desk/tickets/{heard.ticket.pk}/?view=mine&intent=question"
