from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandQuerySet, BrandRow, public_id
from helpdesk.models.brand import Channel, Team
from helpdesk.models.customer import Customer
from helpdesk.states import OPEN_TICKET_STATES, TicketState

# "No deadline runs": later than every real one, so that the sort column is NOT NULL (null in the API).
FAR = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


class Priority(models.IntegerChoices):
    LOW = 1, _("Low")
    NORMAL = 2, _("Normal")
    HIGH = 3, _("High")
    CRITICAL = 4, _("Critical")


class CloseReason(models.TextChoices):
    SPAM = "spam", _("Spam")
    NO_ANSWER_NEEDED = "no_answer_needed", _("No answer needed")
    MERGED = "merged", _("Merged into another ticket")
    DONE = "done", _("Done")
    DELETED = "deleted", _("The customer took it back")
    AUTOMATIC = "automatic", _("Written by a machine")


class Verdict(models.TextChoices):
    NONE = "", _("No verdict")
    SATISFIED = "satisfied", _("Satisfied")
    MIXED = "mixed", _("So-so")
    UNHAPPY = "unhappy", _("Unhappy")


OPEN = Q(state__in=[str(state) for state in OPEN_TICKET_STATES])


class TicketQuerySet(BrandQuerySet["Ticket"]):
    def open(self) -> Self:
        return self.filter(OPEN)

    def to_answer(self) -> Self:
        """Where the customer has spoken last and we have not resolved it."""
        return self.filter(state__in=[TicketState.NEW, TicketState.OPEN])

    def overdue(self, now: dt.datetime) -> Self:
        return self.open().filter(next_due_at__lt=now)

    def with_people(self) -> Self:
        return self.select_related("customer", "assignee", "channel", "brand")


class Ticket(BrandRow):
    """One conversation with one customer, in one or more threads, until that customer is satisfied.

    The columns below the line are written by `helpdesk.summary` alone, from messages and deadlines.
    """

    number = models.PositiveIntegerField()
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=TicketState.choices, default=TicketState.NEW)
    close_reason = models.CharField(max_length=20, choices=CloseReason.choices, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tickets", db_index=False)
    channel = models.ForeignKey(Channel, models.PROTECT, related_name="tickets")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="tickets"
    )
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="tickets")
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.NORMAL)
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged_from")
    level = models.PositiveSmallIntegerField(_("level"), default=1, help_text=_("Its rung of the brand's ladder."))
    reopened_count = models.PositiveSmallIntegerField(default=0)
    seen_message_id = models.BigIntegerField(
        default=0, help_text=_("The ladder has looked at messages up to this key.")
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    custom = models.JSONField(default=dict, blank=True)
    tags: models.ManyToManyField[Any, Any] = models.ManyToManyField("helpdesk.Tag", related_name="tickets", blank=True)
    created_at = models.DateTimeField(db_default=models.functions.Now())
    # --- the summary -------------------------------------------------------------------------------------------
    platform = models.CharField(max_length=30)
    language = models.CharField(max_length=10, blank=True)
    intent = models.CharField(max_length=10, blank=True)
    sentiment = models.CharField(max_length=10, blank=True)
    urgency = models.CharField(max_length=10, blank=True)
    reach = models.PositiveIntegerField(default=0)
    next_due_at = models.DateTimeField(default=FAR)
    next_step_at = models.DateTimeField(default=FAR, help_text=_("When the ladder has to look at it again."))
    last_inbound_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True, help_text=_("First sent reply or logged call."))
    message_count = models.PositiveIntegerField(default=0)
    inbound_count = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        constraints = [
            models.UniqueConstraint(fields=["brand", "number"], name="ticket_number_once"),
            models.CheckConstraint(condition=Q(state__in=TicketState.values), name="ticket_state_known"),
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="ticket_priority_known"),
            models.CheckConstraint(
                condition=Q(state=TicketState.CLOSED) ^ Q(close_reason=""), name="ticket_closed_has_reason"
            ),
            models.CheckConstraint(condition=~Q(merged_into=models.F("id")), name="ticket_not_into_itself"),
        ]
        indexes = [
            # open work, by each ordering
            models.Index(fields=["brand", "next_due_at", "id"], condition=OPEN, name="ticket_open_due"),
            models.Index(fields=["brand", "last_inbound_at", "id"], condition=OPEN, name="ticket_open_heard"),
            models.Index(fields=["brand", "created_at", "id"], condition=OPEN, name="ticket_open_created"),
            models.Index(fields=["brand", "priority", "id"], condition=OPEN, name="ticket_open_priority"),
            models.Index(fields=["assignee", "next_due_at", "id"], condition=OPEN, name="ticket_open_mine"),
            models.Index(fields=["next_step_at", "id"], name="ticket_next_step"),
            models.Index(
                fields=["brand", "level", "next_due_at", "id"], condition=Q(level__gt=1), name="ticket_raised"
            ),
            # what became of it
            models.Index(
                fields=["brand", "last_inbound_at", "id"], condition=OPEN & Q(verdict="unhappy"), name="ticket_unhappy"
            ),
            models.Index(
                fields=["brand", "created_at"],
                condition=Q(intent="praise") | Q(verdict="satisfied"),
                name="ticket_well_spoken",
            ),
            # all of it, by each ordering
            models.Index(fields=["brand", "next_due_at", "id"], name="ticket_due"),
            models.Index(fields=["brand", "last_inbound_at", "id"], name="ticket_heard"),
            models.Index(fields=["brand", "created_at", "id"], name="ticket_created"),
            models.Index(fields=["brand", "priority", "id"], name="ticket_priority"),
            models.Index(fields=["customer", "created_at"], name="ticket_of_customer"),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_TICKET_STATES

    @property
    def due_at(self) -> dt.datetime | None:
        """When the next thing is due; None when no deadline runs."""
        return None if self.next_due_at >= FAR else self.next_due_at


class TicketLink(BrandRow):
    """Two tickets that belong together: `later` goes on from, doubles or resembles `earlier`."""

    class Kind(models.TextChoices):
        FOLLOWS = "follows", _("goes on from")
        DUPLICATE = "duplicate", _("is the same as")
        RELATED = "related", _("has to do with")

    earlier = models.ForeignKey(Ticket, models.CASCADE, related_name="links_later", db_index=False)
    later = models.ForeignKey(Ticket, models.CASCADE, related_name="links_earlier")
    kind = models.CharField(max_length=10, choices=Kind.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["earlier", "later", "kind"], name="ticket_link_once"),
            models.CheckConstraint(condition=~Q(earlier=models.F("later")), name="ticket_link_two_ends"),
        ]


