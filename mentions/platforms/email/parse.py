"""Mails as they come, read piece by piece: broken headers, lying charsets, parts within parts.

Key: the Message-ID in its angles; where there is none, a hash of date, sender, subject and text.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from mentions.platforms.base import Author, Bounce, File, Post
from mentions.platforms.email import quoting, tokens
from mentions.platforms.html import text_of_html

MOST_FILES, MOST_BYTES, LONGEST_ID = 30, 25 * 1024 * 1024, 512
IDS = re.compile(r"<[^<>\s]{1,500}>")
NUMBER = re.compile(r"\[#(\d{1,9})\]")
LIST_POST = re.compile(r"<mailto:([^<>?\s]{3,254})")
LIST_ID = re.compile(r"<([^<>\s]{1,250})>")
SHOWN_TEXT = ("text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html", "text/rfc822-headers")
REPORTS = ("message/delivery-status", "message/global-delivery-status", "message/feedback-report")
# What is named, and what is meant: their larger brothers, or names that Python does not know.
CHARSETS = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "unicode-1-1-utf-7": "utf-7",
}
STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")


class Mail:
    """One mail, read on demand; every header is text, whatever it was."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        assert isinstance(message, Message)
        self.message = message

    def header(self, name: str) -> str:
        """Decoded and unfolded; "" where there is none; as it stands where it cannot be decoded."""
        values = self._values(name)
        return " ".join(_decoded(values[0]).split()) if values else ""

    def headers(self, name: str) -> list[str]:
        return [" ".join(value.split()) for value in self._values(name)]

    def _values(self, name: str) -> list[str]:
        """As they stand, but for bytes that are no ASCII: UTF-8 if they can be, else Windows' Latin."""
        found = [value for key, value in self.message.raw_items() if key.lower() == name.lower()]
        return [_unescaped(str(value)) for value in found]

    def addresses(self, *names: str) -> list[tuple[str, str]]:
        """(name, address) of every usable address in these headers, the address in lower case."""
        values = [value for name in names for value in self._values(name)]
        found = getaddresses([" ".join(value.split()) for value in values])
        return [(_decoded(name), address.lower()) for name, address in found if _is_address(address)]

    def ids(self, name: str) -> list[str]:
        return [found for value in self.headers(name) for found in IDS.findall(value)]

    # --- who and when ------------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        own = self.ids("Message-ID")
        if own:
            return own[0]
        bare = self.header("Message-ID")
        if re.fullmatch(r"[^<>\s]{1,250}@[^<>\s]{1,250}", bare):
            return f"<{bare}>"
        basis = "\n".join([self.header("Date"), self.header("From"), self.header("Subject"), self.text])
        return f"<{hashlib.sha256(basis.encode('utf-8', 'replace')).hexdigest()[:40]}@no-message-id>"

    def said_at(self, otherwise: dt.datetime) -> dt.datetime:
        try:
            found = parsedate_to_datetime(self.header("Date"))
            return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        except (TypeError, ValueError, OverflowError, IndexError):
            return otherwise

    @property
    def list_id(self) -> str:
        value = self.header("List-Id")
        found = LIST_ID.search(value)
        return found[1].lower() if found else value[:250].lower()

    @property
    def list_post(self) -> str:
        """Where the list is written to: as it says, else where it wants answers, if that is the list itself."""
        found = LIST_POST.search(self.header("List-Post"))
        if found:
            return found[1].lower()
        return next((one for _name, one in self.addresses("Reply-To") if one in self._of_the_list), "")

    @property
    def _of_the_list(self) -> set[str]:
        """The list's own addresses, as far as they can be told: its id with an @, and who sends it for its members."""
        if not self.list_id:
            return set()
        local, _dot, domain = self.list_id.partition(".")
        authors = {address for _name, address in self.addresses("From")}
        senders = {address for _name, address in self.addresses("Sender")} - authors
        return {f"{local}@{domain}", *senders}

    def is_of_the_list(self, address: str) -> bool:
        """Whether this is the list, or its machinery, and no person."""
        if not self.list_id:
            return False
        domain = self.list_id.partition(".")[2]
        local, _at, host = address.rpartition("@")
        is_machine = host == domain and local.endswith(("-bounces", "-owner", "-request", "-admin"))
        return address == self.list_post or address in self._of_the_list or is_machine

    def own_reply_to(self, us: str) -> str:
        """Where the author wants answers: never the list, nor another address of its house that is not theirs."""
        authors = {address for _name, address in self.addresses("From")}
        house = self.list_id.partition(".")[2]
        for _name, address in self.addresses("Reply-To"):
            is_house = bool(house) and address.rpartition("@")[2] == house and address not in authors
            if address != us and not self.is_of_the_list(address) and not is_house:
                return address
        return ""

    def author(self, us: str) -> tuple[str, str]:
        """(name, address) of who wrote it: not the list that rewrote From, not the form that mailed it for them."""
        sender = next(iter(self.addresses("From", "Sender")), ("", ""))
        if self.list_id and (real := self._behind_list(sender)):
            return real
        if sender[1] == us:
            return next((one for one in self.addresses("Reply-To") if one[1] != us), sender)
        return sender

    def _behind_list(self, sender: tuple[str, str]) -> tuple[str, str] | None:
        """Lists that keep DMARC write “Ana via list <list@…>” and put Ana elsewhere."""
        post, domain = self.list_post, self.list_id
        original = [
            one for one in self.addresses("X-Original-From", "X-Original-Sender") if not self.is_of_the_list(one[1])
        ]
        if original:
            return (original[0][0] or _before_via(sender[0]), original[0][1])
        is_list = self.is_of_the_list(sender[1]) or (
            " via " in sender[0] and sender[1].rpartition("@")[2] in (post + domain)
        )
        if not is_list:
            return None
        found = [(name, address) for name, address in self.addresses("Reply-To") if not self.is_of_the_list(address)]
        # where answers go to the list, the author stands among the copies
        own = _before_via(sender[0]).lower()
        found += [one for one in self.addresses("Cc") if own and one[0].lower() == own]
        return next(((_before_via(name or sender[0]), address) for name, address in found), None)

    # --- what kind ---------------------------------------------------------------------------------------------

    @property
    def is_report(self) -> bool:
        return self.message.get_content_type() == "multipart/report"

    def is_automatic(self, us: str) -> bool:
        """Written by a machine (RFC 3834 and what is seen in the wild); mail of lists is not."""
        submitted = self.header("Auto-Submitted").lower().split(";")[0].strip()
        precedence = self.header("Precedence").lower()
        machine = ("X-Autoreply", "X-Autorespond", "X-Autogenerated", "X-Loop")
        is_form = submitted == "auto-generated" and self._answers_elsewhere and not self.takes_no_auto_answer
        return (
            (submitted not in ("", "no") and not is_form)
            or (precedence in ("bulk", "junk", "auto_reply") and not self.list_id)
            or any(self.message.get(name) for name in machine)
            or self.header("Return-Path").replace(" ", "") == "<>"
            or self.is_report
            or self._is_newsletter
            or self.author(us)[1] == us
        )

    @property
    def _is_newsletter(self) -> bool:
        """Sent to many, to be read: it says how to leave it, and nobody can post to it."""
        is_bulk = bool(self.list_id) or self.header("Precedence").lower() in ("bulk", "list")
        says_how = bool(self.message.get("List-Unsubscribe"))
        authors = {address for _name, address in self.addresses("From")}
        is_passed_on = any(address not in authors for _name, address in self.addresses("Sender"))  # of a member
        return is_bulk and says_how and not self.list_post and not self._answers_elsewhere and not is_passed_on

    @property
    def _answers_elsewhere(self) -> bool:
        """Whether answers go to somebody who is not its sender: a web form that mails what a person wrote."""
        senders = {address for _name, address in self.addresses("From", "Sender")}
        return any(address not in senders for _name, address in self.addresses("Reply-To"))

    @property
    def takes_no_auto_answer(self) -> bool:
        names = ("List-Id", "List-Unsubscribe", "X-Auto-Response-Suppress", "Precedence")
        return any(self.message.get(name) for name in names)

    def bounces(self, us: str) -> list[Bounce]:
        """What a delivery report says of a mail of ours, by its Message-ID."""
        if not self.is_report:
            return self._plain_bounces(us)
        fields, original = "", ""
        for part in self.message.walk():
            kind = part.get_content_type()
            if kind in ("message/delivery-status", "message/global-delivery-status"):
                below = part.get_payload()
                fields += "\n".join(map(str, below)) if isinstance(below, list) else _text(part)
            elif kind in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
                original = original or _message_id_in(part)
        if not original or not fields.strip():
            return []  # a receipt, a complaint: nothing about whether it arrived
        action = re.search(r"^Action:\s*(\S+)", fields, re.IGNORECASE | re.MULTILINE)
        code = STATUS.search(fields)
        is_permanent = (code[1] == "5") if code else bool(action and action[1].lower() == "failed")
        if action and action[1].lower() not in ("failed", "delayed"):
            return []  # delivered, relayed, expanded
        reason = re.search(r"^Diagnostic-Code:\s*(.+)", fields, re.IGNORECASE | re.MULTILINE)
        who = re.search(r"^(?:Final|Original)-Recipient:\s*[^;]*;\s*(\S+)", fields, re.IGNORECASE | re.MULTILINE)
        words = [who[1] if who else "", reason[1].strip() if reason else (code[0] if code else "")]
        return [Bounce(original, is_permanent, ": ".join(word for word in words if word)[:300])]

    def _plain_bounces(self, us: str) -> list[Bounce]:
        """From before reports had a form, and from servers that stayed there (Exim, qmail): our Message-ID in a copy."""
        failed = self.addresses("X-Failed-Recipients")
        sender = next(iter(self.addresses("From", "Sender")), ("", ""))[1].partition("@")[0]
        if not failed and sender not in ("mailer-daemon", "postmaster"):
            return []
        words = "\n".join(_bytes(part).decode("latin-1") for part in self._leaves())
        domain = re.escape(us.rpartition("@")[2])
        original = re.search(
            rf"^\W*Message-ID:\s*(<t\d+\.[0-9a-f]{{20}}@{domain}>)", words, re.IGNORECASE | re.MULTILINE
        )
        if original is None:
            return []
        code = STATUS.search(words)
        is_permanent = bool(failed) if code is None else code[1] == "5"
        is_permanent = is_permanent or "permanent" in words.lower()
        who = failed[0][1] if failed else ""
        return [Bounce(original[1], is_permanent, ": ".join(word for word in (who, code[0] if code else "") if word))]

    # --- what it says ------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The plain text, or the HTML's words."""
        unread = ("text/html", "text/x-amp-html", "text/watch-html", "text/rfc822-headers")
        plain = [_unflowed(part, _text(part)) for part in self._bodies() if part.get_content_type() not in unread]
        if any(text.strip() for text in plain):
            return "\n\n".join(text.strip() for text in plain if text.strip())
        return text_of_html(self.html)

    @property
    def html(self) -> str:
        return "\n".join(_text(part) for part in self._bodies() if part.get_content_type() == "text/html")

    def _bodies(self) -> Iterator[Message]:
        """The parts that are shown: of alternatives each kind, no attachments, nothing of a mail within."""
        waiting: list[Message] = [self.message]
        while waiting:
            part = waiting.pop(0)
            kind = part.get_content_maintype()
            if kind == "multipart" and isinstance(part.get_payload(), list):
                waiting = [below for below in part.get_payload() if isinstance(below, Message)] + waiting
            elif kind in ("text", "multipart") and not _is_file(part):  # a multipart without parts has only words
                yield part

    def files(self) -> tuple[list[File], list[str]]:
        """(files, names of those left out because there was too much)."""
        found: list[File] = []
        left_out: list[str] = []
        size = 0
        for part in self._leaves():
            if not _is_file(part):
                continue
            content, name = _bytes(part), _file_name(part)
            if len(found) == MOST_FILES or size + len(content) > MOST_BYTES:
                left_out.append(name)
                continue
            size += len(content)
            content_id = str(part.get("Content-ID", "")).strip(" <>")
            found.append(File(name, part.get_content_type(), content, content_id))
        return found, left_out

    def _leaves(self) -> Iterator[Message]:
        waiting: list[Message] = [self.message]
        while waiting:
            part = waiting.pop(0)
            if part.get_content_maintype() == "multipart" and isinstance(part.get_payload(), list):
                waiting = [below for below in part.get_payload() if isinstance(below, Message)] + waiting
            else:
                yield part


