"""HTML from outside, made harmless when it is shown: `clean(clean(x)) == clean(x)`, and nothing is fetched unasked."""

from __future__ import annotations

import nh3

TAGS = {
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
}
ATTRIBUTES = {
    "*": {"align", "dir", "lang", "title", "width", "height", "valign", "bgcolor", "color"},
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "font": {"size", "face"},
}
UNSEEN = {
    "head",
    "style",
    "script",
    "template",
    "noscript",
    "title",
    "svg",
    "math",
    "iframe",
    "object",
    "embed",
    "form",
}
PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    "<style>body{font:15px/1.5 system-ui,sans-serif;margin:12px;color:#1f2937;background:#fff;overflow-wrap:anywhere}"
    "img{max-width:100%%;height:auto}table{max-width:100%%}blockquote{border-left:3px solid #d1d5db;margin:8px 0;padding-left:12px}"
    "</style></head><body>%s</body></html>"
)


def clean(html: str, *, pictures: bool = False) -> str:
    """`html` with what only formats it: no script, style, form, handler; pictures from the network only with `pictures`."""

    def kept(tag: str, name: str, value: str) -> str | None:
        if (tag, name) == ("img", "src"):
            return value if pictures and value.startswith("https://") else None
        return value

    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=kept,
        clean_content_tags=UNSEEN,
        url_schemes={"https", "http", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def shown_html(html: str, *, pictures: bool = False) -> str:
    """A page of its own that shows it."""
    return PAGE.replace("%%", "%").replace("%s", clean(html, pictures=pictures), 1)
