"""The ticket's page, and what an agent does there: every verb is a POST of its own that comes back to the page.

Bad input comes back with the sentence at its field and the words still in the box: nothing written is lost.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk.desk import inbox
from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import VIEWS
from helpdesk.models import Delivery, Membership, Message, Priority, Ticket, TicketLink, User, Visibility
from helpdesk.permissions import least_role, may
from helpdesk.ports import Ability, ports
from helpdesk.states import PartState
from helpdesk.text import private
from helpdesk.text.triage import Intent, Sentiment, Urgency
from helpdesk.workflow import following_up, guarding, replies, tickets, verbs
from helpdesk.workflow.guards import Finding
from helpdesk.workflow.verbs import Conflict, PermissionRefused, Refused

MOST_MESSAGES = 200
BESIDE = ("offer", "learn")  # forms beside the conversation, which show themselves what was wrong with them


def visible(request: HttpRequest, ticket_id: int) -> Ticket:
    return get_object_or_404(Ticket.objects.visible_to(request.user).with_people(), pk=ticket_id)


@require_GET
def ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """The page; asked again by itself (htmx), only the conversation, and nothing where nothing has changed."""
    row = visible(request, ticket_id)
    if not request.headers.get("HX-Request"):
        return _page(request, row)
    context = _talk(request, row, {})
    if request.GET.get("as_of") == context["as_of"]:
        return HttpResponse(status=204)
    return TemplateResponse(request, "desk/_live.html", context)


def _page(request: HttpRequest, row: Ticket, *, draft: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
    from helpdesk.desk.site import site

    beside = inbox.listing(request, _view(request), inbox.BESIDE)
    if draft is None and request.GET.get("ask") == "delete":
        draft = _to_delete(row)
    context = {**site.each_context(request), **beside, **_talk(request, row, draft or {}), "here_pk": row.pk}
    from helpdesk.desk import follow_ups, outcomes  # which are made of this module's verbs

    context |= {
        "outcome": outcomes.beside(request, row),
        "again": {**draft["beside"], "error": draft["error"], "about": draft["about"]}
        if draft and draft.get("beside") is not None
        else {},
        "cool": timezone.now() + following_up.COOL,
        "person": _person(request, row),
        "follow_ups": follow_ups.beside(row),
        "panels": [address for panel in ports.beside_ticket if (address := panel(row))],
        "title": f"#{row.number}",
        "is_fullwidth": "1",
    }
    return TemplateResponse(request, "desk/ticket.html", context, status=status)


def _to_delete(row: Ticket) -> dict[str, Any]:
    """A draft that asks the customer to take their private data down, and goes on in private where that is possible."""
    first = (row.customer.name.split() or [""])[0].lstrip("@")
    words = _(
        "%(name)s, others can read your private data in what you wrote. Please delete it there; we go on from what we have."
    )
    return {"text": (words % {"name": first}).removeprefix(", ").strip(), "rather": "private"}


def _view(request: HttpRequest) -> str:
    """The list that the agent is working through."""
    view = request.GET.get("view", "next")
    return view if view in VIEWS else "next"


def _talk(request: HttpRequest, row: Ticket, draft: dict[str, Any]) -> dict[str, Any]:
    """The conversation with what can be done about it."""
    conversation = _conversation(row)
    composer = _composer(row, conversation, draft)
    likes = Delivery.objects.filter(reply_to=composer["latest"], action=Delivery.Action.LIKE)
    is_liked = composer["latest"] is not None and likes.exclude(state__in=["failed", "cancelled"]).exists()
    from helpdesk.desk import approvals, ladder  # which are made of this module's verbs

    context = {
        "ticket": row,
        "ladder": ladder.beside(request, row),
        "conversation": conversation,
        "approvals": approvals.beside(request, row, conversation),
        "seen": _newest(row, conversation),
        "composer": composer,
        "waiting": ports.mouth.waiting(row.channel, conversation),
        "exposed": _exposed(row, conversation),
        "holdup": {
            "public": ports.mouth.holdup(row.channel, private=False),
            "private": ports.mouth.holdup(row.channel, private=True),
        },
        "liked": is_liked,
        "links": _links(row),
        "colleagues": Membership.objects.filter(brand=row.brand_id, user__is_active=True).exclude(role="auditor").select_related("user").order_by("user__name"),
        "may": {verb: may(request.user, f"ticket.{verb}", row.brand_id) for verb in ("reply", "note", "assign", "resolve", "acknowledge", "moderate", "edit", "triage", "link", "split", "merge")},
        "may_decide": may(request.user, "delivery.decide", row.brand_id),
        "priorities": Priority.choices,
        "here": inbox.here(request, _view(request)),
    }  # fmt: skip
    context["as_of"] = _as_of(context)
    return context


def _links(row: Ticket) -> list[TicketLink]:
    """What it goes on from, and what it has to do with."""
    related = Q(earlier=row) & ~Q(kind=TicketLink.Kind.FOLLOWS)
    return list(
        TicketLink.objects.filter(Q(later=row) | related).select_related("earlier", "later").order_by("id")[:20]
    )


def _newest(row: Ticket, conversation: list[Message]) -> int:
    """The key of the entry that came in last; in a long ticket it may stand above what is shown."""
    if len(conversation) < MOST_MESSAGES:
        return max((message.pk for message in conversation), default=0)
    return row.messages.aggregate(newest=Max("pk"))["newest"] or 0


def _as_of(context: dict[str, Any]) -> str:
    """A name of what the conversation shows: another one, once anything of it has changed."""
    row = context["ticket"]
    minute = int(time.time() // 60)  # "2 min ago" moves on, too
    shown = [
        minute,
        row.state,
        row.assignee_id,
        row.priority,
        row.next_due_at,
        row.subject,
        context["liked"],
        sorted(context["holdup"].items()),
        sorted(context["waiting"]),
        *((entry["row"].pk, entry["row"].due_at) for entry in context["approvals"].values()),
        *(
            (step["row"].pk, step["row"].acknowledged_at, step["row"].ended_at, step["row"].reminded)
            for step in context["ladder"]["steps"]
        ),
    ]
    for message in context["conversation"]:
        delivery = getattr(message, "delivery", None)
        shown += [message.pk, message.edited_at, message.deleted_at, message.corrected, delivery and delivery.state]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _conversation(row: Ticket) -> list[Message]:
    """The latest messages, oldest first, with all a bubble shows."""
    found = row.messages.select_related("author", "profile", "delivery", "thread", "body").prefetch_related(
        "versions", "delivery__parts", "attachments"
    )
    return list(found.order_by("-said_at", "-id")[:MOST_MESSAGES])[::-1]


def _exposed(row: Ticket, conversation: list[Message]) -> dict[int, dict[str, Any]]:
    """By message: what of the customer's private data anybody can read there, and whether we can hide it."""
    found: dict[int, dict[str, Any]] = {}
    countries = [row.brand.country] if row.brand.country else []
    for message in conversation:
        if message.kind != "inbound" or message.visibility != Visibility.PUBLIC or message.deleted_at is not None:
            continue
        kinds = dict.fromkeys(one.kind for one in private.find(message.text, countries))
        if kinds:
            can_hide = ports.mouth.ability(row.channel, "hide", message).allowed
            found[message.pk] = {"kinds": [guarding.KINDS[kind] for kind in kinds], "can_hide": can_hide}
    return found


