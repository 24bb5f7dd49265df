"""The REST API's resources. Thin: rows from `visible_to`, verbs from `helpdesk.workflow`."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk import contacts, notices
from helpdesk.api import serializers as shapes
from helpdesk.api.escalations import TicketLadder
from helpdesk.api.filters import (
    BrandFilter,
    CustomerFilter,
    DeliveryFilter,
    MessageFilter,
    NoticeFilter,
    TicketFilter,
)
from helpdesk.api.idempotency import idempotent
from helpdesk.api.joining import CustomerJoins, TicketJoins
from helpdesk.api.outcomes import TicketScale
from helpdesk.api.resource import KEY, ReadResource, Resource
from helpdesk.models import (
    Brand,
    Channel,
    Customer,
    Delivery,
    Membership,
    Message,
    Notice,
    Ticket,
    User,
)
from helpdesk.workflow import alerts, brands, replies, tickets
from helpdesk.workflow.brands import MANUAL
from helpdesk.workflow.verbs import Refused


class BrandView(ReadResource):
    serializer_class = shapes.BrandSerializer
    needs = {"partial_update": "brand.edit"}

    def rows(self) -> QuerySet[Brand]:
        return Brand.objects.all()

    def merge_brands(self) -> list[int]:
        return []

    @extend_schema(request=shapes.BrandChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        given, row = self.body(shapes.BrandChange), self.get_object()
        with transaction.atomic():
            if "chat_hook" in given:
                alerts.set_hook(row.pk, self.me, given.pop("chat_hook"))
            brand = brands.change(row.pk, self.me, **given)
        return Response(self.get_serializer(brand).data)


class ChannelView(ReadResource):
    serializer_class = shapes.ChannelSerializer
    filterset_class = BrandFilter

    def rows(self) -> QuerySet[Channel]:
        return Channel.objects.select_related("brand")


class MemberView(mixins.ListModelMixin, Resource):
    """Colleagues: who a ticket can be given to. `id` is the user's."""

    serializer_class = shapes.MemberSerializer
    filterset_class = BrandFilter

    def rows(self) -> QuerySet[Membership]:
        return Membership.objects.filter(user__is_active=True).select_related("brand", "user")


