"""What this app answers through helpdesk's ports. Called once, when the app is ready."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from helpdesk.models import Channel, Delivery, Message, Profile
from helpdesk.ports import Ability, FrozenPart, ReplyRefused, ports
from helpdesk.states import PENDING_PART_STATES

if TYPE_CHECKING:
    from mentions.platforms.base import Connector

log = logging.getLogger(__name__)


class PlatformMouth:
    """helpdesk.ports.Mouth, answered from the registry and the account's row; makes no request."""

    def ability(self, channel: Channel, action: str, reply_to: Message | None) -> Ability:
        why = self._why_not(channel, action, reply_to)
        if why:
            return Ability(False, why)
        connector, target = _closed(channel), _reference(reply_to)
        limits = connector.limits(action, target)
        return Ability(
            True,
            max_length=limits.max_length,
            max_parts=limits.max_parts,
            where=connector.where(action, target) if target else "",
        )

    def _why_not(self, channel: Channel, action: str, reply_to: Message | None) -> str:
        from mentions.platforms import registry

        platform = registry.platform(channel.platform)
        declared = {"public": platform.public_reply, "private": platform.private_reply, "like": platform.like}.get(
            action, platform.moderates
        )
        name = registry.name_of(channel.appears_as)
        account = getattr(channel, "account", None)
        if platform.by_hand or account is None:
            return platform.help or _("Nothing can be sent from here.")
        if not declared:
            return platform.help or _("%(platform)s has no such thing.") % {"platform": name}
        if account.abilities.get(action):
            return str(account.abilities[action])
        if reply_to is None and action == "public":
            return _("This customer has said nothing in public here that could be answered. Answer privately.")
        if reply_to is None:
            return _("There is no message left to answer.")
        mention = getattr(reply_to, "mention", None)
        if mention is None or mention.deleted_at:
            return _("What this would answer is no longer on %(platform)s.") % {"platform": name}
        return _closed(channel).why_not(action, mention.reference)

    def takes_automatic(self, channel: Channel, reply_to: Message | None) -> bool:
        return reply_to is not None and not reply_to.is_automatic and not _reference(reply_to).get("no_auto_answer")

    def waiting(self, channel: Channel, messages: Sequence[Message]) -> set[int]:
        from mentions.models import Mention
        from mentions.platforms import registry

        if not registry.platform(channel.platform).moderates:
            return set()
        rows = Mention.objects.filter(message__in=messages, deleted_at=None, reference__held=True)
        held = set(rows.values_list("message", flat=True))
        if not held:
            return set()
        decided = Delivery.objects.filter(
            reply_to__in=held,
            action__in=[Delivery.Action.APPROVE, Delivery.Action.SPAM],
            state__in=PENDING_PART_STATES,
        )
        return held - set(decided.values_list("reply_to", flat=True))

    def length(self, channel: Channel, text: str) -> int:
        return _closed(channel).length(text)

    def freeze(self, channel: Channel, action: str, reply_to: Message | None, text: str) -> list[FrozenPart]:
        from mentions import accounts
        from mentions.platforms import registry
        from mentions.platforms.base import Draft, PlatformError

        assert reply_to is not None
        try:
            connector = accounts.open_connector(channel.account)
        except PlatformError as error:
            raise ReplyRefused("text", error.code, accounts.problem_words(error.problem, channel.platform)) from error
        mention = reply_to.mention
        self._check_length(connector, mention.reference, action, text, registry.name_of(channel.appears_as))
        author = reply_to.profile
        draft = Draft(
            action,
            text,
            mention.external_id,
            mention.reference,
            author.external_id if author else "",
            timezone.now(),
            target_kind=mention.kind,
            target_local_id=mention.local_id,
            author_handle=author.handle if author else "",
            ticket=reply_to.ticket_id,
            number=reply_to.ticket.number,
            people=_people(channel, text),
        )
        try:
            parts = connector.freeze(draft)
        except PlatformError as error:
            raise ReplyRefused("text", error.code, accounts.problem_words(error.problem, channel.platform)) from error
        limits = connector.limits(action, mention.reference)
        if len(parts) > limits.max_parts:
            raise ReplyRefused(
                "text",
                "too_long",
                _("This would take %(count)d posts; at most %(most)d are sent. Shorten it.")
                % {"count": len(parts), "most": limits.max_parts},
            )
        return parts

    def _check_length(self, connector: Connector, target: Mapping[str, Any], action: str, text: str, name: str) -> None:
        limits = connector.limits(action, target)
        size, most = connector.length(text), limits.max_length * limits.max_parts
        if size > most:
            where = (
                _("%(most)d in up to %(parts)d posts") % {"most": limits.max_length, "parts": limits.max_parts}
                if limits.max_parts > 1
                else str(limits.max_length)
            )
            raise ReplyRefused(
                "text",
                "too_long",
                _("This has %(size)d characters; %(platform)s takes %(where)s. Take out %(over)d.")
                % {"size": size, "platform": name, "where": where, "over": size - most},
            )
        if limits.max_bytes and len(text.encode()) > limits.max_bytes * limits.max_parts:
            raise ReplyRefused(
                "text",
                "too_long",
                _("This is more than %(most)d bytes, the most %(platform)s takes. Shorten it.")
                % {"most": limits.max_bytes * limits.max_parts, "platform": name},
            )

    def platform_name(self, key: str) -> str:
        from mentions.platforms import registry

        return registry.name_of(key)

    def problem(self, channel: Channel, problem: Mapping[str, Any]) -> str:
        from mentions import accounts

        return accounts.problem_words(problem, channel.appears_as)

    def holdup(self, channel: Channel, *, private: bool) -> str:
        account = getattr(channel, "account", None)
        if account is None:
            return ""
        if account.state == account.State.RECONNECT:
            return _("%(name)s needs reconnection (see Sources); this goes out when it is back.") % {
                "name": channel.name
            }
        until = account.waits_until(timezone.now(), private=private)
        if until is None:
            return ""
        time = date_format(timezone.localtime(until), "H:i")
        return _("The platform asked us to slow down; this goes out at about %(time)s.") % {"time": time}