class Tag(BrandRow):
    name = models.CharField(max_length=50)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="tag_once")]

    def __str__(self) -> str:
        return self.name


class CustomField(BrandRow):
    """A field a brand adds to its tickets or customers; values stand in `custom` under `key`."""

    class Target(models.TextChoices):
        TICKET = "ticket", _("Ticket")
        CUSTOMER = "customer", _("Customer")

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        YES_NO = "yes_no", _("Yes or no")
        CHOICE = "choice", _("Choice")
        DATE = "date", _("Date")

    target = models.CharField(max_length=10, choices=Target.choices)
    key = models.SlugField(max_length=50)
    label = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    choices = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "target", "key"], name="custom_field_once")]


class Deadline(BrandRow):
    """What must have happened by when. One of each kind runs at a time.

    `due_at` is computed from `started_at`, the policy's promise and calendar, and `pauses` ([["from", "until"], …], times
    as ISO 8601). A paused one is due when it goes on. `changes`: why it was computed anew, as codes with parameters.
    """

    class Kind(models.TextChoices):
        FIRST_RESPONSE = "first_response", _("First answer")
        NEXT_RESPONSE = "next_response", _("Next answer")
        RESOLUTION = "resolution", _("Resolution")

    class Told(models.IntegerChoices):
        NOTHING = 0, _("Nothing")
        RISK = 1, _("At risk")
        DUE = 2, _("Overdue")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="deadlines")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    policy = models.ForeignKey(
        "helpdesk.ServicePolicy", models.SET_NULL, null=True, blank=True, related_name="deadlines", db_index=False
    )
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    risk_at = models.DateTimeField(null=True, blank=True, help_text=_("From here on it is at risk."))
    told = models.PositiveSmallIntegerField(choices=Told.choices, default=Told.NOTHING)
    paused_at = models.DateTimeField(null=True, blank=True)
    pauses = models.JSONField(default=list, blank=True)
    changes = models.JSONField(default=list, blank=True)
    met_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True, help_text=_("No longer needed: closed without an answer."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "kind"],
                condition=Q(met_at=None, dropped_at=None),
                name="deadline_one_running",
            ),
            models.CheckConstraint(condition=Q(due_at__gte=models.F("started_at")), name="deadline_after_start"),
            models.CheckConstraint(condition=Q(met_at=None) | Q(dropped_at=None), name="deadline_one_end"),
            models.CheckConstraint(condition=Q(risk_at__lte=models.F("due_at")), name="deadline_risk_before_due"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(met_at=None, dropped_at=None), name="deadline_running"),
            models.Index(fields=["policy", "id"], condition=Q(met_at=None, dropped_at=None), name="deadline_of_policy"),
        ]
