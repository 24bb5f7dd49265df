"""Articles as files: brought in once, whatever is wrong beside them, and written out so that they come in elsewhere."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from helpdesk.models import Brand
from knowledge import markdown, pictures, publishing
from knowledge.exchange import rewrite, webpage
from knowledge.exchange.page import Tongues
from knowledge.exchange.read import spot_of
from knowledge.exchange.write import write_out
from knowledge.models import Article, Category, Edition, HelpCentre, OldAddress, Picture, SearchEntry
from knowledge.publishing import Words
from tests.knowledge.conftest import Write
from tests.world import World

pytestmark = pytest.mark.django_db
Put = Callable[..., Path]
NOTHING = {"new": 0, "changed": 0, "same": 0, "refused": 0, "pictures": 0}


@pytest.fixture
def put(tmp_path: Path, settings: Any) -> Put:
    """A file in the folder that is brought in; the folder itself for no name."""
    settings.DATA_DIR = tmp_path / "data"
    root = tmp_path / "articles"
    root.mkdir()

    def written(name: str = "", content: str | bytes = "") -> Path:
        path = root / name
        if name:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def picture(colour: str = "#0a7d5c", kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, kind)
    return out.getvalue()


def bring(path: Path, *options: str, brand: str = "northwind") -> tuple[dict[str, int], str]:
    """(counts that are not 0, what was said) of `manage.py import_articles`."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("import_articles", str(path), "--brand", brand, *options, stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(str(ended.code))
    counts = json.loads(out.getvalue())
    assert counts.keys() == NOTHING.keys()
    assert code == (1 if counts["refused"] else 0)
    return {name: count for name, count in counts.items() if count}, err.getvalue()


def export(path: Path, *options: str, brand: str = "northwind") -> dict[str, int]:
    out = StringIO()
    call_command("export_articles", str(path), "--brand", brand, *options, stdout=out, stderr=StringIO())
    return dict(json.loads(out.getvalue()))


def found(slug: str, language: str = "en", brand: str = "northwind") -> Edition:
    rows = Edition.objects.select_related("latest", "article__category")
    edition: Edition = rows.get(slug=slug, language=language, brand__slug=brand)
    assert edition.latest is not None
    return edition


def said(edition: Edition) -> str:
    assert edition.latest is not None
    return edition.latest.body


def speak(brand: Brand, *languages: str) -> None:
    HelpCentre.objects.update_or_create(brand=brand, defaults={"languages": list(languages)})


HEAD = """---
title: Refunds & fees
summary: How long it takes
category: Money
slug: money-back
visible: known
review_by: 2031-02-03
old_addresses: [refunds-2019, fees]
state: draft
author: ignored
---
Three days.
"""


# --- bringing in -----------------------------------------------------------------------------------------------


def test_a_file_says_everything_in_its_head(world: World, put: Put) -> None:
    assert bring(put("any.md", HEAD).parent)[0] == {"new": 1}
    edition = found("money-back")
    article = edition.article
    assert (edition.title, edition.summary, edition.state) == ("Refunds & fees", "How long it takes", "draft")
    assert article.category is not None
    assert (article.category.name, article.visible, article.review_by) == ("Money", "known", dt.date(2031, 2, 3))
    assert said(edition) == "Three days."
    assert set(OldAddress.objects.values_list("slug", flat=True)) == {"refunds-2019", "fees"}


def test_what_the_head_does_not_say_is_found_in_the_file(world: World, put: Put) -> None:
    put("getting-started/bikes_on-trains.md", "```\n# no title\n```\n\n# Bikes on *trains*\n\nFree.\n\n# And ferries\n")
    put("lost-property.markdown", "It is kept for a month.")
    put("getting-started/index.md", "\ufeff# Begin here\r\n\r\nWelcome.\r\n")
    put("notes.txt", "no article")
    put(".git/readme.md", "hidden")
    assert bring(put())[0] == {"new": 3}
    bikes, lost = found("bikes-on-trains"), found("lost-property")
    assert (bikes.title, str(bikes.article.category)) == ("Bikes on trains", "Getting started")
    assert said(bikes) == "```\n# no title\n```\n\nFree.\n\n# And ferries"
    assert (lost.title, lost.article.category) == ("Lost property", None)
    assert (found("getting-started").title, said(found("getting-started"))) == ("Begin here", "Welcome.")


