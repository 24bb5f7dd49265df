"""Mails as they come in the wild, without a server: charsets, headers of raw bytes, bounces of every age, forms, lists."""

from __future__ import annotations

import datetime as dt
import email
import email.policy

import pytest

from mentions.platforms.base import Draft, PlatformError, Post
from mentions.platforms.email import parse, quoting
from mentions.platforms.email.connector import LETTER, Email
from mentions.platforms.email.imap import LARGEST, Fetched

US = "support@shop.test"
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
OURS = f"<t7.{'ab' * 10}@shop.test>"


def post(raw: str | bytes) -> Post:
    content = raw.encode() if isinstance(raw, str) else raw
    return parse.post_of(parse.Mail(content.replace(b"\n", b"\r\n")), US, NOW, sent=False)


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("iso-8859-1", b"20 \x80 \x93so\x94", "20 € “so”"),
        ("utf-8", "Grüße, schöne Tage, für Köln".encode() + b" \xff", "Grüße, schöne Tage, für Köln �"),
        ("gb2312", "镕".encode("gb18030"), "镕"),
        ("ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
        ("windows-31j", "①髙".encode("cp932"), "①髙"),
        ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
    ],
)
def test_a_charset_is_what_is_meant_by_it(charset: str, content: bytes, text: str) -> None:
    head = f"From: a@b.test\nContent-Type: text/plain; charset={charset}\n\n".encode()
    assert post(head + content).text == text


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_headers_of_raw_bytes_are_read(encoding: str) -> None:
    found = post("From: Jörg Müller <j@x.test>\nSubject: Rücksendung\n\nhello".encode(encoding))
    assert (found.subject, found.author.name) == ("Rücksendung", "Jörg Müller")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/report; report-type=disposition-notification; boundary=b", "--b\nContent-Type: message/disposition-notification\n\nDisposition: manual-action; displayed\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: %s\n\n--b--"),
        ("multipart/report; report-type=feedback-report; boundary=b", "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: %s\n\n--b--"),
    ],
)  # fmt: skip
def test_a_receipt_is_no_bounce(kind: str, content: str) -> None:
    raw = f"From: a@b.test\nContent-Type: {kind}\n\n{content % OURS}"
    assert parse.Mail(raw.encode()).bounces(US) == []


@pytest.mark.parametrize(
    ("raw", "permanent"),
    [
        ("From: Mail Delivery System <Mailer-Daemon@mx.test>\nX-Failed-Recipients: ana@x.test\n\nnot delivered\n\n------ copy ------\n\nMessage-ID: %s\n", True),
        ("From: MAILER-DAEMON@mx.test\n\nHi. This is the qmail-send program. This is a permanent error.\n\n--- Below\n\nReturn-Path: <support@shop.test>\nMessage-ID: %s\n", True),
        ("From: postmaster@mx.test\n\n4.4.1 it has been delayed\n\nMessage-ID: %s\n", False),
        ("From: mx@mx.test\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/global-delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\n\n--b\nContent-Type: message/global-headers\n\nMessage-ID: %s\n\n--b--", True),
    ],
)  # fmt: skip
def test_bounces_of_every_age_are_told(raw: str, *, permanent: bool) -> None:
    found = parse.Mail((raw % OURS).encode()).bounces(US)
    assert [(bounce.external_id, bounce.permanent) for bounce in found] == [(OURS, permanent)]


def test_a_mail_that_speaks_of_ours_is_no_bounce() -> None:
    raw = f"From: ana@x.test\n\nWhat is this?\n\nMessage-ID: {OURS}\n"
    assert parse.Mail(raw.encode()).bounces(US) == []


def test_what_is_no_text_for_people_is_a_file() -> None:
    invite = post("From: a@b.test\nContent-Type: text/calendar; name=invite.ics\n\nBEGIN:VCALENDAR\n")
    assert [(file.name, file.media_type) for file in invite.files] == [("invite.ics", "text/calendar")]
    table = post(
        "From: a@b.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee below\n--b\nContent-Type: text/csv\n\na,b\n--b--"
    )
    assert (table.text, [file.content.strip() for file in table.files]) == ("see below", [b"a,b"])


