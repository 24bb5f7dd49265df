"""What accounts, statuses and notifications look like in the API's answers."""

from __future__ import annotations

from .mastodon_ledger import Account, Ledger, Notice, Status
from .mastodon_rules import Json, iso

_APPLICATION = {"name": "Fake web client", "website": None}


class Views:
    """Writes the entities of the ledger as one viewer sees them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._options = ledger, ledger.options

    def account(self, account: Account) -> Json:
        """An Account."""
        ledger, home = self._ledger, self._ledger.home(account)
        published = ledger.by(account.id)
        picture = f"{home}/avatars/original/missing.png"
        return {
            "id": account.id,
            "username": account.handle,
            "acct": ledger.acct(account),
            "display_name": account.handle.capitalize(),
            "locked": False,
            "bot": account.bot,
            "discoverable": True,
            "indexable": True,
            "group": False,
            "created_at": iso(account.created_at)[:10] + "T00:00:00.000Z",
            "note": "",
            "url": ledger.url(account),
            "uri": f"{home}/users/{account.handle}",
            "avatar": picture,
            "avatar_static": picture,
            "header": picture,
            "header_static": picture,
            "followers_count": account.followers,
            "following_count": 0,
            "statuses_count": len(published),
            "last_status_at": iso(published[-1].created_at)[:10] if published else None,
            "emojis": [],
            "fields": [],
        }

    def own_account(self, account: Account) -> Json:
        """A CredentialAccount: what its owner sees."""
        source = {
            "privacy": "public",
            "sensitive": False,
            "language": None,
            "note": "",
            "fields": [],
            "follow_requests_count": 0,
        }
        role = {"id": "-99", "name": "", "permissions": "0", "color": "", "highlighted": False}
        return self.account(account) | {"source": source, "role": role}

    def status(self, status: Status, viewer: str | None, *, shallow: bool = False) -> Json:
        """A Status; what only a signed-in viewer can know is absent without one. A quote in a quote is shallow."""
        ledger = self._ledger
        parent = ledger.find(status.in_reply_to_id) if status.in_reply_to_id else None
        boosted = ledger.find(status.reblog_of) if status.reblog_of else None
        author = ledger.accounts[status.account_id]
        found = {
            "id": status.id,
            "created_at": iso(status.created_at),
            # The parent's deletion empties this field, and leaves the next.
            "in_reply_to_id": parent.id if parent else None,
            "in_reply_to_account_id": status.in_reply_to_account_id,
            "sensitive": status.sensitive,
            "spoiler_text": status.spoiler,
            "visibility": status.visibility,
            "language": status.language,
            "uri": status.uri,
            "url": ledger.status_url(status),
            **self._counts(status),
            "edited_at": iso(status.edited_at) if status.edited_at else None,
            "content": status.revisions[-1].content,
            "reblog": self.status(boosted, viewer) if boosted else None,
            "application": _APPLICATION if author.domain is None else None,
            "account": self.account(author),
            "media_attachments": [],
            "mentions": [self._mention(ledger.accounts[one]) for one in status.mentions],
            "tags": [self.tag(name) for name in ledger.tags(status)],
            "emojis": [],
            "card": None,
            "poll": None,
        }
        if self._options.since(4, 5):
            found["quote"] = self._quote(status, viewer, shallow=shallow)
        return found | (self._viewed(status, viewer) if viewer is not None else {})

    def history(self, status: Status) -> list[Json]:
        """Every StatusEdit, oldest first."""
        author = self.account(self._ledger.accounts[status.account_id])
        return [
            {
                "content": one.content,
                "spoiler_text": one.spoiler,
                "sensitive": status.sensitive,
                "created_at": iso(one.at),
                "account": author,
                "media_attachments": [],
                "emojis": [],
            }
            for one in status.revisions
        ]

    def notification(self, notice: Notice, viewer: str) -> Json:
        """A Notification, or the item a test put there."""
        if notice.raw is not None:
            return notice.raw
        found: Json = {"id": notice.id, "type": notice.type, "created_at": iso(notice.at)}
        if self._options.since(4, 3):
            found["group_key"] = f"ungrouped-{notice.id}"
        account = self._ledger.accounts[notice.author]
        status = self._ledger.statuses[notice.status_id]
        return found | {"account": self.account(account), "status": self.status(status, viewer)}

    def tag(self, name: str) -> Json:
        """A Tag."""
        return {"name": name, "url": f"https://{self._options.domain}/tags/{name}"}

    def _counts(self, status: Status) -> Json:
        ledger = self._ledger
        counts = {
            "replies_count": len(ledger.about(status.id, "reply")),
            "reblogs_count": len(ledger.about(status.id, "reblog")),
            "favourites_count": len(ledger.fans(status.id)),
        }
        quotes = {"quotes_count": len(ledger.about(status.id, "quote"))}
        return counts | (quotes if self._options.since(4, 5) else {})

    def _viewed(self, status: Status, viewer: str) -> Json:
        return {
            "favourited": viewer in self._ledger.fans(status.id),
            "reblogged": any(one.account_id == viewer for one in self._ledger.about(status.id, "reblog")),
            "muted": False,
            "bookmarked": False,
            "filtered": [],
        }

    def _mention(self, account: Account) -> Json:
        ledger = self._ledger
        return {
            "id": account.id,
            "username": account.handle,
            "url": ledger.url(account),
            "acct": ledger.acct(account),
        }

    def _quote(self, status: Status, viewer: str | None, *, shallow: bool) -> Json | None:
        if status.quote is None:
            return None
        quoted = self._ledger.find(status.quote)
        if quoted is None:
            return {"state": "deleted", "quoted_status": None}
        if not self._ledger.visible(quoted, viewer):
            return {"state": "unauthorized", "quoted_status": None}
        if shallow:
            return {"state": "accepted", "quoted_status_id": quoted.id}
        return {"state": "accepted", "quoted_status": self.status(quoted, viewer, shallow=True)}
