"""What the X API demands: its refusals, its spelling, its identifiers and moments, its limits and its prices."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]
Word = Literal["tweet", "post"]
Moment = float | datetime

PROBLEMS = "https://api.twitter.com/2/problems"
DAY = 24 * 3600
QUARTER = 15 * 60
SEARCH_DAYS, DM_DAYS = 7, 30
SEARCH_QUERY, LOOKUP_IDS, DM_TEXT, SUBSCRIPTIONS = 512, 100, 10_000, 1_500
MENTION_DEPTH, TIMELINE_DEPTH = 800, 3_200
EDITS, EDIT_SECONDS = 5, 3600
POST_CAP = 3_000_000
_EPOCH = 1_288_834_974_657
_SEQUENCE_BITS = 22

# Dollars for one of each.
PRICES = {
    "post_read": 0.005,
    "user_read": 0.010,
    "dm_read": 0.010,
    "post_create": 0.015,
    "post_create_url": 0.200,
    "summoned_reply": 0.010,
    "dm_create": 0.015,
    "owned_read": 0.001,
}


class Rate(NamedTuple):
    """So many calls in so many seconds."""

    calls: int
    seconds: int = QUARTER


class Limits(NamedTuple):
    """What one user, and what the whole app, may call; a user's token is held to the app's daily limits too."""

    user: tuple[Rate, ...] = ()
    app: tuple[Rate, ...] = ()


LIMITS = {
    "GET /2/users/me": Limits((Rate(75),)),
    "GET /2/users": Limits((Rate(900),), (Rate(300),)),
    "GET /2/users/:id": Limits((Rate(900),), (Rate(300),)),
    "GET /2/users/by": Limits((Rate(900),), (Rate(300),)),
    "GET /2/users/by/username/:name": Limits((Rate(900),), (Rate(300),)),
    "GET /2/users/:id/mentions": Limits((Rate(300),), (Rate(450),)),
    "GET /2/users/:id/tweets": Limits((Rate(900),), (Rate(10_000),)),
    "GET /2/tweets/search/recent": Limits((Rate(300),), (Rate(450),)),
    "GET /2/tweets": Limits((Rate(5_000),), (Rate(3_500),)),
    "GET /2/tweets/:id": Limits((Rate(900),), (Rate(450),)),
    "GET /2/tweets/:id/quote_tweets": Limits((Rate(75),), (Rate(75),)),
    "POST /2/tweets": Limits((Rate(100), Rate(300, 3 * 3600)), (Rate(10_000, DAY),)),
    "DELETE /2/tweets/:id": Limits((Rate(50),)),
    "POST /2/users/:id/likes": Limits((Rate(50), Rate(1_000, DAY))),
    "GET /2/dm_events": Limits((Rate(15),)),
    "GET /2/dm_conversations/with/:id/dm_events": Limits((Rate(15),)),
    "GET /2/dm_conversations/:id/dm_events": Limits((Rate(15),)),
    "POST /2/dm_conversations/with/:id/messages": Limits((Rate(15), Rate(1_440, DAY)), (Rate(1_440, DAY),)),
    "POST /2/dm_conversations/:id/messages": Limits((Rate(15), Rate(1_440, DAY)), (Rate(1_440, DAY),)),
    "GET /2/usage/tweets": Limits(app=(Rate(50),)),
    "POST /2/activity/subscriptions": Limits((Rate(500),), (Rate(500),)),
    "GET /2/activity/subscriptions": Limits((Rate(500),), (Rate(500),)),
    "DELETE /2/activity/subscriptions/:id": Limits((Rate(500),), (Rate(500),)),
    "POST /2/webhooks": Limits(app=(Rate(450),)),
    "GET /2/webhooks": Limits(app=(Rate(450),)),
    "PUT /2/webhooks/:id": Limits(app=(Rate(450),)),
    "DELETE /2/webhooks/:id": Limits(app=(Rate(450),)),
    "POST /2/webhooks/replay": Limits(app=(Rate(100),)),
}


@dataclass
class Options:
    """What a test may set, before or while the fake runs.

    ``auto_mention_summons``: whether the @name X itself puts before a reply lets us answer that reply.
    ``dm_first``: whether a person must have written to us before we may write to them.
    ``too_long_status``: the status of a post that is too long; 400 has been seen as well.
    ``owned_methods``: what the owner of the app reads at the price of an owned read.
    """

    spelling: Word = "tweet"
    self_serve: bool = True
    access_seconds: float = 7200
    limits: bool = True
    auto_mention_summons: bool = True
    dm_first: bool = True
    too_long_status: int = 403
    owned_methods: frozenset[str] = field(
        default_factory=lambda: frozenset({"GET /2/users/:id/mentions", "GET /2/users/:id/tweets"})
    )


class Refusal(Exception):
    """What the API answers instead of doing what was asked."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


