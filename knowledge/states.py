"""The life of an edition as a declared table, checked at import. Illegal moves raise."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class EditionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    REVIEW = "review", _("In review")
    SCHEDULED = "scheduled", _("Scheduled")
    PUBLISHED = "published", _("Published")
    ARCHIVED = "archived", _("Archived")


D, R, S, P, A = (
    EditionState.DRAFT,
    EditionState.REVIEW,
    EditionState.SCHEDULED,
    EditionState.PUBLISHED,
    EditionState.ARCHIVED,
)
# verb -> (from, to). "edit" is any saving of new words.
MOVES: dict[str, tuple[frozenset[EditionState], EditionState]] = {
    "edit": (frozenset({D, R, S, P, A}), D),
    "submit": (frozenset({D}), R),
    "return": (frozenset({R, S}), D),
    "schedule": (frozenset({D, R, S}), S),
    "publish": (frozenset({D, R, S, A}), P),
    "archive": (frozenset({D, R, S, P}), A),
    "reopen": (frozenset({A}), D),
}


class IdeaState(models.TextChoices):
    NEW = "new", _("New")
    CONSIDERED = "considered", _("Being considered")
    PLANNED = "planned", _("Planned")
    SHIPPED = "shipped", _("Done")
    DECLINED = "declined", _("Not planned")


class IllegalMove(Exception):
    """An edition in this state cannot go there."""

    def __init__(self, state: str, verb: str) -> None:
        super().__init__(f"{verb} is not possible from {state}")
        self.state, self.verb = state, verb


def moved(state: str, verb: str) -> EditionState:
    """The state after `verb`. IllegalMove where it cannot be."""
    sources, target = MOVES[verb]
    if state not in sources:
        raise IllegalMove(state, verb)
    return target


def possible(state: str) -> list[str]:
    """Verbs that an edition in this state can take, but for editing."""
    return [verb for verb, (sources, _target) in MOVES.items() if state in sources and verb != "edit"]


def _check() -> None:
    reached = {target for _sources, target in MOVES.values()}
    left = {source for sources, _target in MOVES.values() for source in sources}
    if reached != set(EditionState) or left != set(EditionState):
        raise RuntimeError(f"states nobody reaches or leaves: {set(EditionState) - reached} {set(EditionState) - left}")


_check()
