from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import BrandQuerySet, BrandRow, public_id
from knowledge.models.centre import Category
from knowledge.states import EditionState


class Visible(models.TextChoices):
    PUBLIC = "public", _("Everybody")
    KNOWN = "known", _("Customers who are signed in")
    INTERNAL = "internal", _("Agents only")


# who may read what, from the least known reader on
READABLE: dict[str, tuple[str, ...]] = {
    "anybody": (Visible.PUBLIC,),
    "customer": (Visible.PUBLIC, Visible.KNOWN),
    "member": (Visible.PUBLIC, Visible.KNOWN, Visible.INTERNAL),
}


class Article(BrandRow):
    """An answer, whatever the language: what its editions share."""

    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, related_name="articles", verbose_name=_("category")
    )
    visible = models.CharField(_("who reads it"), max_length=10, choices=Visible.choices, default=Visible.PUBLIC)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("keeper")
    )
    review_by = models.DateField(_("look at it again by"), null=True, blank=True)

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        constraints = [models.CheckConstraint(condition=Q(visible__in=Visible.values), name="article_visible_known")]
        indexes = [
            models.Index(fields=["brand", "id"], name="article_of_brand"),
            models.Index(fields=["brand", "review_by"], condition=~Q(review_by=None), name="article_review"),
        ]


class EditionQuerySet(BrandQuerySet["Edition"]):
    def live(self) -> Self:
        """What readers see now."""
        return self.exclude(live=None)

    def readable(self, reader: str) -> Self:
        """What a reader may see: `anybody`, a `customer` who is signed in, or a `member` of the brand."""
        return self.live().filter(article__visible__in=READABLE[reader])

    def due(self, now: dt.datetime) -> Self:
        return self.filter(state=EditionState.SCHEDULED, publish_at__lte=now)


class Edition(BrandRow):
    """An article in one language. `latest` is what editors work on, `live` what readers see; `state` is the latest's.

    `title` and `summary` are those of `live`, else of `latest`: lists need no revision. `translates`: the revision of the
    first language's edition that this one was last brought up to.
    """

    article = models.ForeignKey(Article, models.CASCADE, related_name="editions", db_index=False)
    language = models.CharField(_("language"), max_length=10)
    slug = models.SlugField(_("address"), max_length=100, allow_unicode=True)
    title = models.CharField(_("title"), max_length=200)
    summary = models.CharField(_("in one line"), max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=EditionState.choices, default=EditionState.DRAFT)
    latest = models.ForeignKey(
        "knowledge.Revision", models.RESTRICT, null=True, related_name="+", db_index=False, editable=False
    )
    live = models.ForeignKey(
        "knowledge.Revision", models.RESTRICT, null=True, related_name="+", db_index=False, editable=False
    )
    translates = models.ForeignKey("knowledge.Revision", models.SET_NULL, null=True, related_name="+", editable=False)
    publish_at = models.DateTimeField(_("goes out at"), null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True, help_text=_("The first time."))
    changed_at = models.DateTimeField(null=True, blank=True, help_text=_("When what readers see last changed."))

    objects: ClassVar[Any] = EditionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["article", "language"], name="edition_once"),
            models.UniqueConstraint(fields=["brand", "language", "slug"], name="edition_slug_once"),
            models.CheckConstraint(condition=Q(state__in=EditionState.values), name="edition_state_known"),
            models.CheckConstraint(
                condition=~Q(state=EditionState.PUBLISHED) | (Q(live__isnull=False) & Q(live=F("latest"))),
                name="edition_published_is_live",
            ),
            models.CheckConstraint(
                condition=~Q(state=EditionState.ARCHIVED) | Q(live=None), name="edition_archived_is_gone"
            ),
            models.CheckConstraint(
                condition=~Q(state=EditionState.SCHEDULED) | ~Q(publish_at=None), name="edition_scheduled_has_time"
            ),
        ]
        indexes = [
            models.Index(
                fields=["brand", "language", "-changed_at", "-id"], condition=~Q(live=None), name="edition_live"
            ),
            models.Index(fields=["brand", "state", "-id"], name="edition_in_state"),
            models.Index(fields=["publish_at"], condition=Q(state="scheduled"), name="edition_scheduled"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        return self.live_id is not None

    @property
    def has_changes(self) -> bool:
        """Whether readers see something older than what editors have."""
        return self.live_id is not None and self.live_id != self.latest_id


class Revision(BrandRow):
    """The words of an edition as they once were saved; never changed. `number` counts from 1."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True, help_text=_("Markdown."))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    why = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "number"], name="revision_once")]


class Passage(BrandRow):
    """One step in an edition's life: from which state to which, who, and why."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="passages", db_index=False)
    revision = models.ForeignKey(Revision, models.SET_NULL, null=True, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=EditionState.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    why = models.CharField(max_length=250, blank=True)

    class Meta:
        indexes = [models.Index(fields=["edition", "-id"], name="passage_of_edition")]


class OldAddress(BrandRow):
    """An address an edition once had: who follows it is led on."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="old_addresses")
    language = models.CharField(max_length=10)
    slug = models.SlugField(max_length=100, allow_unicode=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "language", "slug"], name="old_address_once")]


class Picture(BrandRow):
    """An image in articles, re-encoded by us and stored under a random key; served to everybody who has its address."""

    key = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=30)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "sha256"], name="picture_once")]


class BrokenLink(BrandRow):
    """A link in a live edition that leads nowhere, as last seen."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="broken_links", db_index=False)
    url = models.CharField(max_length=1000)
    problem = models.CharField(max_length=200)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "url"], name="broken_link_once")]

    @property
    def is_outside(self) -> bool:
        """Whether it is a whole address, such as can be opened from anywhere."""
        return self.url.lower().startswith(("https://", "http://"))


class SearchEntry(BrandRow):
    """What search knows of a live edition: its words.

    Written with the edition by `knowledge.search.index`. The full-text index stands beside it: a tsvector column on
    PostgreSQL, an FTS5 table on SQLite (see the migration), both filled by the same service, never by triggers.
    """

    edition = models.OneToOneField(Edition, models.CASCADE, primary_key=True, related_name="entry")
    language = models.CharField(max_length=10)
    visible = models.CharField(max_length=10, choices=Visible.choices)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["brand", "language"], name="entry_of_brand"),
            models.Index(fields=["brand", "language", "updated_at"], name="entry_updated"),
        ]
