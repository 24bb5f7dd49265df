from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow, public_id
from helpdesk.models.customer import Profile
from helpdesk.models.thread import Thread
from helpdesk.models.ticket import Ticket


class MessageKind(models.TextChoices):
    INBOUND = "inbound", _("From the customer")
    REPLY = "reply", _("Our reply")
    NOTE = "note", _("Note")
    CALL = "call", _("Call")


class Visibility(models.TextChoices):
    PUBLIC = "public", _("Public")
    PRIVATE = "private", _("Private")
    INTERNAL = "internal", _("Internal")


class Message(BrandRow):
    """One entry of a ticket. It alone owns the words: edits go to MessageVersion, a remote delete blanks both.

    Times: `said_at` theirs (clamped to the past), `heard_at` ours, `created_at` the row's.
    Triage columns are set on inbound messages; a field named in `corrected` was set by a person and stays.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="messages", db_index=False)
    thread = models.ForeignKey(Thread, models.SET_NULL, null=True, blank=True, related_name="messages")
    kind = models.CharField(max_length=10, choices=MessageKind.choices)
    visibility = models.CharField(max_length=10, choices=Visibility.choices)
    profile = models.ForeignKey(Profile, models.SET_NULL, null=True, blank=True, related_name="messages")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="messages"
    )
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="answers")
    text = models.TextField(blank=True)
    is_cut = models.BooleanField(default=False, help_text=_("Longer than we keep: cut at the edge."))
    url = models.CharField(max_length=1024, blank=True)
    said_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=models.functions.Now())
    sent_at = models.DateTimeField(null=True, blank=True, help_text=_("A reply: when the platform had all of it."))
    is_automatic = models.BooleanField(default=False, help_text=_("Written by a machine: an auto-answer, say."))
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text=_("A tombstone: the words are gone."))
    # --- triage ------------------------------------------------------------------------------------------------
    language = models.CharField(max_length=10, blank=True)
    intent = models.CharField(max_length=10, blank=True)
    sentiment = models.CharField(max_length=10, blank=True)
    urgency = models.CharField(max_length=10, blank=True)
    reach = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=list, blank=True)
    corrected = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MessageKind.values), name="message_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="note", visibility="internal") | (~Q(kind="note") & ~Q(visibility="internal")),
                name="message_only_notes_internal",
            ),
            models.CheckConstraint(condition=Q(deleted_at=None) | Q(text=""), name="message_tombstone_is_blank"),
        ]
        indexes = [
            models.Index(fields=["ticket", "said_at", "id"], name="message_in_order"),
            models.Index(fields=["brand", "created_at", "id"], name="message_created"),
        ]

    @property
    def speaker(self) -> str:
        """Who said it, as people read it: a colleague, the customer's name or handle there, or ""."""
        if self.author is not None and self.kind != MessageKind.INBOUND:
            return self.author.name
        if self.profile is None:
            return ""
        is_theirs = self.profile.customer_id == self.ticket.customer_id
        return self.profile.name or (self.ticket.customer.name if is_theirs else "") or self.profile.handle


class MessageBody(BrandRow):
    """What a message has beside its words: the HTML it came in (never shown raw), and what it repeats of earlier talk."""

    message = models.OneToOneField(Message, models.CASCADE, related_name="body")
    html = models.TextField(blank=True)
    quoted = models.TextField(blank=True)


class MessageVersion(BrandRow):
    """The words a message had before an edit; `number` counts from 1, the oldest."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="message_version_once")]


class Attachment(BrandRow):
    """A file of a message, in private storage under a random key; streamed after a permission check."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    key = models.CharField(max_length=64, unique=True, default=public_id)
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    content_id = models.CharField(max_length=255, blank=True, help_text=_("Where the message's HTML shows it."))
