"""What nobody is told: passwords and tokens of platforms, in answers, pages, logs, the database and files."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core import signing
from django.test import Client

from helpdesk.conf.env import kept_secret, private_folder
from mentions import polling
from mentions.models import Account, Source
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

pytestmark = pytest.mark.django_db

SECRET = "abcd-efgh-ijkl-mnop"
WRONG = "wrong-wrong-wrong-pass"


@pytest.fixture
def source(world: World, bluesky: FakeBluesky) -> Source:
    return listen(world, bluesky)


def kept() -> list[str]:
    """The secrets that an account holds: what was typed, and the session the platform gave for it."""
    account = Account.objects.get()
    tokens = [value for name, value in account.session.items() if name.endswith("Jwt")]
    assert account.secrets["app_password"] == SECRET
    assert len(tokens) == 2
    return [SECRET, *tokens]


def test_no_answer_and_no_page_shows_a_secret(world: World, source: Source) -> None:
    api, desk = world.api(world.owner), world.desk(world.owner)
    lists = ("sources", "channels", "platforms", "quarantine", "notices", "brands", "deliveries")
    answers: list[Any] = [api.get(f"/api/v1/{name}/") for name in (*lists, f"sources/{source.pk}", "schema")]
    answers += [
        api.patch(f"/api/v1/sources/{source.pk}/", {"name": "New"}, format="json"),
        api.post(f"/api/v1/sources/{source.pk}/poll/"),
    ]
    answers += [
        desk.get(f"/desk/{path}") for path in ("sources/", f"sources/{source.pk}/", "sources/add/bluesky/", "notices/")
    ]
    assert {answer.status_code for answer in answers} == {200}
    told = "".join(answer.content.decode() for answer in answers)
    assert [secret for secret in kept() if secret in told] == []
    assert "sealed_" not in told


def test_a_refused_form_gives_no_secret_back(world: World, source: Source) -> None:
    desk = world.desk(world.owner)
    form = {
        "name": "x",
        "stream": "notifications",
        "settings.base_url": "ftp://x",
        "settings.identifier": "x",
        "settings.app_password": WRONG,
    }
    pages = [
        desk.post("/desk/sources/add/bluesky/", {**form, "brand": world.brand.pk}),
        desk.post(f"/desk/sources/{source.pk}/", {**form, "rhythm_seconds": 60, "budget_per_hour": 600}),
    ]
    assert [page.status_code for page in pages] == [400, 400]
    assert not any(WRONG in page.content.decode() for page in pages)


def test_the_database_holds_secrets_sealed(source: Source) -> None:
    everything = "".join(str(list(model._default_manager.values())) for model in apps.get_models())
    assert [secret for secret in kept() if secret in everything] == []
    assert django_settings.SECRET_KEY not in everything
    assert not any(key in everything for key in django_settings.SEAL_KEYS)


def test_logs_hold_no_secret(
    world: World, source: Source, bluesky: FakeBluesky, caplog: pytest.LogCaptureFixture
) -> None:
    """A good poll, a refused log-in at the platform, a bug in between, a wrong form."""
    caplog.set_level(logging.DEBUG)
    polling.poll(source.pk, forced=True)
    secrets = kept()
    bluesky.set_app_password(Account.objects.get().external_id, "new-pass-word-here", revoke_sessions=True)
    polling.poll(source.pk, forced=True)
    world.api(world.owner).patch(f"/api/v1/sources/{source.pk}/", {"settings": {"app_password": WRONG}}, format="json")
    assert caplog.records != []
    assert [secret for secret in (*secrets, WRONG) if secret in logged(caplog)] == []


def test_a_crash_while_sending_logs_no_secret(
    world: World, source: Source, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: Any, **options: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("helpdesk.net._read", crash)
    with pytest.raises(ValueError, match="a bug"):
        polling.poll(source.pk, forced=True)
    assert [secret for secret in kept() if secret in logged(caplog)] == []
    assert "a bug" in logged(caplog)


def test_a_failed_log_in_logs_no_password(client: Client, world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.post("/account/login/", {"login": "agent@northwind.example", "password": WRONG})
    Client().get("/api/v1/tickets/", headers={"Authorization": f"Bearer {WRONG}"})
    assert WRONG not in logged(caplog)


def test_line_breaks_make_no_line_of_their_own_in_the_log(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """One JSON line for each record, whatever a visitor writes into an address."""
    world.desk(world.agent).get("/desk/x%0A%7B%22event%22%3A%22forged%22%7D")
    logging.getLogger("helpdesk.test").warning("said %s", 'a\n{"event": "forged"}')
    assert not any(
        line.replace(" ", "").startswith('{"event":"forged"') for line in capfd.readouterr().err.splitlines()
    )


def logged(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(message)s")
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in caplog.records)


# --- files -----------------------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "data" / "inner")
    key = folder / "secret.key"
    first = kept_secret(key)
    assert (mode(folder), mode(key)) == (0o700, 0o600)
    assert kept_secret(key) == first
    assert len(first) * 6 >= 256


def test_the_data_folder_is_for_its_owner_alone() -> None:
    data = Path(django_settings.DATA_DIR)
    assert mode(data) & 0o077 == 0
    open_files = [
        str(path) for path in (data / "secret.key", data / "seal.key") if path.exists() and mode(path) & 0o077
    ]
    assert open_files == []
    open_folders = [str(path) for path in (data / "broker").rglob("*") if path.is_dir() and mode(path) & 0o077]
    assert open_folders == []


def test_keys_differ_and_signatures_hold() -> None:
    assert django_settings.SECRET_KEY not in django_settings.SEAL_KEYS
    signed = signing.dumps({"a": 1})
    with pytest.raises(signing.BadSignature):
        signing.loads(signed[:-2] + "xx")
