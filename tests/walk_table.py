"""Every address of the house, and who may do what there: the declaration `test_walk` holds the house to.

An address is written as in the URLconf, with `<name>` for what varies. A rule names the least role that may use
a method; a method without a rule is refused as such (405). What lies outside (another brand's rows) is 404 where
the address names a row; lists answer anybody who is let in, with their own rows only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core import mail
from django.db.models import Model
from django.utils import timezone

from helpdesk.models import (
    Affected,
    ApiToken,
    Area,
    Brand,
    Calendar,
    Concession,
    Customer,
    Delivery,
    Distinct,
    EscalationPolicy,
    FollowUp,
    Incident,
    Joining,
    Lesson,
    Level,
    Membership,
    Message,
    Notice,
    ServicePolicy,
    Shift,
    Survey,
    Team,
    Ticket,
    TicketLink,
    User,
)
from helpdesk.permissions import Role
from knowledge.models import Article, Category, Edition, Feedback, Handed, HelpCentre, Idea, Inquiry, Vote
from mentions.models import ReadBack, Source, Term
from tests.world import PASSWORD

if TYPE_CHECKING:
    from tests.attacks.scene import Scene

Probe = Callable[["Scene"], Any]
READ, AGENT, LEAD, MANAGER, OWNER = Role.AUDITOR, Role.AGENT, Role.LEAD, Role.MANAGER, Role.OWNER
NEW_PASSWORD = "violet staple battery"


@dataclass(frozen=True)
class Rule:
    """One method at one address. `changed` gives a value that an allowed write changes; None: it writes nothing.

    `outside` is what another brand's owner gets, `low` what a colleague of too low a role gets, `anonymous` what
    somebody not logged in gets where the door is open.
    """

    least: Role = READ
    status: int = 200
    body: Callable[[Scene], Mapping[str, Any]] | None = None
    changed: Probe | None = None
    outside: int | None = None
    low: int = 403
    anonymous: int | None = None


@dataclass(frozen=True)
class Row:
    """An address with its rules. `is_open`: whoever comes is let in. `thing` names the row the address is about."""

    route: str
    thing: str = ""
    rules: Mapping[str, Rule] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    is_open: bool = False


def row(route: str, thing: str = "", *, query: str = "", is_open: bool = False, **rules: Rule) -> Row:
    return Row(route, thing, rules, {}, query, is_open)


def api(route: str, thing: str = "", **rules: Rule) -> Row:
    return Row(f"api/v1/{route}", thing, rules)


def desk(route: str, thing: str = "", *, query: str = "", is_open: bool = False, **rules: Rule) -> Row:
    return Row(f"desk/{route}", thing, rules, {}, query, is_open)


def named(found: Row, **words: str) -> Row:
    """The row with words for what varies in its address and is no row's key."""
    return Row(found.route, found.thing, found.rules, words, found.query, found.is_open)


# --- what a write changes --------------------------------------------------------------------------------------


def count(model: type[Model]) -> Probe:
    def look(scene: Scene) -> int:
        found: int = model._default_manager.count()
        return found

    return look


def column(thing: str, name: str) -> Probe:
    def look(scene: Scene) -> Any:
        found = getattr(scene.north, thing)
        return type(found)._default_manager.filter(pk=found.pk).values_list(name, flat=True).first()

    return look


def readers(scene: Scene) -> Any:
    return Notice.readers.through.objects.count()


def quiet(scene: Scene) -> list[Any]:
    return list(Brand.objects.order_by("pk").values_list("quiet_guards", flat=True))


def hooks(scene: Scene) -> list[Any]:
    return list(Brand.objects.order_by("pk").values_list("chat_hook", flat=True))


def passwords(scene: Scene) -> list[str]:
    return [user.password for user in User.objects.order_by("pk")]


def post(
    least: Role,
    status: int,
    changed: Probe,
    body: Callable[[Scene], Mapping[str, Any]] | Mapping[str, Any] | None = None,
    **more: Any,
) -> Rule:
    """A write: `body` is what makes a valid one."""
    made = body if callable(body) or body is None else lambda scene: body
    return Rule(least, status, made, changed, **more)


LOOK = Rule(READ)

# --- the API ---------------------------------------------------------------------------------------------------

CONTACT = {"text": "My bag is on the train", "name": "Ana Lind", "brand": "northwind"}
SOURCE = {"brand": "northwind", "platform": "demo", "name": "New stream", "settings": {"shown_as": "mastodon"}}
REPLY = {"text": "It is on its way", "visibility": "public"}


def separated(scene: Scene) -> dict[str, Any]:
    return {"profile": scene.north.kept.profiles.order_by("id")[0].pk}


def both(resource: str, thing: str) -> list[Row]:
    """A list and its items, for reading."""
    return [api(f"{resource}/", GET=LOOK), api(f"{resource}/<pk>/", thing, GET=LOOK)]


def verb(route: str, thing: str, rule: Rule) -> Row:
    return api(route, thing, POST=rule)


WEEK = [[["09:00", "17:00"]], [], [], [], [], [], []]


