"""What customers ask, by topic: its demand, whether an article answers it, and a draft where none does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages as flash
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncWeek
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.permissions import may
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import topics as verbs
from knowledge.desk import number, page
from knowledge.mining import drafts
from knowledge.models import Advice, Inquiry, Topic
from knowledge.reports.weeks import mondays, shares, start_of

PAGE, MOST_INQUIRIES = 100, 100
VERBS = ("name", "keep", "aside", "merge", "draft", "cover", "place", "advise")
SHOWN: dict[str, dict[str, Any]] = {"open": {"covered_at": None}, "answered": {"covered_at__isnull": False}}


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The topics asked most; those that no article answers first to be seen."""
    shown = request.GET.get("show", "open")
    rows = Topic.objects.visible_to(request.user).filter(brand__in=chosen_brands(request))
    rows = rows.filter(state=Topic.State.ASIDE) if shown == "aside" else rows.current().filter(**SHOWN.get(shown, {}))
    found = list(rows.select_related("article", "brand").order_by("-asked_30", "-size", "-id")[:PAGE])
    for row in found:
        row.growth = growth(row)  # type: ignore[attr-defined]
    for row in found:
        row.shown = row.asked_30 or row.size  # type: ignore[attr-defined]
    most = max((row.asked_30 or row.size for row in found), default=0)
    advice = (
        Advice.objects.visible_to(request.user)
        .filter(state=Advice.State.OPEN)
        .select_related("topic", "other", "brand")
    )
    waiting = Inquiry.objects.visible_to(request.user).filter(brand__in=chosen_brands(request), topic=None)
    context = {
        "rows": found, "show": shown, "most": most or 1, "advice": advice.order_by("-id")[:10],
        "waiting": len(waiting.values_list("pk", flat=True)[:100]), "title": _("Topics"),
    }  # fmt: skip
    return page(request, "topics", context)


def growth(row: Topic) -> int | None:
    """Percent against the thirty days before; None where those tell nothing."""
    return None if row.asked_before < 5 else round(100 * (row.asked_30 - row.asked_before) / row.asked_before)


def visible(request: HttpRequest, topic_id: int) -> Topic:
    return get_object_or_404(Topic.objects.visible_to(request.user).select_related("brand", "article"), pk=topic_id)


@require_GET
def topic(request: HttpRequest, topic_id: int) -> HttpResponse:
    """One topic: its weeks, its questions, its article."""
    return _page(request, visible(request, topic_id))


def _page(request: HttpRequest, row: Topic, *, said: str = "", status: int = 200) -> HttpResponse:
    others = Topic.objects.for_brand(row.brand_id).current().filter(language=row.language).exclude(pk=row.pk)
    context = {
        "row": row, "weeks": weeks(row), "growth": growth(row), "said": said,
        "inquiries": row.inquiries.select_related("ticket").order_by("-said_at", "-id")[:MOST_INQUIRIES],
        "others": others.order_by("-asked_30", "-id")[:200], "advice": row.advice.filter(state=Advice.State.OPEN).select_related("other"),
        "edition": row.article.editions.order_by("id").first() if row.article else None,
        "may_edit": may(request.user, "topic.edit", row.brand_id), "may_write": may(request.user, "article.write", row.brand_id),
        "title": row.title,
    }  # fmt: skip
    return page(request, "topic", context, status)


def weeks(row: Topic, now: dt.datetime | None = None) -> list[dict[str, Any]]:
    """Inquiries of the last thirteen weeks: {"day", "count", "share", "is_after"}, where share is of the largest week."""
    days = mondays(now)
    found = row.inquiries.filter(said_at__gte=start_of(days[0])).annotate(week=TruncWeek("said_at")).order_by()
    counts = {week.date(): count for week, count in found.values_list("week").annotate(count=Count("pk"))}
    covered = row.covered_at.date() if row.covered_at else None
    return [
        {"day": day, "count": counts.get(day, 0), "share": share, "is_after": bool(covered and day >= covered)}
        for day, share in zip(days, shares([counts.get(day, 0) for day in days]), strict=True)
    ]


# --- verbs -----------------------------------------------------------------------------------------------------


def verb(act: Callable[[HttpRequest, Topic], tuple[str, Any]]) -> Callable[..., HttpResponse]:
    """A POST on a topic; its answer is a sentence and where to go on."""

    @require_POST
    def view(request: HttpRequest, topic_id: int) -> HttpResponse:
        row = visible(request, topic_id)
        demand(request, "article.write" if act.__name__ == "draft" else "topic.edit", row.brand_id)
        try:
            if act.__name__ == "draft":  # may ask a server: outside of any transaction
                said, onward = act(request, row)
            else:
                with transaction.atomic():
                    said, onward = (_("This was done already."), None) if sent_before(request) else act(request, row)
        except Refused as refusal:
            return _page(request, visible(request, topic_id), said=refusal.text, status=400)
        except Conflict as conflict:
            return _page(request, visible(request, topic_id), said=str(conflict), status=409)
        flash.success(request, said)
        return onward or redirect("desk:topic", topic_id=row.pk)

    view.__name__ = act.__name__
    return view


@verb
def name(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    verbs.name(row.pk, me(request), request.POST.get("title", ""))
    return _("Its name stays from now on."), None


@verb
def keep(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    verbs.keep(row.pk, me(request))
    return _("Kept: customers see that it is asked now."), None


@verb
def aside(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    verbs.put_aside(row.pk, me(request))
    return _("Put aside: it needs no article."), redirect("desk:topics")


@verb
def merge(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    into = verbs.merge(row.pk, number(request.POST.get("into", "")), me(request))
    return _("One topic now."), redirect("desk:topic", topic_id=into.pk)


@verb
def draft(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    edition = drafts.of_topic(row, me(request))
    return _("Drafted from what you answered. Check every sentence."), redirect("desk:article", edition_id=edition.pk)


@verb
def cover(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    verbs.cover(row.pk, me(request), number(request.POST.get("article", "")) or None)
    return _("Kept."), None


@verb
def place(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    verbs.place(
        number(request.POST.get("inquiry", "")),
        row.brand_id,
        me(request),
        number(request.POST.get("into", "")) or None,
    )
    return _("Moved; it stays there."), None


@verb
def advise(request: HttpRequest, row: Topic) -> tuple[str, Any]:
    taken = request.POST.get("decision") == "take"
    verbs.decide_advice(number(request.POST.get("advice", "")), row.pk, me(request), is_taken=taken)
    return (_("Done.") if taken else _("It will not be suggested again.")), redirect("desk:topics")