def test_files_that_differ_in_language_alone_are_one_article(world: World, put: Put) -> None:
    speak(world.brand, "en", "de", "no")
    for name, text in {
        "en/money/refunds.md": "# Refunds\n\nThree days.", "de/money/refunds.md": "# Erstattung\n\nDrei Tage.",
        "bikes.md": "# Bikes\n\nFree.", "bikes.de.md": "# Fahrräder\n\n[Wie](bikes.md) kostenlos.", "bikes.no.md": "# Sykler\n\nGratis.",
        "a.md": "---\narticle: seats\nslug: seats\n---\nSeats.",
        "b.md": "---\narticle: seats\nlanguage: no\ncategory: Seter\ntitle: Ja\n---\nSeter.",
    }.items():  # fmt: skip
        put(name, text)
    assert bring(put())[0] == {"new": 7}
    told = {
        tuple(sorted(row.editions.values_list("language", "title")))
        for row in Article.objects.filter(brand=world.brand)
    }
    assert told == {
        (("de", "Erstattung"), ("en", "Refunds")), (("de", "Fahrräder"), ("en", "Bikes"), ("no", "Sykler")),
        (("en", "A"), ("no", "Ja")),
    }  # fmt: skip
    german = found("refunds", "de")
    assert said(found("bikes", "de")) == "[Wie](/help/northwind/de/articles/bikes/) kostenlos."
    assert german.translates_id == found("refunds").latest_id
    assert list(Category.objects.values_list("name", flat=True)) == ["Money"]
    assert bring(put())[0] == {"same": 7}
    put("fr/money/refunds.md", "# Remboursement\n\nTrois jours.")
    put("bikes.fr.md", "# Vélos")
    counts, told_so = bring(put())
    assert counts == {"same": 7, "refused": 2}
    assert "fr/money/refunds.md: The language “fr” is not spoken here, but en, de, no." in told_so


def test_where_no_language_is_said_it_is_the_one_of_the_call(world: World, put: Put) -> None:
    speak(world.brand, "en", "de")
    put("refunds.md", "# Erstattung\n\nDrei Tage.")
    assert bring(put(), "--language", "de")[0] == {"new": 1}
    assert found("refunds", "de").title == "Erstattung"
    with pytest.raises(CommandError, match="“fr” is not spoken"):
        bring(put(), "--language", "fr")


def test_brought_in_again_each_article_is_there_once(world: World, put: Put) -> None:
    put("refunds.md", "# Refunds\n\nThree days.")
    put("bikes.md", "# Bikes\n\nFree.")
    assert bring(put(), "--publish")[0] == {"new": 2}
    assert bring(put(), "--publish")[0] == {"same": 2}
    put("refunds.md", "# Money back\n\nTwo days.")
    assert bring(put())[0] == {"changed": 1, "same": 1}
    edition = found("refunds")
    assert edition.latest is not None
    assert (edition.latest.number, edition.latest.title, edition.title) == (2, "Money back", "Refunds")
    assert (edition.latest.why, edition.state, edition.is_live) == ("From refunds.md", "draft", True)
    assert bring(put(), "--publish")[0] == {"changed": 1, "same": 1}
    publishing.readdress(edition.pk, world.lead, "money-back")
    assert bring(put(), "--publish")[0] == {"same": 2}
    assert Edition.objects.count() == Article.objects.count() == 2


def test_only_what_is_complete_is_published_and_only_when_asked_to(world: World, put: Put) -> None:
    put("whole.md", "---\nstate: published\n---\nAll of it.")
    put("plain.md", "Also all of it.")
    put("gap.md", "Wait [gap: how long] days.")
    put("empty.md", "# Empty")
    put("draft.md", "---\nstate: draft\n---\nNot yet.")
    put("old.md", "---\nstate: archived\n---\nNo more.")
    assert bring(put())[0] == {"new": 6}
    states = dict(Edition.objects.values_list("slug", "state"))
    assert states == {**dict.fromkeys(("whole", "plain", "gap", "empty", "draft"), "draft"), "old": "archived"}
    counts, told = bring(put(), "--publish")
    assert counts == {"changed": 2, "same": 4}
    assert "gap.md stays a draft. There is still a gap" in told
    assert set(SearchEntry.objects.values_list("edition__slug", flat=True)) == {"whole", "plain"}


