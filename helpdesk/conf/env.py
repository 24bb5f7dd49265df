"""Reads the environment once, and says every mistake in it at once.

`django-environ` parses URLs; this module adds what it leaves out: a bad value names the variable, what it
held and what it may hold, and all bad values are reported together instead of one per start.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
LOG_LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR"}


class Env:
    """The environment with a memory for mistakes; call `finish()` after the last read."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self.variables = os.environ if variables is None else variables
        self.mistakes: list[str] = []
        self.known: set[str] = set()

    def read(self, name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
        """The parsed value of `name`, or `default` where it is unset or its value is a mistake."""
        self.known.add(name)
        raw = self.variables.get(name)
        if raw is None or raw.strip() == "":
            return default
        try:
            return parse(raw.strip())
        except (ValueError, ImproperlyConfigured) as error:
            hidden = "KEY" in name or "URL" in name  # and so is what the parser says, which may quote it
            self.mistakes.append(
                f"{name}=(hidden): {expected}." if hidden else f"{name}={raw!r}: {expected}. ({error})"
            )
            return default

    def text(self, name: str, default: str = "") -> str:
        return self.read(name, default, str, "any text")

    def flag(self, name: str, default: bool) -> bool:
        return self.read(name, default, _flag, "must be true or false")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        def parse(raw: str) -> int:
            value = int(raw)
            if not low <= value <= high:
                raise ValueError(f"{value} is outside {low}..{high}")
            return value

        return self.read(name, default, parse, f"must be a whole number from {low} to {high}")

    def words(self, name: str, default: list[str] | None = None) -> list[str]:
        def parse(raw: str) -> list[str]:
            return [word.strip() for word in raw.split(",") if word.strip()]

        return self.read(name, default or [], parse, "must be words separated by commas")

    def nets(self, name: str) -> list[str]:
        def parse(raw: str) -> list[str]:
            return [str(ipaddress.ip_network(word.strip())) for word in raw.split(",") if word.strip()]

        return self.read(name, [], parse, "must be networks such as 127.0.0.0/8,::1/128, separated by commas")

    def log_level(self, name: str) -> str:
        def parse(raw: str) -> str:
            if raw.upper() not in LOG_LEVELS:
                raise ValueError("unknown level")
            return raw.upper()

        return self.read(name, "INFO", parse, f"must be one of {', '.join(sorted(LOG_LEVELS))}")

    def database(self, name: str, fallback: Path) -> dict[str, Any]:
        """Django's database settings from a URL; only PostgreSQL and SQLite are served."""

        def parse(raw: str) -> dict[str, Any]:
            if not raw.startswith(("postgres://", "postgresql://", "sqlite:///")):
                raise ValueError("unknown kind of database")
            return dict(environ.Env.db_url_config(raw))

        expected = "must be postgresql://user:password@host:5432/name or sqlite:////path/to/file"
        return self.read(name, {"ENGINE": "django.db.backends.sqlite3", "NAME": str(fallback)}, parse, expected)

    def redis(self, name: str) -> str:
        def parse(raw: str) -> str:
            if not raw.startswith(("redis://", "rediss://", "unix://")):
                raise ValueError("unknown scheme")
            return raw

        return self.read(name, "", parse, "must be redis://host:6379/0")

    def mail(self, name: str) -> dict[str, Any]:
        """Django's EMAIL_ settings; {} where no server is named."""

        def parse(raw: str) -> dict[str, Any]:
            if not raw.startswith(("smtp://", "smtps://", "smtp+tls://", "smtp+ssl://", "consolemail://")):
                raise ValueError("unknown scheme")
            return dict(environ.Env.email_url_config(raw))

        return self.read(name, {}, parse, "must be smtp+tls://user:password@host:587 (or smtp://, smtp+ssl://)")

    def seal_keys(self, name: str, file: Path) -> list[str]:
        """Fernet keys, newest first: the variable, else a file that is made on first use (mode 0600)."""

        def parse(raw: str) -> list[str]:
            keys = [word.strip() for word in raw.split(",") if word.strip()]
            for key in keys:
                Fernet(key)
            return keys

        expected = "must be 32 bytes in URL-safe base64 (python -c 'from cryptography.fernet import Fernet; ...')"
        return self.read(name, [], parse, expected) or parse(kept_secret(file, lambda: Fernet.generate_key().decode()))

    def finish(self) -> None:
        """Raise ImproperlyConfigured that lists every mistake, unknown HELPDESK_ names among them."""
        self.mistakes += [
            f"{name}: no such setting. Known: {', '.join(sorted(self.known))}"
            for name in self.variables
            if name.startswith("HELPDESK_") and name not in self.known
        ]
        if self.mistakes:
            raise ImproperlyConfigured("The environment has mistakes:\n  " + "\n  ".join(self.mistakes))


def _flag(raw: str) -> bool:
    if raw.lower() in TRUE:
        return True
    if raw.lower() in FALSE:
        return False
    raise ValueError("neither true nor false")


def private_folder(path: Path) -> Path:
    """`path` with mode 0700, made where it did not exist."""
    if not path.exists():
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(f"HELPDESK_DATA={path}: cannot make this folder ({error.strerror}).") from error
    elif path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
        path.chmod(0o700)
    return path


def kept_secret(file: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(50)) -> str:
    """The secret in `file`; made once, and only its owner may read it. Safe when two processes start at once."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        for _ in range(100):
            if value := file.read_text().strip():
                return value
            time.sleep(0.02)
        raise ImproperlyConfigured(f"{file} is empty: delete it, and a new secret is made.") from None
    with os.fdopen(handle, "w") as out:
        value = make()
        out.write(value)
    return value
