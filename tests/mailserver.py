"""A real Dovecot, and an SMTP server of ours before it that can be told to fail as mail servers do."""

from __future__ import annotations

import asyncio
import imaplib
import os
import smtplib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from tests.turns import turn

IMAP, LMTP = 1143, 1124
HOST, PASSWORD = "127.0.0.1", "secret"
US, OTHER = "support@shop.test", "other@shop.test"
HOME = Path(os.environ.get("REALSERVERS_HOME") or Path(tempfile.gettempdir()) / "realservers") / "dovecot"


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def start(shared: Path) -> None:
    """Dovecot, unless it runs already; the first time it is installed."""
    with turn("start"):  # the scripts install what is missing, and two installers are in each other's way
        if answers(IMAP):
            return
        script = shared / "realservers" / "dovecot" / "start.sh"
        subprocess.run(["bash", str(script)], check=True, capture_output=True, timeout=300)
        until = time.monotonic() + 20
        while not answers(IMAP) and time.monotonic() < until:
            time.sleep(0.1)


class MailServer:
    """The mailboxes, and the door that mail leaves by."""

    def __init__(self) -> None:
        self.door = Door()
        self.proxy = Proxy(IMAP)
        self._password = PASSWORD

    def __enter__(self) -> MailServer:
        self.door.start()
        self.proxy.start()
        for address in (US, OTHER):
            self.empty(address)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._password != PASSWORD:
            self.set_password(PASSWORD)
        self.door.stop()
        self.proxy.stop()

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "address": US,
            "imap_host": HOST,
            "imap_port": str(self.proxy.port),
            "imap_security": "none",
            "smtp_host": HOST,
            "smtp_port": str(self.door.port),
            "smtp_security": "none",
            "username": US,
            "password": PASSWORD,
            **more,
        }

    def set_password(self, password: str) -> None:
        lines = [f"{US}:{{PLAIN}}{password}::::::", f"{OTHER}:{{PLAIN}}{PASSWORD}::::::", ""]
        (HOME / "users").write_text("\n".join(lines))
        self._password = password
        until = time.monotonic() + 10  # Dovecot looks at the file once a second
        while not self._opens(password) and time.monotonic() < until:
            time.sleep(0.2)

    def _opens(self, password: str) -> bool:
        client = imaplib.IMAP4(HOST, IMAP)
        try:
            return client.login(US, password)[0] == "OK"
        except imaplib.IMAP4.error:
            return False
        finally:
            client.logout()

    def deliver(self, mail: EmailMessage | bytes, to: str = US, sender: str = "ana@customer.test") -> None:
        raw = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)
        with smtplib.LMTP(HOST, LMTP) as line:
            line.sendmail(sender, [to], raw)

    @contextmanager
    def box(self, address: str = US, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        client = imaplib.IMAP4(HOST, IMAP)
        try:
            client.login(address, PASSWORD)
            client.select(folder)
            yield client
        finally:
            client.logout()

    def empty(self, address: str) -> None:
        for folder in ("INBOX", "Sent"):
            with self.box(address, folder) as client:
                if not int(client.select(folder)[1][0] or 0):
                    continue  # "1:*" of nothing is no set
                client.store("1:*", "+FLAGS", "\\Deleted")
                client.expunge()

    def mails(self, address: str = US, folder: str = "INBOX") -> list[bytes]:
        with self.box(address, folder) as client:
            numbers = client.search(None, "ALL")[1][0].split()
            return [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]  # type: ignore[index,misc]

    def make(self, folder: str, mails: Sequence[bytes] = ()) -> None:
        """A folder with these mails, made anew where there is one: other UIDs under another UIDVALIDITY."""
        with self.box(US, "Sent") as client:
            client.delete(folder)
            time.sleep(1.1)  # UIDVALIDITY is a time in seconds
            client.create(folder)
            for raw in mails:
                client.append(folder, None, None, raw)


class Door:
    """An SMTP server that hands mail to Dovecot's LMTP. `answers`: what the next mails are told instead."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.next: list[str] = []  # "lost", or a reply such as "451 4.7.1 greylisted"
        self.keeps_sent = True
        self._controller = Controller(self, hostname=HOST, port=_free())

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        said = self.next.pop(0) if self.next else ""
        if said and said != "lost":
            return said
        await asyncio.get_running_loop().run_in_executor(None, self._take, envelope)
        if said == "lost":
            server.transport.abort()
        return "250 OK"

    def _take(self, envelope: Any) -> None:
        self.taken.append(envelope)
        local = [to for to in envelope.rcpt_tos if to.endswith("@shop.test")]
        if local:
            with smtplib.LMTP(HOST, LMTP) as line:
                line.sendmail(envelope.mail_from, local, envelope.content)
        if self.keeps_sent:
            client = imaplib.IMAP4(HOST, IMAP)
            client.login(US, PASSWORD)
            client.append("Sent", "(\\Seen)", None, envelope.content)
            client.logout()


class Proxy:
    """A line to a port that can be cut."""

    def __init__(self, target: int) -> None:
        self.target, self.cut = target, 0
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])

    def start(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _address = self._listener.accept()
            except OSError:
                return
            if self.cut:
                self.cut -= 1
                caller.close()
                continue
            line = socket.create_connection((HOST, self.target))
            for one, other in ((caller, line), (line, caller)):
                threading.Thread(target=_pipe, args=(one, other), daemon=True).start()


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with closing(end):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def _free() -> int:
    with closing(socket.create_server((HOST, 0))) as probe:
        return int(probe.getsockname()[1])
