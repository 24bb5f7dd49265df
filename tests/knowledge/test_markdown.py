"""Markdown of articles: what authors need, and nothing that could harm a reader."""

from __future__ import annotations

import re

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.text.clean import cleaned
from knowledge import markdown
from knowledge.markdown import LONGEST, rendered

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1))",
    '<a href="javascript:alert(1)">x</a>',
    "<svg onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "[x](vbscript:msgbox)",
    "<style>*{display:none}</style>",
    "`<script>`\n\n```\n<script>alert(1)</script>\n```",
    '[x](https://a.example "><script>alert(1)</script>")',
    "| <b onclick=x> |\n|---|\n| <script> |",
    "# <img src=x onerror=alert(1)>",
    '<https://evil.example/?"onmouseover=alert(1)>',
]


@pytest.mark.parametrize("body", HOSTILE)
def test_nothing_runs(body: str) -> None:
    html = rendered(body).html
    parsed = html5lib.parseFragment(html, namespaceHTMLElements=False)
    for element in parsed.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in ("script", "style", "svg", "iframe", "object", "form", "input"), html
        for name, value in element.attrib.items():
            assert not str(name).startswith("on"), html
            if name in ("href", "src"):
                assert re.match(r"(?:https?:|mailto:|tel:|/|#|[^:]*$)", str(value), re.IGNORECASE), html


@given(st.text(max_size=400))
def test_whatever_is_written_becomes_sound_html(body: str) -> None:
    html = rendered(cleaned(body).text).html
    html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(html)


def test_headings_make_a_table_of_contents() -> None:
    found = rendered("# How *it* works\n\n## First\n\n## First\n\n### Deep")
    assert [(one.level, one.anchor) for one in found.headings] == [
        (2, "how-it-works"), (3, "first"), (3, "first-2"), (4, "deep"),
    ]  # fmt: skip
    assert '<h2 id="how-it-works">How <em>it</em> works</h2>' in found.html
    assert [one.level for one in rendered("## Second level stays").headings] == [2]


def test_pictures_are_ours_and_links_are_named() -> None:
    found = rendered(
        "![ours](/help/picture/abcdefghijklmnopqrst) ![theirs](https://evil.example/x.png) [a](/help/) https://b.example"
    )
    assert found.html.count("src=") == 1
    assert found.links == ("/help/", "https://b.example")
    assert 'loading="lazy"' in found.html


def test_tables_lists_and_plain_words() -> None:
    found = rendered("Bikes:\n\n- free\n- cheap\n\n| Day | Price |\n|---|---|\n| Mon | 4 € |")
    assert "<table>" in found.html
    assert found.text.split("\n")[:3] == ["Bikes:", "free", "cheap"]


@pytest.mark.parametrize("sign", ["[", "*", "> ", "`", "![a](", "<", "a_", "http://", "|a", "1. "])
def test_long_nonsense_ends(sign: str) -> None:
    assert len(rendered(sign * (LONGEST // len(sign))).html) < 5_000_000


def test_what_customers_write_is_text() -> None:
    assert markdown.as_paragraphs("<b>Hi</b>\nthere\n\n*now*") == "<p>&lt;b&gt;Hi&lt;/b&gt;<br>there</p><p>*now*</p>"
