"""Two brands with one of everything, each row of a brand marked by a word that only that brand may read."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from django.utils import timezone

from helpdesk import files, joining, notices
from helpdesk.models import (
    ApiToken,
    Approval,
    Area,
    Attachment,
    Brand,
    BrandCounter,
    Calendar,
    Channel,
    Concession,
    Customer,
    Delivery,
    DeliveryPart,
    Escalation,
    EscalationPolicy,
    FollowUp,
    Incident,
    Joining,
    Lesson,
    Level,
    Membership,
    Message,
    MessageBody,
    Notice,
    ServicePolicy,
    Shift,
    Statement,
    Survey,
    Team,
    Ticket,
    TicketLink,
    User,
)
from helpdesk.permissions import Role
from helpdesk.workflow import (
    approvals,
    areas,
    calendars,
    escalation,
    following_up,
    incidents,
    lessons,
    people,
    policies,
    replies,
    surveys,
    tickets,
)
from helpdesk.workflow.brands import MANUAL
from knowledge import ideas, publishing
from knowledge.models import Article, Category, Edition, Idea, Inquiry, Topic
from mentions import ingest
from mentions.models import Account, Mention, Quarantine, Source, Term
from tests.world import World

NORTH, SOUTH = "Zephyrine", "Quillfeather"  # stand in the rows of northwind and of its rival, nowhere else

CONTEXT = ssl.create_default_context()


def make_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each client a look at every static file, and each connector at every certificate of the system."""
    settings.WHITENOISE_USE_FINDERS = False
    monkeypatch.setattr(ssl, "create_default_context", lambda: CONTEXT)


@dataclass
class Half:
    """One brand's rows. `settled` is resolved, `unknown` waits for a decision, `queued` can be taken back.

    `twin` is another ticket of `customer`; `guest` spoke in somebody else's ticket; `joining` made `kept` of two people,
    of whom `theirs` is a ticket.
    `rule` is an escalation policy; `step` is the open escalation of `raised`; `level` is the topmost, and nobody's yet.
    `held` is a comment that waits for approval; it came as the `letter` with its `file`.
    """

    word: str
    brand: Brand
    phone: Channel
    customer: Customer
    ticket: Ticket
    message: Message
    settled: Ticket
    unknown: Delivery
    queued: Delivery
    notice: Notice
    source: Source
    quarantine: Quarantine
    member: Membership
    token: ApiToken
    held: Ticket
    letter: Message
    file: Attachment
    twin: Ticket
    guest: Message
    crowd: Ticket
    joining: Joining
    kept: Customer
    theirs: Ticket
    term: Term
    searched: Channel
    team: Team
    calendar: Calendar
    policy: ServicePolicy
    level: Level
    shift: Shift
    rule: EscalationPolicy
    step: Escalation
    approval: Approval
    follow_up: FollowUp
    raised: Ticket
    survey: Survey
    asked: Ticket
    concession: Concession
    area: Area
    lesson: Lesson
    owed: Escalation
    owing: Ticket
    incident: Incident
    statement: Approval
    article: Article
    sketched: Article
    edition: Edition
    sketch: Edition
    category: Category
    idea: Idea
    topic: Topic
    inquiry: Inquiry


@dataclass
class Scene:
    world: World
    north: Half
    south: Half


def open_scene(world: World) -> Scene:
    north = _half(world, world.brand, world.agent, NORTH)
    return Scene(world, north, _half(world, world.rival, world.rival_owner, SOUTH))


def heard(world: World, word: str, brand: Brand, **values: Any) -> Message:
    """A message of the brand that can be answered: it stands on the demo platform."""
    channel = world.channel(brand)
    text = values.pop("text", f"{word} says the train is late")
    message = world.hear(text, who=values.pop("who", word.lower()), brand=brand, **values)
    Mention.objects.create(
        brand=brand,
        account=channel.account,
        namespace="demo:bluesky",
        kind="post",
        external_id=f"demo:{message.pk}",
        reference={"key": f"post-{message.pk}"},
        message=message,
    )
    return message


def called(number: int) -> str:
    """An invented first name for each number, of letters alone."""
    letters = ""
    while True:
        number, place = divmod(number, 26)
        letters = chr(ord("a") + place) + letters
        if not number:
            return f"per{letters}"
        number -= 1


def source_of(world: World, brand: Brand, name: str, **values: Any) -> Source:
    """A source nothing polls by itself, on the brand's demo account."""
    return Source.objects.create(
        brand=brand,
        account=world.channel(brand).account,
        kind="stream",
        name=name,
        next_poll_at=timezone.now(),
        **values,
    )


