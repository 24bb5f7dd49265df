"""The methods of the fake X: who may call them, how often, what they cost and what they answer."""

from __future__ import annotations

from dataclasses import replace

from .faults import Answer, json_answer
from .server import Incoming
from .x_call import Call
from .x_hooks import Hooks
from .x_ledger import Ledger
from .x_messages import Messages
from .x_meter import Meter, Windows
from .x_oauth import Tokens
from .x_posting import Posting
from .x_reading import Reading
from .x_routes import Passes, Route, Table
from .x_rules import Json, Options, Refusal, problem
from .x_view import Views

TOKEN, REVOKE = "POST /2/oauth2/token", "POST /2/oauth2/revoke"


class Api:
    """Answers requests by the rules."""

    def __init__(self, ledger: Ledger, options: Options) -> None:
        self.tokens, self.meter, self.windows = Tokens(options), Meter(options), Windows(options)
        self._ledger, self._options = ledger, options
        views, passes = Views(ledger, options), Passes()
        self.hooks = Hooks(ledger, views, self.meter)
        reading = Reading(ledger, views, self.meter, passes)
        posting = Posting(ledger, views, self.meter, options)
        messages = Messages(ledger, views, self.meter, options, passes)
        self._table = Table([*reading.routes(), *posting.routes(), *messages.routes(), *self.hooks.routes()])

    def named(self, incoming: Incoming) -> str | None:
        """The name of the method a request calls; None: there is no such method."""
        name = f"{incoming.verb} {incoming.path}"
        if name in {TOKEN, REVOKE}:
            return name
        found = self._table.find(incoming.verb, incoming.path)
        return found[0].name if found else None

    def answer(self, incoming: Incoming) -> Answer:
        """Do what a request asks, or say why not."""
        name = f"{incoming.verb} {incoming.path}"
        found = self._table.find(incoming.verb, incoming.path)
        try:
            if name in {TOKEN, REVOKE}:
                run = self.tokens.answer if name == TOKEN else self.tokens.revoked
                with self._ledger.lock:
                    return json_answer(200, run(incoming.headers, incoming.body))
            if found is None:
                raise problem(404, "Not Found", "Not Found")
            return self._called(*found, incoming)
        except Refusal as refusal:
            return json_answer(refusal.status, refusal.body)

    def _called(self, route: Route, place: str, incoming: Incoming) -> Answer:
        call = Call(route.name, place, incoming.query, incoming.headers, incoming.body)
        with self._ledger.lock:
            call = replace(call, caller=self.tokens.caller(incoming.headers.get("authorization", "")))
            route.check(call.caller)
            headers, fits = self.windows.spend(call)
            try:
                if not fits:
                    raise problem(429, "Too Many Requests", "Too Many Requests")
                return json_answer(route.status, self._run(route, call), headers)
            except Refusal as refusal:
                return json_answer(refusal.status, refusal.body, headers)

    def _run(self, route: Route, call: Call) -> Json:
        if not route.free:
            self.meter.check(route.name)
        call.allow(route.names(self._options.spelling))
        return route.run(call)
