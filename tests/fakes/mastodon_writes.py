"""What callers may change on the fake server, and what it says of itself."""

from __future__ import annotations

import time

from .faults import Answer
from .mastodon_call import Call, Route, ok, text_of
from .mastodon_ledger import Account, Draft, Ledger, Status
from .mastodon_rates import RateWindow
from .mastodon_rules import VISIBILITIES, Json, Refusal, invalid, not_found, truthy
from .mastodon_text import URL_CHARACTERS, length
from .mastodon_views import Views

_NO_PARENT = "The post you are trying to reply to does not appear to exist"


class Writes:
    """Posting and favouriting."""

    def __init__(self, ledger: Ledger, views: Views) -> None:
        self._ledger, self._views = ledger, views
        self._posted = RateWindow()
        self._keys: dict[tuple[str, str], tuple[str, float]] = {}

    def routes(self) -> list[Route]:
        """The methods."""
        return [
            Route("POST", "/api/v1/statuses", self._post, ("write:statuses",)),
            Route("POST", "/api/v1/statuses/:id/favourite", self._favourite, ("write:favourites",)),
        ]

    def _post(self, call: Call) -> Answer:
        author, key = call.owner, self._idempotency(call)
        status = self._posted_before(key)
        if status is None:
            draft = self._draft(author, call.fields())
            options = self._ledger.options
            self._posted.spend(author.id, options.posting_limit, options.posting_seconds)
            status = self._ledger.publish(author, draft)
            if key is not None:
                self._keys[key] = (status.id, time.time() + options.idempotency_seconds)
        return ok(self._views.status(status, author.id))

    def _favourite(self, call: Call) -> Answer:
        status = self._ledger.find(call.argument)
        if status is None or not self._ledger.visible(status, call.viewer):
            raise not_found()
        self._ledger.favour(call.owner.id, status)
        return ok(self._views.status(status, call.viewer))

    def _idempotency(self, call: Call) -> tuple[str, str] | None:
        key = call.headers.get("idempotency-key")
        if not key or self._ledger.options.ulid:
            return None
        assert call.token is not None
        return (call.token.value, key)

    def _posted_before(self, key: tuple[str, str] | None) -> Status | None:
        """The status an Idempotency-Key stands for; gone with it where that was deleted since."""
        status_id, expires = self._keys.get(key, ("", 0.0)) if key is not None else ("", 0.0)
        if expires <= time.time():
            return None
        status = self._ledger.find(status_id)
        if status is None:
            raise not_found()
        return status

    def _draft(self, author: Account, fields: Json) -> Draft:
        text, spoiler = text_of(fields, "status"), text_of(fields, "spoiler_text")
        if fields.get("media_ids"):
            # The fake takes no uploads, so no id names one.
            raise invalid("Media not found or already attached to another post")
        if not text.strip():
            raise invalid("Text can't be blank")
        most = self._ledger.options.characters
        if length(text, spoiler) > most:
            raise invalid(f"Text character limit of {most} exceeded")
        visibility = text_of(fields, "visibility") or "public"
        if visibility not in VISIBILITIES:
            raise invalid("Visibility is not included in the list")
        reply_to, quote = text_of(fields, "in_reply_to_id") or None, text_of(fields, "quoted_status_id") or None
        if reply_to is not None and not self._readable(reply_to, author):
            raise Refusal(404, _NO_PARENT)
        if not self._ledger.options.since(4, 5):
            quote = None
        if quote is not None and not self._readable(quote, author):
            raise not_found()
        return Draft(
            text,
            reply_to=reply_to,
            visibility=visibility,
            spoiler=spoiler,
            quote=quote,
            language=text_of(fields, "language") or "en",
            sensitive=truthy(fields.get("sensitive")) or bool(spoiler),
        )

    def _readable(self, status_id: str, author: Account) -> bool:
        status = self._ledger.find(status_id)
        return status is not None and self._ledger.visible(status, author.id)


class Instance:
    """What the server says of itself."""

    def __init__(self, ledger: Ledger) -> None:
        self._options = ledger.options
        self._ledger = ledger

    def routes(self) -> list[Route]:
        """The methods."""
        return [
            Route("GET", "/api/v2/instance", self._current, access="open"),
            Route("GET", "/api/v1/instance", self._older, access="open"),
        ]

    def _current(self, call: Call) -> Answer:
        options, configuration = self._options, self._configuration()
        configuration["urls"] = {"streaming": f"wss://streaming.{options.domain}", "status": None}
        found = {
            "domain": options.domain,
            "title": "Fake social",
            "version": options.version,
            "source_url": "https://code.example/fake",
            "description": "A server for tests.",
            "usage": {"users": {"active_month": self._people()}},
            "thumbnail": {"url": f"https://{options.domain}/thumbnail.png"},
            "languages": ["en"],
            "configuration": configuration,
            "registrations": {"enabled": False, "approval_required": False, "message": None},
            "contact": {"email": "", "account": None},
            "rules": [],
        }
        version = options.api_version
        return ok(found | ({} if version is None else {"api_versions": {"mastodon": version}}))

    def _older(self, call: Call) -> Answer:
        options = self._options
        return ok(
            {
                "uri": options.domain,
                "title": "Fake social",
                "short_description": "A server for tests.",
                "description": "",
                "email": "",
                "version": options.version,
                "urls": {"streaming_api": f"wss://streaming.{options.domain}"},
                "stats": {"user_count": self._people(), "status_count": 0, "domain_count": 0},
                "thumbnail": f"https://{options.domain}/thumbnail.png",
                "languages": ["en"],
                "registrations": False,
                "approval_required": False,
                "invites_enabled": False,
                "configuration": self._configuration(),
                "contact_account": None,
                "rules": [],
            }
        )

    def _people(self) -> int:
        return sum(one.domain is None for one in self._ledger.accounts.values())

    def _configuration(self) -> Json:
        return {
            "accounts": {"max_featured_tags": 10},
            "statuses": {
                "max_characters": self._options.characters,
                "max_media_attachments": 4,
                "characters_reserved_per_url": URL_CHARACTERS,
            },
            "media_attachments": {"supported_mime_types": ["image/jpeg", "image/png"], "image_size_limit": 16777216},
            "polls": {"max_options": 4, "max_characters_per_option": 50},
        }