def held_comment(world: World, brand: Brand, word: str) -> Message:
    """A comment on the brand's blog that waits for approval, with all that a message may bring."""
    message = heard(world, word, brand, who=f"{word}-held".lower())
    blog = Channel.objects.create(brand=brand, platform="wordpress", name=f"{word} blog")
    account = Account.objects.create(
        brand=brand, channel=blog, platform="wordpress", namespace="blog", external_id="user:1", facts={"rest": "path"}
    )
    reference = {"id": message.pk, "post": 1, "held": True}
    Mention.objects.filter(message=message).update(account=account, namespace="blog", reference=reference)
    Ticket.objects.filter(pk=message.ticket_id).update(channel=blog, platform="wordpress")
    MessageBody.objects.create(brand=brand, message=message, html=f"<p>{word}</p>", quoted=f"{word} said before")
    stored = files.store(f"{word}.txt", "text/plain", word.encode())
    Attachment.objects.create(brand=brand, message=message, **asdict(stored))
    return Message.objects.get(pk=message.pk)


def stuck(delivery: Delivery, state: str) -> Delivery:
    """The delivery as it is when the platform's answer was lost (unknown) or a refusal (failed)."""
    DeliveryPart.objects.filter(delivery=delivery).update(state=state)
    Delivery.objects.filter(pk=delivery.pk).update(state=state)
    delivery.refresh_from_db()
    return delivery


def _half(world: World, brand: Brand, worker: User, word: str) -> Half:
    message, settled = heard(world, word, brand), heard(world, word, brand, who=f"{word}-old".lower())
    Customer.objects.filter(brand=brand).update(name=word, about=f"{word} travels with a bicycle")
    tickets.resolve(settled.ticket_id, worker)
    answers = [heard(world, word, brand, who=f"{word}-{name}".lower()) for name in ("lost", "soon")]
    unknown, queued = (replies.reply(row.ticket_id, worker, f"{word} is answered", "public") for row in answers)
    Ticket.objects.filter(brand=brand).update(subject=f"{word} and a late train")
    source = source_of(world, brand, f"{word} stream")
    notices.tell(brand, f"source:{source.pk}", "source.broken", least=Role.AUDITOR, name=word)
    letter = held_comment(world, brand, word)
    two = [heard(world, word, brand, who=f"{word}-{name}".lower()).ticket.customer_id for name in ("one", "two")]
    guest = _guest(world, brand, word)
    joined = joining.join(two[0], two[1], worker)
    phone = Channel.objects.filter(brand=brand, platform=MANUAL, name="Phone").get()
    return Half(
        word=word,
        brand=brand,
        phone=phone,
        customer=Customer.objects.get(pk=message.ticket.customer_id),
        ticket=Ticket.objects.get(pk=message.ticket_id),
        message=message,
        settled=Ticket.objects.get(pk=settled.ticket_id),
        unknown=stuck(unknown, "unknown"),
        queued=queued,
        notice=Notice.objects.get(brand=brand),
        source=source,
        quarantine=_quarantined(source, word),
        member=Membership.objects.get(brand=brand, user=worker),
        token=ApiToken.issue(worker, scopes=["read"], brand=brand, name=f"{word} robot")[0],
        held=Ticket.objects.get(pk=letter.ticket_id),
        letter=letter,
        file=Attachment.objects.get(message=letter),
        twin=_twin(Ticket.objects.get(pk=message.ticket_id)),
        guest=guest,
        crowd=Ticket.objects.get(pk=guest.ticket_id),
        joining=joined,
        kept=joined.kept,
        term=Term.objects.create(brand=brand, name=f"{word} term", include=[word]),
        searched=_searched(brand, word),
        **_ladder(world, brand, worker, word),
        **_seen_through(world, brand, worker, word),
        **_help(brand, worker, word),
        theirs=Ticket.objects.filter(customer=joined.kept).order_by("id")[0],
    )


def _ladder(world: World, brand: Brand, worker: User, word: str) -> dict[str, Any]:
    """One of everything of the ladder, named by the word."""
    raised = heard(world, word, brand, who=f"{word}-raised".lower()).ticket
    step = escalation.escalate(raised.pk, worker, why=f"{word} rang twice")
    week = [[["09:00", "17:00"]]] * 5 + [[], []]
    calendar = calendars.save(brand, worker, name=f"{word} office", week=week)
    promise: dict[str, Any] = {"calendar": calendar, "tiers": [word], "first_response_minutes": 60}
    second = Level.objects.get(brand=brand, number=2)
    draft = stuck(replies.reply(raised.pk, worker, f"{word} is paid back", "public"), "held")
    return {
        "follow_up": following_up.plan(raised.pk, worker, "call", timezone.now() + dt.timedelta(days=1)),
        "approval": approvals.ask(draft, worker, {"code": "level", "level": 2}, timezone.now()),
        "team": people.save_team(brand, worker, name=f"{word} team", members=[worker.pk]),
        "calendar": calendars.save(brand, worker, name=f"{word} nights", week=week),
        "policy": policies.save_service(brand, worker, name=f"{word} promise", **promise),
        "level": policies.save_level(brand, worker, name=f"{word} level"),
        "shift": policies.save_shift(second, worker, user=worker, weekdays=[0]),
        "rule": policies.save_escalation(brand, worker, name=f"{word} rule", trigger="overdue", raise_to=2),
        "step": step,
        "raised": Ticket.objects.get(pk=raised.pk),
    }


