"""Images of articles: checked, decoded and written anew by us, so that nothing but their pixels is kept."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from helpdesk.files import safe_name
from helpdesk.models import Brand, User
from helpdesk.workflow.verbs import Refused
from knowledge.models import Picture

MOST_BYTES, MOST_PIXELS, LONGEST_SIDE = 10 * 1024 * 1024, 40_000_000, 1600
TAKEN = ("PNG", "JPEG", "WEBP", "GIF")


def store(brand: Brand, by: User | None, name: str, content: bytes) -> Picture:
    """The picture, re-encoded; the one that is there already where it is the same. Refused says what is wrong."""
    pixels, kind, size = _encoded(content)
    digest = hashlib.sha256(pixels).hexdigest()
    with transaction.atomic():
        row, is_new = Picture.objects.get_or_create(
            brand=brand,
            sha256=digest,
            defaults={
                "name": safe_name(name)[:120], "media_type": f"image/{kind.lower()}", "width": size[0], "height": size[1],
                "size": len(pixels), "by": by,
            },
        )  # fmt: skip
        if is_new or not _path(row).exists():
            _write(row, pixels)
    return row


def known(brand: Brand, content: bytes) -> Picture | None:
    """The picture that is there already, as it came or as we wrote it. Refused where it can be none. Writes nothing."""
    rows = Picture.objects.filter(brand=brand)
    as_written = rows.filter(sha256=hashlib.sha256(content).hexdigest()).first()
    if as_written is not None:  # a file of ours that went out and comes back: writing it anew would change it
        return as_written
    pixels, _kind, _size = _encoded(content)
    return rows.filter(sha256=hashlib.sha256(pixels).hexdigest()).first()


def _encoded(content: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """(bytes, format, size) as we write it: upright, no larger than a page, without whatever else the file held."""
    if len(content) > MOST_BYTES:
        raise Refused("file", "too_large", _("A picture has at most 10 MB. Make it smaller first."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=TAKEN) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise Refused("file", "too_large", _("This picture has too many pixels. Make it smaller first."))
                opened.load()
                upright = ImageOps.exif_transpose(opened) or opened
                is_photo = opened.format == "JPEG"
                made = upright.convert("RGB" if is_photo else "RGBA")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise Refused("file", "no_picture", _("This is no picture we can read. Use PNG, JPEG, WebP or GIF.")) from error
    made.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    if is_photo:
        made.save(out, "JPEG", quality=85, optimize=True, progressive=True)
    else:
        made.save(out, "WEBP", lossless=True, method=4)
    return out.getvalue(), "JPEG" if is_photo else "WEBP", made.size


def opened(row: Picture) -> BinaryIO:
    """The file to read; FileNotFoundError where it is gone."""
    return _path(row).open("rb")


def markdown_of(row: Picture) -> str:
    return f"![{row.name.rsplit('.', 1)[0]}](/help/picture/{row.key})"


def _path(row: Picture) -> Path:
    return Path(settings.DATA_DIR) / "pictures" / row.key[:2] / row.key


def _write(row: Picture, content: bytes) -> None:
    path = _path(row)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    part.rename(path)
