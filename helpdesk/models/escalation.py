"""The ladder of a brand: its levels, who is on duty there, when a ticket goes up, and each step that one took."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.brand import Team
from helpdesk.models.promise import Calendar, Conditional, minutes
from helpdesk.models.ticket import FAR, Priority, Ticket

FRONT_LINE, TOP = 1, 9


def level_number(**options: Any) -> Any:
    return models.PositiveSmallIntegerField(
        _("level"), validators=[MinValueValidator(FRONT_LINE), MaxValueValidator(TOP)], **options
    )


class Level(BrandRow):
    """One rung. Who is asked there acknowledges in time, or is reminded, or the ticket climbs to the next rung.

    The time to acknowledge is counted by the calendar (quiet hours are closed hours); without one, around the clock.
    """

    number = level_number()
    name = models.CharField(_("name"), max_length=100)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("team"))
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reachable")
    )
    acknowledge_minutes = minutes(_("acknowledged within"), default=30)
    reminders = models.PositiveSmallIntegerField(
        _("reminders"), default=1, validators=[MaxValueValidator(10)], help_text=_("Before it climbs.")
    )
    checks_replies = models.BooleanField(
        _("approves answers"),
        default=False,
        help_text=_("What somebody of a lower level answers to a ticket up here waits for approval."),
    )
    concession_limit = models.DecimalField(
        _("may grant up to"),
        max_digits=10,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_("A customer in 30 days, without asking the next level. Managers may grant any amount."),
    )

    class Meta:
        verbose_name = _("level")
        verbose_name_plural = _("levels")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "number"], name="level_number_once"),
            models.CheckConstraint(condition=Q(number__gte=FRONT_LINE, number__lte=TOP), name="level_number_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Shift(BrandRow):
    """Somebody's hours on duty at a level: weekdays (Monday is 0) and minutes of the day in the level's zone."""

    level = models.ForeignKey(Level, models.CASCADE, related_name="shifts", verbose_name=_("level"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("who"))
    weekdays = models.JSONField(_("days"), default=list)
    start = models.PositiveSmallIntegerField(_("from"), default=0)
    end = models.PositiveSmallIntegerField(_("to"), default=24 * 60)
    since = models.DateField(_("first day"), null=True, blank=True)
    until = models.DateField(_("last day"), null=True, blank=True)

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end"), end__lte=24 * 60), name="shift_forwards"),
            models.CheckConstraint(
                condition=Q(since=None) | Q(until=None) | Q(since__lte=F("until")), name="shift_days_forwards"
            ),
        ]
        indexes = [models.Index(fields=["brand", "level"], name="shift_of_level")]


class Trigger(models.TextChoices):
    AT_RISK = "at_risk", _("An answer is at risk")
    OVERDUE = "overdue", _("An answer is overdue")
    WORDS = "words", _("Words are used")
    SENTIMENT = "sentiment", _("The mood drops")
    REACH = "reach", _("Many will read it")
    REOPENED = "reopened", _("It was reopened")
    UNHAPPY = "unhappy", _("The verdict is unhappy")
    ALIKE = "alike", _("Many have the same trouble")
    MISSED = "missed", _("A promise to come back was missed")


class EscalationPolicy(Conditional):
    """When (a trigger with its parameters, on tickets that fit) → then.

    `params`: {"deadlines": [kinds]} of at_risk and overdue; {"words": [...]}; {"reach": n}; {"times": n};
    {"count": n} of alike, within two days. `raise_to`: a level, 0 for one up, null for none.
    """

    class Notify(models.TextChoices):
        DESK = "desk", _("In the desk")
        EMAIL = "email", _("By email")
        HOOK = "hook", _("In a chat")

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    is_active = models.BooleanField(_("in use"), default=False)
    trigger = models.CharField(_("when"), max_length=10, choices=Trigger.choices)
    params = models.JSONField(_("how much"), default=dict, blank=True)
    raise_to = models.PositiveSmallIntegerField(
        _("raise to"), null=True, blank=True, validators=[MaxValueValidator(TOP)]
    )
    set_priority = models.PositiveSmallIntegerField(_("set priority"), choices=Priority.choices, null=True, blank=True)
    team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("give to team")
    )
    notify = models.JSONField(_("tell"), default=list, blank=True)
    needs_approval = models.BooleanField(_("answers need approval"), default=False)

    class Meta:
        verbose_name = _("escalation policy")
        verbose_name_plural = _("escalation policies")
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="escalation_policy_name_once"),
            models.CheckConstraint(condition=Q(trigger__in=Trigger.values), name="escalation_policy_trigger_known"),
        ]
        indexes = [models.Index(fields=["brand", "position", "id"], name="escalation_policy_order")]

    def __str__(self) -> str:
        return self.name


class Escalation(BrandRow):
    """One step up: who has it, why, by when it must be acknowledged, and what came of it. One of a ticket is open.

    `next_at` is when the ladder looks again: at a reminder or a climb, or never (FAR) once it is acknowledged or the top
    of the ladder has been told in vain as often as it is allowed to be.
    """

    class Outcome(models.TextChoices):
        NONE = "", _("Open")
        CLIMBED = "climbed", _("Not acknowledged: it climbed")
        RAISED = "raised", _("Raised further")
        LOWERED = "lowered", _("Handed back")
        RESOLVED = "resolved", _("Resolved")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="escalations", db_index=False)
    level = level_number()
    before = level_number(help_text=_("The level it came from."))
    policy = models.ForeignKey(EscalationPolicy, models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.JSONField(default=dict, help_text=_("Code and parameters; worded at read."))
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="escalations", db_index=False
    )
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+")
    raised_at = models.DateTimeField()
    acknowledge_by = models.DateTimeField()
    reminded = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=FAR)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    class Meta:
        verbose_name = _("escalation")
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(ended_at=None), name="escalation_one_open"),
            models.CheckConstraint(condition=Q(ended_at=None) ^ ~Q(outcome=""), name="escalation_ended_has_outcome"),
            models.CheckConstraint(condition=Q(level__gte=FRONT_LINE, level__lte=TOP), name="escalation_level_known"),
        ]
        indexes = [
            models.Index(fields=["ticket", "id"], name="escalation_of_ticket"),
            models.Index(fields=["owner", "acknowledge_by"], condition=Q(ended_at=None), name="escalation_mine"),
            models.Index(fields=["brand", "acknowledge_by", "id"], condition=Q(ended_at=None), name="escalation_open"),
            models.Index(fields=["brand", "created_at", "id"], name="escalation_created"),
            models.Index(fields=["brand", "ended_at"], condition=Q(outcome="resolved"), name="escalation_resolved"),
        ]


class Firing(BrandRow):
    """A policy has had its effect on a ticket on this occasion; never again on the same.

    Of deadlines there are none: `Deadline.told` says what they have set off.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+", db_index=False)
    policy = models.ForeignKey(EscalationPolicy, models.CASCADE, related_name="firings")
    occasion = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ticket", "policy", "occasion"], name="firing_once"),
        ]


