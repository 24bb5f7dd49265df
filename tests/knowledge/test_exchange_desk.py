"""Articles from files and into files in the browser: what comes in, what is told of the rest, and packages that mean ill."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.exchange import packed
from knowledge.models import Edition
from tests.knowledge.conftest import Write
from tests.knowledge.test_exchange import picture
from tests.world import World

pytestmark = pytest.mark.django_db
PATH = "/desk/articles/exchange/"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path


def zipped(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def send(world: World, name: str, content: bytes, who: str = "lead", **more: str) -> Any:
    given = {"brand": "northwind", "file": SimpleUploadedFile(name, content), **more}
    return world.desk(getattr(world, who)).post(PATH, given)


def test_a_package_comes_in_and_what_does_not_fit_is_told(world: World) -> None:
    files: dict[str, str | bytes] = {
        "Trains__late.md": "# Late trains\n\n![map](map.png)\n\nWait. See [dogs](../dogs.html).", "Trains__map.png": picture(),
        "dogs.html": "<title>Dogs</title><body><p>On a <b>lead</b>.</p></body>", "broken.md": b"\xff\xfe\x00x",
    }  # fmt: skip
    page = send(world, "articles.zip", zipped(**files), publish="1").content.decode()
    assert sorted(Edition.objects.live().values_list("title", flat=True)) == ["Dogs", "Late trains"]
    assert "broken.md:" in page
    late = Edition.objects.select_related("live__author", "article__category").get(title="Late trains")
    assert late.live is not None
    assert "/help/picture/" in late.live.body
    assert "/help/northwind/en/articles/dogs/" in late.live.body
    assert late.live.author == world.lead
    assert late.article.category is not None
    again = send(world, "articles.zip", zipped(**files), publish="1", language="en").content.decode()
    assert Edition.objects.count() == 2
    assert "This happened" in again


def test_a_table_can_be_tried_first(world: World) -> None:
    table = b"question,answer\nWhere is my bag?,At the Harbour desk.\n"
    assert "This would happen" in send(world, "faq.csv", table, dry="1").content.decode()
    assert not Edition.objects.exists()
    send(world, "faq.csv", table)
    assert Edition.objects.get().state == "draft"


def test_what_goes_out_comes_in_again(world: World, write: Write) -> None:
    write("Late trains", "Wait a little.")
    answer = world.desk(world.agent).get(f"{PATH}northwind.zip")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert "en/late-trains.md" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    page = send(world, "northwind.zip", content).content.decode()
    assert "<dd>1</dd>" in page
    assert Edition.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("articles.zip", b"no zip at all", "cannot be read"),
        ("articles.exe", b"MZ", "Choose a file"),
        ("articles.zip", zipped(**{f"{number}.md": "# a" for number in range(1001)}), "more than 1,000 files"),
        ("articles.csv", b"one,two\n1,2\n", "title"),
        ("articles.csv", "title,body\na,b\n".encode("utf-16"), "not UTF-8"),
        ("articles.csv", "title,body,größe\na,b,c\n".encode("latin-1"), "not UTF-8"),
        ("articles.zip", zipped(**{"a.md": "# a " * 200})[:36] + b"\xff\xff\xff" + zipped(**{"a.md": "# a " * 200})[39:], "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused_in_words(world: World, name: str, content: bytes, said: str) -> None:
    answer = send(world, name, content)
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_a_bomb_goes_off_outside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 1024 * 1024)
    answer = send(world, "bomb.zip", zipped(**{"a.md": b"0" * 5_000_000}))
    assert (answer.status_code, "Unpacked this has more" in answer.content.decode()) == (400, True)


def test_names_that_lead_out_stay_inside(world: World, tmp_path: Any) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    packed.unpack(
        io.BytesIO(zipped(**{"../../out.md": "# Out", "/etc/out2.md": "# Out", "C:\\out3.md": "# Out"})), inside
    )
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["inside/etc/out2.md", "inside/out.md", "inside/out3.md"]


def test_a_file_that_was_refused_does_not_stand_in_the_way(world: World) -> None:
    assert send(world, "faq.csv", b"one,two\n1,2\n").status_code == 400
    assert send(world, "faq.csv", b"title,body\nLate,Wait.\n").status_code == 200
    assert Edition.objects.count() == 1


def test_long_names_are_cut(world: World, write: Write) -> None:
    assert send(world, "😀" * 70 + ".md", b"# Late\n\nWait.").status_code == 200
    write("𒀀" * 80, "Wait.")
    assert world.desk(world.agent).get(f"{PATH}northwind.zip").status_code == 200
