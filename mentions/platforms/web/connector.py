"""The help centre's own form. A request is written there and answered on its page, which only who asked can open.

Nothing is polled. An answer stands on the page as soon as it is said; where the customer left an address and mail is set up,
they are told that it is there, without its words: an address that was typed into a form proves nothing.
"""

from __future__ import annotations

import logging
import secrets
import smtplib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from helpdesk.ports import FrozenPart
from mentions.platforms.base import NOTHING, Connector, Draft, Identity, Limits, Page, Platform, Sent, Stream

log = logging.getLogger(__name__)


class Web(Connector):
    platform = Platform(
        key="web",
        name="Help centre",
        streams=(Stream("requests", "What customers ask in the help centre"),),
        private_reply=True,
        is_ours=True,
        help="Requests from the help centre are answered privately, on the page of the request.",
    )

    def connect(self) -> Identity:
        return Identity(namespace="web", external_id="", handle="")

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        yield from ()

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        return Limits(max_length=10_000)

    def where(self, action: str, target: Mapping[str, Any]) -> str:
        return _("On the page of their request") if target.get("link") else ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        key = f"answer-{secrets.token_hex(8)}"
        told = {name: draft.target.get(name, "") for name in ("address", "link", "brand")}
        return [FrozenPart({"key": key, "text": draft.text, **told}, expected_id=key)]

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return True  # it stands on the page already; at worst they are told twice

    def send(self, payload: Mapping[str, Any]) -> Sent:
        self._tell(payload)
        return Sent(str(payload["key"]), external={"id": payload["key"]})

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        return None

    def _tell(self, payload: Mapping[str, Any]) -> None:
        """That there is an answer. It is there whether or not this arrives."""
        address, link = str(payload.get("address", "")), str(payload.get("link", ""))
        if not (settings.MAIL and address and link.startswith("http")):
            return
        subject = _("%(brand)s has answered you") % {"brand": payload.get("brand") or _("We")}
        words = _("Your answer is here:\n\n%(link)s\n\nYou can go on writing there.") % {"link": link}
        try:
            send_mail(subject, words, settings.DEFAULT_FROM_EMAIL, [address])
        except (smtplib.SMTPException, OSError) as error:
            log.warning("an answer is on its page, but its reader could not be told: %s", type(error).__name__)
