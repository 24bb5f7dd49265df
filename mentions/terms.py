"""Hearing beyond one's own handle: what a brand searches for, how that is asked of a platform, and what is sifted out.

A platform brings what its search can tell apart; what it cannot (whole words, a language, a word not to be there, a
near-miss spelling of another name) is sifted here, before anything is stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk import events
from helpdesk.models import Brand, User
from helpdesk.text.clean import one_line
from helpdesk.text.language import language_of
from helpdesk.workflow.verbs import Refused
from mentions import accounts, previews
from mentions.models import Account, Source, Term
from mentions.platforms import registry
from mentions.platforms.base import Post, Search

MOST, SHORTEST, LONGEST = 20, 3, 60
MOST_SPELLINGS = 12
# what people write one for the other
SWAPS = (
    ("ph", "f"),
    ("ck", "k"),
    ("c", "k"),
    ("ie", "ei"),
    ("ei", "ie"),
    ("y", "i"),
    ("i", "y"),
    ("z", "s"),
    ("ss", "s"),
)
DOUBLED = re.compile(r"(.)\1")


def spellings(phrase: str) -> list[str]:
    """`phrase` and what people write for it: joined, hyphenated, a letter less or more, letters that sound alike."""
    base = phrase.casefold().strip()
    found = [base]
    if " " in base:
        found += [base.replace(" ", ""), base.replace(" ", "-")]
    words = base.split()
    for place, word in enumerate(words):
        if len(word) < 6:
            continue  # a slip in a short word makes another word
        variants = [DOUBLED.sub(r"\1", word, count=1)]
        variants += [word.replace(one, other, 1) for one, other in SWAPS if one in word[1:]]
        variants += [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in (len(word) // 2, len(word) - 2)]
        found += [" ".join([*words[:place], variant, *words[place + 1 :]]) for variant in variants]
    return list(dict.fromkeys(found))[:MOST_SPELLINGS]


def search_of(term: Term) -> Search:
    include = [
        spelling for phrase in term.include for spelling in (spellings(phrase) if term.near_misses else [phrase])
    ]
    return Search(tuple(dict.fromkeys(include)), tuple(term.exclude), term.language)


def sifted(term: Term | None, posts: Sequence[Post]) -> list[Post]:
    """The posts that are what the term asks for; all of them where there is no term."""
    return list(posts) if term is None else [post for post in posts if matches(term, post.text)]


def matches(term: Term, text: str) -> bool:
    plain = _plain(text)
    wanted = search_of(term)
    if not any(_holds(plain, phrase) for phrase in wanted.include):
        return False
    if any(_holds(plain, word) for word in wanted.exclude):
        return False
    found = language_of(text) if wanted.language else ""
    return not wanted.language or not found or found == wanted.language


def _holds(plain: str, phrase: str) -> bool:
    """As whole words, with or without the signs of a handle or a tag before them."""
    return re.search(rf"(?<!\w){re.escape(_plain(phrase))}(?!\w)", plain) is not None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


# --- what a manager does ---------------------------------------------------------------------------------------


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a term, fit to store; Refused says which phrase will not do and why."""
    values = dict(given)
    for field in ("include", "exclude"):
        if field in values:
            values[field] = _phrases(field, values[field])
    if "include" in values and not values["include"]:
        raise Refused("include", "required", _("Say what to listen for: a name, a product, a place."))
    return values


def _phrases(field: str, given: Iterable[str]) -> list[str]:
    phrases = [phrase for phrase in dict.fromkeys(one_line(str(value), LONGEST + 1) for value in given) if phrase]
    if len(phrases) > MOST:
        raise Refused(field, "too_many", _("At most %(most)d. Make a second term.") % {"most": MOST})
    for phrase in phrases:
        if not SHORTEST <= len(phrase) <= LONGEST or not any(letter.isalnum() for letter in phrase):
            words = _("“%(phrase)s” will not do: between %(least)d and %(most)d characters, with a letter or digit.")
            raise Refused(field, "length", words % {"phrase": phrase, "least": SHORTEST, "most": LONGEST})
        if '"' in phrase:
            raise Refused(field, "quotes", _("Leave the quotation marks out: phrases are searched for as they stand."))
    return phrases


