"""Learning from failure: what had to be raised is written up, handed to who answers for it, answered and counted."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from helpdesk import erasing
from helpdesk.models import Alert, Area, Cause, Escalation, Lesson, Notice, Ticket, User
from helpdesk.tasks import send_alerts
from helpdesk.workflow import escalation, lessons, likeness, tickets
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused
from tests.attacks.scene import heard
from tests.world import World, person

SAID = ("The refund form spins", "App", "Show what went wrong instead of a spinner")


def ended(world: World, who: str = "ana") -> Escalation:
    """Raised to the specialists and resolved."""
    ticket = heard(world, "Ana", world.brand, who=who).ticket
    escalation.escalate(ticket.pk, world.agent)
    tickets.resolve(ticket.pk, world.lead)
    return Escalation.objects.get(ticket=ticket)


@pytest.fixture
def head_of_app(world: World) -> User:
    user = person("ida@northwind.example", "Ida App", world.brand)
    Area.objects.create(brand=world.brand, name="App", manager=user)
    return user


class TestWriting:
    def test_it_goes_in_writing_to_who_answers_for_the_area(
        self, world: World, head_of_app: User, settings: object
    ) -> None:
        row = lessons.write(ended(world).pk, world.lead, *SAID)
        assert (row.cause.name, row.area.manager, row.state) == ("The refund form spins", head_of_app, "open")
        assert Notice.objects.get(code="lesson.written").user == head_of_app
        send_alerts()
        letter = mail.outbox[0]
        assert letter.to == ["ida@northwind.example"]
        assert letter.subject == "[Northwind Rail] A recommendation for App: Show what went wrong instead of a spinner"
        assert "Sven Holm recommends" in letter.body
        assert "http://localhost:8000/desk/lessons/" in letter.body
        send_alerts()
        assert len(mail.outbox) == 1

    def test_without_one_it_goes_to_the_managers(self, world: World) -> None:
        lessons.write(ended(world).pk, world.lead, *SAID)
        assert {row.user for row in Alert.objects.all()} == {world.manager, world.owner}

    def test_owed_from_specialists_up_once_it_is_resolved(self, world: World) -> None:
        now = timezone.now()
        row = ended(world)
        front = world.ticket(who="bo")
        tickets.resolve(front.pk, world.agent)
        assert list(lessons.owed(now)) == [row]
        assert list(lessons.owed(now + dt.timedelta(days=31))) == []
        lessons.write(row.pk, world.lead, *SAID)
        assert list(lessons.owed(now)) == []
        with pytest.raises(Conflict, match="written that up already"):
            lessons.write(row.pk, world.agent, *SAID)

    def test_an_open_one_is_not_over(self, world: World) -> None:
        ticket = world.ticket()
        with pytest.raises(Conflict, match="still open"):
            lessons.write(escalation.escalate(ticket.pk, world.agent).pk, world.agent, *SAID)

    def test_the_same_cause_in_another_case_is_the_same_cause(self, world: World) -> None:
        lessons.write(ended(world).pk, world.lead, *SAID)
        lessons.write(ended(world, "bo").pk, world.lead, "the REFUND form spins", "app", "Say so")
        assert (Cause.objects.count(), Area.objects.count()) == (1, 1)
        found = lessons.recurring([world.brand.pk], timezone.now() - dt.timedelta(days=1))
        assert [(one.name, one.times, one.done) for one in found] == [("The refund form spins", 2, 0)]

    def test_what_was_written_of_those_alike_comes_first(self, world: World) -> None:
        Cause.objects.create(brand=world.brand, name="Anything")
        one, other = ended(world), ended(world, "bo")
        lessons.write(one.pk, world.lead, *SAID)
        likeness.fill(world.brand, timezone.now() - dt.timedelta(hours=1))
        chips = lessons.chips(Ticket.objects.get(pk=other.ticket_id))
        assert (chips.causes[0], chips.areas[0], chips.recommendations) == (SAID[0], "App", [SAID[2]])

    @pytest.mark.parametrize("field", [0, 1, 2])
    def test_a_line_each(self, world: World, field: int) -> None:
        row = ended(world)
        for wrong in (" ", "x" * 400):
            said = list(SAID)
            said[field] = wrong
            with pytest.raises(Refused) as told:
                lessons.write(row.pk, world.lead, *said)
            assert told.value.field == ("cause", "area", "recommendation")[field]
        assert not Lesson.objects.exists()


class TestAnswering:
    def test_accepted_then_done_by_who_answers_for_it(self, world: World, head_of_app: User) -> None:
        row = lessons.write(ended(world).pk, world.lead, *SAID)
        with pytest.raises(PermissionRefused, match="Who answers for the area"):
            lessons.answer(row.pk, world.lead, "accepted")
        assert lessons.answer(row.pk, head_of_app, "accepted").state == "accepted"
        assert lessons.answer(row.pk, world.manager, "done", "In 4.3").answer == "In 4.3"
        with pytest.raises(Conflict, match="answered already: done"):
            lessons.answer(row.pk, head_of_app, "refused", "No")
        assert not Notice.objects.filter(settled_at=None).exists()

    def test_refused_only_with_a_reason(self, world: World) -> None:
        row = lessons.write(ended(world).pk, world.lead, *SAID)
        with pytest.raises(Refused, match="Say why"):
            lessons.answer(row.pk, world.manager, "refused")
        assert lessons.answer(row.pk, world.manager, "refused", "The form goes next month").state == "refused"
        with pytest.raises(Refused):
            lessons.answer(row.pk, world.manager, "open")


def test_an_erased_persons_name_goes_from_what_was_recommended(world: World) -> None:
    row = lessons.write(
        ended(world, "zacharias").pk, world.lead, "Zacharias was forgotten", SAID[1], "Call Zacharias back sooner"
    )
    erasing.erase(row.ticket.customer_id, world.owner)
    row.refresh_from_db()
    assert row.recommendation == "Call […] back sooner"
    row.cause.refresh_from_db()
    assert "Zacharias" not in f"{row.cause.name} {list(Alert.objects.values_list('params', flat=True))}"


def test_on_the_desk(world: World, head_of_app: User) -> None:
    step = ended(world)
    desk = world.desk(world.lead)
    assert "Still to be written up" in desk.get("/desk/lessons/").content.decode()
    assert "What went wrong?" in desk.get(f"/desk/tickets/{step.ticket_id}/").content.decode()
    body = dict(zip(("cause", "area", "recommendation"), SAID, strict=True))
    none = desk.post(f"/desk/tickets/{step.ticket_id}/learn/", {**body, "cause": ""})
    assert (none.status_code, "One line is enough" in none.content.decode()) == (400, True)
    assert desk.post(f"/desk/tickets/{step.ticket_id}/learn/", body).status_code == 302
    row = Lesson.objects.get()
    theirs = world.desk(head_of_app)
    assert SAID[2] in theirs.get("/desk/lessons/").content.decode()
    assert "Accept" in theirs.get("/desk/lessons/").content.decode()
    assert "Accept" not in desk.get("/desk/lessons/").content.decode()
    theirs.post(f"/desk/lessons/{row.pk}/answer/", {"state": "done"})
    row.refresh_from_db()
    assert row.state == "done"
    assert "The refund form spins" in desk.get("/desk/lessons/").content.decode()
