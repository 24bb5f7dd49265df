"""One person, one conversation: joined and separated with undo; tickets merged, linked and split."""

from __future__ import annotations

from typing import Any

import pytest

from helpdesk import erasing, joining, summary
from helpdesk.models import Customer, Deadline, Event, Message, Participant, Profile, Ticket, TicketLink
from helpdesk.workflow import tickets
from helpdesk.workflow.verbs import Conflict, Refused
from tests.world import World

pytestmark = pytest.mark.django_db


def texts(ticket: Ticket) -> list[str]:
    return list(Message.objects.filter(ticket=ticket).order_by("said_at", "id").values_list("text", flat=True))


def two_of_ana(world: World) -> tuple[Ticket, Ticket]:
    first = world.ticket("one", thread="t1")
    tickets.resolve(first.pk, world.agent)
    second = world.ticket("two", thread="t2")
    tickets.reopen(first.pk, world.agent)
    first.refresh_from_db()
    return first, second


class TestMerge:
    def test_all_of_it_moves_and_later_words_follow(self, world: World) -> None:
        first, second = two_of_ana(world)
        tickets.note(second.pk, world.agent, "a note")
        kept = joining.merge(second.pk, first.pk, world.lead)
        assert texts(kept) == ["one", "two", "a note"]
        second.refresh_from_db()
        assert (second.state, second.close_reason, second.merged_into_id) == ("closed", "merged", first.pk)
        assert not Deadline.objects.filter(ticket=second, met_at=None, dropped_at=None).exists()
        assert world.ticket("three", thread="t2").pk == first.pk
        assert summary.differences([first.pk, second.pk]) == []

    def test_what_waited_for_us_still_does(self, world: World) -> None:
        first, second = two_of_ana(world)
        tickets.log_call(first.pk, world.agent, "called")
        first.refresh_from_db()
        assert first.state == "waiting"
        kept = joining.merge(second.pk, first.pk, world.lead)
        assert (kept.state, kept.due_at is not None) == ("open", True)

    def test_tickets_of_two_people_are_not_merged(self, world: World) -> None:
        ana, ben = world.ticket("one"), world.ticket("two", who="ben")
        with pytest.raises(Refused, match="Join the customers first"):
            joining.merge(ana.pk, ben.pk, world.lead)

    def test_not_into_itself_nor_across_brands_nor_twice(self, world: World) -> None:
        first, second = two_of_ana(world)
        with pytest.raises(Refused, match="same ticket"):
            joining.merge(first.pk, first.pk, world.lead)
        with pytest.raises(Refused, match="no such ticket"):
            joining.merge(first.pk, world.ticket("theirs", brand=world.rival).pk, world.lead)
        joining.merge(second.pk, first.pk, world.lead)
        with pytest.raises(Conflict, match="merged already"):
            joining.merge(second.pk, first.pk, world.lead)

    def test_it_takes_a_lead(self, world: World) -> None:
        first, second = two_of_ana(world)
        path, body = f"/api/v1/tickets/{second.pk}/merge/", {"into": first.pk}
        assert world.api(world.agent).post(path, body, format="json").status_code == 403
        assert world.api(world.lead).post(path, body, format="json").json()["id"] == first.pk
        assert Event.objects.filter(code="ticket.merged", ticket_id=second.pk).count() == 1


class TestLink:
    def test_linked_once_and_unlinked(self, world: World) -> None:
        ana, ben = world.ticket("one"), world.ticket("two", who="ben")
        for _time in range(2):
            joining.link(ben.pk, ana.pk, "related", world.agent)
        assert TicketLink.objects.get().earlier == ana
        page = world.desk(world.agent).get(f"/desk/tickets/{ana.pk}/").content.decode()
        assert f"#{ben.number}" in page
        assert joining.unlink(ana.pk, ben.pk, world.agent) == 1

    def test_what_goes_on_from_another_stays_so(self, world: World) -> None:
        first, second = two_of_ana(world)
        assert joining.unlink(first.pk, second.pk, world.agent) == 0


