"""What is heard and where: accounts, their sources, and each remote item stored once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import BrandQuerySet, BrandRow, Channel, Message, User
from helpdesk.seal import seal, unseal


class Account(BrandRow):
    """The log-in behind a channel. Secrets are sealed; `session` is what the platform gave us for them."""

    class State(models.TextChoices):
        FINE = "fine", _("Connected")
        RECONNECT = "reconnect", _("Needs reconnection")

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="account")
    platform = models.CharField(max_length=30)
    settings = models.JSONField(default=dict, help_text=_("What is no secret: address, identifier."))
    sealed_secrets = models.TextField(blank=True, editable=False)
    sealed_session = models.TextField(blank=True, editable=False)
    session_number = models.PositiveIntegerField(default=0, editable=False)
    session_lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    namespace = models.CharField(max_length=255, blank=True)
    external_id = models.CharField(max_length=512, blank=True)
    handle = models.CharField(max_length=255, blank=True)
    abilities = models.JSONField(default=dict, blank=True, help_text=_("What connecting found this account can do."))
    facts = models.JSONField(default=dict, blank=True, help_text=_("What its server said of itself: limits, folders."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.FINE)
    problem = models.JSONField(default=dict, blank=True)
    write_window_at = models.DateTimeField(null=True, blank=True)
    write_used = models.PositiveIntegerField(default=0)
    throttled_until = models.DateTimeField(null=True, blank=True, help_text=_("Sending in public waits until then."))
    private_throttled_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Sending in private waits until then.")
    )
    monthly_budget = models.DecimalField(
        _("monthly budget"), max_digits=9, decimal_places=2, null=True, blank=True, help_text=_("Dollars; empty: none.")
    )
    hook_token = models.CharField(
        max_length=64, unique=True, null=True, blank=True, editable=False, help_text=_("In the address it pushes to.")
    )

    class Meta:
        verbose_name = _("account")

    def __str__(self) -> str:
        return self.handle or self.platform

    @property
    def hook_path(self) -> str:
        """Where its platform is to push to, without the host; "" where it pushes nothing."""
        return f"/hooks/{self.platform}/{self.hook_token}/" if self.hook_token else ""

    @property
    def secrets(self) -> dict[str, Any]:
        return unseal(self.sealed_secrets)

    @secrets.setter
    def secrets(self, value: dict[str, Any]) -> None:
        self.sealed_secrets = seal(value) if value else ""

    def waits_until(self, now: dt.datetime, *, private: bool) -> dt.datetime | None:
        """Until when the platform wants no answer of this kind; None where it takes them."""
        until = self.private_throttled_until if private else self.throttled_until
        return until if until is not None and until > now else None

    def may_send(self, now: dt.datetime, *, private: bool) -> bool:
        return self.state == self.State.FINE and self.waits_until(now, private=private) is None

    @property
    def session(self) -> dict[str, Any]:
        return unseal(self.sealed_session)


class KeptSession(BrandRow):
    """Tokens that a test renewed before its account was stored: the refresh token that was entered is used up by then."""

    fingerprint = models.CharField(max_length=64, help_text=_("Of the log-in as it was entered."))
    sealed_session = models.TextField(editable=False)
    kept_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "fingerprint"], name="kept_session_once")]


class Usage(BrandRow):
    """What an account used of its platform on one day: requests, items read and written, and what they cost."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="usage", db_index=False)
    day = models.DateField()
    what = models.CharField(max_length=30)
    count = models.PositiveBigIntegerField(default=0)
    micros = models.PositiveBigIntegerField(default=0, help_text=_("Millionths of a dollar."))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "day", "what"], name="usage_once")]


class Term(BrandRow):
    """What a brand listens for beyond its own handle. `include`: any of these; `exclude`: none of these."""

    name = models.CharField(_("name"), max_length=100)
    include = models.JSONField(default=list)
    exclude = models.JSONField(default=list, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    near_misses = models.BooleanField(_("near-miss spellings"), default=False)

    class Meta:
        verbose_name = _("search term")
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="term_once")]

    def __str__(self) -> str:
        return self.name


class SourceQuerySet(BrandQuerySet["Source"]):
    def due(self, now: dt.datetime) -> Self:
        """Sources to poll now: in use, connected, due, and not in another worker's hands."""
        return self.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            is_active=True,
            next_poll_at__lte=now,
            account__state=Account.State.FINE,
        )

    def fall_silent(self, problem: Mapping[str, Any]) -> None:
        """These are not heard from now on, and why; the first reason is kept until a look goes well."""
        self.filter(silent={}).update(silent=dict(problem))


