"""One file per noun; import from here."""

from helpdesk.models.access import ApiToken, IdempotencyRecord, token_hash
from helpdesk.models.alert import Alert
from helpdesk.models.base import BrandQuerySet, BrandRow, insert_all, public_id, update_each
from helpdesk.models.brand import Brand, BrandCounter, Channel, Membership, Team
from helpdesk.models.concession import Concession
from helpdesk.models.customer import Customer, Distinct, Joining, Profile
from helpdesk.models.delivery import Delivery, DeliveryPart
from helpdesk.models.escalation import (
    FRONT_LINE,
    TOP,
    Approval,
    Escalation,
    EscalationPolicy,
    Firing,
    FollowUp,
    GuardRaise,
    Level,
    Shift,
    Trigger,
)
from helpdesk.models.event import Event, Notice
from helpdesk.models.incident import Affected, Incident, Statement, StatementCopy
from helpdesk.models.lesson import Area, Cause, Lesson
from helpdesk.models.likeness import Likeness
from helpdesk.models.message import Attachment, Message, MessageBody, MessageKind, MessageVersion, Visibility
from helpdesk.models.promise import Calendar, ServicePolicy
from helpdesk.models.survey import Survey
from helpdesk.models.thread import Participant, Thread, ThreadKind
from helpdesk.models.ticket import (
    FAR,
    CloseReason,
    CustomField,
    Deadline,
    Priority,
    Tag,
    Ticket,
    TicketLink,
    TicketQuerySet,
    Verdict,
)
from helpdesk.models.user import User

__all__ = [
    "FAR",
    "FRONT_LINE",
    "TOP",
    "Affected",
    "Alert",
    "ApiToken",
    "Approval",
    "Area",
    "Attachment",
    "Brand",
    "BrandCounter",
    "BrandQuerySet",
    "BrandRow",
    "Calendar",
    "Cause",
    "Channel",
    "CloseReason",
    "Concession",
    "CustomField",
    "Customer",
    "Deadline",
    "Delivery",
    "DeliveryPart",
    "Distinct",
    "Escalation",
    "EscalationPolicy",
    "Event",
    "Firing",
    "FollowUp",
    "GuardRaise",
    "IdempotencyRecord",
    "Incident",
    "Joining",
    "Lesson",
    "Level",
    "Likeness",
    "Membership",
    "Message",
    "MessageBody",
    "MessageKind",
    "MessageVersion",
    "Notice",
    "Participant",
    "Priority",
    "Profile",
    "ServicePolicy",
    "Shift",
    "Statement",
    "StatementCopy",
    "Survey",
    "Tag",
    "Team",
    "Thread",
    "ThreadKind",
    "Ticket",
    "TicketLink",
    "TicketQuerySet",
    "Trigger",
    "User",
    "Verdict",
    "Visibility",
    "insert_all",
    "public_id",
    "token_hash",
    "update_each",
]
