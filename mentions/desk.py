"""The desk's pages about listening: sources with their health, and what could not be taken in."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk.desk.navigation import counted, link
from helpdesk.desk.site import DeskSite, site
from helpdesk.desk.tickets import demand, me
from helpdesk.permissions import brands_where, may, may_anywhere
from helpdesk.seal import Unreadable, seal, unseal
from helpdesk.templatetags.desk import span
from helpdesk.workflow.verbs import Conflict, Refused
from mentions import accounts, archive, connecting, gaps, money, polling, previews, reading_back, sources
from mentions.desk_forms import ReadBackForm, SourceForm, SourceSettings, read_back_form, settings_form, settings_of
from mentions.health import health
from mentions.models import Quarantine, ReadBack, Source
from mentions.platforms import registry
from mentions.platforms.base import Platform


def urls(desk: DeskSite) -> list[Any]:
    guard = desk.admin_view
    return [
        path("sources/", guard(all_sources), name="sources"),
        path("sources/add/<slug:key>/", guard(add_source), name="add_source"),
        path("sources/authorised/", guard(authorised), name="authorised"),
        path("sources/<int:source_id>/", guard(edit_source), name="source"),
        path("sources/<int:source_id>/poll/", guard(poll_now), name="poll_source"),
        path("sources/<int:source_id>/pause/", guard(pause), name="pause_source"),
        path("sources/<int:source_id>/read-back/", guard(read_back), name="read_back"),
        path("sources/<int:source_id>/read-back/stop/", guard(stop_reading_back), name="stop_reading_back"),
        path("quarantine/", guard(quarantine), name="quarantine"),
        path("quarantine/<int:row_id>/retry/", guard(retry), name="retry_quarantined"),
        path("quarantine/<int:row_id>/drop/", guard(drop), name="drop_quarantined"),
    ]


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    stuck = Quarantine.objects.visible_to(request.user).filter(settled_at=None)
    items = [
        link(request, _("Sources"), "hearing", reverse("desk:sources")),
        link(request, _("Search terms"), "search", reverse("desk:terms")),
        link(request, _("Quarantine"), "warning", reverse("desk:quarantine"), counted(stuck), alarm=True),
    ]
    return [{"title": _("Listening"), "items": items}]


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **context}, status=status)


@require_GET
def all_sources(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = Source.objects.visible_to(request.user).exclude(kind=archive.PLATFORM)  # nothing is heard from the past
    found = found.select_related("account__channel", "brand")
    rows_found = list(found.order_by("brand__name", "name"))
    keys = [row.pk for row in rows_found]
    past, missed = reading_back.latest(keys), gaps.latest(keys, now)
    used = money.used_by([row.account_id for row in rows_found])
    open_items = Quarantine.objects.visible_to(request.user).filter(settled_at=None)
    aside = dict(open_items.order_by().values("source").annotate(count=Count("id")).values_list("source", "count"))
    rows: list[dict[str, Any]] = [
        {
            "source": row,
            "health": health(row, now),
            "may_poll": may(me(request), "source.poll", row.brand_id),
            "may_edit": may(me(request), "source.edit", row.brand_id),
            "used": used[row.account_id],
            "for_reading": money.for_reading(row.account.monthly_budget),
            "left": money.left(row.account.monthly_budget, money.dollars(used[row.account_id].micros_month), now),
            "shares": [other.account_id for other in rows_found].count(row.account_id) > 1,
            "requests": used[row.account_id].month.get(money.REQUESTS, 0),
            "spent": money.dollars(used[row.account_id].micros_month),
            "spent_today": money.dollars(used[row.account_id].micros_today),
            "set_aside": aside.get(row.pk, 0),
            "delay": _delay(row.delay_seconds),
            "past": _past(past.get(row.pk), row, now),
            "gaps": [{"gap": gap, "words": gaps.words(gap)} for gap in missed[row.pk]],
        }
        for row in rows_found
    ]
    rows.sort(key=lambda row: URGENCY.index(row["health"].code))  # what needs somebody stands first
    offered = (
        [registry.platform(key) for key in registry.offered()] if may_anywhere(request.user, "source.edit") else []
    )
    context = {
        "sources": rows,
        "offered": offered,
        "trouble": sum(row["health"].code in URGENCY[:TROUBLE] for row in rows),
        "reads_back": any(row["past"] and row["past"]["row"].finished_at is None for row in rows),
        "title": _("Sources"),
    }
    return _page(request, "desk/sources.html", context)


URGENCY = ("reconnect", "broken", "late", "ending", "throttled", "new", "fresh", "paused")
TROUBLE = 4  # of these, the first so many


SHOWN_AFTER = dt.timedelta(days=1)


def _delay(seconds: int | None) -> str:
    """From said to heard, in words."""
    if seconds is None or seconds < 60:
        return "" if seconds is None else _("%(count)d s") % {"count": max(seconds, 1)}
    return span(seconds)


def _past(row: ReadBack | None, source: Source, now: dt.datetime) -> dict[str, Any] | None:
    """A reading back that goes on, or has ended a while ago, for the screen."""
    if row is None or (row.finished_at is not None and now - row.finished_at > SHOWN_AFTER):
        return None
    return {"row": row, "why": accounts.problem_words(row.problem, source.account.channel.appears_as)}


@require_http_methods(["GET", "POST"])
def add_source(request: HttpRequest, key: str) -> HttpResponse:
    brands = brands_where(me(request), "source.edit")
    if not brands:
        demand(request, "source.edit", next(iter(me(request).roles)))
    if key not in registry.offered():
        flash.error(request, _("There is no platform “%(key)s”.") % {"key": key})
        return redirect("desk:sources")
    platform = registry.platform(key)
    kept = _kept_secrets(request, key)
    typed = (request.session.get(ADDING) or {}).get("typed", {}) if kept else {}
    form = SourceForm(request.POST or None, platform=platform, brands=brands, kept=kept, initial=typed)
    if "authorise" in request.POST and platform.authorises:
        return _to_the_platform(request, form)
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            wanted = form.wanted()
            if "start" in request.POST:
                source = connecting.add_source(form.cleaned_data["brand"], me(request), wanted)
                request.session.pop(ADDING, None)
                flash.success(request, _("Connected. “%(name)s” is listened to from now on.") % {"name": source.name})
                return redirect("desk:sources")
            found = previews.preview(wanted, form.cleaned_data["brand"])
            _keep_secrets(request, platform, wanted.settings)
            form.loosen()
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
            if refusal.field not in {f"settings.{setting.name}" for setting in platform.settings if setting.secret}:
                _keep_secrets(request, platform, wanted.settings)
                form.loosen()
    title = _("Listen to %(platform)s") % {"platform": platform.name}
    context = {"form": form, "title": title, "platform": platform, "found": found, "back": _back(request)}
    return _page(request, "desk/source_form.html", context, 400 if form.errors else 200)


ADDING = "adding-source"


def _to_the_platform(request: HttpRequest, form: SourceForm) -> HttpResponse:
    """A page that leads to where the person says yes: a form may not lead away from here, a link may."""
    platform, state = form.platform, token_urlsafe(24)
    for setting in platform.settings:
        if setting.secret:
            form.fields[f"settings.{setting.name}"].required = False
    if form.is_valid():
        wanted = form.wanted()
        try:
            begun = connecting.begin_authorising(wanted, _back(request), state)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        else:
            typed = {name: value for name, value in request.POST.items() if name in form.fields}
            typed = {
                name: value
                for name, value in typed.items()
                if not isinstance(form.fields[name].widget, forms.PasswordInput)
            }
            kept = {"settings": dict(wanted.settings), "kept": dict(begun.kept)}
            request.session[ADDING] = {"platform": platform.key, "state": state, "typed": typed, "begun": seal(kept)}
            return _page(
                request, "desk/authorise.html", {"url": begun.url, "platform": platform, "title": platform.name}
            )
    title = _("Listen to %(platform)s") % {"platform": platform.name}
    context = {"form": form, "title": title, "platform": platform, "back": _back(request)}
    return _page(request, "desk/source_form.html", context, 400)


def _back(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("desk:authorised"))


@require_GET
def authorised(request: HttpRequest) -> HttpResponse:
    """They come back from the platform with a code: what it stands for is kept, sealed, for the form to start with."""
    if not may_anywhere(request.user, "source.edit"):
        raise PermissionDenied(_("Only managers connect accounts."))
    adding = request.session.get(ADDING) or {}
    state, code = request.GET.get("state", ""), request.GET.get("code", "")
    if not adding.get("state") or not constant_time_compare(state, adding["state"]):
        flash.error(request, _("This is not the authorisation that was begun here. Begin again."))
        return redirect("desk:sources")
    key = adding["platform"]
    try:
        begun = unseal(adding["begun"])
        if not code:
            raise Refused(
                "", "denied", _("It was not authorised (%(why)s).") % {"why": request.GET.get("error", "")[:80]}
            )
        wanted = connecting.Wanted(key, "", begun["settings"])
        found = connecting.authorised(wanted, code, _back(request), begun["kept"])
    except (Refused, Unreadable) as error:
        request.session.pop(ADDING, None)
        flash.error(request, str(error))
        return redirect("desk:add_source", key=key)
    secret = {setting.name for setting in registry.platform(key).settings if setting.secret}
    known = {name: value for name, value in begun["settings"].items() if name in secret}
    told = {f"settings.{name}": value for name, value in found.items() if name not in secret}
    typed = {**adding["typed"], **told}
    request.session[ADDING] = {"platform": key, "typed": typed, "sealed": seal({**known, **found})}
    flash.success(request, _("Authorised. Test it, or start listening."))
    return redirect("desk:add_source", key=key)


def _keep_secrets(request: HttpRequest, platform: Platform, settings: Mapping[str, str]) -> None:
    """What was typed stays, sealed, between the test and the start: nobody types a password twice."""
    secret = {
        setting.name: settings[setting.name]
        for setting in platform.settings
        if setting.secret and settings.get(setting.name)
    }
    before = request.session.get(ADDING) or {}
    request.session[ADDING] = {"platform": platform.key, "sealed": seal(secret), "typed": before.get("typed", {})}


def _kept_secrets(request: HttpRequest, key: str) -> dict[str, str]:
    kept = request.session.get(ADDING) or {}
    if kept.get("platform") != key or "sealed" not in kept:
        return {}
    try:
        return dict(unseal(kept["sealed"]))
    except Unreadable:
        return {}


@require_POST
def read_back(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(request, source_id)
    demand(request, "source.edit", source.brand_id)
    form = read_back_form(source, timezone.now(), request.POST)
    if form is None:
        flash.error(request, _("This source cannot be asked for its past."))
        return redirect("desk:source", source_id=source.pk)
    if form.is_valid():
        given = form.cleaned_data
        try:
            reading_back.ask(source, me(request), *form.span, given["most"], is_history=given["is_history"])
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        except Conflict as conflict:
            form.add_error(None, str(conflict))
        else:
            flash.success(request, _("It is read back from now on; this page shows how far it is."))
            return redirect(f"{reverse('desk:sources')}#source-{source.pk}")
    return _settings_page(request, source, past=form)


@require_POST
def stop_reading_back(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(request, source_id)
    demand(request, "source.edit", source.brand_id)
    row = reading_back.latest([source.pk]).get(source.pk)
    if row is not None and reading_back.stop(row, me(request)):
        flash.success(request, _("Stopped. What was read stays."))
    else:
        flash.info(request, _("Nothing is being read back."))
    return redirect("desk:sources")


@require_http_methods(["GET", "POST"])
def edit_source(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(request, source_id)
    demand(request, "source.edit", source.brand_id)
    form = settings_form(source, request.POST or None)
    if request.method == "POST" and form.is_valid():
        platform, given = registry.platform(source.account.platform), settings_of(form)
        secret = {setting.name for setting in platform.settings if setting.secret}
        shown = {setting.name for setting in platform.settings} - secret
        given = {**dict.fromkeys(shown, ""), **given}  # what was emptied is empty
        before = source.account.settings
        moved = secret & set(given) or any(given[name] != before.get(name, "") for name in shown)
        plain = {name: value for name, value in form.cleaned_data.items() if not name.startswith("settings.")}
        try:
            sources.change(source.pk, me(request), given if moved else None, **plain)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        else:
            flash.success(request, _("Saved.") if not moved else _("Connected again; it goes on from where it was."))
            return redirect("desk:sources")
    return _settings_page(request, source, form=form)


def _settings_page(
    request: HttpRequest, source: Source, *, form: SourceSettings | None = None, past: ReadBackForm | None = None
) -> HttpResponse:
    """Both forms of a source; the one that was sent comes with its errors."""
    now = timezone.now()
    wrong = bool((form and form.errors) or (past and past.errors))
    context = {
        "form": form or settings_form(source),
        "past": past or read_back_form(source, now),
        "source": source,
        "platform": registry.platform(source.account.platform),
        "health": health(source, now),
        "hook": request.build_absolute_uri(source.account.hook_path) if source.account.hook_path else "",
        "title": source.name,
    }
    return _page(request, "desk/source_form.html", context, 400 if wrong else 200)


def _source(request: HttpRequest, source_id: int) -> Source:
    row: Source = get_object_or_404(
        Source.objects.visible_to(request.user).select_related("account__channel", "brand"), pk=source_id
    )
    return row


@require_POST
def poll_now(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(request, source_id)
    demand(request, "source.poll", source.brand_id)
    try:
        counts = polling.poll_now(source.pk)
    except Conflict as conflict:
        flash.info(request, str(conflict))
        return redirect("desk:sources")
    if not counts["claimed"]:
        flash.info(request, _("A worker is at it already."))
    elif counts.get("problem"):
        flash.error(request, accounts.problem_words(counts["problem"], source.account.channel.appears_as))
    else:
        flash.success(request, _("Looked: %(new)d new, %(edited)d edited, %(deleted)d deleted.") % counts)
    return redirect("desk:sources")


@require_POST
def pause(request: HttpRequest, source_id: int) -> HttpResponse:
    source = _source(request, source_id)
    demand(request, "source.edit", source.brand_id)
    row = sources.change(source.pk, me(request), is_active=not source.is_active)
    flash.success(
        request, _("Listening again.") if row.is_active else _("Paused: nothing is heard until you start it again.")
    )
    return redirect("desk:sources")


@require_GET
def quarantine(request: HttpRequest) -> HttpResponse:
    found = Quarantine.objects.visible_to(request.user).filter(settled_at=None)
    rows = [
        {
            "item": row,
            "shown": json.dumps(row.raw, indent=1, ensure_ascii=False)[:8000],
            "may_retry": may(me(request), "quarantine.retry", row.brand_id),
        }
        for row in found.select_related("source__account", "brand").order_by("-seen_at")[:100]
    ]
    return _page(request, "desk/quarantine.html", {"rows": rows, "title": _("Quarantine")})


def _quarantined(request: HttpRequest, row_id: int) -> Quarantine:
    row: Quarantine = get_object_or_404(Quarantine.objects.visible_to(request.user), pk=row_id)
    demand(request, "quarantine.retry", row.brand_id)
    return row


@require_POST
def retry(request: HttpRequest, row_id: int) -> HttpResponse:
    row = _quarantined(request, row_id)
    try:
        is_in = polling.retry_quarantined(row.pk)
    except Conflict as error:
        flash.info(request, str(error))
        return redirect("desk:quarantine")
    if is_in:
        flash.success(request, _("It is in now."))
    else:
        flash.error(request, _("It still cannot be read. It stays here, with the reason."))
    return redirect("desk:quarantine")


@require_POST
def drop(request: HttpRequest, row_id: int) -> HttpResponse:
    row = _quarantined(request, row_id)
    Quarantine.objects.filter(pk=row.pk, settled_at=None).update(settled_at=timezone.now())
    flash.success(request, _("Dropped: it is kept for 30 days, but no longer waits for you."))
    return redirect("desk:quarantine")
