"""Guards: what a draft is asked before it leaves. Each offers the fix first, none blocks, and an override is one tap.

`judge` is pure: a draft and what is known around it in, findings out. What is known is gathered by `known_of`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rapidfuzz import fuzz

from helpdesk.text import private
from helpdesk.text.promised import DAY, promised
from helpdesk.text.tone import hot

SPECIFIC, COPY, PRIVATE, TEMPER, PROMISE = "specific", "copy", "private", "temper", "promise"
GUARDS = (SPECIFIC, COPY, PRIVATE, TEMPER, PROMISE)
SAME, FEWEST_COPIES, SHORTEST_COPY = 90, 3, 30
SHORT = 8  # words: a thank-you needs no detail
# words of the trade say nothing of a case
TRADE = frozenset(
    [
        "please",
        "help",
        "sorry",
        "thanks",
        "thank",
        "message",
        "contact",
        "info",
        "information",
        "team",
        "support",
        "service",
        "apologies",
        "apologise",
        "apologize",
        "look",
        "looking",
        "send",
        "let",
        "know",
        "hello",
        "assist",
        "assistance",
        "reach",
        "reaching",
        "happy",
        "glad",
        "welcome",
        "direct",
        "details",
        "issue",
        "issues",
        "inconvenience",
        "experience",
        "concern",
        "concerns",
        "account",
        "follow",
        "link",
        "check",
        "further",
        "able",
        "need",
        "needs",
        "want",
        "like",
        "great",
        "good",
        "back",
        "time",
        "best",
        "appreciate",
        "patience",
        "feel",
        "free",
        "anything",
        "else",
    ]
)
# … nor do words by which anybody is put off or passed on
GENERIC = frozenset(
    [
        "address",
        "again",
        "answer",
        "apologize",
        "apology",
        "asap",
        "assisting",
        "available",
        "aware",
        "below",
        "bill",
        "chance",
        "chat",
        "clarify",
        "clear",
        "confirm",
        "concern",
        "contacting",
        "continue",
        "conversation",
        "customer",
        "customers",
        "data",
        "date",
        "delay",
        "delayed",
        "described",
        "detail",
        "discuss",
        "email",
        "enjoy",
        "ensure",
        "exactly",
        "feedback",
        "fill",
        "form",
        "forward",
        "frustrated",
        "frustrating",
        "frustration",
        "full",
        "gain",
        "give",
        "given",
        "giving",
        "going",
        "happen",
        "happened",
        "happening",
        "hope",
        "however",
        "inbox",
        "inquiry",
        "interest",
        "issue",
        "items",
        "keep",
        "kind",
        "kindly",
        "leave",
        "less",
        "line",
        "location",
        "long",
        "mail",
        "matter",
        "meantime",
        "minute",
        "moment",
        "morning",
        "name",
        "note",
        "number",
        "office",
        "online",
        "options",
        "order",
        "orders",
        "page",
        "part",
        "pass",
        "people",
        "phone",
        "please",
        "pleasure",
        "point",
        "possible",
        "private",
        "problem",
        "problems",
        "proper",
        "provide",
        "query",
        "question",
        "questions",
        "quick",
        "quickly",
        "recent",
        "regarding",
        "regards",
        "regret",
        "reply",
        "report",
        "request",
        "require",
        "resolve",
        "respond",
        "response",
        "review",
        "right",
        "secure",
        "security",
        "share",
        "shoot",
        "shortly",
        "soon",
        "specific",
        "staff",
        "start",
        "step",
        "steps",
        "suggest",
        "terribly",
        "think",
        "touch",
        "tracking",
        "trouble",
        "truly",
        "trying",
        "type",
        "understand",
        "unfortunately",
        "update",
        "updated",
        "using",
        "version",
        "visit",
        "watch",
        "weekend",
        "whats",
        "working",
        "write",
        "years",
        "yesterday",
    ]
)
MUCH = 4  # words of a case in a draft that shares none with the customer's: an answer in our words, not in theirs
COMMON = frozenset(
    [
        "about",
        "above",
        "after",
        "again",
        "against",
        "also",
        "always",
        "another",
        "anyone",
        "around",
        "because",
        "been",
        "before",
        "being",
        "below",
        "between",
        "both",
        "could",
        "does",
        "doing",
        "down",
        "during",
        "each",
        "every",
        "from",
        "have",
        "having",
        "hear",
        "here",
        "hers",
        "herself",
        "himself",
        "into",
        "itself",
        "just",
        "know",
        "like",
        "made",
        "make",
        "many",
        "more",
        "most",
        "much",
        "must",
        "myself",
        "never",
        "next",
        "only",
        "other",
        "ours",
        "over",
        "really",
        "same",
        "shall",
        "should",
        "since",
        "some",
        "someone",
        "something",
        "still",
        "such",
        "sure",
        "take",
        "than",
        "that",
        "their",
        "theirs",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "things",
        "this",
        "those",
        "through",
        "today",
        "tomorrow",
        "together",
        "under",
        "until",
        "upon",
        "very",
        "want",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "whom",
        "will",
        "with",
        "within",
        "without",
        "would",
        "your",
        "yours",
        "yourself",
        "dein",
        "deine",
        "diese",
        "dieser",
        "doch",
        "eine",
        "einen",
        "einer",
        "haben",
        "habe",
        "hallo",
        "hier",
        "ihre",
        "ihren",
        "ihnen",
        "immer",
        "kann",
        "können",
        "leider",
        "mehr",
        "nicht",
        "noch",
        "oder",
        "schon",
        "sehr",
        "sich",
        "sind",
        "unser",
        "unsere",
        "unter",
        "wenn",
        "werden",
        "wird",
        "wurde",
        "gerne",
        "bitte",
        "danke",
        "avec",
        "avez",
        "bonjour",
        "cela",
        "cette",
        "dans",
        "elle",
        "être",
        "nous",
        "notre",
        "pour",
        "plus",
        "sont",
        "tout",
        "très",
        "votre",
        "vous",
        "merci",
        "para",
        "pero",
        "como",
        "cuando",
        "desde",
        "donde",
        "este",
        "esta",
        "gracias",
        "hola",
        "muchas",
        "nosotros",
        "porque",
        "puede",
        "sobre",
        "también",
        "todo",
        "usted",
        "att",
        "det",
        "den",
        "detta",
        "efter",
        "eller",
        "från",
        "hade",
        "hann",
        "har",
        "hej",
        "här",
        "inte",
        "kommer",
        "kunna",
        "men",
        "mycket",
        "när",
        "någon",
        "också",
        "över",
        "som",
        "till",
        "tack",
        "under",
        "vara",
        "varit",
        "våra",
        "vill",
    ]
)
HONEST = re.compile(
    r"(?<!\w)(?:(?:i|we) (?:do ?n[o']t|honestly do ?n[o']t) know|not sure yet|(?:i|we)(?:'ll| will) find out|do not have an answer yet|"
    r"wei(?:ß|ss) (?:ich|es|wir) (?:noch )?nicht|wissen wir (?:noch )?nicht|(?:je|nous) ne (?:sais|savons) pas|no lo sabemos|no lo sé|vet (?:jag|vi) inte)(?!\w)",
    re.IGNORECASE,
)
# “Hi Kevin,” and “we are sorry, Chris.”: called by name, whatever we know of how they are called
_CALLED = re.compile(
    r"(?:(?<!\w)(?:hi|hey|hiya|hello|dear|hallo|hej|hei|hola|bonjour|salut|ciao|olá|oi|liebe[r]?|lieber|cher|chère|estimad[oa]|kära?|beste|guten (?:tag|morgen|abend))"
    r"(?:,)?\s+(?-i:[A-ZÀ-ÞŁŚŠŽČ][^\W\d_]+)|,\s(?-i:[A-ZÀ-ÞŁŚŠŽČ][^\W\d_]{2,})(?=[.!?,:;]|$))",
    re.IGNORECASE,
)
_GREETS = frozenset(
    ["there", "all", "everyone", "everybody", "team", "guys", "folks", "zusammen", "tous", "todos", "alla"]
)
_SIGNED = re.compile(r"(?:\s[\^*~\-–]\s?[A-Za-z]{1,12}(?:\s?[A-Z]\.?)?)?(?:\s*\d/\d)?\s*$")
_NOISE = re.compile(r"https?://\S+|@\w[\w.\-]*|[^\w\s]")
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Draft:
    """What is about to be sent."""

    text: str
    is_public: bool
    is_update: bool = False  # an approved update on an incident: the same words to many are what it is for


@dataclass(frozen=True)
class Known:
    """What is known around a draft. `said`: the customer's words; `sent_today`: (customer, text) that others got."""

    names: Sequence[str] = ()
    handles: Sequence[str] = ()
    said: Sequence[str] = ()
    sent_today: Sequence[tuple[int, str]] = ()
    customer: int = 0
    countries: Sequence[str] = ()
    ours: Sequence[str] = ()
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    is_praise: bool = False
    is_first: bool = True  # our first words to them; later ones lean on what was said


