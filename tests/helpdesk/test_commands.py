"""The commands of the desk: what they print, what they change, what they say to bad input."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from helpdesk.models import Alert, ApiToken, Brand, Membership, Ticket, User
from tests.world import World

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def code_of(*words: str) -> tuple[Any, str]:
    """(exit code, what was printed) of a command that ends itself."""
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, stdout=out, stderr=io.StringIO())
    return ended.value.code, out.getvalue()


# --- rebuild_summaries -----------------------------------------------------------------------------------------


def test_summaries_that_are_right_are_said_to_be(world: World) -> None:
    world.ticket(), world.ticket(brand=world.rival)
    assert "2 tickets looked at, all right." in run("rebuild_summaries", "--check")


def test_check_names_what_is_wrong_and_changes_nothing(world: World) -> None:
    ticket = world.ticket("my train is terribly late")
    Ticket.objects.update(reach=77)
    code, said = code_of("rebuild_summaries", "--check")
    assert code == 1
    assert f"ticket {ticket.pk}: reach is 77, its rows say 10" in said
    assert Ticket.objects.get().reach == 77


def test_rebuilding_puts_right_one_brand_and_leaves_the_other(world: World) -> None:
    world.ticket(), world.ticket(brand=world.rival)
    Ticket.objects.update(reach=77, intent="idea")
    assert "1 tickets looked at, 2 columns put right" in run("rebuild_summaries", "--brand", "northwind")
    assert dict(Ticket.objects.values_list("brand__slug", "reach")) == {"northwind": 10, "southbay": 77}
    with pytest.raises(CommandError, match="northwind, southbay"):
        run("rebuild_summaries", "--brand", "nobody")


# --- create_token ----------------------------------------------------------------------------------------------


def test_a_token_is_printed_alone_and_only_its_hash_is_kept(world: World) -> None:
    token = run("create_token", world.owner.email, "--scope", "read", "--brand", "northwind").strip()
    row = ApiToken.objects.get()
    assert (row.scopes, row.brand) == (["read"], world.brand)
    assert token not in str(vars(row))
    assert row.expires_at is not None
    assert row.expires_at > timezone.now()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody@nowhere.example"], "Nobody logs in"),
        (["owner@northwind.example", "--scope", "admin"], "read,write"),
        (["owner@northwind.example", "--brand", "southbay"], "Theirs: northwind"),
        (["owner@northwind.example", "--days", "-1"], "0 or more"),
    ],
)
def test_a_token_nobody_can_have_is_refused_in_words(world: World, words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("create_token", *words)
    assert not ApiToken.objects.exists()


# --- open_brand and doctor -------------------------------------------------------------------------------------


def test_opening_a_brand_gives_it_an_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long and quiet river\n" * 3))
    run("open_brand", "harbour", "Harbour Foods", "rosa@harbour.example")
    member = Membership.objects.get()
    assert (member.brand.slug, member.user.email, member.role) == ("harbour", "rosa@harbour.example", "owner")
    run("open_brand", "harbour", "Harbour Foods", "rosa@harbour.example")
    assert (Brand.objects.count(), Membership.objects.count()) == (1, 1), "the same words again change nothing"


@pytest.mark.parametrize(
    ("slug", "owner", "password", "says"),
    [
        ("No Slug!", "rosa@harbour.example", "a long and quiet river", "No Slug!"),
        ("harbour", "rosa", "a long and quiet river", "valid email"),
        ("harbour", "rosa@harbour.example", "", "will not do"),
        ("harbour", "rosa@harbour.example", "12345678", "will not do"),
    ],
)
def test_a_brand_nobody_can_open_leaves_nothing_behind(
    slug: str, owner: str, password: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError, match=says):
        run("open_brand", slug, "Harbour Foods", owner)
    assert not Brand.objects.exists()
    assert not User.objects.exists()


def test_the_doctor_says_what_is_sick_and_what_to_do(world: World) -> None:
    Membership.objects.filter(brand=world.rival).delete()
    code, said = code_of("doctor")
    assert code == 1
    assert "no owner: southbay" in said
    assert "→ Add one: `manage.py open_brand`." in said


def test_the_doctor_says_why_nobody_is_asked_or_told(world: World, settings: Any) -> None:
    Brand.objects.filter(pk=world.brand.pk).update(survey_minutes=60)
    Alert.objects.create(brand=world.brand, by="hook", code="x", due_at=timezone.now(), failed_at=timezone.now(), problem="HTTP 410")  # fmt: skip
    settings.DEMO = False
    _code, said = code_of("doctor")
    assert "northwind would ask, but nobody is sent a link" in said
    assert "Set HELPDESK_BASE_URL." in said
    assert "HTTP 410" in said
