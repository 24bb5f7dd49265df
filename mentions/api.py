"""Sources, quarantine and platforms in the API; plugged in through helpdesk's ports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from helpdesk.api.filters import BrandFilter, Number, YesNo
from helpdesk.api.resource import ReadResource
from helpdesk.api.serializers import LineField, StrictSerializer
from helpdesk.models import Brand
from helpdesk.permissions import may
from helpdesk.text.clean import cleaned
from helpdesk.workflow.verbs import Conflict, Refused
from mentions import connecting, gaps, polling, previews, reading_back, sources, terms
from mentions.health import health
from mentions.models import Account, Gap, Quarantine, ReadBack, Source, Term
from mentions.platforms import registry
from mentions.platforms.base import Post


class HealthShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    words = serializers.CharField()
    why = serializers.CharField(allow_blank=True)


class SourceSerializer(serializers.ModelSerializer[Source]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    platform = serializers.CharField(source="account.platform", read_only=True)
    channel = serializers.IntegerField(source="account.channel_id", read_only=True)
    handle = serializers.CharField(source="account.handle", read_only=True)
    stream = serializers.CharField(source="kind", read_only=True)
    settings = serializers.DictField(source="account.settings", read_only=True, help_text="Without secrets.")
    health = serializers.SerializerMethodField()
    hook_url = serializers.SerializerMethodField(help_text="Where the platform is to push to; for managers.")
    monthly_budget = serializers.DecimalField(
        source="account.monthly_budget", max_digits=9, decimal_places=2, read_only=True, allow_null=True
    )

    class Meta:
        model = Source
        fields = [
            "id", "brand", "platform", "channel", "name", "handle", "stream", "query", "settings", "is_active", "rhythm_seconds",
            "health", "next_poll_at", "last_fine_at", "last_heard_at", "delay_seconds", "heard_count", "budget_per_hour", "budget_used", "monthly_budget", "hook_url",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(HealthShape)
    def get_health(self, row: Source) -> dict[str, str]:
        state = health(row, timezone.now())
        return {"code": state.code, "words": state.words, "why": state.why}

    def get_hook_url(self, row: Source) -> str | None:
        request = self.context["request"]
        shown = row.account.hook_path and may(request.user, "source.edit", row.brand_id)
        return request.build_absolute_uri(row.account.hook_path) if shown else None


class PollProblem(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField(required=False, allow_blank=True)


class PollCounts(serializers.Serializer[Any]):
    claimed = serializers.BooleanField()
    heard = serializers.IntegerField(required=False)
    new = serializers.IntegerField(required=False)
    edited = serializers.IntegerField(required=False)
    deleted = serializers.IntegerField(required=False)
    quarantined = serializers.IntegerField(required=False)
    problem = PollProblem(required=False)


class PlatformSetting(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField(allow_blank=True)
    secret = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    default = serializers.CharField(allow_blank=True)


class PlatformStream(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    takes_query = serializers.BooleanField()


class PlatformPermission(serializers.Serializer[Any]):
    permission = serializers.CharField()
    why = serializers.CharField()


class PlatformShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    settings = PlatformSetting(many=True)
    streams = PlatformStream(many=True)
    permissions = PlatformPermission(many=True)
    guide = serializers.CharField(allow_blank=True)


@extend_schema_serializer(many=False)
class Platforms(serializers.Serializer[Any]):
    results = PlatformShape(many=True)


class BudgetField(serializers.DecimalField):
    """Dollars a month, of platforms that cost money."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=9,
            decimal_places=2,
            min_value=Decimal(0),
            help_text="Dollars a month for the whole account, where its platform costs money.",
            **kwargs,
        )


class SourceInput(StrictSerializer):
    brand = serializers.CharField(
        max_length=50, required=False, help_text="Its slug; may be left out by who has one brand."
    )
    platform = serializers.CharField(max_length=30)
    name = LineField(max_length=100)
    settings = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=1000), default=dict)
    stream = serializers.CharField(max_length=30, required=False, default="", allow_blank=True)
    query = LineField(max_length=512, required=False, default="", allow_blank=True)
    rhythm_seconds = serializers.IntegerField(min_value=1, max_value=86_400, required=False)
    monthly_budget = BudgetField(required=False)


