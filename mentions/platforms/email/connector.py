"""Email: a mailbox read over IMAP, answers sent over SMTP, discussion lists among the mail.

The sent folder is read too: what colleagues write from a mail program is ours, and what lies there was sent. Our own
Message-ID is chosen before the first try; an answer whose fate is unknown is looked for there and never simply sent again.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    ENDS,
    NOTHING,
    Bounce,
    Connector,
    Draft,
    Identity,
    Limits,
    Malformed,
    Page,
    Platform,
    PlatformError,
    Post,
    Sent,
    Setting,
    Span,
    Stream,
    said_in,
    time_of,
)
from mentions.platforms.email import parse, tokens
from mentions.platforms.email.imap import Fetched, Imap
from mentions.platforms.email.smtp import Smtp

SECURITY = (("ssl", "TLS"), ("starttls", "STARTTLS"), ("none", "None (only in networks that are allowed)"))
IMAP_PORTS = {"ssl": 993, "starttls": 143, "none": 143}
SMTP_PORTS = {"ssl": 465, "starttls": 587, "none": 25}
FIRST_LOOK = dt.timedelta(days=7)
LONG_BACK = dt.timedelta(days=90)  # where a folder that we knew was made anew
MAX_LENGTH = 19_000
KEPT_RAW = 40_000  # characters of a mail that could not be read, for the quarantine


Line = TypeVar("Line", Imap, Smtp)


class Email(Connector):
    platform = Platform(
        key="email",
        name="Email",
        settings=(
            Setting("address", "Address", "What customers write to."),
            Setting("imap_host", "IMAP server", "Such as imap.example.org."),
            Setting("imap_port", "IMAP port", "Empty: the usual one.", required=False),
            Setting("imap_security", "IMAP security", default="ssl", choices=SECURITY),
            Setting("smtp_host", "SMTP server", "Such as smtp.example.org."),
            Setting("smtp_port", "SMTP port", "Empty: the usual one.", required=False),
            Setting("smtp_security", "SMTP security", default="starttls", choices=SECURITY),
            Setting("username", "User name", "Often the address itself."),
            Setting(
                "password",
                "Password",
                "Google and others want an app password. Microsoft 365 takes none: use XOAUTH2.",
                secret=True,
                required=False,
            ),
            Setting(
                "access_token",
                "XOAUTH2 access token",
                "Instead of a password.",
                secret=True,
                required=False,
                is_more=True,
            ),
            Setting(
                "refresh_token", "XOAUTH2 refresh token", "To renew it.", secret=True, required=False, is_more=True
            ),
            Setting("client_id", "OAuth client id", required=False, is_more=True),
            Setting("client_secret", "OAuth client secret", secret=True, required=False, is_more=True),
            Setting("token_url", "OAuth token address", "Where tokens are renewed.", required=False, is_more=True),
            Setting("folder", "Folder", "What to read.", default="INBOX", is_free=True, is_more=True),
            Setting(
                "from_name", "Sender's name", "Shown with the address.", required=False, is_free=True, is_more=True
            ),
            Setting(
                "plus_addressing",
                "Plus addresses",
                "Answers come back to address+ticket@… where the server delivers these: the surest threading.",
                default="no",
                is_more=True,
                is_free=True,
                choices=(("no", "No"), ("yes", "Yes")),
            ),
            ENDS,
        ),
        streams=(Stream("mail", "Mail and discussion lists", rhythm_seconds=60, reads_back=True),),
        public_reply=True,  # on discussion lists
        private_reply=True,
        reads_per_hour=3600,
        writes_per_hour=300,
        permissions=(
            ("IMAP", "to read the folder and the sent mail; nothing is marked as read"),
            ("SMTP", "to answer from the same address"),
        ),
        guide="Use a mailbox of its own, not a person's. With two-step log-in make an app password; with Microsoft 365 or "
        "where passwords are off, register an app with IMAP and SMTP permission and use XOAUTH2.",
    )

    # --- the log-in --------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return str(self.settings.get("address") or "").strip().lower()

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def _port(self, name: str, usual: Mapping[str, int]) -> int:
        given = str(self.settings.get(f"{name}_port") or "").strip()
        if not given:
            return usual[str(self.settings.get(f"{name}_security"))]
        if not (given.isascii() and given.isdigit() and 0 < int(given) < 65_536):
            detail = _("a port is a number, most often %(usual)s") % {"usual": usual["ssl"]}
            raise PlatformError("settings", detail, permanent=True, only=f"{name}_port")
        return int(given)

    def _imap(self) -> Imap:
        self.requests += 1
        security = str(self.settings.get("imap_security") or "ssl")
        port = self._port("imap", IMAP_PORTS)
        with _about("imap_host"):
            return self._logged_in(lambda: Imap(str(self.settings["imap_host"]), port, security))

    def _smtp(self) -> Smtp:
        self.requests += 1
        security = str(self.settings.get("smtp_security") or "starttls")
        port = self._port("smtp", SMTP_PORTS)
        with _about("smtp_host"):
            return self._logged_in(
                lambda: Smtp(str(self.settings["smtp_host"]), port, security, self.domain or "localhost")
            )

    def _logged_in(self, connected: Callable[[], Line]) -> Line:
        """A new connection, logged in; with a token that is refused, once more on another with a renewed one."""
        username, password = str(self.settings.get("username") or self.address), str(self.secrets.get("password") or "")
        line = connected()
        if not self._uses_tokens:
            line.log_in(username, password)
            return line
        if not self._token or float(self.session.get("expires_at") or time.time() + 200) < time.time() + 120:
            self._renewed()
        try:
            line.log_in(username, password, token=self._token)
            return line
        except PlatformError as error:
            if error.code != "credentials" or not self._can_renew:
                error.only = error.only or "access_token"
                raise
        line.close()
        self._renewed()
        line = connected()
        line.log_in(username, password, token=self._token)
        return line

    @property
    def _uses_tokens(self) -> bool:
        return bool(self.secrets.get("access_token") or self.secrets.get("refresh_token"))

    @property
    def _token(self) -> str:
        return str(self.session.get("access_token") or self.secrets.get("access_token") or "")

    @property
    def _can_renew(self) -> bool:
        return bool(self.secrets.get("refresh_token") and self.settings.get("token_url"))

    def _renewed(self) -> None:
        if not self._can_renew:
            raise PlatformError("credentials", _("the token has expired"), permanent=True)
        self.renew(self._new_tokens)

    def _new_tokens(self) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(self.session.get("refresh_token") or self.secrets.get("refresh_token")),
            "client_id": str(self.settings.get("client_id") or ""),
            "client_secret": str(self.secrets.get("client_secret") or ""),
        }
        response = self.ask("POST", str(self.settings["token_url"]), form=form)
        if response.status != 200:
            if response.status >= 500 or response.status == 429:
                raise PlatformError("unavailable", f"HTTP {response.status}")
            detail = said_in(response, "error_description", "error")
            raise PlatformError("credentials", detail, permanent=True, only="refresh_token")
        answer = self.decoded(response)
        if not isinstance(answer.get("access_token"), str):
            raise PlatformError("undecodable", "a log-in without token")
        seconds = answer.get("expires_in")
        again = answer.get("refresh_token")
        return {
            "access_token": answer["access_token"],
            "refresh_token": again if isinstance(again, str) else self.session.get("refresh_token", ""),
            "expires_at": time.time() + (seconds if isinstance(seconds, int | float) else 3600),
        }

    def connect(self) -> Identity:
        if "@" not in self.address or len(self.address) > 254:
            raise PlatformError("settings", _("this is no mail address"), permanent=True, only="address")
        if not self._uses_tokens and not self.secrets.get("password"):
            detail = _("a password or an XOAUTH2 token is missing")
            raise PlatformError("settings", detail, permanent=True, only="password")
        box = self._imap()
        try:
            box.select(self.folder)
            sent = box.sent_folder()
        finally:
            box.close()
        with self._smtp():
            pass
        return Identity("mail", self.address, self.address, {"like": _("Mail knows no likes.")}, {"sent": sent})

    @property
    def folder(self) -> str:
        return str(self.settings.get("folder") or "INBOX")

    # --- hearing -----------------------------------------------------------------------------------------------

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        box = self._imap()
        position = {key: dict(value) for key, value in cursor.items() if isinstance(value, dict)}
        try:
            for key, folder in (("in", self.folder), ("sent", str(self.facts.get("sent") or ""))):
                if folder and not (key == "sent" and folder == self.folder):
                    yield from self._folder(box, key, folder, position)
        finally:
            box.close()

    def _folder(self, box: Imap, key: str, folder: str, position: dict[str, Any]) -> Iterator[Page]:
        validity = box.select(folder)
        known = position.get(key, {})
        begin = known if known.get("validity") == validity else {}
        uid = int(begin.get("uid", 0))
        # the first time, and where the folder was made anew: by date; what is known already is told by its Message-ID
        back = LONG_BACK if known else FIRST_LOOK
        since = None if begin else (dt.datetime.now(dt.UTC) - back).date()
        for mails in box.fetch(box.above(uid, since)):
            self.requests += 1
            position[key] = {"validity": validity, "uid": mails[-1].uid}
            yield self._page(mails, dict(position), sent=key == "sent")
        if not begin and position.get(key, {}).get("validity") != validity:
            position[key] = {"validity": validity, "uid": max(box.above(0, None), default=0)}
            yield Page(cursor=dict(position))

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """By the days mail came in; the server's days may begin hours away from ours."""
        box, day = self._imap(), dt.timedelta(days=1)
        since, before = (span.since - day).date(), (span.until + 2 * day).date()
        known = {key: dict(value) for key, value in position.items() if isinstance(value, dict)}
        try:
            for key, folder in (("in", self.folder), ("sent", str(self.facts.get("sent") or ""))):
                if not folder or (key == "sent" and folder == self.folder):
                    continue
                validity = box.select(folder)
                begin = known.get(key, {}) if known.get(key, {}).get("validity") == validity else {}
                for mails in box.fetch(box.above(int(begin.get("uid", 0)), since, before)):
                    self.requests += 1
                    known[key] = {"validity": validity, "uid": mails[-1].uid}
                    yield self._page([one for one in mails if span.holds(one.at)], dict(known), sent=key == "sent")
        finally:
            box.close()

    def _page(self, mails: list[Fetched], cursor: Mapping[str, Any], *, sent: bool) -> Page:
        posts: list[Post] = []
        malformed: list[Malformed] = []
        bounces: list[Bounce] = []
        for one in mails:
            try:
                mail = parse.Mail(one.raw)
                if not sent and (found := mail.bounces(self.address)):
                    bounces += found
                    continue
                post = parse.post_of(mail, self.address, one.at, sent=sent, note=_too_large(one) if one.is_cut else "")
            except Exception as error:  # noqa: BLE001 - one mail that cannot be read must not block its folder
                malformed.append(Malformed(_kept(one, sent=sent), f"{type(error).__name__}: {error}"[:200]))
                continue
            if not one.raw.strip():
                continue  # deleted between two questions
            posts.append(post)
        return Page(tuple(posts), tuple(malformed), bounces=tuple(bounces), cursor=cursor)

    def reread(self, stream: str, raw: Any) -> Page:
        try:
            content = base64.b64decode(raw["mail"])
            one = Fetched(int(raw["uid"]), content, time_of(raw["at"], "at"), len(content))
        except (KeyError, TypeError, ValueError, binascii.Error):
            return Page(malformed=(Malformed(raw, "too little of it was kept"),))
        page = self._page([one], {}, sent=bool(raw.get("sent")))
        return Page(page.posts, page.malformed, bounces=page.bounces)

    # --- answering ---------------------------------------------------------------------------------------------

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        return Limits(MAX_LENGTH)

    def where(self, action: str, target: Mapping[str, Any]) -> str:
        if action == "public":
            return _("To the list %(address)s") % {"address": target.get("list") or ""}
        return _("To %(address)s") % {"address": target.get("to") or ""}

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        if action == "public" and not target.get("list"):
            return _("This came by mail to us alone: it is answered privately.")
        if action == "private" and not target.get("to") and target.get("list"):
            return _("The list hides the address of who wrote this: only the list can be answered.")
        return ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        target = draft.target
        the_list = str(target.get("list") or "")
        to = the_list if draft.action == "public" else str(target.get("to") or "")
        if not to or (draft.action == "private" and to == the_list):
            raise PlatformError("refused", _("there is no address to answer to"), permanent=True)
        ours = f"<t{draft.ticket}.{secrets.token_hex(10)}@{self.domain}>"
        message_id = str(target.get("message_id") or draft.target_id)
        payload = {
            "action": draft.action,
            "text": draft.text,
            "to": to,
            "subject": _subject(str(target.get("subject") or ""), draft.number if draft.action == "private" else 0),
            "message_id": ours,
            "in_reply_to": message_id,
            "references": [*target.get("references", []), message_id][-20:],
            "written_at": draft.written_at.isoformat(),
            "ticket": draft.ticket,
        }
        return [FrozenPart(payload, expected_id=ours)]

    def send(self, payload: Mapping[str, Any]) -> Sent:
        raw = self._written(payload).as_bytes(policy=LETTER)
        with self._smtp() as line:
            line.send(self.address, [str(payload["to"])], raw)
        self._keep(str(payload["message_id"]), raw)
        return Sent(str(payload["message_id"]))

    def _written(self, payload: Mapping[str, Any]) -> EmailMessage:
        """The same bytes for the same payload."""
        mail = EmailMessage()
        mail["From"] = formataddr((str(self.settings.get("from_name") or ""), self.address))
        mail["To"] = str(payload["to"])
        mail["Subject"] = str(payload["subject"])
        mail["Date"] = format_datetime(time_of(payload["written_at"], "written_at"))
        mail["Message-ID"] = str(payload["message_id"])
        mail["In-Reply-To"] = str(payload["in_reply_to"])
        mail["References"] = " ".join(payload["references"])
        if self.settings.get("plus_addressing") == "yes" and payload["action"] == "private":
            mail["Reply-To"] = tokens.address(self.address, int(payload["ticket"]))
        mail.set_content(str(payload["text"]))
        return mail

    def _keep(self, message_id: str, raw: bytes) -> None:
        """A copy in the sent folder, unless the server keeps one itself. The mail has left: nothing here undoes that."""
        folder = str(self.facts.get("sent") or "")
        if not folder:
            return
        try:
            box = self._imap()
            try:
                box.select(folder)
                if not box.has(message_id):
                    box.append(folder, raw)
            finally:
                box.close()
        except PlatformError:
            return

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        folder = str(self.facts.get("sent") or "")
        if not folder or payload["message_id"] in known:
            return None
        box = self._imap()
        try:
            box.select(folder)
            return Sent(str(payload["message_id"])) if box.has(str(payload["message_id"])) else None
        finally:
            box.close()


