"""What the fake network remembers: people, records, accepted writes and notifications."""

from __future__ import annotations

import base64
import copy
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from .bluesky_rules import FACET, LIKE, POST, QUOTE_EMBEDS, REPOST, Json, cid_of, iso, tid_of

# How far up a thread the network tells people of a reply.
REPLY_DEPTH = 5


@dataclass
class Account:
    """A person of the network."""

    did: str
    handle: str
    email: str
    password: str
    app_password: str
    followers: int
    created_at: float
    chat_refusal: str | None = None


@dataclass
class Record:
    """A record in somebody's repository, as it stands; ``created_by_call`` counts the calls that made or changed it."""

    uri: str
    cid: str
    record: Json
    did: str
    collection: str
    rkey: str
    seq: int
    indexed_at: float
    visible_at: float
    created_by_call: int = 0
    deleted: bool = False
    cids: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Write:
    """A write the server accepted; ``changed`` is False where it asked for what already stood there."""

    method: str
    repo: str
    collection: str
    rkey: str
    record: Json | None
    changed: bool


@dataclass
class Notice:
    """One line of an account's notification list; ``raw`` is given out as it is."""

    seq: int
    reason: str
    uri: str
    subject: str | None
    indexed_at: float
    visible_at: float
    raw: Json | None = None


