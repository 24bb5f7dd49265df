"""Brands from before the ladder get one, with its policies switched off: switched on, they would raise a backlog at once."""

from django.db import migrations


def begin(apps, schema_editor):
    from helpdesk.workflow.defaults import LEVELS, POLICIES

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
    from django.db.models import F

    Ticket.objects.filter(state__in=["new", "open", "waiting"]).update(next_step_at=F("last_inbound_at"))


class Migration(migrations.Migration):
    dependencies = [("helpdesk", "0004_promises_and_ladder")]
    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
