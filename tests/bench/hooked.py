"""Step: an X source that is pushed to, and how many pushes and messages it holds."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from helpdesk.models import Brand, Message
from helpdesk.processes import commands
from helpdesk.workflow.brands import open_brand
from mentions import connecting
from mentions.models import Account, Push


def run(port: int, settings: dict[str, str]) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    if not Brand.objects.exists():
        brand = open_brand("lantern-lines", "Lantern Lines")
        connecting.add_source(brand, None, connecting.Wanted("x", name="X", settings=settings))
    account = Account.objects.get(platform="x")
    return {
        "path": account.hook_path,
        "account": account.pk,
        "brand": account.brand_id,
        "pushed": Push.objects.filter(account=account).exclude(name__startswith="bare-").count(),
        "waiting": Push.objects.filter(account=account, done_at=None).exclude(name__startswith="bare-").count(),
        "messages": Message.objects.count(),
        "commands": commands("127.0.0.1", port),
    }