class Ledger:
    """The state of the network; whoever touches it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.records: dict[str, Record] = {}
        self.writes: list[Write] = []
        self.notices: dict[str, list[Notice]] = {}
        self.closed_to_replies: set[str] = set()
        self._seq = 0
        self._last_tid = 0

    def add_account(self, handle: str, password: str, app_password: str, followers: int) -> Account:
        """Register a person; the identifier follows from the handle, so it is the same in every run."""
        digest = base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()
        did = f"did:plc:{digest[:24]}"
        if did in self.accounts or self.account_named(handle) is not None:
            raise ValueError(f"There is already an account {handle}")
        email = f"{handle.replace('.', '-')}@mail.example"
        account = Account(did, handle, email, password, app_password, followers, time.time())
        self.accounts[did], self.notices[did] = account, []
        return account

    def account_named(self, identifier: str) -> Account | None:
        """The account of a did, a handle or an e-mail address."""
        if identifier in self.accounts:
            return self.accounts[identifier]
        name = identifier.lower()
        return next((one for one in self.accounts.values() if name in {one.handle.lower(), one.email}), None)

    def next_tid(self) -> str:
        """A timestamp id later than every one before it."""
        self._last_tid = max(self._last_tid + 1, time.time_ns() // 1000)
        return tid_of(self._last_tid)

    def find(self, uri: str) -> Record | None:
        """The record of a uri, deleted or not; the uri may name its owner by handle."""
        if uri in self.records:
            return self.records[uri]
        owner, slash, path = uri.removeprefix("at://").partition("/")
        account = self.account_named(owner)
        return self.records.get(f"at://{account.did}{slash}{path}") if account else None

    def live(self, collection: str, did: str | None = None) -> list[Record]:
        """The records of a collection that are not deleted, oldest first."""
        return [
            one
            for one in self.records.values()
            if one.collection == collection and not one.deleted and did in {None, one.did}
        ]

    def store(
        self, did: str, collection: str, rkey: str, record: Json, *, calls: int = 0, delay: float = 0
    ) -> tuple[Record, bool]:
        """Put a record where its key says; the same record again changes nothing."""
        uri, cid = f"at://{did}/{collection}/{rkey}", cid_of(record)
        known = self.records.get(uri)
        if known is not None and not known.deleted and known.cid == cid:
            return known, False
        if known is None or known.deleted:
            now = time.time()
            calls += known.created_by_call if known else 0
            known = Record(uri, cid, {}, did, collection, rkey, self._next_seq(), now, now + delay)
            # A record put back after a deletion stands at the end of the list again.
            self.records.pop(uri, None)
            self.records[uri] = known
        known.cid, known.record = cid, copy.deepcopy(record)
        known.cids.add(cid)
        known.created_by_call += calls
        self._notify(known)
        return known, True

    def remove(self, uri: str) -> bool:
        """Delete a record; the notifications of it go with it, as on the network."""
        known = self.find(uri)
        if known is None or known.deleted:
            return False
        known.deleted = True
        for did, notices in self.notices.items():
            self.notices[did] = [one for one in notices if one.raw is not None or one.uri != known.uri]
        return True

    def add_raw_notice(self, did: str, item: Json) -> None:
        """Put an item of any shape at the head of an account's notification list."""
        now = time.time()
        self.notices[did].append(Notice(self._next_seq(), "", "", None, now, now, raw=item))

    def write_post(
        self,
        did: str,
        text: str,
        *,
        reply_to: str | None = None,
        created_at: str | None = None,
        mention: list[str] | None = None,
        quote: str | None = None,
        delay: float = 0,
    ) -> Record:
        """Publish a post as this person, without any call."""
        text, facets = self._mentioning(text, mention or [])
        record: Json = {"$type": POST, "text": text, "createdAt": created_at or iso(time.time())}
        if facets:
            record["facets"] = facets
        if reply_to is not None:
            record["reply"] = self._reply_to(reply_to)
        if quote is not None:
            record["embed"] = {"$type": QUOTE_EMBEDS[0], "record": self._reference(quote)}
        return self.store(did, POST, self.next_tid(), record, delay=delay)[0]

    def edit_post(self, uri: str, text: str) -> Record:
        """Change a post's text; whom it mentioned it still mentions."""
        known = self.records[uri]
        text, facets = self._mentioning(text, list(_mentioned(known.record)))
        record = {key: value for key, value in known.record.items() if key != "facets"} | {"text": text}
        if facets:
            record["facets"] = facets
        return self.store(known.did, known.collection, known.rkey, record)[0]

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _mentioning(self, text: str, dids: list[str]) -> tuple[str, list[Json]]:
        for did in reversed(dids):
            if f"@{self.accounts[did].handle}" not in text:
                text = f"@{self.accounts[did].handle} {text}"
        return text, [self._mention_facet(text, did) for did in dids]

    def _mention_facet(self, text: str, did: str) -> Json:
        mark = f"@{self.accounts[did].handle}"
        # Facets count bytes, and a text of the test may hold half a surrogate pair.
        start = len(text[: text.index(mark)].encode("utf-8", "surrogatepass"))
        index = {"byteStart": start, "byteEnd": start + len(mark.encode())}
        return {"$type": FACET, "index": index, "features": [{"$type": f"{FACET}#mention", "did": did}]}

    def _reply_to(self, uri: str) -> Json:
        parent = self._reference(uri)
        root = self.records[parent["uri"]].record.get("reply", {}).get("root", parent)
        return {"root": root, "parent": parent}

    def _reference(self, uri: str) -> Json:
        known = self.find(uri)
        if known is None:
            raise KeyError(uri)
        return {"uri": known.uri, "cid": known.cid}

    def _notify(self, record: Record) -> None:
        told = {record.did}
        for did, reason, subject in self._concerned(record):
            # The network tells each person once of one record, for the first reason that holds.
            if did in told or did not in self.accounts:
                continue
            told.add(did)
            if all(one.uri != record.uri for one in self.notices[did]):
                line = Notice(self._next_seq(), reason, record.uri, subject, record.indexed_at, record.visible_at)
                self.notices[did].append(line)

    def _concerned(self, record: Record) -> Iterator[tuple[str, str, str | None]]:
        if record.collection in {LIKE, REPOST}:
            subject = record.record["subject"]["uri"]
            yield _owner(subject), record.collection.rpartition(".")[2], subject
        if record.collection != POST:
            return
        for did in _mentioned(record.record):
            yield did, "mention", None
        quoted = quoted_uri(record.record)
        if quoted is not None:
            yield _owner(quoted), "quote", quoted
        for ancestor in self.ancestors(record, REPLY_DEPTH):
            yield _owner(ancestor), "reply", ancestor

    def ancestors(self, record: Record, most: int) -> list[str]:
        """The uris above a post, nearest first; the last may name a post that is gone."""
        found: list[str] = []
        above: Record | None = record
        while above is not None and len(found) < most and "reply" in above.record:
            found.append(above.record["reply"]["parent"]["uri"])
            above = self.find(found[-1])
        return found


def quoted_uri(record: Json) -> str | None:
    """The uri of the post that a post quotes."""
    embed = record.get("embed", {})
    inner = embed.get("record", {})
    if embed.get("$type") == QUOTE_EMBEDS[1]:
        inner = inner.get("record", {})
    uri = inner.get("uri") if embed.get("$type") in QUOTE_EMBEDS else None
    return uri if isinstance(uri, str) else None


def features_of(record: Json, kind: str) -> list[Json]:
    """The facet features of one kind: mention, link or tag."""
    every = [feature for facet in record.get("facets", []) for feature in facet["features"]]
    return [feature for feature in every if feature["$type"] == f"{FACET}#{kind}"]


def _mentioned(record: Json) -> dict[str, None]:
    return dict.fromkeys(feature["did"] for feature in features_of(record, "mention"))


def _owner(uri: str) -> str:
    return uri.removeprefix("at://").partition("/")[0]
