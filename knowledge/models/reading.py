from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import BrandRow, Message, Ticket, public_id
from knowledge.models.article import Edition, Revision


class Reading(BrandRow):
    """What happened to an edition on one day (UTC): counters, nobody's names.

    `asked`: tickets opened after reading it. `spared`: readers who came from a search or the ask form and asked nothing.
    Answers of ours that lead here stand in `Handed`.
    """

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="readings", db_index=False)
    day = models.DateField()
    views = models.PositiveIntegerField(default=0)
    helped = models.PositiveIntegerField(default=0)
    not_helped = models.PositiveIntegerField(default=0)
    asked = models.PositiveIntegerField(default=0)
    spared = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "day"], name="reading_once_a_day")]
        indexes = [models.Index(fields=["brand", "day"], name="reading_of_day")]


class Feedback(BrandRow):
    """Whether an article helped, once a reader (a keyed hash), with their words; or a colleague's "this is wrong"."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="feedback", db_index=False)
    revision = models.ForeignKey(Revision, models.SET_NULL, null=True, related_name="+", db_index=False)
    reader = models.CharField(max_length=64)
    trace = models.CharField(max_length=64, blank=True, help_text=_("The same browser without its cookie."))
    is_helpful = models.BooleanField()
    words = models.TextField(blank=True, max_length=2000)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "reader"], name="feedback_once")]
        indexes = [
            models.Index(
                fields=["brand", "-id"],
                condition=Q(is_helpful=False, settled_at=None) & ~Q(words=""),
                name="feedback_to_settle",
            ),
        ]


class Search(BrandRow):
    """One search of a customer, without who it was: what was looked for, what was found, and what came of it."""

    class Place(models.TextChoices):
        PAGE = "page", _("The search page")
        FORM = "form", _("The ask form")
        API = "api", _("The API")

    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    language = models.CharField(max_length=10)
    words = models.CharField(max_length=200, help_text=_("Without private data."))
    place = models.CharField(max_length=5, choices=Place.choices, default=Place.PAGE)
    found = models.PositiveIntegerField()
    chosen = models.ForeignKey(Edition, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    is_read = models.BooleanField(default=False, help_text=_("Whether it was looked at for an inquiry."))

    class Meta:
        indexes = [
            models.Index(fields=["brand", "created_at"], name="search_of_brand"),
            models.Index(fields=["created_at"], condition=Q(is_read=False), name="search_unread"),
        ]


class Handed(BrandRow):
    """An article that an agent put into an answer; its link carries `code`, by which we see that it was opened.

    `message`: the answer it went out with; none while its words are still being written.
    """

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="+", db_index=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="handed_articles")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    code = models.CharField(max_length=16, unique=True)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edition", "ticket"], name="handed_once")]


class CameFrom(BrandRow):
    """What a customer had read and searched for before they asked in the help centre."""

    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="came_from")
    edition = models.ForeignKey(Edition, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    search = models.ForeignKey(Search, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)


class Digest(BrandRow):
    """The week of a help centre, as its editors were told of it once. `counts`: what there was to tell."""

    week = models.DateField(help_text=_("Its Monday."))
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "week"], name="digest_once")]
