"""What leaves the desk for people of the brand: emails, and lines in its chat. Rows, sent by a worker and tried again.

An alert may come twice (a worker died between sending and saying so); it never holds a customer's words.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Mapping
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk import events, links, notices
from helpdesk.models import Alert, Brand, Membership, User
from helpdesk.net import HttpClient, NetError, checked_url
from helpdesk.permissions import Role
from helpdesk.seal import Unreadable, seal, unseal
from helpdesk.text.clean import one_line
from helpdesk.workflow.reasons import wording
from helpdesk.workflow.verbs import Refused

log = logging.getLogger(__name__)

BATCH, MOST_ATTEMPTS = 50, 8
PATIENCE = 5.0  # seconds for a chat to take a line: others wait
LEASE = dt.timedelta(minutes=5)
DUMMY = "django.core.mail.backends.dummy.EmailBackend"

# code -> (subject, or the line in the chat; what an email says beside it)
WORDS: dict[str, tuple[Any, Any]] = {
    "escalation.raised": (
        gettext_lazy("#%(number)s was raised to level %(level)s: %(reason)s"),
        gettext_lazy("%(name)s is asked. Take it before it climbs further."),
    ),
    "escalation.noticed": (
        gettext_lazy("#%(number)s: %(reason)s"),
        gettext_lazy("A policy of the brand asked that you are told: %(policy)s."),
    ),
    "lesson.written": (
        gettext_lazy("A recommendation for %(area)s: %(recommendation)s"),
        gettext_lazy("What went wrong: %(cause)s.\n%(author)s recommends: %(recommendation)s\n\nAccept it, refuse it with a reason, or say that it is done."),
    ),
}  # fmt: skip


def rows(
    brand_id: int,
    code: str,
    by: Iterable[str],
    users: Iterable[int],
    now: dt.datetime,
    *,
    link: str = "",
    **params: Any,
) -> list[Alert]:
    """Alerts, unsaved: an email to each user, and one line in the chat."""
    ways = set(by)
    common: dict[str, Any] = {"brand_id": brand_id, "code": code, "params": params, "link": link, "due_at": now}
    found = [Alert(by=Alert.By.EMAIL, user_id=user, **common) for user in users] if Alert.By.EMAIL in ways else []
    if Alert.By.HOOK in ways:
        found.append(Alert(by=Alert.By.HOOK, **common))
    return found


def due(now: dt.datetime) -> bool:
    return Alert.objects.filter(sent_at=None, failed_at=None, due_at__lte=now).exists()


def send(now: dt.datetime, until: float = float("inf")) -> int:
    """Send those that are due, while the clock (`time.monotonic`) is before `until`; how many were tried."""
    found = list(
        Alert.objects.filter(sent_at=None, failed_at=None, due_at__lte=now)
        .order_by("due_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    tried = 0
    for key in found:
        if time.monotonic() >= until:
            break
        row = _claimed(key, now)
        if row is not None:
            tried += 1
            _try(row, now)
    return tried


def _claimed(key: int, now: dt.datetime) -> Alert | None:
    """Ours for five minutes, before anything leaves."""
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        mine = Alert.objects.select_for_update(of=("self",), skip_locked=skip).select_related("brand", "user")
        row = mine.filter(pk=key, sent_at=None, failed_at=None, due_at__lte=now).first()
        if row is not None:
            row.attempts += 1
            row.due_at = now + LEASE
            row.save(update_fields=["attempts", "due_at"])
        return row


class _Failed(Exception):
    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


def _try(row: Alert, now: dt.datetime) -> None:
    try:
        if row.by == Alert.By.EMAIL:
            _by_email(row)
        else:
            _by_hook(row)
    except _Failed as error:
        row.problem = str(error)[:300]
        if error.permanent or row.attempts >= MOST_ATTEMPTS:
            row.failed_at = now
            key = f"alerts:{row.by}"
            notices.tell(
                row.brand_id, key, "alert.failed", least=Role.MANAGER, name=row.get_by_display(), problem=row.problem
            )
        else:
            row.due_at = now + dt.timedelta(minutes=2**row.attempts)
            if row.by == Alert.By.HOOK:  # the others would wait for the same
                others = Alert.objects.filter(brand=row.brand_id, by=row.by, sent_at=None, failed_at=None)
                others.filter(due_at__lt=row.due_at).update(due_at=row.due_at)
    else:
        row.sent_at, row.problem = now, ""
        notices.settle(row.brand_id, f"alerts:{row.by}")
    row.save(update_fields=["problem", "failed_at", "due_at", "sent_at"])


notices.WORDS["alert.failed"] = "%(name)s: an alert could not be sent (%(problem)s). Nobody was told outside the desk."


def said(row: Alert) -> tuple[str, str, str]:
    """(subject, text, whole address) of an alert."""
    subject, text = WORDS[row.code]
    values = _values(row.params)
    return one_line(str(subject) % values, 200), str(text) % values, links.absolute(row.link)


def _values(params: Mapping[str, Any]) -> dict[str, str]:
    known = dict.fromkeys(("number", "level", "name", "policy", "area", "recommendation", "cause", "author"), "")
    reason = wording(params["reason"]) if isinstance(params.get("reason"), dict) else ""
    return {**known, **{name: str(value) for name, value in params.items()}, "reason": reason}


def _by_email(row: Alert) -> None:
    if settings.EMAIL_BACKEND == DUMMY:
        raise _Failed(_("no mail server is set: HELPDESK_MAIL_URL"), permanent=True)
    assert row.user is not None
    works_here = Membership.objects.filter(brand=row.brand_id, user=row.user, user__is_active=True)
    if not works_here.exists():
        raise _Failed(_("they no longer work for the brand"), permanent=True)
    subject, text, address = said(row)
    body = "\n\n".join(part for part in (subject, text, address) if part)
    try:
        EmailMessage(f"[{row.brand.name}] {subject}", body, to=[row.user.email]).send()
    except (SMTPException, OSError) as error:
        raise _Failed(f"{type(error).__name__}: {error}", permanent=False) from error


def _by_hook(row: Alert) -> None:
    address = hook_of(row.brand)
    if not address:
        raise _Failed(_("the brand has no chat hook"), permanent=True)
    subject, text, link = said(row)
    line = " ".join(part for part in (subject, text, link) if part)
    escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # as Slack's format asks
    with HttpClient(seconds=PATIENCE) as client:
        try:
            answer = client.request("POST", address, body={"text": escaped})
        except NetError as error:
            raise _Failed(str(error), permanent=error.code in ("blocked", "bad_url")) from error
    if not 200 <= answer.status < 300:
        permanent = 400 <= answer.status < 500 and answer.status not in (408, 429)
        raise _Failed(f"HTTP {answer.status}", permanent=permanent)


# --- the chat's hook -------------------------------------------------------------------------------------------


def hook_of(brand: Brand) -> str:
    """The address of the chat's incoming hook; "" where there is none or the seal does not open."""
    try:
        return str(unseal(brand.chat_hook).get("url", ""))
    except Unreadable:
        return ""


@transaction.atomic
def set_hook(brand_id: int, user: User, url: str) -> Brand:
    """Set the chat's incoming hook, as Slack, Mattermost or Google Chat give one; empty: none. It is kept sealed."""
    url = url.strip()
    if url:
        try:
            if not (url.startswith("https://") or settings.ALLOW_NETS):
                raise NetError("bad_url")
            checked_url(url)
        except NetError as error:
            raise Refused(
                "chat_hook", "invalid", _("Give the whole https address that the chat made for its hook.")
            ) from error
    brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    brand.chat_hook = seal({"url": url}) if url else ""
    brand.save(update_fields=["chat_hook"])
    events.record([events.happened("brand.changed", brand, actor=user, fields=["chat_hook"])])
    return brand