class GuardRaise(BrandRow):
    """A guard spoke up on a draft, and what came of it: sent as it was, or changed. The draft itself is not kept."""

    class Answer(models.TextChoices):
        NONE = "", _("Left")
        ANYWAY = "anyway", _("Sent as it was")
        CHANGED = "changed", _("Changed first")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    guard = models.CharField(max_length=10)
    draft_sha256 = models.CharField(max_length=64)
    answer = models.CharField(max_length=10, choices=Answer.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "ticket", "guard", "draft_sha256"], name="guard_raised_once"),
        ]
        indexes = [models.Index(fields=["brand", "guard", "created_at"], name="guard_report")]


class Approval(BrandRow):
    """A second pair of eyes on what is held meanwhile: who was asked, by when, and what they said.

    It is about a reply, a concession, or a statement to all whom an incident affects (which has no ticket). Overdue, it
    climbs: the next level is asked. `refused_note` is the note that says why it was refused.
    """

    class Outcome(models.TextChoices):
        NONE = "", _("Waiting")
        APPROVED = "approved", _("Approved")
        EDITED = "edited", _("Approved with changes")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    ticket = models.ForeignKey(Ticket, models.CASCADE, null=True, blank=True, related_name="approvals")
    delivery = models.OneToOneField("helpdesk.Delivery", models.CASCADE, null=True, blank=True, related_name="approval")
    concession = models.OneToOneField(
        "helpdesk.Concession", models.CASCADE, null=True, blank=True, related_name="approval"
    )
    statement = models.OneToOneField(
        "helpdesk.Statement", models.CASCADE, null=True, blank=True, related_name="approval"
    )
    level = level_number()
    reason = models.JSONField(default=dict, help_text=_("Why it needs one: code and parameters."))
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="approvals", db_index=False
    )
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    refused_note = models.ForeignKey(
        "helpdesk.Message", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("approval")
        constraints = [
            models.CheckConstraint(condition=Q(decided_at=None) ^ ~Q(outcome=""), name="approval_decided_has_outcome"),
            models.CheckConstraint(
                condition=Q(delivery__isnull=False, concession=None, statement=None)
                | Q(delivery=None, concession__isnull=False, statement=None)
                | Q(delivery=None, concession=None, statement__isnull=False),
                name="approval_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(ticket__isnull=False) ^ Q(statement__isnull=False), name="approval_has_ticket"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(decided_at=None), name="approval_due"),
            models.Index(fields=["brand", "due_at", "id"], condition=Q(decided_at=None), name="approval_open"),
            models.Index(fields=["owner"], condition=Q(decided_at=None), name="approval_mine"),
            models.Index(fields=["brand", "created_at", "id"], name="approval_created"),
        ]


class FollowUp(BrandRow):
    """A promise to come back to a customer: by whom, how and when, and what came of it. Missed, it climbs."""

    class Kind(models.TextChoices):
        CALL = "call", _("Call them")
        MESSAGE = "message", _("Write to them")
        CHECK = "check", _("Look whether it is done")

    class Outcome(models.TextChoices):
        NONE = "", _("Planned")
        REACHED = "reached", _("Reached them")
        NO_ANSWER = "no_answer", _("No answer")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("No longer needed")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="follow_ups")
    kind = models.CharField(_("how"), max_length=10, choices=Kind.choices)
    reason = models.JSONField(default=dict, help_text=_("Code: promised, resolved, cool or by_hand."))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="follow_ups", db_index=False
    )
    planned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    due_at = models.DateTimeField(_("when"))
    missed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    class Meta:
        verbose_name = _("follow-up")
        constraints = [
            models.CheckConstraint(condition=Q(done_at=None) ^ ~Q(outcome=""), name="follow_up_done_has_outcome"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(done_at=None, missed_at=None), name="follow_up_due"),
            models.Index(fields=["owner", "due_at"], condition=Q(done_at=None), name="follow_up_mine"),
            models.Index(fields=["brand", "due_at", "id"], condition=Q(done_at=None), name="follow_up_open"),
            models.Index(fields=["brand", "created_at", "id"], name="follow_up_created"),
        ]