def _composer(row: Ticket, conversation: list[Message], draft: dict[str, Any]) -> dict[str, Any]:
    """What can be sent, where, and how long; private by default where the customer spoke privately last."""
    public, private = (replies.reply_target(row, way) for way in (Visibility.PUBLIC, Visibility.PRIVATE))
    abilities: dict[str, Ability] = {
        "public": ports.mouth.ability(row.channel, "public", public),
        "private": ports.mouth.ability(row.channel, "private", private),
        "like": ports.mouth.ability(row.channel, "like", public),
    }
    heard = [message for message in conversation if message.kind == "inbound" and message.deleted_at is None]
    is_private = any(message.visibility == Visibility.PRIVATE for message in heard)  # once said there, it stays there
    spoke = Visibility.PRIVATE if is_private else Visibility.PUBLIC
    modes = [mode for mode in (spoke, "public", "private") if mode in ("public", "private") and abilities[mode].allowed]
    return {
        "abilities": abilities,
        "latest": public,
        "mode": draft.get("mode")
        or (draft.get("rather") in modes and draft["rather"])
        or (modes[0] if modes else "call" if row.platform == "manual" else "note"),
        "text": draft.get("text", ""),
        "error": "" if draft.get("beside") is not None else draft.get("error", ""),
        "findings": draft.get("findings", []),
    }


