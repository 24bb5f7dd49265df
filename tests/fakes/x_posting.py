"""What one writes on X in public: posts, replies to those who asked for one, deletions and likes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from . import x_text
from .x_call import Call, check_object
from .x_ledger import Account, Draft, Ledger, Post
from .x_meter import Meter
from .x_routes import Route
from .x_rules import PROBLEMS, Json, Options, Refusal, bad_parameter, forbidden, invalid, is_id, problem
from .x_view import Views

_SCHEMA = {
    "text": str,
    "reply": dict,
    "quote_tweet_id": str,
    "media": dict,
    "made_with_ai": bool,
    "reply_settings": str,
    "for_super_followers_only": bool,
    "nullcast": bool,
}
_REPLY_SCHEMA = {"in_reply_to_tweet_id": str, "exclude_reply_user_ids": list, "auto_populate_reply_metadata": bool}
_NOT_ENGAGED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the "
    "author of the post you are replying to."
)


@dataclass
class Posting:
    """The methods that write in public."""

    ledger: Ledger
    views: Views
    meter: Meter
    options: Options

    def routes(self) -> list[Route]:
        """The table of them."""
        write = "tweet.read tweet.write users.read"
        liking = "tweet.read users.read like.write"
        return [
            Route("POST /2/tweets", self.create, "user", write, status=201),
            Route("DELETE /2/tweets/:id", self.delete, "user", write),
            Route("POST /2/users/:id/likes", self.like, "user", liking),
        ]

    def create(self, call: Call) -> Json:
        """Publish a post; the same call again publishes another, but for the rule about the same text."""
        body = call.json(_SCHEMA)
        author = self.ledger.accounts[call.caller.user_id]
        draft, parent = self._draft(author, body)
        self._check_text(author, draft, parent)
        if parent is not None:
            self._check_reply(author, parent)
        summoned = parent is not None and parent.author != author.id and self._summoned(author, parent)
        post = self.ledger.publish(self._folded(author, draft))
        post.reply_settings = body.get("reply_settings", "everyone")
        self.meter.wrote(_kind(post, summoned=summoned))
        text = x_text.escaped(post.shown)
        return {"data": {"id": post.id, "text": text, self.views.spelling.history: list(post.history)}}

    def delete(self, call: Call) -> Json:
        """Delete a post of one's own."""
        post = self.ledger.visible(call.path_id(), call.caller.user_id)
        if post is None:
            return {"data": {"deleted": False}}
        if post.author != call.caller.user_id:
            raise forbidden("You are not authorized to delete this Tweet.")
        self.ledger.delete(post.id)
        return {"data": {"deleted": True}}

    def like(self, call: Call) -> Json:
        """Like a post; not for self-serve apps."""
        body = call.json({"tweet_id": str})
        if self.options.self_serve:
            raise not_enrolled()
        if call.path_id() != call.caller.user_id:
            raise bad_parameter("id", call.place, "does not match the authenticating user's")
        post = self.ledger.visible(str(body.get("tweet_id", "")), call.caller.user_id)
        if post is None:
            raise forbidden("You cannot like a Tweet that is deleted or not visible to you.")
        if (call.caller.user_id, post.id) not in self.ledger.likes:
            self.ledger.likes.append((call.caller.user_id, post.id))
        return {"data": {"liked": True}}

    def _draft(self, author: Account, body: Json) -> tuple[Draft, Post | None]:
        reply, quote = body.get("reply", {}), body.get("quote_tweet_id", "")
        check_object(reply, _REPLY_SCHEMA, "$.reply")
        if "media" in body:
            raise invalid("Your media IDs are invalid.")
        if quote and self.options.self_serve:
            raise not_enrolled()
        parent = self._parent(author, reply) if "reply" in body else None
        spared = reply.get("exclude_reply_user_ids", [])
        if not all(map(is_id, spared)):
            raise invalid("$.reply.exclude_reply_user_ids: is not a list of ids")
        if quote and self.ledger.visible(quote, author.id) is None:
            raise forbidden("You attempted to quote a Tweet that is deleted or not visible to you.")
        text = unicodedata.normalize("NFC", body.get("text", ""))
        if not text.strip():
            raise invalid("You must include text, or media, in a Tweet.")
        reply_to = parent.id if parent else ""
        return Draft(author.id, text, reply_to, quote, spared=frozenset(spared)), parent

    def _parent(self, author: Account, reply: Json) -> Post:
        identifier = reply.get("in_reply_to_tweet_id", "")
        if not is_id(identifier):
            raise invalid("$.reply.in_reply_to_tweet_id: is not an id")
        parent = self.ledger.visible(identifier, author.id)
        if parent is None:
            raise forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
        return parent

    def _check_text(self, author: Account, draft: Draft, parent: Post | None) -> None:
        auto = self.ledger.auto_names(draft, parent)
        if x_text.weight(self._counted(draft.text, auto)) > (x_text.MOST_PREMIUM if author.premium else x_text.MOST):
            detail = (
                "Your Tweet text is too long. For more information on how Twitter determines text length see "
                "https://github.com/twitter/twitter-text."
            )
            status = self.options.too_long_status
            raise problem(status, "Forbidden" if status == 403 else "Invalid Request", detail)
        if self.options.self_serve and len(x_text.cashtags(draft.text)) > 1:
            raise forbidden("A post may have one cashtag at most.")
        whole = self.ledger.prefixed(draft, auto, draft.text)
        if any(one.whole == whole for one in self.ledger.standing(lambda post: post.author == author.id)):
            raise forbidden("You are not allowed to create a Tweet with duplicate content.")

    def _counted(self, text: str, auto: list[str]) -> str:
        """The text without the @names at its head that X would put there itself."""
        names, rest = x_text.leading_names(text)
        found = [self.ledger.account_named(name) for name in names]
        # An @name that X would not put there, and whatever follows it, counts.
        own = next((at for at, one in enumerate(found) if one is None or one.id not in auto), len(found))
        return "".join([*(f"@{name} " for name in names[own:]), rest])

    def _check_reply(self, author: Account, parent: Post) -> None:
        root = self.ledger.posts.get(parent.conversation, parent)
        latest = self.ledger.posts[root.history[-1]]
        welcome = author.id in latest.named | latest.auto_named or author.id == latest.author
        if latest.reply_settings != "everyone" and not welcome:
            raise forbidden(_NOT_ENGAGED)
        if self.options.self_serve and parent.author != author.id and not self._summoned(author, parent):
            raise forbidden(_NOT_ENGAGED)

    def _summoned(self, author: Account, parent: Post) -> bool:
        names = parent.named | (parent.auto_named if self.options.auto_mention_summons else frozenset())
        quoted = self.ledger.posts.get(parent.quote)
        return author.id in names or (quoted is not None and quoted.author == author.id)

    def _folded(self, author: Account, draft: Draft) -> Draft:
        """A long post of a premium account stands cut, with the whole beside it."""
        if not author.premium or x_text.weight(draft.text) <= x_text.MOST:
            return draft
        return Draft(
            draft.author, x_text.cut(draft.text), draft.reply_to, draft.quote, long_text=draft.text, spared=draft.spared
        )


def _kind(post: Post, *, summoned: bool) -> str:
    """What a post costs: links cost most, an answer to somebody who asked for one least."""
    if summoned:
        return "summoned_reply"
    return "post_create_url" if post.wrapped else "post_create"


def not_enrolled() -> Refusal:
    """The refusal of what a self-serve app may not do."""
    detail = "Your app does not have the access that this endpoint or this field needs."
    more = {"reason": "client-not-enrolled", "required_enrollment": "Appropriate Level of API Access"}
    return problem(403, "Client Forbidden", detail, f"{PROBLEMS}/client-forbidden", **more)
