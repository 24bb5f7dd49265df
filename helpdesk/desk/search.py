"""The palette's answers: tickets by number or subject, customers by name, handle or phone; scoped like everything else."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from helpdesk.contacts import numbers
from helpdesk.models import Customer, Profile, Ticket
from helpdesk.ports import ports

MOST = 8


def results(request: HttpRequest) -> HttpResponse:
    term = request.GET.get("s", "").strip().lstrip("#@")[:100]
    if not term or "\x00" in term:
        return HttpResponse()
    found = [*_tickets(request, term), *_people(request, term)]
    return TemplateResponse(request, "desk/_search.html", {"results": found})


def _tickets(request: HttpRequest, term: str) -> list[dict[str, Any]]:
    if not (term.isascii() and term.isdigit() and len(term) < 10):
        return []
    rows = Ticket.objects.visible_to(request.user).filter(number=int(term)).with_people()
    return [
        {
            "title": f"#{row.number} {row.subject or row.customer.name}",
            "about": f"{ports.mouth.platform_name(row.platform)} · {row.get_state_display()}",
            "link": reverse("desk:ticket", args=[row.pk]),
        }
        for row in rows[:MOST]
    ]


def _people(request: HttpRequest, term: str) -> list[dict[str, Any]]:
    """Their latest ticket is where a colleague wants to go; who has none, their card."""
    known = Profile.objects.visible_to(request.user).filter(
        Q(handle__istartswith=term) | Q(external_id__in=numbers(term, list(request.user.roles)))  # type: ignore[union-attr]
    )
    people = Customer.objects.visible_to(request.user).filter(
        Q(name__istartswith=term) | Q(pk__in=known.values("customer")[:100])
    )
    found = []
    for row in people.order_by("name")[:MOST]:
        latest = Ticket.objects.filter(customer=row).order_by("-last_inbound_at").first()
        link = (
            reverse("desk:ticket", args=[latest.pk])
            if latest
            else reverse("desk:helpdesk_customer_change", args=[row.pk])
        )
        about = _("latest: #%(number)d") % {"number": latest.number} if latest else row.place
        found.append({"title": row.name or _("Somebody"), "about": about, "link": link})
    return found
