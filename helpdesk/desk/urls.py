"""The desk's own addresses, inside the admin site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import URLPattern, path

from helpdesk.desk import (
    approvals,
    files,
    follow_ups,
    inbox,
    incidents,
    joining,
    ladder,
    outcomes,
    pages,
    set_up,
    tickets,
)
from helpdesk.ports import ports

if TYPE_CHECKING:
    from helpdesk.desk.site import DeskSite

VERBS = ("answer", "acknowledge", "moderate", "assign", "resolve", "close", "reopen", "prioritise", "triage")


def patterns(site: DeskSite) -> list[URLPattern]:
    guard = site.admin_view
    own = [
        path("inbox/<slug:view>/", guard(inbox.inbox), name="inbox"),
        path("brand/", guard(inbox.choose_brand), name="choose_brand"),
        path("tickets/<int:ticket_id>/", guard(tickets.ticket), name="ticket"),
        *(
            path(f"tickets/<int:ticket_id>/{verb}/", guard(getattr(tickets, verb)), name=f"ticket_{verb}")
            for verb in VERBS
        ),
        *(
            path(f"tickets/<int:ticket_id>/{verb}/", guard(getattr(joining, verb)), name=f"ticket_{verb}")
            for verb in joining.VERBS
        ),
        *(
            path(f"tickets/<int:ticket_id>/{verb}/", guard(getattr(ladder, verb)), name=f"ticket_{verb}")
            for verb in ladder.VERBS
        ),
        *(
            path(f"tickets/<int:ticket_id>/{verb}/", guard(getattr(outcomes, verb)), name=f"ticket_{verb}")
            for verb in outcomes.VERBS
        ),
        path("tickets/<int:ticket_id>/scale/", guard(outcomes.scale), name="scale"),
        path("concessions/<int:concession_id>/<slug:what>/", guard(outcomes.settle), name="settle_concession"),
        path("outcomes/", guard(outcomes.overview), name="outcomes"),
        path("lessons/", guard(outcomes.learnt), name="lessons"),
        path("lessons/<int:lesson_id>/answer/", guard(outcomes.answer), name="answer_lesson"),
        path("incidents/", guard(incidents.overview), name="incidents"),
        path("incidents/<int:incident_id>/", guard(incidents.incident), name="incident"),
        *(
            path(f"incidents/<int:incident_id>/{verb}/", guard(getattr(incidents, verb)), name=f"incident_{verb}")
            for verb in incidents.VERBS
        ),
        path("deliveries/<int:delivery_id>/decide/", guard(tickets.decide), name="decide"),
        path("deliveries/<int:delivery_id>/cancel/", guard(tickets.cancel), name="cancel_delivery"),
        path("messages/<int:message_id>/html/", guard(files.html), name="message_html"),
        path("files/<int:attachment_id>/", guard(files.download), name="attachment"),
        path("customers/<int:customer_id>/erase/", guard(joining.erase), name="erase_customer"),
        path("set-up/<slug:key>/", guard(set_up.overview), name="set_up"),
        path("set-up/<slug:key>/<int:row_id>/", guard(set_up.edit), name="set_up_one"),
        path("set-up/policies/<int:row_id>/dry-run/", guard(set_up.dry_run), name="dry_run"),
        path("approvals/", guard(approvals.overview), name="approvals"),
        path("approvals/<int:approval_id>/decide/", guard(approvals.decide), name="decide_approval"),
        path("follow-ups/", guard(follow_ups.overview), name="follow_ups"),
        path("follow-ups/<int:follow_up_id>/finish/", guard(follow_ups.finish), name="finish_follow_up"),
        path("tickets/<int:ticket_id>/come_back/", guard(follow_ups.come_back), name="ticket_come_back"),
        path("guards/", guard(set_up.guards), name="guards"),
        path("telling/", guard(set_up.telling), name="telling"),
        path("notices/", guard(pages.all_notices), name="notices"),
        path("notices/<int:notice_id>/read/", guard(pages.read_notice), name="read_notice"),
        path("contact/", guard(pages.log_contact), name="contact"),
    ]
    for urls in ports.desk_urls:
        own += urls(site)
    return own
