"""How X reads a text: weighted length, links, mentions, tags; from the published twitter-text configuration, version 3."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass

import regex

MOST = 280
MOST_PREMIUM = 25_000
LINK_WEIGHT = 23
_EMOJI_WEIGHT = 2
# Everything outside these ranges weighs two.
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca "
    "cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr "
    "ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm "
    "jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq "
    "mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa "
    "re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn "
    "to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_GENERIC = (
    "academy aero agency app art asia bar bike biz blog cafe care cat chat city cloud club coffee com community "
    "company coop design dev digital edu email events expert fashion fit fun games gov group guru health help host "
    "info ink int international jobs land life link live ltd market media mil mobi money museum name net network "
    "news one online org page photo photos pizza plus press pro pub report rocks run sale school science shop show "
    "site social software solutions space store studio support systems team tech tel today tools top travel tube "
    "video vip wiki work world xyz zone"
)
_ENDINGS = "|".join(sorted([*_COUNTRIES.split(), *_GENERIC.split(), r"xn--[a-z0-9-]+"], key=len, reverse=True))
_LETTERS = r"a-z0-9\u00c0-\u024f\u0400-\u04ff"
_IN_PATH = rf"[{_LETTERS}!*';:=+,.$/%#\[\]\-–_~@|&]"
_BRACKETS = rf"\({_IN_PATH}*\)"
_PATH = rf"(?:/(?:(?:{_IN_PATH}|{_BRACKETS})*(?:[{_LETTERS}=_#/+\-]|{_BRACKETS}))?)"
_QUERY = r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])"
_LABEL = r"[a-z0-9\u00c0-\u024f][a-z0-9\u00c0-\u024f\-]*"
_WIDE_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_DOMAIN_END = rf"\.(?:{_ENDINGS})(?![0-9a-z@+\-])"
_BEFORE = r"(?<![a-z0-9@＠$#＃])"
_LINK = re.compile(
    rf"{_BEFORE}(?:https?://(?:{_WIDE_LABEL}\.)*{_WIDE_LABEL}{_DOMAIN_END}"
    rf"|(?<![-_./])(?:{_LABEL}\.)*{_LABEL}{_DOMAIN_END})"
    rf"(?::\d+)?{_PATH}?{_QUERY}?",
    re.IGNORECASE,
)
_PICTURE = (
    r"(?:\p{Emoji_Presentation}\ufe0f?|\p{Extended_Pictographic}\ufe0f|\p{Emoji_Modifier_Base})\p{Emoji_Modifier}?"
)
_JOINED = r"(?:\p{Extended_Pictographic}|[\u2640\u2642\u2695-\u2697])\ufe0f?\p{Emoji_Modifier}?"
_EMOJI = regex.compile(
    rf"\p{{Regional_Indicator}}{{2}}|[0-9#*]\ufe0f?\u20e3"
    rf"|{_PICTURE}[\U000e0020-\U000e007e]*\U000e007f?(?:\u200d{_JOINED})*"
)
_MENTION = re.compile(r"(?<![A-Za-z0-9_@＠!#$%&*])[@＠]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@＠])")
_LEADING = re.compile(r"[@＠]([A-Za-z0-9_]{1,15})\s+")
_HASHTAG = re.compile(r"(?<![\w&])[#＃](\w*[^\W\d_]\w*)")
_CASHTAG = re.compile(r"(?<!\S)\$([A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?)(?=\s|[^\w$]|$)")


@dataclass(frozen=True)
class Span:
    """A stretch of a text that means something: the name without its sign, or the address as it stands."""

    start: int
    end: int
    value: str


def weight(text: str) -> int:
    """The length of a text as X counts it."""
    text = unicodedata.normalize("NFC", text)
    wholes = {one.start: (one.end, LINK_WEIGHT) for one in links(text)}
    for found in _EMOJI.finditer(text):
        wholes.setdefault(found.start(), (found.end(), _EMOJI_WEIGHT))
    at = total = 0
    while at < len(text):
        end, heavy = wholes.get(at, (at + 1, _point_weight(text[at])))
        at, total = end, total + heavy
    return total


def links(text: str) -> list[Span]:
    """What X turns into links, addresses without a scheme among them."""
    return [Span(one.start(), one.end(), one[0]) for one in _LINK.finditer(text)]


def mentions(text: str) -> list[Span]:
    """The @names of a text."""
    return _spans(_MENTION, text)


def hashtags(text: str) -> list[Span]:
    """The #tags of a text."""
    return _spans(_HASHTAG, text)


def cashtags(text: str) -> list[Span]:
    """The $tags of a text."""
    return _spans(_CASHTAG, text)


def leading_names(text: str) -> tuple[list[str], str]:
    """The @names a text begins with, and the rest of it."""
    names = []
    while found := _LEADING.match(text):
        names.append(found[1])
        text = text[found.end() :]
    return names, text


def shortened(text: str, salt: str) -> tuple[str, dict[str, str]]:
    """A text with every link wrapped by X, and what each wrapping leads to."""
    pieces, wrapped, at = [], {}, 0
    for one in links(text):
        short = f"https://t.co/{hashlib.sha256(f'{salt} {one.start}'.encode()).hexdigest()[:10]}"
        wrapped[short] = one.value if "://" in one.value else f"http://{one.value}"
        pieces += [text[at : one.start], short]
        at = one.end
    return "".join([*pieces, text[at:]]), wrapped


def cut(text: str) -> str:
    """The beginning of a long text as it stands in place of the whole."""
    # No text this long weighs so little, and a whole long post would take its time to weigh again and again.
    end = min(len(text), 4 * MOST)
    while weight(text[:end]) > MOST - 2:
        end -= 1
    return f"{text[:end].rstrip()}…"


def escaped(text: str) -> str:
    """A text as the API writes it: three signs are written as in HTML."""
    return html.escape(text, quote=False)


def words(text: str) -> list[str]:
    """The words of a text, as search compares them."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def _spans(pattern: re.Pattern[str], text: str) -> list[Span]:
    taken = links(text)
    found = [Span(one.start(), one.end(), one[1]) for one in pattern.finditer(text)]
    return [one for one in found if not any(link.start <= one.start < link.end for link in taken)]


def _point_weight(character: str) -> int:
    return 1 if any(low <= ord(character) <= high for low, high in _LIGHT) else 2