class Finding(NamedTuple):
    """What a guard has to say: its name, the places, and parameters for its words and fixes."""

    guard: str
    places: tuple[tuple[int, int], ...] = ()
    params: dict[str, Any] = {}


def judge(draft: Draft, known: Known) -> list[Finding]:
    """What the guards find, the weightiest first; empty where the draft is fine."""
    found = [
        _private(draft, known),
        _copy(draft, known),
        _specific(draft, known),
        _temper(draft),
        _promise(draft, known),
    ]
    return [one for one in found if one is not None]


def _private(draft: Draft, known: Known) -> Finding | None:
    """Of a public draft whatever is private; of a private one card numbers alone."""
    own = [*known.ours, *known.handles]
    found = private.find(draft.text, known.countries, own)
    shown = found if draft.is_public else [one for one in found if one.kind == private.CARD]
    if not shown:
        return None
    places = tuple((one.start, one.end) for one in shown)
    return Finding(PRIVATE, places, {"kinds": [one.kind for one in shown]})


def _copy(draft: Draft, known: Known) -> Finding | None:
    mine = bare(draft.text, known.names)
    if draft.is_update or len(mine) < SHORTEST_COPY:
        return None
    others = {
        customer
        for customer, text in known.sent_today
        if customer != known.customer and fuzz.ratio(mine, bare(text), score_cutoff=SAME)
    }
    return Finding(COPY, (), {"count": len(others)}) if len(others) >= FEWEST_COPIES else None


