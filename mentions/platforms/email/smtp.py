"""Mail sent over SMTP: what was refused before the mail was handed over did not arrive; after that nobody knows."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from helpdesk.net import NetError, open_stream, trusted
from mentions.platforms.base import NET_WORDS, PlatformError

SECONDS = 30.0


class _Plain(smtplib.SMTP):
    """smtplib over a connection of ours."""

    security = "starttls"

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        stream = open_stream(host, port, plain=self.security == "none", seconds=timeout)
        return trusted().wrap_socket(stream, server_hostname=host) if self.security == "ssl" else stream


class _Unencrypted(_Plain):
    security = "none"


class _Encrypted(_Plain):
    security = "ssl"


CLASSES = {"none": _Unencrypted, "ssl": _Encrypted, "starttls": _Plain}


class Smtp:
    """A connection to send with. Every failure is a PlatformError."""

    def __init__(self, host: str, port: int, security: str, domain: str) -> None:
        with _told(maybe_done=False):
            self._client = CLASSES[security](host, port, local_hostname=domain, timeout=SECONDS)
            if security == "starttls":
                self._client.starttls(context=trusted())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._client.quit()

    def log_in(self, username: str, password: str, *, token: str = "") -> None:
        """Where the server asks for a log-in at all: a relay in the house may not."""
        with _told(maybe_done=False):
            self._client.ehlo_or_helo_if_needed()
            if not self._client.has_extn("auth"):
                return
            if token:
                answer = f"user={username}\x01auth=Bearer {token}\x01\x01"
                self._client.auth("XOAUTH2", lambda challenge=None: answer if challenge is None else "")
            else:
                self._client.login(username, password)

    def send(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Hand one mail over to all of `recipients`."""
        if not all(recipient.isascii() for recipient in recipients):
            recipients = [_in_ascii(recipient) for recipient in recipients]
        with _told(maybe_done=False):
            self._client.ehlo_or_helo_if_needed()
            _accepted(*self._client.mail(sender))
            for recipient in recipients:
                _accepted(*self._client.rcpt(recipient))
        with _told(maybe_done=True):
            code, words = self._client.data(raw)
            _accepted(code, words)


def _in_ascii(recipient: str) -> str:
    """The address with its domain as the net knows it; PlatformError where the name before the @ is not ASCII."""
    local, _at, domain = recipient.rpartition("@")
    try:
        return f"{local.encode('ascii').decode()}@{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise PlatformError("refused", f"{recipient} is no address that mail servers take", permanent=True) from error


def _accepted(code: int, words: bytes) -> None:
    if 200 <= code < 300:
        return
    detail = f"{code} {words.decode('utf-8', 'replace')}"[:200]
    if code >= 500:
        raise PlatformError("refused", detail, permanent=True)
    raise PlatformError("unavailable", detail)  # greylisting and the like: the mail was not taken


@contextlib.contextmanager
def _told(*, maybe_done: bool) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        detail = f"{error.smtp_code} {_words(error.smtp_error)}"
        code = "credentials" if error.smtp_code >= 500 else "unavailable"
        raise PlatformError(code, detail, permanent=code == "credentials") from error
    except smtplib.SMTPDataError as error:
        _accepted(error.smtp_code, _bytes(error.smtp_error))
    except smtplib.SMTPResponseException as error:
        _accepted(error.smtp_code, _bytes(error.smtp_error))
        raise PlatformError("undecodable", str(error.smtp_code)) from error
    except smtplib.SMTPServerDisconnected as error:
        raise PlatformError("unreachable", "The connection broke off", maybe_done=maybe_done) from error
    except smtplib.SMTPException as error:
        raise PlatformError("undecodable", str(error)[:200], maybe_done=maybe_done) from error
    except NetError as error:
        permanent = error.code in ("blocked", "bad_url")
        what = NET_WORDS.get(error.code, "Nothing answers there")
        raise PlatformError("unreachable", f"SMTP: {what} ({error.detail})", permanent=permanent) from error
    except ssl.SSLError as error:
        raise PlatformError("unreachable", f"No secure connection can be made ({error.reason})") from error
    except OSError as error:
        detail = f"The connection broke off ({type(error).__name__})"
        raise PlatformError("unreachable", detail, maybe_done=maybe_done) from error


def _bytes(words: object) -> bytes:
    return words if isinstance(words, bytes) else str(words).encode()


def _words(words: object) -> str:
    return _bytes(words).decode("utf-8", "replace")[:160]