class SourceChange(StrictSerializer):
    name = LineField(max_length=100, required=False)
    is_active = serializers.BooleanField(required=False)
    rhythm_seconds = serializers.IntegerField(min_value=1, max_value=86_400, required=False)
    budget_per_hour = serializers.IntegerField(min_value=1, max_value=100_000, required=False)
    monthly_budget = BudgetField(required=False, allow_null=True)
    settings = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=1000), required=False, help_text="Reconnects."
    )


class PreviewItem(serializers.Serializer[Any]):
    author = serializers.CharField()
    text = serializers.CharField()
    said_at = serializers.DateTimeField()
    url = serializers.CharField(allow_blank=True)


class PreviewShape(serializers.Serializer[Any]):
    handle = serializers.CharField()
    items = PreviewItem(many=True)
    last_day = serializers.IntegerField(help_text="How many of what was read came in the last 24 hours.")
    is_all = serializers.BooleanField(help_text="Whether the last day was read to its end.")


class ReadBackSerializer(serializers.ModelSerializer[ReadBack]):
    percent = serializers.IntegerField(read_only=True, help_text="Of the stretch, or of `most`: the larger.")

    class Meta:
        model = ReadBack
        fields = ["id", "since", "until", "most", "is_history", "read", "new", "percent", "problem", "outcome", "created_at", "finished_at"]  # fmt: skip
        read_only_fields = fields


class ReadBackInput(StrictSerializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False, help_text="Left out: until now.")
    most = serializers.IntegerField(
        min_value=reading_back.FEWEST,
        max_value=reading_back.MOST,
        default=500,
        help_text="Items: no more where they cost money, else to the nearest page.",
    )
    is_history = serializers.BooleanField(default=False, help_text="Its tickets are closed from the start.")


class GapSerializer(serializers.ModelSerializer[Gap]):
    words = serializers.SerializerMethodField()

    class Meta:
        model = Gap
        fields = ["since", "until", "problem", "lost_until", "words"]
        read_only_fields = fields

    def get_words(self, row: Gap) -> str:
        return gaps.words(row)


class SourceFilter(BrandFilter):
    platform = filters.CharFilter(field_name="account__platform", max_length=30)


