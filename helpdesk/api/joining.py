"""Tickets merged, linked and split; customers joined and separated. Mixed into the views of both."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk import erasing, joining
from helpdesk.api import serializers as shapes
from helpdesk.api.serializers import StrictSerializer
from helpdesk.models import Joining

BIGGEST = 2**63 - 1


def key(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=BIGGEST, **options)


class MergeInput(StrictSerializer):
    into = key(help_text="The ticket that stays.")


class LinkInput(StrictSerializer):
    other = key()
    kind = serializers.ChoiceField(choices=["related", "duplicate"], default="related")


class OtherInput(StrictSerializer):
    other = key()


class SplitInput(StrictSerializer):
    messages = serializers.ListField(child=key(), min_length=1, max_length=200)


class ProfileInput(StrictSerializer):
    profile = key()


class JoiningInput(StrictSerializer):
    joining = key()


class SuggestionShape(serializers.Serializer[Any]):
    customer = shapes.SomebodySerializer()
    reason = serializers.CharField(help_text="address, handle or name")
    value = serializers.CharField()


class Suggestions(serializers.Serializer[Any]):
    results = SuggestionShape(many=True)


class ErasedShape(serializers.Serializer[Any]):
    messages = serializers.IntegerField()
    tickets = serializers.IntegerField()
    profiles = serializers.IntegerField()


class JoiningSerializer(serializers.ModelSerializer[Joining]):
    class Meta:
        model = Joining
        fields = ["id", "kept", "other", "created_at", "undone_at"]
        read_only_fields = fields


class TicketJoins:
    """Of the ticket view."""

    joins = {"merge": "ticket.merge", "link": "ticket.link", "unlink": "ticket.link", "split": "ticket.split"}

    @extend_schema(request=MergeInput)
    @action(detail=True, methods=["post"])
    def merge(self: Any, request: Request, pk: str) -> Response:
        """Move all of it into another ticket of the same customer; answers with the one that stays."""
        ticket = self.get_object()
        answer: Response = self._ticket(joining.merge(ticket.pk, self.body(MergeInput)["into"], self.me).pk)
        return answer

    @extend_schema(request=LinkInput)
    @action(detail=True, methods=["post"])
    def link(self: Any, request: Request, pk: str) -> Response:
        ticket = self.get_object()
        given = self.body(LinkInput)
        joining.link(ticket.pk, given["other"], given["kind"], self.me)
        answer: Response = self._ticket(ticket.pk)
        return answer

    @extend_schema(request=OtherInput)
    @action(detail=True, methods=["post"])
    def unlink(self: Any, request: Request, pk: str) -> Response:
        ticket = self.get_object()
        joining.unlink(ticket.pk, self.body(OtherInput)["other"], self.me)
        answer: Response = self._ticket(ticket.pk)
        return answer

    @extend_schema(request=SplitInput, responses={201: shapes.TicketSerializer})
    @action(detail=True, methods=["post"])
    def split(self: Any, request: Request, pk: str) -> Response:
        """A new ticket of these messages and our answers to them."""
        ticket = self.get_object()
        answer: Response = self._ticket(joining.split(ticket.pk, self.body(SplitInput)["messages"], self.me).pk, 201)
        return answer


class CustomerJoins:
    """Of the customer view."""

    joins = {
        "join": "customer.join",
        "undo": "customer.join",
        "separate": "customer.join",
        "distinguish": "customer.join",
        "erase": "customer.erase",
    }

    @extend_schema(responses=Suggestions)
    @action(detail=True, methods=["get"])
    def suggestions(self: Any, request: Request, pk: str) -> Response:
        """Who else may be this person, and what speaks for it."""
        found = joining.suggestions(self.get_object())
        return Response({"results": SuggestionShape(found, many=True).data})

    @extend_schema(request=OtherInput, responses={201: JoiningSerializer})
    @action(detail=True, methods=["post"])
    def join(self: Any, request: Request, pk: str) -> Response:
        """`other` is the same person. Keep the answer's `id`: it undoes this."""
        row = joining.join(self.get_object().pk, self.body(OtherInput)["other"], self.me)
        return Response(JoiningSerializer(row).data, status=201)

    @extend_schema(request=JoiningInput)
    @action(detail=True, methods=["post"])
    def undo(self: Any, request: Request, pk: str) -> Response:
        """Take a joining of this customer back."""
        customer = self.get_object()
        joining.undo(customer.pk, self.body(JoiningInput)["joining"], self.me)
        answer: Response = self._customer(customer.pk)
        return answer

    @extend_schema(request=ProfileInput)
    @action(detail=True, methods=["post"])
    def separate(self: Any, request: Request, pk: str) -> Response:
        """One of their handles is somebody else: answers with that new customer."""
        customer = self.get_object()
        answer: Response = self._customer(joining.separate(customer.pk, self.body(ProfileInput)["profile"], self.me).pk)
        return answer

    @extend_schema(request=OtherInput)
    @action(detail=True, methods=["post"])
    def distinguish(self: Any, request: Request, pk: str) -> Response:
        """They are two people: not suggested again."""
        customer = self.get_object()
        joining.distinguish(customer.pk, self.body(OtherInput)["other"], self.me)
        answer: Response = self._customer(customer.pk)
        return answer

    @extend_schema(request=None, responses=ErasedShape)
    @action(detail=True, methods=["post"])
    def erase(self: Any, request: Request, pk: str) -> Response:
        """Remove their words and names everywhere, for good. What stays are numbers and times."""
        self.no_body()
        return Response(asdict(erasing.erase(self.get_object().pk, self.me)))

    def _customer(self: Any, customer_id: int) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=customer_id)).data)
