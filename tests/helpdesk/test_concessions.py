"""Gestures of goodwill: within a limit, above it, in slices; what they would cost for all who have the same trouble."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Approval, Brand, Concession, Event, Level, Message, Notice, Shift, Ticket
from helpdesk.reports import outcomes as reports
from helpdesk.workflow import concessions, deciding, likeness
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused
from tests.world import World, person

HOUR = dt.timedelta(hours=1)
TWICE = (
    "I was charged twice for the Malmö ticket", "double charge on my card for one ticket",
    "charged two times, want my money back", "My card was billed twice for the same trip",
)  # fmt: skip
OTHER = ("How do I book the wheelchair ramp?", "Lost umbrella on platform 4", "The wifi on the 8:05 is down again")


def ask(world: World, ticket: Ticket, amount: str, who: str = "agent", **more: Any) -> Concession:
    return concessions.ask(ticket.pk, getattr(world, who), "refund", Decimal(amount), "The machine kept it", **more)


class TestLimit:
    def test_within_it_the_front_line_grants_at_once(self, world: World) -> None:
        row = ask(world, world.ticket(), "20.00", grant=True)
        assert (row.state, row.granted_by, row.decided_by) == ("granted", world.agent, world.agent)
        assert row.why is not None
        assert row.why.text == "The machine kept it"
        assert row.why.kind == "note"
        assert not Approval.objects.exists()
        assert list(Event.objects.filter(code__startswith="concession").order_by("id").values_list("code", flat=True)) == [
            "concession.asked", "concession.granted",
        ]  # fmt: skip

    def test_above_it_somebody_who_may_is_asked(self, world: World) -> None:
        row = ask(world, world.ticket(), "20.01", grant=True)
        approval = Approval.objects.get()
        assert (row.state, approval.concession, approval.level, approval.owner) == ("asked", row, 2, world.lead)
        assert Notice.objects.get(code="concession.asked").user == world.lead
        with pytest.raises(Conflict, match="not to be granted: waits for approval"):
            concessions.grant(row.pk, world.agent)

    def test_slices_do_not_add_up_to_a_way_around_it(self, world: World) -> None:
        ticket = world.ticket()
        assert [ask(world, ticket, "15").state, ask(world, ticket, "15").state] == ["approved", "asked"]
        Concession.objects.filter(state="approved").update(decided_at=timezone.now() - dt.timedelta(days=31))
        assert ask(world, ticket, "15").state == "approved"

    def test_managers_grant_any_amount_and_leads_up_to_theirs(self, world: World) -> None:
        assert ask(world, world.ticket(), "5000", who="manager", grant=True).state == "granted"
        assert ask(world, world.ticket(who="bo"), "200", who="lead").state == "approved"
        assert ask(world, world.ticket(who="cleo"), "200.01", who="lead").state == "asked"

    def test_a_brand_that_set_no_limits_always_asks(self, world: World) -> None:
        Level.objects.update(concession_limit=0)
        assert ask(world, world.ticket(), "0.01").state == "asked"
        assert Approval.objects.get().level == 2

    @pytest.mark.parametrize(
        ("values", "field"),
        [({"kind": "pony"}, "kind"), ({"amount": "0"}, "amount"), ({"amount": "-3"}, "amount"), ({"amount": "NaN"}, "amount"),
         ({"amount": "1e9"}, "amount"), ({"why": "  "}, "why")],
    )  # fmt: skip
    def test_what_cannot_be_asked_for(self, world: World, values: dict[str, str], field: str) -> None:
        given = {"kind": "refund", "amount": "5", "why": "Late", **values}
        with pytest.raises(Refused) as told:
            concessions.ask(world.ticket().pk, world.agent, given["kind"], Decimal(given["amount"]), given["why"])
        assert told.value.field == field
        assert not Concession.objects.exists()


class TestDeciding:
    def test_approved_at_another_amount_then_granted(self, world: World) -> None:
        row = ask(world, world.ticket(), "80")
        deciding.approve(Approval.objects.get().pk, world.lead, amount=Decimal("50"))
        row.refresh_from_db()
        assert (row.state, str(row.amount), row.decided_by, Approval.objects.get().outcome) == (
            "approved",
            "50.00",
            world.lead,
            "edited",
        )
        assert concessions.grant(row.pk, world.agent).granted_by == world.agent
        assert not Notice.objects.filter(settled_at=None).exists()

    def test_refused_with_the_reason_beside_it(self, world: World) -> None:
        row = ask(world, world.ticket(), "80")
        with pytest.raises(Refused, match="Say why"):
            deciding.refuse(Approval.objects.get().pk, world.lead, " ")
        deciding.refuse(Approval.objects.get().pk, world.lead, "The fare was refunded in March")
        row.refresh_from_db()
        assert row.answer is not None
        assert (row.state, row.answer.text, row.answer.kind) == ("refused", "The fare was refunded in March", "note")
        with pytest.raises(Conflict, match="decided already: refused"):
            deciding.approve(Approval.objects.get().pk, world.manager)

    def test_nobody_approves_more_than_they_may_grant_or_what_they_asked_for(self, world: World) -> None:
        ask(world, world.ticket(), "900")
        approval = Approval.objects.get()
        with pytest.raises(PermissionRefused, match="more than you may grant"):
            deciding.approve(approval.pk, world.lead)
        deciding.approve(approval.pk, world.lead, amount=Decimal(150))
        ask(world, world.ticket(who="bo"), "900", who="lead")
        with pytest.raises(PermissionRefused, match="You wrote it"):
            deciding.approve(Approval.objects.latest("id").pk, world.lead)

    def test_overdue_it_climbs(self, world: World) -> None:
        ask(world, world.ticket(), "80")
        approval = Approval.objects.get()
        assert deciding.climb(approval.due_at + HOUR) == 1
        assert Notice.objects.filter(code="approval.overdue").count() == 1

    def test_withdrawn_by_who_asked(self, world: World) -> None:
        row = ask(world, world.ticket(), "80")
        other = person("bo@northwind.example", "Bo", world.brand)
        with pytest.raises(PermissionRefused):
            concessions.withdraw(row.pk, other)
        assert concessions.withdraw(row.pk, world.agent).state == "withdrawn"
        assert Approval.objects.get().outcome == "withdrawn"
        with pytest.raises(Conflict):
            concessions.withdraw(row.pk, world.agent)

    def test_slices_do_not_get_around_who_approves_either(self, world: World) -> None:
        ticket = world.ticket()
        for amount, state in (("150", "approved"), ("150", "asked")):
            row = ask(world, ticket, amount)
            approval = Approval.objects.latest("id")
            if state == "approved":
                deciding.approve(approval.pk, world.lead)
            else:
                assert approval.level == 2, "the topmost, whose managers may"
                with pytest.raises(PermissionRefused, match="more than you may grant"):
                    deciding.approve(approval.pk, world.lead)
            row.refresh_from_db()
            assert row.state == state
        Concession.objects.filter(state="approved").update(decided_at=timezone.now() - dt.timedelta(days=31))
        assert deciding.approve(Approval.objects.latest("id").pk, world.lead).outcome == "approved"

    def test_a_shift_that_is_over_gives_no_limit(self, world: World) -> None:
        level = Level.objects.get(brand=world.brand, number=2)
        Shift.objects.create(brand=world.brand, level=level, user=world.agent, weekdays=[0], until=timezone.localdate() - dt.timedelta(days=1))  # fmt: skip
        assert concessions.limit_of(world.agent, world.brand.pk) == 20
        Shift.objects.update(until=None)
        assert concessions.limit_of(world.agent, world.brand.pk) == 200


class TestScale:
    def test_who_else_has_the_same_trouble_and_what_it_would_cost(self, world: World) -> None:
        first, *others = [world.ticket(text, who=f"p{number}") for number, text in enumerate(TWICE)]
        for number, text in enumerate(OTHER):
            world.ticket(text, who=f"q{number}")
        ask(world, others[0], "10", grant=True)
        Ticket.objects.filter(pk=others[1].pk).update(state="resolved")
        found = concessions.scale(first, timezone.now())
        assert found.alike >= 2, "at least two of the three who were charged twice"
        assert found.open == found.alike - (others[1].pk in found.sample)
        assert set(found.sample) <= {row.pk for row in others}, "and nobody else"
        assert (found.granted, int(found.spent)) == (
            int(others[0].pk in found.sample),
            10 * (others[0].pk in found.sample),
        )
        row = ask(world, first, "15")
        assert (row.alike, int(row.alike_cost)) == (found.alike, 15 * (found.alike + 1))

    def test_the_customers_own_history(self, world: World) -> None:
        ticket = world.ticket(TWICE[0])
        ask(world, ticket, "10", grant=True)
        ask(world, ticket, "90")
        deciding.refuse(Approval.objects.get().pk, world.lead, "No")
        found = concessions.scale(ticket, timezone.now())
        assert (found.before, int(found.had), found.refused, found.alike) == (1, 10, 1, 0)

    def test_another_brand_is_no_company(self, world: World) -> None:
        ours = world.ticket(TWICE[0])
        world.ticket(TWICE[0], brand=world.rival, who="rita")
        likeness.fill(world.rival, timezone.now() - HOUR)
        assert concessions.scale(ours, timezone.now()).alike == 0


def test_the_reason_is_no_word_to_the_customer(world: World) -> None:
    row = ask(world, world.ticket(), "5")
    assert row.why is not None
    assert Message.objects.get(pk=row.why.pk).visibility == "internal"


def test_what_was_typed_is_still_there_after_a_mistake(world: World) -> None:
    ticket = world.ticket()
    desk = world.desk(world.agent)
    for amount in ("twelve", "1e1000000", "-4"):
        answer = desk.post(
            f"/desk/tickets/{ticket.pk}/offer/", {"kind": "voucher", "amount": amount, "why": "We were late"}
        )
        page = answer.content.decode()
        assert (answer.status_code, 'value="We were late"' in page, f'value="{amount}"' in page) == (400, True, True)
        assert '<details class="hd-also" open>' in page
    assert desk.get(f"/desk/tickets/{ticket.pk}/scale/?amount=1e1000000").status_code == 200


def test_euros_and_crowns_do_not_add_up(world: World) -> None:
    Brand.objects.filter(pk=world.rival.pk).update(currency="SEK")
    for ticket, user in (
        (world.ticket(), world.manager),
        (world.ticket(brand=world.rival, who="rita"), world.rival_owner),
    ):
        concessions.ask(ticket.pk, user, "refund", Decimal(100), "We were late", grant=True)
    rows = reports.concessions([world.brand.pk, world.rival.pk], timezone.now() - HOUR)
    assert reports.totals(rows) == [("EUR", Decimal(100)), ("SEK", Decimal(100))]