class SourceView(ReadResource):
    serializer_class = SourceSerializer
    filterset_class = SourceFilter
    needs = {
        "partial_update": "source.edit",
        "poll": "source.poll",
        "read_back": "source.edit",
        "stop_reading_back": "source.edit",
    }

    def rows(self) -> QuerySet[Source]:
        return Source.objects.select_related("account__channel", "brand")

    @extend_schema(request=SourceInput, responses={201: SourceSerializer})
    def create(self, request: Request) -> Response:
        """Connect an account (tested by logging in) and listen to one of its streams."""
        given = self.body(SourceInput)
        brand = self.brand_asked(given.pop("brand", None), "source.edit")
        source = connecting.add_source(brand, self.me, connecting.Wanted(**given))
        return Response(self.get_serializer(self.rows().get(pk=source.pk)).data, status=201)

    @extend_schema(request=SourceInput, responses=PreviewShape)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What this source would bring: logs in, reads a little, stores nothing."""
        given = self.body(SourceInput)
        brand = self.brand_asked(given.pop("brand", None), "source.edit")
        found = previews.preview(connecting.Wanted(**given), brand)
        items = [_previewed(post) for post in found.posts]
        shape = {"handle": found.identity.handle, "items": items, "last_day": found.last_day, "is_all": found.is_all}
        return Response(PreviewShape(shape).data)

    @extend_schema(request=SourceChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Pause, slow down, rename; with `settings`, reconnect the account."""
        source = self.get_object()
        sources.change(source.pk, self.me, **self.body(SourceChange))
        return Response(self.get_serializer(self.rows().get(pk=source.pk)).data)

    @extend_schema(request=None, responses=PollCounts)
    @action(detail=True, methods=["post"])
    def poll(self, request: Request, pk: str) -> Response:
        """Look now, and say what came. `claimed` is false where a worker is at it already, and nothing else is said.

        409 while the platform asked us to wait or the hour's requests are used up."""
        self.no_body()
        return Response(polling.poll_now(self.get_object().pk))

    @extend_schema(request=None, responses=GapSerializer(many=True))
    @action(detail=True, methods=["get"])
    def gaps(self, request: Request, pk: str) -> Response:
        """The last week's times in which it was not heard, newest first: why, and what of it is lost."""
        source = self.get_object()
        return Response(GapSerializer(gaps.latest([source.pk], timezone.now())[source.pk], many=True).data)

    @extend_schema(request=ReadBackInput, responses={201: ReadBackSerializer})
    @action(detail=True, methods=["post"], url_path="read-back")
    def read_back(self, request: Request, pk: str) -> Response:
        """Read what was said between two moments, in the background. 409 while one is going on."""
        source, given = self.get_object(), self.body(ReadBackInput)
        until = given.pop("until", timezone.now())
        row = reading_back.ask(source, self.me, given.pop("since"), until, **given)
        return Response(ReadBackSerializer(row).data, status=201)

    @read_back.mapping.get
    @extend_schema(request=None, responses=ReadBackSerializer(many=True))
    def read_backs(self, request: Request, pk: str) -> Response:
        """The newest twenty, newest first."""
        rows = ReadBack.objects.filter(source=self.get_object()).order_by("-id")[:20]
        return Response(ReadBackSerializer(rows, many=True).data)

    @extend_schema(request=None, responses=ReadBackSerializer)
    @action(detail=True, methods=["post"], url_path="read-back/stop")
    def stop_reading_back(self, request: Request, pk: str) -> Response:
        """What was read stays. 409 where nothing is being read back."""
        self.no_body()
        row = reading_back.latest([source_id := self.get_object().pk]).get(source_id)
        if row is None or not reading_back.stop(row, self.me):
            raise Conflict(_("Nothing is being read back."))
        row.refresh_from_db()
        return Response(ReadBackSerializer(row).data)


class TermSerializer(serializers.ModelSerializer[Term]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)
    sources = serializers.PrimaryKeyRelatedField[Source](many=True, read_only=True)

    class Meta:
        model = Term
        fields = ["id", "brand", "name", "include", "exclude", "language", "near_misses", "sources", "created_at"]
        read_only_fields = fields


def phrases(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=200), max_length=50, **options)


class TermInput(StrictSerializer):
    brand = serializers.CharField(max_length=50, required=False)
    name = LineField(max_length=100)
    include = phrases(help_text="Any of these, as whole words.")
    exclude = phrases(required=False, default=list, help_text="None of these.")
    language = serializers.RegexField(r"^[a-z]{2,3}$", required=False, default="", allow_blank=True)
    near_misses = serializers.BooleanField(required=False, default=False)


class TermChange(StrictSerializer):
    name = LineField(max_length=100, required=False)
    include = phrases(required=False)
    exclude = phrases(required=False)
    language = serializers.RegexField(r"^[a-z]{2,3}$", required=False, allow_blank=True)
    near_misses = serializers.BooleanField(required=False)


class ChannelInput(StrictSerializer):
    channel = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Of a connected account.")


class BroughtShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many of the last day's posts fit.")
    read = serializers.IntegerField()
    is_all = serializers.BooleanField()
    items = PreviewItem(many=True)


