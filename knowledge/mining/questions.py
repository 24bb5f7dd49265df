"""A customer's words → the question in them, without handles, links, names and private data. Pure.

What is left is what an editor, and in the end a reader, may see. Where in doubt a word is left out: a topic lives on many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from html import unescape

import regex

from helpdesk.text.private import find as private_data

LONGEST = 300  # characters of an inquiry
FEWEST_WORDS = 2
HOLE = "…"

LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w.-]+\.(?:com|org|net|io|co)/\S*", re.IGNORECASE)
HANDLE = re.compile(r"(?<![\w.])@[\w.\-]+(?:@[\w.\-]+)?")
HASHTAG = re.compile(r"#(?=\w*[^\W\d_])(\w+)")
# what looks like a number of an order or an account: capitals with digits, or many digits
CODE = re.compile(
    r"(?<!\w)(?=[A-Z0-9-]*\d[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{5,}(?!\w)|(?<!\w)\d[\d\-]{5,}(?!\w)"
)
# people who say what they are called
CALLED = re.compile(
    r"(?i:\bmy name is|\bmy name's|\bthis is|\bi am|\bi['’]m|\bmein name ist|\bich bin|\bje m['’]appelle|\bme llamo|\bmi chiamo|\bjag heter)"
    r"\s+(?P<name>[A-ZÀ-Þ][\w'’-]+(?:\s+[A-ZÀ-Þ][\w'’-]+){0,2})(?=\s*(?:[,.;!?]|$|\s(?i:and|und|et|y|och)\b))"
)
EMOJI = regex.compile(r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\u200d\ufe0f\u20e3]+")
QUOTED = re.compile(r"^(?:>.*|On .{5,80} wrote:|-{2,} ?Original.*|From: .*)$", re.IGNORECASE)
SIGNED = re.compile(
    r"^(?:(?:kind |best |warm |many )?(?:regards|wishes|thanks|thank you|cheers|sincerely|yours)\b.{0,40}|sent from my .*|--\s*|[\^*/-]\s?[A-Z]{2,3})$",
    re.IGNORECASE,
)
GREETING = re.compile(
    r"^\s*(?:(?:hi|hello|hey|hiya|dear|good (?:morning|afternoon|evening|day)|greetings|yo|hallo|liebes?|guten tag|bonjour|hola|hej|ciao|olá)\b"
    r"(?:\s+(?:there|all|team|support|folks|guys|everyone|sir|madam|or|and))*\s*[,!.:;-]*\s*)+",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?。？！])\s+|\n+")
ASKS = re.compile(
    r"\?|？|\b(?:how|what|when|where|why|who|which|can|could|is|are|do|does|did|will|would|should|may|"
    r"wie|was|wann|wo|warum|kann|comment|quand|pourquoi|est-ce|cómo|cuándo|puedo|hur|när|kan|come|quando|posso)\b",
    re.IGNORECASE,
)
WANTS = re.compile(r"\b(?:i|i['’]?m|i['’]?ve|my|me|we|our|us|please|need|help)\b", re.IGNORECASE)
EMPTY = re.compile(
    r"^(?:thanks?|thank you|ok(?:ay)?|please|help|any(?:one|body) there|please help(?: me)?|hello|hi|yes|no|sure|done|great|dm(?: sent)?|sent|lol|wow)\W*$",
    re.IGNORECASE,
)
TRIM = re.compile(r"^[\s,.;:!\-–—|/\\)\]}]+|[\s,;:\-–—|/\\(\[{]+$")


def question_of(text: str, subject: str = "", names: Collection[str] = (), countries: Sequence[str] = ()) -> str:
    """The inquiry in a customer's words, "" where there is none. `names`: people and handles to leave out."""
    whole = unescape(_merged(subject, text))
    lines = [line for line in (line.strip() for line in whole.split("\n")) if line and not QUOTED.match(line)]
    kept: list[str] = []
    for line in lines:
        if SIGNED.match(line) and kept:
            break
        kept.append(line)
    plain = "\n".join(kept)
    plain = _without(plain, names, countries)
    sentences = [found for found in (_tidy(part) for part in SENTENCE.split(plain)) if found and not EMPTY.match(found)]
    made = _shortened(sentences)
    return made if len(re.findall(r"[^\W\d_]{2,}", made)) >= FEWEST_WORDS or _is_unspaced(made) else ""


