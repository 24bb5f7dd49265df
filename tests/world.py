"""The invented people of the tests, and short ways to make them say things."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from helpdesk import intake
from helpdesk.models import ApiToken, Brand, Channel, Membership, Message, Ticket, User, Visibility
from helpdesk.permissions import Role
from helpdesk.text.clean import cleaned
from helpdesk.workflow.brands import open_brand
from mentions import connecting
from mentions.models import Account, Source
from mentions.triage import read
from tests.fakes.bluesky import FakeBluesky

PASSWORD = "correct horse battery"
_count = itertools.count(1)


@dataclass
class World:
    """`people` by role in `brand`; `rival` is another brand, with `rival_owner`; `outsider` belongs to none."""

    brand: Brand
    rival: Brand
    people: dict[str, User]
    rival_owner: User
    outsider: User
    channels: dict[int, Channel] = field(default_factory=dict)

    def __getattr__(self, role: str) -> User:
        try:
            return self.people[role]
        except KeyError:
            raise AttributeError(role) from None

    def channel(self, brand: Brand | None = None) -> Channel:
        """A Bluesky-like channel of the brand with an account, which nothing polls."""
        brand = brand or self.brand
        if brand.pk not in self.channels:
            channel = Channel.objects.create(brand=brand, platform="demo", shown_as="bluesky", name="Bluesky")
            Account.objects.create(
                brand=brand, channel=channel, platform="demo", namespace="demo:bluesky", external_id="us"
            )
            self.channels[brand.pk] = channel
        return self.channels[brand.pk]

    def hear(
        self,
        text: str = "My train is late",
        *,
        who: str = "ana",
        thread: str = "",
        brand: Brand | None = None,
        **values: Any,
    ) -> Message:
        """Somebody says something in public, in a thread of their own unless one is named."""
        channel = self.channel(brand)
        now = timezone.now()
        number = next(_count)
        key = values.pop("key", f"post-{number}")
        person = intake.Person("bluesky", "demo:bluesky", f"demo:{who}", who, who.title(), reach=10)
        contact = intake.Contact(
            person=person,
            thread_kind="post",
            thread_key=thread or key,
            text=cleaned(text),
            said_at=values.pop("said_at", now),
            heard_at=now,
            key=key,
            opened_by_author=values.pop("opened_by_author", True),
            visibility=values.pop("visibility", Visibility.PUBLIC),
            triage=values.pop("triage", read(text, 10)),
            **values,
        )
        with transaction.atomic():
            message = intake.take_in(channel, [contact])[0]
        assert message is not None
        return message

    def ticket(self, text: str = "My train is late", **values: Any) -> Ticket:
        message = self.hear(text, **values)
        return Ticket.objects.get(pk=message.ticket_id)

    def desk(self, user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    def api(self, user: User, *scopes: str, brand: Brand | None = None) -> APIClient:
        _, token = ApiToken.issue(user, scopes=list(scopes) or ["read", "write"], brand=brand)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client


def person(email: str, name: str, brand: Brand | None = None, role: str = Role.AGENT) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name)
    if brand is not None:
        Membership.objects.create(brand=brand, user=user, role=role)
    return user


def open_world() -> World:
    brand, rival = open_brand("northwind", "Northwind Rail"), open_brand("southbay", "South Bay Ferries")
    names = {
        "auditor": "Ivo Brandt",
        "agent": "Noor Haddad",
        "lead": "Sven Holm",
        "manager": "Lena Karlsson",
        "owner": "Maya Berg",
    }
    people = {role: person(f"{role}@northwind.example", name, brand, role) for role, name in names.items()}
    rival_owner = person("owner@southbay.example", "Rita Bay", rival, Role.OWNER)
    return World(brand, rival, people, rival_owner, person("nobody@elsewhere.example", "Otto Sider"))


def listen(
    world: World,
    network: FakeBluesky,
    *,
    stream: str = "notifications",
    query: str = "",
    handle: str = "northwind.test",
) -> Source:
    """A source on the fake network, connected as `handle` (signed up there the first time)."""
    if not Account.objects.filter(handle=handle).exists():
        network.add_account(handle, app_password="abcd-efgh-ijkl-mnop")
    settings = {"base_url": network.url, "identifier": handle, "app_password": "abcd-efgh-ijkl-mnop"}
    return connecting.add_source(world.brand, None, connecting.Wanted("bluesky", "Bluesky", settings, stream, query))


def connect(world: World, platform: str, settings: dict[str, str], **wanted: Any) -> Source:
    """A source of any platform, named like it unless a `name` is given."""
    given = {"name": platform, **wanted}
    return connecting.add_source(world.brand, None, connecting.Wanted(platform, settings=settings, **given))


def listen_to_nothing(world: World, platform: str, stream: str, facts: dict[str, Any] | None = None) -> Source:
    """A source of any platform that was never connected: nothing is asked of it."""
    channel = Channel.objects.create(brand=world.brand, platform=platform, name=platform)
    account = Account.objects.create(
        brand=world.brand, channel=channel, platform=platform, namespace="here", external_id="us", facts=facts or {}
    )
    return Source.objects.create(
        brand=world.brand, account=account, kind=stream, name=platform, next_poll_at=timezone.now()
    )


def minutes(count: float) -> dt.timedelta:
    return dt.timedelta(minutes=count)
