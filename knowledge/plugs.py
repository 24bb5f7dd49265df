"""What this app answers through helpdesk's ports. Called once, when the app is ready."""

from __future__ import annotations

from collections.abc import Sequence

from corsheaders.signals import check_request_enabled
from django.urls import reverse

from helpdesk.models import Brand, Message, Ticket
from helpdesk.ports import Erased, ports


def _erased(person: Erased) -> None:
    from knowledge.mining import learn

    learn.forget(person.ticket_ids)


def _taken_back(messages: Sequence[int]) -> None:
    """Words were deleted where they were said: what was learnt of them goes, too."""
    from knowledge.mining import learn

    learn.forget(list(Message.objects.filter(pk__in=messages).values_list("ticket", flat=True).distinct()))


def _articles_beside(ticket: Ticket) -> str:
    return reverse("desk:ticket_articles", args=[ticket.pk])


def _help_centre(brand: Brand) -> None:
    from knowledge import demo

    demo.furnish(brand)


def plug_in() -> None:
    from helpdesk.workflow import alerts
    from knowledge import api, desk, digest, doctor
    from knowledge.api import sites

    check_request_enabled.connect(sites.is_named, dispatch_uid="knowledge.sites")

    ports.api_routes.append(api.add_routes)
    alerts.WORDS["help.week"] = digest.WORDS
    ports.doctors.append(doctor.examine)
    ports.after_demo.append(_help_centre)
    ports.beside_ticket.append(_articles_beside)
    ports.desk_urls.append(desk.urls)
    ports.desk_sections.append(desk.sections)
    ports.after_erasure.append(_erased)
    ports.after_tombstone.append(_taken_back)