def set_up(resource: str, thing: str, model: type[Model], body: Mapping[str, Any]) -> list[Row]:
    """What managers set up: made, renamed and removed."""
    renamed = post(MANAGER, 200, column(thing, "name"), {"name": "Renamed"})
    made = post(MANAGER, 201, count(model), {"brand": "northwind", **body}, outside=400)
    removed = post(MANAGER, 204, count(model))
    return [
        api(f"{resource}/", GET=LOOK, POST=made),
        api(f"{resource}/<pk>/", thing, GET=LOOK, PATCH=renamed, DELETE=removed),
    ]


def shift(scene: Scene) -> dict[str, Any]:
    return {"level": scene.north.shift.level_id, "user": scene.world.agent.pk, "weekdays": [5]}


TOMORROW = (timezone.now() + dt.timedelta(days=1)).date().isoformat()


def coming_back(scene: Scene) -> dict[str, Any]:
    return {"ticket": scene.north.ticket.pk, "kind": "call", "due_at": f"{TOMORROW}T23:00:00Z"}


def conceding(scene: Scene) -> dict[str, Any]:
    return {"ticket": scene.north.ticket.pk, "kind": "refund", "amount": "5", "why": "We were late"}


def lesson(scene: Scene) -> dict[str, Any]:
    return {"escalation": scene.north.owed.pk, "cause": "Late", "area": "Trains", "recommendation": "Leave earlier"}


def beginning(scene: Scene) -> dict[str, Any]:
    return {"title": "All are late", "tickets": [scene.north.ticket.pk], "brand": "northwind"}


def left(scene: Scene) -> int:
    return Affected.objects.exclude(left_at=None).count()


def public(page: str, thing: str = "", *, query: str = "", name: str = "", **rules: Rule) -> Row:
    """What anybody may read of northwind's help centre by API."""
    words = {"slug": "northwind", "language": "en", **({"name": name} if name else {})}
    return named(row(f"api/v1/help/<slug>/<language>/{page}", thing, query=query, is_open=True, **rules), **words)


