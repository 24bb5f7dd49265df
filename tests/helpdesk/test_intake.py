"""Which ticket something said belongs to: the design's rules on threads and tickets, one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from helpdesk import intake, summary
from helpdesk.intake.rows import Rows
from helpdesk.models import FAR, Channel, Deadline, Event, Message, Participant, Thread, Ticket, TicketLink, Visibility
from helpdesk.text.clean import cleaned
from helpdesk.workflow import deadlines, tickets
from helpdesk.workflow.verbs import Conflict
from tests.world import World

pytestmark = pytest.mark.django_db


def aged(ticket: Ticket, hours: float) -> None:
    """As if the ticket had been resolved and last heard so many hours ago."""
    then = timezone.now() - dt.timedelta(hours=hours)
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=then, last_inbound_at=then)


def test_the_same_thread_goes_to_the_current_ticket(world: World) -> None:
    first = world.ticket(thread="t")
    again = world.hear("still late", thread="t")
    assert again.ticket_id == first.pk
    assert Ticket.objects.get().inbound_count == 2


def test_a_resolved_ticket_reopens_within_the_window(world: World) -> None:
    first = world.ticket(thread="t")
    tickets.resolve(first.pk, world.agent)
    again = world.hear("not settled at all", thread="t")
    first.refresh_from_db()
    assert (again.ticket_id, first.state, first.resolved_at) == (first.pk, "open", None)
    assert first.due_at is not None, "an answer is due again"
    assert Event.objects.filter(code="ticket.reopened").exists()


def test_after_the_window_a_new_ticket_is_linked(world: World) -> None:
    first = world.ticket(thread="t")
    tickets.resolve(first.pk, world.agent)
    aged(first, 30)
    second = world.hear("it happened again", thread="t").ticket
    assert second.pk != first.pk
    assert TicketLink.objects.get() == TicketLink.objects.get(earlier=first, later=second, kind="follows")
    assert Participant.objects.get().ticket_id == second.pk, "what comes next goes to the new one"


def test_a_new_thread_joins_the_open_ticket_of_the_same_channel(world: World) -> None:
    first = world.ticket(thread="one")
    second = world.hear("and another thing", thread="two")
    assert second.ticket_id == first.pk
    assert Thread.objects.count() == 2


def test_a_new_thread_after_the_window_is_a_new_linked_ticket(world: World) -> None:
    first = world.ticket(thread="one", said_at=timezone.now() - dt.timedelta(hours=30))
    second = world.hear("long after", thread="two")
    assert second.ticket_id != first.pk
    assert TicketLink.objects.get().earlier_id == first.pk


def test_others_in_a_customers_thread_take_part(world: World) -> None:
    first = world.ticket(thread="t")
    other = world.hear("same here", who="bo", thread="t", opened_by_author=False)
    assert other.ticket_id == first.pk
    assert Participant.objects.filter(ticket=first).count() == 2


def test_under_our_own_post_each_author_gets_a_ticket(world: World) -> None:
    names = [
        world.hear("hello", who=name, thread="ours", opened_by_author=False).ticket_id for name in ("ana", "bo", "cy")
    ]
    assert len(set(names)) == 3
    assert Thread.objects.get().opened_by is None


def test_our_own_post_made_elsewhere_is_a_reply(world: World) -> None:
    asked = world.hear("where?", thread="t", key="asked")
    ours = world.hear("Platform 4.", who="us", thread="t", parent_key="asked", ours=True, opened_by_author=False)
    assert (ours.kind, ours.ticket_id) == ("reply", asked.ticket_id)
    assert Ticket.objects.count() == 1


def test_spam_keeps_collecting_without_reopening(world: World) -> None:
    first = world.ticket(thread="t")
    tickets.close(first.pk, world.agent, "spam")
    assert world.hear("buy now", thread="t").ticket_id == first.pk
    first.refresh_from_db()
    assert (first.state, first.due_at) == ("closed", None)


def test_brands_do_not_meet(world: World) -> None:
    here, there = world.ticket(thread="t"), world.ticket(thread="t", brand=world.rival)
    assert here.customer_id != there.customer_id
    assert (here.number, there.number) == (1, 1)


def test_waiting_opens_when_they_write_and_a_next_answer_is_due(world: World) -> None:
    ticket = world.ticket(thread="t")
    tickets.log_call(ticket.pk, world.agent, "Told her: platform 4.")
    ticket.refresh_from_db()
    assert (ticket.state, ticket.due_at) == ("waiting", None)
    assert ticket.answered_at is not None
    world.hear("thanks, and the next one?", thread="t")
    ticket.refresh_from_db()
    assert ticket.state == "open"
    assert Deadline.objects.get(met_at=None, dropped_at=None).kind == "next_response"


def test_a_claimed_time_pulls_a_deadline_forward_by_a_day_at_most() -> None:
    now = timezone.now()
    assert deadlines.start_of(now - dt.timedelta(days=9000), now) == now - dt.timedelta(hours=24)
    assert deadlines.start_of(now + dt.timedelta(days=2), now) == now


def test_the_summary_is_what_the_rows_say(world: World) -> None:
    ticket = world.ticket("my train never came, this is terrible", thread="t")
    world.hear("thank you, all fine now", thread="t")
    tickets.note(ticket.pk, world.agent, "called the driver")
    ids = Ticket.objects.values_list("id", flat=True)
    assert summary.differences(ids) == []
    ticket.refresh_from_db()
    assert (ticket.intent, ticket.sentiment, ticket.message_count) == ("complaint", "positive", 3)
    Ticket.objects.update(intent="praise", message_count=9)
    assert {name for _, name, _, _ in summary.differences(ids)} == {"intent", "message_count"}
    summary.refresh(ids)
    assert summary.differences(ids) == []


def test_an_answer_in_the_same_page_is_tied_to_what_it_answers(world: World) -> None:
    now = timezone.now()
    ana = intake.Person("bluesky", "demo:bluesky", "demo:ana", "ana")
    page = [
        intake.Contact(ana, "post", "t", cleaned(key), now, now, key, parent, opened_by_author=True)
        for key, parent in (("one", ""), ("two", "one"), ("three", "two"))
    ]
    with transaction.atomic():
        first, second, third = intake.take_in(world.channel(), page)
    assert first is not None
    assert second is not None
    assert third is not None
    assert dict(Message.objects.values_list("id", "parent")) == {
        first.pk: None,
        second.pk: first.pk,
        third.pk: second.pk,
    }


def test_the_summary_s_columns_are_written_for_many_tickets_at_once(world: World) -> None:
    for number in range(5):
        world.hear(f"thing {number}", who=f"p{number}", thread=f"t{number}")
    before = list(Ticket.objects.order_by("id").values(*summary.COLUMNS))
    Ticket.objects.update(intent="idea", reach=0, next_due_at=FAR, platform="", message_count=0)
    summary.refresh(Ticket.objects.values_list("id", flat=True))
    assert list(Ticket.objects.order_by("id").values(*summary.COLUMNS)) == before


def test_a_correction_stays_and_the_ticket_follows_it(world: World) -> None:
    message = world.hear("is this a question?", thread="t")
    tickets.correct_triage(message.pk, world.agent, intent="idea")
    assert Ticket.objects.get().intent == "idea"
    world.hear("this is terrible, nothing works", thread="t")
    assert Ticket.objects.get().intent == "idea"
    assert Message.objects.get(pk=message.pk).corrected["intent"]["was"] == "question"


def test_moves_that_do_not_fit_are_conflicts(world: World) -> None:
    ticket = world.ticket()
    with pytest.raises(Conflict):
        tickets.reopen(ticket.pk, world.agent)
    tickets.resolve(ticket.pk, world.agent)
    with pytest.raises(Conflict):
        tickets.resolve(ticket.pk, world.agent)


def test_private_words_are_told_apart(world: World) -> None:
    message = world.hear("card 4418", visibility=Visibility.PRIVATE)
    page = world.desk(world.agent).get(f"/desk/tickets/{message.ticket_id}/").content.decode()
    assert 'value="private" data-most="2000" data-parts="1"' in " ".join(page.split()) or "private" in page


def told(world: World, who: str, text: str, minutes: float, **values: object) -> intake.Contact:
    """A contact in thread "t", said so many minutes from now."""
    at = timezone.now() + dt.timedelta(minutes=minutes)
    person = intake.Person("bluesky", "demo:bluesky", f"demo:{who}", who, who.title())
    return intake.Contact(person, "post", "t", cleaned(text), at, timezone.now(), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["waiting", "resolved"])
def test_our_own_answer_and_their_next_word_in_one_page_leave_an_answer_due(world: World, state: str) -> None:
    ticket = world.ticket(thread="t", key="asked")
    asked = Message.objects.get()
    tickets.log_call(ticket.pk, world.agent, "called")
    if state == "resolved":
        tickets.resolve(ticket.pk, world.agent)
    page = [
        told(world, "us", "From the app", -2, key="ours", parent_key="asked", ours=True),
        told(world, "ana", "Do something!", -1, key="more", parent_key="asked", opened_by_author=True),
    ]
    with transaction.atomic():
        intake.take_in(ticket.channel, page, {"asked": asked})
    ticket.refresh_from_db()
    assert (ticket.state, ticket.message_count) == ("open", 4)
    running = Deadline.objects.get(ticket=ticket, met_at=None, dropped_at=None)
    assert ticket.due_at == running.due_at
    assert not Deadline.objects.filter(met_at__lt=F("started_at")).exists()
    assert summary.differences([ticket.pk]) == []


def test_what_is_spam_from_one_is_no_spam_from_another(world: World) -> None:
    spam = world.ticket("buy followers", who="troll", thread="t")
    tickets.close(spam.pk, world.agent, "spam")
    bob = world.hear("my order 123 is missing", who="bob", thread="t", opened_by_author=False)
    assert bob.ticket_id != spam.pk
    assert Ticket.objects.get(pk=bob.ticket_id).due_at is not None
    assert world.hear("more followers", who="troll", thread="t").ticket_id == spam.pk


def test_the_same_thread_key_in_two_namespaces_is_two_threads(world: World) -> None:
    with transaction.atomic():
        for place, who in (("one.example", "ana"), ("two.example", "kirsi")):
            person = intake.Person("bluesky", place, who, who, who)
            at = timezone.now()
            contact = intake.Contact(person, "post", "1", cleaned("hi"), at, at, opened_by_author=True)
            channel = world.channel()
            if who == "kirsi":
                channel = Channel.objects.create(brand=world.brand, platform=channel.platform, name="Other")
            intake.take_in(channel, [contact])
    assert Thread.objects.count() == Ticket.objects.count() == 2


def test_a_crowd_in_a_thread_is_not_loaded_for_one_more_word(world: World) -> None:
    for number in range(30):
        world.hear("me too", who=f"p{number}", thread="t", opened_by_author=False)
    locked: list[int] = []
    load = Rows._lock

    def watched(self: Rows, ids: Collection[int]) -> None:
        locked.extend(ids)
        load(self, ids)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Rows, "_lock", watched)
        world.hear("and me", who="late", thread="t", opened_by_author=False)
    assert locked == []


def test_an_old_post_answered_long_ago_waits_for_nothing(world: World) -> None:
    asked = world.hear("three days ago", thread="t", key="asked", said_at=timezone.now() - dt.timedelta(days=3))
    answer = told(world, "us", "From the app", -3 * 24 * 60 + 2, key="ours", parent_key="asked", ours=True)
    with transaction.atomic():
        intake.take_in(asked.ticket.channel, [answer], {"asked": asked})
    ticket = Ticket.objects.get()
    assert (ticket.state, ticket.due_at) == ("waiting", None)
    assert not Deadline.objects.filter(met_at__lt=F("started_at")).exists()
    world.hear("and now?", thread="t")
    ticket.refresh_from_db()
    assert ticket.due_at is not None
    assert ticket.due_at > timezone.now()
