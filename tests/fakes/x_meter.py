"""What calls cost, when the money is gone, and how many calls a window takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from .x_call import Call
from .x_rules import DAY, LIMITS, POST_CAP, PRICES, PROBLEMS, Json, Limits, Options, Rate, Refusal, problem

ACCOUNT = 4_200_000_000_000_001
_POST_READS = frozenset(
    (
        "GET /2/tweets",
        "GET /2/tweets/:id",
        "GET /2/tweets/search/recent",
        "GET /2/tweets/:id/quote_tweets",
        "GET /2/users/:id/tweets",
        "GET /2/users/:id/mentions",
    )
)


class Meter:
    """Counts what is charged; the same resource is charged once on one UTC day."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._counts = dict.fromkeys(PRICES, 0)
        self._seen: set[tuple[str, str, str]] = set()
        self._left: float | None = None
        self.capped = False
        self.used_up = False

    @property
    def charges(self) -> dict[str, float]:
        """How many of each thing were charged, and the dollars they cost."""
        spent = sum(PRICES[kind] * count for kind, count in self._counts.items())
        return {**self._counts, "spent": round(spent, 6)}

    @property
    def posts_read(self) -> int:
        """How many posts count against the month's cap."""
        return self._counts["post_read"] + self._counts["owned_read"]

    def set_credit(self, dollars: float | None) -> None:
        """Leave so much to be spent; None: no end of it."""
        self._left = dollars

    def check(self, method: str) -> None:
        """Refuse a call where the money is gone or the spending is capped."""
        if self._left is not None and self._left <= 0:
            detail = f"Your enrolled account [{ACCOUNT}] does not have any credits to fulfill this request."
            raise Refusal(402, self._billing("CreditsDepleted", detail))
        if self.capped:
            reset = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
            detail = (
                f"Your enrolled account [{ACCOUNT}] has reached its billing cycle spend cap. "
                f"API requests will be blocked until the next cycle begins on {reset}."
            )
            raise Refusal(403, self._billing("SpendCapReached", detail) | {"reset_date": reset})
        if method in _POST_READS and (self.used_up or self.posts_read >= POST_CAP):
            more = {"period": "Monthly", "scope": "Product", "account_id": ACCOUNT}
            detail = "Usage cap exceeded: Monthly product cap"
            raise problem(429, "UsageCapExceeded", detail, f"{PROBLEMS}/usage-capped", **more)

    def read(self, call: Call, kind: str, ids: Iterable[str]) -> None:
        """Charge the resources that an answer holds."""
        if call.caller.owns_app and call.method in self._options.owned_methods and call.place == call.caller.user_id:
            kind = "owned_read"
        today = datetime.now(UTC).date().isoformat()
        for one in ids:
            resource = kind.removeprefix("owned_").removeprefix("post_")
            if (resource, one, today) not in self._seen:
                self._seen.add((resource, one, today))
                self._charge(kind)

    def wrote(self, kind: str) -> None:
        """Charge something that was created."""
        self._charge(kind)

    def _charge(self, kind: str) -> None:
        self._counts[kind] += 1
        if self._left is not None:
            self._left = round(self._left - PRICES[kind], 6)

    @staticmethod
    def _billing(title: str, detail: str) -> Json:
        return {"account_id": ACCOUNT, "title": title, "detail": detail, "type": f"{PROBLEMS}/credits"}


class Windows:
    """How many calls each window has taken, for each method and caller."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._set: dict[str, Limits] = {}
        self._windows: dict[tuple[str, str, Rate], tuple[int, int]] = {}

    def set_limit(self, method: str, calls: int, seconds: int) -> None:
        """Hold every caller of a method to this, whatever the published limit."""
        rate = (Rate(calls, seconds),)
        self._set[method] = Limits(rate, rate)

    def spend(self, call: Call) -> tuple[dict[str, str], bool]:
        """Count a call; the headers that say where the caller stands, and whether the call is still within."""
        rates = self._rates(call)
        if not rates:
            return {}, True
        now = time.time()
        states = [(rate, *self._window(key, rate, now)) for key, rate in rates]
        fits = all(used < rate.calls for rate, _, used in states)
        if fits:
            for (key, rate), (_, ends, used) in zip(rates, states, strict=True):
                self._windows[(*key, rate)] = (ends, used + 1)
        rate, ends, used = min(states, key=lambda state: (state[0].calls - state[2], -state[1]))
        headers = {
            "x-rate-limit-limit": str(rate.calls),
            "x-rate-limit-remaining": str(rate.calls - used - 1 if fits else 0),
            "x-rate-limit-reset": str(ends),
        }
        return headers, fits

    def _window(self, key: tuple[str, str], rate: Rate, now: float) -> tuple[int, int]:
        ends, used = self._windows.get((*key, rate), (0, 0))
        # Whole seconds: whoever comes back at that second finds a new window.
        return (int(now) + rate.seconds, 0) if ends <= now else (ends, used)

    def _rates(self, call: Call) -> list[tuple[tuple[str, str], Rate]]:
        limits = self._set.get(call.method)
        if limits is None:
            limits = LIMITS.get(call.method, Limits()) if self._options.limits else Limits()
        if not call.caller.user_id:
            return [((call.method, "app"), rate) for rate in limits.app]
        own = [((call.method, call.caller.name), rate) for rate in limits.user]
        return own + [((call.method, "everybody"), rate) for rate in limits.app if rate.seconds >= DAY]
