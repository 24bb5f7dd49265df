"""The query language of recent search: words and operators, joined by spaces and OR, grouped and negated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from . import x_text
from .x_ledger import Ledger, Post
from .x_rules import Refusal, invalid

Matches = Callable[[Post], bool]

_TOKEN = re.compile(r'\s*(?:(?P<open>-?\()|(?P<close>\))|(?P<term>-?(?:[\w.]+:)?(?:"[^"]*"|[^\s()"]+)))')
_OPERATOR = re.compile(r"([a-z_]+):(.+)", re.DOTALL)
# These only narrow what another operator finds.
_NEEDS_COMPANY = ("is:", "has:", "lang:")


def compiled(query: str, ledger: Ledger) -> Matches:
    """What a query finds; refused where it is none."""
    return _Parser(query, ledger).parsed()


@dataclass
class _Parser:
    query: str
    ledger: Ledger
    tokens: list[str] = field(default_factory=list)
    stands_alone: bool = False

    def parsed(self) -> Matches:
        at, text = 0, self.query.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong(f"no viable alternative at position {at}")
            self.tokens.append(found[0].strip())
            at = found.end()
        matches = self._either()
        if self.tokens:
            raise self._wrong(f"unexpected '{self.tokens[0]}'")
        if not self.stands_alone:
            raise self._wrong("Rules must contain at least one positive, non-stopword clause")
        return matches

    def _either(self) -> Matches:
        choices = [self._every()]
        while self.tokens and self.tokens[0] == "OR":
            self.tokens.pop(0)
            choices.append(self._every())
        return lambda post: any(one(post) for one in choices)

    def _every(self) -> Matches:
        parts: list[Matches] = []
        while self.tokens and self.tokens[0] not in {"OR", ")"}:
            parts.append(self._one(self.tokens.pop(0)))
        if not parts:
            raise self._wrong("a clause is missing")
        return lambda post: all(one(post) for one in parts)

    def _one(self, token: str) -> Matches:
        negated = token.startswith("-") and len(token) > 1
        if token.lstrip("-") == "(":
            inner = self._either()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise self._wrong("missing ')'")
        else:
            term = token[1:] if negated else token
            inner = self._term(term)
            self.stands_alone |= not negated and not term.startswith(_NEEDS_COMPANY)
        return (lambda post: not inner(post)) if negated else inner

    def _term(self, term: str) -> Matches:
        if term.lower() in {"and", "or"}:
            raise self._wrong(f"Ambiguous use of {term} as a keyword. Use a space to logically join two clauses")
        found = _OPERATOR.fullmatch(term)
        if found is not None and "://" not in term:
            return self._operator(found[1], found[2].strip('"'))
        match term[0]:
            case "@":
                return self._named(term[1:])
            case "#":
                return lambda post: _has_tag(x_text.hashtags(post.whole), term[1:])
            case "$":
                return lambda post: _has_tag(x_text.cashtags(post.whole), term[1:])
        return _phrase(term.strip('"'))

    def _operator(self, name: str, value: str) -> Matches:
        simple: dict[str, Matches] = {
            "from": lambda post: post.author == self._user(value),
            "to": lambda post: post.in_reply_to_user != "" and post.in_reply_to_user == self._user(value),
            "lang": lambda post: post.lang == value,
            "conversation_id": lambda post: post.conversation == value,
            "in_reply_to_tweet_id": lambda post: value in self.ledger.versions_of(post.in_reply_to),
            "quotes_of_tweet_id": lambda post: value in self.ledger.versions_of(post.quote),
            "url": lambda post: any(value.lower() in long.lower() for long in post.wrapped.values()),
        }
        if name in simple:
            return simple[name]
        flags: dict[str, dict[str, Matches]] = {
            "is": {
                "retweet": lambda post: False,
                "reply": lambda post: bool(post.in_reply_to),
                "quote": lambda post: bool(post.quote),
                "verified": lambda post: self.ledger.accounts[post.author].verified_type != "none",
            },
            "has": {
                "links": lambda post: bool(post.wrapped),
                "mentions": lambda post: bool(post.named | post.auto_named),
                "hashtags": lambda post: bool(x_text.hashtags(post.whole)),
                "cashtags": lambda post: bool(x_text.cashtags(post.whole)),
                "media": lambda post: False,
                "images": lambda post: False,
            },
        }
        if name not in flags or value not in flags[name]:
            raise self._wrong(f"Reference to invalid operator '{name}'. Operator is not available")
        return flags[name][value]

    def _user(self, value: str) -> str:
        found = self.ledger.account_named(value.removeprefix("@"))
        return found.id if found else value

    def _named(self, name: str) -> Matches:
        return lambda post: self._user(name) in post.named | post.auto_named

    def _wrong(self, why: str) -> Refusal:
        return invalid(f"There were errors processing your request: {why}", query=self.query)


def _phrase(text: str) -> Matches:
    looked_for = x_text.words(text)

    def matches(post: Post) -> bool:
        there = x_text.words(post.whole)
        last = len(there) - len(looked_for)
        return bool(looked_for) and any(there[at : at + len(looked_for)] == looked_for for at in range(last + 1))

    return matches


def _has_tag(tags: list[x_text.Span], name: str) -> bool:
    return any(one.value.casefold() == name.casefold() for one in tags)
