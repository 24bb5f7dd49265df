"""Email keeps the contract on a real Dovecot, and what is its own: threads, lists, bounces, machines, broken mails."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import pytest
from django.utils import timezone

from helpdesk.models import Attachment, Delivery, DeliveryPart, Message, Notice, Ticket, TicketLink
from mentions import delivery, polling
from mentions.models import Account, Mention, Quarantine, Source
from mentions.platforms.base import PlatformError
from mentions.platforms.email import tokens
from mentions.platforms.email.connector import Email
from mentions.platforms.email.imap import Imap
from tests import mailserver
from tests.conftest import SHARED
from tests.mailserver import OTHER, US, MailServer
from tests.platforms.contract import ConnectorContract
from tests.turns import turn
from tests.world import World, connect

pytestmark = [pytest.mark.shared, pytest.mark.django_db]
_number = itertools.count(1)


def letter(
    text: str, *, subject: str = "My parcel", who: str = "Ana <ana@customer.test>", **headers: str
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = who, headers.pop("to", US), subject
    mail["Date"] = format_datetime(timezone.now())
    mail["Message-ID"] = headers.pop("message_id", f"<m{next(_number)}.{id(mail)}@customer.test>")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


@dataclass
class MailStage:
    server: MailServer
    source: Source

    def say(self, words: str) -> str:
        mail = letter(words)
        self.server.deliver(mail)
        return str(mail["Message-ID"])

    def go_on(self, external_id: str, words: str) -> str:
        mail = letter(words, In_Reply_To=external_id, References=external_id)
        self.server.deliver(mail)
        return str(mail["Message-ID"])

    def edit(self, external_id: str, words: str) -> None:
        raise AssertionError("mail is not edited")

    def delete(self, external_id: str) -> None:
        raise AssertionError("mail is not deleted")

    def malformed(self) -> None:
        self.server.deliver(b"Subject: no sender\r\nTo: <support@shop.test>\r\n\r\nhello\r\n")

    def throttle(self, seconds: int) -> None:
        raise AssertionError("mail servers name no time")

    def break_down(self) -> None:
        self.server.proxy.cut = 1

    def revoke(self) -> None:
        self.server.set_password("another")

    def sent(self) -> list[str]:
        return [_text(envelope.content) for envelope in self.server.door.taken]

    def lose_answer(self) -> None:
        self.server.door.next.append("lost")


def _text(raw: bytes) -> str:
    import email
    import email.policy

    return str(email.message_from_bytes(raw, policy=email.policy.default).get_content()).strip()


@pytest.fixture(scope="module")
def _dovecot() -> None:
    mailserver.start(SHARED)


@pytest.fixture
def server(_dovecot: None) -> Iterator[MailServer]:
    with turn("dovecot"), MailServer() as running:
        yield running


@pytest.fixture
def stage(world: World, server: MailServer) -> MailStage:
    return MailStage(server, connect(world, "email", server.settings()))


class TestContract(ConnectorContract):
    page_size = 25
    visibility = "private"

    def test_asked_to_slow_down_it_waits_as_long_as_it_was_told(self, stage: Any) -> None:
        pytest.skip("mail servers name no time")


def heard(stage: MailStage) -> dict[str, Any]:
    found = polling.poll(stage.source.pk, forced=True)
    assert "problem" not in found, found
    return found


def answer(world: World, text: str, visibility: str = "private", ticket: Ticket | None = None) -> Delivery:
    path = f"/api/v1/tickets/{(ticket or Ticket.objects.order_by('-id')[0]).pk}/replies/"
    sent = world.api(world.agent).post(path, {"text": text, "visibility": visibility}, format="json")
    assert sent.status_code == 202, sent.content
    delivery.deliver(sent.json()["id"])
    return Delivery.objects.get(pk=sent.json()["id"])


class TestThreads:
    def test_an_answer_goes_out_in_the_thread_and_its_answer_comes_back_into_it(
        self, world: World, stage: MailStage
    ) -> None:
        first = stage.say("Where is it?")
        heard(stage)
        assert answer(world, "On its way.").state == "sent"
        ours = stage.server.mails(US, "Sent")[0].decode()
        number = Ticket.objects.get().number
        assert f"In-Reply-To: {first}" in ours
        assert f"Subject: Re: My parcel [#{number}]" in ours
        our_id = re.search(r"^Message-ID: (\S+)", ours, re.MULTILINE)
        assert our_id
        stage.server.deliver(letter("Thanks!\n\nOn Monday you wrote:\n> On its way.", In_Reply_To=our_id[1]))
        heard(stage)
        assert Ticket.objects.count() == 1
        newest = Message.objects.order_by("id").last()
        assert newest is not None
        assert (newest.text, newest.body.quoted) == ("Thanks!", "On Monday you wrote:\n> On its way.")
        assert Message.objects.filter(kind="reply").count() == 1, "the copy in Sent is the one we know"

    def test_references_are_read_from_the_right(self, stage: MailStage) -> None:
        one, other = stage.say("first"), letter("second", who="Ben <ben@customer.test>")
        stage.server.deliver(other)
        heard(stage)
        stage.server.deliver(letter("late", References=f"{other['Message-ID']} <gone@x.test> {one} <lost@x.test>"))
        heard(stage)
        ticket = Mention.objects.get(external_id=one).message.ticket  # type: ignore[union-attr]
        assert list(Message.objects.filter(ticket=ticket).order_by("id").values_list("text", flat=True)) == [
            "first",
            "late",
        ]

    def test_a_number_in_the_subject_counts_for_the_same_sender_only(self, stage: MailStage) -> None:
        stage.say("first")
        heard(stage)
        number = Ticket.objects.get().number
        stage.server.deliver(letter("mine", subject=f"Re: My parcel [#{number}]"))
        stage.server.deliver(letter("not mine", subject=f"Re: [#{number}]", who="Eve <eve@evil.test>"))
        heard(stage)
        assert [message.text for message in Ticket.objects.get(number=number).messages.order_by("id")] == [
            "first",
            "mine",
        ]

    def test_a_tickets_own_address_proves_where_an_answer_belongs(self, world: World, server: MailServer) -> None:
        stage = MailStage(server, connect(world, "email", server.settings(plus_addressing="yes")))
        stage.say("first")
        heard(stage)
        answer(world, "Hello.")
        ticket = Ticket.objects.get()
        own = tokens.address(US, ticket.pk)
        assert f"Reply-To: {own}" in stage.server.mails(US, "Sent")[0].decode()
        server.deliver(letter("from my other address", to=own, who="Ana <ana@work.test>"))
        server.deliver(
            letter("guessed", to=f"support+t{ticket.pk}.aaaaaaaaaaaaaaaa@shop.test", who="Eve <e@evil.test>")
        )
        heard(stage)
        assert [m.text for m in ticket.messages.filter(kind="inbound").order_by("id")] == [
            "first",
            "from my other address",
        ]

    def test_what_a_colleague_writes_from_a_mail_program_is_ours(self, stage: MailStage) -> None:
        first = stage.say("first")
        heard(stage)
        mail = letter("Written in Thunderbird.", who=US, to="ana@customer.test", In_Reply_To=first)
        with stage.server.box(US, "Sent") as client:
            client.append("Sent", None, None, mail.as_bytes())
        heard(stage)
        assert Ticket.objects.get().state == "waiting"
        assert Message.objects.get(kind="reply").text == "Written in Thunderbird."

    def test_a_mail_from_our_own_address_is_not_ours_for_that(self, stage: MailStage) -> None:
        first = stage.say("first")
        heard(stage)
        stage.server.deliver(letter("We refund everything.", who=US, In_Reply_To=first))
        stage.server.deliver(letter("by the form", who=US, Reply_To="Cleo <cleo@customer.test>"))
        heard(stage)
        assert not Message.objects.filter(kind="reply").exists()
        form = Message.objects.get(text="by the form")
        assert (form.profile.handle, form.ticket.state) == ("cleo@customer.test", "new")  # type: ignore[union-attr]

    def test_a_second_mail_of_a_message_id_changes_nothing_of_the_first(self, world: World, stage: MailStage) -> None:
        stage.server.deliver(letter("my new PIN, please", who="V <v1@customer.test>", message_id="<v1@customer.test>"))
        heard(stage)
        ticket = Ticket.objects.get()
        stage.server.deliver(letter("hello", who="Eve <eve@evil.test>", message_id="<v1@customer.test>"))
        stage.server.deliver(letter("hello", who="Eve <eve@evil.test>", message_id="<v1@customer.test>"))
        heard(stage)
        answer(world, "It is 1234.", ticket=ticket)
        assert [envelope.rcpt_tos for envelope in stage.server.door.taken] == [["v1@customer.test"]]
        assert set(Message.objects.filter(kind="inbound").values_list("profile__handle", flat=True)) == {
            "v1@customer.test",
            "eve@evil.test",
        }
        assert ticket.messages.filter(kind="inbound").count() == 1

    def test_nobody_joins_a_private_conversation_by_naming_it(self, stage: MailStage) -> None:
        first = stage.say("private matters")
        heard(stage)
        stage.server.deliver(letter("let me in", who="Eve <eve@evil.test>", In_Reply_To=first))
        heard(stage)
        one, other = Ticket.objects.order_by("id")
        assert one.messages.count() == other.messages.count() == 1
        assert TicketLink.objects.filter(earlier=one, later=other, kind="related").exists()


class TestWhatItSays:
    def test_html_is_kept_beside_its_words_and_files_are_stored(self, stage: MailStage) -> None:
        mail = letter("See the picture.")
        mail.add_alternative("<p>See the <b>picture</b>.</p><img src='https://track.test/x.gif'>", subtype="html")
        mail.add_attachment(b"%PDF-1.4 invoice", maintype="application", subtype="pdf", filename="../../invoice.pdf")
        stage.server.deliver(mail)
        heard(stage)
        message, file = Message.objects.get(), Attachment.objects.get()
        assert message.text == "See the picture."
        assert "<b>picture</b>" in message.body.html
        assert (file.name, file.media_type, file.size) == ("invoice.pdf", "application/pdf", 16)

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"Content-Type: text/plain; charset=utf-8\r\n\r\nSp\xe4ti und \x80", "Späti und €"),
            (b"Content-Type: text/plain; charset=made-up\r\n\r\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
            (b"Content-Type: text/html\r\n\r\n<p>Only<br>HTML</p>", "Only\nHTML"),
            (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts at all", "no parts at all"),
            (b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!", None),
            (b"Subject: =?utf-8?q?caf=C3=A9?= =?made-up?q?x?=\r\n\r\nfine", "fine"),
        ],
    )
    def test_broken_mail_is_read_as_far_as_it_goes(self, stage: MailStage, raw: bytes, text: str | None) -> None:
        stage.server.deliver(b"From: Ana <ana@customer.test>\r\nTo: support@shop.test\r\n" + raw + b"\r\n")
        stage.say("after it")
        heard(stage)
        texts = list(Message.objects.values_list("text", flat=True))
        assert "after it" in texts
        assert len(texts) == 2
        assert text is None or text in texts

    def test_answers_between_the_lines_are_not_folded_away(self, stage: MailStage) -> None:
        stage.say("> When?\nOn Friday.\n> Where?\nAt home.")
        heard(stage)
        assert Message.objects.get().text.endswith("At home.")


class TestLists:
    headers = {"List_Id": "Riders <riders.lists.test>", "List_Post": "<mailto:riders@lists.test>"}

    def test_a_list_is_answered_in_public_there_and_in_private_to_the_author(
        self, world: World, stage: MailStage
    ) -> None:
        stage.server.deliver(
            letter(
                "Does anybody know?",
                who="Ana via Riders <riders@lists.test>",
                Reply_To="Ana <ana@customer.test>",
                Archived_At="<https://lists.test/riders/7>",
                **self.headers,
            )
        )
        heard(stage)
        message = Message.objects.get()
        assert (message.visibility, message.profile.handle) == ("public", "ana@customer.test")  # type: ignore[union-attr]
        assert (message.url, message.is_automatic) == ("https://lists.test/riders/7", False)
        answer(world, "To all.", "public")
        answer(world, "To you.", "private")
        assert [envelope.rcpt_tos for envelope in stage.server.door.taken] == [
            ["riders@lists.test"],
            ["ana@customer.test"],
        ]
        public = Message.objects.get(text="To all.")
        copy = stage.server.mails(US, "Sent")[0].replace(
            b"From: support@shop.test", b"From: Support via Riders <riders@lists.test>"
        )
        stage.server.deliver(copy)
        heard(stage)
        assert Message.objects.count() == 3, "our own mail that the list sends us is no new one"
        assert public.thread == message.thread


class TestMachines:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Auto_Submitted": "auto-replied"},
            {"Precedence": "bulk"},
            {"X_Autoreply": "yes"},
            {"X_Loop": "support@shop.test"},
            {"Return_Path": "<>"},
        ],
    )
    def test_an_auto_answer_asks_for_no_answer(self, stage: MailStage, headers: dict[str, str]) -> None:
        stage.server.deliver(
            letter("I am on holiday.", **headers), sender="" if "Return_Path" in headers else "a@b.test"
        )
        heard(stage)
        ticket = Ticket.objects.get()
        assert (ticket.state, ticket.close_reason, ticket.due_at) == ("closed", "automatic", None)
        assert Message.objects.get().is_automatic

    def test_an_auto_answer_opens_no_ticket_again(self, world: World, stage: MailStage) -> None:
        first = stage.say("hello")
        heard(stage)
        answer(world, "Done.")
        world.api(world.agent).post(f"/api/v1/tickets/{Ticket.objects.get().pk}/resolve/")
        stage.server.deliver(letter("I am on holiday.", Auto_Submitted="auto-replied", In_Reply_To=first))
        heard(stage)
        assert Ticket.objects.get().state == "resolved"

    def test_a_bounce_is_marked_on_its_delivery_and_the_ticket_is_ours_again(
        self, world: World, stage: MailStage
    ) -> None:
        stage.say("hello")
        heard(stage)
        sent = answer(world, "An answer.")
        assert Ticket.objects.get().state == "waiting"
        stage.server.deliver(bounce(DeliveryPart.objects.get().external_id, "5.1.1", "failed"), sender="")
        heard(stage)
        sent.refresh_from_db()
        assert (sent.state, sent.parts.get().problem["code"]) == ("failed", "bounced")
        assert "ana@customer.test: smtp; 550" in sent.parts.get().problem["detail"]
        assert Ticket.objects.get().state == "open"
        assert Ticket.objects.get().due_at is not None
        assert Notice.objects.filter(code="delivery.failed", settled_at=None).exists()
        assert Message.objects.count() == 2

    def test_a_delay_is_told_and_nothing_else(self, world: World, stage: MailStage) -> None:
        stage.say("hello")
        heard(stage)
        sent = answer(world, "An answer.")
        stage.server.deliver(bounce(DeliveryPart.objects.get().external_id, "4.4.1", "delayed"), sender="")
        heard(stage)
        sent.refresh_from_db()
        assert (sent.state, sent.parts.get().problem["code"]) == ("sent", "delayed")


def bounce(message_id: str, status: str, action: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@relay.test\r\nTo: {US}\r\nSubject: Undelivered\r\nMessage-ID: <b{next(_number)}@relay.test>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.test\r\n\r\n"
        f"Final-Recipient: rfc822; ana@customer.test\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {US}\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n"
    ).encode()


class TestMailboxes:
    def test_a_folder_made_anew_is_read_again_and_nothing_is_stored_twice(
        self, world: World, server: MailServer
    ) -> None:
        mails = [letter(f"number {number}").as_bytes() for number in range(5)]
        server.make("Desk", mails)
        stage = MailStage(server, connect(world, "email", server.settings(folder="Desk")))
        assert heard(stage)["new"] == 5
        before = Source.objects.get().cursor["in"]["validity"]
        server.make("Desk", [*mails, letter("after it").as_bytes()])
        assert heard(stage)["new"] == 1
        assert Source.objects.get().cursor["in"]["validity"] != before
        assert Message.objects.count() == 6

    def test_five_hundred_mails_come_in_once_each(self, stage: MailStage) -> None:
        for number in range(500):
            stage.server.deliver(letter(f"number {number}", who=f"P{number % 50} <p{number % 50}@customer.test>"))
        assert heard(stage)["new"] == 500
        assert heard(stage)["new"] == 0
        assert Message.objects.count() == Mention.objects.count() == 500
        flags = []
        with stage.server.box() as client:
            flags = client.search(None, "SEEN")[1][0].split()
        assert flags == [], "nothing is marked as read"

    def test_one_mail_in_two_mailboxes_of_a_brand_is_one(self, world: World, stage: MailStage) -> None:
        other = connect(world, "email", stage.server.settings(address=OTHER, username=OTHER), name="Other")
        mail = letter("to both", to=f"{US}, {OTHER}")
        stage.server.deliver(mail)
        stage.server.deliver(mail, to=OTHER)
        assert heard(stage)["new"] == 1
        assert polling.poll(other.pk, forced=True)["new"] == 0
        assert Message.objects.count() == 1

    def test_a_folder_that_is_not_there_is_said_at_once(self, world: World, server: MailServer) -> None:
        api = world.api(world.manager)
        body = {"platform": "email", "name": "Mail", "settings": server.settings(folder="Nowhere")}
        refused = api.post("/api/v1/sources/", body, format="json")
        assert refused.status_code == 400
        assert "Nowhere" in refused.json()["errors"][0]["message"]

    def test_a_wrong_password_is_said_at_its_field(self, world: World, server: MailServer) -> None:
        body = {"platform": "email", "name": "Mail", "settings": server.settings(password="wrong")}
        refused = world.api(world.manager).post("/api/v1/sources/", body, format="json")
        assert refused.json()["errors"][0]["field"] == "settings.password"

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("folder", "Nowhere"),
            ("imap_port", "many"),
            ("imap_port", "1"),
            ("smtp_port", "1"),
            ("address", "nobody"),
            ("password", ""),
            ("expires_on", "2020-01-01"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, world: World, server: MailServer, setting: str, value: str
    ) -> None:
        body = {"platform": "email", "name": "Mail", "settings": server.settings(**{setting: value})}
        refused = world.api(world.manager).post("/api/v1/sources/", body, format="json")
        error = refused.json()["errors"][0]
        is_host = value == "1"
        assert error["field"] == f"settings.{setting.replace('port', 'host') if is_host else setting}"
        assert not is_host or "Nothing answers there" in error["message"]

    def test_a_name_is_changed_without_any_secret(self, world: World, stage: MailStage) -> None:
        path = f"/api/v1/sources/{stage.source.pk}/"
        manager = world.api(world.manager)
        changed = manager.patch(path, {"settings": {"from_name": "Shop"}}, format="json")
        assert changed.status_code == 200, changed.content
        moved = manager.patch(path, {"settings": {"imap_host": "elsewhere.test"}}, format="json")
        assert moved.json()["errors"][0]["field"] == "settings.password"

    def test_a_token_that_is_refused_is_renewed_and_tried_on_a_new_connection(
        self, stage: MailStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[str] = []

        def log_in(self: Imap, username: str, password: str, *, token: str = "") -> None:
            tried.append(token)
            if token == "old":
                raise PlatformError("credentials", "AUTHENTICATE failed.", permanent=True)

        monkeypatch.setattr(Imap, "log_in", log_in)
        secrets = {"access_token": "old", "refresh_token": "once"}
        settings = {**stage.server.settings(), "token_url": "https://tokens.test/"}
        connector = Email(settings, secrets, {})
        monkeypatch.setattr(connector, "_new_tokens", lambda: {"access_token": "new", "refresh_token": "next"})
        connector._imap()
        assert tried == ["old", "new"]
        assert connector.session["refresh_token"] == "next"
        only_to_renew = Email(settings, {"refresh_token": "once"}, {})
        monkeypatch.setattr(only_to_renew, "_new_tokens", lambda: {"access_token": "new", "refresh_token": "next"})
        only_to_renew._imap()
        assert tried == ["old", "new", "new"]

    def test_a_no_to_authenticate_is_a_refused_log_in(self, server: MailServer) -> None:
        box = Imap("127.0.0.1", server.proxy.port, "none")
        with pytest.raises(PlatformError) as refused:
            box.log_in(US, "", token="no such token")
        assert refused.value.code == "credentials"


class TestSending:
    def test_a_greylisted_answer_is_tried_again(self, world: World, stage: MailStage) -> None:
        stage.say("hello")
        heard(stage)
        stage.server.door.next.append("451 4.7.1 greylisted, come back later")
        sent = answer(world, "Later, then.")
        assert (sent.state, sent.parts.get().problem["code"]) == ("queued", "unavailable")
        DeliveryPart.objects.update(send_after=timezone.now())
        delivery.deliver(sent.pk)
        sent.refresh_from_db()
        assert sent.state == "sent"

    def test_an_answer_nobody_can_find_is_for_a_person_to_decide(self, world: World, stage: MailStage) -> None:
        stage.say("hello")
        heard(stage)
        stage.server.door.keeps_sent = False
        stage.lose_answer()
        assert answer(world, "Did it arrive?").state == "unknown"
        assert len(stage.server.door.taken) == 1

    def test_our_copy_is_kept_once_whether_the_server_keeps_one_or_not(self, world: World, stage: MailStage) -> None:
        stage.say("hello")
        heard(stage)
        for keeps in (True, False):
            stage.server.door.keeps_sent = keeps
            answer(world, f"The server keeps it: {keeps}")
        assert len(stage.server.mails(US, "Sent")) == 2

    def test_the_account_says_what_it_found(self, stage: MailStage) -> None:
        account = Account.objects.get()
        assert (account.namespace, account.external_id, account.facts) == ("mail", US, {"sent": "Sent"})


def test_a_broken_mail_waits_in_quarantine_and_can_be_read_again(stage: MailStage) -> None:
    stage.malformed()
    assert heard(stage)["quarantined"] == 1
    row = Quarantine.objects.get()
    assert "address" in row.problem["detail"]
    assert polling.retry_quarantined(row.pk) is False
