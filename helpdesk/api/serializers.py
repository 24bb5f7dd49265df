"""Shapes of the API. What is read and what is written are separate; nothing is written by name from a body
that the serializer does not list, and an unknown field is an error instead of silence."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from helpdesk import links, notices
from helpdesk.models import (
    Attachment,
    Brand,
    Channel,
    CloseReason,
    Customer,
    Delivery,
    DeliveryPart,
    Membership,
    Message,
    MessageVersion,
    Notice,
    Priority,
    Profile,
    Ticket,
)
from helpdesk.ports import ports
from helpdesk.text.clean import one_line
from helpdesk.text.triage import Intent, Sentiment, Urgency
from helpdesk.workflow.guards import GUARDS
from helpdesk.workflow.tickets import CLOSE_BY_HAND

LEAST, MOST = Decimal("0.01"), Decimal(8784)


class StrictSerializer(serializers.Serializer[Any]):
    """Input: every unknown field is named in the error."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                known = ", ".join(self.fields) or "none"
                raise serializers.ValidationError(
                    dict.fromkeys(unknown[:20], f"There is no such field. There are: {known}."), code="unknown"
                )
            data = {name: value for name, value in data.items() if value is not None or self._minds_null(name)}
        return super().to_internal_value(data)

    def _minds_null(self, name: str) -> bool:
        """Whether null is more than "not given" for this field."""
        return self.fields[name].required or self.fields[name].allow_null


class LineField(serializers.CharField):
    """A name or subject: text, cleaned, on one line."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        line = one_line(super().to_internal_value(data), len(data) + 1)
        if self.max_length and len(line) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        if not line and not self.allow_blank:
            self.fail("blank")
        return line


class OneOf(serializers.ChoiceField):
    """A choice; a wrong one is answered with those there are."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f"Choose one of: {', '.join(str(key) for key in self.choices)}."


class BrandSerializer(serializers.ModelSerializer[Brand]):
    held_guards = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Guards whose finds wait for a second pair of eyes."
    )
    has_chat_hook = serializers.SerializerMethodField(help_text="Whether a chat's hook is set; it is never shown.")

    def get_has_chat_hook(self, row: Brand) -> bool:
        return bool(row.chat_hook)

    class Meta:
        model = Brand
        fields = [
            "id",
            "slug",
            "name",
            "time_zone",
            "locale",
            "country",
            "first_response_hours",
            "next_response_hours",
            "reopen_hours",
            "currency",
            "survey_minutes",
            "survey_text",
            "away_text",
            "held_guards",
            "has_chat_hook",
            "created_at",
        ]
        read_only_fields = fields


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)

    class Meta:
        model = Channel
        fields = ["id", "brand", "platform", "shown_as", "name", "handle", "is_active"]
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[Membership]):
    id = serializers.IntegerField(source="user_id", read_only=True)
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "brand", "name", "role"]
        read_only_fields = fields


class ProfileSerializer(serializers.ModelSerializer[Profile]):
    class Meta:
        model = Profile
        fields = ["id", "platform", "external_id", "handle", "name", "url", "reach"]
        read_only_fields = fields


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    profiles = ProfileSerializer(many=True, read_only=True)

    class Meta:
        model = Customer
        fields = ["id", "brand", "name", "language", "place", "tier", "about", "profiles", "created_at"]
        read_only_fields = fields


class SomebodySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    channel = SomebodySerializer(read_only=True)
    customer = SomebodySerializer(read_only=True)
    assignee = SomebodySerializer(read_only=True, allow_null=True)
    close_reason = serializers.ChoiceField(choices=[("", "Not closed"), *CloseReason.choices], read_only=True)
    next_due_at = serializers.DateTimeField(source="due_at", read_only=True, allow_null=True)

    class Meta:
        model = Ticket
        fields = [
            "id", "number", "brand", "state", "close_reason", "verdict", "subject", "priority", "level", "customer", "channel",
            "assignee",
            "platform", "language", "intent", "sentiment", "urgency", "reach", "next_due_at", "last_inbound_at", "answered_at",
            "message_count", "inbound_count", "created_at", "resolved_at",
        ]  # fmt: skip
        read_only_fields = fields


class VersionSerializer(serializers.ModelSerializer[MessageVersion]):
    """What a message said before an edit; `number` counts from 1, the oldest."""

    class Meta:
        model = MessageVersion
        fields = ["number", "text", "seen_at"]
        read_only_fields = fields


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    """A file that came with a message; the desk serves it to people."""

    class Meta:
        model = Attachment
        fields = ["id", "name", "media_type", "size"]
        read_only_fields = fields


class MessageSerializer(serializers.ModelSerializer[Message]):
    versions = VersionSerializer(many=True, read_only=True)
    reasons = serializers.SerializerMethodField(help_text="Why triage read it so: code, parameters, and in words.")
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    author = SomebodySerializer(read_only=True, allow_null=True)
    profile = ProfileSerializer(read_only=True, allow_null=True)
    corrected = serializers.SerializerMethodField()
    attachments = AttachmentSerializer(many=True, read_only=True)
    quoted = serializers.SerializerMethodField(help_text="What it only repeats of earlier talk.")
    text = serializers.SerializerMethodField(help_text="Without the link by which a customer answers a survey.")

    class Meta:
        model = Message
        fields = [
            "id", "brand", "ticket", "kind", "visibility", "text", "is_cut", "author", "profile", "parent", "url", "said_at", "heard_at",
            "sent_at", "edited_at", "deleted_at", "language", "intent", "sentiment", "urgency", "reach", "reasons", "corrected",
            "versions", "is_automatic", "quoted", "attachments",
        ]  # fmt: skip
        read_only_fields = fields

    def get_text(self, row: Message) -> str:
        return links.without_keys(row.text)

    def get_quoted(self, row: Message) -> str:
        body = getattr(row, "body", None)
        return links.without_keys(body.quoted) if body is not None else ""

    def get_reasons(self, row: Message) -> list[dict[str, Any]]:
        return [{**reason, "words": ports.reason_words(reason)} for reason in row.reasons]

    def get_corrected(self, row: Message) -> list[str]:
        return sorted(row.corrected)