def concerns(text: str) -> bool:
    """Whether it may ask something: a question, or about who says it. What is neither is chat, or advertises."""
    return bool(ASKS.search(text) or WANTS.search(text)) or not text.isascii()


def _merged(subject: str, text: str) -> str:
    """Subject and words; a subject that the words begin with, or a "Re:", says nothing new."""
    line = re.sub(r"^\s*(?:(?:re|fwd?|aw|wg|sv|tr)\s*:\s*)+", "", subject, flags=re.IGNORECASE).strip()
    if not line or text.casefold().startswith(line.casefold()):
        return text
    return f"{line if line[-1] in '.?!' else line + '.'}\n{text}"


def _without(text: str, names: Collection[str], countries: Sequence[str]) -> str:
    for pattern in (LINK, HANDLE):
        text = pattern.sub(" ", text)
    text = HASHTAG.sub(r"\1", text)
    text = EMOJI.sub(" ", text)
    for found in reversed(private_data(text, countries)):
        text = f"{text[: found.start]}{HOLE}{text[found.end :]}"
    text = CODE.sub(HOLE, text)
    names = [*names, *(hit["name"] for hit in CALLED.finditer(text))]
    text = CALLED.sub(" ", text)
    words = sorted({word for name in names for word in parts_of(name)}, key=len, reverse=True)
    if words:
        text = re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?:['’]s)?(?!\w)", " ", text, flags=re.IGNORECASE)
    return text


# pieces of names that are words of the language, too: taken out only where they begin with a capital they would be missed
COMMON = {"may", "will", "mark", "rose", "grace", "hope", "bill", "art", "sue", "frank", "young", "long", "black", "white", "green",
          "brown", "king", "page", "price", "rich", "fine", "train", "ticket", "support", "help", "rail", "team", "service"}  # fmt: skip


def parts_of(name: str) -> list[str]:
    """A name's words that stand for nobody else: not too short, not everyday words."""
    found = re.findall(r"[^\W_]{3,}", unicodedata.normalize("NFC", name))
    return [part for part in found if part.casefold() not in COMMON and not part.isdigit()]


def _tidy(part: str) -> str:
    part = GREETING.sub("", re.sub(rf"\s*{HOLE}(?:\s*{HOLE})*", f" {HOLE}", " ".join(part.split())))
    part = re.sub(r"\s+([,.;:!?])", r"\1", part)
    part = TRIM.sub("", part).strip()
    if part in ("", HOLE):
        return ""
    return part[0].upper() + part[1:]


def _shortened(sentences: Sequence[str]) -> str:
    """All of it where it is short; else from the first sentence that asks, or from the beginning, as much as fits."""
    whole = " ".join(sentences)
    if len(whole) <= LONGEST:
        return whole
    first = next((place for place, one in enumerate(sentences) if ASKS.search(one) and len(one) > 15), 0)
    # what was said before the question often says what it is about: one sentence of it goes along
    chosen = list(sentences[max(0, first - 1) : first + 2])
    while len(" ".join(chosen)) > LONGEST and len(chosen) > 1:
        chosen.pop(0 if sentences[first] in chosen[1:] else -1)
    made = " ".join(chosen)
    return made if len(made) <= LONGEST else made[: LONGEST - 1].rsplit(" ", 1)[0] + HOLE


def _is_unspaced(text: str) -> bool:
    return bool(re.search(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]{4,}", text))
