"""A mailbox read over IMAP: on a checked address, without ever marking anything as read.

Positions are (UIDVALIDITY, UID) of a folder. `UID SEARCH UID n+1:*` always returns the last message, even where its UID
is smaller [RFC 3501]: what is not above n is left out.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imap_tools.errors import ImapToolsError, MailboxLoginError
from imap_tools.mailbox import BaseMailBox

from helpdesk.net import NetError, open_stream, trusted
from mentions.platforms.base import PlatformError

SECONDS = 30.0  # of one command; a mailbox may have to think
CHUNK, CHUNK_BYTES = 25, 10 * 1024 * 1024
LARGEST = 40 * 1024 * 1024
# What a server says when it cannot look, which is not that the password is wrong.
NOT_NOW = (
    "unavailable",
    "inuse",
    "serverbug",
    "limit",
    "try again",
    "temporar",
    "too many",
    "rate",
    "internal",
    "timeout",
)
DATE = re.compile(rb'INTERNALDATE "([^"]+)"')
UID, SIZE = re.compile(rb"UID (\d+)"), re.compile(rb"RFC822\.SIZE (\d+)")


@dataclass(frozen=True)
class Fetched:
    """One message; `raw` is its header only where the whole was too large."""

    uid: int
    raw: bytes
    at: dt.datetime
    size: int

    @property
    def is_cut(self) -> bool:
        return self.size > LARGEST


class _Client(imaplib.IMAP4):
    """imaplib over a connection of ours."""

    def __init__(self, host: str, port: int, security: str) -> None:
        self._security = security
        super().__init__(host, port, SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = open_stream(self.host, self.port, plain=self._security == "none", seconds=timeout)
        if self._security == "ssl":
            return trusted().wrap_socket(plain, server_hostname=self.host)
        return plain


class _Box(BaseMailBox):
    def __init__(self, host: str, port: int, security: str) -> None:
        self._where = (host, port, security)
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        host, port, security = self._where
        client = _Client(host, port, security)
        if security == "starttls":
            client.starttls(trusted())
        return client


class Imap:
    """A logged-in mailbox. Every failure is a PlatformError."""

    def __init__(self, host: str, port: int, security: str) -> None:
        with _told():
            self._box = _Box(host, port, security)

    def log_in(self, username: str, password: str, *, token: str = "") -> None:
        try:
            with _told():
                if token:
                    self._with_token(username, token)
                elif (username + password).isascii():
                    self._box.login(username, password, initial_folder=None)
                else:
                    self._box.login_utf8(username, password, initial_folder=None)
        except _LogInRefused as refusal:
            words = str(refusal)
            if any(word in words.lower() for word in NOT_NOW):
                raise PlatformError("unavailable", words) from refusal
            raise PlatformError("credentials", words, permanent=True) from refusal

    def _with_token(self, username: str, token: str) -> None:
        """imaplib raises its own error for a NO to AUTHENTICATE, before the library can call it a refused log-in."""
        try:
            self._box.xoauth2(username, token, initial_folder=None)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise _LogInRefused(_said(error)) from error

    def close(self) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            self._box.client.logout()

    def select(self, folder: str) -> int:
        """Look into a folder without changing it; its UIDVALIDITY. PlatformError("settings") where there is none."""
        with _told():
            client = self._box.client
            status, _answer = client.select(_quoted(folder), readonly=True)
            if status != "OK":
                raise PlatformError("settings", f"there is no folder “{folder}”", permanent=True, only="folder")
            validity = client.response("UIDVALIDITY")[1]
            return int(validity[0]) if validity and validity[0] else 0

    def sent_folder(self) -> str:
        """The folder for sent mail: by its mark, else by name; "" where there is none."""
        with _told():
            folders = self._box.folder.list()
        for folder in folders:
            if "\\Sent" in folder.flags:
                return str(folder.name)
        names = {str(folder.name).lower(): str(folder.name) for folder in folders}
        known = ("sent", "sent items", "sent mail", "sent messages", "inbox.sent", "gesendet", "envoyés", "enviados")
        return next((names[name] for name in known if name in names), "")

    def above(self, uid: int, since: dt.date | None, before: dt.date | None = None) -> list[int]:
        """UIDs above `uid`, in order; with `since`, of messages that came on that day or later, and before `before`."""
        criteria = [f"UID {uid + 1}:*"]
        for word, day in (("SINCE", since), ("BEFORE", before)):
            criteria += [f"{word} {day.day}-{MONTHS[day.month - 1]}-{day.year}"] if day else []
        with _told():
            status, answer = self._box.client.uid("SEARCH", *criteria)
        if status != "OK":
            raise PlatformError("undecodable", "a search that the server does not know")
        words = (answer[0] or b"").split() if answer else []
        return sorted(int(word) for word in words if word.isdigit() and int(word) > uid)

    def fetch(self, uids: Sequence[int]) -> Iterator[list[Fetched]]:
        """The messages in handfuls, none larger than memory likes."""
        for start in range(0, len(uids), CHUNK):
            handful = uids[start : start + CHUNK]
            sizes = {uid: (size, at) for uid, size, at in self._sizes(handful)}
            some: list[int] = []
            weight = 0
            for uid in (one for one in handful if one in sizes):  # others were deleted meanwhile
                if some and weight + sizes[uid][0] > CHUNK_BYTES:
                    yield [self._one(one, *sizes[one]) for one in some]
                    some, weight = [], 0
                some.append(uid)
                weight += sizes[uid][0]
            if some:
                yield [self._one(one, *sizes[one]) for one in some]

    def _sizes(self, uids: Sequence[int]) -> Iterator[tuple[int, int, dt.datetime]]:
        for line in self._lines(",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)"):
            uid, size = UID.search(line), SIZE.search(line)
            if uid and size:
                yield int(uid[1]), int(size[1]), _internal_date(line)

    def _lines(self, uids: str, parts: str) -> list[bytes]:
        with _told():
            status, answer = self._box.client.uid("FETCH", uids, parts)
        if status != "OK":
            raise PlatformError("undecodable", "a fetch that the server does not know")
        return [line for line in answer if isinstance(line, bytes)]

    def _one(self, uid: int, size: int, at: dt.datetime) -> Fetched:
        part = "(BODY.PEEK[])" if size <= LARGEST else "(BODY.PEEK[HEADER])"
        with _told():
            status, answer = self._box.client.uid("FETCH", str(uid), part)
        found = next((item[1] for item in answer or [] if isinstance(item, tuple) and len(item) > 1), b"")
        if status != "OK":
            raise PlatformError("undecodable", "a fetch that the server does not know")
        return Fetched(uid, found if isinstance(found, bytes) else b"", at, size)

    def has(self, message_id: str) -> bool:
        """Whether the selected folder holds a mail of that Message-ID."""
        with _told():
            status, answer = self._box.client.uid("SEARCH", "HEADER", "Message-ID", _quoted(message_id))
        return status == "OK" and bool(answer and answer[0])

    def append(self, folder: str, raw: bytes) -> None:
        with _told():
            status, answer = self._box.client.append(_quoted(folder), "(\\Seen)", None, raw)
        if status != "OK":
            raise PlatformError("refused", str(answer)[:200])


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _LogInRefused(Exception):
    """The server said no; the text is its own."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What went wrong on the line, as PlatformError."""
    try:
        yield
    except MailboxLoginError as error:
        raise _LogInRefused(_said(error)) from error
    except NetError as error:
        words = {"blocked": "This address is not allowed", "dns": "This address is not known"}
        permanent = error.code in ("blocked", "bad_url")
        detail = f"{words.get(error.code, 'Nothing answers there')} ({error.detail})"
        raise PlatformError("unreachable", detail, permanent=permanent) from error
    except ssl.SSLError as error:
        raise PlatformError("unreachable", f"No secure connection can be made ({error.reason})") from error
    except imaplib.IMAP4.abort as error:
        raise PlatformError("unavailable", _said(error) or "the connection broke off") from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise PlatformError("undecodable", _said(error)) from error
    except OSError as error:
        raise PlatformError("unreachable", f"The connection broke off ({type(error).__name__})") from error


def _said(error: Exception) -> str:
    words = str(error.args[0] if error.args else error)
    found = re.search(r"\[[A-Z]+[^\]]*\][^\"')]*", words)
    return (found[0] if found else words)[:200]


def _quoted(text: str) -> str:
    from imap_tools.imap_utf7 import utf7_encode

    encoded = text if text.isascii() else utf7_encode(text).decode()
    return '"' + encoded.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _internal_date(line: bytes) -> dt.datetime:
    found = DATE.search(line)
    try:
        return (
            dt.datetime.strptime(found[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(dt.UTC)
            if found
            else _now()
        )
    except (ValueError, UnicodeError):
        return _now()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