def bare(text: str, names: Sequence[str] = ()) -> str:
    """The words alone: without who is addressed, links and who signed."""
    plain = _NOISE.sub(" ", _SIGNED.sub("", text)).casefold()
    for name in names:
        for part in name.casefold().split():
            plain = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", " ", plain)
    return " ".join(plain.split())


def _specific(draft: Draft, known: Known) -> Finding | None:
    """Neither the person nor anything of their case: it could have gone to anybody."""
    text = _SIGNED.sub("", draft.text)
    words = _WORD.findall(text)
    if draft.is_update or known.is_praise or not known.is_first or len(words) < SHORT or HONEST.search(text):
        return None
    if (
        addresses(text, known)
        or _shares(text, known.said)
        or _says_much(text)
        or re.search(r"\d", _NOISE.sub(" ", text))
    ):
        return None
    return Finding(SPECIFIC, (), {"name": next((name for name in known.names if name), "")})


def addresses(text: str, known: Known) -> bool:
    """Whether the person is called by a name of theirs; a handle alone is how platforms deliver, not how people speak."""
    plain = text.casefold()
    parts = {part for name in known.names for part in name.casefold().split() if len(part) > 1}
    if any(re.search(rf"(?<![\w@]){re.escape(part)}(?!\w)", plain) for part in parts):
        return True
    called = (hit[0].split()[-1].casefold() for hit in _CALLED.finditer(text))
    return any(name not in _GREETS and name not in COMMON for name in called)


def _shares(text: str, said: Sequence[str]) -> bool:
    """Whether a word of the case stands in it: one of the customer's that is none of the trade."""
    mine, theirs = _matter(text), set[str]().union(*(_matter(one) for one in said))
    return any(word in theirs or any(_alike(word, other) for other in theirs) for word in mine)


def _says_much(text: str) -> bool:
    """Whether it tells things, though in no word of the customer's: "it is off tonight for our yearly promotion"."""
    return len(_matter(text) - GENERIC) >= MUCH


def _matter(text: str) -> set[str]:
    words = {word.casefold() for word in _WORD.findall(_NOISE.sub(" ", text)) if len(word) > 3}
    unspaced = re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{2,}", text)
    pairs = {run[at : at + 2] for run in unspaced for at in range(len(run) - 1)}
    found: set[str] = (words | pairs) - COMMON - TRADE
    return found


def _alike(one: str, other: str) -> bool:
    """The same word in another form: refund, refunded."""
    shortest = min(len(one), len(other))
    return shortest >= 5 and one[: max(5, shortest - 2)] == other[: max(5, shortest - 2)]


def _temper(draft: Draft) -> Finding | None:
    found = hot(draft.text)
    return Finding(TEMPER, tuple((one.start, one.end) for one in found), {"how": found[0].how}) if found else None


def _promise(draft: Draft, known: Known) -> Finding | None:
    found = promised(draft.text, known.today)
    if not found:
        return None
    days = sorted(one.on for one in found if one.kind == DAY and one.on is not None)
    params = {"on": days[0].isoformat() if days else "", "kinds": sorted({one.kind for one in found})}
    return Finding(PROMISE, tuple((one.start, one.end) for one in found), params)