def test_pictures_come_along_and_links_lead_to_articles(world: World, put: Put) -> None:
    speak(world.brand, "en", "de")
    put("pictures/how to.png", picture())
    put("en/money/refunds.md", "![how](<../../pictures/how to.png> \"A\") ![](https://x.example/a.png?b)\n\n[b](../bikes.md#free)"
        " [c](https://x.example/) `[b](../bikes.md)` [lost](nowhere.md) [d][d]\n\n[d]: ../bikes\n\n"
        "[![far](//x.example/b.png)](../bikes.md) ![mini](data:image/png;base64,AAAA)\n\n    ![code](no.png)\n")  # fmt: skip
    put("en/bikes.md", "# Bikes\n\n![same](/pictures/how%20to.png)")
    put("de/bikes.md", "# Fahrräder\n\n[x](../en/money/refunds.md) [y](../en/bikes.md) [z](bikes.md)")
    assert bring(put(), "--publish")[0] == {"new": 3, "pictures": 1}
    row = Picture.objects.get()
    body = said(found("refunds"))
    assert f'![how](/help/picture/{row.key} "A") [a.png](https://x.example/a.png?b)' in body
    assert (
        "[b](/help/northwind/en/articles/bikes/#free) [c](https://x.example/) `[b](../bikes.md)` [lost](nowhere.md)"
        in body
    )
    assert "[d]: /help/northwind/en/articles/bikes/\n\n[far](/help/northwind/en/articles/bikes/) mini" in body
    assert body.endswith("    ![code](no.png)")
    assert said(found("bikes")) == f"![same](/help/picture/{row.key})"
    assert (
        said(found("bikes", "de"))
        == "[x](/help/northwind/en/articles/refunds/) [y](/help/northwind/en/articles/bikes/) [z](/help/northwind/de/articles/bikes/)"
    )
    assert bring(put(), "--publish")[0] == {"same": 3}
    HelpCentre.objects.update(domain="help.northwind.example")
    bring(put())
    assert "http://help.northwind.example/en/articles/refunds/" in said(found("bikes", "de"))


def test_a_dry_run_says_what_would_be_and_writes_nothing(world: World, put: Put, tmp_path: Path) -> None:
    put("same.md", "# Same\n\nYes.")
    bring(put())
    put("a.png", picture())
    put("new.md", "---\ncategory: New\n---\n![a](a.png)")
    put("bad.md", b"\xff\xfe")
    counts, told = bring(put(), "--dry-run", "--publish")
    assert counts == {"new": 1, "changed": 1, "refused": 1, "pictures": 1}
    assert "new.md: would be new" in told
    assert (Edition.objects.count(), Picture.objects.count(), Category.objects.count()) == (1, 0, 0)
    assert not (tmp_path / "data").exists()
    assert bring(put(), "--publish")[0] == counts


def test_two_of_one_name_have_an_address_each(world: World, put: Put) -> None:
    put("buses/fares.md", "# Fares of buses\n\n2 €")
    put("trains/fares.md", "# Fares of trains\n\n[buses](../buses/fares.html) 4 €")
    put("trams/one.md", "---\nslug: fares\n---\n3 €")
    put("buses/fares.html", "<h1>Fares</h1>")
    counts, told = bring(put())
    assert counts == {"new": 2, "refused": 2}
    assert "trams/one.md: It has the address of buses/fares.html. Say another with “slug:”." in told
    assert "buses/fares.md: buses/fares.html is the same article in this language." in told
    assert said(found("trains-fares")).startswith("[buses](/help/northwind/en/articles/fares/)")
    assert bring(put())[0] == {"same": 2, "refused": 2}


def test_progress_is_told_each_hundred(world: World, put: Put) -> None:
    for number in range(101):
        put(f"article-{number}.md", f"Answer {number}.")
    counts, told = bring(put())
    assert counts == {"new": 101}
    assert told == "100 of 101\n"


# --- HTML ------------------------------------------------------------------------------------------------------