API = [
    row("api/v1/schema/", GET=LOOK, is_open=True),
    api("", GET=LOOK),
    api("platforms/", GET=LOOK),
    *both("channels", "phone"),
    *both("deliveries", "unknown"),
    *both("messages", "message"),
    *both("notices", "notice"),
    *both("quarantine", "quarantine"),
    api("members/", GET=LOOK),
    api("brands/", GET=LOOK),
    api("brands/<pk>/", "brand", GET=LOOK, PATCH=post(MANAGER, 200, column("brand", "name"), {"name": "Northwind"})),
    api("customers/", GET=LOOK),
    api("customers/<pk>/", "customer", GET=LOOK, PATCH=post(AGENT, 200, column("customer", "place"), {"place": "Elm Street"})),
    api("tickets/", GET=LOOK, POST=post(AGENT, 201, count(Ticket), CONTACT, outside=400)),
    api("tickets/<pk>/", "ticket", GET=LOOK, PATCH=post(AGENT, 200, column("ticket", "subject"), {"subject": "Bag"})),
    verb("tickets/<pk>/acknowledge/", "ticket", post(AGENT, 202, count(Delivery))),
    verb("tickets/<pk>/assign/", "ticket", post(AGENT, 200, column("ticket", "assignee"), lambda s: {"assignee": s.world.lead.pk})),
    verb("tickets/<pk>/calls/", "ticket", post(AGENT, 201, count(Message), {"text": "Called her"})),
    verb("tickets/<pk>/close/", "ticket", post(AGENT, 200, column("ticket", "state"), {"reason": "spam"})),
    verb("tickets/<pk>/moderate/", "held", post(AGENT, 202, count(Delivery), lambda s: {"message": s.north.letter.pk, "action": "approve"})),
    verb("tickets/<pk>/merge/", "twin", post(LEAD, 200, column("twin", "state"), lambda s: {"into": s.north.ticket.pk})),
    verb("tickets/<pk>/link/", "ticket", post(AGENT, 200, count(TicketLink), lambda s: {"other": s.north.settled.pk})),
    verb("tickets/<pk>/unlink/", "ticket", post(AGENT, 200, count(TicketLink), lambda s: {"other": s.north.twin.pk})),
    verb("tickets/<pk>/split/", "crowd", post(AGENT, 201, count(Ticket), lambda s: {"messages": [s.north.guest.pk]})),
    api("customers/<pk>/suggestions/", "customer", GET=LOOK),
    verb("customers/<pk>/erase/", "customer", post(OWNER, 200, column("customer", "erased_at"))),
    verb("customers/<pk>/join/", "customer", post(AGENT, 201, count(Joining), lambda s: {"other": s.north.kept.pk})),
    verb("customers/<pk>/undo/", "kept", post(AGENT, 200, column("joining", "undone_at"), lambda s: {"joining": s.north.joining.pk})),
    verb("customers/<pk>/separate/", "kept", post(AGENT, 200, count(Customer), separated)),
    verb("customers/<pk>/distinguish/", "customer", post(AGENT, 200, count(Distinct), lambda s: {"other": s.north.kept.pk})),
    verb("tickets/<pk>/notes/", "ticket", post(AGENT, 201, count(Message), {"text": "She is patient"})),
    verb("tickets/<pk>/reopen/", "settled", post(AGENT, 200, column("settled", "state"))),
    verb("tickets/<pk>/replies/", "ticket", post(AGENT, 202, count(Delivery), REPLY)),
    verb("tickets/<pk>/resolve/", "ticket", post(AGENT, 200, column("ticket", "state"))),
    verb("messages/<pk>/triage/", "message", post(AGENT, 200, column("message", "intent"), {"intent": "praise"})),
    verb("deliveries/<pk>/cancel/", "queued", post(AGENT, 200, column("queued", "state"))),
    verb("deliveries/<pk>/decide/", "unknown", post(LEAD, 200, column("unknown", "state"), {"decision": "sent"})),
    verb("notices/<pk>/read/", "notice", post(READ, 200, readers)),
    api("sources/", GET=LOOK, POST=post(MANAGER, 201, count(Source), SOURCE, outside=400)),
    api("sources/<pk>/", "source", GET=LOOK, PATCH=post(MANAGER, 200, column("source", "name"), {"name": "Renamed"})),
    api("terms/", GET=LOOK, POST=post(MANAGER, 201, count(Term), {"brand": "northwind", "name": "New", "include": ["train"]}, outside=400)),
    api("terms/<pk>/", "term", GET=LOOK, PATCH=post(MANAGER, 200, column("term", "name"), {"name": "Renamed"})),
    verb("terms/<pk>/listen/", "term", post(MANAGER, 200, count(Source), lambda s: {"channel": s.north.searched.pk})),
    verb("terms/<pk>/preview/", "term", Rule(MANAGER, 400, lambda s: {"channel": s.north.searched.pk})),  # nothing answers there
    api("sources/preview/", POST=Rule(MANAGER, 200, lambda s: SOURCE, outside=400)),
    verb("sources/<pk>/poll/", "source", post(LEAD, 200, column("source", "lease_token"))),
    api("sources/<pk>/gaps/", "source", GET=LOOK),
    api("sources/<pk>/read-back/", "source", GET=LOOK, POST=post(MANAGER, 201, count(ReadBack), {"since": "2020-01-01T00:00:00Z"})),
    verb("sources/<pk>/read-back/stop/", "source", Rule(MANAGER, 409)),  # nothing is being read back
    *set_up("teams", "team", Team, {"name": "New"}),
    *set_up("calendars", "calendar", Calendar, {"name": "New", "time_zone": "UTC", "week": WEEK}),
    *set_up("policies", "policy", ServicePolicy, {"name": "New", "tiers": ["New"], "next_response_minutes": 60}),
    *set_up("levels", "level", Level, {"name": "New"}),
    *set_up("escalation-policies", "rule", EscalationPolicy, {"name": "New", "trigger": "overdue", "raise_to": 2}),
    verb("escalation-policies/<pk>/dry-run/", "rule", Rule(MANAGER)),
    api("shifts/", GET=LOOK, POST=post(MANAGER, 201, count(Shift), shift, outside=400)),
    api(
        "shifts/<pk>/", "shift", GET=LOOK, PATCH=post(MANAGER, 200, column("shift", "weekdays"), {"weekdays": [6]}),
        DELETE=post(MANAGER, 204, count(Shift)),
    ),
    *both("escalations", "step"),
    verb("escalations/<pk>/acknowledge/", "step", post(LEAD, 200, column("step", "acknowledged_at"))),
    *both("approvals", "approval"),
    verb("approvals/<pk>/approve/", "approval", post(LEAD, 200, column("approval", "outcome"))),
    verb("approvals/<pk>/refuse/", "approval", post(LEAD, 200, column("approval", "outcome"), {"reason": "Too much"})),
    api("follow-ups/", GET=LOOK, POST=post(AGENT, 201, count(FollowUp), coming_back, outside=400)),
    api("follow-ups/<pk>/", "follow_up", GET=LOOK),
    verb("follow-ups/<pk>/finish/", "follow_up", post(AGENT, 200, column("follow_up", "outcome"), {"outcome": "reached"})),
    verb("escalations/<pk>/lower/", "step", post(LEAD, 200, column("step", "outcome"), {"level": 1})),
    verb("tickets/<pk>/escalate/", "ticket", post(AGENT, 201, column("ticket", "level"))),
    api("tickets/<pk>/deadlines/", "ticket", GET=LOOK),
    verb("tickets/<pk>/check/", "ticket", Rule(AGENT, 200, lambda s: REPLY)),
    *set_up("areas", "area", Area, {"name": "New"}),
    api("tickets/<pk>/scale/", "ticket", GET=Rule(AGENT)),
    api("concessions/", GET=LOOK, POST=post(AGENT, 201, count(Concession), conceding, outside=400)),
    api("concessions/<pk>/", "concession", GET=LOOK),
    verb("concessions/<pk>/grant/", "concession", post(AGENT, 200, column("concession", "state"))),
    verb("concessions/<pk>/withdraw/", "concession", post(AGENT, 200, column("concession", "state"))),
    api("surveys/", GET=LOOK, POST=post(AGENT, 201, count(Survey), lambda s: {"ticket": s.north.asked.pk}, outside=400)),
    api("surveys/<pk>/", "survey", GET=LOOK),
    api("surveys/verdicts/", GET=LOOK),
    api("surveys/hand-over/", POST=Rule(AGENT, 409, lambda s: {"ticket": s.north.asked.pk}, outside=400)),  # they can be written to
    api("lessons/", GET=LOOK, POST=post(AGENT, 201, count(Lesson), lesson, outside=400)),
    api("lessons/<pk>/", "lesson", GET=LOOK),
    api("lessons/causes/", GET=LOOK),
    verb("lessons/<pk>/answer/", "lesson", post(MANAGER, 200, column("lesson", "state"), {"state": "done"})),
    api("incidents/", GET=LOOK, POST=post(AGENT, 201, count(Incident), beginning, outside=400)),
    api("incidents/<pk>/", "incident", GET=LOOK, PATCH=post(AGENT, 200, column("incident", "title"), {"title": "Renamed"})),
    verb("incidents/<pk>/link/", "incident", post(AGENT, 200, count(Affected), lambda s: {"tickets": [s.north.ticket.pk]})),
    verb("incidents/<pk>/unlink/", "incident", post(AGENT, 200, left, lambda s: {"tickets": [s.north.asked.pk]})),
    verb("incidents/<pk>/say/", "incident", Rule(LEAD, 409, lambda s: {"kind": "holding", "text": "We know"})),  # one waits for approval
    verb("incidents/<pk>/resolve/", "incident", post(LEAD, 200, column("incident", "state"))),
    *(api(f"incidents/<pk>/{what}/", "incident", GET=LOOK) for what in ("tickets", "suggestions", "statements", "summary", "supporters")),
    verb("quarantine/<pk>/retry/", "quarantine", post(LEAD, 200, column("quarantine", "tries"))),
    # the help centre
    api("articles/", GET=LOOK, POST=post(AGENT, 201, count(Article), {"brand": "northwind", "title": "New"}, outside=400)),
    api("articles/<pk>/", "article", GET=LOOK, PATCH=post(AGENT, 200, column("article", "review_by"), {"review_by": "2099-01-01"})),
    *(api(f"articles/<pk>/{what}/", "article", GET=LOOK) for what in ("revisions", "effect")),
    verb("articles/<pk>/words/", "article", post(AGENT, 200, column("edition", "latest_id"), {"title": "Late trains", "body": "Wait."})),
    verb("articles/<pk>/submit/", "sketched", post(AGENT, 200, column("sketch", "state"))),
    verb("articles/<pk>/send-back/", "sketched", Rule(LEAD, 409, lambda s: {"why": "shorter"})),  # nobody asked for a review
    verb("articles/<pk>/publish/", "sketched", post(LEAD, 200, column("sketch", "state"))),
    verb("articles/<pk>/schedule/", "sketched", post(LEAD, 200, column("sketch", "state"), {"publish_at": "2099-01-01T10:00:00Z"})),
    verb("articles/<pk>/archive/", "article", post(LEAD, 200, column("edition", "state"))),
    verb("articles/<pk>/reopen/", "article", Rule(AGENT, 409)),
    verb("articles/<pk>/restore/", "sketched", post(AGENT, 200, column("sketch", "latest_id"), {"number": 1})),
    api("categories/", GET=LOOK, POST=post(LEAD, 201, count(Category), {"brand": "northwind", "name": "Shelf"}, outside=400)),
    api("categories/<pk>/", "category", GET=LOOK, PATCH=post(LEAD, 200, column("category", "name"), {"name": "Shelf"}), DELETE=post(LEAD, 204, count(Category))),
    api("topics/", GET=LOOK),
    api("topics/<pk>/", "topic", GET=LOOK, PATCH=post(AGENT, 200, column("topic", "title"), {"title": "Seats"})),
    verb("topics/<pk>/keep/", "topic", post(AGENT, 200, column("topic", "state"))),
    verb("topics/<pk>/aside/", "topic", post(AGENT, 200, column("topic", "state"))),
    verb("topics/<pk>/merge/", "topic", Rule(AGENT, 400, lambda s: {"into": s.south.topic.pk})),
    verb("topics/<pk>/cover/", "topic", post(AGENT, 200, column("topic", "article_id"), lambda s: {"article": s.north.article.pk})),
    verb("topics/<pk>/draft/", "topic", post(AGENT, 201, count(Edition))),
    api("inquiries/", GET=LOOK, POST=post(AGENT, 201, count(Inquiry), {"brand": "northwind", "text": "Where is my umbrella?"}, outside=400)),
    api("inquiries/<pk>/", "inquiry", GET=LOOK),
    verb("inquiries/<pk>/place/", "inquiry", post(AGENT, 200, column("inquiry", "topic_id"), {"topic": None})),
    api("ideas/", GET=LOOK, POST=post(AGENT, 201, count(Idea), {"brand": "northwind", "title": "Soup", "voter": "one"}, outside=400)),
    api("ideas/<pk>/", "idea", GET=LOOK),
    verb("ideas/<pk>/vote/", "idea", post(AGENT, 200, count(Vote), {"voter": "one"})),
    verb("ideas/<pk>/decide/", "idea", post(LEAD, 200, column("idea", "state"), {"state": "planned"})),
    verb("ideas/<pk>/merge/", "idea", Rule(LEAD, 400, lambda s: {"into": s.south.idea.pk})),
    verb("ideas/<pk>/hide/", "idea", post(LEAD, 200, column("idea", "is_hidden"), {"is_hidden": True})),
    Row("api/v1/search/", rules={"GET": Rule(READ, outside=400)}, query="q=late+train&brand=northwind"),
    *(public(page, GET=LOOK) for page in ("articles/", "categories/", "ideas/")),
    public("search/", query="q=late+train", GET=LOOK),
    public("articles/<name>/", name="late-trains", GET=LOOK),
    public("ideas/<pk>/", "idea", GET=LOOK),
]  # fmt: skip

