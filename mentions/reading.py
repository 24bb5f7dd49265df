"""What costs time but no locks: posts checked, cleaned, triaged and joined by what is known of their authors."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from helpdesk import intake
from helpdesk.models import CloseReason, MessageKind, Profile, Visibility
from helpdesk.text.clean import cleaned, one_line, storable
from helpdesk.text.private import without_cards
from helpdesk.text.triage import Triage
from mentions import forgetting
from mentions.models import Account, Mention
from mentions.platforms.base import Author, Connector, Malformed, PlatformError, Post
from mentions.triage import read

log = logging.getLogger(__name__)

LONGEST_HTML = 500_000
EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)  # nobody posted before; a claim to is a mistake or a trap


@dataclass(frozen=True)
class Ready:
    """A post cleaned and read, waiting for its transaction."""

    post: Post
    contact: intake.Contact


def prepare(
    account: Account, posts: Sequence[Post], now: dt.datetime, connector: Connector | None = None
) -> tuple[list[Ready], list[Malformed]]:
    """(what can be stored, what cannot and why). With a connector, newcomers are looked up."""
    wanted = forgetting.still_wanted(account, _last_of_each(_told_apart(account, posts)))
    good, bad = _valid(ours_marked(account, wanted))
    authors = _authors(account, good, connector) if connector else {}
    people = [authors.get(post.author.external_id, post.author) for post in good]
    reach = _known_reach(account, people)
    return [
        Ready(post, _contact(account, post, person, reach.get(person.external_id, 0), now))
        for post, person in zip(good, people, strict=True)
    ], bad


def _known_reach(account: Account, people: Sequence[Author]) -> Mapping[str, int]:
    """What we know of the reach of people whose items do not say: an edit makes nobody smaller."""
    silent = {person.external_id for person in people if person.reach is None}
    if not silent:
        return {}
    rows = Profile.objects.filter(brand_id=account.brand_id, namespace=account.namespace, external_id__in=silent)
    return {name: reach for name, reach in rows.values_list("external_id", "reach") if reach is not None}


def _told_apart(account: Account, posts: Sequence[Post]) -> list[Post]:
    """A mail that carries the Message-ID of another one (of somebody else, or of another date) is a mail of its own.

    Anybody can write any Message-ID: a copy must neither hide behind the first nor change whom an answer to it goes to.
    """
    mails = [post for post in posts if post.kind == "mail" and post.version and not post.ours]
    if not mails:
        return list(posts)
    theirs = known(account, mails).filter(message__kind=MessageKind.INBOUND)  # a list sends us our own mails, rewritten
    first = dict(theirs.exclude(version="").values_list("external_id", "version"))
    found: list[Post] = []
    for post in posts:
        is_mail = post.kind == "mail" and post.version and not post.ours
        if not is_mail or first.setdefault(post.external_id, post.version) == post.version:
            found.append(post)
            continue
        name = f"{post.external_id[:480]}#{post.version}"
        thread = name if post.thread_key == post.external_id else post.thread_key
        found.append(replace(post, external_id=name, thread_key=thread))
    return found


def _last_of_each(posts: Sequence[Post]) -> list[Post]:
    return list({(post.kind, post.external_id): post for post in posts}.values())


def ours_marked(account: Account, posts: Sequence[Post]) -> list[Post]:
    """What another account of this brand wrote is ours too, and no customer's."""
    us = Account.objects.filter(brand_id=account.brand_id, namespace=account.namespace).exclude(external_id="")
    names = set(us.values_list("external_id", flat=True))
    # anybody can write our address into a mail: only what lies in our sent folder is ours
    return [
        replace(post, ours=True) if post.kind != "mail" and post.author.external_id in names else post for post in posts
    ]


LENGTHS = {"external_id": 512, "local_id": 512, "version": 128, "thread_key": 512, "parent_id": 512}


def _valid(posts: Sequence[Post]) -> tuple[list[Post], list[Malformed]]:
    """Posts whose names fit their columns (SQLite would not say) and hold no broken characters."""
    good: list[Post] = []
    bad: list[Malformed] = []
    for post in posts:
        problem = _why_unfit(post)
        if problem:
            bad.append(Malformed(dict(post.raw), problem))
        else:
            good.append(post)
    return good, bad


def _why_unfit(post: Post) -> str:
    for name, limit in LENGTHS.items():
        value = getattr(post, name)
        if len(value) > limit or storable(value) != value:
            return f"{name} is longer than {limit} characters or holds broken ones"
    author = post.author.external_id
    if len(author) > 512 or not author or storable(author) != author:
        return "the author has no usable id"
    return "" if post.external_id and post.thread_key else "the item has no id"


def _authors(account: Account, posts: Sequence[Post], connector: Connector) -> Mapping[str, Author]:
    """More about the authors of items we do not have yet."""
    stored = set(known(account, posts).values_list("external_id", flat=True))
    wanted = {
        post.author.external_id
        for post in posts
        if post.external_id not in stored and not post.ours and post.author.reach is None
    }
    try:
        return connector.authors(sorted(wanted)) if wanted else {}
    except PlatformError as error:
        if error.code in ("credentials", "throttled"):
            raise
        log.info("authors of account %s not looked up: %s", account.pk, error.code)
        return {}


def known(account: Account, posts: Iterable[Post]) -> Any:
    return Mention.objects.filter(
        brand_id=account.brand_id, namespace=account.namespace, external_id__in=[post.external_id for post in posts]
    )


def is_private(post: Post) -> bool:
    return post.kind in ("direct", "mail") if post.private is None else post.private


def _contact(account: Account, post: Post, author: Author, known_reach: int, now: dt.datetime) -> intake.Contact:
    text = cleaned(post.text)
    reach = known_reach if author.reach is None else author.reach
    return intake.Contact(
        person=intake.Person(
            platform=account.channel.appears_as,
            namespace=account.namespace,
            external_id=author.external_id,
            handle=one_line(author.handle, 255),
            name=one_line(author.name, 200),
            url=author.url if author.url.startswith("https://") and len(author.url) <= 1024 else "",
            reach=author.reach,
            verified_address=author.verified_address,
        ),
        thread_kind=post.kind,
        thread_key=post.thread_key,
        text=text,
        said_at=min(max(post.said_at, EARLIEST), now),
        heard_at=now,
        key=post.external_id,
        parent_key=post.parent_id,
        is_proven=bool(post.ticket),
        opened_by_author=post.root_author_id == author.external_id,
        visibility=Visibility.PRIVATE if is_private(post) else Visibility.PUBLIC,
        ours=post.ours,
        html=without_cards(storable(post.html[:LONGEST_HTML])),
        quoted=cleaned(post.quoted).text,
        over=CloseReason.AUTOMATIC if post.automatic else CloseReason.DONE if post.settled else "",
        is_automatic=post.automatic,
        url=post.url if post.url.startswith("https://") and len(post.url) <= 1024 else "",
        subject=one_line(post.subject, 200),
        triage=Triage() if post.ours else read(text.text, reach),
    )