class Source(BrandRow):
    """One stream of an account: cursor, rhythm, budget and breaker live on this row, not in memory."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=30)
    query = models.CharField(_("search for"), max_length=512, blank=True)
    term = models.ForeignKey(
        Term, models.SET_NULL, null=True, blank=True, related_name="sources", help_text=_("The term that asks it.")
    )
    name = models.CharField(_("name"), max_length=100)
    is_active = models.BooleanField(_("listening"), default=True)
    cursor = models.JSONField(default=dict, blank=True)
    rhythm_seconds = models.PositiveIntegerField(_("rhythm"), default=60, help_text=_("Seconds between two looks."))
    next_poll_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0, help_text=_("Fencing: counts claims."))
    budget_per_hour = models.PositiveIntegerField(_("requests an hour"), default=600)
    budget_window_at = models.DateTimeField(null=True, blank=True)
    budget_used = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text=_("Failed looks in a row."))
    breaker_until = models.DateTimeField(null=True, blank=True)
    throttled_until = models.DateTimeField(null=True, blank=True)
    problem = models.JSONField(default=dict, blank=True, help_text=_("Code and parameters; worded at read."))
    last_tried_at = models.DateTimeField(null=True, blank=True)
    last_fine_at = models.DateTimeField(null=True, blank=True)
    last_heard_at = models.DateTimeField(null=True, blank=True)
    heard_count = models.PositiveBigIntegerField(default=0)
    expected_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When it was to be heard next, as the last look that went well had it.")
    )
    silent = models.JSONField(
        default=dict, blank=True, help_text=_("Why it has not been heard since its last good look: the first reason.")
    )
    delay_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("From said to heard, in the middle of what the last look brought.")
    )

    objects: ClassVar[Any] = SourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "query"], name="source_once"),
            models.CheckConstraint(condition=Q(rhythm_seconds__gte=1), name="source_rhythm_positive"),
        ]
        indexes = [models.Index(fields=["next_poll_at"], condition=Q(is_active=True), name="source_due")]

    def __str__(self) -> str:
        return self.name


class Mention(BrandRow):
    """One remote item as heard, stored once, whoever heard it and how often."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="mentions", help_text=_("The first to hear it."))
    namespace = models.CharField(max_length=255)
    kind = models.CharField(max_length=10)
    external_id = models.CharField(max_length=512, help_text=_("The global name (a URI): identity."))
    local_id = models.CharField(max_length=512, blank=True, help_text=_("The name calls use, where it differs."))
    version = models.CharField(max_length=128, blank=True)
    reference = models.JSONField(default=dict, blank=True, help_text=_("What a reply to it must quote (cid, root)."))
    message = models.OneToOneField(Message, models.SET_NULL, null=True, blank=True, related_name="mention")
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text=_("First seen on the platform; empty: sent by us, not seen there yet.")
    )
    replies = models.PositiveIntegerField(default=0, help_text=_("Directly beneath it, when we last looked."))
    check_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When to look whether it was edited, deleted or replied to.")
    )
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("mention")
        constraints = [
            # the id first: a set of ids is found by them whatever the statistics say of the rest
            models.UniqueConstraint(fields=["external_id", "namespace", "kind", "brand"], name="mention_once"),
        ]
        indexes = [
            models.Index(fields=["account", "check_at"], condition=Q(check_at__isnull=False), name="mention_to_check"),
        ]

    def __str__(self) -> str:
        return self.external_id


class Payload(models.Model):
    """A mention's raw item as the platform gave it; expires by the brand's policy."""

    mention = models.OneToOneField(Mention, models.CASCADE, primary_key=True, related_name="payload")
    raw = models.JSONField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="payload_expiry")]


