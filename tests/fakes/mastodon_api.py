"""Who may call which method of the fake server, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .faults import Answer, json_answer
from .mastodon_call import Call, Route
from .mastodon_ledger import Ledger
from .mastodon_oauth import OAuth, Tokens
from .mastodon_rates import RateWindow, TooMany
from .mastodon_reads import Reads
from .mastodon_rules import Refusal, covers, not_found
from .mastodon_views import Views
from .mastodon_writes import Instance, Writes
from .server import Incoming


class Api:
    """Answers requests by the rules."""

    def __init__(self, ledger: Ledger, origin: Callable[[], str]) -> None:
        self.tokens = Tokens(ledger.options)
        self.oauth = OAuth(ledger.options, self.tokens, origin)
        self._ledger, self._options = ledger, ledger.options
        self._requests = RateWindow()
        views = Views(ledger)
        parts = (self.oauth, Reads(ledger, views, origin), Writes(ledger, views), Instance(ledger))
        self._routes = [route for part in parts for route in part.routes()]

    def named(self, verb: str, path: str) -> str:
        """The method's template; a path of no method stands for itself."""
        found = self._found(verb, path)
        return f"{verb} {path}" if found is None else found[0].name

    def answer(self, incoming: Incoming) -> Answer:
        """Do what a request asks, or say why not."""
        with self._ledger.lock:
            headers: dict[str, str] = {}
            try:
                headers |= self._counted(incoming)
                answer = self._routed(incoming)
            except TooMany as refusal:
                return json_answer(refusal.status, refusal.body, refusal.headers)
            except Refusal as refusal:
                return json_answer(refusal.status, refusal.body, headers)
            return replace(answer, headers={**headers, **answer.headers})

    def _found(self, verb: str, path: str) -> tuple[Route, str] | None:
        for route in self._routes:
            argument = route.argument(verb, path)
            if argument is not None:
                return route, argument
        return None

    def _counted(self, incoming: Incoming) -> dict[str, str]:
        limit = self._options.rate_limit
        if limit is None or not incoming.path.startswith("/api/"):
            return {}
        caller = incoming.headers.get("authorization", "address")
        return self._requests.spend(caller, limit, self._options.window_seconds)

    def _routed(self, incoming: Incoming) -> Answer:
        found = self._found(incoming.verb, incoming.path)
        if found is None:
            raise not_found()
        route, argument = found
        call = Call(incoming.path, incoming.query, incoming.headers, incoming.body, argument)
        return route.run(self._admitted(route, call))

    def _admitted(self, route: Route, call: Call) -> Call:
        """The call with its token and account; refused where the method asks for more."""
        if route.template.startswith("/oauth/"):
            return call
        token = self.tokens.presented(call.headers.get("authorization", ""))
        if token is None:
            if route.access != "open":
                raise Refusal(401, "The access token is invalid")
            return call
        if route.scopes and not any(covers(token.scopes, scope) for scope in route.scopes):
            raise Refusal(403, "This action is outside the authorized scopes")
        if token.account_id is None and route.access == "user":
            raise Refusal(422, "This method requires an authenticated user")
        account = None if token.account_id is None else self._ledger.accounts[token.account_id]
        return replace(call, token=token, account=account)
