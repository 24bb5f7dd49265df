"""Every address as everybody by every method, held to `walk_table` (DESIGN.md, promise 6).

Addresses come from the URLconf: one that the table does not know fails, and so does a row of the table without
an address. Each cell runs in a savepoint that is rolled back, so that no cell changes another's answer.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from helpdesk.models import ApiToken, User
from helpdesk.permissions import RANK, Role
from tests.attacks.scene import NORTH, SOUTH, Scene, make_quick, open_scene
from tests.walk_table import TABLE, Row, Rule
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

WRITES = re.compile(r'(?:INSERT (?:OR IGNORE )?INTO|UPDATE|DELETE FROM) "(\w+)"')
# What is written by whoever comes: the session, when a token was last used, and what is counted in the help centre.
TRACES = {"django_session", "helpdesk_apitoken", "knowledge_reading", "knowledge_search"}
BOTH = ("read", "write")


@dataclass(frozen=True)
class Caller:
    """Who comes, and with what: a session (`scopes` is None), a token of these scopes, or nothing (`who` is "")."""

    who: str = ""
    scopes: tuple[str, ...] | None = None
    is_dead: bool = False

    @property
    def is_known(self) -> bool:
        return bool(self.who) and not self.is_dead

    @property
    def is_member(self) -> bool:
        return self.is_known and self.who not in ("outsider", "superuser")

    @property
    def rank(self) -> int:
        """-1 for who has no role in the brand."""
        return RANK[Role(self.who)] if self.who in Role.values else -1

    def lacks(self, method: str) -> bool:
        return self.scopes is not None and ("read" if method == "GET" else "write") not in self.scopes


SESSIONS = [Caller(who) for who in ("", "outsider", "superuser", "rival_owner", *Role.values)]
TOKENS = [Caller(who, scopes) for who in ("agent", "owner", "rival_owner") for scopes in (("read",), ("write",), BOTH)]
DEAD = [Caller("expired", BOTH, True), Caller("revoked", BOTH, True), Caller("invented", BOTH, True)]


# --- the URLconf -----------------------------------------------------------------------------------------------


def addresses(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """Every route below, written as in the table: `<name>` for what varies, regular expressions made plain."""
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry, route)
        elif isinstance(entry, URLPattern):
            yield plain(route)


def plain(route: str) -> str:
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", route).replace("^", "").replace("$", "")


def test_the_table_and_the_urlconf_name_the_same_addresses() -> None:
    found = set(addresses(get_resolver()))
    assert sorted(found - set(TABLE)) == [], "addresses that nobody declared"
    assert sorted(set(TABLE) - found) == [], "rows without an address"


# --- what should happen ----------------------------------------------------------------------------------------


def expected(row: Row, method: str, caller: Caller) -> int:
    """The status of one cell: the door first, then the method, then the row, then the role."""
    rule = row.rules.get(method)
    shut = 0 if row.is_open else at_the_door(row, method, caller)
    if shut or rule is None:
        return shut or 405
    if not caller.is_known:
        return rule.status if rule.anonymous is None else rule.anonymous
    if row.is_open or rule.status in (403, 404):
        return rule.status
    if caller.rank < 0:
        return outside(row, rule)
    return rule.status if caller.rank >= RANK[rule.least] else rule.low


def at_the_door(row: Row, method: str, caller: Caller) -> int:
    is_api = row.route.startswith("api/")
    if not caller.is_known:
        return 401 if is_api else 302
    if is_api:
        return 403 if caller.lacks(method) else 0
    return 0 if caller.is_member else 404


def outside(row: Row, rule: Rule) -> int:
    """For somebody without a role in the brand whom the door lets in."""
    if rule.outside is not None:
        return rule.outside
    return 404 if row.thing else rule.status


def may_write(row: Row, rule: Rule | None, caller: Caller, status: int) -> bool:
    """Whether this cell is a write that takes place; what is about oneself alone is everybody's."""
    if rule is None or rule.changed is None or status != rule.status:
        return False
    if not caller.is_known:
        return row.is_open and rule.anonymous is None
    return caller.rank >= 0 or row.is_open or not (row.thing or rule.outside)


# --- what happens ----------------------------------------------------------------------------------------------


class Undo(Exception):
    """Ends a cell's savepoint."""