class PartSerializer(serializers.ModelSerializer[DeliveryPart]):
    problem = serializers.SerializerMethodField()
    problem_words = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = DeliveryPart
        fields = [
            "position",
            "state",
            "external_id",
            "url",
            "attempts",
            "send_after",
            "sent_at",
            "problem",
            "problem_words",
        ]
        read_only_fields = fields

    def get_problem(self, row: DeliveryPart) -> str:
        return str(row.problem.get("code", ""))

    def get_problem_words(self, row: DeliveryPart) -> str:
        return ports.mouth.problem(row.delivery.channel, row.problem) if row.problem else ""

    def get_url(self, row: DeliveryPart) -> str:
        return str(row.external.get("url", ""))


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    parts = PartSerializer(many=True, read_only=True)

    class Meta:
        model = Delivery
        fields = [
            "id",
            "brand",
            "ticket",
            "message",
            "reply_to",
            "action",
            "visibility",
            "state",
            "parts",
            "created_at",
        ]
        read_only_fields = fields


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    text = serializers.SerializerMethodField()
    is_read = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ["id", "brand", "code", "text", "params", "least_role", "link", "is_read", "created_at", "settled_at"]
        read_only_fields = fields

    def get_text(self, row: Notice) -> str:
        return notices.wording(row)

    @extend_schema_field(serializers.BooleanField)
    def get_is_read(self, row: Notice) -> bool:
        return any(reader.pk == self.context["request"].user.pk for reader in row.readers.all())


# --- input -----------------------------------------------------------------------------------------------------


class TextInput(StrictSerializer):
    text = serializers.CharField(max_length=20_000, trim_whitespace=True)


class ReplyInput(TextInput):
    visibility = OneOf(choices=["public", "private"])


class ModerateInput(StrictSerializer):
    message = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    action = serializers.ChoiceField(choices=["approve", "spam", "hide"])


class AssignInput(StrictSerializer):
    assignee = serializers.IntegerField(
        allow_null=True, min_value=1, max_value=2**63 - 1, help_text="A member's id; null takes it from everybody."
    )


class CloseInput(StrictSerializer):
    reason = OneOf(choices=list(CLOSE_BY_HAND))


class TicketChange(StrictSerializer):
    priority = OneOf(choices=Priority.choices, required=False)
    subject = LineField(max_length=200, allow_blank=True, required=False)


class TriageInput(StrictSerializer):
    intent = OneOf(choices=Intent.choices, required=False)
    sentiment = OneOf(choices=Sentiment.choices, required=False)
    urgency = OneOf(choices=Urgency.choices, required=False)
    language = serializers.RegexField(
        r"^[a-z]{2,3}$", required=False, error_messages={"invalid": "An ISO 639 code such as en or sv."}
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                {"intent": "Give at least one of intent, sentiment, urgency, language."}, code="required"
            )
        return attrs


class DecisionInput(StrictSerializer):
    decision = OneOf(choices=["sent", "again", "cancel"])


class ContactInput(StrictSerializer):
    brand = LineField(max_length=50, required=False, help_text="Its slug; may be left out by who has one brand.")
    channel = LineField(
        max_length=100, default="Phone", help_text="Name of a channel kept by hand: Phone, Shop floor, Letter."
    )
    text = serializers.CharField(max_length=20_000)
    subject = LineField(max_length=200, required=False, allow_blank=True, default="")
    customer = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="A known customer's id; then `name` is left out."
    )
    name = LineField(max_length=200, required=False, allow_blank=True, default="")
    phone = LineField(max_length=40, required=False, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    said_at = serializers.DateTimeField(required=False)


class CustomerChange(StrictSerializer):
    name = LineField(max_length=200, required=False, allow_blank=True)
    language = serializers.RegexField(r"^([a-z]{2,3})?$", required=False, allow_blank=True)
    place = LineField(max_length=100, required=False, allow_blank=True)
    tier = LineField(max_length=30, required=False, allow_blank=True)
    about = serializers.CharField(max_length=5000, required=False, allow_blank=True)


class BrandChange(StrictSerializer):
    name = LineField(max_length=100, required=False)
    time_zone = serializers.CharField(max_length=64, required=False)
    country = serializers.CharField(max_length=2, required=False, allow_blank=True)
    first_response_hours = serializers.DecimalField(
        max_digits=7, decimal_places=2, required=False, min_value=LEAST, max_value=MOST
    )
    next_response_hours = serializers.DecimalField(
        max_digits=7, decimal_places=2, required=False, min_value=LEAST, max_value=MOST
    )
    reopen_hours = serializers.DecimalField(
        max_digits=7, decimal_places=2, required=False, min_value=LEAST, max_value=MOST
    )
    currency = serializers.CharField(max_length=3, required=False)
    survey_minutes = serializers.IntegerField(
        min_value=1, max_value=527_040, required=False, allow_null=True, help_text="Null: nobody is asked by itself."
    )
    survey_text = serializers.CharField(max_length=250, required=False, allow_blank=True)
    away_text = serializers.CharField(max_length=250, required=False, allow_blank=True)
    held_guards = serializers.ListField(child=serializers.ChoiceField(choices=GUARDS), required=False, max_length=10)
    chat_hook = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, help_text="A chat's incoming hook; kept sealed, never shown."
    )
