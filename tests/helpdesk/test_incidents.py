"""Many tickets, one cause: found, told once each by name, and learnt from; what a killed worker leaves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from helpdesk import joining
from helpdesk import summary as columns
from helpdesk.models import (
    Affected,
    Approval,
    Customer,
    Delivery,
    Escalation,
    EscalationPolicy,
    Event,
    Incident,
    Likeness,
    Message,
    Notice,
    Statement,
    StatementCopy,
    Ticket,
)
from helpdesk.reports import incident as reports
from helpdesk.tasks import look_for_alike, tell_the_affected
from helpdesk.workflow import deciding, guarding, incidents, likeness, replies, tickets
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused
from mentions import delivery
from tests.attacks.scene import called, heard
from tests.helpdesk.test_similar import OTHER, PAYMENT
from tests.world import World

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
KNOWN = "{name}, payments in the app fail since noon. We are on it and write again at four."


def crowd(world: World, count: int = 6) -> list[Ticket]:
    found = []
    for number in range(count):
        message = heard(world, "x", world.brand, who=called(number))
        Message.objects.filter(pk=message.pk).update(text=PAYMENT[number % len(PAYMENT)])
        found.append(Ticket.objects.get(pk=message.ticket_id))
    return found


def begun(world: World, rows: list[Ticket]) -> Incident:
    return incidents.begin(world.brand, world.lead, "Payments fail", [row.pk for row in rows])


def told(world: World, row: Incident, text: str = KNOWN, kind: str = "holding", **more: Any) -> Statement:
    """Said by the lead, approved by the manager."""
    found = incidents.say(row.pk, world.lead, kind, text, **more)
    deciding.approve(Approval.objects.get(statement=found).pk, world.manager)
    found.refresh_from_db()
    return found


class TestFound:
    def test_those_that_sound_alike_and_no_others(self, world: World) -> None:
        alike = [world.ticket(text, who=f"a{number}") for number, text in enumerate(PAYMENT)]
        for number, text in enumerate(OTHER):
            world.ticket(text, who=f"o{number}")
        row = begun(world, alike[:3])
        found = {one.ticket for one in incidents.suggested(row, timezone.now())}
        assert found == {one.pk for one in alike[3:]}
        assert incidents.link(row.pk, world.agent, found) == 3
        assert incidents.link(row.pk, world.agent, found) == 0
        assert incidents.suggested(row, timezone.now()) == []

    def test_many_of_one_cause_are_told_to_leads_once_and_raise_what_policies_say(self, world: World) -> None:
        EscalationPolicy.objects.filter(trigger="alike").update(params={"count": 4}, raise_to=2)
        rows = [world.ticket("The app does not let me pay, payment fails", who=f"a{n}") for n in range(7)]
        for _ in range(2):
            look_for_alike()
        assert Likeness.objects.filter(alike__gte=5).count() == 7
        notice = Notice.objects.get(code="incident.suggested")
        assert notice.link.startswith("/desk/incidents/?like=")
        assert {step.reason["code"] for step in Escalation.objects.all()} == {"alike"}
        assert Escalation.objects.count() == 7
        assert columns.differences([row.pk for row in rows]) == []

    def test_of_another_brand_or_merged_is_refused(self, world: World) -> None:
        row = begun(world, crowd(world, 1))
        with pytest.raises(Refused) as refusal:
            incidents.link(row.pk, world.agent, [world.ticket(brand=world.rival, who="rita").pk])
        assert refusal.value.field == "tickets"

    def test_what_does_not_belong_stands_apart_and_is_not_told(self, world: World) -> None:
        rows = crowd(world, 3)
        row = begun(world, rows)
        told(world, row)
        incidents.unlink(row.pk, world.agent, rows[2].pk)
        tell_the_affected()
        incidents.tell(timezone.now() + HOUR)
        assert sorted(StatementCopy.objects.values_list("ticket_id", "state")) == [
            (rows[0].pk, "told"), (rows[1].pk, "told"), (rows[2].pk, "passed"),
        ]  # fmt: skip
        assert incidents.link(row.pk, world.agent, [rows[2].pk]) == 1
        assert Affected.objects.get(ticket=rows[2]).left_at is None


class TestTold:
    def test_each_once_by_name_where_they_wrote_after_one_approval(self, world: World) -> None:
        rows = crowd(world)
        row = begun(world, rows)
        said = incidents.say(row.pk, world.lead, "holding", KNOWN)
        assert (said.state, StatementCopy.objects.count()) == ("asked", 0)
        approval = Approval.objects.get()
        with pytest.raises(PermissionRefused, match="You wrote it"):
            deciding.approve(approval.pk, world.lead)
        with pytest.raises(Conflict, match="Another statement waits"):
            incidents.say(row.pk, world.lead, "update", "More")
        deciding.approve(approval.pk, world.manager)
        later = timezone.now() + HOUR
        while incidents.tell(later):
            pass
        sent = Message.objects.filter(kind="reply").order_by("ticket")
        assert [message.ticket_id for message in sent] == [one.pk for one in rows]
        assert sent[0].text.startswith("Pera, payments in the app")
        assert {message.visibility for message in sent} == {"public"}
        assert (incidents.tell(later), Message.objects.filter(kind="reply").count()) == (0, 6)
        said.refresh_from_db()
        assert (said.state, said.approved_by) == ("done", world.manager)
        for message in sent:
            delivery.deliver(message.delivery.pk)
        ticket = Ticket.objects.get(pk=rows[0].pk)
        assert (ticket.state, ticket.assignee) == ("waiting", None), "nobody takes two hundred tickets by one statement"
        assert columns.differences([one.pk for one in rows]) == []
        assert Event.objects.filter(code="incident.told").count() == 1

    def test_in_other_words_or_refused_with_the_reason(self, world: World) -> None:
        row = begun(world, crowd(world, 2))
        incidents.say(row.pk, world.lead, "holding", KNOWN)
        deciding.refuse(Approval.objects.get().pk, world.manager, "Not before we know")
        assert Statement.objects.get().state == "refused"
        assert Notice.objects.get(code="statement.refused").user == world.lead
        found = incidents.say(row.pk, world.lead, "holding", KNOWN)
        deciding.approve(Approval.objects.latest("id").pk, world.manager, "{name}, we know of it.")
        found.refresh_from_db()
        assert (found.text, Approval.objects.latest("id").outcome) == ("{name}, we know of it.", "edited")

    def test_no_faster_than_its_pace_a_channel(self, world: World) -> None:
        row = begun(world, crowd(world, 5))
        told(world, row)
        due = list(StatementCopy.objects.order_by("due_at").values_list("due_at", flat=True))
        assert [(at - due[0]).total_seconds() for at in due] == [0, 2, 4, 6, 8]
        assert incidents.tell(due[0] + dt.timedelta(seconds=5)) == 3

    def test_who_comes_late_gets_the_latest_word(self, world: World) -> None:
        rows = crowd(world, 3)
        row = begun(world, rows[:2])
        told(world, row)
        while incidents.tell(timezone.now() + HOUR):
            pass
        told(world, row, "{name}, it is fixed for cards.", "update")
        while incidents.tell(timezone.now() + HOUR):
            pass
        incidents.link(row.pk, world.agent, [rows[2].pk])
        while incidents.tell(timezone.now() + HOUR):
            pass
        assert list(Message.objects.filter(ticket=rows[2], kind="reply").values_list("text", flat=True)) == [
            "Perc, it is fixed for cards."
        ]
        assert Message.objects.filter(kind="reply").count() == 5

    def test_settled_meanwhile_is_passed_over(self, world: World) -> None:
        rows = crowd(world, 2)
        row = begun(world, rows)
        told(world, row)
        tickets.resolve(rows[0].pk, world.agent)
        while incidents.tell(timezone.now() + HOUR):
            pass
        assert dict(StatementCopy.objects.values_list("ticket_id", "state")) == {
            rows[0].pk: "passed",
            rows[1].pk: "told",
        }

    def test_it_is_over_and_their_tickets_with_it(self, world: World) -> None:
        rows = crowd(world, 3)
        row = begun(world, rows)
        told(world, row, "{name}, it works again. Thank you for bearing with us.", "closing", resolves=True)
        while incidents.tell(timezone.now() + HOUR):
            pass
        row.refresh_from_db()
        assert (row.state, row.resolved_by) == ("resolved", world.manager)
        assert {one.state for one in Ticket.objects.filter(pk__in=[one.pk for one in rows])} == {"resolved"}
        with pytest.raises(Conflict, match="This incident is over"):
            incidents.say(row.pk, world.lead, "update", "More")

    def test_a_brand_of_one_waits_for_nobody(self, world: World) -> None:
        world.rival_owner.refresh_from_db()
        ticket = heard(world, "x", world.rival, who="rita").ticket
        row = incidents.begin(world.rival, world.rival_owner, "Fog", [ticket.pk])
        assert incidents.say(row.pk, world.rival_owner, "holding", "Fog, {name}.").state == "going"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"text": " "}, "text"), ({"text": "Hello {nmae}"}, "text"), ({"kind": "poem"}, "kind"), ({"resolves": True}, "resolves"),
            ({"text": "{name} " + "long " * 100}, "text"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_said(self, world: World, values: dict[str, Any], field: str) -> None:
        given = {"kind": "holding", "text": KNOWN, "resolves": False, **values}
        row = begun(world, crowd(world, 1))
        if field == "text" and len(given["text"]) > 300:
            given["text"] *= 20
        with pytest.raises(Refused) as refusal:
            incidents.say(row.pk, world.lead, given["kind"], given["text"], resolves=given["resolves"])
        assert refusal.value.field == field
        assert not Statement.objects.exists()

    @pytest.mark.parametrize(
        ("text", "name", "found"),
        [
            ("{name}, we know.", "Ana Lind", "Ana, we know."), ("{name}, we know.", "", "we know."), ("Hello {name}, we know.", "", "Hello, we know."),
            ("We know, {name}.", "Ana-Lena Ek", "We know, Ana-Lena."), ("{name}, we know.", "win.example/x Bo", "we know."),
            ("{name}, we know.", "(@somebody", "we know."), ("{name}, we know.", "Zoë", "Zoë, we know."),
        ],
    )  # fmt: skip
    def test_by_name_or_without_the_gap(self, text: str, name: str, found: str) -> None:
        assert replies.named(text, name) == found

    def test_what_all_are_told_is_no_copy_to_the_guards(self, world: World) -> None:
        rows = crowd(world, 4)
        row = begun(world, rows[:3])
        told(world, row, "Payments in the app fail since noon. We are on it.")
        while incidents.tell(timezone.now() + HOUR):
            pass
        found = guarding.check(rows[3], "Payments in the app fail since noon. We are on it.", "public", timezone.now())
        assert "copy" not in {one.guard for one in found}

    def test_in_public_by_no_name_but_the_one_they_show_there(self, world: World) -> None:
        rows = crowd(world, 1)
        Customer.objects.filter(pk=rows[0].customer_id).update(name="Maria Secret")
        row = begun(world, rows)
        told(world, row)
        incidents.tell(timezone.now() + HOUR)
        assert Message.objects.get(kind="reply").text.startswith("Pera, payments")

    def test_what_was_once_private_is_answered_privately(self, world: World) -> None:
        rows = crowd(world, 1)
        world.hear("in private", who="pera", thread="direct", visibility="private")
        Message.objects.filter(ticket=rows[0]).update(visibility="public")
        Message.objects.filter(text="in private").update(
            ticket=rows[0], visibility="private", said_at=timezone.now() - HOUR
        )
        row = begun(world, rows)
        told(world, row)
        assert incidents._way(rows[0]) == "private"

    def test_taken_out_and_counted_in_again_they_are_told(self, world: World) -> None:
        rows = crowd(world, 2)
        row = begun(world, rows)
        told(world, row)
        incidents.unlink(row.pk, world.agent, rows[1].pk)
        incidents.link(row.pk, world.agent, [rows[1].pk])
        while incidents.tell(timezone.now() + HOUR):
            pass
        assert Message.objects.filter(kind="reply").count() == 2

    def test_merged_meanwhile_they_are_told_once(self, world: World) -> None:
        rows = crowd(world, 3)
        Ticket.objects.filter(pk__in=[one.pk for one in rows]).update(customer=rows[0].customer_id)
        row = begun(world, rows)
        told(world, row)
        incidents.tell(timezone.now() + dt.timedelta(seconds=1))  # the first of them
        for gone in (rows[0], rows[1]):
            joining.merge(gone.pk, rows[2].pk, world.lead)
        while incidents.tell(timezone.now() + HOUR):
            pass
        incidents.link(row.pk, world.agent, [crowd(world, 5)[4].pk])
        while incidents.tell(timezone.now() + HOUR):
            pass
        assert Message.objects.filter(kind="reply", ticket=rows[2]).count() == 1
        assert not StatementCopy.objects.filter(ticket__in=[rows[0].pk, rows[1].pk], state="queued").exists()
        found = {one.ticket for one in incidents.suggested(row, timezone.now())}
        assert not found & {rows[0].pk, rows[1].pk}, "what was merged is not suggested"

    def test_an_agent_on_duty_at_the_top_does_not_speak_to_all(self, world: World) -> None:
        row = begun(world, crowd(world, 1))
        incidents.say(row.pk, world.lead, "holding", KNOWN)
        Approval.objects.update(owner=world.agent)
        with pytest.raises(PermissionRefused):
            deciding.approve(Approval.objects.get().pk, world.agent, "Anything")


class TestAfterwards:
    def test_in_numbers(self, world: World) -> None:
        rows = crowd(world, 4)
        row = begun(world, rows)
        told(world, row)
        while incidents.tell(timezone.now() + HOUR):
            pass
        for key in Delivery.objects.values_list("pk", flat=True):
            delivery.deliver(key)
        Ticket.objects.filter(pk=rows[0].pk).update(created_at=timezone.now() - 40 * MINUTE, verdict="satisfied")
        found = reports.summary(row)
        assert (found.tickets, found.customers, found.open, found.told, found.passed) == (4, 4, 4, 4, 0)
        assert (found.satisfied, found.by_channel, found.minutes_to_first_word) == (1, [("Bluesky", 4)], 40)

    def test_who_speaks_well_of_the_brand(self, world: World) -> None:
        row = begun(world, crowd(world, 2))
        fond = world.ticket("Thank you, the new carriage is lovely", who="dora")
        Ticket.objects.filter(pk=fond.pk).update(intent="praise", reach=900)
        world.ticket("Thank you so much", who="rita", brand=world.rival)
        assert [(one.customer.name, one.reach) for one in reports.supporters(row, timezone.now())] == [("Dora", 900)]

    def test_over_without_another_word(self, world: World) -> None:
        rows = crowd(world, 2)
        row = begun(world, rows)
        incidents.say(row.pk, world.lead, "holding", KNOWN)
        incidents.resolve(row.pk, world.lead)
        assert Statement.objects.get().state == "refused"
        assert Approval.objects.get().outcome == "withdrawn"
        assert Ticket.objects.get(pk=rows[0].pk).is_open
        incidents.change(row.pk, world.lead, cause="A certificate ran out", lesson="Watch its date")
        row.refresh_from_db()
        assert (row.cause, row.lesson) == ("A certificate ran out", "Watch its date")


def test_on_the_desk_from_one_ticket_to_the_end(world: World) -> None:
    rows = crowd(world, 5)
    lead, manager = world.desk(world.lead), world.desk(world.manager)
    page = lead.get(f"/desk/incidents/?like={rows[0].pk}").content.decode()
    assert "sound alike" in page
    keys = [one.pk for one in rows[1:]]
    assert sum(f'value="{key}"' in page for key in keys) >= 3
    none = lead.post("/desk/incidents/", {"like": rows[0].pk, "title": "", "tickets": keys})
    assert (none.status_code, "Say it in a line." in none.content.decode()) == (400, True)
    made = lead.post("/desk/incidents/", {"like": rows[0].pk, "title": "Payments fail", "tickets": keys, "once": "a"})
    path = made.headers["Location"]
    assert lead.post("/desk/incidents/", {"like": rows[0].pk, "title": "Payments fail", "tickets": keys, "once": "a"}).status_code == 302  # fmt: skip
    assert Incident.objects.count() == 1
    wrong = lead.post(f"{path}say/", {"kind": "holding", "text": "Hello {whom}", "once": "b"})
    assert (wrong.status_code, "Only {name} is filled in." in wrong.content.decode()) == (400, True)
    assert "Hello {whom}" in wrong.content.decode(), "what was written is still there"
    assert lead.post(f"{path}say/", {"kind": "holding", "text": KNOWN, "once": "c"}).status_code == 302
    assert "Approve: tell all" not in lead.get(path).content.decode()
    assert "Approve: tell all" in manager.get(path).content.decode()
    assert "Payments fail" in manager.get("/desk/approvals/").content.decode()
    manager.post(f"/desk/approvals/{Approval.objects.get().pk}/decide/", {"decision": "approve"})
    while incidents.tell(timezone.now() + HOUR):
        pass
    assert "5 of 5 told" in lead.get(path).content.decode()
    assert "Payments fail" in lead.get(f"/desk/tickets/{rows[0].pk}/").content.decode()
    lead.post(f"{path}unlink/", {"tickets": rows[4].pk})
    lead.post(f"{path}change/", {"cause": "A certificate", "lesson": ""})
    lead.post(f"{path}resolve/")
    assert "Over" in lead.get("/desk/incidents/").content.decode()
    assert replies.reply_target(rows[0], "public") is not None
    assert likeness.MANY == 5
