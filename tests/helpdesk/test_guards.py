"""Guards on a draft: what each finds, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.text.promised import promised
from helpdesk.text.tone import hot
from helpdesk.workflow.guards import Draft, Known, judge

MONDAY = dt.date(2026, 3, 2)
KNOWN = Known(
    names=["Ana Lindqvist"],
    handles=["@ana"],
    said=["I was charged twice for the Malmö ticket and the refund form just spins."],
    customer=1,
    countries=["SE"],
    today=MONDAY,
)
DULL = "We are sorry to hear that. Please send us a direct message and our team will look into it."


def raised(text: str, *, is_public: bool = True, **known: Any) -> list[str]:
    return [one.guard for one in judge(Draft(text, is_public), replace(KNOWN, **known))]


class TestSpecific:
    @pytest.mark.parametrize(
        "text",
        [
            "Ana, we are very sorry and our team will look into it as soon as it can.",
            "We are sorry about the double charge, and somebody is looking into the matter right now.",
            "We are sorry. Your refunds are on their way and somebody will tell you more.",
            "I don't know yet why that happened to you, but I am going to find out and write to you.",
            "Das weiß ich noch nicht, aber ich finde es heraus und melde mich wieder bei Ihnen.",
            "We are sorry to hear that, Kevin. Please send us a direct message and we look into it.",
            "You are welcome!",
            "The next one leaves at 10:40 from the other side, and it takes all of them.",
        ],
    )
    def test_a_person_or_their_case_is_enough(self, text: str) -> None:
        assert "specific" not in raised(text)

    def test_words_that_could_go_to_anybody(self) -> None:
        assert raised(DULL) == ["specific"]
        assert raised("Hi there, " + DULL) == ["specific"]
        assert raised("@ana " + DULL) == ["specific"], "a handle is how platforms deliver"

    def test_later_words_lean_on_what_was_said_and_thanks_need_no_detail(self) -> None:
        assert raised(DULL, is_first=False) == []
        assert raised(DULL, is_praise=True) == []
        assert judge(Draft(DULL, True, is_update=True), KNOWN) == []

    def test_languages_without_spaces(self) -> None:
        case = ["マルメの切符が二重に請求されました"]
        assert "specific" not in raised("切符の件、本当に申し訳ございません。担当者が確認しております", said=case)

    @pytest.mark.parametrize(
        ("text", "is_raised"),
        [
            ("It is shut off tonight for our yearly costume promotion, and turned back on in the morning.", False),
            ("You can edit it at any time before it enters the dispatch process in the warehouse.", False),
            ("Sorry to hear that! For billing issues, please follow the steps in the next link.", True),
            (
                "We can look into this for you. Please send us your tracking number, phone number and full address.",
                True,
            ),
        ],
    )
    def test_an_answer_in_our_own_words_is_one(self, text: str, is_raised: bool) -> None:
        assert ("specific" in raised(text, said=["I hate this"], names=[])) is is_raised


class TestCopy:
    SENT = tuple((number, f"Hi {name}, {DULL}") for number, name in enumerate(("Bo", "Cleo", "Dario"), 2))

    def test_what_three_others_got_today(self) -> None:
        found = [
            one
            for one in judge(Draft(f"Hi Ana, {DULL} ^MB", True), replace(KNOWN, sent_today=self.SENT))
            if one.guard == "copy"
        ]
        assert [one.params for one in found] == [{"count": 3}]

    def test_two_are_no_habit_and_the_same_customer_counts_for_none(self) -> None:
        assert "copy" not in raised(f"Hi Ana, {DULL}", sent_today=self.SENT[:2])
        assert "copy" not in raised(f"Hi Ana, {DULL}", sent_today=[(1, DULL)] * 5)
        assert "copy" not in raised("Thank you, Ana!", sent_today=[(number, "Thank you!") for number in range(2, 9)])

    def test_an_approved_update_is_for_many(self) -> None:
        assert judge(Draft(f"Hi Ana, {DULL}", True, is_update=True), replace(KNOWN, sent_today=self.SENT)) == []


class TestPrivate:
    def test_in_public_whatever_is_private(self) -> None:
        found = judge(Draft("Ana, order 88213456 goes to ana@post.example, ring 070-123 45 67", True), KNOWN)
        assert found[0].guard == "private"
        assert found[0].params == {"kinds": ["order", "email", "phone"]}

    def test_in_private_cards_alone(self) -> None:
        assert raised("Ana, order 88213456 is paid", is_public=False) == []
        assert raised("Ana, 4111 1111 1111 1111 was charged", is_public=False) == ["private"]

    def test_our_own_address_is_everybodys(self) -> None:
        assert raised("Ana, write to help@northwind.example", ours=["help@northwind.example"]) == []


class TestTemper:
    @pytest.mark.parametrize(
        "text",
        [
            "Ana, as we already told you, the refund takes a week.",
            "Ana, calm down. The refund is on its way.",
            "Ana, you should have read the terms of your ticket.",
            "Ana, that is not our problem.",
            "THE REFUND FORM WORKS FINE ANA",
            "Ana, what refund form??",
            "Ana, beruhigen Sie sich bitte, die Erstattung läuft.",
        ],
    )
    def test_hot(self, text: str) -> None:
        assert "temper" in raised(text)

    @pytest.mark.parametrize(
        "text",
        ["Ana, the refund is done!! So glad.", "Ana, the SJ and DSB refund forms differ", "Ana, I do not know yet.",
         "Sorry Ana, that was our fault.", "We have already refunded it, Ana!"],
    )  # fmt: skip
    def test_warm(self, text: str) -> None:
        assert "temper" not in raised(text)


class TestPromises:
    @pytest.mark.parametrize(
        ("text", "on"),
        [
            ("You will have it by Friday, Ana.", "2026-03-06"),
            ("We'll be back tomorrow.", "2026-03-03"),
            ("It will be there on Monday.", "2026-03-09"),
            ("We expect it by 2026-03-20.", "2026-03-20"),
            ("It will reach you within 3 days.", "2026-03-05"),
            ("It should be done within 24 hours.", "2026-03-03"),
            ("Das Geld wird bis Mittwoch da sein.", "2026-03-04"),
            ("Pengarna kommer senast på fredag.", "2026-03-06"),
            ("Vous recevrez le remboursement avant vendredi.", "2026-03-06"),
            ("Bis 12.3. wird es da sein.", "2026-03-12"),
            ("It will be there by 1/2.", "2027-02-01"),
        ],
    )
    def test_a_day(self, text: str, on: str) -> None:
        found = [one for one in judge(Draft(text, True), KNOWN) if one.guard == "promise"]
        assert [one.params["on"] for one in found] == [on]

    def test_an_amount(self) -> None:
        found = [
            one for one in judge(Draft("Ana, we refund 38,50 € to your card.", True), KNOWN) if one.guard == "promise"
        ]
        assert found[0].params == {"on": "", "kinds": ["amount"]}

    @pytest.mark.parametrize(
        "text",
        ["Your train was late last Friday.", "The ticket costs 38.50 €.", "Friday is a good day.", "We looked into it. 1/2 ^MB",
         "@ana 1/2 Hello, in order to get it you will need to click", "we will try online before contacting 2/2. ^Oliver", "We're here 24/7 and will respond",
         "You must tell us within 7 days.", "If you have not heard within 48 hours, write again."],
    )  # fmt: skip
    def test_no_promise(self, text: str) -> None:
        assert promised(text, MONDAY) == []


@given(st.text(max_size=400))
def test_no_draft_is_too_odd(text: str) -> None:
    for one in judge(Draft(text, True), replace(KNOWN, sent_today=[(2, text), (3, text), (4, text)])):
        assert all(0 <= start < end <= len(text) for start, end in one.places)
    assert hot(text) == sorted(hot(text), key=lambda one: one.start)


@pytest.mark.parametrize("trap", ["a " * 9000, "AAAA " * 3000, "we will by 1.1. " * 1000, "within 1 " * 2000, "you " * 4000, "," * 19_000, "!" * 19_000])  # fmt: skip
def test_no_draft_is_a_trap(trap: str) -> None:
    import time

    began = time.perf_counter()
    judge(Draft(trap, True), KNOWN)
    assert time.perf_counter() - began < 2