class TestSplit:
    def test_a_guest_gets_a_ticket_and_goes_on_there(self, world: World) -> None:
        host = world.ticket("my train is late", thread="t")
        guest = world.hear("mine too", who="ben", thread="t", opened_by_author=False)
        assert guest.ticket_id == host.pk
        fresh = joining.split(host.pk, [guest.pk], world.agent)
        assert (fresh.customer.name, texts(fresh), texts(host)) == ("Ben", ["mine too"], ["my train is late"])
        assert fresh.due_at is not None
        assert world.hear("still here", who="ben", thread="t", opened_by_author=False).ticket_id == fresh.pk
        assert world.hear("and I", thread="t").ticket_id == host.pk
        assert Participant.objects.count() == 2

    def test_our_answer_to_it_goes_along(self, world: World) -> None:
        host = world.ticket("one", thread="t")
        guest = world.hear("two", who="ben", thread="t", opened_by_author=False)
        reply = Message.objects.create(
            brand=host.brand, ticket=host, kind="reply", visibility="public", parent=guest, text="to ben",
            said_at=guest.said_at, heard_at=guest.heard_at, sent_at=guest.heard_at,
        )  # fmt: skip
        fresh = joining.split(host.pk, [guest.pk], world.agent)
        reply.refresh_from_db()
        assert reply.ticket_id == fresh.pk

    def test_something_stays_and_nothing_foreign_moves(self, world: World) -> None:
        host = world.ticket("one")
        only, foreign = host.messages.get(), world.hear("two", who="ben")
        with pytest.raises(Refused, match="move everything"):
            joining.split(host.pk, [only.pk], world.agent)
        with pytest.raises(Refused, match="Choose messages of this ticket"):
            joining.split(host.pk, [foreign.pk], world.agent)


def profile(world: World, customer: Customer, **values: Any) -> Profile:
    given = {"platform": "email", "namespace": "mail", "external_id": values.get("handle", "x"), **values}
    return Profile.objects.create(brand=world.brand, customer=customer, **given)


class TestPeople:
    def test_address_handle_and_name_suggest_in_this_order(self, world: World) -> None:
        ana = world.ticket("one", who="analind").customer
        profile(world, ana, handle="ana@customer.test")
        for name, values in {
            "Mailed": {"handle": "Ana@Customer.test", "external_id": "mailto:ana@customer.test", "namespace": "manual"},
            "Handled": {"handle": "@analind", "namespace": "x", "external_id": "7"},
        }.items():
            profile(world, Customer.objects.create(brand=world.brand, name=name), **values)
        Customer.objects.filter(pk=ana.pk).update(name="Ana Lind")
        Customer.objects.create(brand=world.brand, name="Ana Lind")
        Customer.objects.create(brand=world.rival, name="Ana Lind")
        ana.refresh_from_db()
        assert [one.reason for one in joining.suggestions(ana)] == ["address", "handle", "name"]

    def test_joined_and_undone_everything_is_where_it_was(self, world: World) -> None:
        one, other = world.ticket("one", who="analind"), world.ticket("two", who="ana_l")
        row = joining.join(one.customer_id, other.customer_id, world.agent)
        other.refresh_from_db()
        assert other.customer_id == one.customer_id
        page = world.desk(world.agent).get(f"/desk/tickets/{one.pk}/").content.decode()
        assert f"#{other.number}" in page, "every earlier contact stands in the person's panel"
        later = world.ticket("three", who="ana_l")
        assert later.customer_id == one.customer_id
        joining.undo(one.customer_id, row.pk, world.agent)
        for ticket in (other, later):
            ticket.refresh_from_db()
            assert ticket.customer_id == row.other_id
        with pytest.raises(Conflict, match="undone already"):
            joining.undo(one.customer_id, row.pk, world.agent)

    def test_one_handle_separated_takes_its_own_tickets(self, world: World) -> None:
        one, other = world.ticket("one", who="analind"), world.ticket("two", who="ana_l")
        joining.join(one.customer_id, other.customer_id, world.agent)
        handle = Profile.objects.get(handle="ana_l")
        fresh = joining.separate(one.customer_id, handle.pk, world.agent)
        other.refresh_from_db()
        one.refresh_from_db()
        assert (other.customer_id, one.customer.name) == (fresh.pk, "Analind")
        with pytest.raises(Conflict, match="only handle"):
            joining.separate(fresh.pk, handle.pk, world.agent)

    def test_two_people_are_not_suggested_again(self, world: World) -> None:
        one = Customer.objects.create(brand=world.brand, name="Ana Lind")
        other = Customer.objects.create(brand=world.brand, name="Ana Lind")
        joining.distinguish(other.pk, one.pk, world.agent)
        assert joining.suggestions(one) == joining.suggestions(other) == []

    def test_nobody_of_another_brand_is_joined(self, world: World) -> None:
        one = world.ticket("one").customer
        other = world.ticket("two", brand=world.rival).customer
        answer = world.api(world.agent).post(f"/api/v1/customers/{one.pk}/join/", {"other": other.pk}, format="json")
        assert answer.status_code == 400
        assert "no such customer" in answer.json()["errors"][0]["message"]

    def test_the_api_suggests_joins_and_undoes(self, world: World) -> None:
        one, other = world.ticket("one", who="analind").customer, world.ticket("two", who="AnaLind2").customer
        Customer.objects.filter(pk__in=[one.pk, other.pk]).update(name="Ana Lind")
        api = world.api(world.agent)
        found = api.get(f"/api/v1/customers/{one.pk}/suggestions/").json()["results"]
        assert [(row["customer"]["id"], row["reason"]) for row in found] == [(other.pk, "name")]
        joined = api.post(f"/api/v1/customers/{one.pk}/join/", {"other": other.pk}, format="json")
        assert joined.status_code == 201
        undone = api.post(f"/api/v1/customers/{one.pk}/undo/", {"joining": joined.json()["id"]}, format="json")
        assert [row["handle"] for row in undone.json()["profiles"]] == ["analind"]