PAGE = """<!doctype html><html><head><title>Refunds – Northwind</title><style>p{}</style><script>alert(1)</script></head>
<body><nav><a href="/">Home</a></nav><main><h1>Refunds</h1><div>By <b>card</b></div><div>Three days.<script>alert(2)</script></div>
<ul><li>one</li></ul><p onclick="alert(3)"><a href="javascript:alert(4)">x</a> <a href="bikes.htm">bikes</a> <img src="a.png" alt="how">
<img src="data:image/png;base64,AA" alt="mini"><svg onload="alert(5)"><text>no</text></svg></p>
<table><tr><th>Card</th></tr><tr><td>3</td></tr></table></main><footer>(c)</footer></body></html>"""


def test_a_page_of_html_becomes_markdown(world: World, put: Put) -> None:
    put("refunds.html", PAGE)
    put("bikes.htm", "<article>Free.<p>&lt;script&gt;alert(1)&lt;/script&gt;</p></article><p>beside")
    put("a.png", picture())
    assert bring(put())[0] == {"new": 2, "pictures": 1}
    edition, body = found("refunds"), said(found("refunds"))
    assert edition.title == "Refunds"
    assert body.startswith("By **card**\n\nThree days.\n\n- one\n\n")
    assert f"[bikes](/help/northwind/en/articles/bikes/) ![how](/help/picture/{Picture.objects.get().key})" in body
    assert "| Card |" in body
    assert not any(word in body for word in ("alert", "Home", "(c)", "data:", "javascript"))
    assert (found("bikes").title, "beside" in said(found("bikes"))) == ("Bikes", False)
    assert "<script" not in markdown.rendered(said(found("bikes"))).html


