"""The palette's answers: tickets by number, customers by name or handle; scoped like everything else."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from helpdesk.models import Customer, Ticket

MOST = 8


def results(request: HttpRequest) -> HttpResponse:
    term = request.GET.get("s", "").strip().lstrip("#")[:100]
    if not term or "\x00" in term:
        return HttpResponse()
    tickets = Ticket.objects.none()
    if term.isascii() and term.isdigit() and len(term) < 10:
        tickets = Ticket.objects.visible_to(request.user).filter(number=int(term)).with_people()
    people = Customer.objects.visible_to(request.user)
    people = people.filter(Q(name__istartswith=term) | Q(profiles__handle__istartswith=term)).distinct()
    context = {"tickets": tickets[:MOST], "customers": people.order_by("name")[:MOST]}
    return TemplateResponse(request, "desk/_search.html", context)
