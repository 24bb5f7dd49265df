"""One article in one language, as a file or a row tells it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf.locale import LANG_INFO
from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused
from knowledge.exchange import head
from knowledge.models import Visible
from knowledge.publishing import Words, slug_of
from knowledge.states import EditionState

CODE = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Za-z]{2}|\d{3}|[Hh]an[st]|[Ll]atn|[Cc]yrl))?")


@dataclass(frozen=True)
class Page:
    """`place` names it to a person. Pages of one `group` are one article in several languages. `key`: an article's own.

    `category` is what it says itself, `shelf` where it was found. `has_own_slug` and
    `has_own_language`: they were said, not made up by us.
    """

    place: str
    group: str
    language: str
    words: Words
    slug: str
    has_own_slug: bool = False
    has_own_language: bool = False
    key: str = ""
    category: str = ""
    shelf: str = ""
    visible: str = ""
    state: str = ""
    review_by: dt.date | None = None
    old_addresses: tuple[str, ...] = ()
    folder: str = ""
    path: str = ""


@dataclass(frozen=True)
class Unfit:
    """What cannot be an article: where it stands, and why."""

    place: str
    why: str


@dataclass(frozen=True)
class Tongues:
    """The languages a help centre speaks, and the one that is meant where nothing says."""

    spoken: Sequence[str]
    default: str

    def known_as(self, code: str) -> str:
        """As the help centre calls it (en-us is en where only that is spoken); "" for one it does not speak."""
        wanted = code.strip().lower().replace("_", "-")
        ours = {language.lower(): language for language in self.spoken}
        base = wanted.split("-")[0]
        near = [language for language in self.spoken if language.split("-")[0].lower() == base]
        return ours.get(wanted) or ours.get(base) or (near[0] if near and wanted == base else "")

    def names_one(self, word: str) -> bool:
        """Whether a word in a path is a language's code, spoken or not."""
        return bool(CODE.fullmatch(word)) and bool(self.known_as(word) or re.split("[-_]", word)[0] in LANG_INFO)

    def meant(self, code: str) -> str:
        """The language of a code, the default for none. Refused where it is not spoken."""
        if not code:
            return self.default
        if found := self.known_as(code):
            return found
        raise Refused(
            "language",
            "unknown",
            _(
                "The language “%(code)s” is not spoken here, but %(known)s. Add it in the help centre’s settings, or "
                "say another with “language:”."
            )
            % {"code": code[:20], "known": ", ".join(self.spoken)},
        )


def details(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a head or a row says around the words, as fields of a Page. Refused names the field."""
    return {
        "category": head.said(values, "category"),
        "visible": _one_of(values, "visible", Visible.values),
        "state": _one_of(values, "state", EditionState.values),
        "review_by": head.day(values, "review_by"),
        "old_addresses": tuple(_address(values, "old_addresses", one) for one in head.listed(values, "old_addresses")),
        "key": head.said(values, "article"),
    }


def own_slug(values: Mapping[str, Any]) -> str:
    """The address it names itself; "" where it names none."""
    named = head.said(values, "slug")
    return _address(values, "slug", named) if named else ""


def _address(values: Mapping[str, Any], name: str, word: str) -> str:
    slug = slug_of(word)
    if not slug or "/" in word:
        raise Refused(
            name, "invalid", _("“%(name)s” is the last part of an address, such as refunds-and-fees.") % {"name": name}
        )
    return slug


def _one_of(values: Mapping[str, Any], name: str, known: Sequence[str]) -> str:
    value = head.said(values, name).lower()
    if value and value not in known:
        raise Refused(
            name,
            "unknown",
            _("“%(name)s” is one of: %(known)s.") % {"name": name, "known": ", ".join(known)},
        )
    return value
