"""Step: a feed source at each address of a newsstand, all due now, and how many messages they have brought."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.utils import timezone

from helpdesk.models import Brand, Message
from helpdesk.processes import commands
from helpdesk.workflow.brands import open_brand
from mentions import connecting
from mentions.models import Source


def run(port: int, urls: list[str], rhythm: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    if not Brand.objects.exists():
        brand = open_brand("lantern-lines", "Lantern Lines")
        for number, url in enumerate(urls):
            wanted = connecting.Wanted("feed", name=f"Feed {number}", settings={"url": url}, rhythm_seconds=rhythm)
            connecting.add_source(brand, None, wanted)
        Source.objects.update(next_poll_at=timezone.now())
    return {"messages": Message.objects.count(), "commands": commands("127.0.0.1", port)}
