"""Direct messages of the fake network: conversations of two, and a log that only grows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .bluesky_ledger import Account, Ledger
from .bluesky_rules import Json, Refusal, check_facets, check_text, cid_of, invalid, iso, page
from .bluesky_sessions import Call, Options, input_object, input_text

PROXY = "did:web:api.bsky.chat#bsky_chat"
LOG_PAGE = 100
_DEFS = "chat.bsky.convo.defs"


@dataclass(frozen=True)
class Message:
    """A chat message; ``by_call`` is False where a test put it there."""

    id: str
    rev: str
    convo_id: str
    sender: str
    text: str
    sent_at: float
    by_call: bool
    facets: list[Json] | None = None


@dataclass
class _Convo:
    id: str
    members: tuple[str, str]
    rev: str
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True)
class _Event:
    rev: str
    convo: _Convo
    message: Message | None


class Chat:
    """The chat service; whoever calls it holds the ledger's lock."""

    def __init__(self, ledger: Ledger, options: Options) -> None:
        self._ledger, self._options = ledger, options
        self._convos: dict[str, _Convo] = {}
        self._log: list[_Event] = []
        self.messages: list[Message] = []

    def check_route(self, call: Call) -> None:
        """A personal data server passes chat on only where it is told to, and only to a service that is up."""
        target = call.headers.get("atproto-proxy")
        if target is None:
            raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")
        if target != PROXY:
            raise invalid("could not resolve proxy did service url")
        if not self._options.chat:
            raise Refusal(502, "UpstreamFailure", "pipethrough network error")

    def write(self, sender: str, recipient: str, text: str) -> Message:
        """Send a message without any call."""
        return self._append(self._between(sender, recipient), sender, text, None, by_call=False)

    def list_convos(self, viewer: Account, call: Call) -> Json:
        """chat.bsky.convo.listConvos: the latest first."""
        mine = [(one.rev, self._view(one, viewer)) for one in self._convos.values() if viewer.did in one.members]
        convos, cursor = page(mine, call.number("limit", 50, 1, 100), call.one("cursor"))
        return {"convos": convos} | _cursor(cursor)

    def convo_for_members(self, viewer: Account, call: Call) -> Json:
        """chat.bsky.convo.getConvoForMembers: the same conversation for the same people, always."""
        others = [did for did in call.many("members", 10) if did != viewer.did]
        if len(others) != 1 or others[0] not in self._ledger.accounts:
            raise invalid("recipient not found")
        refusal = self._ledger.accounts[others[0]].chat_refusal
        if refusal is not None:
            raise Refusal(400, refusal, "recipient does not take messages from the sender")
        return {"convo": self._view(self._between(viewer.did, others[0]), viewer)}

    def get_log(self, viewer: Account, call: Call) -> Json:
        """chat.bsky.convo.getLog: what happened after a rev, in order."""
        after = call.one("cursor") or ""
        later = [one for one in self._log if viewer.did in one.convo.members and one.rev > after][:LOG_PAGE]
        return {"logs": [_log_view(one) for one in later]} | _cursor(later[-1].rev if later else after or None)

    def get_messages(self, viewer: Account, call: Call) -> Json:
        """chat.bsky.convo.getMessages: the latest first."""
        rows = [(one.rev, _message_view(one)) for one in self._of(viewer, call.need("convoId")).messages]
        limit, options = call.number("limit", 50, 1, 100), self._options
        messages, cursor = page(rows, limit, call.one("cursor"), shuffled=options.shuffle_pages)
        return {"messages": messages} | _cursor(cursor)

    def send_message(self, viewer: Account, call: Call) -> Json:
        """chat.bsky.convo.sendMessage: every accepted call makes a message, whatever it says."""
        body = call.input()
        convo, message = self._of(viewer, input_text(body, "convoId")), input_object(body, "message")
        text = check_text(message.get("text"), "Input/message/text", graphemes=1000, octets=10_000)
        if "facets" in message:
            check_facets(message["facets"], text)
        other = next(self._ledger.accounts[did] for did in convo.members if did != viewer.did)
        if other.chat_refusal is not None:
            raise Refusal(400, other.chat_refusal, "recipient does not take messages from the sender")
        return _message_view(self._append(convo, viewer.did, text, message.get("facets"), by_call=True))

    def _between(self, first: str, second: str) -> _Convo:
        members = (min(first, second), max(first, second))
        convo_id = cid_of({"members": members})[7:20]
        if convo_id not in self._convos:
            convo = self._convos[convo_id] = _Convo(convo_id, members, self._ledger.next_tid())
            self._log.append(_Event(convo.rev, convo, None))
        return self._convos[convo_id]

    def _append(self, convo: _Convo, sender: str, text: str, facets: list[Json] | None, *, by_call: bool) -> Message:
        rev = self._ledger.next_tid()
        message = Message(self._ledger.next_tid(), rev, convo.id, sender, text, time.time(), by_call, facets)
        convo.rev = rev
        convo.messages.append(message)
        self.messages.append(message)
        self._log.append(_Event(rev, convo, message))
        return message

    def _of(self, viewer: Account, convo_id: str) -> _Convo:
        convo = self._convos.get(convo_id)
        if convo is None or viewer.did not in convo.members:
            raise Refusal(400, "InvalidConvo", "Convo not found")
        return convo

    def _view(self, convo: _Convo, viewer: Account) -> Json:
        people = [self._ledger.accounts[did] for did in convo.members]
        view: Json = {
            "id": convo.id,
            "rev": convo.rev,
            "members": [{"did": one.did, "handle": one.handle, "labels": []} for one in people],
            "muted": False,
            "status": "accepted",
            "unreadCount": sum(one.sender != viewer.did for one in convo.messages),
        }
        if convo.messages:
            view["lastMessage"] = _message_view(convo.messages[-1])
        return view


def _message_view(message: Message) -> Json:
    view: Json = {
        "$type": f"{_DEFS}#messageView",
        "id": message.id,
        "rev": message.rev,
        "text": message.text,
        "sender": {"did": message.sender},
        "sentAt": iso(message.sent_at),
    }
    return view | ({"facets": message.facets} if message.facets is not None else {})


def _log_view(event: _Event) -> Json:
    if event.message is None:
        return {"$type": f"{_DEFS}#logBeginConvo", "rev": event.rev, "convoId": event.convo.id}
    message = _message_view(event.message)
    return {"$type": f"{_DEFS}#logCreateMessage", "rev": event.rev, "convoId": event.convo.id, "message": message}


def _cursor(cursor: str | None) -> Json:
    return {} if cursor is None else {"cursor": cursor}