def _person(request: HttpRequest, row: Ticket) -> dict[str, Any]:
    """Who this is: profiles, who else it may be, what else is open, and what came before."""
    from helpdesk.desk import joining  # which is made of this module's verbs

    others = list(
        Ticket.objects.visible_to(request.user)
        .filter(customer=row.customer_id)
        .exclude(pk=row.pk)
        .order_by("-last_inbound_at", "-id")[:12]
    )
    return {
        "profiles": list(row.customer.profiles.order_by("id")[:20]),
        "may_join": may(request.user, "customer.join", row.brand_id),
        "may_erase": may(request.user, "customer.erase", row.brand_id),
        **joining.beside(row),
        "open": [other for other in others if other.is_open],
        "before": [other for other in others if not other.is_open],
    }


# --- verbs -----------------------------------------------------------------------------------------------------


def verb(
    needs: str, *, moves_on: bool = False
) -> Callable[[Callable[[HttpRequest, Ticket], str]], Callable[..., HttpResponse]]:
    """A POST on a ticket: visible first (404), then the role (403), then the act; its sentence becomes a message.

    `moves_on`: the ticket is done with, and the agent goes on to the next.
    """

    def wrap(act: Callable[[HttpRequest, Ticket], str]) -> Callable[..., HttpResponse]:
        @require_http_methods(["GET", "POST"])
        def view(request: HttpRequest, ticket_id: int) -> HttpResponse:
            row = visible(request, ticket_id)
            if request.method != "POST":  # the address after a mistake, or after a log-in: back to the page
                return back_to(request, row)
            demand(request, needs, row.brand_id)
            try:
                said = act(request, row)
            except Refused as refusal:
                draft = {
                    "text": request.POST.get("text", ""),
                    "mode": request.POST.get("mode", ""),
                    "error": refusal.text,
                    "beside": request.POST.dict() if act.__name__ in BESIDE else None,
                    "about": act.__name__,
                }
                return _page(request, visible(request, ticket_id), draft=draft, status=400)
            except Asked as asked:
                asked_draft: dict[str, Any] = {
                    "text": asked.text,
                    "mode": request.POST.get("mode", ""),
                    "findings": [
                        {
                            "guard": one.guard,
                            "words": guarding.wording(one, asked.text),
                            "on": _day_of(one),
                            "name": _first_name(row, request.POST.get("mode", ""))
                            if one.guard in ("specific", "copy")
                            else "",
                        }
                        for one in asked.found
                    ],
                }
                return _page(request, visible(request, ticket_id), draft=asked_draft)
            except Conflict as conflict:
                draft = {
                    "text": request.POST.get("text", ""),
                    "mode": request.POST.get("mode", ""),
                    "error": str(conflict),
                }
                return _page(request, visible(request, ticket_id), draft=draft, status=409)
            except PermissionRefused as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            flash.success(request, said)
            if moves_on:
                return on_to_the_next(request, row)
            return back_to(request, row, **({"sent": request.POST["once"]} if request.POST.get("once") else {}))

        return view

    return wrap


def back_to(request: HttpRequest, row: Ticket, **more: str) -> HttpResponse:
    """The ticket's page, with the list beside it that the agent is working through."""
    extra = f"&{urlencode(more)}" if more else ""
    return redirect(f"{reverse('desk:ticket', args=[row.pk])}?{inbox.here(request, _view(request))}{extra}")


def on_to_the_next(request: HttpRequest, row: Ticket) -> HttpResponse:
    """The first of the list that the agent is working through; the list itself where nothing is left."""
    view = _view(request)
    rows = inbox.listing(request, view, 2)["tickets"]
    following = next((other for other in rows if other.pk != row.pk), None)
    if following is None:
        return redirect(f"{reverse('desk:inbox', args=[view])}?{inbox.here(request, view)}")
    return back_to(request, following)


def demand(request: HttpRequest, needs: str, brand_id: int) -> None:
    """PermissionDenied, in words, unless the user's role in the brand reaches the action."""
    if not may(request.user, needs, brand_id):
        raise PermissionDenied(
            _("This needs the role of %(role)s or higher in this brand.") % {"role": least_role(needs).label.lower()}
        )


def me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@verb("ticket.reply")
def answer(request: HttpRequest, row: Ticket) -> str:
    """What the composer sends: a public or private reply, a note, or a logged call, by `mode`."""
    mode = request.POST.get("mode", "")
    if mode not in SAID:
        raise Refused("mode", "required", _("Choose how to answer: in public, privately, by a note or a call."))
    text = request.POST.get("text", "")
    if request.POST.get("fix") == "later":
        return _slept_on(request, row, text)
    if mode in ("public", "private"):
        mode, text = _guarded(request, row, mode, text)
    with transaction.atomic():
        if not sent_before(request):
            if mode in ("public", "private"):
                _nobody_was_faster(row, me(request), request.POST.get("seen", ""))
                guarding.sent(row, me(request), text)
            if request.POST.get("fix") == "remind":
                _reminded(request, row)
            written = _write(row, me(request), mode, text)
            if written is not None and written.state == PartState.HELD:
                return _("It waits for a second pair of eyes, and goes when it is approved.")
    return str(SAID[mode])


