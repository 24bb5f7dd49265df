"""A zip file somebody sent → a folder, within limits: names stay inside, nothing is larger than it says, no more than we take."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused

MOST_FILES, MOST_BYTES, CHUNK = 1000, 100 * 1024 * 1024, 64 * 1024


def unpack(file: BinaryIO, folder: Path) -> None:
    """Its files, below `folder`. Refused where it is none, or holds more than we take."""
    try:
        with zipfile.ZipFile(file) as packed:
            members = [one for one in packed.infolist() if not one.is_dir()]
            if len(members) > MOST_FILES:
                raise Refused(
                    "file", "too_many", _("This holds more than 1,000 files. Make two of it, or use the command.")
                )
            left = MOST_BYTES
            for member in members:
                left = _written(packed, member, folder, left)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise Refused("file", "no_zip", _("This zip file cannot be read. Pack it anew, without a password.")) from error


def _written(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """What is left of the bytes we take."""
    target = _inside(member, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, target.open("wb") as out:
        while some := source.read(CHUNK):
            left -= len(some)
            if left < 0:
                raise Refused(
                    "file", "too_large", _("Unpacked this has more than 100 MB. Make it smaller, or use the command.")
                )
            out.write(some)
    return left


def _inside(member: zipfile.ZipInfo, folder: Path) -> Path:
    """Its place below the folder, whatever its name says: without roots, drives and steps up."""
    parts = [
        part
        for part in member.filename.replace("\\", "/").split("/")
        if part not in ("", ".", "..") and ":" not in part
    ]
    if not parts:
        raise Refused("file", "no_zip", _("A file in it has no name. Pack it anew."))
    return folder.joinpath(*parts)


def pack(folder: Path, out: Path) -> None:
    """All files below `folder`, as a zip file."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder).as_posix())
