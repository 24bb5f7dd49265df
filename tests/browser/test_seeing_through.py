"""Complaints seen through in a real browser: goodwill, an incident from one ticket to all, a customer's verdict, a lesson."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from helpdesk.models import Approval, Concession, Incident, Lesson, Message, Statement, Survey, Ticket
from helpdesk.workflow import escalation, incidents, policies, surveys, sweep, tickets
from tests.attacks.scene import called, heard
from tests.browser.conftest import Desk
from tests.helpdesk.test_similar import PAYMENT

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)


def crowd(desk: Desk, count: int = 6) -> list[Ticket]:
    rows = []
    for number in range(count):
        message = heard(desk.world, "x", desk.world.brand, who=called(number))
        Message.objects.filter(pk=message.pk).update(text=PAYMENT[number % len(PAYMENT)])
        rows.append(Ticket.objects.get(pk=message.ticket_id))
    return rows


def test_goodwill_above_the_limit_is_asked_for_approved_and_granted(desk: Desk) -> None:
    ticket = crowd(desk)[1]
    desk.enter(desk.world.agent)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_text("Offer something…").click()
    page.locator("#hd-offer-amount").fill("45")
    page.locator("#hd-offer-amount").press("Tab")
    page.get_by_text("other customers have the same trouble").wait_for()
    page.get_by_text("You may grant them 20.00 EUR without asking.").wait_for()
    page.locator("#hd-offer-why").fill("Charged while the app was down")
    page.get_by_role("button", name="Grant, or ask").click()
    page.get_by_text("somebody who may has been asked").wait_for()
    assert Concession.objects.get().state == "asked"

    desk.enter(desk.world.lead)
    page = desk.open("/desk/approvals/")
    page.get_by_text("Refund, 45.00 EUR").wait_for()
    page.get_by_role("link", name="#").first.click()
    page.locator(".hd-decide-concession .hd-scale").wait_for()
    page.locator(".hd-decide-concession input[name=amount]").fill("40,50")
    page.locator(".hd-decide-concession").get_by_role("button", name="Approve").click()
    page.get_by_text("Approved: it may be granted.").wait_for()

    desk.enter(desk.world.agent)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_role("button", name="It was granted").click()
    page.get_by_text("Tell them, in your own words").wait_for()
    row = Concession.objects.get()
    assert (row.state, str(row.amount), row.decided_by) == ("granted", "40.50", desk.world.lead)


def test_an_incident_from_one_ticket_to_a_word_to_all(desk: Desk) -> None:
    rows = crowd(desk)
    desk.enter(desk.world.lead)
    page = desk.open(f"/desk/tickets/{rows[1].pk}/")
    page.get_by_role("link", name="Who else has this trouble?").click()
    found = page.locator("input[name=tickets]:checked").count()
    assert found >= 3
    page.get_by_label("What is wrong").fill("Payments in the app fail")
    page.get_by_role("button", name="Begin an incident").click()
    page.get_by_text("before they ask again").wait_for()
    page.get_by_label("In your words; {name} becomes theirs").fill("Hello {nmae}")
    page.get_by_role("button", name="Tell all").click()
    page.get_by_text("{nmae} means nothing here").wait_for()
    assert page.locator("#hd-say").input_value() == "Hello {nmae}"
    page.locator("#hd-say").fill("{name}, payments fail since noon. It is us, not your card.")
    page.get_by_role("button", name="Tell all").click()
    page.get_by_text("when somebody else has approved it").wait_for()
    assert Statement.objects.get().state == "asked"

    desk.enter(desk.world.manager)
    page = desk.open("/desk/approvals/")
    page.get_by_role("link", name="Payments in the app fail").click()
    page.get_by_role("button", name="Approve: tell all").click()
    page.get_by_text("0 of").wait_for()
    while incidents.tell(timezone.now() + HOUR):
        pass
    count = found + 1
    page.get_by_text(f"{count} of {count} told").wait_for()  # the page renews itself
    assert Message.objects.filter(kind="reply", text__contains="not your card").count() == count
    page.locator("#hd-cause").fill("A certificate ran out")
    page.get_by_role("button", name="Keep").click()
    page.get_by_text("Kept.").wait_for()
    assert Incident.objects.get().cause == "A certificate ran out"


def test_a_customer_says_on_a_phone_that_it_is_not_settled(desk: Desk) -> None:
    ticket = heard(desk.world, "Ana", desk.world.brand, who="ana").ticket
    tickets.log_call(ticket.pk, desk.world.agent, "Told her")
    tickets.resolve(ticket.pk, desk.world.agent)
    desk.enter(desk.world.agent)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_role("button", name="Ask how it went").click()
    page.get_by_text("Asked, privately").wait_for()
    assert "their own link" in page.content()

    page.context.clear_cookies()
    desk.look(width=360, dark=False)
    page = desk.open(surveys.path_of(Survey.objects.get()))
    page.get_by_role("button", name="Tell them").click()
    page.get_by_text("Choose one of the five.").wait_for()
    page.keyboard.press("Tab")
    page.get_by_label("Not at all").check()
    page.get_by_label("What should we know?").fill("The train left without me")
    page.get_by_role("button", name="Tell them").click()
    page.get_by_text("Your case is open again.").wait_for()
    page.reload()
    page.get_by_text("Your case is open again.").wait_for()

    desk.look(width=1440, dark=False)
    desk.enter(desk.world.lead)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_text("The customer was unhappy with the outcome").first.wait_for()
    page.locator(".hd-words", has_text="The train left without me").wait_for()
    page.get_by_role("button", name="I have it").click()
    page.get_by_text("It is yours").wait_for()


def test_what_had_to_be_raised_is_written_up_and_answered(desk: Desk) -> None:
    ticket = heard(desk.world, "Ana", desk.world.brand, who="ana").ticket
    escalation.escalate(ticket.pk, desk.world.agent)
    tickets.resolve(ticket.pk, desk.world.lead)
    desk.enter(desk.world.lead)
    page = desk.open("/desk/lessons/")
    page.locator(".hd-examples a").first.click()
    for name, words in (("Cause", "The form spins"), ("Area", "App"), ("What should be done", "Say what went wrong")):
        page.get_by_label(name, exact=True).fill(words)
    page.get_by_role("button", name="Pass it on").click()
    page.get_by_text("has it in writing").wait_for()
    desk.enter(desk.world.manager)
    page = desk.open("/desk/lessons/")
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("Noted.").wait_for()
    assert Lesson.objects.get().state == "accepted"


def test_the_ladder_climbs_twice_and_stops_at_who_takes_it(desk: Desk) -> None:
    policies.save_level(desk.world.brand, desk.world.manager, name="Area managers", acknowledge_minutes=60, reminders=0)
    ticket = heard(desk.world, "Ana", desk.world.brand, who="ana").ticket
    desk.enter(desk.world.agent)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_text("Escalate", exact=True).click()
    page.get_by_role("button", name="Level 2, Specialists").click()
    page.get_by_text("Asked: Sven Holm").first.wait_for()
    now = timezone.now()
    for minutes in (31, 62):
        sweep.sweep(now + minutes * MINUTE)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_text("Nobody at level 2 acknowledged it in time").first.wait_for()
    assert page.get_by_role("button", name="I have it").count() == 0, "the agent was not asked"
    desk.enter(desk.world.manager)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_role("button", name="I have it").click()
    page.get_by_text("climbs no further by itself").wait_for()
    sweep.sweep(now + 48 * HOUR)
    ticket.refresh_from_db()
    assert (ticket.level, ticket.assignee) == (3, desk.world.manager)
    assert not Approval.objects.exists()