# --- the desk --------------------------------------------------------------------------------------------------

PASSWORDS = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


CENTRE = {"brand": "northwind", "spoken": "en", "colour": "#0a7d5c", "minutes_per_answer": "6", "is_open": "on"}


def looked_at_by(scene: Scene) -> dt.date | None:
    return Article.objects.get(pk=scene.north.edition.article_id).review_by


def article_verb(name: str, thing: str, rule: Rule) -> Row:
    return desk(f"articles/<edition_id>/{name}/", thing, POST=rule)


def topic_verb(name: str, rule: Rule) -> Row:
    return desk(f"topics/<topic_id>/{name}/", "topic", POST=rule)


def ticket_verb(name: str, changed: Probe, body: Any = None, thing: str = "ticket", least: Role = AGENT) -> Row:
    """A verb is a POST; who merely follows its address (after logging in again, say) comes back to the ticket."""
    return desk(f"tickets/<ticket_id>/{name}/", thing, GET=Rule(READ, 302), POST=post(least, 302, changed, body))


def contact(scene: Scene) -> dict[str, Any]:
    return {"channel": scene.north.phone.pk, "name": "Ana Lind", "text": "My bag is on the train"}


def source_form(scene: Scene) -> dict[str, Any]:
    return {
        "brand": scene.north.brand.pk,
        "name": "New stream",
        "stream": "stream",
        "settings.shown_as": "mastodon",
        "start": "1",
    }


