"""Asking how it went: whom, when and how often; what the link opens; and what a verdict moves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from helpdesk import erasing, joining, summary
from helpdesk.models import Brand, Channel, Delivery, Escalation, Event, Message, MessageBody, Notice, Survey, Ticket
from helpdesk.tasks import ask_how_it_went, look
from helpdesk.workflow import brands, policies, replies, surveys, tickets
from helpdesk.workflow.verbs import Conflict, Refused
from mentions import delivery
from mentions.models import Account
from tests.attacks.scene import heard
from tests.world import World

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _asks(world: World) -> None:
    Brand.objects.filter(pk=world.brand.pk).update(survey_minutes=60)
    world.brand.refresh_from_db()


def settled(world: World, who: str = "ana", text: str = "My train is late, this is terrible") -> Ticket:
    """A ticket that was answered and resolved."""
    message = heard(world, "Ana", world.brand, who=who)
    Message.objects.filter(pk=message.pk).update(text=text)
    sent = replies.reply(message.ticket_id, world.agent, "Ana, it leaves at noon.", "public")
    delivery.deliver(sent.pk)
    tickets.resolve(message.ticket_id, world.agent)
    return Ticket.objects.get(pk=message.ticket_id)


def asked(world: World, who: str = "ana") -> Survey:
    """One that is out."""
    ticket = settled(world, who)
    surveys.send(timezone.now() + 2 * HOUR)
    return Survey.objects.get(ticket=ticket)


class TestAsking:
    def test_an_hour_after_it_was_resolved_privately_and_by_name(self, world: World) -> None:
        ticket = settled(world)
        row = Survey.objects.get()
        assert (row.state, row.ticket) == ("planned", ticket)
        assert surveys.send(timezone.now()) == 0
        with time_machine.travel(timezone.now() + 2 * HOUR, tick=False):
            look()
            ask_how_it_went()
            row.refresh_from_db()
            delivery.deliver(row.delivery_id or 0)
        sent = row.delivery
        assert sent is not None
        assert sent.message is not None
        assert (row.state, sent.visibility, sent.message.is_automatic) == ("sent", "private", True)
        assert sent.message.text.startswith("Hello Ana, is it settled for you?")
        assert f"http://localhost:8000{surveys.path_of(row)}" in sent.message.text
        ticket.refresh_from_db()
        assert (ticket.state, Delivery.objects.get(pk=sent.pk).state) == ("resolved", "sent")
        assert summary.differences([ticket.pk]) == []

    def test_twice_at_once_asks_once(self, world: World) -> None:
        settled(world)
        later = timezone.now() + 2 * HOUR
        assert [surveys.send(later), surveys.send(later)] == [1, 0]
        assert Message.objects.filter(is_automatic=True).count() == 1

    def test_nobody_is_asked_twice_in_a_month_whatever_their_tickets(self, world: World) -> None:
        first = asked(world)
        other = settled(world, who="ana")
        assert other.customer_id == first.ticket.customer_id
        surveys.send(timezone.now() + 2 * HOUR)
        assert list(Survey.objects.order_by("id").values_list("state", "skipped")) == [
            ("sent", ""),
            ("skipped", "monthly"),
        ]
        Survey.objects.filter(pk=first.pk).update(sent_at=timezone.now() - 31 * DAY)
        with pytest.raises(Conflict, match=r"^Ask when it is resolved"):
            surveys.ask(world.ticket(who="bo").pk, world.agent)
        assert surveys.ask(other.pk, world.agent).state == "sent"

    @pytest.mark.parametrize(
        ("change", "why"),
        [({"state": "open"}, "reopened"), ({"intent": "praise"}, "praise"), ({"channel": None}, "unreachable")],
    )
    def test_who_is_not_asked(self, world: World, change: dict[str, Any], why: str) -> None:
        ticket = settled(world)
        if "channel" in change:  # a channel that knows no private word
            change = {"channel": _public_only(ticket)}
        Ticket.objects.filter(pk=ticket.pk).update(**change)
        surveys.send(timezone.now() + 2 * HOUR)
        row = Survey.objects.get()
        assert (row.state, row.skipped) == ("skipped", why)
        assert not Message.objects.filter(is_automatic=True).exists()

    def test_without_our_own_address_nobody_is_sent_half_a_link(self, world: World, settings: Any) -> None:
        settled(world)
        settings.DEMO = False
        surveys.send(timezone.now() + 2 * HOUR)
        assert Survey.objects.get().skipped == "no_address"

    def test_praise_and_what_was_never_answered_are_not_even_planned(self, world: World) -> None:
        praise = heard(world, "Ana", world.brand, who="ana").ticket
        Ticket.objects.filter(pk=praise.pk).update(intent="praise", answered_at=timezone.now())
        tickets.resolve(praise.pk, world.agent)
        silent = heard(world, "Bo", world.brand, who="bo").ticket
        tickets.resolve(silent.pk, world.agent)
        assert not Survey.objects.exists()

    def test_a_policy_asks_in_its_own_time_or_not_at_all(self, world: World) -> None:
        policy = policies.save_service(world.brand, world.manager, name="All", next_response_minutes=60)
        settled(world)
        assert not Survey.objects.exists()
        policies.save_service(world.brand, world.manager, policy, survey_minutes=3 * 24 * 60)
        settled(world, who="bo")
        assert 2.9 * DAY < Survey.objects.get().send_at - timezone.now() <= 3 * DAY

    def test_resolved_again_it_is_asked_once_later(self, world: World) -> None:
        ticket = settled(world)
        first = Survey.objects.get().send_at
        tickets.reopen(ticket.pk, world.agent)
        tickets.resolve(ticket.pk, world.agent)
        assert Survey.objects.get().send_at > first

    def test_in_the_brands_own_words(self, world: World) -> None:
        Brand.objects.filter(pk=world.brand.pk).update(survey_text="{name}, all well? {link} {brand}")
        row = asked(world)
        assert row.delivery is not None
        assert row.delivery.message is not None
        words = row.delivery.message.text
        assert words.startswith("Ana, all well? http")
        assert words.endswith(world.brand.name)
        with pytest.raises(Refused) as told:
            brands.change(world.brand.pk, world.manager, survey_text="no link at all")
        assert told.value.field == "survey_text"


def _public_only(ticket: Ticket) -> Any:
    channel = Channel.objects.create(brand=ticket.brand, platform="wordpress", name="Blog")
    Account.objects.create(brand=ticket.brand, channel=channel, platform="wordpress", namespace="blog", external_id="1")
    return channel


class TestLink:
    def test_looking_says_nothing_and_answering_works_once(self, world: World) -> None:
        row, client = asked(world), Client(enforce_csrf_checks=True)
        path = surveys.path_of(row)
        for _ in range(2):  # a preview, a virus scanner
            page = client.get(path)
        assert (page.status_code, page["Referrer-Policy"], page["X-Robots-Tag"]) == (200, "same-origin", "noindex")
        row.refresh_from_db()
        assert row.state == "sent"
        token = client.cookies["csrftoken"].value
        none = client.post(path, {"csrfmiddlewaretoken": token})
        assert (none.status_code, "Choose one of the five." in none.content.decode()) == (400, True)
        body = {"score": "5", "comment": "All well, thank you", "csrfmiddlewaretoken": token}
        assert client.post(path, body).status_code == 302
        assert "Thank you" in client.get(path).content.decode()
        again = client.post(path, {**body, "score": "1"})
        assert (again.status_code, "answered already" in again.content.decode()) == (409, True)
        row.refresh_from_db()
        assert (row.score, row.verdict) == (5, "satisfied")
        assert client.post(path, {"score": "5"}).status_code == 403  # without the token of the form

    @pytest.mark.parametrize("token", ["guess", "a:b", "", "x" * 300])
    def test_forged_is_not_found(self, world: World, client: Client, token: str) -> None:
        row = asked(world)
        for forged in (token, f"{row.public_id}:{token}", row.public_id, surveys.token_of(row)[:-1]):
            assert client.get(f"/survey/{forged}/").status_code == 404

    def test_of_a_question_that_was_never_sent_is_not_found(self, world: World, client: Client) -> None:
        settled(world)
        assert client.get(surveys.path_of(Survey.objects.get())).status_code == 404

    def test_after_two_weeks_it_is_over_and_counts_as_silence(self, world: World, client: Client) -> None:
        row = asked(world)
        later = timezone.now() + 15 * DAY
        with time_machine.travel(later, tick=False):
            page = client.post(surveys.path_of(row), {"score": "5"})
            assert (page.status_code, "This question is over" in page.content.decode()) == (409, True)
            assert [surveys.expire(later), surveys.expire(later)] == [1, 0]
            assert "This question is over" in client.get(surveys.path_of(row)).content.decode()
        row.refresh_from_db()
        row.ticket.refresh_from_db()
        assert (row.state, row.verdict, row.ticket.verdict) == ("silent", "", "")
        assert Event.objects.filter(code="survey.silent").count() == 1


class TestVerdict:
    def test_unhappy_opens_it_again_one_level_up_and_tells_its_owner(self, world: World) -> None:
        row = asked(world)
        surveys.answer(row.pk, 1, "It left without me all the same")
        ticket = Ticket.objects.get(pk=row.ticket_id)
        step = Escalation.objects.get()
        assert (ticket.state, ticket.verdict, ticket.level, step.reason["code"]) == ("open", "unhappy", 2, "unhappy")
        notice = Notice.objects.get(code="survey.unhappy")
        assert notice.user == world.agent
        assert "is unhappy with the outcome" in world.desk(world.agent).get("/desk/notices/").content.decode()
        comment = Message.objects.get(text="It left without me all the same")
        assert (comment.kind, comment.visibility, comment.speaker, comment.thread) == (
            "inbound",
            "private",
            "Ana",
            None,
        )
        assert summary.differences([ticket.pk]) == []
        assert replies.reply_target(ticket, "public") != comment, "what was said in a survey cannot be answered there"

    @pytest.mark.parametrize(("score", "verdict"), [(2, "unhappy"), (3, "mixed"), (4, "satisfied")])
    def test_a_scale_of_five(self, world: World, score: int, verdict: str) -> None:
        row = surveys.answer(asked(world).pk, score)
        assert (row.verdict, row.comment) == (verdict, None)
        ticket = Ticket.objects.get(pk=row.ticket_id)
        assert (ticket.verdict, ticket.is_open) == (verdict, verdict == "unhappy")

    @pytest.mark.parametrize("score", [0, 6, -1])
    def test_off_the_scale(self, world: World, score: int) -> None:
        with pytest.raises(Refused, match="one of the five"):
            surveys.answer(asked(world).pk, score)

    def test_of_a_ticket_that_is_open_again_already(self, world: World) -> None:
        row = asked(world)
        tickets.reopen(row.ticket_id, world.agent)
        surveys.answer(row.pk, 1)
        ticket = Ticket.objects.get(pk=row.ticket_id)
        assert (ticket.level, ticket.reopened_count) == (2, 1)

    def test_merged_and_erased(self, world: World, client: Client) -> None:
        gone = settled(world)
        kept = heard(world, "Ana", world.brand, who="ana", thread="other").ticket
        tickets.reopen(gone.pk, world.agent)
        assert gone.pk != kept.pk
        joining.merge(gone.pk, kept.pk, world.lead)
        assert Survey.objects.get().skipped == "merged"
        row = asked(world, who="bo")
        erasing.erase(row.ticket.customer_id, world.owner)
        assert client.get(surveys.path_of(row)).status_code == 404


def test_on_the_ticket_and_by_hand(world: World) -> None:
    ticket = settled(world)
    Survey.objects.all().delete()
    desk = world.desk(world.agent)
    assert "Ask how it went" in desk.get(f"/desk/tickets/{ticket.pk}/").content.decode()
    assert desk.post(f"/desk/tickets/{ticket.pk}/ask/").status_code == 302
    assert desk.post(f"/desk/tickets/{ticket.pk}/ask/").status_code == 409
    key = surveys.token_of(Survey.objects.get())
    assert key not in desk.get(f"/desk/tickets/{ticket.pk}/").content.decode(), "the link is the customer's alone"
    assert key not in world.api(world.agent).get(f"/api/v1/messages/?ticket={ticket.pk}").content.decode()
    surveys.answer(Survey.objects.get().pk, 4)
    assert "Satisfied" in desk.get(f"/desk/tickets/{ticket.pk}/").content.decode()


def test_who_cannot_be_written_to_is_given_the_link(world: World, client: Client) -> None:
    ticket = settled(world)
    Survey.objects.all().delete()
    Ticket.objects.filter(pk=ticket.pk).update(channel=_public_only(ticket))
    desk = world.desk(world.agent)
    refused = desk.post(f"/desk/tickets/{ticket.pk}/ask/")
    assert (refused.status_code, "Give them a link yourself" in refused.content.decode()) == (409, True)
    for _ in range(2):  # a double click gives the same link
        page = desk.post(f"/desk/tickets/{ticket.pk}/ask/", {"how": "link"}, follow=True).content.decode()
        assert surveys.path_of(Survey.objects.get()) in page
    row = Survey.objects.get()
    assert (row.state, row.delivery) == ("sent", None)
    ours = desk.post(surveys.path_of(row), {"score": "5"})
    assert (ours.status_code, "only the customer can answer" in ours.content.decode()) == (403, True)
    assert client.post(surveys.path_of(row), {"score": "4"}).status_code == 302
    assert Event.objects.filter(code="survey.handed_over", actor_id=world.agent.pk).count() == 1
    other = settled(world, who="bo")
    api = world.api(world.agent)
    no = api.post("/api/v1/surveys/hand-over/", {"ticket": other.pk}, format="json")
    assert (no.status_code, "can be written to privately" in no.json()["detail"]) == (409, True)
    Ticket.objects.filter(pk=other.pk).update(channel=Channel.objects.get(name="Blog"))
    given = api.post("/api/v1/surveys/hand-over/", {"ticket": other.pk}, format="json").json()
    assert given["link"].endswith(surveys.path_of(Survey.objects.get(ticket=other)))
    assert "link" not in api.get(f"/api/v1/surveys/{given['id']}/").json()


def test_the_link_does_not_come_back_in_what_they_quote(world: World) -> None:
    ticket = settled(world)
    surveys.send(timezone.now() + 2 * HOUR)
    row = Survey.objects.get()
    assert row.delivery is not None
    assert row.delivery.message is not None
    quoting = world.hear(f"Thanks! > {row.delivery.message.text}", who="ana")
    MessageBody.objects.create(brand=world.brand, message=quoting, quoted=row.delivery.message.text, html=f"<p>{row.delivery.message.text}</p>")  # fmt: skip
    desk, key = world.desk(world.agent), surveys.token_of(row)
    for path in (f"/desk/tickets/{quoting.ticket_id}/", f"/desk/messages/{quoting.pk}/html/"):
        assert key not in desk.get(path).content.decode()
    assert key not in world.api(world.agent).get(f"/api/v1/messages/?ticket={quoting.ticket_id}").content.decode()
    assert ticket.pk


def test_a_verdict_on_a_ticket_that_was_merged_counts_where_it_went(world: World, client: Client) -> None:
    row = asked(world)
    kept = heard(world, "Ana", world.brand, who="ana", thread="other").ticket
    gone = Ticket.objects.get(pk=row.ticket_id)
    assert kept.pk != gone.pk
    joining.merge(gone.pk, kept.pk, world.lead)
    assert client.post(surveys.path_of(row), {"score": "1", "comment": "Worse"}).status_code == 302
    kept.refresh_from_db()
    assert (kept.verdict, kept.is_open) == ("unhappy", True)
    assert Message.objects.get(text="Worse").ticket_id == kept.pk


def test_asked_though_it_was_resolved_before_the_answer_had_left(world: World) -> None:
    message = heard(world, "Ana", world.brand, who="ana")
    sent = replies.reply(message.ticket_id, world.agent, "Ana, it leaves at noon.", "public")
    tickets.resolve(message.ticket_id, world.agent)
    assert Survey.objects.get().state == "planned"
    delivery.deliver(sent.pk)
    surveys.send(timezone.now() + 2 * HOUR)
    assert Survey.objects.get().state == "sent"


def test_an_answer_that_never_left_is_nothing_to_be_judged(world: World) -> None:
    message = heard(world, "Ana", world.brand, who="ana")
    sent = replies.reply(message.ticket_id, world.agent, "Ana, it leaves at noon.", "public")
    tickets.resolve(message.ticket_id, world.agent)
    replies.cancel(sent.pk, world.agent)
    surveys.send(timezone.now() + 2 * HOUR)
    assert Survey.objects.get().skipped == "unanswered"


def test_a_question_that_never_left_was_not_asked(world: World) -> None:
    row = asked(world)
    assert row.delivery is not None
    replies.cancel(row.delivery.pk, world.agent)
    row.refresh_from_db()
    assert (row.state, row.skipped, row.sent_at) == ("skipped", "undelivered", None)
    assert surveys.ask(row.ticket_id, world.agent).state == "sent", "neither their month nor this ticket is used up"


def test_one_that_stumbles_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = settled(world, "ana"), settled(world, "bo")
    real = replies.say_automatically

    def stumbles(ticket_id: int, *args: Any, **more: Any) -> Any:
        if ticket_id == first.pk:
            raise KeyError("id")
        return real(ticket_id, *args, **more)

    monkeypatch.setattr(replies, "say_automatically", stumbles)
    later = timezone.now() + 2 * HOUR
    surveys.send(later)
    assert Survey.objects.get(ticket=second).state == "sent"
    stuck = Survey.objects.get(ticket=first)
    assert (stuck.state, stuck.send_at) == ("planned", later + HOUR)