class _Letter(EmailPolicy):
    """RFC 5322 as sent, with Message-IDs as they are: longer than a line, the library would encode them, and no program
    finds its thread by that."""

    def fold(self, name: str, value: Any) -> str:
        return self._whole(name, value) or str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self._whole(name, value).encode("ascii", "replace") or super().fold_binary(name, value)

    def _whole(self, name: str, value: Any) -> str:
        if name.lower() not in ("message-id", "in-reply-to", "references"):
            return ""
        return f"{name}: {f'{self.linesep} '.join(str(value).split())}{self.linesep}"


LETTER = _Letter(linesep="\r\n")


@contextlib.contextmanager
def _about(setting: str) -> Iterator[None]:
    """A server that cannot be reached is one that was misspelt, most often."""
    try:
        yield
    except PlatformError as error:
        if error.code in ("unreachable", "undecodable"):
            error.only = setting
        raise


def _subject(subject: str, number: int) -> str:
    """“Re: …”, once, with the ticket's number where only the customer reads it."""
    words = subject.strip() or _("Your message")
    answer = words if words.lower().startswith(("re:", "aw:", "sv:", "antw:")) else f"Re: {words}"
    return answer if not number or f"[#{number}]" in answer else f"{answer} [#{number}]"


def _too_large(one: Fetched) -> str:
    return f"This mail of {one.size // 1_000_000} MB is too large to be taken in: read it in the mailbox"


def _kept(one: Fetched, *, sent: bool) -> dict[str, Any]:
    """A mail that could not be read, as much of it as the quarantine takes."""
    kept = base64.b64encode(one.raw[:KEPT_RAW]).decode()
    return {"uid": one.uid, "at": one.at.isoformat(), "sent": sent, "bytes": one.size, "mail": kept}
