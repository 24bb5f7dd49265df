from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow, public_id


def initials_of(name: str) -> str:
    """Up to two letters for an avatar; "?" where there is no name."""
    words = [word.lstrip("@") for word in name.split() if word.lstrip("@")]
    return "".join(word[0] for word in words[:2]).upper() or "?"


class Customer(BrandRow):
    """The person behind one or more profiles."""

    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    place = models.CharField(_("place"), max_length=100, blank=True)
    tier = models.CharField(
        _("tier"),
        max_length=30,
        blank=True,
        help_text=_("As the brand calls it, such as VIP: policies can ask for it."),
    )
    about = models.TextField(_("what to know"), blank=True, help_text=_("For colleagues; never sent."))
    custom = models.JSONField(default=dict, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["brand", "name"], name="customer_name"),
            models.Index(fields=["brand", "created_at", "id"], name="customer_created"),
        ]

    def __str__(self) -> str:
        return self.name or str(_("Somebody"))

    @property
    def initials(self) -> str:
        return initials_of(self.name)


class Profile(BrandRow):
    """A handle on one platform. `external_id` is what the platform never changes (a DID, a user id)."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="profiles")
    platform = models.CharField(max_length=30)
    namespace = models.CharField(max_length=255)
    external_id = models.CharField(max_length=512)
    handle = models.CharField(max_length=255, blank=True)
    name = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=1024, blank=True)
    reach = models.PositiveIntegerField(_("followers"), null=True, blank=True)
    verified_address = models.CharField(max_length=254, blank=True)

    class Meta:
        # the id first: a set of ids is found by them whatever the statistics say of the rest
        constraints = [models.UniqueConstraint(fields=["external_id", "namespace", "brand"], name="profile_once")]
        indexes = [
            models.Index(
                fields=["brand", "verified_address"], condition=~models.Q(verified_address=""), name="profile_verified"
            ),
            models.Index(fields=["brand", "handle"], name="profile_handle"),
        ]

    def __str__(self) -> str:
        return self.handle or self.name or self.external_id


class Joining(BrandRow):
    """Two customers found to be one person: what moved from `other` to `kept`, so that it can be undone."""

    kept = models.ForeignKey(Customer, models.CASCADE, related_name="joinings", db_index=False)
    other = models.ForeignKey(Customer, models.CASCADE, related_name="joined")
    moved = models.JSONField(default=dict, help_text=_("Keys of profiles, tickets and threads."))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(kept=models.F("other")), name="joining_two_people")]
        indexes = [models.Index(fields=["kept", "id"], name="joining_of_kept")]


class Distinct(BrandRow):
    """Two customers somebody said are two people: never suggested again. `one` has the smaller key."""

    one = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_index=False)
    other = models.ForeignKey(Customer, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="distinct_once"),
            models.CheckConstraint(condition=models.Q(one__lt=models.F("other")), name="distinct_in_order"),
        ]
