"""What an agent does about people and tickets that belong together: every verb a POST that comes back to the ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from helpdesk import erasing, joining
from helpdesk.desk.tickets import demand, me, verb
from helpdesk.models import Customer, Joining, Profile, Ticket
from helpdesk.workflow.verbs import Conflict, Refused

BIGGEST = 2**63 - 1
VERBS = ("merge", "link", "split", "join", "distinguish", "separate", "undo_join")


class KeyForm(forms.Form):
    value = forms.IntegerField(min_value=1, max_value=BIGGEST)


def _key(request: HttpRequest, name: str, words: str) -> int:
    form = KeyForm({"value": request.POST.get(name, "").lstrip("#")})
    if not form.is_valid():
        raise Refused(name, "unknown", words)
    return int(form.cleaned_data["value"])


def _numbered(request: HttpRequest, row: Ticket) -> Ticket:
    """The ticket of this brand whose number was typed."""
    words = _("Give the number of another ticket, such as 42.")
    number = _key(request, "number", words)
    found = Ticket.objects.filter(brand=row.brand_id, number=number).first() if number < 2**31 else None
    if found is None:
        raise Refused("number", "unknown", _("There is no ticket #%(number)d.") % {"number": number})
    return found


@verb("ticket.merge")
def merge(request: HttpRequest, row: Ticket) -> str:
    kept = joining.merge(row.pk, _numbered(request, row).pk, me(request))
    return _("Merged into #%(number)s: all of it is there now.") % {"number": kept.number}


@verb("ticket.link")
def link(request: HttpRequest, row: Ticket) -> str:
    other = _numbered(request, row)
    joining.link(row.pk, other.pk, request.POST.get("kind", "related"), me(request))
    return _("Linked with #%(number)s.") % {"number": other.number}


@verb("ticket.split")
def split(request: HttpRequest, row: Ticket) -> str:
    message = _key(request, "message", _("Choose a message to split off."))
    fresh = joining.split(row.pk, [message], me(request))
    return _("Split off: it is #%(number)s now.") % {"number": fresh.number}


@verb("customer.join")
def join(request: HttpRequest, row: Ticket) -> str:
    if "number" in request.POST:  # by a ticket of theirs
        other = _numbered(request, row).customer_id
    else:
        other = _key(request, "other", _("Choose who it is."))
    joining.join(row.customer_id, other, me(request))
    return _("One person from now on. It can be undone beside the conversation.")


@verb("customer.join")
def distinguish(request: HttpRequest, row: Ticket) -> str:
    joining.distinguish(row.customer_id, _key(request, "other", _("Choose who it is.")), me(request))
    return _("Two people; we do not ask again.")


@verb("customer.join")
def separate(request: HttpRequest, row: Ticket) -> str:
    joining.separate(row.customer_id, _key(request, "profile", _("Choose which of their handles.")), me(request))
    return _("A customer of its own now. “Is also” beside the conversation joins the two again.")


@verb("customer.join")
def undo_join(request: HttpRequest, row: Ticket) -> str:
    joining.undo(row.customer_id, _key(request, "joining", _("Choose what to undo.")), me(request))
    return _("Two people again.")


@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What forgetting this person would remove, and the doing of it."""
    from helpdesk.desk.site import site

    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    demand(request, "customer.erase", customer.brand_id)
    if request.method == "POST":
        try:
            outcome = erasing.erase(customer.pk, me(request))
        except Conflict as conflict:
            flash.error(request, str(conflict))
        else:
            counts = asdict(outcome)
            said = ngettext("%(count)d message", "%(count)d messages", counts["messages"])
            where = ngettext("%(count)d ticket", "%(count)d tickets", counts["tickets"])
            flash.success(
                request,
                _("Erased: %(said)s in %(where)s.")
                % {"said": said % {"count": counts["messages"]}, "where": where % {"count": counts["tickets"]}},
            )
        return redirect("desk:inbox", view="next")
    context = {
        **site.each_context(request),
        "customer": customer,
        "profiles": list(customer.profiles.order_by("id")),
        "tickets": customer.tickets.count(),
        "title": _("Erase %(name)s") % {"name": customer.name or _("somebody")},
    }
    return TemplateResponse(request, "desk/erase.html", context)


def beside(row: Ticket) -> dict[str, Any]:
    """What the person's panel shows of this."""
    found = joining.suggestions(row.customer)
    joined = list(row.customer.joinings.filter(undone_at=None).select_related("other", "by").order_by("-id")[:5])
    return {
        "suggestions": [{"who": one, **about} for one, about in zip(found, _known_of(found), strict=True)],
        "joinings": [{"row": one, "handles": handles} for one, handles in zip(joined, _moved(joined), strict=True)],
    }


def _known_of(found: Sequence[joining.Suggestion]) -> list[dict[str, Any]]:
    """What helps to tell whether it is the same person: their handles, and the ticket they were last heard in."""
    ids = [one.customer.pk for one in found]
    if not ids:
        return []
    profiles: dict[int, list[Profile]] = {}
    for profile in Profile.objects.filter(customer__in=ids).order_by("id")[:100]:
        profiles.setdefault(profile.customer_id, []).append(profile)
    last: dict[int, Ticket] = {}
    for ticket in Ticket.objects.filter(customer__in=ids).order_by("-last_inbound_at", "-id")[:100]:
        last.setdefault(ticket.customer_id, ticket)
    return [{"profiles": profiles.get(key, [])[:3], "ticket": last.get(key)} for key in ids]


def _moved(joined: Sequence[Joining]) -> list[str]:
    """The handles that each joining brought."""
    moved: list[list[int]] = [list(dict(row.moved).get("profiles", [])) for row in joined]
    ids = {key for keys in moved for key in keys}
    names = {row.pk: row.handle or row.name for row in Profile.objects.filter(pk__in=ids)} if ids else {}
    return [", ".join(name for key in keys if (name := names.get(key, ""))) for keys in moved]