def post_of(mail: Mail, us: str, heard_at: dt.datetime, *, sent: bool, note: str = "") -> Post:
    """A mail as a post. `sent`: it lies in our Sent folder, which is what makes it ours; a From line proves nothing.

    `note`: what an agent has to know of it, put beneath its words.
    """
    name, address = mail.author(us)
    if not address:
        raise ValueError("From holds no address")
    new, repeated = quoting.split(mail.text)
    files, left_out = mail.files()
    if left_out:
        note = note or f"{', '.join(left_out)[:300]}: left out, too large"
    if note:
        new = f"{new}\n\n[{note}]".strip()
    answers, references = mail.ids("In-Reply-To"), mail.ids("References")
    others = list(dict.fromkeys([*answers[1:], *reversed(references)]))
    is_reply = bool(answers or references)
    subject, own = mail.header("Subject"), _key(mail.key)
    is_hidden = mail.is_of_the_list(address)  # of whom we only know the name
    reply_to = mail.own_reply_to(us) or ("" if is_hidden else address)
    person = f"{address}|{name.lower()}"[:512] if is_hidden else address
    number = NUMBER.search(subject)
    return Post(
        kind="mail",
        external_id=own,
        version=_fingerprint(address, mail.header("Date")),
        author=Author(person, handle=address, name=name),
        text=new,
        said_at=mail.said_at(heard_at),
        thread_key=_key(next(iter([*references, *answers]), own)),
        parent_id=_key(answers[0]) if answers else "",
        others=tuple(_key(one) for one in others[:30]),
        root_author_id="" if is_reply or sent else person,
        url=_archived(mail),
        subject=subject,
        ours=sent,
        private=not mail.list_post,
        html=mail.html,
        quoted=repeated,
        files=tuple(files),
        automatic=not sent and mail.is_automatic(us),
        ticket=_ticket_of(mail, us),
        number=int(number[1]) if number else 0,
        reference={
            "message_id": mail.key,
            "references": [*references, *([] if references else answers)][-20:],
            "subject": subject[:300],
            "to": reply_to,
            "list": mail.list_post,
            "no_auto_answer": mail.takes_no_auto_answer or mail.is_automatic(us),
        },
        raw={"headers": [[key, str(value)[:2000]] for key, value in list(mail.message.items())[:100]]},
    )