class TestOnTheDesk:
    def test_a_merged_ticket_leads_to_the_other_one_and_offers_nothing_else(self, world: World) -> None:
        first, second = two_of_ana(world)
        joining.merge(second.pk, first.pk, world.lead)
        page = world.desk(world.lead).get(f"/desk/tickets/{second.pk}/").content.decode()
        assert f'href="/desk/tickets/{first.pk}/"' in page
        for offered in ("/reopen/", 'id="hd-composer"', "/merge/", "Nothing has been said yet"):
            assert offered not in page

    def test_a_person_is_joined_by_a_ticket_of_theirs(self, world: World) -> None:
        ana, ben = world.ticket("one"), world.ticket("two", who="ben")
        desk = world.desk(world.lead)
        there_is_none = desk.post(f"/desk/tickets/{ana.pk}/join/", {"number": "999"})
        assert "There is no ticket #999." in there_is_none.content.decode()
        desk.post(f"/desk/tickets/{ana.pk}/join/", {"number": str(ben.number)})
        ben.refresh_from_db()
        assert ben.customer_id == ana.customer_id
        assert "Joined with ben" in " ".join(desk.get(f"/desk/tickets/{ana.pk}/").content.decode().split())

    def test_what_is_said_of_a_likely_person_helps_to_decide(self, world: World) -> None:
        ana = world.ticket("one")
        other = world.ticket("two", who="ben")
        Customer.objects.update(name="Ana Lindqvist")
        page = " ".join(world.desk(world.lead).get(f"/desk/tickets/{ana.pk}/").content.decode().split())
        perhaps = page[page.index("Perhaps the same person") :]
        assert f'href="/desk/tickets/{other.pk}/"' in perhaps
        assert "ben" in perhaps.split("</ul>")[0]

    def test_what_was_erased_says_so(self, world: World) -> None:
        ana = world.ticket("one")
        erasing.erase(ana.customer_id, world.owner)
        page = world.desk(world.owner).get(f"/desk/tickets/{ana.pk}/").content.decode()
        assert "Erased by us" in page
        assert "They deleted this" not in page
        assert f"/desk/customers/{ana.customer_id}/erase/" not in page
