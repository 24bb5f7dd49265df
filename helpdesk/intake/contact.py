"""What goes in: a person as their platform names them, and one thing they said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from helpdesk.files import Stored
from helpdesk.models import Customer, User, Visibility
from helpdesk.text.clean import Cleaned
from helpdesk.text.triage import Triage


@dataclass(frozen=True)
class Person:
    """Who said it, as the platform names them. `external_id` never changes there; handles do."""

    platform: str
    namespace: str
    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""
    reach: int | None = None
    verified_address: str = ""
    customer: Customer | None = None  # already known: an agent picked them


@dataclass(frozen=True)
class Contact:
    """One thing said, ready to become a message. `key` and `parent_key` name items to each other."""

    person: Person
    thread_kind: str
    thread_key: str
    text: Cleaned
    said_at: dt.datetime
    heard_at: dt.datetime
    key: str = ""
    parent_key: str = ""
    opened_by_author: bool = False
    is_proven: bool = False  # it holds what only our answer to the thread's customer held
    visibility: str = Visibility.PUBLIC
    ours: bool = False
    author: User | None = None  # the colleague who wrote it down
    url: str = ""
    subject: str = ""
    html: str = ""
    quoted: str = ""
    files: tuple[Stored, ...] = ()
    over: str = ""  # a CloseReason: this asks for no answer, and a ticket that it opens is closed at once
    is_automatic: bool = False
    triage: Triage = field(default_factory=Triage)
