"""Direct messages: what one reads of the last thirty days, and writing to those who wrote first."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .x_call import Call, check_object
from .x_ledger import DmEvent, Ledger, conversation_of
from .x_meter import Meter
from .x_routes import Passes, Route
from .x_rules import DAY, DM_DAYS, DM_KINDS, DM_TEXT, Json, Options, Word, forbidden, invalid, is_id
from .x_view import Views

_PAGE = frozenset(("max_results", "event_types", "pagination_token"))


@dataclass
class Messages:
    """The methods about direct messages; only a person's own token opens them."""

    ledger: Ledger
    views: Views
    meter: Meter
    options: Options
    passes: Passes

    def routes(self) -> list[Route]:
        """The table of them."""
        read, write = "dm.read tweet.read users.read", "dm.read dm.write tweet.read users.read"
        one, other = "/2/dm_conversations/with/:id", "/2/dm_conversations/:id"
        return [
            Route("GET /2/dm_events", self.events, "user", read, self._names),
            Route(f"GET {one}/dm_events", self.events_with, "user", read, self._names),
            Route(f"GET {other}/dm_events", self.events_in, "user", read, self._names),
            Route(f"POST {one}/messages", self.write_to, "user", write, status=201),
            Route(f"POST {other}/messages", self.write_in, "user", write, status=201),
        ]

    def events(self, call: Call) -> Json:
        """Everything the caller sees, newest first."""
        return self._listed(call, self.ledger.dms_of(call.caller.user_id))

    def events_with(self, call: Call) -> Json:
        """The conversation with one person."""
        return self._conversation(call, conversation_of(call.path_id(), call.caller.user_id))

    def events_in(self, call: Call) -> Json:
        """One conversation."""
        self._partner(call)
        return self._conversation(call, call.place)

    def write_to(self, call: Call) -> Json:
        """Write to a person."""
        return self._write(call, call.path_id())

    def write_in(self, call: Call) -> Json:
        """Write in a conversation."""
        return self._write(call, self._partner(call))

    def _names(self, word: Word) -> frozenset[str]:
        return _PAGE | self.views.parameters(word, dms=True)

    def _partner(self, call: Call) -> str:
        members = call.place.split("-")
        if len(members) != 2 or not all(map(is_id, members)) or conversation_of(*members) != call.place:
            raise invalid(f"The `id` query parameter value [{call.place}] is not valid", id=call.place)
        if call.caller.user_id not in members:
            raise forbidden("You are not a participant of this conversation.")
        return members[1 - members.index(call.caller.user_id)]

    def _conversation(self, call: Call, identifier: str) -> Json:
        events = self.ledger.dms_of(call.caller.user_id)
        return self._listed(call, [one for one in events if one.conversation == identifier])

    def _listed(self, call: Call, events: list[DmEvent]) -> Json:
        wanted = self.views.wanted(call, dms=True)
        kinds = call.listed("event_types", DM_KINDS) or DM_KINDS
        size = call.number("max_results", 100, 1, 100)
        oldest = time.time() - DM_DAYS * DAY
        rows = [(int(one.id), one) for one in events if one.kind in kinds and one.created_at >= oldest]
        page, following = self.passes.page(call, rows, size, "pagination_token")
        shown = [event for _, event in page]
        self.meter.read(call, "dm_read", (one.id for one in shown))
        meta: Json = {"result_count": len(shown)} | ({"next_token": following} if following else {})
        return self.views.dms(shown, wanted) | {"meta": meta}

    def _write(self, call: Call, partner: str) -> Json:
        body = call.json({"text": str, "attachments": list})
        for one in body.get("attachments", []):
            check_object(one, {"media_id": str}, "$.attachments")
            raise invalid("Your media IDs are invalid.")
        text, writer = body.get("text", ""), call.caller.user_id
        if not text.strip():
            raise invalid("$.text: a message must have text or an attachment")
        if len(text) > DM_TEXT:
            raise invalid(f"$.text: [{len(text)}] is not between 1 and {DM_TEXT}")
        if partner not in self.ledger.accounts or partner == writer:
            raise forbidden("You cannot send messages to this user.")
        if self.options.dm_first and not self._has_written(partner, writer):
            raise forbidden("You do not have permission to DM one or more participants.")
        event = self.ledger.write_dm(writer, partner, text, "MessageCreate", None)
        self.meter.wrote("dm_create")
        return {"data": {"dm_conversation_id": event.conversation, "dm_event_id": event.id}}

    def _has_written(self, partner: str, writer: str) -> bool:
        mine = self.ledger.dms_of(writer)
        return any(one.sender == partner and one.kind == "MessageCreate" for one in mine)