def term_form(scene: Scene) -> dict[str, Any]:
    return {"brand": scene.north.brand.pk, "name": "New term", "include": "train\nrail"}


def searched_account(scene: Scene) -> dict[str, Any]:
    return {"account": scene.north.searched.account.pk}


SETTINGS = {"name": "Renamed", "rhythm_seconds": 60, "budget_per_hour": 600, "settings.shown_as": "mastodon"}

DESK = [
    named(desk("inbox/<view>/", GET=LOOK), view="next"),
    desk("brand/", POST=Rule(READ, 302, lambda s: {"brand": s.north.brand.pk})),
    desk("tickets/<ticket_id>/", "ticket", GET=LOOK),
    named(desk("set-up/<key>/", GET=Rule(MANAGER), POST=post(MANAGER, 302, count(Team), {"name": "New"})), key="teams"),
    named(desk("set-up/<key>/<row_id>/", "team", GET=Rule(MANAGER), POST=post(MANAGER, 302, column("team", "name"), {"name": "New"})), key="teams"),
    desk("approvals/", GET=LOOK),
    desk("approvals/<approval_id>/decide/", "approval", POST=post(LEAD, 302, column("approval", "outcome"), {"decision": "approve"})),
    ticket_verb("ask", count(Survey), thing="asked"),
    ticket_verb("offer", count(Concession), {"kind": "refund", "amount": "5", "why": "We were late"}),
    ticket_verb("learn", count(Lesson), {"cause": "Late", "area": "Trains", "recommendation": "Leave earlier"}, thing="owing"),
    desk("tickets/<ticket_id>/scale/", "ticket", GET=Rule(AGENT)),
    named(desk("concessions/<concession_id>/<what>/", "concession", POST=post(AGENT, 302, column("concession", "state"))), what="grant"),
    desk("outcomes/", GET=LOOK),
    desk("lessons/", GET=LOOK),
    desk("lessons/<lesson_id>/answer/", "lesson", POST=post(MANAGER, 302, column("lesson", "state"), {"state": "done"})),
    desk("incidents/", GET=LOOK, POST=LOOK),
    desk("incidents/<incident_id>/", "incident", GET=LOOK),
    desk("incidents/<incident_id>/link/", "incident", POST=post(AGENT, 302, count(Affected), lambda s: {"tickets": s.north.ticket.pk})),
    desk("incidents/<incident_id>/unlink/", "incident", POST=post(AGENT, 302, left, lambda s: {"tickets": s.north.asked.pk})),
    desk("incidents/<incident_id>/say/", "incident", POST=Rule(LEAD, 409, lambda s: {"kind": "holding", "text": "We know"})),
    desk("incidents/<incident_id>/resolve/", "incident", POST=post(LEAD, 302, column("incident", "state"))),
    desk("incidents/<incident_id>/change/", "incident", POST=post(AGENT, 302, column("incident", "title"), {"title": "Renamed"})),
    desk("telling/", GET=Rule(MANAGER), POST=post(MANAGER, 302, hooks, {"chat_hook": "https://chat.example/hook"})),
    desk("follow-ups/", GET=LOOK),
    desk("follow-ups/<follow_up_id>/finish/", "follow_up", POST=post(AGENT, 302, column("follow_up", "outcome"), {"outcome": "reached"})),
    ticket_verb("come_back", count(FollowUp), {"kind": "call", "day": TOMORROW}),
    desk("guards/", GET=Rule(MANAGER), POST=post(MANAGER, 302, quiet, {"guard": "temper", "on": "0"})),
    desk("set-up/policies/<row_id>/dry-run/", "rule", GET=Rule(MANAGER)),
    ticket_verb("escalate", column("ticket", "level"), {"level": "2"}),
    ticket_verb("take", column("step", "acknowledged_at"), thing="raised", least=LEAD),
    ticket_verb("hand_back", column("step", "outcome"), {"level": "1"}, thing="raised", least=LEAD),
    ticket_verb("answer", count(Delivery), {"mode": "public", "text": "It is on its way"}),
    ticket_verb("acknowledge", count(Delivery)),
    ticket_verb("moderate", count(Delivery), lambda s: {"message": s.north.letter.pk, "action": "approve"}, thing="held"),
    desk("customers/<customer_id>/erase/", "customer", GET=Rule(OWNER), POST=post(OWNER, 302, column("customer", "erased_at"))),
    desk("messages/<message_id>/html/", "letter", GET=LOOK),
    desk("files/<attachment_id>/", "file", GET=LOOK),
    ticket_verb("merge", column("twin", "state"), lambda s: {"number": s.north.ticket.number}, thing="twin", least=LEAD),
    ticket_verb("link", count(TicketLink), lambda s: {"number": s.north.settled.number}),
    ticket_verb("split", count(Ticket), lambda s: {"message": s.north.guest.pk}, thing="crowd"),
    ticket_verb("join", count(Joining), lambda s: {"other": s.north.kept.pk}),
    ticket_verb("distinguish", count(Distinct), lambda s: {"other": s.north.kept.pk}),
    ticket_verb("separate", count(Customer), separated, thing="theirs"),
    ticket_verb("undo_join", column("joining", "undone_at"), lambda s: {"joining": s.north.joining.pk}, thing="theirs"),
    ticket_verb("assign", column("ticket", "assignee"), lambda s: {"assignee": s.world.lead.pk}),
    ticket_verb("resolve", column("ticket", "state")),
    ticket_verb("close", column("ticket", "state"), {"reason": "spam"}),
    ticket_verb("reopen", column("settled", "state"), thing="settled"),
    ticket_verb("prioritise", column("ticket", "priority"), {"priority": "1"}),
    ticket_verb("triage", column("message", "intent"), lambda s: {"message": s.north.message.pk, "intent": "praise"}),
    desk("deliveries/<delivery_id>/decide/", "unknown", POST=post(LEAD, 302, column("unknown", "state"), {"decision": "sent"})),
    desk("deliveries/<delivery_id>/cancel/", "queued", POST=post(AGENT, 302, column("queued", "state"))),
    desk("notices/", GET=LOOK),
    desk("notices/<notice_id>/read/", "notice", POST=post(READ, 302, readers)),
    desk("contact/", GET=Rule(AGENT), POST=post(AGENT, 302, count(Ticket), contact, outside=400)),
    desk("sources/", GET=LOOK),
    named(desk("sources/add/<key>/", GET=Rule(MANAGER), POST=post(MANAGER, 302, count(Source), source_form, outside=400)), key="demo"),
    desk("terms/", GET=LOOK, POST=post(MANAGER, 302, count(Term), term_form, outside=400)),
    desk("terms/<term_id>/", "term", GET=Rule(MANAGER), POST=post(MANAGER, 302, column("term", "name"), lambda s: {**term_form(s), "name": "Renamed"})),
    desk("terms/<term_id>/listen/", "term", GET=Rule(READ, 302), POST=post(MANAGER, 302, count(Source), searched_account)),
    desk("sources/authorised/", GET=Rule(MANAGER, 302)),
    desk("sources/<source_id>/", "source", GET=Rule(MANAGER), POST=post(MANAGER, 302, column("source", "name"), SETTINGS)),
    desk("sources/<source_id>/poll/", "source", POST=post(LEAD, 302, column("source", "lease_token"))),
    desk("sources/<source_id>/read-back/", "source", POST=post(MANAGER, 302, count(ReadBack), {"since": "2020-01-01", "until": "2020-02-01", "most": "10"})),
    desk("sources/<source_id>/read-back/stop/", "source", POST=Rule(MANAGER, 302)),
    desk("sources/<source_id>/pause/", "source", POST=post(MANAGER, 302, column("source", "is_active"))),
    desk("quarantine/", GET=LOOK),
    desk("quarantine/<row_id>/retry/", "quarantine", POST=post(LEAD, 302, column("quarantine", "tries"))),
    desk("quarantine/<row_id>/drop/", "quarantine", POST=post(LEAD, 302, column("quarantine", "settled_at"))),
    # the help centre
    desk("articles/", GET=LOOK),
    desk("articles/new/", GET=Rule(AGENT), POST=post(AGENT, 302, count(Edition), {"brand": "northwind", "title": "New", "body": "x"}, outside=404)),
    desk("articles/exchange/", GET=LOOK, POST=Rule(LEAD, 400, lambda s: {"brand": "northwind"}, outside=404)),  # without a file
    named(desk("articles/exchange/<slug>.zip", GET=Rule(AGENT, outside=404)), slug="northwind"),
    desk("articles/preview/", POST=Rule(AGENT, 200, lambda s: {"body": "# New"})),
    desk("articles/pictures/", POST=Rule(AGENT, 400, lambda s: {"edition": s.north.edition.pk}, outside=404)),
    desk("articles/<edition_id>/", "edition", GET=LOOK, POST=post(AGENT, 302, column("edition", "latest_id"), {"title": "Late trains", "body": "Wait."})),
    named(desk("articles/<edition_id>/revisions/<number>/", "edition", GET=LOOK), number="1"),
    article_verb("submit", "sketch", post(AGENT, 302, column("sketch", "state"))),
    article_verb("send_back", "sketch", Rule(LEAD, 409, lambda s: {"why": "shorter"})),  # nobody asked for a review
    article_verb("publish", "sketch", post(LEAD, 302, column("sketch", "state"))),
    article_verb("schedule", "sketch", post(LEAD, 302, column("sketch", "state"), {"publish_at": "2099-01-01T10:00"})),
    article_verb("archive", "edition", post(LEAD, 302, column("edition", "state"))),
    article_verb("reopen", "edition", Rule(AGENT, 409)),
    article_verb("restore", "sketch", post(AGENT, 302, column("sketch", "latest_id"), {"number": "1"})),
    article_verb("details", "edition", post(AGENT, 302, looked_at_by, {"visible": "public", "review_by": "2099-01-01"})),
    article_verb("readdress", "edition", post(LEAD, 302, column("edition", "slug"), {"slug": "later-trains"})),
    article_verb("translate", "edition", Rule(AGENT, 400, lambda s: {"language": "de"})),  # not spoken there
    article_verb("settle", "edition", Rule(AGENT, 400, lambda s: {"feedback": "1"})),
    desk("articles/<edition_id>/wrong/", "edition", POST=post(AGENT, 302, count(Feedback), {"words": "The fee is two now"})),
    desk("tickets/<ticket_id>/articles/", "ticket", GET=LOOK, POST=post(AGENT, 200, count(Handed), lambda s: {"edition": s.north.edition.pk})),
    desk("tickets/<ticket_id>/articles/find/", "ticket", query="q=late", GET=LOOK),
    desk("tickets/<ticket_id>/articles/write/", "ticket", POST=post(AGENT, 302, count(Edition))),
    desk("help-effect/", GET=LOOK),
    desk("help-effect/week/", GET=LOOK),
    desk("topics/", GET=LOOK),
    desk("topics/<topic_id>/", "topic", GET=LOOK),
    topic_verb("name", post(AGENT, 302, column("topic", "title"), {"title": "Seats"})),
    topic_verb("keep", post(AGENT, 302, column("topic", "state"))),
    topic_verb("aside", post(AGENT, 302, column("topic", "state"))),
    topic_verb("merge", Rule(AGENT, 400, lambda s: {"into": "0"})),
    topic_verb("draft", post(AGENT, 302, count(Edition))),
    topic_verb("cover", post(AGENT, 302, column("topic", "article_id"), lambda s: {"article": s.north.edition.article_id})),
    topic_verb("place", post(AGENT, 302, column("inquiry", "topic_id"), lambda s: {"inquiry": s.north.inquiry.pk})),
    topic_verb("advise", Rule(AGENT, 409, lambda s: {"advice": "1"})),
    desk("ideas/", GET=LOOK),
    desk("ideas/<idea_id>/decide/", "idea", POST=post(LEAD, 302, column("idea", "state"), {"state": "planned"})),
    desk("ideas/<idea_id>/merge/", "idea", POST=Rule(LEAD, 400, lambda s: {"into": "0"})),
    desk("ideas/<idea_id>/hide/", "idea", POST=post(LEAD, 302, column("idea", "is_hidden"))),
    desk("help-centre/", GET=LOOK, POST=post(MANAGER, 302, count(HelpCentre), CENTRE, outside=404)),
    desk("help-centre/categories/", GET=LOOK, POST=post(LEAD, 302, count(Category), {"brand": "northwind", "name": "Shelf"}, outside=404)),
    desk("help-centre/categories/<category_id>/remove/", "category", POST=post(LEAD, 302, count(Category))),
    # the admin site's own
    desk("", GET=Rule(status=302), POST=Rule(status=302)),
    desk("login/", GET=Rule(status=302), POST=Rule(status=302), is_open=True),
    desk("logout/", GET=Rule(status=302), POST=Rule(status=302)),
    desk("password_change/", GET=LOOK, POST=post(READ, 302, passwords, PASSWORDS)),
    desk("password_change/done/", GET=LOOK),
    desk("autocomplete/", GET=LOOK, query="app_label=helpdesk&model_name=ticket&field_name=customer"),
    desk("jsi18n/", GET=LOOK),
    desk("search/", GET=LOOK, POST=LOOK, query="s=1"),
    named(desk("r/<content_type_id>/<object_id>/", "ticket", GET=Rule(status=404), POST=Rule(status=404)), content_type_id="1"),
    named(desk("<app_label>/", GET=LOOK, POST=LOOK), app_label="helpdesk"),
    named(desk("<url>", GET=Rule(status=404), POST=Rule(status=404)), url="no/such/page/"),
]  # fmt: skip


