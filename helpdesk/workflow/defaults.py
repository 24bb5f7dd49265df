"""What a brand starts with: a ladder of two levels and policies that work on the first day, to be changed like any other."""

from __future__ import annotations

from typing import Any

from helpdesk.models import Brand, EscalationPolicy, Level, Priority, Trigger

HARM = ["injury", "injured", "hurt", "unsafe", "danger", "dangerous", "fire", "ambulance", "hospital", "allergic"]
LAW = [
    "lawyer",
    "lawsuit",
    "sue",
    "legal action",
    "ombudsman",
    "consumer protection",
    "police",
    "fraud",
    "data protection",
]

# how a ladder begins: (number, name, minutes to acknowledge, reminders, what may be granted without asking)
LEVELS = ((1, "Front line", 60, 1, 20), (2, "Specialists", 30, 1, 200))
RESPONSES = ["first_response", "next_response"]
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "name": "Somebody may be hurt",
        "trigger": Trigger.WORDS,
        "params": {"words": HARM},
        "raise_to": 2,
        "set_priority": Priority.CRITICAL,
    },
    {
        "name": "Law and authorities",
        "trigger": Trigger.WORDS,
        "params": {"words": LAW},
        "raise_to": 2,
        "set_priority": Priority.HIGH,
    },
    {"name": "The customer is unhappy with the outcome", "trigger": Trigger.UNHAPPY, "raise_to": 0},
    {"name": "A promise to come back was missed", "trigger": Trigger.MISSED, "raise_to": 0},
    {"name": "Reopened twice", "trigger": Trigger.REOPENED, "params": {"times": 2}, "raise_to": 2},
    {
        "name": "A complaint that many will read",
        "trigger": Trigger.REACH,
        "params": {"reach": 50_000},
        "intents": ["complaint"],
        "set_priority": Priority.HIGH,
        "raise_to": 2,
    },
    {
        "name": "Many have the same trouble",
        "trigger": Trigger.ALIKE,
        "params": {"count": 10},
        "set_priority": Priority.HIGH,
    },
    {
        "name": "A complaint that waits too long",
        "trigger": Trigger.OVERDUE,
        "params": {"deadlines": RESPONSES},
        "intents": ["complaint"],
        "raise_to": 2,
    },
)


def begin(brand: Brand) -> None:
    """The ladder and policies of a brand that has none."""
    Level.objects.bulk_create(
        Level(
            brand=brand,
            number=number,
            name=name,
            acknowledge_minutes=minutes,
            reminders=reminders,
            concession_limit=limit,
        )
        for number, name, minutes, reminders, limit in LEVELS
    )
    EscalationPolicy.objects.bulk_create(
        EscalationPolicy(brand=brand, position=10 * place, is_active=True, notify=["desk"], **values)
        for place, values in enumerate(POLICIES, 1)
    )
