"""Why a ticket stands where it stands, in words: reasons are kept as a code with parameters and worded when read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk.models import FAR, Deadline, Escalation
from helpdesk.workflow.ladder import Ladder

WORDS: dict[str, Any] = {
    "at_risk": gettext_lazy("%(deadline)s is at risk"),
    "overdue": gettext_lazy("%(deadline)s is overdue"),
    "words": gettext_lazy("The customer wrote “%(word)s”"),
    "sentiment": gettext_lazy("The customer's mood has dropped"),
    "reach": gettext_lazy("%(amount)s people may read it"),
    "reopened": gettext_lazy("Reopened %(amount)s times"),
    "unhappy": gettext_lazy("The customer was unhappy with the outcome"),
    "alike": gettext_lazy("%(amount)s customers have the same trouble"),
    "missed": gettext_lazy("We did not come back when we had promised to"),
    "unacknowledged": gettext_lazy("Nobody at level %(level)s acknowledged it in time"),
    "by_hand": gettext_lazy("Raised by hand"),
    "handed_back": gettext_lazy("Handed back from level %(level)s"),
}
ASKED: dict[str, Any] = {
    "duty": gettext_lazy("on duty"),
    "team": gettext_lazy("anybody of the team"),
    "role": gettext_lazy("nobody is on duty or of a team there, so it went by role"),
    "nobody": gettext_lazy("nobody works for this brand"),
}
CHANGES: dict[str, Any] = {
    "priority": gettext_lazy("its priority changed"),
    "matter": gettext_lazy("it turned out to be about something else"),
    "tier": gettext_lazy("the customer's tier changed"),
    "policy": gettext_lazy("what we promise changed"),
}


def wording(reason: Mapping[str, Any]) -> str:
    """A reason as a sentence without its full stop; an unknown one as its code."""
    code = str(reason.get("code", ""))
    if code not in WORDS:
        return code
    kinds = {str(value): str(label) for value, label in Deadline.Kind.choices}
    amount = reason.get("amount")
    values = {
        "deadline": kinds.get(str(reason.get("deadline")), ""),
        "word": reason.get("word", ""),
        "level": reason.get("level", ""),
        "amount": number_format(amount, use_l10n=True, force_grouping=True) if isinstance(amount, int) else "",
    }
    return str(WORDS[code]) % values


def whom(reason: Mapping[str, Any]) -> str:
    """Why it was them who were asked."""
    return str(ASKED.get(str(reason.get("asked", "")), ""))


def what_next(row: Escalation, ladder: Ladder) -> tuple[str, dt.datetime | None]:
    """What the ladder does next with an open step, and when; "" and None where it waits for people alone."""
    if row.ended_at is not None or row.next_at >= FAR:
        return "", None
    rung = ladder.rungs.get(row.level)
    if rung is not None and row.reminded < rung.reminders:
        return _("a reminder"), row.next_at
    above = ladder.above(row.level)
    if above is None:
        return _("the managers are told"), row.next_at
    return _("it climbs to level %(level)s") % {"level": above}, row.next_at
