"""Step: demo sources with a crowd's posts waiting on the demo platform, and how many mentions there are."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.utils import timezone

from helpdesk.processes import commands
from mentions.models import Account, DemoPost, Mention, Source
from mentions.platforms.demo.script import PEOPLE
from tests.bench.posts import Crowd

WAITING, RHYTHM = 300, 2  # posts a source, seconds


def run(port: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    if not Source.objects.exists():
        call_command("demo", verbosity=0)
        Source.objects.update(rhythm_seconds=RHYTHM, next_poll_at=timezone.now())
        for account in Account.objects.filter(sources__isnull=False).distinct():
            _wait_there(account)
    return {"heard": Mention.objects.count(), "commands": commands("127.0.0.1", port)}


def _wait_there(account: Account) -> None:
    names, now = list(PEOPLE), timezone.now()
    posts = Crowd().page(WAITING, now).posts
    DemoPost.objects.bulk_create(
        DemoPost(
            account=account,
            key=post.external_id[-40:],
            author=name,
            root_key=post.external_id[-40:],
            root_author=name,
            text=post.text,
            said_at=now,
        )
        for name, post in zip((names * WAITING)[:WAITING], posts, strict=True)
    )
