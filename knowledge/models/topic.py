from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import Brand, BrandQuerySet, BrandRow, Ticket
from knowledge.models.article import Article
from knowledge.models.reading import Feedback, Search


class TopicQuerySet(BrandQuerySet["Topic"]):
    def current(self) -> Self:
        """Topics that stand: not merged into another, not put aside."""
        return self.filter(state__in=[Topic.State.NEW, Topic.State.KEPT])


class Topic(BrandRow):
    """Inquiries that ask the same thing. Its id is stable: the nightly clustering moves inquiries, never an editor's decision.

    `title` is the inquiry nearest to its middle until an editor words it (`is_named`). `kind` tells a question from what
    needs no article. Counts are written by `knowledge.mining`.
    """

    class State(models.TextChoices):
        NEW = "new", _("Found by itself")
        KEPT = "kept", _("Kept by an editor")
        ASIDE = "aside", _("Put aside")
        MERGED = "merged", _("Merged into another")

    language = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    is_named = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged_from", db_index=False
    )
    article = models.ForeignKey(Article, models.SET_NULL, null=True, blank=True, related_name="topics")
    covered_at = models.DateTimeField(null=True, blank=True)
    vector = models.BinaryField(default=b"", help_text=_("The middle of its inquiries."))
    size = models.PositiveIntegerField(default=0)
    asked_30 = models.PositiveIntegerField(default=0, help_text=_("In the last 30 days."))
    asked_before = models.PositiveIntegerField(default=0, help_text=_("In the 30 days before those."))
    negative_30 = models.PositiveIntegerField(default=0)
    channels = models.JSONField(default=dict, blank=True, help_text=_("Of the last 30 days: channel -> count."))
    first_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TopicQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["new", "kept", "aside", "merged"]), name="topic_state_known"),
            models.CheckConstraint(condition=~Q(merged_into=models.F("id")), name="topic_not_into_itself"),
        ]
        indexes = [
            models.Index(fields=["brand", "-asked_30", "-id"], name="topic_demand"),
            models.Index(fields=["brand", "language", "id"], name="topic_of_brand"),
        ]

    def __str__(self) -> str:
        return self.title


class Inquiry(BrandRow):
    """A customer's question without names, handles, links and private data.

    Where it comes from is `ticket`, `search` or `feedback`; each gives one at most. `said_at` is when it was asked.
    """

    class Origin(models.TextChoices):
        TICKET = "ticket", _("A resolved ticket")
        SEARCH = "search", _("A search")
        FORM = "form", _("The ask form")
        FEEDBACK = "feedback", _("An article that did not help")
        API = "api", _("Brought in by the API")

    language = models.CharField(max_length=10)
    text = models.CharField(max_length=500)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    platform = models.CharField(max_length=30, blank=True)
    sentiment = models.CharField(max_length=10, blank=True)
    ticket = models.OneToOneField(Ticket, models.CASCADE, null=True, blank=True, related_name="inquiry")
    search = models.OneToOneField(Search, models.CASCADE, null=True, blank=True, related_name="inquiry")
    feedback = models.OneToOneField(Feedback, models.CASCADE, null=True, blank=True, related_name="inquiry")
    topic = models.ForeignKey(Topic, models.SET_NULL, null=True, blank=True, related_name="inquiries", db_index=False)
    is_placed = models.BooleanField(default=False, help_text=_("An editor said where it belongs."))
    said_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "inquiries"
        indexes = [
            models.Index(fields=["brand", "language", "-said_at", "-id"], name="inquiry_said"),
            models.Index(fields=["topic", "-said_at", "-id"], name="inquiry_of_topic"),
            models.Index(fields=["brand", "-id"], name="inquiry_of_brand"),
            models.Index(fields=["brand"], condition=Q(topic=None), name="inquiry_without_topic"),
        ]


class Advice(BrandRow):
    """What the nightly clustering would have done with topics that editors decided on: merge two, or split one."""

    class Kind(models.TextChoices):
        MERGE = "merge", _("Merge")
        SPLIT = "split", _("Split")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        TAKEN = "taken", _("Taken")
        REFUSED = "refused", _("Refused")

    kind = models.CharField(max_length=5, choices=Kind.choices)
    topic = models.ForeignKey(Topic, models.CASCADE, related_name="advice", db_index=False)
    other = models.ForeignKey(Topic, models.CASCADE, null=True, blank=True, related_name="+")
    params = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["topic", "other"], condition=Q(kind="merge"), name="advice_once_merge"),
            models.UniqueConstraint(fields=["topic"], condition=Q(kind="split"), name="advice_once_split"),
        ]
        indexes = [models.Index(fields=["brand", "-id"], condition=Q(state="open"), name="advice_open")]


class Draft(BrandRow):
    """How a draft came about: what each of its sentences rests on, what is missing, what people ask beside it.

    `evidence`: [{"sentence", "messages": [ids]}], `gaps`: sentences for the editor, `asked`: customers' own questions.
    """

    article = models.OneToOneField(Article, models.CASCADE, related_name="draft")
    topic = models.ForeignKey(Topic, models.SET_NULL, null=True, blank=True, related_name="drafts")
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    evidence = models.JSONField(default=list)
    gaps = models.JSONField(default=list)
    asked = models.JSONField(default=list)
    is_polished = models.BooleanField(default=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )


class Learner(BrandRow):
    """How far a brand's events were read for inquiries."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="learner")
    transaction = models.BigIntegerField(default=0)
    event = models.BigIntegerField(default=0)


class Clustering(BrandRow):
    """A nightly clustering of one brand's inquiries in one language: how the words were weighed, and what came out.

    `weights`: the fitted adaptation of the vectors, serialised by `knowledge.mining`; the last finished one is in use.
    """

    language = models.CharField(max_length=10)
    weights = models.BinaryField(default=b"")
    params = models.JSONField(default=dict, blank=True)
    inquiries = models.PositiveIntegerField(default=0)
    topics = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["brand", "language", "-finished_at"], name="clustering_last")]