def _reference(reply_to: Message | None) -> Mapping[str, Any]:
    mention = getattr(reply_to, "mention", None)
    return mention.reference if mention is not None else {}


def _closed(channel: Channel) -> Connector:
    from mentions import accounts
    from mentions.platforms import registry

    account = getattr(channel, "account", None)
    if account is None:  # by hand
        return registry.connector_class(channel.platform)({}, {}, {})
    return accounts.closed_connector(account)


def _people(channel: Channel, text: str) -> dict[str, str]:
    """The people we know among the handles a text names: handle -> external id."""
    handles = {found.rstrip(".-").lower() for found in re.findall(r"(?<![\w@.])@([\w.-]+)", text)}
    rows = Profile.objects.filter(brand_id=channel.brand_id, namespace=channel.account.namespace, handle__in=handles)
    return {row.handle.lower(): row.external_id for row in rows}


def wake_deliveries(ids: Sequence[int]) -> None:
    """Ask a worker to look now. If the broker is away the next tick finds the rows."""
    from mentions import tasks

    try:
        for delivery_id in ids:
            tasks.deliver.delay(delivery_id)
    except (OperationalError, OSError) as error:
        log.warning("no wake-up sent, the next tick will find it: %s", error)


def wake_pushes() -> None:
    """Ask a worker to look at what was pushed. If the broker is away the next tick finds the rows."""
    from mentions import tasks

    try:
        tasks.take_pushes.delay()
    except (OperationalError, OSError) as error:
        log.warning("no wake-up sent, the next tick will find it: %s", error)


def plug_in() -> None:
    from mentions import api, asking, desk, desk_terms, doctor, forgetting, ingest, triage

    ports.mouth = PlatformMouth()
    ports.triage = triage.read
    ports.reason_words = triage.reason_words
    ports.wake_deliveries = wake_deliveries
    ports.take_request = asking.take
    ports.after_tombstone.append(ingest.forget_payloads)
    ports.after_erasure.append(forgetting.forget)
    ports.api_routes.append(api.add_routes)
    ports.desk_urls += [desk.urls, desk_terms.urls]
    ports.desk_sections.append(desk.sections)
    ports.doctors.append(doctor.examine)