def _slept_on(request: HttpRequest, row: Ticket, text: str) -> str:
    """A hot draft is kept, for colleagues only, and comes back to its writer in ten minutes."""
    with transaction.atomic():
        if not sent_before(request):
            tickets.note(row.pk, me(request), _("Not sent yet:") + "\n" + text)
            guarding.sent(row, me(request), "")
            following_up.plan(row.pk, me(request), "message", timezone.now() + following_up.COOL, reason="cool")
    return _("Kept as a note. You are reminded in ten minutes.")


def _reminded(request: HttpRequest, row: Ticket) -> None:
    """What the draft promises becomes a follow-up on the day it names."""
    from helpdesk.desk.follow_ups import morning

    raw = request.POST.get("remind_on", "")
    try:
        day = dt.date.fromisoformat(raw)
    except ValueError:
        raise Refused("remind_on", "invalid", _("Choose a day to be reminded on.")) from None
    following_up.plan(row.pk, me(request), "check", morning(row.brand, day), reason="promised")


class Asked(Exception):
    """The guards have something to say of this draft; one tap sends it all the same."""

    def __init__(self, text: str, found: list[Finding]) -> None:
        super().__init__()
        self.text, self.found = text, found


def _guarded(request: HttpRequest, row: Ticket, mode: str, text: str) -> tuple[str, str]:
    """(mode, text) as they may go: asked about and sent anyway, or with the fix that was tapped. Asked where neither."""
    fix = request.POST.get("fix", "")
    if fix == "move":
        mode = "private"
    now = timezone.now()
    found = guarding.check(row, text, mode, now)
    if fix == "hide":
        leak = next((one for one in found if one.guard == "private"), None)
        text = guarding.hidden(text, leak) if leak is not None else text
        found = guarding.check(row, text, mode, now)
    if fix == "name":
        text = guarding.by_name(text, _first_name(row, mode))
        raise Asked(text, guarding.check(row, text, mode, now))
    if fix == "remind":
        found = [one for one in found if one.guard != "promise"]
    if found and "anyway" not in request.POST:
        guarding.raised(row, me(request), text, found)
        raise Asked(text, found)
    return mode, text


def _first_name(row: Ticket, mode: str) -> str:
    """What to call them there; "" where we know no name."""
    return replies.first_name(replies.shown_name(row, mode))


SAID = {
    "public": gettext_lazy("On its way."),
    "private": gettext_lazy("On its way."),
    "note": gettext_lazy("Noted, for colleagues only."),
    "call": gettext_lazy("The call is logged."),
}


def _day_of(found: Finding) -> dt.date | None:
    """The day that a promise names."""
    raw = str(found.params.get("on") or "")
    return dt.date.fromisoformat(raw) if raw else None


def _nobody_was_faster(row: Ticket, user: User, seen: str) -> None:
    """Conflict where a colleague answered, or the customer wrote, after the last entry this page showed."""
    verbs.locked(row.pk)
    if not (seen.isascii() and seen.isdigit() and len(seen) < 19):
        return
    later = row.messages.filter(pk__gt=int(seen), kind__in=["reply", "call", "inbound"], deleted_at=None)
    newest = later.exclude(author=user).select_related("author", "profile").order_by("-pk").first()
    if newest is None:
        return
    if newest.kind == "inbound":
        raise Conflict(_("They wrote again while you were writing. Read it above, then send once more."))
    name = newest.author.name if newest.author else _("A colleague")
    raise Conflict(_("%(name)s answered while you were writing. Read it above, then send once more.") % {"name": name})


def _write(row: Ticket, user: User, mode: str, text: str) -> Delivery | None:
    """What was written; the delivery of what is to be sent."""
    if mode in ("public", "private"):
        return replies.reply(row.pk, user, text, mode)
    if mode == "note":
        tickets.note(row.pk, user, text)
    else:
        tickets.log_call(row.pk, user, text)
    return None


@verb("ticket.acknowledge")
def acknowledge(request: HttpRequest, row: Ticket) -> str:
    replies.acknowledge(row.pk, me(request))
    return _("Acknowledged. It still waits for an answer.")


