"""Where the apps above plug in. helpdesk calls these; it never imports who answers.

Each port is filled once, in an app's `ready()`. Unfilled ports have a harmless answer, so that helpdesk works
(and is tested) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from helpdesk.text.triage import Triage

if TYPE_CHECKING:
    from helpdesk.models import Brand, Channel, Message


@dataclass(frozen=True)
class Ability:
    """Whether something can be done in a channel now; where not, the sentence that says why and what to do."""

    allowed: bool
    why_not: str = ""
    max_length: int = 10_000
    max_parts: int = 1
    where: str = ""  # to whom or where it goes, where that is not plain


class Mouth(Protocol):
    """What a channel can do, answered by the app that knows platforms."""

    def ability(self, channel: Channel, action: str, reply_to: Message | None) -> Ability:
        """`action` is public, private, like, approve, spam or hide."""
        ...

    def takes_automatic(self, channel: Channel, reply_to: Message | None) -> bool:
        """Whether words nobody wrote by hand may answer this: not to lists, and not to machines."""
        ...

    def waiting(self, channel: Channel, messages: Sequence[Message]) -> set[int]:
        """Keys of those that wait for approval where they were written."""
        ...

    def length(self, channel: Channel, text: str) -> int:
        """As the channel's platform counts."""
        ...

    def freeze(self, channel: Channel, action: str, reply_to: Message | None, text: str) -> list[FrozenPart]:
        """The parts to send, fixed before the first try. Raises ReplyRefused."""
        ...

    def platform_name(self, key: str) -> str:
        """A platform's name as people write it."""
        ...

    def problem(self, channel: Channel, problem: Mapping[str, Any]) -> str:
        """What went wrong with something sent, as a sentence; `problem` is a code and its parameters."""
        ...

    def holdup(self, channel: Channel, *, private: bool) -> str:
        """Why nothing can leave the channel just now, as a sentence; "" where it can."""
        ...


@dataclass(frozen=True)
class FrozenPart:
    payload: dict[str, Any]
    expected_id: str = ""


class ReplyRefused(Exception):
    """A reply that cannot be sent as it is. `field` names what to change; the text says what and how."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(text)
        self.field, self.code, self.text = field, code, text


class _NoMouth:
    def ability(self, channel: Channel, action: str, reply_to: Message | None) -> Ability:
        return Ability(False, "No platform is plugged in.")

    def takes_automatic(self, channel: Channel, reply_to: Message | None) -> bool:
        return False

    def waiting(self, channel: Channel, messages: Sequence[Message]) -> set[int]:
        return set()

    def length(self, channel: Channel, text: str) -> int:
        return len(text)

    def freeze(self, channel: Channel, action: str, reply_to: Message | None, text: str) -> list[FrozenPart]:
        raise ReplyRefused("text", "no_platform", "No platform is plugged in.")

    def platform_name(self, key: str) -> str:
        return key

    def problem(self, channel: Channel, problem: Mapping[str, Any]) -> str:
        return str(problem.get("code", ""))

    def holdup(self, channel: Channel, *, private: bool) -> str:
        return ""


@dataclass(frozen=True)
class Request:
    """What a customer writes in the help centre. `thread`: the request's own name, `key`: this entry's, both random.

    `link`: where it can be read and gone on with; `address`: where they want to be told, unproven.
    """

    thread: str
    key: str
    text: str
    subject: str = ""
    name: str = ""
    address: str = ""
    link: str = ""


def _take_nothing(brand: Brand, request: Request) -> Message:
    raise ReplyRefused("text", "no_platform", "No platform is plugged in.")


@dataclass(frozen=True)
class Erased:
    """A person who is being erased: what was theirs, and what they were called (the longest first)."""

    brand_id: int
    customer_id: int
    message_ids: Sequence[int]
    ticket_ids: Sequence[int]
    names: Sequence[str]


@dataclass
class Ports:
    mouth: Mouth = field(default_factory=_NoMouth)
    triage: Callable[[str, int], Triage] = lambda text, reach: Triage(reach=reach)
    reason_words: Callable[[Mapping[str, Any]], str] = lambda reason: str(reason.get("code", ""))
    wake_deliveries: Callable[[Sequence[int]], None] = lambda ids: None
    take_request: Callable[[Brand, Request], Message] = _take_nothing
    after_erasure: list[Callable[[Erased], None]] = field(default_factory=list)
    after_tombstone: list[Callable[[Sequence[int]], None]] = field(default_factory=list)
    notice_words: dict[str, str] = field(default_factory=dict)
    problem_words: dict[str, str] = field(default_factory=dict)
    api_routes: list[Callable[[Any], None]] = field(default_factory=list)
    desk_urls: list[Callable[[Any], list[Any]]] = field(default_factory=list)
    desk_sections: list[Callable[[Any], list[dict[str, Any]]]] = field(default_factory=list)
    beside_ticket: list[Callable[[Any], str]] = field(
        default_factory=list
    )  # ticket -> address of a panel, loaded by itself
    after_demo: list[Callable[[Brand], None]] = field(default_factory=list)
    doctors: list[Callable[[], list[Finding]]] = field(default_factory=list)


@dataclass(frozen=True)
class Finding:
    """One line of `manage.py doctor`: what was looked at, how it is, what to do next."""

    subject: str
    healthy: bool
    state: str
    next_step: str = ""


ports = Ports()
