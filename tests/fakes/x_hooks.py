"""What X pushes: webhooks that prove themselves, subscriptions, signed events and their replay."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from . import x_text
from .x_call import Call, check_object
from .x_ledger import DmEvent, Ledger, Post
from .x_meter import Meter
from .x_routes import Route
from .x_rules import PROBLEMS, SUBSCRIPTIONS, Json, Refusal, forbidden, invalid, iso, problem
from .x_view import Views

SIGNATURE_HEADER = "x-twitter-webhooks-signature"
ANSWER_SECONDS = 10
_PUBLIC = frozenset(("post.create", "post.delete", "profile.update.bio", "profile.update.handle", "follow.follow"))
_PRIVATE = {
    "post.mention.create": "tweet.read users.read",
    "post.reply.create": "tweet.read users.read",
    "post.quote.create": "tweet.read users.read",
    "dm.received": "dm.read tweet.read users.read",
    "dm.sent": "dm.read tweet.read users.read",
}
_MINUTE = re.compile(r"\d{12}")


@dataclass(frozen=True)
class Delivery:
    """An event that was sent to a webhook, and what came back; 0: no answer."""

    url: str
    body: bytes
    at: float
    status: int


@dataclass
class Hooks:
    """The methods about webhooks and subscriptions, and what is sent to the hooks."""

    ledger: Ledger
    views: Views
    meter: Meter
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    hosts: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, Json] = field(default_factory=dict)
    subscriptions: dict[str, Json] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    replays: list[tuple[str, float, float]] = field(default_factory=list)

    def routes(self) -> list[Route]:
        """The table of them."""
        hooks, subscriptions = "/2/webhooks", "/2/activity/subscriptions"
        return [
            Route(f"POST {hooks}", self.register, "app"),
            Route(f"GET {hooks}", self.list_hooks, "app"),
            Route(f"PUT {hooks}/:id", self.validate, "app"),
            Route(f"DELETE {hooks}/:id", self.remove_hook, "app"),
            Route(f"POST {hooks}/replay", self.replay, "app"),
            Route(f"POST {subscriptions}", self.subscribe),
            Route(f"GET {subscriptions}", self.list_subscriptions),
            Route(f"DELETE {subscriptions}/:id", self.unsubscribe),
            Route("GET /2/usage/tweets", self.usage, "app", free=True, names=_usage_names),
        ]

    # Methods

    def register(self, call: Call) -> Json:
        """Take a webhook that is reached by https and knows the secret."""
        url = str(call.json({"url": str}).get("url", ""))
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or ":" in parts.netloc:
            raise _failed("UrlValidationFailed", "The URL must use https and name no port.")
        if any(one["url"] == url for one in self.webhooks.values()):
            raise _failed("DuplicateUrlFailed", "There is already a webhook for this URL.")
        if not self.proves(self.reached(url)):
            raise _failed("CrcValidationFailed", "The URL did not answer the challenge as it should.")
        hook: Json = {"id": self.ledger.next_id(), "url": url, "valid": True, "created_at": iso(time.time())}
        self.webhooks[hook["id"]] = hook
        return {"data": hook}

    def list_hooks(self, call: Call) -> Json:
        """The webhooks of the app."""
        return {"data": list(self.webhooks.values()), "meta": {"result_count": len(self.webhooks)}}

    def validate(self, call: Call) -> Json:
        """Challenge a webhook again."""
        hook = self._hook(call.place)
        hook["valid"] = self.proves(self.reached(hook["url"]))
        return {"data": {"valid": hook["valid"]}}

    def remove_hook(self, call: Call) -> Json:
        """Forget a webhook."""
        del self.webhooks[self._hook(call.place)["id"]]
        return {"data": {"deleted": True}}

    def replay(self, call: Call) -> Json:
        """Note that the events of a span are to be sent again."""
        body = call.json({"webhook_id": str, "from_date": str, "to_date": str})
        hook = self._hook(str(body.get("webhook_id", "")))
        start, end = (_minute(name, str(body.get(name, ""))) for name in ("from_date", "to_date"))
        self.replays.append((hook["url"], start, end))
        return {"data": {"job_id": self.ledger.next_id(), "created_at": iso(time.time())}}

    def subscribe(self, call: Call) -> Json:
        """Subscribe to one kind of event of one person."""
        body = call.json({"event_type": str, "filter": dict, "tag": str, "webhook_id": str})
        kind, chosen = str(body.get("event_type", "")), body.get("filter", {})
        check_object(chosen, {"user_id": str, "keyword": str, "direction": str}, "$.filter")
        self._check_kind(call, kind, str(chosen.get("user_id", "")))
        if "webhook_id" in body:
            self._hook(body["webhook_id"])
        same = {"event_type": kind, "filter": chosen}
        if any(same.items() <= one.items() for one in self.subscriptions.values()):
            raise _failed("DuplicateSubscriptionFailed", "There is already such a subscription.")
        if len(self.subscriptions) >= SUBSCRIPTIONS:
            raise forbidden("The number of subscriptions is used up.")
        now = iso(time.time())
        entry = {"subscription_id": self.ledger.next_id(), "created_at": now, "updated_at": now} | body
        self.subscriptions[str(entry["subscription_id"])] = entry
        return {"data": entry, "meta": self._total()}

    def list_subscriptions(self, call: Call) -> Json:
        """The subscriptions of the app."""
        return {"data": list(self.subscriptions.values()), "meta": self._total()}

    def unsubscribe(self, call: Call) -> Json:
        """End a subscription."""
        if self.subscriptions.pop(call.place, None) is None:
            raise problem(404, "Not Found", "No such subscription", f"{PROBLEMS}/resource-not-found")
        return {"data": {"deleted": True}, "meta": self._total()}

    def usage(self, call: Call) -> Json:
        """How many posts were read this month."""
        data: Json = {
            "cap_reset_day": 1,
            "project_cap": "3000000",
            "project_id": "4200000000000002",
            "project_usage": str(self.meter.posts_read),
        }
        return {"data": data}

    # What is sent

    def reached(self, url: str) -> str:
        """Where a public address is reached on this machine."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self.hosts.get(origin, origin) + url.removeprefix(origin)

    def proves(self, url: str) -> bool:
        """Whether what answers at an address knows the secret."""
        token = secrets.token_urlsafe(16)
        try:
            answer = httpx.get(url, params={"crc_token": token}, timeout=ANSWER_SECONDS)
            said = answer.json().get("response_token") if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError, AttributeError):
            return False
        return isinstance(said, str) and hmac.compare_digest(said, signed(self.secret, token.encode()))

    def send(self, url: str, body: bytes, signature: str) -> int:
        """Send an event, and say what was answered."""
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            status = httpx.post(url, content=body, headers=headers, timeout=ANSWER_SECONDS).status_code
        except httpx.HTTPError:
            status = 0
        self.deliveries.append(Delivery(url, body, time.time(), status))
        return status

    def run_replays(self) -> list[int]:
        """Send again what the replay jobs ask for; what was answered, in order."""
        asked, self.replays = self.replays, []
        answers = []
        for url, start, end in asked:
            target = self.reached(url)
            again = [one.body for one in self.deliveries if one.url == target and start <= one.at < end]
            answers += [self.send(target, body, signed(self.secret, body)) for body in dict.fromkeys(again)]
        return answers

    # Envelopes

    def post_event(self, kind: str, user_id: str, post: Post) -> Json:
        """The event about a post that concerns a person."""
        accounts, whole = self.ledger.accounts, self.views.whole_post(post)
        people = dict.fromkeys([post.author, user_id])
        users = [self.views.whole_user(accounts[one]) for one in people]
        return self._envelope(kind, user_id, whole, {"users": users, self.views.spelling.included: [whole]})

    def delete_event(self, user_id: str, post: Post) -> Json:
        """The event about a post that its author deleted."""
        users = [{"data": self.views.whole_user(self.ledger.accounts[post.author])}]
        return self._envelope("post.delete", user_id, {"id": post.id, "author_id": post.author}, {"users": users})

    def dm_event(self, user_id: str, event: DmEvent) -> Json:
        """The event about a direct message, in the words of the API before this one."""
        message: Json = {
            "type": "message_create",
            "id": event.id,
            "created_timestamp": str(int(event.created_at * 1000)),
            "message_create": {
                "target": {"recipient_id": event.recipient},
                "sender_id": event.sender,
                "message_data": {
                    "text": x_text.escaped(event.text),
                    "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
                },
            },
        }
        people = (event.sender, event.recipient)
        users = {one: {"data": self.views.whole_user(self.ledger.accounts[one])} for one in people}
        kind = "dm.received" if user_id == event.recipient else "dm.sent"
        return self._envelope(kind, user_id, {"direct_message_events": [message], "users": users}, None)

    def _envelope(self, kind: str, user_id: str, payload: Json, includes: Json | None) -> Json:
        data: Json = {
            "event_uuid": str(secrets.randbits(64) - 2**63),
            "filter": {"user_id": user_id},
            "event_type": kind,
            "payload": payload,
        }
        return {"data": data | ({"includes": includes} if includes else {})}

    def _check_kind(self, call: Call, kind: str, user_id: str) -> None:
        if kind not in _PUBLIC and kind not in _PRIVATE:
            raise invalid(f"$.event_type: [{kind}] is not one of [{','.join(sorted({*_PUBLIC, *_PRIVATE}))}]")
        if user_id not in self.ledger.accounts:
            raise invalid(f"$.filter.user_id: [{user_id}] is not a user")
        if kind in _PRIVATE:
            allowed = set(_PRIVATE[kind].split()) <= call.caller.scopes
            if call.caller.user_id != user_id or not allowed:
                raise forbidden(
                    "Private events are for the person whom they concern, who must have authorised the app."
                )

    def _hook(self, identifier: str) -> Json:
        if identifier not in self.webhooks:
            raise _failed("WebhookIdInvalid", "No webhook of the app has this id.")
        return self.webhooks[identifier]

    def _total(self) -> Json:
        return {"total_subscriptions": len(self.subscriptions)}


def signed(secret: str, data: bytes) -> str:
    """The proof that somebody who knows the secret has seen these bytes."""
    return f"sha256={base64.b64encode(hmac.new(secret.encode(), data, hashlib.sha256).digest()).decode()}"


def packed(event: Json) -> bytes:
    """An event as it is sent."""
    return json.dumps(event, ensure_ascii=False).encode()


def _usage_names(word: str) -> frozenset[str]:
    return frozenset(("days", "usage.fields"))


def _minute(name: str, text: str) -> float:
    if not _MINUTE.fullmatch(text):
        raise invalid(f"$.{name}: [{text}] is not yyyymmddhhmm")
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()


def _failed(reason: str, detail: str) -> Refusal:
    return problem(400, reason, detail, f"{PROBLEMS}/invalid-request")