def _seen_through(world: World, brand: Brand, worker: User, word: str) -> dict[str, Any]:
    """What became of tickets: a survey that is out, a concession to be granted, a lesson, an incident with a statement.

    `asked` is resolved and may be asked how it went; `owed` has still to be written up."""
    steps, done = [], []
    for name in ("sent", "asked", "learnt", "owed"):
        ticket = heard(world, word, brand, who=f"{word}-{name}".lower()).ticket
        Ticket.objects.filter(pk=ticket.pk).update(intent="complaint", answered_at=timezone.now())
        if name in ("learnt", "owed"):
            steps.append(escalation.escalate(ticket.pk, worker))
        done.append(tickets.resolve(ticket.pk, worker))
    area = areas.save(brand, worker, name=f"{word} area")
    lesson = lessons.write(steps[0].pk, worker, f"{word} cause", f"{word} works", f"{word} advice")
    given = Concession.objects.create(
        brand=brand, ticket=done[0], kind="refund", amount=5, state="approved", asked_by=worker,
        why=tickets.note(done[0].pk, worker, f"{word} waited"),
    )  # fmt: skip
    incident = incidents.begin(brand, worker, f"{word} is stuck", [done[1].pk])
    said = Statement.objects.create(
        brand=brand, incident=incident, kind="holding", text=f"{word} knows", written_by=worker
    )
    asks = Approval(brand=brand, statement=said, level=2, reason={"code": "statement"}, asked_by=worker, asked_at=timezone.now())  # fmt: skip
    asks.due_at = timezone.now() + dt.timedelta(days=1)
    asks.save()
    return {
        "survey": surveys.ask(done[0].pk, worker), "asked": done[1], "concession": given, "area": area, "lesson": lesson,
        "owed": Escalation.objects.get(pk=steps[1].pk), "owing": done[3], "incident": incident, "statement": asks,
    }  # fmt: skip


def _help(brand: Brand, worker: User, word: str) -> dict[str, Any]:
    """A help centre with one article for everybody, without the word, and others, with it, that outsiders never see."""
    category = publishing.save_category(brand, worker, name="Trains")
    shown = publishing.create(brand, worker, publishing.Words("Late trains", "Wait a little."), category=category)
    publishing.publish(shown.pk, worker)
    inner = publishing.create(
        brand, worker, publishing.Words(f"{word} inside", f"{word} late trains"), visible="internal"
    )
    publishing.publish(inner.pk, worker)
    sketch = publishing.create(
        brand, worker, publishing.Words(f"{word} draft", f"{word} late trains"), category=category
    )
    publishing.save(sketch.pk, worker, publishing.Words(f"{word} draft", f"{word} is late again"))
    topic = Topic.objects.create(brand=brand, language="en", title=f"Where does {word} sit?")
    asked = Inquiry.objects.create(
        brand=brand,
        language="en",
        text=f"Where is the seat of {word}?",
        origin="api",
        topic=topic,
        said_at=timezone.now(),
    )
    return {
        "sketch": Edition.objects.get(pk=sketch.pk), "category": category, "topic": topic, "inquiry": asked,
        "edition": Edition.objects.get(pk=shown.pk), "article": shown.article, "sketched": sketch.article,
        "idea": ideas.propose(brand, "en", "A quiet carriage", "", ("somebody", "somewhere")),
    }  # fmt: skip


def _searched(brand: Brand, word: str) -> Channel:
    """An account that can be searched, on a server where nothing answers."""
    channel = Channel.objects.create(brand=brand, platform="x", name=f"{word} on X")
    settings = {"base_url": "http://127.0.0.1:9"}
    Account.objects.create(
        brand=brand, channel=channel, platform="x", settings=settings, namespace="x", external_id="1"
    )
    return channel


def _twin(ticket: Ticket) -> Ticket:
    counter = BrandCounter.objects.get(brand=ticket.brand_id)
    BrandCounter.objects.filter(pk=counter.pk).update(next_ticket=counter.next_ticket + 1)
    same = {
        name: getattr(ticket, name)
        for name in ("brand", "customer", "channel", "platform", "last_inbound_at", "subject")
    }
    twin = Ticket.objects.create(number=counter.next_ticket, state="open", **same)
    TicketLink.objects.create(brand=ticket.brand, earlier=ticket, later=twin, kind="related")
    return twin


def _guest(world: World, brand: Brand, word: str) -> Message:
    thread = f"{word}-crowd"
    heard(world, word, brand, who=f"{word}-host".lower(), thread=thread)
    return heard(world, word, brand, who=f"{word}-guest".lower(), thread=thread, opened_by_author=False)


def _quarantined(source: Source, word: str) -> Quarantine:
    problem = {"code": "malformed", "detail": f"{word} without a time"}
    ingest.quarantine(source, {"text": word}, problem, timezone.now() - dt.timedelta(minutes=5))
    return Quarantine.objects.get(source=source)
