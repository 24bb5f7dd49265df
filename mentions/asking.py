"""A request from the help centre → a mention and its ticket, the way everything that is heard goes."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from helpdesk.models import Brand, Channel, Message
from helpdesk.ports import Request
from helpdesk.workflow.verbs import Refused
from mentions import accounts, ingest
from mentions.ingest import Lease
from mentions.models import Account, Mention, Source
from mentions.platforms.base import Author, Page, Post

PLATFORM, STREAM, NAME = "web", "requests", "Help centre"


def take(brand: Brand, request: Request) -> Message:
    """The message it became. Refused where it cannot be taken."""
    source = source_of(brand)
    connector = accounts.closed_connector(source.account)
    ingest.store(Lease(source, source.lease_token), Page((_post(brand, request),)), connector)
    row = Mention.objects.filter(account=source.account, external_id=request.key).select_related("message").first()
    if row is None or row.message is None:
        raise Refused("text", "not_taken", "This could not be taken in. Write it another way, please.")
    return row.message


def source_of(brand: Brand) -> Source:
    """The brand's, with the channel and account it needs; made the first time."""
    rows = Source.objects.select_related("account__channel", "account__brand").filter(kind=STREAM)
    found = rows.filter(brand=brand, account__platform=PLATFORM).first()
    if found is not None:
        return found
    with transaction.atomic():
        Brand.objects.select_for_update(no_key=True).get(pk=brand.pk)
        channel, _made = Channel.objects.get_or_create(brand=brand, platform=PLATFORM, name=NAME)
        account, _made = Account.objects.get_or_create(
            channel=channel, defaults={"brand": brand, "platform": PLATFORM, "namespace": f"web:{channel.pk}"}
        )
        Source.objects.get_or_create(
            account=account,
            kind=STREAM,
            query="",
            defaults={"brand": brand, "name": NAME, "next_poll_at": timezone.now(), "is_active": False},
        )
    return rows.get(account=account)


def _post(brand: Brand, request: Request) -> Post:
    reference = {"link": request.link, "address": request.address, "brand": brand.name}
    return Post(
        kind="direct",
        external_id=request.key,
        author=Author(f"request:{request.thread}", handle=request.address or request.name, name=request.name, reach=0),
        text=request.text,
        said_at=timezone.now(),
        thread_key=request.thread,
        root_author_id=f"request:{request.thread}",
        subject=request.subject,
        reference={name: value for name, value in reference.items() if value},
        raw={"thread": request.thread, "text": request.text},
    )
