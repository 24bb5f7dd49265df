"""The files of one folder and nothing beside it: no link is followed, no path leads out, nothing is read that is no file."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused


class Folder:
    """Paths are relative to it, with "/" between their parts."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def files(self, endings: tuple[str, ...]) -> Iterator[str]:
        """Paths of files with these endings, in order; folders that are links are named, too. Hidden ones are left out."""
        for place, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            base = Path(place).relative_to(self.root)
            linked = [name for name in folders if (Path(place) / name).is_symlink()]
            fitting = [name for name in names if name.lower().endswith(endings) and not name.startswith(".")]
            for name in sorted([*linked, *fitting]):
                yield (base / name).as_posix()

    def has(self, path: str) -> bool:
        try:
            return (self.root / path).is_file()
        except (OSError, ValueError):
            return False

    def content(self, path: str, most: int) -> bytes:
        """The file's bytes. Refused where it is none of this folder, cannot be read, or has more than `most` bytes."""
        try:
            whole = self.root / path
            if whole.resolve() != whole:
                raise Refused("file", "link", _("This is a link to another place. Put the file itself here."))
            handle = os.open(whole, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise Refused("file", "no_file", _("This is no file."))
                found = file.read(most + 1)
        except FileNotFoundError as error:
            raise Refused("file", "missing", _("There is no such file. Add it, or take out what names it.")) from error
        except (OSError, RuntimeError, ValueError) as error:  # no rights, links in a circle, a NUL in the name
            raise Refused("file", "unreadable", _("This cannot be read: %(why)s.") % {"why": error}) from error
        if len(found) > most:
            size = most // (1024 * 1024)
            raise Refused("file", "too_large", _("This has more than %(size)s MB. Make it smaller.") % {"size": size})
        return found


def within(base: str, path: str) -> str | None:
    """`path` as it is meant in the folder `base`, from the root of all; None where it leads out. "/" begins at the root."""
    joined = posixpath.normpath(posixpath.join("" if path.startswith("/") else base, path.lstrip("/")))
    return None if joined == ".." or joined.startswith("../") else joined
