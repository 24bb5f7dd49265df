"""The demo platform: a table is its ledger, and a script its people. It goes through the same pipeline."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    NOTHING,
    Connector,
    Draft,
    Found,
    Identity,
    Limits,
    Page,
    Platform,
    Post,
    Ref,
    Sent,
    Setting,
    Span,
    Stream,
)
from mentions.platforms.demo import ledger, script

PAGE = 100


class Demo(Connector):
    platform = Platform(
        key="demo",
        name="Demo",
        settings=(
            Setting(
                "shown_as",
                "Plays",
                "Which platform it looks like.",
                default="x",
                choices=tuple((key, script.CHANNELS[key]) for key in script.CHANNELS),
            ),
        ),
        streams=(Stream("stream", "A living stream of invented people", rhythm_seconds=20, reads_back=True),),
        public_reply=True,
        private_reply=True,
        like=True,
        lookup=True,
    )

    def connect(self) -> Identity:
        if self.channel == "email":
            why = {"public": "Mail is answered privately.", "like": "Mail knows no likes."}
            return Identity("demo:email", "us", "hello@northwind.example", why)
        return Identity(f"demo:{self.channel}", "us", "northwindrail")

    @property
    def channel(self) -> str:
        return str(self.settings.get("shown_as") or "x")

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        if not self.account_id:  # looked at before it is opened: nobody has said anything yet
            yield Page()
            return
        ledger.let_time_pass(self.account_id, self.channel, dt.datetime.now(dt.UTC))
        after = int(cursor.get("id", 0))
        while rows := ledger.after(self.account_id, after, PAGE):
            after = rows[-1].id
            yield Page(tuple(self._post(row) for row in rows), cursor={"id": after})

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        after = int(position.get("id", 0))
        while rows := ledger.after(self.account_id, after, PAGE):
            after = rows[-1].id
            yield Page(tuple(self._post(row) for row in rows if span.holds(row.said_at)), cursor={"id": after})

    def _post(self, row: ledger.Row) -> Post:
        person = ledger.person(row.author, self.channel)
        return Post(
            kind="mail" if self.channel == "email" else "direct" if row.is_private else "post",
            external_id=f"demo:{row.key}",
            author=person,
            text=row.text,
            said_at=row.said_at,
            thread_key=row.root_key,
            parent_id=f"demo:{row.parent_key}" if row.parent_key else "",
            root_author_id=ledger.person(row.root_author, self.channel).external_id,
            ours=not row.author,
            reference={"key": row.key},
            raw={"key": row.key, "text": row.text, "author": row.author},
        )

    def lookup(self, items: Sequence[Ref]) -> Found:
        keys = {item.external_id: item.external_id.removeprefix("demo:") for item in items}
        rows = ledger.by_key(self.account_id, list(keys.values()))
        return Found(gone=tuple(name for name, key in keys.items() if key not in rows))

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        return Limits(max_length=500 if action == "public" else 2000)

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        payload = {
            "action": draft.action,
            "key": f"ours-{secrets.token_hex(8)}",
            "parent": draft.target.get("key", ""),
            "text": draft.text,
        }
        return [FrozenPart(payload, expected_id=f"demo:{payload['key']}")]

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return True

    def send(self, payload: Mapping[str, Any]) -> Sent:
        ledger.answer(self.account_id, payload, dt.datetime.now(dt.UTC))
        return Sent(f"demo:{payload['key']}")

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        return (
            Sent(f"demo:{payload['key']}")
            if payload["key"] in ledger.by_key(self.account_id, [payload["key"]])
            else None
        )