@dataclass
class Walker:
    """Goes to an address as somebody; logs each of them in once."""

    scene: Scene
    sessions: ClassVar[str] = "sessionid"

    def __post_init__(self) -> None:
        self.keys: dict[str, dict[str, str]] = {}
        self.client = Client(raise_request_exception=False)

    def person(self, who: str) -> User:
        if who == "superuser":
            made: User = User.objects.create_superuser("root@elsewhere.example", PASSWORD, name="Rut Root")
            return made
        found: User = getattr(self.scene.world, who)
        return found

    def headers(self, caller: Caller) -> dict[str, str]:
        """The cookie or the token; made on first use, before any savepoint."""
        key = f"{caller.who}:{caller.scopes}"
        if key not in self.keys:
            self.keys[key] = self._dead(caller) if caller.is_dead else self._live(caller)
        return self.keys[key]

    def _live(self, caller: Caller) -> dict[str, str]:
        if not caller.who:
            return {}
        user = self.person(caller.who)
        if caller.scopes is not None:
            return {"Authorization": f"Bearer {ApiToken.issue(user, scopes=list(caller.scopes))[1]}"}
        return {"Cookie": f"{self.sessions}={self.scene.world.desk(user).cookies[self.sessions].value}"}

    def _dead(self, caller: Caller) -> dict[str, str]:
        row, token = ApiToken.issue(self.scene.world.owner, scopes=list(BOTH))
        past = timezone.now() - dt.timedelta(minutes=1)
        ends: dict[str, dict[str, Any]] = {
            "expired": {"expires_at": past},
            "revoked": {"revoked_at": past},
            "invented": {"hash": "0" * 64},
        }
        ApiToken.objects.filter(pk=row.pk).update(**ends[caller.who])
        return {"Authorization": f"Bearer {token}"}

    def path(self, row: Row) -> str:
        words = {**dict.fromkeys(re.findall(r"<(\w+)>", row.route)), **row.words}
        thing = str(getattr(self.scene.north, row.thing).pk) if row.thing else ""
        path = re.sub(r"<(\w+)>", lambda name: words[name[1]] or thing, row.route)
        return f"/{path}?{row.query}" if row.query else f"/{path}"

    def go(self, row: Row, method: str, caller: Caller) -> list[str]:
        """What is wrong with the answer; nothing is left of the visit."""
        headers = self.headers(caller)
        cache.clear()
        wrong: list[str] = []
        try:
            with transaction.atomic():
                wrong = self._visit(row, method, caller, headers)
                raise Undo
        except Undo:
            return wrong

    def _visit(self, row: Row, method: str, caller: Caller, headers: dict[str, str]) -> list[str]:
        rule = row.rules.get(method)
        body = dict(rule.body(self.scene)) if rule and rule.body else {}
        before = rule.changed(self.scene) if rule and rule.changed else None
        with Written() as written:
            answer = self._send(method, self.path(row), body, headers)
        content, status = _body(answer), expected(row, method, caller)
        allowed = may_write(row, rule, caller, status)
        checks = {
            f"{answer.status_code} instead of {status}: {content[:300]!r}": answer.status_code != status,
            f"wrote {sorted(written.tables)}": bool(written.tables) and not allowed,
            "changed nothing": allowed and rule is not None and rule.changed is not None and rule.changed(self.scene) == before,
            "leads elsewhere than to the log-in": bounced(row, caller) and not leads_to_login(answer),
            "shows another brand's words": leaks(row, caller, content.decode(errors="replace")),
        }  # fmt: skip
        return [f"{method} as {caller.who or 'anonymous'} {caller.scopes or ''}: {what}" for what, is_so in checks.items() if is_so]  # fmt: skip

    def _send(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        self.client.cookies.clear()
        send: Callable[..., Any] = getattr(self.client, method.lower())
        if method == "GET":
            return send(path, headers=headers)
        if path.startswith("/api/"):
            return send(path, body, content_type="application/json", headers=headers)
        return send(path, body, headers=headers)


class Written:
    """The tables that were written to while this was open, but for the traces everybody leaves."""

    def __enter__(self) -> Written:
        self.tables: set[str] = set()
        self._watch = connection.execute_wrapper(self._note)
        self._watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._watch.__exit__(*error)
        self.tables -= TRACES

    def _note(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if found := WRITES.match(sql):
            self.tables.add(found[1])
        return execute(sql, params, many, context)


def bounced(row: Row, caller: Caller) -> bool:
    return row.route.startswith("desk/") and not row.is_open and not caller.is_known


def leads_to_login(answer: Any) -> bool:
    return urlsplit(str(answer.headers.get("Location", ""))).path == "/account/login/"


def leaks(row: Row, caller: Caller, shown: str) -> bool:
    """Whether words stand there that belong to a brand the caller is not in."""
    if caller.rank >= 0:
        return SOUTH in shown or ("South Bay" in shown and not row.is_open)
    own = caller.who == "rival_owner"
    return NORTH in shown or ("Northwind Rail" in shown and not row.is_open) or (SOUTH in shown and not own)


@pytest.fixture
def walker(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Walker:
    make_quick(settings, monkeypatch)
    return Walker(open_scene(world))


@pytest.mark.parametrize("route", sorted(TABLE), ids=lambda route: f"/{route}")
def test_everybody_everywhere(walker: Walker, route: str) -> None:
    row = TABLE[route]
    is_api = route.startswith("api/")
    methods = ("GET", "POST", "PATCH", "PUT", "DELETE") if is_api else ("GET", "POST")
    callers = [*SESSIONS, *TOKENS, *DEAD] if is_api else SESSIONS
    wrong = [what for method in methods for caller in callers for what in walker.go(row, method, caller)]
    assert wrong == [], "\n".join(wrong)


def _body(answer: Any) -> bytes:
    """What was answered, a streamed file too."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)