def _fingerprint(address: str, date: str) -> str:
    """Tells a mail from another that carries its Message-ID; a list's copy has the author and the date of the first."""
    return hashlib.sha256(f"{address}\n{date}".encode("utf-8", "replace")).hexdigest()[:16]


def _ticket_of(mail: Mail, us: str) -> int:
    """The ticket whose own address this was sent to, or 0."""
    for _name, address in mail.addresses("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"):
        if ticket := tokens.ticket_in(address, us):
            return ticket
    return 0


def _archived(mail: Mail) -> str:
    found = re.search(r"https://[^\s<>]{4,500}", mail.header("Archived-At"))
    return found[0] if found else ""


def _key(name: str) -> str:
    """A Message-ID that fits its column."""
    return name if len(name) <= LONGEST_ID else f"<{hashlib.sha256(name.encode()).hexdigest()}@too-long>"


def _is_file(part: Message) -> bool:
    if part.get_content_disposition() == "attachment" or part.get_filename():
        return True
    kind = part.get_content_type()
    if part.get_content_maintype() == "text":
        return kind not in SHOWN_TEXT
    return part.get_content_maintype() != "multipart" and kind not in REPORTS


def _file_name(part: Message) -> str:
    name = part.get_filename()
    if name:
        return _decoded(str(name))
    return "mail.eml" if part.get_content_type() == "message/rfc822" else part.get_content_type().replace("/", ".")


