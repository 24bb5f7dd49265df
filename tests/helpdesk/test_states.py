"""Life cycles are tables that check themselves."""

from __future__ import annotations

import pytest

from helpdesk.states import DELIVERY_BY_PARTS, PART, TICKET, IllegalMove, PartState, TicketState, delivery_state, life


def test_a_move_that_is_not_in_the_table_raises() -> None:
    assert TICKET.step("new", "open") == "open"
    with pytest.raises(IllegalMove):
        TICKET.step("resolved", "waiting")
    with pytest.raises(IllegalMove):
        PART.step("sent", "queued")
    assert PART.before("sent") == {"sending", "unknown"}


@pytest.mark.parametrize(
    ("moves", "says"),
    [
        ({"a": ["b"], "b": []}, "no way out"),
        ({"a": ["a"], "b": ["a"]}, "never reached"),
        ({"a": ["c"]}, "c"),
    ],
)
def test_a_bad_table_fails_when_it_is_made(moves: dict[str, list[str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        life("trial", first=["a"], last=[], moves=moves)


def test_every_state_has_its_row() -> None:
    assert set(TICKET.moves) == set(TicketState.values)
    assert set(PART.moves) == set(PartState.values) == set(DELIVERY_BY_PARTS)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        (["sent", "sent"], "sent"),
        (["sent", "queued"], "queued"),
        (["sent", "sending", "queued"], "sending"),
        (["sent", "unknown", "queued"], "unknown"),
        (["sent", "failed", "queued"], "failed"),
        (["sent", "cancelled"], "cancelled"),
        (["held", "queued"], "held"),
    ],
)
def test_a_delivery_is_read_off_its_parts(parts: list[str], state: str) -> None:
    assert delivery_state(parts) == state
