from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.models.base import BrandRow
from helpdesk.models.ticket import Ticket


class Likeness(BrandRow):
    """What a ticket's first words are about, as numbers: to find those that are alike. Goes when the words go.

    `vector`: float16, little-endian, of length one, as `helpdesk.text.similar` makes it; empty where there is too little to
    go by. `alike`: how many earlier tickets of the last two days it was like when it came in.
    """

    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="likeness")
    vector = models.BinaryField()
    model = models.CharField(max_length=40)
    opened_at = models.DateTimeField(help_text=_("The ticket's."))
    alike = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["brand", "opened_at"], name="likeness_opened")]