def _bytes(part: Message) -> bytes:
    below = part.get_payload()
    if part.get_content_maintype() == "message" and isinstance(below, list):
        return b"\n".join(within.as_bytes() for within in below if isinstance(within, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    """Decoded by the charset it names, if that is true; else UTF-8, else Windows' Latin, which takes anything."""
    content = _bytes(part)
    named = (part.get_content_charset() or "utf-8").lower()
    for charset in (CHARSETS.get(named, named), "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, UnicodeError):
            continue
    nearly = content.decode("utf-8", "replace")  # one broken byte spoils no mail
    letters = sum(letter > "\x7f" for letter in nearly)
    return nearly if nearly.count("\ufffd") * 4 <= letters else content.decode("cp1252", "replace")


def _unflowed(part: Message, text: str) -> str:
    """The paragraphs of text that was broken to be put together again (RFC 3676, `format=flowed`)."""
    if str(part.get_param("format", "")).lower() != "flowed":
        return text
    joins = "" if str(part.get_param("delsp", "")).lower() == "yes" else " "
    lines: list[tuple[str, str]] = []  # (quote marks, words)
    is_open = False
    for line in text.splitlines():
        words = line.lstrip(">")
        marks = line[: len(line) - len(words)]
        words = words.removeprefix(" ")
        flows = words.endswith(" ") and words != "-- "
        kept = words[:-1] if flows else words
        if is_open and lines[-1][0] == marks and words != "-- ":
            lines[-1] = (marks, lines[-1][1] + joins + kept)
        else:
            lines.append((marks, kept if flows else words))
        is_open = flows
    return "\n".join(f"{marks} {words}" if marks else words for marks, words in lines)


def _unescaped(value: str) -> str:
    """A header with its bytes that are no ASCII, which nothing allows and many send."""
    if value.isascii():
        return value
    content = value.encode("utf-8", "surrogateescape")
    try:
        return content.decode()
    except UnicodeError:
        return content.decode("cp1252", "replace")


def _message_id_in(part: Message) -> str:
    """The Message-ID of the mail (or of its headers) in this part of a report."""
    payload = part.get_payload()
    within = payload[0] if isinstance(payload, list) and payload else None
    text = str(within.get("Message-ID", "")) if isinstance(within, Message) else ""
    if not text:
        found = re.search(r"^Message-ID:\s*(<[^<>\s]+>)", _bytes(part).decode("latin-1"), re.IGNORECASE | re.MULTILINE)
        text = found[1] if found else ""
    return next(iter(IDS.findall(text)), "")


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, UnicodeError, ValueError):
        return text


def _before_via(name: str) -> str:
    return re.split(r"\s+via\s+", name)[0].strip(" '\"")


def _is_address(address: str) -> bool:
    return bool(re.fullmatch(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,255}", address)) and len(address) <= 254
