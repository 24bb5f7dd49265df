"""The idea board for other systems: an app that takes ideas and votes for its own users, a roadmap that decides them."""

from __future__ import annotations

import django_filters as filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from helpdesk.api.common import BRAND_HELP, BrandNamed, key
from helpdesk.api.filters import BrandFilter, Words, YesNo
from helpdesk.api.idempotency import idempotent
from helpdesk.api.resource import KEY, ReadResource
from helpdesk.api.serializers import LineField, OneOf, StrictSerializer
from helpdesk.models import Brand
from helpdesk.workflow.verbs import Refused
from knowledge import ideas
from knowledge.centre.limits import keyed
from knowledge.models import HelpCentre, Idea
from knowledge.states import IdeaState


class IdeaSerializer(BrandNamed):
    class Meta:
        model = Idea
        fields = ["id", "brand", "language", "title", "text", "state", "answer", "votes", "is_hidden", "merged_into", "decided_at", "created_at"]  # fmt: skip
        read_only_fields = fields


class IdeaFilter(BrandFilter):
    language = filters.CharFilter(max_length=10)
    state = Words(choices=IdeaState.choices)
    hidden = YesNo(field_name="is_hidden")


class VoterInput(StrictSerializer):
    voter = serializers.CharField(
        max_length=255, help_text="Your own name for this person; kept as a keyed hash, one vote each."
    )
    address = serializers.CharField(max_length=255, required=False, allow_blank=True, help_text="Where they want to hear of it.")  # fmt: skip


class IdeaInput(VoterInput):
    brand = LineField(max_length=50, required=False, help_text=BRAND_HELP)
    language = serializers.CharField(max_length=10, required=False, help_text="The brand's first where left out.")
    title = LineField(max_length=120)
    text = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class IdeaDecision(StrictSerializer):
    state = OneOf(choices=IdeaState.choices)
    answer = serializers.CharField(max_length=2000, required=False, allow_blank=True, help_text="Needed to decline.")


class IdeaInto(StrictSerializer):
    into = key(help_text="The idea that stays.")


class HideInput(StrictSerializer):
    is_hidden = serializers.BooleanField()


class IdeaView(ReadResource):
    """What customers propose."""

    serializer_class = IdeaSerializer
    filterset_class = IdeaFilter
    needs = {
        **dict.fromkeys(("create", "vote"), "ticket.log"),
        **dict.fromkeys(("decide", "merge", "hide"), "idea.decide"),
    }
    orderings = {"votes": "votes", "created": "created_at"}
    default_ordering = "-votes"

    def rows(self) -> QuerySet[Idea]:
        return Idea.objects.select_related("brand").defer("vector")

    @extend_schema(request=IdeaInput, responses={201: IdeaSerializer}, parameters=[KEY])
    @idempotent
    def create(self, request: Request) -> Response:
        """Proposed for a customer, with their vote. One of the same title is voted for instead."""
        given = self.body(IdeaInput)
        brand = self.brand_asked(given.get("brand"), "ticket.log")
        centre = HelpCentre.of(brand)
        language = given.get("language") or centre.language
        if language not in centre.spoken:
            known = ", ".join(centre.spoken)
            raise Refused("language", "unknown", _("The help centre speaks: %(known)s.") % {"known": known})
        voter = _voter(brand, given["voter"])
        made = ideas.propose(brand, language, given["title"], given.get("text", ""), voter, given.get("address", ""))
        return self._shown(made.pk, 201)

    @extend_schema(request=VoterInput)
    @action(detail=True, methods=["post"])
    def vote(self, request: Request, pk: str) -> Response:
        """A customer's vote; a second one of theirs changes nothing."""
        row, given = self.get_object(), self.body(VoterInput)
        ideas.vote(row, _voter(row.brand, given["voter"]), given.get("address", ""))
        return self._shown(row.pk)

    @extend_schema(request=IdeaDecision)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Where it stands, and what is said to it; who left an address hears of it when it is done or will not be."""
        row, given = self.get_object(), self.body(IdeaDecision)
        return self._shown(ideas.decide(row.pk, self.me, given["state"], given.get("answer", "")).pk)

    @extend_schema(request=IdeaInto)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Its votes go to another idea; answers with the one that stays."""
        row, into = self.get_object(), self.body(IdeaInto)["into"]
        if not Idea.objects.filter(pk=into, brand=row.brand_id).exists():
            raise Refused("into", "unknown", _("There is no such idea."))
        return self._shown(ideas.merge(row.pk, into, self.me).pk)

    @extend_schema(request=HideInput)
    @action(detail=True, methods=["post"])
    def hide(self, request: Request, pk: str) -> Response:
        """Off the board, or back on it."""
        row = self.get_object()
        ideas.hide(row.pk, self.me, is_hidden=self.body(HideInput)["is_hidden"])
        return self._shown(row.pk)

    def _shown(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.rows().get(pk=pk)).data, status=status)


def _voter(brand: Brand, name: str) -> tuple[str, str]:
    return keyed("api", str(brand.pk), name), keyed("api-trace", str(brand.pk), name)