class CustomerView(CustomerJoins, ReadResource):
    serializer_class = shapes.CustomerSerializer
    filterset_class = CustomerFilter
    needs = {"partial_update": "customer.edit", **CustomerJoins.joins}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Customer]:
        return Customer.objects.select_related("brand").prefetch_related("profiles")

    @extend_schema(request=shapes.CustomerChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        customer = self.get_object()
        tickets.change_customer(customer.pk, self.me, **self.body(shapes.CustomerChange))
        return Response(self.get_serializer(self.get_object()).data)


class TicketView(TicketJoins, TicketLadder, TicketScale, ReadResource):
    serializer_class = shapes.TicketSerializer
    filterset_class = TicketFilter
    orderings = {
        "next_due": "next_due_at",
        "last_inbound": "last_inbound_at",
        "created": "created_at",
        "priority": "priority",
    }
    needs = {
        "create": "ticket.log",
        "partial_update": "ticket.edit",
        "replies": "ticket.reply",
        "notes": "ticket.note",
        "calls": "ticket.note",
        "acknowledge": "ticket.acknowledge",
        "moderate": "ticket.moderate",
        "assign": "ticket.assign",
        "resolve": "ticket.resolve",
        "close": "ticket.resolve",
        "reopen": "ticket.resolve",
        **TicketJoins.joins,
        **TicketLadder.ladders,
        **TicketScale.scales,
    }

    def rows(self) -> QuerySet[Ticket]:
        return Ticket.objects.with_people()

    @extend_schema(request=shapes.ContactInput, responses={201: shapes.TicketSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """Log a contact by phone, at the counter or by letter: a ticket like any other."""
        given = self.body(shapes.ContactInput)
        brand = self.brand_asked(given.pop("brand", None), "ticket.log")
        channel = _channel_by_hand(brand, given.pop("channel"))
        customer = _customer_of(brand, given.pop("customer", None))
        message = contacts.log(channel, self.me, contacts.Logged(customer=customer, **given))
        return self._ticket(message.ticket_id, 201)

    @extend_schema(request=shapes.TicketChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        ticket = self.get_object()
        tickets.change(ticket.pk, self.me, **self.body(shapes.TicketChange))
        return self._ticket(ticket.pk)

    @extend_schema(request=shapes.ReplyInput, responses={202: shapes.DeliverySerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def replies(self, request: Request, pk: str) -> Response:
        """Answer the customer: accepted, and on its way; follow the delivery."""
        ticket = self.get_object()
        return _delivery(replies.reply(ticket.pk, self.me, **self.body(shapes.ReplyInput)))

    @extend_schema(request=None, responses={202: shapes.DeliverySerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Like the customer's latest public message. It answers nothing."""
        self.no_body()
        return _delivery(replies.acknowledge(self.get_object().pk, self.me))

    @extend_schema(request=shapes.ModerateInput, responses={202: shapes.DeliverySerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def moderate(self, request: Request, pk: str) -> Response:
        """Approve a held comment where it was written, or mark it as spam there (which closes the ticket as spam)."""
        given = self.body(shapes.ModerateInput)
        return _delivery(replies.moderate(self.get_object().pk, self.me, given["message"], given["action"]))

    @extend_schema(request=shapes.TextInput, responses={201: shapes.MessageSerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def notes(self, request: Request, pk: str) -> Response:
        message = tickets.note(self.get_object().pk, self.me, **self.body(shapes.TextInput))
        return Response(shapes.MessageSerializer(message).data, status=201)

    @extend_schema(request=shapes.TextInput, responses={201: shapes.MessageSerializer}, parameters=[KEY])
    @action(detail=True, methods=["post"])
    @idempotent
    def calls(self, request: Request, pk: str) -> Response:
        """Log a call with the customer: it counts as an answer."""
        message = tickets.log_call(self.get_object().pk, self.me, **self.body(shapes.TextInput))
        return Response(shapes.MessageSerializer(message).data, status=201)

    @extend_schema(request=shapes.AssignInput)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        ticket = self.get_object()
        user_id = self.body(shapes.AssignInput)["assignee"]
        assignee = (
            User.objects.filter(pk=user_id, is_active=True, memberships__brand=ticket.brand_id).first()
            if user_id
            else None
        )
        if user_id and assignee is None:
            raise Refused(
                "assignee", "unknown", _("Nobody with that number works for this brand. See /api/v1/members/.")
            )
        tickets.assign(ticket.pk, self.me, assignee)
        return self._ticket(ticket.pk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        self.no_body()
        return self._ticket(tickets.resolve(self.get_object().pk, self.me).pk)

    @extend_schema(request=shapes.CloseInput)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        ticket = self.get_object()
        return self._ticket(tickets.close(ticket.pk, self.me, **self.body(shapes.CloseInput)).pk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        self.no_body()
        return self._ticket(tickets.reopen(self.get_object().pk, self.me).pk)

    def _ticket(self, ticket_id: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=ticket_id)).data, status=status)


def _delivery(delivery: Delivery) -> Response:
    return Response(shapes.DeliverySerializer(delivery).data, status=202)


def _channel_by_hand(brand: Brand, name: str) -> Channel:
    rows = Channel.objects.for_brand(brand).filter(platform=MANUAL, is_active=True).select_related("brand")
    channel = rows.filter(name__iexact=name.replace("_", " ")).first()
    if channel is None:
        names = ", ".join(rows.values_list("name", flat=True))
        raise Refused(
            "channel", "unknown", _("No channel of that name is kept by hand. There are: %(names)s.") % {"names": names}
        )
    return channel


def _customer_of(brand: Brand, customer_id: int | None) -> Customer | None:
    if customer_id is None:
        return None
    customer = Customer.objects.for_brand(brand).filter(pk=customer_id).first()
    if customer is None:
        raise Refused("customer", "unknown", _("This brand has no customer with that number."))
    return customer


class MessageView(ReadResource):
    serializer_class = shapes.MessageSerializer
    filterset_class = MessageFilter
    needs = {"triage": "ticket.triage"}

    def rows(self) -> QuerySet[Message]:
        found = Message.objects.select_related("brand", "author", "profile", "body")
        return found.prefetch_related("versions", "attachments")

    @extend_schema(request=shapes.TriageInput)
    @action(detail=True, methods=["post"])
    def triage(self, request: Request, pk: str) -> Response:
        """Correct what triage read; the correction stays."""
        message = self.get_object()
        if message.kind != "inbound":
            raise Refused("message", "not_inbound", _("Only what a customer said is triaged."))
        tickets.correct_triage(message.pk, self.me, **self.body(shapes.TriageInput))
        return Response(self.get_serializer(self.get_object()).data)


class DeliveryView(ReadResource):
    serializer_class = shapes.DeliverySerializer
    filterset_class = DeliveryFilter
    needs = {"decide": "delivery.decide", "cancel": "ticket.reply"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Delivery]:
        return Delivery.objects.select_related("brand", "channel").prefetch_related("parts")

    @extend_schema(request=shapes.DecisionInput)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Say what became of a reply nobody knows of (or that was refused): sent, again or cancel."""
        delivery = self.get_object()
        replies.decide(delivery.pk, self.me, **self.body(shapes.DecisionInput))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        self.no_body()
        replies.cancel(self.get_object().pk, self.me)
        return Response(self.get_serializer(self.get_object()).data)


class NoticeView(ReadResource):
    """What your role must know. `POST …/read/` marks one as seen by you."""

    serializer_class = shapes.NoticeSerializer
    filterset_class = NoticeFilter
    needs = {"read": "notice.read"}
    default_ordering = "-created"

    def rows(self) -> QuerySet[Notice]:
        return Notice.objects.all()

    def get_queryset(self) -> QuerySet[Notice]:
        if getattr(self, "swagger_fake_view", False):
            return Notice.objects.none()
        me = User.objects.filter(pk=self.me.pk)
        return notices.for_user(self.me).select_related("brand").prefetch_related(Prefetch("readers", me))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        self.no_body()
        notice = self.get_object()
        notice.readers.add(self.me)
        return Response(self.get_serializer(self.get_object()).data)