def test_html_that_means_ill_is_read_or_refused_soon(world: World, put: Put) -> None:
    put("deep.html", "<ul><li>" * 20_000 + "x")
    put("bare.html", "<" * 300_000)
    put("cut.html", "<title>Cut</title><!--" + "a" * 300_000)
    began = time.monotonic()
    counts, told = bring(put())
    assert time.monotonic() - began < 20
    assert counts["refused"] >= 1
    assert "deep.html: This page is nested too deep" in told
    assert webpage.read("") == ("", "")


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"# Caf\xe9", "not UTF-8"),
        (b"# A\x00B", "NUL bytes"),
        ("x" * (10 * 1024 * 1024), "more than 2 MB"),
        ("y" * 100_001, "at most 100,000 characters"),
        ("# " + "z" * 201, "at most 200"),
        ("---\ntitle: [a\n---\nx", "this is no YAML"),
        ("---\ntitle: a\n b: c\n---\nx", "line 3"),
        ("---\njust words\n---\nx", "write lines such as"),
        ("---\ntitle: {a: b}\n---\nx", "“title” is to be one line"),
        ("---\ntitle: !!python/object/apply:os.system ['touch x']\n---\nx", "aliases and tags are not taken"),
        ("---\na: &a [x,x]\nb: &b [*a,*a]\n---\nx", "aliases and tags are not taken"),
        ("---\n? [a]\n: b\n---\nx", "this is no YAML"),
        (f"---\ntitle: {'[' * 9000}\n---\nx", "this is no YAML"),
        (f"---\ntitle: {'a' * 20_001}\n---\nx", "too long"),
        ("---\ntitle: '  '\n---\n", ""),
        ("---\nlanguage: xx\n---\nx", "“xx” is not spoken"),
        ("---\nvisible: nobody\n---\nx", "public, known, internal"),
        ("---\nstate: lost\n---\nx", "draft, review"),
        ("---\nreview_by: soon\n---\nx", "2027-01-31"),
        ("---\nslug: ../x\n---\nx", "last part of an address"),
        ("---\nold_addresses: [/a/b]\n---\nx", "last part of an address"),
        ("---\nold_addresses: [[a]]\n---\nx", "one line of text"),
        ("![x](../../etc/passwd)", "leads out of the folder"),
        ("![x](%2e%2e/%2e%2e/etc/passwd)", "leads out of the folder"),
        ("![x](/etc/passwd)", "There is no such file"),
        ("![x](a%00b.png)", "cannot be read"),
        ("![x](evil.svg)", "no picture we can read"),
        ("![x](link.png)", "link to another place"),
        ("![x](inner/secret.png)", "link to another place"),
        ("![x](pipe.png)", "This is no file"),
        ("![x](lost.png)", "Add it"),
    ],
)  # fmt: skip
def test_what_cannot_come_in_is_named_and_the_rest_does(
    world: World, put: Put, tmp_path: Path, content: str | bytes, says: str
) -> None:
    (tmp_path / "secret.png").write_bytes(picture())
    put("evil.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    (put() / "link.png").symlink_to(tmp_path / "secret.png")
    (put() / "inner").symlink_to(tmp_path)
    os.mkfifo(put() / "pipe.png")
    put("bad.md", content)
    put("good.md", "Fine.")
    counts, told = bring(put())
    if not says:  # a title of nothing: the file's name
        assert (counts["new"], found("bad").title) == (2, "Bad")
        return
    assert counts == {"new": 1, "refused": 2}
    assert "inner: This is a link to another place." in told
    assert any(line.startswith("bad.md: ") and says in line for line in told.splitlines()), told
    assert not Picture.objects.exists()
    assert "2 were left out. Mend them and run this again" in told


def test_files_that_are_links_are_not_read(world: World, put: Put, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("the secret")
    (put() / "stolen.md").symlink_to(tmp_path / "secret.md")
    (put() / "circle.md").symlink_to(put() / "circle.md")
    counts, told = bring(put())
    assert counts == {"refused": 2}
    assert "stolen.md: This is a link to another place." in told
    assert not Edition.objects.exists()


def test_links_out_of_the_folder_stay_as_they_are(world: World, put: Put) -> None:
    put("a.md", "[x](../../secret.png) [y](../../a.md) [z](/desk/)")
    assert bring(put())[0] == {"new": 1}
    assert said(found("a")) == "[x](../../secret.png) [y](../../a.md) [z](/desk/)"


def test_there_must_be_a_brand_and_a_folder(world: World, put: Put) -> None:
    for path, brand, says in [(put(), "lost", "no brand"), (put("x.pdf", "x"), "northwind", "neither a folder")]:
        with pytest.raises(CommandError, match=says):
            bring(path, brand=brand)


# --- tables ----------------------------------------------------------------------------------------------------


def test_a_table_of_questions_comes_in(world: World, put: Put) -> None:
    speak(world.brand, "en", "de")
    put("a.png", picture())
    table = put("faq.csv", "\ufeffQuestion;Answer;Category;Language;Article;html\r\n"
        "Can I take a bike?;\"Yes.\r\nFree. ![a](a.png)\";Travel;;bike;\r\nKann ich ein Rad mitnehmen?;Ja.;Reisen;de;bike;\r\n"
        "Refunds?;;;;;<p>In <b>three</b> days<script>x</script></p>\r\n")  # fmt: skip
    assert bring(table, "--publish")[0] == {"new": 3, "pictures": 1}
    bike = found("can-i-take-a-bike")
    assert said(bike) == f"Yes.\nFree. ![a](/help/picture/{Picture.objects.get().key})"
    assert bike.article_id == found("kann-ich-ein-rad-mitnehmen", "de").article_id
    assert bike.article.category is not None
    assert (bike.article.category.name, bike.article.category.named("de")) == ("Travel", "Reisen")
    assert said(found("refunds")) == "In **three** days"
    assert bring(table, "--publish")[0] == {"same": 3}


def test_rows_that_are_broken_are_named_by_their_line(world: World, put: Put) -> None:
    table = put("faq.csv", b'title,body,visible\nOne,"a\nb",\n\nTwo,b\nThree,b,c,d\nFour,caf\xe9,\nFive,a\x00b,\n"Six"x,b,\n,b,\n'
        b"Seven,b,nobody\nOne,again,\nEight," + b"e" * 2_200_000 + b',\nNine,fine,\n"Ten,b,\nEleven,b,\n')  # fmt: skip
    counts, told = bring(table)
    assert counts == {"new": 2, "refused": 10}
    for line, says in {
        5: "2 fields, not 3", 6: "4 fields, not 3", 7: "not UTF-8", 8: "NUL bytes", 9: "cannot be read", 10: "Give it a title",
        11: "public, known, internal", 12: "address of faq.csv, line 2", 13: "field larger", 15: "quotation mark never closed",
    }.items():  # fmt: skip
        assert any(one.startswith(f"faq.csv, line {line}: ") and says in one for one in told.splitlines()), (line, told)
    assert set(Edition.objects.values_list("title", flat=True)) == {"One", "Nine"}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "title,summary\nx,y\n", '"title,body\n'])