def problem(status: int, title: str, detail: str, kind: str = "about:blank", **more: object) -> Refusal:
    """A refusal in the form of RFC 7807, as most are."""
    return Refusal(status, {"title": title, "detail": detail, "type": kind, "status": status} | more)


def forbidden(detail: str = "Forbidden") -> Refusal:
    """The refusal of what this caller may not do."""
    return problem(403, "Forbidden", detail)


def unauthorized() -> Refusal:
    """The refusal of a token that opens nothing."""
    return problem(401, "Unauthorized", "Unauthorized")


def invalid(message: str, **parameters: object) -> Refusal:
    """The refusal of a request that breaks the form; the parameters at fault come with what they said."""
    named = {
        key.replace("__", "."): value if isinstance(value, list) else [str(value)] for key, value in parameters.items()
    }
    error: Json = {"parameters": named, "message": message} if named else {"message": message}
    body = {
        "errors": [error],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}/invalid-request",
    }
    return Refusal(400, body)


def bad_parameter(name: str, value: object, why: str = "is not valid") -> Refusal:
    """The refusal of one query parameter's value."""
    message = f"The `{name}` query parameter value [{value}] {why}"
    return invalid(message, **{name.replace(".", "__"): value})


def snowflake(moment: float, sequence: int = 0) -> int:
    """The identifier of a moment: ids sort as their moments do."""
    return (int(moment * 1000) - _EPOCH << _SEQUENCE_BITS) + sequence


def moment_of_id(identifier: str) -> float:
    """When an identifier was given out."""
    return ((int(identifier) >> _SEQUENCE_BITS) + _EPOCH) / 1000


def iso(moment: float) -> str:
    """A moment as the API writes it: to the second, with milliseconds that are always none."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def seconds_of(moment: Moment | None) -> float:
    """A moment in seconds; now, where none is given."""
    if moment is None:
        return time.time()
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def is_id(text: object) -> bool:
    """Whether this is an identifier: digits alone, 19 at most."""
    return isinstance(text, str) and text.isascii() and text.isdecimal() and 1 <= len(text) <= 19


@dataclass(frozen=True)
class Spelling:
    """The names that differ between the two spellings of the API."""

    word: Word

    @property
    def fields(self) -> str:
        """The parameter that asks for fields of posts."""
        return f"{self.word}.fields"

    @property
    def history(self) -> str:
        """The field with the ids of a post's versions."""
        return f"edit_history_{self.word}_ids"

    @property
    def referenced(self) -> str:
        """The field, and the expansion without its suffix, that names other posts."""
        return f"referenced_{self.word}s"

    @property
    def note(self) -> str:
        """The field with the whole of a long post."""
        return f"note_{self.word}"

    @property
    def included(self) -> str:
        """Where an answer includes other posts."""
        return f"{self.word}s"

    def post_fields(self) -> frozenset[str]:
        """Every field of a post one may ask for."""
        same = (
            "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
            "display_text_range edit_controls entities geo id in_reply_to_user_id lang media_metadata "
            "non_public_metrics organic_metrics paid_partnership possibly_sensitive promoted_metrics "
            "public_metrics reply_settings scopes source text withheld"
        )
        return frozenset({*same.split(), self.history, self.referenced, self.note})

    def post_expansions(self) -> frozenset[str]:
        """Every expansion of a post one may ask for."""
        same = (
            "author_id in_reply_to_user_id entities.mentions.username geo.place_id attachments.media_keys "
            "attachments.poll_ids"
        )
        ours = (self.history, f"{self.referenced}.id", f"{self.referenced}.id.author_id")
        return frozenset({*same.split(), *ours})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


USER_FIELDS = _names(
    "affiliation connection_status created_at description entities id is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected "
    "public_metrics receives_your_dm subscription_type url username verified verified_type withheld"
)
DM_FIELDS = _names(
    "attachments created_at dm_conversation_id entities event_type id participant_ids referenced_tweets sender_id text"
)
DM_EXPANSIONS = _names("attachments.media_keys participant_ids referenced_tweets.id sender_id")
DM_KINDS = _names("MessageCreate ParticipantsJoin ParticipantsLeave")