class TermView(ReadResource):
    """What a brand listens for beyond its own handle."""

    serializer_class = TermSerializer
    filterset_class = BrandFilter
    needs = {"partial_update": "source.edit", "listen": "source.edit", "preview": "source.edit"}

    def rows(self) -> QuerySet[Term]:
        return Term.objects.select_related("brand").prefetch_related("sources")

    @extend_schema(request=TermInput, responses={201: TermSerializer})
    def create(self, request: Request) -> Response:
        given = self.body(TermInput)
        brand = self.brand_asked(given.pop("brand", None), "source.edit")
        term = terms.create(brand, self.me, **given)
        return Response(self.get_serializer(self.rows().get(pk=term.pk)).data, status=201)

    @extend_schema(request=TermChange)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Accounts that listen for it ask for the new words from now on."""
        term = terms.change(self.get_object().pk, self.me, **self.body(TermChange))
        return Response(self.get_serializer(self.rows().get(pk=term.pk)).data)

    @extend_schema(request=ChannelInput)
    @action(detail=True, methods=["post"])
    def listen(self, request: Request, pk: str) -> Response:
        """Ask a connected account's platform for it: a source for each query that takes."""
        term = self.get_object()
        terms.listen(term.pk, self._account(term), self.me)
        return Response(self.get_serializer(self.rows().get(pk=term.pk)).data)

    @extend_schema(request=ChannelInput, responses=BroughtShape)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> Response:
        """What it would have brought in the last day; stores nothing."""
        term = self.get_object()
        found = terms.preview(self._account(term), term)
        items = [_previewed(post) for post in found.posts]
        return Response({"count": found.count, "read": found.read, "is_all": found.is_all, "items": items})

    def _account(self, term: Term) -> Account:
        channel = self.body(ChannelInput)["channel"]
        rows = Account.objects.filter(brand=term.brand_id, channel=channel).select_related("channel")
        account = rows.first()
        if account is None:
            raise Refused("channel", "unknown", _("There is no connected account with that channel."))
        return account


def _previewed(post: Post) -> dict[str, Any]:
    return {
        "author": post.author.name or post.author.handle,
        "text": cleaned(post.text).text[:500],
        "said_at": post.said_at,
        "url": post.url,
    }


class QuarantineSerializer(serializers.ModelSerializer[Quarantine]):
    brand = serializers.SlugRelatedField[Brand](slug_field="slug", read_only=True)

    class Meta:
        model = Quarantine
        fields = ["id", "brand", "source", "raw", "problem", "tries", "seen_at", "settled_at"]
        read_only_fields = fields


class QuarantineFilter(BrandFilter):
    source = Number(field_name="source_id")
    open = YesNo(field_name="settled_at", lookup_expr="isnull")


class QuarantineView(ReadResource):
    serializer_class = QuarantineSerializer
    filterset_class = QuarantineFilter
    needs = {"retry": "quarantine.retry"}
    orderings = {"seen": "seen_at"}
    default_ordering = "-seen"

    def rows(self) -> QuerySet[Quarantine]:
        return Quarantine.objects.select_related("brand")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Read the item again; `settled_at` is set where it is in now."""
        self.no_body()
        row = self.get_object()
        polling.retry_quarantined(row.pk)
        return Response(self.get_serializer(self.rows().get(pk=row.pk)).data)


class PlatformView(viewsets.ViewSet):
    """What can be connected, and which settings each takes."""

    @extend_schema(responses=Platforms)
    def list(self, request: Request) -> Response:
        return Response({"results": [_platform(key) for key in registry.offered()]})


def _platform(key: str) -> dict[str, Any]:
    platform = registry.platform(key)
    fields = [
        {
            "name": s.name,
            "label": s.label,
            "help": s.help,
            "secret": s.secret,
            "required": s.required,
            "default": s.default,
        }
        for s in platform.settings
    ]
    streams = [{"key": s.key, "name": s.name, "takes_query": s.takes_query} for s in platform.streams]
    asked = [{"permission": name, "why": why} for name, why in platform.permissions]
    return {
        "key": key,
        "name": platform.name,
        "settings": fields,
        "streams": streams,
        "permissions": asked,
        "guide": platform.guide,
    }


def add_routes(router: DefaultRouter) -> None:
    router.register("sources", SourceView, "source")
    router.register("terms", TermView, "term")
    router.register("quarantine", QuarantineView, "quarantine")
    router.register("platforms", PlatformView, "platform")
