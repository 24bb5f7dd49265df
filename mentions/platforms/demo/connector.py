"""The demo platform: a table is its ledger, and a script its people. It goes through the same pipeline."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from helpdesk.ports import FrozenPart
from mentions.platforms.base import (
    ENDS,
    NOTHING,
    Connector,
    Draft,
    File,
    Found,
    Identity,
    Limits,
    Page,
    Platform,
    Post,
    Ref,
    Search,
    Sent,
    Setting,
    Span,
    Stream,
)
from mentions.platforms.demo import ledger, script

PAGE, LONGEST_QUERY = 100, 500


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
            ENDS,
        ),
        streams=(
            Stream("stream", "A living stream of invented people", rhythm_seconds=20, reads_back=True),
            Stream("search", "What is said without naming us", takes_query=True, rhythm_seconds=60),
        ),
        public_reply=True,
        private_reply=True,
        like=True,
        lookup=True,
        moderates=True,
        is_paid=True,
    )

    def connect(self) -> Identity:
        if self.channel == "email":
            return Identity("demo:email", "us", "hello@northwind.example", {"like": "Mail knows no likes."})
        if self.channel == "feed":
            why = "A feed can only be read. Open the page to answer there."
            return Identity("demo:feed", "us", "Rail watchers", dict.fromkeys(("public", "private", "like"), why))
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
        while rows := ledger.after(self.account_id, after, PAGE, query):
            after = rows[-1].id
            self.charge("posts read", len(rows), len(rows) * self.read_price(stream))
            yield Page(tuple(self._post(row) for row in rows), cursor={"id": after})

    def read_price(self, stream: str) -> int:
        return 5000 if self.channel == "x" else 0

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        after = int(position.get("id", 0))
        while rows := ledger.after(self.account_id, after, min(PAGE, max(most, 0))):
            after = rows[-1].id
            fitting = [row for row in rows if span.holds(row.said_at)]
            most -= len(fitting)
            self.charge("posts read", len(fitting), len(fitting) * self.read_price(stream))
            yield Page(tuple(map(self._post, fitting)), cursor={"id": after})

    def queries(self, search: Search) -> list[str]:
        """All of it in one."""
        return [ledger.EITHER.join(search.include)[:LONGEST_QUERY]]

    def _post(self, row: ledger.Row) -> Post:
        person = ledger.person(row.author, self.channel)
        about, file = row.about, row.about.get("file")
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
            private=False if about.get("list") else None,
            url=str(about.get("url", "")),
            subject=str(about.get("subject", "")),
            html=str(about.get("html", "")),
            quoted=str(about.get("quoted", "")),
            files=(File(file["name"], file["media_type"], file["text"].encode()),) if file else (),
            reference={"key": row.key, **{name: about[name] for name in ("held", "list") if name in about}},
            raw={"key": row.key, "text": row.text, "author": row.author},
        )

    def lookup(self, items: Sequence[Ref]) -> Found:
        keys = {item.external_id: item.external_id.removeprefix("demo:") for item in items}
        rows = ledger.by_key(self.account_id, list(keys.values()))
        return Found(gone=tuple(name for name, key in keys.items() if key not in rows))

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        return Limits(max_length=500 if action == "public" else 2000)

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        if action in ("approve", "spam") and not target.get("held"):
            return "This comment is not waiting for approval."
        if action == "hide" and (target.get("held") or self.channel != "blog"):
            return (
                "Only a comment that is shown can be hidden."
                if self.channel == "blog"
                else "Nothing can be hidden here."
            )
        if action == "public" and self.channel == "email" and not target.get("list"):
            return "Mail is answered privately."
        return ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        payload = {
            "action": draft.action,
            "key": f"ours-{secrets.token_hex(8)}",
            "parent": draft.target.get("key", ""),
            "text": draft.text,
        }
        return [FrozenPart(payload, expected_id=f"demo:{payload['key']}")]

    def write_price(self, payload: Mapping[str, Any]) -> int:
        return 15_000 if self.channel == "x" and payload.get("action") != "like" else 0

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