def test_a_form_that_a_person_filled_in_asks_for_an_answer() -> None:
    form = "From: web@shop.test\nReply-To: ana@x.test\nAuto-Submitted: auto-generated\n\nI want my money back"
    assert not post(form).automatic
    assert post("From: web@shop.test\nAuto-Submitted: auto-generated\n\nbackup done").automatic


def test_a_newsletter_asks_for_no_answer_and_a_list_may() -> None:
    head = "From: news@shop2.test\nList-Id: <news.shop2.test>\nList-Unsubscribe: <https://shop2.test/bye>\n"
    assert post(f"{head}\n20 % off").automatic
    assert not post(f"{head}List-Post: <mailto:news@shop2.test>\n\nDoes anybody know?").automatic


def test_flowed_text_has_its_paragraphs_again() -> None:
    head = "From: a@b.test\nContent-Type: text/plain; charset=utf-8; format=flowed"
    text = "My kettle from last \nweek leaks.\n From the\nlid.\n\n-- \nAna\n"
    assert post(f"{head}\n\n{text}").text.startswith("My kettle from last week leaks.\nFrom the\nlid.")
    assert post(f"{head}; delsp=yes\n\n日本 \n語です。").text == "日本語です。"
    assert post(f"{head}\n\nYes. \n\n> Is it \n> hot?\n>> No, \n> it is.").quoted == "> Is it hot?\n>> No,\n> it is."


def test_a_mail_too_large_to_take_in_is_a_ticket_all_the_same() -> None:
    head = b"From: Ana <a@b.test>\r\nSubject: My film\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    page = Email({"address": US}, {}, {})._page([Fetched(7, head, NOW, LARGEST + 1_000_000)], {}, sent=False)
    assert (page.malformed, page.posts[0].subject) == ((), "My film")
    assert page.posts[0].text == "[This mail of 42 MB is too large to be taken in: read it in the mailbox]"


def test_a_message_id_without_its_angles_is_one() -> None:
    assert post("From: a@b.test\nMessage-ID: 42@b.test\n\nhello").external_id == "<42@b.test>"


@pytest.mark.parametrize(
    "text",
    [
        "You have a message:\n\nName: Ana\nEmail: ana@x.test\nPhone: 0123\nMessage: I demand a refund NOW.",
        "A form:\n\nName: Ana\nEmail: ana@x.test\nSubmitted: 2026-11-25 10:30:15\nSubject: x\nMessage: help",
        "A trip:\n\nFrom: Berlin\nContact: ana@x.test\nDeparture: 10:15\nTo: Hamburg",
        "A form:\n\nE-Mail: ana@x.test\nTime: 10:30\nSubject: x\nhelp",
        "please cancel. My data:\nName: Ana\nE-Mail: ana@x.test\nOrder: 42\n\nAnd please do it TODAY",
    ],
)
def test_what_a_customer_fills_in_is_not_what_they_quote(text: str) -> None:
    assert quoting.split(text) == (text, "")


@pytest.mark.parametrize(
    "header",
    [
        "Von: Shop <support@shop.test>\nGesendet: Montag, 3. März 2025 10:12\nAn: Ana\nBetreff: AW",
        "From: Shop <support@shop.test>\nDate: 25 November 2026\nTo: Ana\nSubject: Re",
        "Date: Mon, 3 Mar 2025 10:12:00 +0000\nFrom: Shop <support@shop.test>\nSubject: Re",
        "差出人：Shop <support@shop.test>\n送信日時：2025年3月3日 10:12\n宛先：Ana\n件名：Re",
        "보낸 사람: Shop <support@shop.test>\n보낸 날짜: 2025년 3월 3일 10:12\n받는 사람: Ana\n제목: Re",
        "Από: Shop <support@shop.test>\nΣτάλθηκε: 3 Μαρτίου 2025 10:12\nΠρος: Ana\nΘέμα: Re",
    ],
)
def test_a_header_in_any_language_is(header: str) -> None:
    assert quoting.split(f"Thanks!\n\n{header}\n\nHello")[0] == "Thanks!"


