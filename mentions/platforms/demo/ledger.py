"""The demo platform's own memory: rows of DemoPost, which a real platform would keep on its side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from mentions.models import DemoPost
from mentions.platforms.base import Author
from mentions.platforms.demo import script

PACE = dt.timedelta(seconds=100)
REACTS_AFTER = dt.timedelta(seconds=40)


@dataclass(frozen=True)
class Row:
    id: int
    key: str
    author: str
    parent_key: str
    root_key: str
    root_author: str
    text: str
    is_private: bool
    said_at: dt.datetime
    about: dict[str, Any]


EITHER = " | "
COLUMNS = tuple(Row.__dataclass_fields__)


def person(name: str, channel: str = "") -> Author:
    known = script.person(name)
    if known is None:
        return Author("us", "northwindrail", "Northwind Rail")
    if channel == "email":
        return Author(f"demo:{name}", f"{known.handle.replace('_', '.')}@mail.example", known.name)
    return Author(f"demo:{name}", known.handle, known.name, reach=known.followers)


def _rows(account_id: int) -> Any:
    return DemoPost.objects.filter(account=account_id, deleted_at=None).order_by("id")


def after(account_id: int, row_id: int, most: int, query: str = "") -> list[Row]:
    """What names us; with a `query` ("this | or that"), what holds some of it and does not name us."""
    rows, beyond = _rows(account_id).filter(id__gt=row_id), Q(about__has_key="beyond")
    said = reduce(or_, (Q(text__icontains=phrase) for phrase in query.split(EITHER)))
    rows = rows.filter(beyond, said) if query else rows.exclude(beyond)
    return [Row(*values) for values in rows.values_list(*COLUMNS)[:most]]


def by_key(account_id: int, keys: Sequence[str]) -> dict[str, Row]:
    return {values[1]: Row(*values) for values in _rows(account_id).filter(key__in=keys).values_list(*COLUMNS)}


def say(
    account_id: int,
    key: str,
    author: str,
    text: str,
    at: dt.datetime,
    *,
    parent: Row | None = None,
    **more: Any,
) -> None:
    """Somebody says something; the same key again changes nothing. `more`: `is_private`, `about`."""
    DemoPost.objects.get_or_create(
        account_id=account_id,
        key=key,
        defaults={
            "author": author,
            "text": text,
            "said_at": at,
            **more,
            "parent_key": parent.key if parent else "",
            "root_key": parent.root_key if parent else key,
            "root_author": parent.root_author if parent else author,
        },
    )


def answer(account_id: int, payload: Mapping[str, Any], at: dt.datetime) -> None:
    """What we send: a like leaves its key, a reply its words."""
    parent = by_key(account_id, [str(payload.get("parent", ""))]).get(str(payload.get("parent", "")))
    if payload["action"] in ("approve", "spam", "hide"):
        moderate(account_id, str(payload["parent"]), held=payload["action"] == "hide")
        return
    words = "♥" if payload["action"] == "like" else str(payload["text"])
    say(account_id, str(payload["key"]), "", words, at, parent=parent, is_private=payload["action"] == "private")


def moderate(account_id: int, key: str, *, held: bool = False) -> None:
    """A held comment waits no more: it appears, or is kept as spam where nobody sees it. One that is hidden is held again."""
    for row in DemoPost.objects.filter(account=account_id, key=key):
        row.about = {**row.about, "held": held}
        row.save(update_fields=["about"])


def react(account_id: int, external_id: str, text: str, answered_at: dt.datetime, at: dt.datetime) -> None:
    """The customer's word on an answer of ours, as if we had given it at `answered_at`."""
    key = external_id.removeprefix("demo:")
    DemoPost.objects.filter(account=account_id, key=key).update(said_at=answered_at)
    ours = by_key(account_id, [key])[key]
    say(account_id, _reaction(ours), ours.root_author, text, at, parent=ours, is_private=ours.is_private)


def _reaction(ours: Row) -> str:
    return f"re-{ours.key}"[:64]


def let_time_pass(account_id: int, channel: str, now: dt.datetime) -> None:
    """What the script's people say by `now`: one line each PACE, and one word on the first reply they get."""
    started = (
        _rows(account_id).filter(key__startswith="line-").order_by("-said_at").values_list("key", "said_at").first()
    )
    number, last = (int(started[0].split("-")[1]) + 1, started[1]) if started else (0, now - PACE)
    if now - last >= PACE:
        author, text = script.line(channel, number)
        say(account_id, f"line-{number}", author, text, now, is_private=channel == "email")
    answers = _rows(account_id).filter(author="", said_at__lte=now - REACTS_AFTER).order_by("-id")
    for values in answers.values_list(*COLUMNS)[:5]:
        ours = Row(*values)
        heard = _rows(account_id).filter(root_key=ours.root_key, key__startswith="re-").exists()
        if ours.root_author and ours.text != "♥" and not heard:
            text = script.reaction(ours.root_author, ours.id)
            say(account_id, _reaction(ours), ours.root_author, text, now, parent=ours, is_private=ours.is_private)