def test_a_table_without_the_columns_is_refused(world: World, put: Put, text: str) -> None:
    with pytest.raises(CommandError, match=r"columns title|no CSV"):
        bring(put("faq.csv", text))


# --- writing out -----------------------------------------------------------------------------------------------


@pytest.fixture
def written(world: World, write: Write, put: Put) -> Edition:
    """An article in two languages with a picture, one that links to it, and one in the archive."""
    speak(world.brand, "en", "de")
    speak(world.rival, "en", "de")
    texts = {"de": {"name": "Geld"}}
    money = publishing.save_category(world.brand, world.lead, name="Money", slug="cash", texts=texts)
    row = pictures.store(world.brand, world.lead, "how.jpg", picture(kind="JPEG"))
    body = f'# Not its title\n\n![how](/help/picture/{row.key} "A")\n\n`/help/picture/{row.key}`\n\n> kept: "so" — ok'
    edition = write("Refunds: how?", body, category=money, summary="=SUM(1)", visible="known", language="en")
    german = publishing.translate(edition.article_id, world.lead, Words("Erstattung", "Drei Tage."), "de")
    publishing.readdress(edition.pk, world.lead, "money-back")
    publishing.publish(german.pk, world.lead)
    links = [f"/help/northwind/{path}/" for path in ("en/articles/refunds-how", "de/articles/erstattung", "en")]
    write("Возврат", "\n".join(f"[x]({link})" for link in [f"{links[0]}#a", *links[1:], "https://x.example/"]))
    publishing.archive(write("Gone").pk, world.lead)
    publishing.save(edition.pk, world.lead, Words("Refunds: how?", body + "\n\nNewer.", "=SUM(1)"))
    edition.refresh_from_db()
    return edition


def test_an_export_holds_everything_as_files(written: Edition, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export(out) == {"articles": 4, "pictures": 1, "missing": 0}
    key = Picture.objects.get().key
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "articles.csv", "en/cash/money-back.md", "de/cash/erstattung.md", "en/возврат.md", "en/gone.md", f"pictures/{key}.jpeg",
    }  # fmt: skip
    text = (out / "en/cash/money-back.md").read_text()
    assert text.startswith(
        "---\ntitle: 'Refunds: how?'\nsummary: =SUM(1)\nlanguage: en\nslug: money-back\ncategory: Money\n"
    )
    for line in (
        f"article: {written.article.public_id}", "visible: known", "state: draft", "old_addresses:\n- refunds-how", "published_at: ",
        f'![how](../../pictures/{key}.jpeg "A")', f"`/help/picture/{key}`", "Newer.",
    ):  # fmt: skip
        assert line in text
    linked = (out / "en/возврат.md").read_text()
    assert "[x](cash/money-back.md#a)\n[x](../de/cash/erstattung.md)\n[x](/help/northwind/en/)" in linked
    with (out / "articles.csv").open(encoding="utf-8-sig") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["en/cash/money-back.md"]["summary"] == "'=SUM(1)"
    assert len(rows) == 4


def test_an_export_comes_in_elsewhere_as_the_same_articles(written: Edition, tmp_path: Path, world: World) -> None:
    out = tmp_path / "out"
    export(out)
    assert bring(out)[0] == {"changed": 1, "same": 3}, "at home nothing but a link to an old address"
    assert bring(out)[0] == {"same": 4}
    assert bring(out, "--publish", brand="southbay")[0] == {"new": 4, "pictures": 1}
    theirs = found("money-back", brand="southbay")
    row = Picture.objects.get(brand=world.rival)
    ours = Picture.objects.get(brand=world.brand)
    assert said(theirs) == said(found("money-back")).replace(
        f"({'/help/picture/' + ours.key}", f"(/help/picture/{row.key}"
    )
    assert (theirs.article.visible, theirs.state) == ("known", "draft")
    german = found("erstattung", "de", "southbay")
    assert (german.article_id, german.state) == (theirs.article_id, "published")
    shelf = german.article.category
    assert shelf is not None
    assert (shelf.brand_id, shelf.named("en"), shelf.named("de")) == (world.rival.pk, "Money", "Geld")
    assert "[x](/help/southbay/en/articles/money-back/#a)" in said(found("возврат", brand="southbay"))
    assert found("gone", brand="southbay").state == "archived"
    assert list(theirs.old_addresses.values_list("slug", flat=True)) == ["refunds-how"]
    assert bring(out, "--publish", brand="southbay")[0] == {"same": 4}


