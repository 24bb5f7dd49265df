"""How the API writes posts, people and messages: only the fields asked for, what they refer to, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import x_text
from .x_call import Call
from .x_ledger import Account, DmEvent, Ledger, Post
from .x_rules import (
    DM_EXPANSIONS,
    DM_FIELDS,
    EDIT_SECONDS,
    EDITS,
    PROBLEMS,
    USER_FIELDS,
    Json,
    Options,
    Spelling,
    Word,
    iso,
)

_IMPLIED = {"author_id": "author_id", "in_reply_to_user_id": "in_reply_to_user_id", "sender_id": "sender_id"}


@dataclass(frozen=True)
class Wanted:
    """What a call asked to see."""

    posts: frozenset[str]
    users: frozenset[str]
    dms: frozenset[str]
    expansions: frozenset[str]
    viewer: str


class Views:
    """Writes what the ledger holds in the API's words."""

    def __init__(self, ledger: Ledger, options: Options) -> None:
        self._ledger, self._options = ledger, options

    @property
    def spelling(self) -> Spelling:
        """The names the API goes by now."""
        return Spelling(self._options.spelling)

    def parameters(self, word: Word, *, dms: bool = False, users: bool = False) -> frozenset[str]:
        """The query parameters that say what to show."""
        names = {f"{word}.fields", "user.fields", "expansions"}
        if not users:
            names |= {"media.fields", "place.fields", "poll.fields"}
        return frozenset(names | ({"dm_event.fields"} if dms else set()))

    def wanted(self, call: Call, *, dms: bool = False) -> Wanted:
        """What a call asks to see; an expansion brings the field it expands."""
        spelling = self.spelling
        expansions = call.listed("expansions", DM_EXPANSIONS if dms else spelling.post_expansions())
        posts = set(call.listed(spelling.fields, spelling.post_fields()))
        implied = {_IMPLIED[one] for one in expansions if one in _IMPLIED}
        if any(one.startswith(spelling.referenced) for one in expansions):
            posts.add(spelling.referenced)
        users = call.listed("user.fields", USER_FIELDS)
        shown = call.listed("dm_event.fields", DM_FIELDS) if dms else frozenset()
        return Wanted(frozenset(posts | implied), users, shown | implied, expansions, call.caller.user_id)

    def posts(self, items: Iterable[Post | Any], wanted: Wanted) -> Json:
        """A list of posts with what they bring along; a post the viewer may not read is left out of it."""
        items = list(items)
        shown = [one for one in items if not isinstance(one, Post) or not self._ledger.hidden(one, wanted.viewer)]
        posts = [one for one in shown if isinstance(one, Post)]
        data = [self.post(one, wanted.posts) if isinstance(one, Post) else one for one in shown]
        return ({"data": data} if data else {}) | self.attached(posts, wanted)

    def attached(self, posts: list[Post], wanted: Wanted) -> Json:
        """What the expansions of these posts bring: other posts, people, and errors about what is gone."""
        spelling, ledger = self.spelling, self._ledger
        referred, errors = dict[str, Post](), list[Json]()
        expands_posts = any(one.startswith(spelling.referenced) for one in wanted.expansions)
        for other in _other_posts(posts) if expands_posts else ():
            found = ledger.posts.get(other)
            if found is not None and ledger.visible(other, wanted.viewer):
                referred[other] = found
            else:
                errors.append(self.missing_post(other, f"{spelling.referenced}.id", wanted.viewer))
        people = self._people(posts, list(referred.values()), wanted)
        includes: Json = {}
        if people:
            includes["users"] = [self.user(ledger.accounts[one], wanted.users) for one in people]
        if referred:
            includes[spelling.included] = [self.post(one, wanted.posts) for one in referred.values()]
        return ({"includes": includes} if includes else {}) | ({"errors": errors} if errors else {})

    def _people(self, posts: list[Post], referred: list[Post], wanted: Wanted) -> list[str]:
        chosen: list[str] = []
        if "author_id" in wanted.expansions:
            chosen += [one.author for one in posts]
        if "in_reply_to_user_id" in wanted.expansions:
            chosen += [one.in_reply_to_user for one in posts if one.in_reply_to_user]
        if "entities.mentions.username" in wanted.expansions:
            chosen += [name for one in posts for name in sorted(one.named | one.auto_named)]
        if f"{self.spelling.referenced}.id.author_id" in wanted.expansions:
            chosen += [one.author for one in referred]
        return list(dict.fromkeys(chosen))

    def post(self, post: Post, fields: frozenset[str]) -> Json:
        """A post; what it has not got is absent, asked for or not."""
        whole = self.whole_post(post)
        always = {"id", "text", self.spelling.history}
        return {name: value for name, value in whole.items() if name in always | fields}

    def whole_post(self, post: Post) -> Json:
        """A post with every field it has."""
        ledger, spelling = self._ledger, self.spelling
        kinds = (("replied_to", post.in_reply_to), ("quoted", post.quote))
        referenced = [{"type": kind, "id": one} for kind, one in kinds if one]
        head = len(x_text.escaped(post.shown)) - len(x_text.escaped(x_text.shortened(post.said, "")[0]))
        optional: Json = {
            "in_reply_to_user_id": post.in_reply_to_user,
            spelling.referenced: referenced,
            "entities": self._entities(post, post.shown),
        }
        if post.long_text:
            note = {"text": x_text.escaped(post.shown_long), "entities": self._entities(post, post.shown_long)}
            optional[spelling.note] = {name: value for name, value in note.items() if value}
        return {
            spelling.history: list(post.history),
            "id": post.id,
            "text": x_text.escaped(post.shown),
            "author_id": post.author,
            "conversation_id": post.conversation,
            "created_at": iso(post.created_at),
            "display_text_range": [max(head, 0), len(x_text.escaped(post.shown))],
            "edit_controls": self._edit_controls(post),
            "lang": post.lang,
            "possibly_sensitive": False,
            "reply_settings": post.reply_settings,
            "public_metrics": {
                "retweet_count": 0,
                "reply_count": ledger.count_replies(post),
                "like_count": sum(one in post.history for _, one in ledger.likes),
                "quote_count": ledger.count_quotes(post),
                "bookmark_count": 0,
                "impression_count": 0,
            }
            | post.metrics,
            **{name: value for name, value in optional.items() if value},
        }

    def user(self, account: Account, fields: frozenset[str]) -> Json:
        """A person; three fields are always there."""
        whole = self.whole_user(account)
        return {name: value for name, value in whole.items() if name in {"id", "name", "username"} | fields}

    def whole_user(self, account: Account) -> Json:
        """A person with every field."""
        return {
            "id": account.id,
            "name": account.name,
            "username": account.username,
            "created_at": iso(account.created_at),
            "description": "",
            "protected": account.protected,
            "verified": account.verified_type != "none",
            "verified_type": account.verified_type,
            "public_metrics": {
                "followers_count": account.followers,
                "following_count": 0,
                "tweet_count": len(self._ledger.standing(lambda one: one.author == account.id)),
                "listed_count": 0,
                "like_count": sum(who == account.id for who, _ in self._ledger.likes),
                "media_count": 0,
            },
        }

    def dms(self, events: list[DmEvent], wanted: Wanted) -> Json:
        """A list of messages with the people asked for."""
        people: list[str] = []
        if "sender_id" in wanted.expansions:
            people += [one.sender for one in events]
        if "participant_ids" in wanted.expansions:
            people += [who for one in events if one.kind != "MessageCreate" for who in (one.sender,)]
        shown = [self._dm(one, wanted.dms) for one in events]
        accounts = [self._ledger.accounts[one] for one in dict.fromkeys(people)]
        users = [self.user(one, wanted.users) for one in accounts]
        return ({"data": shown} if shown else {}) | ({"includes": {"users": users}} if users else {})

    def _dm(self, event: DmEvent, fields: frozenset[str]) -> Json:
        whole: Json = {
            "id": event.id,
            "event_type": event.kind,
            "created_at": iso(event.created_at),
            "dm_conversation_id": event.conversation,
        }
        if event.kind == "MessageCreate":
            whole |= {"text": x_text.escaped(event.text), "sender_id": event.sender}
        else:
            whole |= {"participant_ids": [event.sender]}
        return {name: value for name, value in whole.items() if name in {"id", "event_type", "text"} | fields}

    def missing_post(self, identifier: str, parameter: str, viewer: str) -> Json:
        """The error about a post that is gone, or kept from the viewer."""
        post = self._ledger.posts.get(identifier)
        kept = post is not None and not post.deleted and self._ledger.hidden(post, viewer)
        return self.missing(identifier, parameter, self.spelling.word, kept=kept)

    @staticmethod
    def missing(value: str, parameter: str, kind: str, *, kept: bool = False) -> Json:
        """The error about something that is not there to be read."""
        what = "Tweet" if kind == "tweet" else kind.capitalize()
        return {
            "resource_id": value,
            "parameter": parameter,
            "resource_type": kind,
            "section": "includes" if "." in parameter else "data",
            "title": "Authorization Error" if kept else "Not Found Error",
            "value": value,
            "detail": f"Sorry, you are not authorized to see the {what} with {parameter}: [{value}]."
            if kept
            else f"Could not find {kind} with {parameter}: [{value}].",
            "type": f"{PROBLEMS}/{'not-authorized-for-resource' if kept else 'resource-not-found'}",
        }

    def _edit_controls(self, post: Post) -> Json:
        first = self._ledger.posts[post.history[0]]
        return {
            "edits_remaining": EDITS + 1 - len(post.history),
            "is_edit_eligible": post.in_reply_to_user in {"", post.author},
            "editable_until": iso(first.created_at + EDIT_SECONDS),
        }

    def _entities(self, post: Post, text: str) -> Json:
        urls, people = list[Json](), list[Json]()
        for one in x_text.links(text):
            if one.value in post.wrapped:
                long = post.wrapped[one.value]
                display = long.partition("://")[2].removeprefix("www.")
                more = {"url": one.value, "expanded_url": long, "display_url": display}
                urls.append(_placed(text, one.start, one.end) | more)
        for one in x_text.mentions(text):
            identifier = post.people.get(one.value.lower())
            if identifier:
                people.append(_placed(text, one.start, one.end) | {"username": one.value, "id": identifier})
        tags = [_placed(text, one.start, one.end) | {"tag": one.value} for one in x_text.hashtags(text)]
        cash = [_placed(text, one.start, one.end) | {"tag": one.value} for one in x_text.cashtags(text)]
        every = {"urls": urls, "mentions": people, "hashtags": tags, "cashtags": cash}
        return {name: value for name, value in every.items() if value}


def _placed(text: str, start: int, end: int) -> Json:
    """Where something stands in the text as it is delivered."""
    return {"start": len(x_text.escaped(text[:start])), "end": len(x_text.escaped(text[:end]))}


def _other_posts(posts: list[Post]) -> list[str]:
    named = [other for one in posts for other in (one.in_reply_to, one.quote) if other]
    return list(dict.fromkeys(named))