class ModerateForm(forms.Form):
    message = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    action = forms.ChoiceField(choices=[(action, action) for action in replies.MODERATES])


@verb("ticket.moderate")
def moderate(request: HttpRequest, row: Ticket) -> str:
    form = ModerateForm(request.POST)
    if not form.is_valid():
        raise Refused("action", "unknown", _("Choose to approve it, to hide it or to mark it as spam."))
    replies.moderate(row.pk, me(request), form.cleaned_data["message"], form.cleaned_data["action"])
    if form.cleaned_data["action"] == "approve":
        return _("It will appear there in a moment.")
    if form.cleaned_data["action"] == "hide":
        return _("It will be hidden there in a moment; its words stay here.")
    return _("It will be marked as spam there in a moment; its words stay here.")


class AssignForm(forms.Form):
    assignee = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


@verb("ticket.assign")
def assign(request: HttpRequest, row: Ticket) -> str:
    form = AssignForm(request.POST)
    if not form.is_valid():
        raise Refused("assignee", "unknown", _("Choose a colleague from the list."))
    user_id = form.cleaned_data["assignee"]
    somebody = (
        User.objects.filter(pk=user_id, is_active=True, memberships__brand=row.brand_id).first() if user_id else None
    )
    if user_id and somebody is None:
        raise Refused("assignee", "unknown", _("Choose a colleague from the list."))
    tickets.assign(row.pk, me(request), somebody)
    return _("It is %(name)s's now.") % {"name": somebody} if somebody else _("It is nobody's now.")


def _done(row: Ticket, words: str) -> str:
    link = reverse("desk:ticket", args=[row.pk])
    return format_html('{} <a href="{}">#{} {}</a>', words, link, row.number, row.customer.name)


@verb("ticket.resolve", moves_on=True)
def resolve(request: HttpRequest, row: Ticket) -> str:
    tickets.resolve(row.pk, me(request))
    return _done(row, _("Resolved; it opens again if they write within the brand's window:"))


@verb("ticket.resolve", moves_on=True)
def close(request: HttpRequest, row: Ticket) -> str:
    tickets.close(row.pk, me(request), request.POST.get("reason", ""))
    return _done(row, _("Closed:"))


@verb("ticket.resolve")
def reopen(request: HttpRequest, row: Ticket) -> str:
    tickets.reopen(row.pk, me(request))
    return _("Open again.")


@verb("ticket.edit")
def prioritise(request: HttpRequest, row: Ticket) -> str:
    raw = request.POST.get("priority", "")
    if raw not in ("1", "2", "3", "4"):
        raise Refused("priority", "unknown", _("Choose a priority from the list."))
    tickets.change(row.pk, me(request), priority=int(raw))
    return _("Priority set.")


class TriageForm(forms.Form):
    message = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    intent = forms.ChoiceField(choices=Intent.choices, required=False)
    sentiment = forms.ChoiceField(choices=Sentiment.choices, required=False)
    urgency = forms.ChoiceField(choices=Urgency.choices, required=False)


@verb("ticket.triage")
def triage(request: HttpRequest, row: Ticket) -> str:
    form = TriageForm(request.POST)
    if not form.is_valid():
        raise Refused("triage", "unknown", _("Choose a value from the list."))
    message = get_object_or_404(Message, pk=form.cleaned_data["message"], ticket=row, kind="inbound")
    values = {
        name: value
        for name, value in form.cleaned_data.items()
        if name != "message" and value and value != getattr(message, name)
    }
    if values:
        tickets.correct_triage(message.pk, me(request), **values)
    return _("Noted: your reading stays.")


@require_POST
def decide(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """What became of a reply nobody knows of: it is there, send again, or drop it."""
    delivery = get_object_or_404(Delivery.objects.visible_to(request.user), pk=delivery_id)
    demand(request, "delivery.decide", delivery.brand_id)
    try:
        replies.decide(delivery.pk, me(request), request.POST.get("decision", ""))
        flash.success(request, _("Decided."))
    except (Refused, Conflict) as error:
        flash.error(request, str(error))
    return redirect("desk:ticket", ticket_id=delivery.ticket_id)


@require_POST
def cancel(request: HttpRequest, delivery_id: int) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.visible_to(request.user), pk=delivery_id)
    demand(request, "ticket.reply", delivery.brand_id)
    try:
        replies.cancel(delivery.pk, me(request))
        flash.success(request, _("Taken back before it left."))
    except Conflict as error:
        flash.error(request, str(error))
    return redirect("desk:ticket", ticket_id=delivery.ticket_id)