def pages(
    model: str, thing: str, least: Role, change: Rule, add: Rule | None = None, delete: Rule | None = None
) -> list[Row]:
    """The admin pages of one model; `least` may look."""
    refused, look, moved = Rule(status=403, outside=403), Rule(least), Rule(status=302, outside=302)
    base = f"helpdesk/{model}/"
    return [
        desk(base, GET=look, POST=look),
        desk(f"{base}add/", GET=Rule(OWNER) if add else refused, POST=add or refused),
        desk(f"{base}<object_id>/history/", thing, GET=look, POST=look),
        desk(f"{base}<object_id>/delete/", thing, GET=Rule(OWNER) if delete else refused, POST=delete or refused),
        desk(f"{base}<object_id>/change/", thing, GET=look, POST=change),
        desk(f"{base}<object_id>/", thing, GET=moved, POST=moved),  # leads to …/change/, whatever the key
    ]


HOURS = {"first_response_hours": 4, "next_response_hours": 8, "reopen_hours": 24}
BRAND = {
    "name": "Northwind",
    "time_zone": "UTC",
    "locale": "en",
    "currency": "EUR",
    "keep_payload_days": 30,
    "keep_event_days": 400,
    **HOURS,
}


def member(scene: Scene) -> dict[str, Any]:
    return {"brand": scene.north.brand.pk, "email": "new@northwind.example", "name": "Nia New", "role": "agent"}


