from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.brand import Channel
from helpdesk.models.message import Message, Visibility
from helpdesk.models.ticket import Ticket
from helpdesk.states import PartState


class Delivery(BrandRow):
    """The fate of a reply, in ordered parts; or of an act without words (a like, an approval), which has no message.

    `state` is read off the parts by `states.delivery_state` and kept here for lists. `reply_to` is the
    customer's message this answers.
    """

    class Action(models.TextChoices):
        REPLY = "reply", _("Reply")
        LIKE = "like", _("Like")
        APPROVE = "approve", _("Approve")
        SPAM = "spam", _("Mark as spam")
        HIDE = "hide", _("Hide")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.PROTECT, related_name="deliveries")
    message = models.OneToOneField(Message, models.CASCADE, null=True, blank=True, related_name="delivery")
    reply_to = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=10, choices=Action.choices, default=Action.REPLY)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC)
    state = models.CharField(max_length=10, choices=PartState.choices, default=PartState.QUEUED)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PartState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(action="reply", message__isnull=False) | (~Q(action="reply") & Q(message=None)),
                name="delivery_reply_has_message",
            ),
            models.UniqueConstraint(
                fields=["reply_to"],
                condition=Q(action="like") & ~Q(state__in=["failed", "cancelled"]),
                name="delivery_one_like",
            ),
        ]
        indexes = [
            models.Index(fields=["brand", "created_at", "id"], name="delivery_created"),
            models.Index(
                fields=["brand", "state", "id"], condition=Q(state__in=["unknown", "failed"]), name="delivery_to_decide"
            ),
        ]


class DeliveryPart(BrandRow):
    """One request to a platform. `payload` is frozen before the first try and never changes after it.

    `expected_id` is the external id the payload will have, where the platform lets the client choose it.
    Once sent, the words leave the payload; `text_sha256` and `external_id` stay. Of one in `unknown`, `lease_until` is
    when it is looked for again.
    """

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="parts", db_index=False)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=PartState.choices, default=PartState.QUEUED)
    payload = models.JSONField(null=True, blank=True)
    text_sha256 = models.CharField(max_length=64, blank=True)
    expected_id = models.CharField(max_length=512, blank=True)
    external_id = models.CharField(max_length=512, blank=True)
    external = models.JSONField(
        default=dict, blank=True, help_text=_("What the platform said it stored (uri, cid, url).")
    )
    send_after = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0, help_text=_("Fencing: counts claims."))
    problem = models.JSONField(default=dict, blank=True, help_text=_("Code and parameters; worded at read."))
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "position"], name="part_position_once"),
            models.CheckConstraint(condition=Q(state__in=PartState.values), name="part_state_known"),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(lease_until__isnull=False), name="part_sending_leased"
            ),
            models.CheckConstraint(condition=~Q(state="sent") | ~Q(external_id=""), name="part_sent_has_id"),
        ]
        indexes = [
            models.Index(fields=["send_after"], condition=Q(state="queued"), name="part_due"),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="part_leased"),
            models.Index(fields=["lease_until"], condition=Q(state="unknown"), name="part_unknown"),
            models.Index(fields=["brand", "expected_id"], condition=~Q(expected_id=""), name="part_expected"),
            models.Index(fields=["brand", "external_id"], condition=~Q(external_id=""), name="part_external"),
        ]