@transaction.atomic
def create(brand: Brand, user: User, **given: Any) -> Term:
    values = checked(given)
    Brand.objects.select_for_update(no_key=True).get(pk=brand.pk)
    if Term.objects.filter(brand=brand, name=values["name"]).exists():
        raise Refused("name", "taken", _("There is a term of that name already. Choose another name."))
    term = Term.objects.create(brand=brand, **values)
    events.record([events.happened("term.created", brand, actor=user, term=term.pk)])
    return term


@transaction.atomic
def change(term_id: int, user: User, **given: Any) -> Term:
    """New values: every account that listens for the term asks for them from now on."""
    values = checked(given)
    term = Term.objects.select_for_update().get(pk=term_id)
    for name, value in values.items():
        setattr(term, name, value)
    term.save()
    for account in Account.objects.filter(sources__term=term).select_related("channel").distinct():
        _ask(account, term)
    events.record([events.happened("term.changed", term.brand_id, actor=user, term=term.pk, fields=sorted(values))])
    return term


@transaction.atomic
def listen(term_id: int, account: Account, user: User) -> list[Source]:
    """Ask this account's platform for the term: a source for each query that takes."""
    term = Term.objects.select_for_update().get(pk=term_id)
    found = _ask(account, term)
    events.record([events.happened("term.asked", term.brand_id, actor=user, term=term.pk, account=account.pk)])
    return found


def _ask(account: Account, term: Term) -> list[Source]:
    """Sources of this term on this account, as its queries are now; those of older queries listen no more."""
    stream = _searching(account)
    queries = accounts.closed_connector(account).queries(search_of(term))
    platform, now = registry.platform(account.platform), timezone.now()
    kept = []
    for query in queries:
        row, _is_new = Source.objects.update_or_create(
            account=account,
            kind=stream.key,
            query=query[:512],
            defaults={"term": term, "is_active": True, "next_poll_at": now},
            create_defaults={
                "brand_id": account.brand_id,
                "term": term,
                "name": f"{account.channel.name}: {term.name}"[:100],
                "rhythm_seconds": stream.rhythm_seconds,
                "budget_per_hour": platform.reads_per_hour,
                "next_poll_at": now,
            },
        )
        kept.append(row.pk)
    Source.objects.filter(account=account, term=term).exclude(pk__in=kept).update(is_active=False)
    return list(Source.objects.filter(pk__in=kept).order_by("id"))


def _searching(account: Account) -> Any:
    """The stream of the platform that takes a query; Refused where it has none."""
    streams = registry.platform(account.platform).streams
    stream = next((stream for stream in streams if stream.takes_query), None)
    if stream is None:
        name = registry.name_of(account.platform)
        raise Refused("channel", "no_search", _("%(name)s cannot be searched.") % {"name": name})
    return stream


@dataclass(frozen=True)
class Brought:
    """What a term would have brought in the last day: of what was read, how many fit, and the newest of them."""

    count: int
    read: int
    posts: tuple[Post, ...]
    is_all: bool


def preview(account: Account, term: Term) -> Brought:
    """Ask now, store nothing. Refused where the platform will not answer."""
    stream = _searching(account)
    read, fitting, is_all = 0, dict[str, Post](), True
    for query in accounts.closed_connector(account).queries(search_of(term)):
        posts, whole = previews.last_day(account, stream.key, query)
        read, is_all = read + len(posts), is_all and whole
        fitting |= {post.external_id: post for post in sifted(term, posts) if not post.ours}
    newest = sorted(fitting.values(), key=lambda post: post.said_at, reverse=True)
    return Brought(len(newest), read, tuple(newest[:5]), is_all)