class ReadBack(BrandRow):
    """A stretch of a source's past that somebody asked for. It is read in turns; `position` is where the next goes on."""

    class Outcome(models.TextChoices):
        OPEN = "", _("Reading")
        DONE = "done", _("Done")
        ENOUGH = "enough", _("As many as were asked for")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    source = models.ForeignKey(Source, models.CASCADE, related_name="read_backs", db_index=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    most = models.PositiveIntegerField(help_text=_("Items; what they cost is known before."))
    is_history = models.BooleanField(default=False, help_text=_("What it brings asks for no answer."))
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    position = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    problem = models.JSONField(default=dict, blank=True)
    read = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    earliest_at = models.DateTimeField(null=True, blank=True, help_text=_("When the earliest item read was said."))
    latest_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default=Outcome.OPEN)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("reading back")
        constraints = [
            models.CheckConstraint(condition=Q(since__lt=models.F("until")), name="read_back_in_order"),
            models.UniqueConstraint(fields=["source"], condition=Q(finished_at=None), name="read_back_one_at_a_time"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(finished_at=None), name="read_back_due"),
            models.Index(fields=["source", "id"], name="read_back_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.since:%Y-%m-%d}"

    @property
    def percent(self) -> int:
        """How much of the stretch, or of the number asked for, has been read."""
        if self.earliest_at is None or self.latest_at is None:
            return 0
        covered = (self.latest_at - self.earliest_at) / (self.until - self.since)
        return round(100 * min(max(covered, self.read / self.most), 1))


class Gap(BrandRow):
    """A time in which a source was not heard, and why; `lost_until`: what was said before that cannot be heard any more."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="gaps", db_index=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    problem = models.JSONField(default=dict, help_text=_("Code and parameters; worded at read."))
    lost_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("gap")
        constraints = [models.CheckConstraint(condition=Q(since__lt=models.F("until")), name="gap_in_order")]
        indexes = [models.Index(fields=["source", "until"], name="gap_latest")]

    def __str__(self) -> str:
        return f"{self.source} {self.since:%Y-%m-%d %H:%M}"


class Heard(models.Model):
    """Which source heard which mention."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="heard", db_index=False)
    mention = models.ForeignKey(Mention, models.CASCADE, related_name="heard_by")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "mention"], name="heard_once")]


class Quarantine(BrandRow):
    """An item we could not take in: kept whole, with the reason, until somebody retries or drops it."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="quarantined")
    fingerprint = models.CharField(max_length=64)
    external_id = models.CharField(max_length=512, blank=True, help_text=_("Where the item could be read that far."))
    raw = models.JSONField()
    problem = models.JSONField(default=dict)
    tries = models.PositiveSmallIntegerField(default=1)
    seen_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("quarantined item")
        constraints = [models.UniqueConstraint(fields=["source", "fingerprint"], name="quarantine_once")]
        indexes = [
            models.Index(fields=["brand", "seen_at", "id"], condition=Q(settled_at=None), name="quarantine_open"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.fingerprint[:8]}"


class Forgotten(models.Model):
    """An item of an erased person: a keyed hash of its name, so that hearing it again brings nothing back."""

    brand = models.ForeignKey("helpdesk.Brand", models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "digest"], name="forgotten_once")]


class ArchiveRun(BrandRow):
    """One file brought into one channel: how far it is. `position` counts rows in the order of conversations."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="runs", db_index=False)
    fingerprint = models.CharField(max_length=64)
    position = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "fingerprint"], name="archive_run_once")]


class PushQuerySet(BrandQuerySet["Push"]):
    def due(self, now: dt.datetime) -> Self:
        return self.filter(done_at=None, due_at__lte=now, account__state=Account.State.FINE)


class Push(BrandRow):
    """A body that a platform pushed to us, verified, waiting to be worked on. Its name makes a second one harmless."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="pushes", db_index=False)
    name = models.CharField(max_length=128)
    stream = models.CharField(max_length=30)
    body = models.JSONField(null=True)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    problem = models.JSONField(default=dict, blank=True)

    objects: ClassVar[Any] = PushQuerySet.as_manager()

    class Meta:
        verbose_name = _("pushed event")
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="push_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(done_at=None), name="push_due"),
            models.Index(fields=["done_at"], condition=Q(done_at__isnull=False), name="push_done"),
        ]


class DemoPost(models.Model):
    """The ledger of the demo platform: what its invented people said there, and what we answered."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="demo_posts")
    key = models.CharField(max_length=64)
    author = models.CharField(max_length=100, blank=True, help_text=_("Empty: ours."))
    parent_key = models.CharField(max_length=64, blank=True)
    root_key = models.CharField(max_length=64)
    root_author = models.CharField(max_length=100, blank=True)
    text = models.TextField()
    is_private = models.BooleanField(default=False)
    said_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    about = models.JSONField(default=dict, help_text=_("What else comes with it: html, quoted, file, list, held, …"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="demo_post_once")]