def token(scene: Scene) -> dict[str, Any]:
    return {"brand": scene.north.brand.pk, "name": "robot", "scopes": ["read"]}


ADMIN = [
    *pages("customer", "customer", READ, post(AGENT, 302, column("customer", "place"), {"name": "Ana", "place": "Elm Street"})),
    *pages("brand", "brand", MANAGER, post(MANAGER, 302, column("brand", "name"), BRAND)),
    *pages(
        "membership", "member", OWNER,
        post(OWNER, 302, column("member", "role"), {"role": "lead"}),
        add=post(OWNER, 302, count(Membership), member, outside=200),
        delete=post(OWNER, 302, count(Membership), {"post": "yes"}),
    ),
    *pages(
        "apitoken", "token", OWNER,
        post(OWNER, 302, column("token", "name"), {"name": "robot"}),
        add=post(OWNER, 302, count(ApiToken), token, outside=200),
    ),
]  # fmt: skip

# --- help and doors --------------------------------------------------------------------------------------------


def letters(scene: Scene) -> int:
    return len(mail.outbox)


def door(route: str, **rules: Rule) -> Row:
    return Row(f"account/{route}", rules=rules, is_open=True)


MOVED = Rule(status=302)
CHANGE = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


def centre(page: str, thing: str = "", *, query: str = "", name: str = "", token: str = "", **rules: Rule) -> Row:
    """A page of northwind's help centre, which is open to everybody."""
    words = {
        "slug": "northwind",
        "language": "en",
        **({"name": name} if name else {}),
        **({"token": token} if token else {}),
    }
    return named(row(f"help/<slug>/<language>/{page}", thing, query=query, is_open=True, **rules), **words)


