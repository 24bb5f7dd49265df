"""An erased person's strings are gone: from every table, the database's file, files, queues and logs, and stay gone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from helpdesk import erasing, files, joining
from helpdesk.models import Attachment, Customer, DeliveryPart, Message, MessageBody, Ticket
from helpdesk.workflow import replies, tickets
from mentions import delivery, polling
from mentions.models import Mention
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

SECRETS = ("Xanthippe", "xanthi.test", "quokka-7731", "pangolin-42", "did-of-her")


def tables_with(words: tuple[str, ...]) -> list[str]:
    """Every (table, column) in which one of these stands, whatever the model."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            for field in model._meta.concrete_fields:
                quoted = f'CAST("{field.column}" AS text)'
                for word in words:
                    sql = f'SELECT count(*) FROM "{table}" WHERE lower({quoted}) LIKE %s'
                    cursor.execute(sql, [f"%{word.lower()}%"])
                    if cursor.fetchone()[0]:
                        found.append(f"{table}.{field.column}: {word}")
    return found


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the loggers said, formatted as they would be."""
    said: list[str] = []
    formatter = logging.getLogger().handlers[0].formatter if logging.getLogger().handlers else None

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(formatter.format(record) if formatter else record.getMessage())

    handler = Keep()
    logging.getLogger().addHandler(handler)
    yield said
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def scene(world: World, bluesky: FakeBluesky, settings: Any, tmp_path: Path) -> dict[str, Any]:
    """Xanthippe wrote in public, was answered, came as a guest, was talked about, and left files and broken items."""
    settings.MEDIA_ROOT = tmp_path
    source = listen(world, bluesky)
    us = bluesky.add_account("other.test")
    her = bluesky.add_account("xanthi.test", followers=3)
    account = source.account
    ours = account.external_id
    post = bluesky.post(her, "@northwind.test my booking is quokka-7731", mention=[ours])
    guest_thread = bluesky.post(us, "@northwind.test late", mention=[ours])
    polling.poll(source.pk, forced=True)
    bluesky.post(her, "pangolin-42 here too", reply_to=guest_thread, mention=[ours])
    bluesky.raw_notification(ours, {"uri": 7, "reason": "mention", "author": {"handle": "xanthi.test"}, "record": None})
    polling.poll(source.pk, forced=True)
    message = Mention.objects.get(external_id=post).message
    assert message is not None
    customer = message.ticket.customer
    Customer.objects.filter(pk=customer.pk).update(name="Xanthippe Lind", about="calls herself Xanthippe", place="x")
    sent = replies.reply(message.ticket_id, world.agent, "Dear Xanthippe, quokka-7731 is on its way", "public")
    delivery.deliver(sent.pk)
    replies.reply(message.ticket_id, world.agent, "Xanthippe, one more thing", "public")  # still queued
    tickets.note(message.ticket_id, world.agent, "Xanthippe is patient")
    MessageBody.objects.create(brand=world.brand, message=message, html="<p>Xanthippe</p>", quoted="quokka-7731")
    stored = files.store("pangolin-42.txt", "text/plain", b"quokka-7731")
    Attachment.objects.create(
        brand=world.brand, message=message, key=stored.key, name=stored.name, media_type="text/plain", size=1
    )
    headers = {"Idempotency-Key": "k1"}
    body = {"text": "Xanthippe called", "name": "Xanthippe Lind", "channel": "Phone", "brand": "northwind"}
    world.api(world.agent).post("/api/v1/tickets/", body, format="json", headers=headers)
    second = Customer.objects.exclude(pk=customer.pk).get(name="Xanthippe Lind")
    joining.join(customer.pk, second.pk, world.agent)
    return {
        "customer": customer,
        "source": source,
        "her": her,
        "post": post,
        "ticket": message.ticket_id,
        "tmp": tmp_path,
    }


@pytest.mark.django_db
def test_nothing_of_her_is_left_in_any_table(world: World, scene: dict[str, Any], lines: list[str]) -> None:
    words = (*SECRETS, scene["her"])
    assert {line.split(".")[0] for line in tables_with(words)} >= {
        "helpdesk_message",
        "helpdesk_customer",
        "mentions_mention",
    }
    answer = world.api(world.owner).post(f"/api/v1/customers/{scene['customer'].pk}/erase/")
    assert answer.status_code == 200, answer.content
    assert answer.json()["tickets"] == 2
    assert tables_with(words) == []
    assert [line for line in lines if any(word.lower() in line.lower() for word in words)] == []


@pytest.mark.django_db(transaction=True)
def test_nothing_of_her_is_left_on_the_disk(world: World, scene: dict[str, Any]) -> None:
    erasing.erase(scene["customer"].pk, world.owner)
    kept = [path for path in scene["tmp"].rglob("*") if path.is_file()]
    assert kept == []
    if connection.vendor == "sqlite":
        name = connection.settings_dict["NAME"]
        if Path(str(name)).is_file():
            for path in (Path(str(name)), Path(f"{name}-wal")):
                content = path.read_bytes() if path.exists() else b""
                assert not [word for word in SECRETS if word.encode() in content], path


@pytest.mark.django_db
def test_hearing_her_words_again_brings_nothing_back(world: World, scene: dict[str, Any], bluesky: FakeBluesky) -> None:
    erasing.erase(scene["customer"].pk, world.owner)
    source = scene["source"]
    source.__class__.objects.update(cursor={})
    polling.poll(source.pk, forced=True)
    assert [line for line in tables_with(SECRETS) if not line.startswith("mentions_quarantine")] == []
    bluesky.post(scene["her"], "@northwind.test a new matter", mention=[source.account.external_id])
    polling.poll(source.pk, forced=True)
    assert Message.objects.filter(text__contains="a new matter").exists(), "who comes back is a new customer"


@pytest.mark.django_db
def test_what_was_queued_is_not_sent_and_nothing_else_is_lost(
    world: World, scene: dict[str, Any], bluesky: FakeBluesky
) -> None:
    before = len(bluesky.posts_by(scene["source"].account.external_id))
    erasing.erase(scene["customer"].pk, world.owner)
    for row in DeliveryPart.objects.all():
        delivery.deliver(row.delivery_id)
    assert len(bluesky.posts_by(scene["source"].account.external_id)) == before
    assert set(DeliveryPart.objects.values_list("state", flat=True)) == {"sent", "cancelled"}
    assert Message.objects.filter(text="@northwind.test late").exists(), "other people's words stay"
    ticket = Ticket.objects.get(pk=scene["ticket"])
    assert (ticket.state, ticket.close_reason, ticket.due_at) == ("closed", "deleted", None)
    page = world.desk(world.agent).get(f"/desk/tickets/{ticket.pk}/")
    assert page.status_code == 200


@pytest.mark.django_db
def test_it_takes_an_owner_is_done_once_and_can_be_done_by_command(
    world: World, scene: dict[str, Any], capsys: Any
) -> None:
    path = f"/api/v1/customers/{scene['customer'].pk}/erase/"
    assert world.api(world.manager).post(path).status_code == 403
    with pytest.raises(CommandError, match="Nobody fits"):
        call_command("erase_person", brand="northwind", handle="nobody")
    call_command("erase_person", brand="northwind", handle="XANTHI.test")
    assert "Add --yes" in capsys.readouterr().out
    call_command("erase_person", brand="northwind", handle="xanthi.test", yes=True)
    assert json.loads(capsys.readouterr().out)["profiles"] == 2
    assert world.api(world.owner).post(path).status_code == 409


def test_a_database_error_is_logged_without_the_row() -> None:
    from helpdesk.conf.logs import without_rows

    text = "IntegrityError: null value\nDETAIL:  Failing row contains (7, Xanthippe, quokka-7731).\n"
    event = without_rows(None, "", {"exception": text, "event": "x"})
    assert "Xanthippe" not in event["exception"]
    assert "null value" in event["exception"]
