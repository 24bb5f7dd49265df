"""Previews: what listening somewhere would bring, before it is listened to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from helpdesk.models import Brand
from helpdesk.net import HttpClient
from helpdesk.workflow.verbs import Refused
from mentions import accounts, logins
from mentions.connecting import Wanted, stream_of
from mentions.models import Account
from mentions.platforms import registry
from mentions.platforms.base import Connector, Identity, Keeper, PlatformError, Post

SHOWN, PREVIEW_PAGES = 5, 3


@dataclass(frozen=True)
class Preview:
    """What listening there would bring: who we are, the newest items, and how many came in the last day (of those read)."""

    identity: Identity
    posts: tuple[Post, ...]
    last_day: int
    is_all: bool  # whether the last day was read to its end


def preview(wanted: Wanted, brand: Brand) -> Preview:
    """Log in, look, and store nothing but tokens that were renewed. Refused says at which field what is wrong."""
    try:
        platform = registry.platform(wanted.platform)
    except registry.UnknownPlatform as error:
        raise Refused("platform", "unknown", str(error)) from error
    stream = stream_of(platform, wanted)
    settings, secrets = logins.split_settings(platform, wanted.settings)
    account = logins.same_log_in(brand, platform, settings, secrets)
    renewed = logins.Renewed(brand, platform, settings, secrets)
    identity, session = logins.logged_in(brand, platform, settings, secrets)
    day_ago = timezone.now() - dt.timedelta(days=1)
    with HttpClient() as http:
        if account is not None:  # what it renews is the account's
            connector = accounts.open_connector(account, http)
        else:
            connector = registry.connector_class(platform.key)(
                settings, secrets, session, identity=identity, http=http, keeper=Keeper(renewed.keep)
            )
        try:
            posts, is_all = _read_back(connector, stream.key, wanted.query, day_ago)
        except PlatformError as error:
            raise Refused(
                logins.field_of(platform, error), error.code, accounts.problem_words(error.problem, platform.key)
            ) from error
    posts.sort(key=lambda post: post.said_at, reverse=True)
    recent = sum(post.said_at >= day_ago for post in posts)
    return Preview(identity, tuple(posts[:SHOWN]), recent, is_all)


def last_day(account: Account, stream: str, query: str) -> tuple[list[Post], bool]:
    """What a stream of a connected account brought in the last 24 hours, and whether that was read to its end."""
    day_ago = timezone.now() - dt.timedelta(days=1)
    with HttpClient() as http:
        try:
            connector = accounts.open_connector(account, http)
            posts, is_all = _read_back(connector, stream, query, day_ago)
        except PlatformError as error:
            raise Refused("channel", error.code, accounts.problem_words(error.problem, account.platform)) from error
    return [post for post in posts if post.said_at >= day_ago], is_all


def _read_back(connector: Connector, stream: str, query: str, until: dt.datetime) -> tuple[list[Post], bool]:
    """The newest posts, back to `until` or for a few pages; whether `until` was reached."""
    posts: list[Post] = []
    for number, page in enumerate(connector.fetch(stream, query, {}), 1):
        posts += page.posts
        if any(post.said_at < until for post in page.posts):
            return posts, True
        if number == PREVIEW_PAGES:
            return posts, False
    return posts, True