OPEN = [
    row("", GET=MOVED, POST=MOVED, is_open=True),
    row("help/", GET=LOOK, is_open=True),
    row("robots.txt", GET=LOOK, is_open=True),
    named(row("help/theme/<code>.css", GET=LOOK, is_open=True), code="0a7d5c"),
    named(row("help/picture/<key>", GET=Rule(status=404), is_open=True), key="guessed-guessed-gue"),
    named(row("help/<slug>/", GET=MOVED, is_open=True), slug="northwind"),
    named(row("help/<slug>/sitemap.xml", GET=LOOK, is_open=True), slug="northwind"),
    *(centre(page, GET=LOOK) for page in ("", "suggest/", "expect/", "feed/")),
    centre("search/", query="q=late+train", GET=LOOK),
    centre("categories/<name>/", name="trains", GET=LOOK),
    centre("articles/<name>/", name="late-trains", GET=LOOK),
    centre("articles/<name>/helped/", name="late-trains", POST=post(READ, 302, count(Feedback), {"helped": "yes"})),
    centre("ask/", GET=LOOK, POST=post(READ, 302, count(Ticket), {"text": "Where is my umbrella?", "seen": "1"})),
    centre("request/<token>/", token="guessed", GET=Rule(status=404), POST=Rule(status=404)),
    centre("ideas/", GET=LOOK, POST=post(READ, 302, count(Idea), {"title": "Warm soup on night trains", "seen": "1"})),
    centre("ideas/<key>/", "idea", GET=LOOK),
    centre("ideas/<key>/vote/", "idea", POST=post(READ, 302, count(Vote))),
    named(row("survey/<token>/", GET=Rule(status=404), POST=Rule(status=404), is_open=True), token="guessed"),
    named(row("hooks/<platform>/<token>/", GET=Rule(status=404), POST=Rule(status=404), is_open=True), platform="x", token="guessed"),
    door("login/", GET=Rule(status=302, anonymous=200), POST=Rule(status=302, anonymous=200)),
    door("logout/", GET=Rule(status=200, anonymous=302), POST=MOVED),
    door("password/change/", GET=Rule(anonymous=302), POST=post(READ, 302, passwords, CHANGE, anonymous=302)),
    door("password/reset/", GET=LOOK, POST=post(READ, 302, letters, {"email": "agent@northwind.example"})),
    door("password/reset/done/", GET=LOOK),
    named(door("password/reset/key/<uidb36>-<key>/", GET=LOOK, POST=LOOK), uidb36="1", key="wrong"),
    door("password/reset/key/done/", GET=LOOK),
    door("again/", GET=Rule(anonymous=302), POST=Rule(status=302, body=lambda s: {"password": PASSWORD})),
    door("closed/", GET=MOVED, POST=MOVED),
]  # fmt: skip

TABLE: dict[str, Row] = {found.route: found for found in (*API, *DESK, *ADMIN, *OPEN)}
