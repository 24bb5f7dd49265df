from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models import BrandRow, Ticket
from knowledge.states import IdeaState


class Idea(BrandRow):
    """A customer's proposal. `votes` counts its votes, kept by `knowledge.ideas`."""

    language = models.CharField(max_length=10)
    title = models.CharField(_("in one line"), max_length=120)
    text = models.TextField(_("more"), blank=True, max_length=4000)
    state = models.CharField(_("state"), max_length=10, choices=IdeaState.choices, default=IdeaState.NEW)
    answer = models.TextField(_("what we say to it"), blank=True, max_length=2000)
    is_hidden = models.BooleanField(_("hidden"), default=False)
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged_from", db_index=False
    )
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    votes = models.PositiveIntegerField(default=0)
    vector = models.BinaryField(default=b"")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=IdeaState.values), name="idea_state_known")]
        indexes = [
            models.Index(
                fields=["brand", "-votes", "-id"], condition=Q(is_hidden=False, merged_into=None), name="idea_board"
            ),
            models.Index(fields=["brand", "-id"], name="idea_of_brand"),
        ]

    def __str__(self) -> str:
        return self.title


class Vote(BrandRow):
    """One reader's vote for an idea. `reader` and `trace`: keyed hashes. `address`: sealed, where they want to be told."""

    idea = models.ForeignKey(Idea, models.CASCADE, related_name="cast", db_index=False)
    reader = models.CharField(max_length=64)
    trace = models.CharField(max_length=64, help_text=_("The same browser at the same address, without its cookie."))
    address = models.TextField(blank=True)
    address_hash = models.CharField(max_length=64, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["idea", "reader"], name="vote_once"),
            models.UniqueConstraint(fields=["idea", "trace"], name="vote_once_by_trace"),
            models.UniqueConstraint(
                fields=["idea", "address_hash"], condition=~Q(address_hash=""), name="vote_once_by_address"
            ),
        ]
