"""Settings come from the environment, and every bad value is named at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from helpdesk.conf.env import Env, kept_secret, private_folder

ROOT = Path(__file__).resolve().parents[2]


def test_all_mistakes_are_told_together() -> None:
    env = Env({"HELPDESK_A": "maybe", "HELPDESK_B": "900", "HELPDESK_NETS": "everywhere", "HELPDESK_TYPO": "1"})
    assert env.flag("HELPDESK_A", False) is False
    assert env.number("HELPDESK_B", 5, low=1, high=10) == 5
    assert env.nets("HELPDESK_NETS") == []
    with pytest.raises(ImproperlyConfigured) as raised:
        env.finish()
    said = str(raised.value)
    for part in (
        "HELPDESK_A='maybe': must be true or false",
        "from 1 to 10",
        "such as 127.0.0.0/8",
        "HELPDESK_TYPO: no such setting",
    ):
        assert part in said


@pytest.mark.parametrize("value", ["mysql://root@localhost/x", "prod-db", "http://db"])
def test_a_database_we_do_not_serve_is_refused_without_showing_its_password(value: str) -> None:
    env = Env({"DATABASE_URL": value})
    env.database("DATABASE_URL", Path("x"))
    with pytest.raises(ImproperlyConfigured, match="must be postgresql://") as raised:
        env.finish()
    assert value not in str(raised.value)


def test_good_values_are_read() -> None:
    env = Env({"A": " yes ", "B": "7", "C": "a, b,,c", "L": "debug", "REDIS_URL": "redis://h:6379/2"})
    assert env.flag("A", False) is True
    assert env.number("B", 1, low=0, high=9) == 7
    assert env.words("C") == ["a", "b", "c"]
    assert env.log_level("L") == "DEBUG"
    assert env.redis("REDIS_URL") == "redis://h:6379/2"
    env.finish()


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "var")
    first, second = kept_secret(folder / "key"), kept_secret(folder / "key")
    assert first == second
    assert len(first) >= 50
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


def test_a_bad_variable_stops_the_start_in_words(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HELPDESK_DATA": str(tmp_path),
        "DATABASE_URL": "oracle://x",
        "HELPDESK_WORKER_PROCESSES": "many",
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    said = ended.stderr + ended.stdout
    assert "The environment has mistakes" in said
    assert "DATABASE_URL" in said
    assert "HELPDESK_WORKER_PROCESSES" in said
    assert "Traceback" not in said
