"""The XRPC methods of the fake server: who may call them, how often, and what repositories and sessions answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .bluesky_chat import Chat
from .bluesky_feed import Feed
from .bluesky_ledger import Account, Ledger, Record, Write
from .bluesky_rules import Json, Refusal, check_key, check_record, cid_of, invalid, page
from .bluesky_sessions import ACCESS, REFRESH, Call, Options, RateWindow, Sessions, input_object, input_text
from .faults import Answer, json_answer

# What a write costs of the points an account has in an hour.
_PUT, _CREATE, _DELETE = 2, 3, 1


@dataclass(frozen=True)
class _Open:
    """A method anybody may call."""

    verb: str
    run: Callable[[Call], Json]


@dataclass(frozen=True)
class _Signed:
    """A method for the owner of an access token."""

    verb: str
    run: Callable[[Account, Call], Json]


class Xrpc:
    """Answers calls by the rules."""

    def __init__(self, ledger: Ledger, options: Options, origin: Callable[[], str]) -> None:
        self.sessions = Sessions(options)
        self.chat = Chat(ledger, options)
        self._ledger, self._options, self._origin = ledger, options, origin
        self._requests, self._logins, self._points = RateWindow(), RateWindow(), RateWindow()
        self._rate_headers: dict[str, str] = {}
        self._methods = self._table(Feed(ledger, options))

    def answer(self, call: Call) -> Answer:
        """Do what a call asks, or say why not."""
        with self._ledger.lock:
            self._rate_headers = {}
            try:
                body = self._routed(call)
            except Refusal as refusal:
                error = {"error": refusal.error, "message": refusal.message}
                return json_answer(refusal.status, error, self._rate_headers | refusal.headers)
            return json_answer(200, body, self._rate_headers)

    def did_document(self, account: Account) -> Json:
        """Who an account is and where its server stands."""
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": account.did,
            "alsoKnownAs": [f"at://{account.handle}"],
            "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self._origin()}],
        }

    def _table(self, feed: Feed) -> dict[str, _Open | _Signed]:
        return {
            "com.atproto.server.createSession": _Open("POST", self._create_session),
            "com.atproto.server.refreshSession": _Open("POST", self._refresh_session),
            "com.atproto.server.getSession": _Signed("GET", self._get_session),
            "com.atproto.identity.resolveHandle": _Open("GET", self._resolve_handle),
            "com.atproto.repo.putRecord": _Signed("POST", self._put_record),
            "com.atproto.repo.createRecord": _Signed("POST", self._create_record),
            "com.atproto.repo.deleteRecord": _Signed("POST", self._delete_record),
            "com.atproto.repo.getRecord": _Open("GET", self._get_record),
            "com.atproto.repo.listRecords": _Open("GET", self._list_records),
            "app.bsky.notification.listNotifications": _Signed("GET", feed.list_notifications),
            "app.bsky.feed.getPosts": _Signed("GET", feed.get_posts),
            "app.bsky.feed.getPostThread": _Signed("GET", feed.get_post_thread),
            "app.bsky.feed.searchPosts": _Signed("GET", feed.search_posts),
            "app.bsky.actor.getProfile": _Signed("GET", feed.get_profile),
            "app.bsky.actor.getProfiles": _Signed("GET", feed.get_profiles),
            "chat.bsky.convo.listConvos": _Signed("GET", self.chat.list_convos),
            "chat.bsky.convo.getConvoForMembers": _Signed("GET", self.chat.convo_for_members),
            "chat.bsky.convo.getLog": _Signed("GET", self.chat.get_log),
            "chat.bsky.convo.getMessages": _Signed("GET", self.chat.get_messages),
            "chat.bsky.convo.sendMessage": _Signed("POST", self.chat.send_message),
        }

    def _routed(self, call: Call) -> Json:
        options = self._options
        if options.rate_limit is not None:
            self._rate_headers = self._requests.spend("address", options.rate_limit, options.window_seconds)
        method = self._methods.get(call.method)
        if method is None:
            raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")
        if call.verb != method.verb:
            raise Refusal(405, "InvalidRequest", f"Incorrect HTTP method ({call.verb}) expected {method.verb}")
        if isinstance(method, _Open):
            return method.run(call)
        did = self.sessions.owner(call.headers.get("authorization"), ACCESS)
        if call.method.startswith("chat."):
            self.chat.check_route(call)
        return method.run(self._ledger.accounts[did], call)

    def _create_session(self, call: Call) -> Json:
        body = call.input()
        identifier, password = input_text(body, "identifier"), input_text(body, "password")
        account = self._ledger.account_named(identifier)
        options, key = self._options, account.did if account else identifier.lower()
        self._rate_headers = self._logins.spend(key, options.session_limit, options.window_seconds)
        if account is None or password not in {account.app_password, account.password}:
            raise Refusal(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session_view(account) | self.sessions.open(account)

    def _refresh_session(self, call: Call) -> Json:
        authorization = call.headers.get("authorization", "")
        did = self.sessions.owner(authorization or None, REFRESH)
        if call.body:
            raise invalid("A request body was provided when none was expected")
        self.sessions.spend_refresh(authorization)
        account = self._ledger.accounts[did]
        return self._session_view(account) | self.sessions.open(account)

    def _get_session(self, viewer: Account, call: Call) -> Json:
        return self._session_view(viewer)

    def _session_view(self, account: Account) -> Json:
        document = self.did_document(account)
        return {"did": account.did, "handle": account.handle, "didDoc": document, "active": True}

    def _resolve_handle(self, call: Call) -> Json:
        name = call.need("handle")
        account = self._ledger.account_named(name)
        if account is None or account.handle.lower() != name.lower():
            raise invalid("Unable to resolve handle")
        return {"did": account.did}

    def _put_record(self, viewer: Account, call: Call) -> Json:
        body = call.input()
        collection, rkey = self._own_key(viewer, body), input_text(body, "rkey")
        record = self._checked(collection, rkey, body)
        self._check_swap(viewer, collection, rkey, body)
        self._spend_points(viewer, _PUT)
        return self._written(viewer, call.method, collection, rkey, record)

    def _create_record(self, viewer: Account, call: Call) -> Json:
        body = call.input()
        collection = self._own_key(viewer, body)
        rkey = input_text(body, "rkey") if "rkey" in body else self._ledger.next_tid()
        record = self._checked(collection, rkey, body)
        if self._standing(viewer, collection, rkey) is not None:
            raise invalid(f"Record already exists: at://{viewer.did}/{collection}/{rkey}")
        self._spend_points(viewer, _CREATE)
        return self._written(viewer, call.method, collection, rkey, record)

    def _delete_record(self, viewer: Account, call: Call) -> Json:
        body = call.input()
        collection, rkey = self._own_key(viewer, body), input_text(body, "rkey")
        check_key(collection, rkey)
        self._check_swap(viewer, collection, rkey, body)
        self._spend_points(viewer, _DELETE)
        changed = self._ledger.remove(f"at://{viewer.did}/{collection}/{rkey}")
        self._ledger.writes.append(Write(call.method, viewer.did, collection, rkey, None, changed))
        return {"commit": self._commit(rkey)} if changed else {}

    def _get_record(self, call: Call) -> Json:
        owner, collection, rkey = self._repo(call.need("repo")), call.need("collection"), call.need("rkey")
        found, cid = self._standing(owner, collection, rkey), call.one("cid")
        if found is None or cid not in {None, found.cid}:
            where = f"at://{owner.did}/{collection}/{rkey}"
            raise Refusal(400, "RecordNotFound", f"Could not locate record: {where}")
        return {"uri": found.uri, "cid": found.cid, "value": found.record}

    def _list_records(self, call: Call) -> Json:
        owner, collection = self._repo(call.need("repo")), call.need("collection")
        limit, ascending = call.number("limit", 50, 1, 100), call.one("reverse") == "true"
        standing = self._ledger.live(collection, owner.did)
        rows = [(one.rkey, {"uri": one.uri, "cid": one.cid, "value": one.record}) for one in standing]
        records, cursor = page(
            rows, limit, call.one("cursor"), ascending=ascending, shuffled=self._options.shuffle_pages
        )
        return {"records": records} | ({"cursor": cursor} if cursor else {})

    def _repo(self, identifier: str) -> Account:
        account = self._ledger.account_named(identifier)
        if account is None:
            raise invalid(f"Could not find repo: {identifier}")
        return account

    def _own_key(self, viewer: Account, body: Json) -> str:
        owner, collection = self._repo(input_text(body, "repo")), input_text(body, "collection")
        if owner.did != viewer.did:
            raise Refusal(403, "Forbidden", f"The repo of {owner.did} is not yours")
        return collection

    def _checked(self, collection: str, rkey: str, body: Json) -> Json:
        check_key(collection, rkey)
        record = input_object(body, "record")
        check_record(collection, record, self._ledger.find)
        return record

    def _check_swap(self, viewer: Account, collection: str, rkey: str, body: Json) -> None:
        if "swapRecord" not in body:
            return
        standing = self._standing(viewer, collection, rkey)
        if (standing.cid if standing else None) != body["swapRecord"]:
            raise Refusal(400, "InvalidSwap", f"Record was at {standing.cid if standing else None}")

    def _standing(self, owner: Account, collection: str, rkey: str) -> Record | None:
        found = self._ledger.records.get(f"at://{owner.did}/{collection}/{rkey}")
        return found if found is not None and not found.deleted else None

    def _spend_points(self, viewer: Account, points: int) -> None:
        headers = self._points.spend(viewer.did, self._options.write_points, 3600, points)
        self._rate_headers = self._rate_headers or headers

    def _written(self, viewer: Account, method: str, collection: str, rkey: str, record: Json) -> Json:
        delay = self._options.index_delay
        stored, changed = self._ledger.store(viewer.did, collection, rkey, record, calls=1, delay=delay)
        self._ledger.writes.append(Write(method, viewer.did, collection, rkey, record, changed))
        answer: Json = {"uri": stored.uri, "cid": stored.cid, "validationStatus": "valid"}
        return answer | ({"commit": self._commit(stored.cid)} if changed else {})

    def _commit(self, change: str) -> Json:
        rev = self._ledger.next_tid()
        return {"cid": cid_of({"rev": rev, "change": change}), "rev": rev}