def test_another_address_in_an_exported_file_moves_the_article(written: Edition, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out)
    file = out / "en/cash/money-back.md"
    file.write_text(file.read_text().replace("slug: money-back", "slug: cash-back").replace("Money", "Funds"))
    assert bring(out)[0] == {"changed": 2, "same": 2}, "the article, and what links to it"
    moved = found("cash-back")
    assert (moved.pk, str(moved.article.category)) == (written.pk, "Funds")
    assert bring(out)[0] == {"same": 4}


def test_a_folder_that_holds_something_is_not_written_into(written: Edition, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="not empty"):
        export(out)
    export(out, "--force")
    assert (out / "mine.txt").read_text() == "mine"
    with pytest.raises(CommandError, match="cannot be written"):
        export(out / "mine.txt")
    with pytest.raises(CommandError, match="no brand"):
        export(out, brand="lost")


def test_a_picture_that_is_gone_is_told(written: Edition, tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path / "elsewhere"
    with pytest.raises(SystemExit):
        export(tmp_path / "out")
    assert "(/help/picture/" in (tmp_path / "out/en/cash/money-back.md").read_text()


def test_more_articles_cost_no_more_queries(world: World, write: Write, tmp_path: Path) -> None:
    def counted(name: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            write_out(world.brand, tmp_path / name)
        return len(queries)

    write("One")
    before = counted("one")
    for number in range(12):
        edition = write(f"More {number}")
        publishing.readdress(edition.pk, world.lead, f"other {number}")
    assert counted("more") == before <= 6


# --- words in detail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "language", "folders", "name"),
    [
        ("refunds.md", "", (), "refunds"), ("refunds.de.md", "de", (), "refunds"), ("de/refunds.md", "de", (), "refunds"),
        ("docs/de/a/refunds.md", "de", ("docs", "a"), "refunds"), ("pt-BR/a.md", "pt-BR", (), "a"), ("fr/a.md", "fr", (), "a"),
        ("a/fr/b.md", "", ("a", "fr"), "b"), ("IT/a.md", "", ("IT",), "a"), ("v1.2.md", "", (), "v1.2"), (".md", "", (), ".md"),
        ("en-route/a.md", "", ("en-route",), "a"), ("en-us/a.md", "en-us", (), "a"), ("de/a.en.md", "en", (), "a"),
    ],
)  # fmt: skip
def test_where_a_language_stands_in_a_path(path: str, language: str, folders: tuple[str, ...], name: str) -> None:
    spot = spot_of(path, Tongues(["en", "de", "pt-br"], "en"))
    assert (spot.language, spot.folders, spot.name) == (language, folders, name)


def test_languages_are_known_by_their_near_names() -> None:
    tongues = Tongues(["en", "pt-br"], "en")
    assert [tongues.known_as(code) for code in ("EN", "en_US", "pt-BR", "pt", "pt-pt", "fr")] == [
        "en", "en", "pt-br", "pt-br", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    ["`" * 50_000, "` " * 40_000, "![" * 40_000, "![a](" * 20_000, "![a](b \"" * 12_000, "[" * 50_000, "](" * 50_000, "\\![" * 30_000],
    ids=["ticks", "ticks apart", "pictures", "open", "titles", "brackets", "ends", "escaped"],
)  # fmt: skip
def test_no_text_takes_long_to_rewrite(body: str) -> None:
    began = time.monotonic()
    rewrite.rewritten(rewrite.without_remote(body), lambda address, is_picture: None)
    assert time.monotonic() - began < 10


def test_addresses_are_read_as_markdown_means_them() -> None:
    seen: list[tuple[str, bool]] = []
    body = "![a](<x y.png>) [b](c\\_d.md 'T') [e](f(g).md) ``[h](i`j.md)`` \\[k](l.md) ![m][n]\n\n[n]: o&amp;p.png\n\n~~~\n[q](r)\n~~~"
    assert rewrite.rewritten(body, lambda address, is_picture: seen.append((address, is_picture))) == body
    assert seen == [("x y.png", True), ("x y.png", False), ("c_d.md", False), ("f(g).md", False), ("l.md", False), ("o&p.png", False)]  # fmt: skip
