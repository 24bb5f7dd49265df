"""A fake X (API v2) over HTTP for tests: it keeps the platform's rules, counts the money and remembers what it took."""

from __future__ import annotations

import copy
from typing import Any

from .faults import Answer
from .server import FakeServer, Incoming
from .x_api import Api
from .x_hooks import Delivery, packed, signed
from .x_ledger import DmEvent, Draft, Ledger, Post, raw_key
from .x_oauth import SCOPES, Client
from .x_rules import QUARTER, Json, Moment, Options, Word, seconds_of


class FakeX(FakeServer):
    """The platform on one port; ``options`` may be changed while it runs."""

    def __init__(
        self,
        *,
        port: int = 0,
        spelling: Word = "tweet",
        self_serve: bool = True,
        access_seconds: float = 7200,
        limits: bool = True,
    ) -> None:
        super().__init__(port)
        self.options = Options(spelling, self_serve, access_seconds, limits)
        self._ledger = Ledger()
        self._api = Api(self._ledger, self.options)
        self._client: Client | None = None

    def named(self, incoming: Incoming) -> str | None:
        """The method as the platform's pages write it, such as ``GET /2/users/:id/mentions``."""
        return self._api.named(incoming)

    def answer(self, incoming: Incoming) -> Answer:
        """What the method says."""
        return self._api.answer(incoming)

    # People and tokens

    def add_account(
        self,
        username: str,
        *,
        name: str = "",
        followers: int = 0,
        verified_type: str = "none",
        premium: bool = False,
    ) -> str:
        """Register a person and return the user id."""
        with self._ledger.lock:
            return self._ledger.add_account(username, name, followers, verified_type, premium=premium).id

    def set_username(self, user_id: str, username: str) -> None:
        """Rename a person; the id stays, and so does what posts have said."""
        with self._ledger.lock:
            self._ledger.accounts[user_id].username = username

    def protect(self, user_id: str, *, protected: bool = True) -> None:
        """Keep a person's posts from everybody else."""
        with self._ledger.lock:
            self._ledger.accounts[user_id].protected = protected

    def token(self, user_id: str, *, scopes: str = SCOPES, owns_app: bool = True) -> str:
        """A person's access token that does not run out."""
        with self._ledger.lock:
            return self._api.tokens.lasting(user_id, scopes, owns_app=owns_app)

    def app_bearer(self) -> str:
        """The app's own token, which speaks for nobody."""
        with self._ledger.lock:
            return self._api.tokens.lasting("", "", owns_app=False)

    def client(self, client_id: str = "", secret: str = "", *, redirect_uri: str = "", public: bool = False) -> Client:
        """Register an OAuth 2 client; empty values are made up. A public client has no secret."""
        with self._ledger.lock:
            self._client = self._api.tokens.register(client_id, secret, redirect_uri, public=public)
            return self._client

    def grant(
        self, user_id: str, scopes: str = SCOPES, *, client: Client | None = None, owns_app: bool = True
    ) -> tuple[str, str]:
        """An access and a refresh token for a client, the last registered where none is named."""
        with self._ledger.lock:
            chosen = client or self._client or self.client()
            return self._api.tokens.pair(user_id, tuple(scopes.split()), chosen.client_id, owns_app=owns_app)

    def consent(self, authorize_url: str, user_id: str, *, owns_app: bool = True) -> str:
        """Say yes as this person on the page of an authorize address; return the callback with the code."""
        with self._ledger.lock:
            return self._api.tokens.consent(authorize_url, user_id, owns_app=owns_app)

    def expire_codes(self) -> None:
        """Let the codes that wait run out, as they do after 30 seconds."""
        with self._ledger.lock:
            self._api.tokens.expire_codes()

    def expire(self, access_token: str) -> None:
        """Let an access token run out now; refreshing still works."""
        with self._ledger.lock:
            self._api.tokens.expire(access_token)

    def revoke(self, token: str) -> None:
        """Let a token, access or refresh, open nothing from now on."""
        with self._ledger.lock:
            self._api.tokens.revoke(token)

    # What people do

    def post(
        self,
        user_id: str,
        text: str,
        *,
        reply_to: str | None = None,
        quote: str | None = None,
        at: Moment | None = None,
        long_text: str | None = None,
        exclude_from_mentions: bool = False,
        lang: str = "en",
        metrics: dict[str, int] | None = None,
    ) -> str:
        """Publish a post and return its id.

        A reply gets the @names of those it answers put before it, unless they are excluded. With ``long_text``
        the text is the cut one.
        """
        draft = Draft(
            author=user_id,
            text=text,
            reply_to=reply_to or "",
            quote=quote or "",
            at=None if at is None else seconds_of(at),
            long_text=long_text or "",
            silent=exclude_from_mentions,
            lang=lang,
        )
        with self._ledger.lock:
            published = self._ledger.publish(draft)
            published.metrics = dict(metrics or {})
            return published.id

    def edit(self, post_id: str, text: str) -> str:
        """Publish a further version of a post and return the new id."""
        with self._ledger.lock:
            return self._ledger.edit(post_id, text).id

    def delete(self, post_id: str) -> None:
        """Delete a post with all its versions."""
        with self._ledger.lock:
            self._ledger.delete(post_id)

    def close_replies(self, post_id: str, setting: str = "mentionedUsers") -> None:
        """Let only those whom a post names answer in its conversation."""
        with self._ledger.lock:
            for one in self._ledger.posts[post_id].history:
                self._ledger.posts[one].reply_settings = setting

    def dm(self, from_id: str, to_id: str, text: str, *, at: Moment | None = None, kind: str = "MessageCreate") -> str:
        """Send a direct message and return the event id; another ``kind`` is an event without a text."""
        with self._ledger.lock:
            moment = None if at is None else seconds_of(at)
            return self._ledger.write_dm(from_id, to_id, text, kind, moment).id

    def raw_mention(self, user_id: str, item: Any) -> None:
        """Put an item of any shape at the head of an account's mention list, or where its id, if it has one, belongs."""
        with self._ledger.lock:
            entry = raw_key(item, self._ledger.next_id())
            self._ledger.raw_mentions.setdefault(user_id, []).append(entry)

    # The ledger

    def posts_by(self, user_id: str) -> list[Post]:
        """The posts of a person that stand, oldest first, each in its latest version."""
        with self._ledger.lock:
            return copy.deepcopy(self._ledger.standing(lambda one: one.author == user_id))

    def dms_from(self, user_id: str) -> list[DmEvent]:
        """The direct messages a person sent, oldest first."""
        with self._ledger.lock:
            mine = [one for one in self._ledger.dms_of(user_id) if one.sender == user_id]
            return [one for one in reversed(mine) if one.kind == "MessageCreate"]

    def likes_by(self, user_id: str) -> list[str]:
        """The ids of the posts a person likes, in the order of liking."""
        with self._ledger.lock:
            return [post_id for who, post_id in self._ledger.likes if who == user_id]

    # Money and limits

    @property
    def charges(self) -> dict[str, float]:
        """How many of each thing were charged; ``spent`` is what they cost in dollars."""
        with self._ledger.lock:
            return self._api.meter.charges

    def set_credit(self, dollars: float | None) -> None:
        """Leave so much money; None: as much as is needed."""
        with self._ledger.lock:
            self._api.meter.set_credit(dollars)

    def spending_cap(self, *, reached: bool = True) -> None:
        """Let the spending limit of the billing cycle be reached."""
        with self._ledger.lock:
            self._api.meter.capped = reached

    def post_cap(self, *, reached: bool = True) -> None:
        """Let the month's number of posts to read be used up: a 429 that no window ends."""
        with self._ledger.lock:
            self._api.meter.used_up = reached

    def set_limit(self, method: str, calls: int, seconds: int = QUARTER) -> None:
        """Hold every caller of one method to so many calls, even where the other limits are off."""
        with self._ledger.lock:
            self._api.windows.set_limit(method, calls, seconds)

    # Webhooks

    @property
    def consumer_secret(self) -> str:
        """The secret that signs what is sent to webhooks."""
        return self._api.hooks.secret

    @property
    def deliveries(self) -> list[Delivery]:
        """Every event that was sent, in order."""
        return list(self._api.hooks.deliveries)

    @property
    def webhooks(self) -> list[Json]:
        """The webhooks that are registered."""
        with self._ledger.lock:
            return copy.deepcopy(list(self._api.hooks.webhooks.values()))

    @property
    def subscriptions(self) -> list[Json]:
        """The subscriptions that stand."""
        with self._ledger.lock:
            return copy.deepcopy(list(self._api.hooks.subscriptions.values()))

    @staticmethod
    def crc(consumer_secret: str, token: str) -> str:
        """The ``response_token`` a webhook has to give for this ``crc_token``."""
        return signed(consumer_secret, token.encode())

    @staticmethod
    def signature(consumer_secret: str, raw_body: bytes) -> str:
        """The signature that comes with this body."""
        return signed(consumer_secret, raw_body)

    def reach(self, public: str, local: str) -> None:
        """Say where an https origin is reached on this machine: ``https://desk.example.com``, ``http://127.0.0.1:81``."""
        self._api.hooks.hosts[public] = local

    def challenge(self, url: str) -> bool:
        """Whether the webhook at this address answers the challenge as it should."""
        return self._api.hooks.proves(url)

    def deliver(self, url: str, event: Json, *, signature: str | None = None) -> int:
        """Send a signed event to a webhook; the status of the answer, 0 where none came in ten seconds."""
        body = packed(event)
        return self._api.hooks.send(url, body, signed(self.consumer_secret, body) if signature is None else signature)

    def run_replays(self) -> list[int]:
        """Send again what the replay jobs asked for; the statuses of the answers."""
        return self._api.hooks.run_replays()

    def mention_event(self, user_id: str, post_id: str, kind: str = "post.mention.create") -> Json:
        """The event by which a person learns of a post; ``post.reply.create`` and the like have the same shape."""
        with self._ledger.lock:
            return self._api.hooks.post_event(kind, user_id, self._ledger.posts[post_id])

    def delete_event(self, user_id: str, post_id: str) -> Json:
        """The event by which a person's deletion of a post is told."""
        with self._ledger.lock:
            return self._api.hooks.delete_event(user_id, self._ledger.posts[post_id])

    def dm_event(self, user_id: str, event_id: str) -> Json:
        """The event by which a person learns of a direct message."""
        with self._ledger.lock:
            return self._api.hooks.dm_event(user_id, self._ledger.dms[event_id])
