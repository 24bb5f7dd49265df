"""The commands scripts call: one JSON line, an exit code, a sentence for bad input."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from helpdesk import joining, summary
from helpdesk.models import (
    Approval,
    Attachment,
    Brand,
    Concession,
    Customer,
    Deadline,
    Delivery,
    Escalation,
    FollowUp,
    Incident,
    Lesson,
    Message,
    MessageBody,
    StatementCopy,
    Survey,
    Ticket,
)
from helpdesk.workflow import replies
from mentions.models import Account, DemoPost, Mention, Quarantine, Term
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

pytestmark = pytest.mark.django_db


def run(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*words, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def failed(*words: str) -> dict[str, Any]:
    """What a command printed that ended with 1."""
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, stdout=out)
    assert ended.value.code == 1
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_poll_prints_its_counts(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    bluesky.post(ana, "are you there?", mention=[us])
    counts = run("poll", "--source", str(source.pk))
    assert (counts["sources"], counts["heard"], counts["new"], counts["problems"]) == (1, 1, 1, [])
    again = run("poll", "--source", str(source.pk))
    assert again["new"] == 0


def test_poll_fails_with_the_reason(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    account = Account.objects.get()
    account.secrets, account.sealed_session = {"app_password": "no-longer-this-one"}, ""
    account.save()
    counts = failed("poll", "--source", str(source.pk))
    assert counts["problems"][0]["source"] == source.pk
    assert counts["problems"][0]["code"] == "credentials"
    with pytest.raises(CommandError, match=f"There are: {source.pk} Bluesky"):
        call_command("poll", "--source", "4711")


def test_deliver_sends_what_is_due_and_says_so(world: World, bluesky: FakeBluesky) -> None:
    source = listen(world, bluesky)
    us, ana = Account.objects.get().external_id, bluesky.add_account("ana.test")
    bluesky.post(ana, "are you there?", mention=[us])
    run("poll", "--source", str(source.pk))
    replies.reply(Ticket.objects.get().pk, world.agent, "We are, Ana.", "public")
    assert run("deliver") == {"deliveries": 1, "sent": 1, "queued": 0, "failed": 0, "unknown": 0}
    assert run("deliver")["deliveries"] == 0
    assert [post.record["text"] for post in bluesky.posts_by(us)] == ["We are, Ana."]


# --- triage ----------------------------------------------------------------------------------------------------


def lines(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_triage_adds_its_reading_and_keeps_the_rest(tmp_path: Path) -> None:
    given = lines(
        tmp_path / "in", {"text": "My train never came, this is a disgrace", "id": 7}, {"text": "Where is platform 4?"}
    )
    assert run("triage", "--input", str(given), "--output", str(tmp_path / "out")) == {"read": 2}
    complaint, question = (json.loads(line) for line in (tmp_path / "out").read_text().splitlines())
    assert (complaint["id"], complaint["intent"], complaint["sentiment"]) == (7, "complaint", "negative")
    assert (question["intent"], question["language"]) == ("question", "en")
    assert complaint["reasons"]["intent"]


def test_triage_learns_from_labelled_rows(tmp_path: Path) -> None:
    taught = [{"text": f"zorp blick {n}", "intent": "idea"} for n in range(15)]
    taught += [{"text": f"vantle munt {n}", "intent": "praise"} for n in range(15)]
    learn = lines(tmp_path / "learn", *taught)
    given = lines(tmp_path / "in", {"text": "zorp blick again"}, {"text": "vantle munt again"})
    run("triage", "--input", str(given), "--output", str(tmp_path / "out"), "--learn", str(learn))
    assert [json.loads(line)["intent"] for line in (tmp_path / "out").read_text().splitlines()] == ["idea", "praise"]


@pytest.mark.parametrize(
    ("content", "says"), [("not json\n", "line 1: not JSON"), ('{"text": "a"}\n{"t": 1}\n', "line 2: needs a “text”")]
)
def test_triage_names_the_line_it_cannot_read(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "in").write_text(content)
    with pytest.raises(CommandError, match=says):
        call_command("triage", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"))
    with pytest.raises(CommandError, match="No such file"):
        call_command("triage", "--input", str(tmp_path / "missing"), "--output", str(tmp_path / "out"))


# --- demo ------------------------------------------------------------------------------------------------------


def test_the_demo_is_worth_looking_at_and_made_once(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    call_command("demo", stdout=io.StringIO())
    brand = Brand.objects.get()
    assert set(Ticket.objects.values_list("platform", flat=True)) >= {
        "x",
        "bluesky",
        "mastodon",
        "email",
        "blog",
        "feed",
        "archive",
    }
    assert len(set(Ticket.objects.values_list("language", flat=True))) >= 4
    ana = Customer.objects.get(name="Ana Lindqvist", profiles__platform="bluesky")
    assert set(ana.profiles.values_list("platform", flat=True)) == {"bluesky", "email", "manual"}
    assert joining.suggestions(ana), "the archive knows her by another profile"
    assert MessageBody.objects.exclude(html="").exclude(quoted="").exists()
    assert Attachment.objects.get().name == "app-log.txt"
    assert Mention.objects.filter(reference__held=True).count() == 1
    assert {source.name for source in Term.objects.get().sources.all() if source.heard_count}
    settled = Ticket.objects.filter(state="resolved")
    assert settled.count() == 5
    assert settled.filter(created_at__lt=F("answered_at"), answered_at__lt=F("resolved_at")).count() == 5
    assert not Deadline.objects.filter(ticket__in=settled, met_at=None, dropped_at=None).exists()
    assert summary.differences(Ticket.objects.values_list("id", flat=True)) == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent", "unknown", "failed", "held"}
    steps = Escalation.objects.filter(ended_at=None)
    assert steps.exclude(acknowledged_at=None).count() == 1, "somebody has the one who was hurt"
    climbs = steps.filter(ticket__customer=ana, acknowledged_at=None).order_by("next_at")[0]
    assert dt.timedelta() < climbs.next_at - timezone.now() < dt.timedelta(minutes=9), "one is about to climb"
    waits = Approval.objects.filter(decided_at=None)
    assert waits.get(concession=None, statement=None).level == 2
    assert (waits.exclude(concession=None).count(), waits.exclude(statement=None).count()) == (1, 1)
    assert set(Concession.objects.values_list("state", flat=True)) == {"granted", "refused", "asked"}
    assert sorted(Survey.objects.values_list("state", "verdict")) == [
        ("answered", "satisfied"), ("answered", "unhappy"), ("silent", ""),
    ]  # fmt: skip
    assert Ticket.objects.get(verdict="unhappy").level == 2
    assert (Incident.objects.get().state, Lesson.objects.get().state) == ("open", "open")
    assert StatementCopy.objects.filter(state="told").count() == 3
    assert FollowUp.objects.get().reason == {"code": "promised"}
    assert Quarantine.objects.filter(settled_at=None).count() == 1
    assert {"new", "open", "waiting", "resolved"} <= set(Ticket.objects.values_list("state", flat=True))
    assert Message.objects.exclude(edited_at=None).exists()
    assert Message.objects.exclude(deleted_at=None).exists()
    counted = Ticket.objects.count(), DemoPost.objects.count()
    said = io.StringIO()
    call_command("demo", stdout=said)
    assert "there already" in said.getvalue()
    assert (Ticket.objects.count(), DemoPost.objects.count(), Brand.objects.get()) == (*counted, brand)


def test_the_demo_says_where_it_is_switched_on(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="HELPDESK_DEMO=true"):
        call_command("demo")
    assert django_settings.DEMO is False