class TestLists:
    head = "List-Id: <riders.lists.test>\nList-Post: <mailto:riders@lists.test>\n"

    @pytest.mark.parametrize(
        ("headers", "who"),
        [
            ("From: 'Carl' via Riders <riders@lists.test>\nX-Original-Sender: carl@x.test\nReply-To: riders@lists.test\n", "carl@x.test"),
            ("From: Carl Ek via Riders <riders@lists.test>\nReply-To: riders@lists.test\nCc: Carl Ek <carl@x.test>\n", "carl@x.test"),
            ("From: Carl via Riders <riders@lists.test>\nReply-To: riders@lists.test\n", "riders@lists.test|carl via riders"),
        ],
    )  # fmt: skip
    def test_the_author_is_found_behind_the_list_or_known_by_name(self, headers: str, who: str) -> None:
        assert post(f"{self.head}{headers}\nhello").author.external_id == who

    @pytest.mark.parametrize(
        "headers",
        [
            "List-Post: <mailto:riders@lists.test>\nFrom: Carl via Riders <riders@lists.test>\nReply-To: riders@lists.test\n",
            "From: Max via Riders <riders@lists.test>\nReply-To: riders@lists.test\n",
            "From: Pia via Riders <riders-bounces@lists.test>\nList-Post: <mailto:riders@lists.test>\n",
        ],
    )
    def test_nothing_private_goes_to_a_list(self, headers: str) -> None:
        mail = post(f"List-Id: <riders.lists.test>\n{headers}\nhello")
        connector = Email({"address": US}, {}, {})
        assert "only the list" in connector.why_not("private", mail.reference)
        with pytest.raises(PlatformError):
            connector.freeze(Draft("private", "psst", mail.external_id, mail.reference, mail.author.external_id, NOW))

    @pytest.mark.parametrize(
        "headers",
        [
            "From: Ivy <ivy@x.test>\nReply-To: riders@lists.test\n",
            "From: Ivy <ivy@x.test>\nReply-To: dev@lists.test\n",
            "From: ivy@x.test\nSender: riders@lists.test\nReply-To: riders@lists.test\nList-Unsubscribe: <https://x.test>\nPrecedence: bulk\n",
        ],
    )
    def test_a_member_is_answered_at_their_own_address(self, headers: str) -> None:
        mail = post(f"List-Id: <riders.lists.test>\n{headers}\nhello")
        assert (mail.author.external_id, mail.reference["to"], mail.automatic) == ("ivy@x.test", "ivy@x.test", False)

    def test_a_list_that_only_wants_answers_to_itself_can_be_answered_in_public(self) -> None:
        mail = post("List-Id: <riders.lists.test>\nFrom: Ivy <ivy@x.test>\nReply-To: riders@lists.test\n\nhello")
        assert (mail.private, mail.reference["list"]) == (False, "riders@lists.test")


def test_long_message_ids_stay_readable_for_mail_programs() -> None:
    long = f"<{'AS8PR04MB8296F0B2C5F8F5B2A1A3B5E4A0C32' * 2}@AS8PR04MB8296.eurprd04.prod.outlook.test>"
    reference = {"message_id": long, "references": [long, "<a@b.test>"], "subject": "Grüße " * 30, "to": "ana@x.test"}
    connector = Email({"address": US}, {}, {})
    (part,) = connector.freeze(Draft("private", "Hello", long, reference, "ana@x.test", NOW))
    raw = connector._written(part.payload).as_bytes(policy=LETTER)
    assert f"In-Reply-To: {long}\r\n".encode() in raw
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert read["References"].split() == [long, "<a@b.test>", long]
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert "Grüße" in read["Subject"]


def test_a_copy_with_the_same_message_id_is_told_by_author_and_date() -> None:
    head = "Message-ID: <v1@x.test>\nDate: Mon, 3 Mar 2025 10:12:00 +0000\n"
    mine, list_copy = post(f"{head}From: v@x.test\n\na"), post(f"{head}From: v@x.test\n{TestLists.head}\na\n--\nfooter")
    other, later = post(f"{head}From: eve@evil.test\n\na"), post(f"{head.replace('10:', '11:')}From: v@x.test\n\nb")
    assert mine.version == list_copy.version
    assert len({mine.version, other.version, later.version}) == 3
