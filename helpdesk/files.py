"""Files of messages: private storage under random keys, outside every folder that is served.

A file is written before the row that names it, and removed after the row is gone: what is left between by a crash is
swept. Nothing here is served by address; the desk streams a file after a permission check.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from helpdesk.models import Attachment
from helpdesk.models.base import public_id
from helpdesk.text.clean import one_line

LONGEST_NAME = 200
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")


@dataclass(frozen=True)
class Stored:
    """A file that is on disk and waits for its row."""

    key: str
    name: str
    media_type: str
    size: int
    sha256: str
    content_id: str = ""


def store(name: str, media_type: str, content: bytes, content_id: str = "") -> Stored:
    """Write `content` under a new random key. The name is only a name: no path, no control characters."""
    key = public_id()
    path = _path(key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    known_type = media_type.lower() if MEDIA_TYPE.fullmatch(media_type.lower()) else "application/octet-stream"
    digest = hashlib.sha256(content).hexdigest()
    return Stored(key, safe_name(name), known_type, len(content), digest, one_line(content_id, 255))


def safe_name(name: str) -> str:
    """A name to show and to save under: the last part of any path, on one line."""
    last = re.split(r"[/\\]", name)[-1]
    return one_line(last.strip(". "), LONGEST_NAME) or "file"


def opened(attachment: Attachment) -> BinaryIO:
    """The file to read; FileNotFoundError where it is gone."""
    return _path(attachment.key).open("rb")


def remove(keys: Iterable[str]) -> None:
    for key in keys:
        _path(key).unlink(missing_ok=True)


def sweep(older_than_seconds: float, now: float) -> int:
    """Remove files without a row that have had the time to get one; how many there were."""
    root = _root()
    lost = 0
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        files = {path.name: path for path in folder.iterdir() if now - path.stat().st_mtime > older_than_seconds}
        known = set(Attachment.objects.filter(key__in=files).values_list("key", flat=True))
        for name in files.keys() - known:
            files[name].unlink(missing_ok=True)
            lost += 1
    return lost


def _root() -> Path:
    return Path(settings.MEDIA_ROOT)


def _path(key: str) -> Path:
    if not KEY.fullmatch(key):
        raise ValueError("no key of a file")
    return _root() / key[:2] / key
