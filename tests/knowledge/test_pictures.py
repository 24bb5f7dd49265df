"""Images of articles: only pixels are kept."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from helpdesk.workflow.verbs import Refused
from knowledge import pictures
from knowledge.models import Picture
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def made(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0a7d5c").save(out, kind, **options)
    return out.getvalue()


def test_a_picture_is_written_anew_and_served(world: World, reader: Client) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at 57.7, 11.9 by Ana"
    row = pictures.store(world.brand, world.agent, "../../etc/my photo.jpg", made("JPEG", exif=exif))
    assert (row.name, row.media_type, row.width) == ("my photo.jpg", "image/jpeg", 40)
    answer: Any = reader.get(f"/help/picture/{row.key}")
    content = b"".join(answer.streaming_content)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"Ana" not in content
    assert pictures.markdown_of(row) == f"![my photo](/help/picture/{row.key})"


def test_the_same_picture_is_kept_once_a_brand(world: World) -> None:
    one, two = (pictures.store(world.brand, world.agent, "a.png", made()) for _ in range(2))
    other = pictures.store(world.rival, world.rival_owner, "a.png", made())
    assert one.pk == two.pk != other.pk


def test_what_hides_behind_pixels_is_gone(world: World) -> None:
    row = pictures.store(world.brand, world.agent, "a.png", made() + b"<script>alert(1)</script>PK\x03\x04")
    assert b"<script>" not in pictures.opened(row).read()
    assert row.media_type == "image/webp"


def test_a_wide_picture_becomes_as_wide_as_a_page(world: World) -> None:
    row = pictures.store(world.brand, world.agent, "a.png", made(size=(4000, 1000)))
    assert (row.width, row.height) == (1600, 400)


def bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"", b"nonsense", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", made()[:60], bomb(),
        b"GIF89a" + b"\xff" * 40, b"%PDF-1.4", made("BMP"), made("TIFF"), b"x" * (pictures.MOST_BYTES + 1),
    ],
    ids=["empty", "nonsense", "svg", "cut", "bomb", "broken gif", "pdf", "bmp", "tiff", "large"],
)  # fmt: skip
def test_what_is_no_picture_is_refused(world: World, content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        pictures.store(world.brand, world.agent, "a.png", content)
    assert refused.value.field == "file"
    assert not Picture.objects.exists()
