from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.permissions import Role


class CurrentTransaction(models.Func):
    """PostgreSQL's id of the running transaction; 0 on SQLite, where writers stand in line anyway."""

    function = ""
    template = "0"
    output_field = models.BigIntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return "pg_current_xact_id()::text::bigint", []


class Event(models.Model):
    """What happened, written in the transaction of the change. Ids, codes and field names; never people's words.

    Rows refer to nothing by foreign key but the brand and expire by its policy. `transaction` lets a reader stay below writers that
    have not committed (`helpdesk.events.read_after`).
    """

    id = models.BigAutoField(primary_key=True)
    brand = models.ForeignKey("helpdesk.Brand", models.CASCADE, related_name="+", db_index=False)
    transaction = models.BigIntegerField(db_default=CurrentTransaction())
    code = models.CharField(max_length=50)
    ticket_id = models.BigIntegerField(null=True, blank=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes = [
            models.Index(fields=["brand", "transaction", "id"], name="event_read_after"),
            models.Index(fields=["ticket_id", "id"], condition=Q(ticket_id__isnull=False), name="event_of_ticket"),
            models.Index(fields=["brand", "at"], name="event_expiry"),
        ]


class Notice(BrandRow):
    """Something people of the brand must know, shown once: one open notice per (brand, key).

    `code` + `params` are worded at read. Those with at least `least_role` see it, and whom it is for: `user`, or those of
    `team`. It ends when `settled_at` is set.
    """

    key = models.CharField(max_length=200)
    code = models.CharField(max_length=50)
    params = models.JSONField(default=dict)
    least_role = models.CharField(max_length=10, choices=Role.choices, default=Role.MANAGER)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey("helpdesk.Team", models.SET_NULL, null=True, blank=True, related_name="+")
    link = models.CharField(max_length=200, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    readers: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="+", blank=True
    )

    class Meta:
        verbose_name = _("notice")
        constraints = [
            models.UniqueConstraint(fields=["brand", "key"], condition=Q(settled_at=None), name="notice_open_once"),
        ]
        indexes = [models.Index(fields=["brand", "created_at", "id"], name="notice_created")]
