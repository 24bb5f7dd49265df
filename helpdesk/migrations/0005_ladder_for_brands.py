"""Brands from before the ladder get one, with its policies switched off: switched on, they would raise a backlog at once.

What it makes is written out here: what new brands begin with may change, history may not.
"""

from django.db import migrations
from django.db.models import F

LEVELS = ((1, "Front line", 60, 1), (2, "Specialists", 30, 1))
HARM = ["injury", "injured", "hurt", "unsafe", "danger", "dangerous", "fire", "ambulance", "hospital", "allergic"]
LAW = ["lawyer", "lawsuit", "sue", "legal action", "ombudsman", "consumer protection", "police", "fraud", "data protection"]
RESPONSES = ["first_response", "next_response"]
POLICIES = (
    {"name": "Somebody may be hurt", "trigger": "words", "params": {"words": HARM}, "raise_to": 2, "set_priority": 4},
    {"name": "Law and authorities", "trigger": "words", "params": {"words": LAW}, "raise_to": 2, "set_priority": 3},
    {"name": "The customer is unhappy with the outcome", "trigger": "unhappy", "raise_to": 0},
    {"name": "A promise to come back was missed", "trigger": "missed", "raise_to": 0},
    {"name": "Reopened twice", "trigger": "reopened", "params": {"times": 2}, "raise_to": 2},
    {
        "name": "A complaint that many will read",
        "trigger": "reach",
        "params": {"reach": 50_000},
        "intents": ["complaint"],
        "set_priority": 3,
        "raise_to": 2,
    },
    {
        "name": "A complaint that waits too long",
        "trigger": "overdue",
        "params": {"deadlines": RESPONSES},
        "intents": ["complaint"],
        "raise_to": 2,
    },
)


def begin(apps, schema_editor):
    Brand, Level = apps.get_model("helpdesk", "Brand"), apps.get_model("helpdesk", "Level")
    Policy, Ticket = apps.get_model("helpdesk", "EscalationPolicy"), apps.get_model("helpdesk", "Ticket")
    for brand in Brand.objects.all():
        Level.objects.bulk_create(
            Level(brand=brand, number=number, name=name, acknowledge_minutes=minutes, reminders=reminders)
            for number, name, minutes, reminders in LEVELS
        )
        Policy.objects.bulk_create(
            Policy(brand=brand, position=10 * place, is_active=False, notify=["desk"], **values)
            for place, values in enumerate(POLICIES, 1)
        )
    # the ladder looks at what is open once, and from then on when something becomes due
    Ticket.objects.filter(state__in=["new", "open", "waiting"]).update(next_step_at=F("last_inbound_at"))


class Migration(migrations.Migration):
    dependencies = [("helpdesk", "0004_promises_and_ladder")]
    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
