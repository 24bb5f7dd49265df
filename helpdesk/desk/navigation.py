"""The desk's sidebar, with what waits behind each entry. Counts stop at 99: nobody needs more to decide."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import notices
from helpdesk.desk.inbox_views import VIEWS, InboxView, chosen_brands, rows_of
from helpdesk.models import Incident
from helpdesk.permissions import may_anywhere
from helpdesk.ports import ports
from helpdesk.workflow import lessons

MOST = 99


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links in the shape django-unfold's sidebar takes."""
    groups = [_inbox(request), _day(request)]
    for section in ports.desk_sections:
        groups += section(request)
    groups.append(_set_up(request))
    return [group for group in groups if group["items"]]


def link(
    request: HttpRequest, title: str, icon: str, url: str, badge: str = "", *, alarm: bool = False
) -> dict[str, Any]:
    path = request.path
    return {
        "title": title,
        "icon": icon,
        "link": url,
        "active": path == url or (url != reverse("desk:index") and path.startswith(url)),
        "badge": badge,
        "badge_variant": "danger" if alarm else "primary",
        "has_permission": True,
    }


def counted(rows: Any) -> str:
    """ "" for none, "99+" where there are more. `rows` in the order of an index let the database stop early."""
    found = len(rows.values_list("pk", flat=True)[: MOST + 1])
    return "" if not found else f"{MOST}+" if found > MOST else str(found)


def _in_order(rows: Any, view: InboxView, brands: list[int]) -> Any:
    """One brand's rows in the order of its index; of several, sorting them all would cost more than it saves."""
    return rows.order_by(view.order.column, "id") if len(brands) == 1 else rows


def _inbox(request: HttpRequest) -> dict[str, Any]:
    now, brands = timezone.now(), chosen_brands(request)
    items = []
    for key, view in VIEWS.items():
        badge = counted(_in_order(rows_of(request, key, now), view, brands)) if view.counted else ""
        items.append(
            link(request, view.title, view.icon, reverse("desk:inbox", args=[key]), badge, alarm=key == "overdue")
        )
    return {"title": _("Inbox"), "items": items}


def _day(request: HttpRequest) -> dict[str, Any]:
    from helpdesk.desk import approvals, follow_ups  # whose pages stand in this frame

    brands = chosen_brands(request)
    unseen = notices.for_user(request.user).filter(settled_at=None).exclude(readers=request.user.pk)  # type: ignore[arg-type]
    items = [link(request, _("Notices"), "notifications", reverse("desk:notices"), counted(unseen), alarm=True)]
    items.append(
        link(request, _("Approvals"), "approval", reverse("desk:approvals"), counted(approvals.waiting_for(request)))
    )
    due = follow_ups.mine(request).filter(due_at__lte=timezone.now())
    items.append(link(request, _("Follow-ups"), "event_upcoming", reverse("desk:follow_ups"), counted(due), alarm=True))
    going = Incident.objects.filter(brand__in=brands, state=Incident.State.OPEN)
    items.append(link(request, _("Incidents"), "emergency_home", reverse("desk:incidents"), counted(going), alarm=True))
    owed = lessons.owed(timezone.now()).filter(brand__in=brands)
    items.append(link(request, _("Lessons"), "school", reverse("desk:lessons"), counted(owed)))
    items.append(link(request, _("How it went"), "sentiment_satisfied", reverse("desk:outcomes")))
    if may_anywhere(request.user, "ticket.log"):
        items.append(link(request, _("Log a contact"), "add_call", reverse("desk:contact")))
    items.append(link(request, _("Customers"), "group", reverse("desk:helpdesk_customer_changelist")))
    return {"title": _("Today"), "items": items}


def _set_up(request: HttpRequest) -> dict[str, Any]:
    entries = (
        ("brand.edit", _("Brands"), "storefront", "desk:helpdesk_brand_changelist"),
        ("member.edit", _("Members"), "badge", "desk:helpdesk_membership_changelist"),
        ("token.edit", _("API tokens"), "key", "desk:helpdesk_apitoken_changelist"),
    )
    items = [
        link(request, title, icon, reverse(name))
        for needs, title, icon, name in entries
        if may_anywhere(request.user, needs)
    ]
    if may_anywhere(request.user, "policy.edit"):
        for key, title, icon in (("promises", _("Promises"), "schedule"), ("ladder", _("Ladder"), "stairs")):
            items.append(link(request, title, icon, reverse("desk:set_up", args=[key])))
    return {"title": _("Set up"), "items": items}
