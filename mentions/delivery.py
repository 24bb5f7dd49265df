"""Sending, at most once. `sending` commits before the request; what became of it commits after, fenced.

A part found in `sending` with an expired lease was some worker's when it died. Finding our post proves it sent;
not finding it proves nothing: it is sent again only where the platform makes the frozen payload idempotent,
else it is unknown, and a person decides.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from dataclasses import dataclass
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from helpdesk.models import Delivery, DeliveryPart, Visibility
from helpdesk.net import HttpClient
from helpdesk.states import PartState
from helpdesk.workflow.replies import settle_part
from helpdesk.workflow.verbs import locked
from mentions import accounts, following, money
from mentions.models import Account
from mentions.platforms import registry
from mentions.platforms.base import LONGEST_WAIT, Connector, PlatformError, Sent

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
WRITTEN = "items written"
HOUR = dt.timedelta(hours=1)
LONGEST_TRY = dt.timedelta(hours=24)
WAITS = ("credentials", "seal", "throttled")  # errors that say nothing of the part: its turn comes again


@dataclass(frozen=True)
class Claim:
    """A part in `sending` that is ours until its lease ends. `orphan`: another worker may have sent it.

    `previous`: the sent part it comes after, if any.
    """

    part: DeliveryPart
    account: Account
    token: int
    orphan: bool
    previous: DeliveryPart | None = None


def due_deliveries(now: dt.datetime, most: int = 100) -> list[int]:
    """Deliveries with a part to send now, or one whose worker died."""
    due = Q(state=PartState.QUEUED, send_after__lte=now) | Q(state=PartState.SENDING, lease_until__lt=now)
    moving = (PartState.QUEUED, PartState.SENDING)  # where a part failed or is unknown, those after it wait
    before = DeliveryPart.objects.filter(delivery=OuterRef("delivery"), position__lt=OuterRef("position"))
    account = "delivery__channel__account__"
    is_private = Q(delivery__visibility=Visibility.PRIVATE)
    waits = Q(**{f"{account}throttled_until__gt": now}) & ~is_private
    waits |= Q(**{f"{account}private_throttled_until__gt": now}) & is_private
    rows = DeliveryPart.objects.filter(
        due,
        ~waits,
        ~Exists(before.exclude(state=PartState.SENT)),  # its turn has come
        delivery__state__in=moving,
        delivery__channel__account__state=Account.State.FINE,
    )
    return list(dict.fromkeys(rows.order_by("send_after", "id").values_list("delivery_id", flat=True)[:most]))


def deliver(delivery_id: int) -> dict[str, int]:
    """Send what is due of one delivery, part after part: counts by the state each part ended in."""
    counts: dict[str, int] = {}
    with HttpClient() as http:
        while (claimed := claim(delivery_id)) is not None:
            state = attempt(claimed, http)
            counts[state] = counts.get(state, 0) + 1
            if state != PartState.SENT:
                break
    return counts


def claim(delivery_id: int) -> Claim | None:
    """The next part of the delivery, now `sending` and ours; None where nothing is due or it is in other hands."""
    now = timezone.now()
    with transaction.atomic():
        found = Delivery.objects.only("ticket_id").filter(pk=delivery_id).first()
        if found is None:
            return None
        locked(found.ticket_id)  # ticket, then delivery, then part: the same order everywhere
        delivery = (
            Delivery.objects.select_for_update(of=("self",))
            .select_related("channel__account__brand")
            .get(pk=delivery_id)
        )
        account = getattr(delivery.channel, "account", None)
        parts = list(delivery.parts.select_for_update().order_by("position"))
        part = next((part for part in parts if part.state != PartState.SENT), None)
        if part is None or account is None or not account.may_send(now, private=_is_private(delivery)):
            return None
        orphan = part.state == PartState.SENDING and part.lease_until is not None and part.lease_until < now
        if not orphan and not (part.state == PartState.QUEUED and part.send_after <= now):
            return None
        part.delivery = delivery
        if not orphan and not _within_budget(account, part, now):
            return None
        values: dict[str, Any] = {
            "lease_until": now + dt.timedelta(seconds=settings.LEASE_SECONDS),
            "lease_token": part.lease_token + 1,
            "attempts": part.attempts + 1,
        }
        if orphan:
            for name, value in values.items():
                setattr(part, name, value)
            part.save(update_fields=list(values))
        else:
            settle_part(part, PartState.SENDING, **values)
    previous = parts[part.position - 1] if part.position else None
    return Claim(part, account, part.lease_token, orphan, previous)


def _is_private(delivery: Delivery) -> bool:
    return delivery.visibility == Visibility.PRIVATE


def _within_budget(account: Account, part: DeliveryPart, now: dt.datetime) -> bool:
    """Count this write against the account's hour and month; where one is used up, the part waits for the next."""
    most = registry.platform(account.platform).writes_per_hour
    if most is None:
        return _is_paid_for(account, part, now)
    if account.write_window_at is None or now - account.write_window_at >= HOUR:
        Account.objects.filter(pk=account.pk).update(write_window_at=now, write_used=0)
        account.write_used, account.write_window_at = 0, now
    cost = accounts.closed_connector(account).write_cost(part.payload or {})
    if account.write_used + cost > most:
        part.send_after, part.problem = account.write_window_at + HOUR, {"code": "budget"}
        part.save(update_fields=["send_after", "problem"])
        return False
    if not _is_paid_for(account, part, now):
        return False
    Account.objects.filter(pk=account.pk).update(write_used=F("write_used") + cost)
    return True


def _is_paid_for(account: Account, part: DeliveryPart, now: dt.datetime) -> bool:
    connector = accounts.closed_connector(account)
    price = connector.write_price(part.payload or {})
    later = part.delivery.parts.filter(position__gt=part.position).values_list("payload", flat=True)
    whole = price + sum(connector.write_price(payload or {}) for payload in later)  # not half a thread
    if account.monthly_budget is not None:
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # one at a time looks into the purse
    if money.can_pay(account, whole):
        money.record(account, 0, {WRITTEN: (1, price)} if price else {})
        return True
    part.send_after, part.problem = money.month_of(now)[1], {"code": "money"}
    part.save(update_fields=["send_after", "problem"])
    money.tell(account)
    return False


def attempt(claimed: Claim, http: HttpClient) -> str:
    """Send (or look for) one claimed part and settle it; the state it is in now."""
    connector = None
    try:
        connector = accounts.open_connector(claimed.account, http)
        return _attempted(claimed, connector)
    except PlatformError as error:
        log.info("part %s: %s", claimed.part.pk, error.code)
        return _not_sent(claimed, connector, error)
    except (SoftTimeLimitExceeded, DatabaseError):
        raise  # our own house: the lease ends, and another worker looks
    except Exception as error:  # a connector stumbled: nobody knows how far it came
        log.exception("part %s", claimed.part.pk)
        return _not_sent(claimed, connector, PlatformError("bug", type(error).__name__, maybe_done=True))
    finally:
        if connector is not None:
            money.record(claimed.account, connector.requests, connector.spent)


def _attempted(claimed: Claim, connector: Connector) -> str:
    payload = _chained(claimed, connector)
    if claimed.orphan and (found := connector.find(payload, _known(claimed))) is not None:
        return settle(claimed, PartState.SENT, found)
    if claimed.orphan and not connector.resendable(payload):
        return settle(claimed, PartState.UNKNOWN, problem={"code": "unsure"})
    return settle(claimed, PartState.SENT, connector.send(payload))


def _chained(claimed: Claim, connector: Connector) -> dict[str, Any]:
    """The part's payload; a later part's is tied to the one before it, and frozen so before its request leaves."""
    part, previous = claimed.part, claimed.previous
    payload: dict[str, Any] = part.payload or {}
    if previous is None:
        return payload
    sent: Sent | None = Sent(previous.external_id, external=previous.external)
    if not previous.external:  # a person said that it is there: what the platform says of it
        sent = connector.find(previous.payload or {})
    if sent is None and connector.resendable(previous.payload or {}):
        raise PlatformError("gone", permanent=True)  # where we would find it, it is not there
    if sent is None:  # this part answers what the first one answered
        return payload
    tied = connector.following(payload, sent)
    DeliveryPart.objects.filter(pk=part.pk, lease_token=claimed.token).update(payload=tied)
    part.payload = tied
    return tied


def _known(claimed: Claim) -> set[str]:
    """External ids that other parts to this customer carry: the same words again are another message."""
    to_them = DeliveryPart.objects.filter(delivery__ticket__customer=claimed.part.delivery.ticket.customer_id)
    return set(to_them.exclude(external_id="").values_list("external_id", flat=True))


def outcome(
    error: PlatformError, *, orphan: bool, resendable: bool, attempts: int, age: dt.timedelta = dt.timedelta()
) -> str:
    """The state of a part whose try ended in `error` and that was not found on the platform.

    An orphan stays `sending`, to be looked for again, while the platform could not be asked. What was certainly not
    taken, or can be sent again without harm, is tried for a day: neither an outage nor greylisting asks anybody to decide.
    """
    may_have_arrived = error.maybe_done or orphan
    waits = error.code in WAITS
    if orphan and not error.maybe_done and (waits or not error.permanent) and attempts < MOST_ATTEMPTS:
        return PartState.SENDING
    if may_have_arrived and not resendable:
        return PartState.UNKNOWN
    if waits:
        return PartState.QUEUED
    is_outage = error.code in ("unavailable", "unreachable", "undecodable")
    given_up = attempts >= MOST_ATTEMPTS and (age > LONGEST_TRY or not is_outage)
    if error.permanent or given_up:
        return PartState.UNKNOWN if may_have_arrived else PartState.FAILED
    return PartState.QUEUED


def _not_sent(claimed: Claim, connector: Connector | None, error: PlatformError) -> str:
    """What a failed try means for the part: looked for first where it may have arrived."""
    payload = claimed.part.payload or {}
    if error.code in ("credentials", "seal"):
        accounts.refused(claimed.account, error.problem)
    if error.maybe_done and connector is not None and (found := _looked_for(claimed, connector)) is not None:
        return settle(claimed, PartState.SENT, found)
    resendable = accounts.closed_connector(claimed.account).resendable(payload)
    state = outcome(
        error,
        orphan=claimed.orphan,
        resendable=resendable,
        attempts=claimed.part.attempts,
        age=timezone.now() - claimed.part.created_at,
    )
    if state in (PartState.QUEUED, PartState.FAILED) and not claimed.orphan:
        _pay_back(claimed)
    later = _later(claimed, error)
    if error.code == "throttled":  # one answer for all that this account has to send, or for all of that kind
        kinds = {"public": ["throttled_until"], "private": ["private_throttled_until"]}
        held = kinds.get(error.only, ["throttled_until", "private_throttled_until"])
        Account.objects.filter(pk=claimed.account.pk).update(**dict.fromkeys(held, later))
    if error.code == "credit":
        money.tell_of_credit(claimed.account)
    if state == PartState.SENDING:
        ours = DeliveryPart.objects.filter(pk=claimed.part.pk, lease_token=claimed.token)
        ours.update(lease_until=later, problem=error.problem)
        return state
    if state == PartState.QUEUED:
        attempts = claimed.part.attempts - (error.code in WAITS)  # which was no try
        return settle(claimed, state, send_after=later, problem=error.problem, attempts=attempts)
    return settle(claimed, state, problem={"code": "unsure"} if state == PartState.UNKNOWN else error.problem)


LOOKS = (30, 120, 600, 3600)  # seconds after which a part of unknown fate is looked for again


def due_looks(now: dt.datetime, most: int = 100) -> list[int]:
    """Parts of unknown fate that it is time to look for: what a platform shows late settles without a person."""
    rows = DeliveryPart.objects.filter(state=PartState.UNKNOWN, lease_until__lte=now)
    return list(rows.order_by("lease_until").values_list("pk", flat=True)[:most])


def look_again(part_id: int) -> str:
    """Look for one part of unknown fate; found, it was sent. It is never sent again by this."""
    now = timezone.now()
    with transaction.atomic():
        rows = DeliveryPart.objects.select_for_update(skip_locked=True, of=("self",))
        rows = rows.select_related("delivery__channel__account__brand", "delivery__ticket")
        part = rows.filter(pk=part_id, state=PartState.UNKNOWN, lease_until__lte=now).first()
        if part is None:
            return ""
        looks = int(part.problem.get("looks", 0)) + 1
        part.problem = {**part.problem, "looks": looks}
        part.lease_until = now + dt.timedelta(seconds=LOOKS[looks]) if looks < len(LOOKS) else None
        part.save(update_fields=["problem", "lease_until"])
    account = part.delivery.channel.account
    claimed = Claim(part, account, part.lease_token, orphan=True)
    connector = None
    try:
        with HttpClient() as http:
            connector = accounts.open_connector(account, http)
            found = _looked_for(claimed, connector)
        return settle(claimed, PartState.SENT, found) if found is not None else str(part.state)
    except PlatformError as error:
        log.info("part %s: could not be looked for: %s", part_id, error.code)
        return str(part.state)
    finally:
        if connector is not None:
            money.record(account, connector.requests, connector.spent)


def _released(part: DeliveryPart) -> None:
    """A held comment that was approved, answered or marked as spam there waits no more; a hidden one waits again."""
    mention = getattr(part.delivery.reply_to, "mention", None)
    payload = part.payload or {}
    if mention is not None and payload.get("action") == "hide":
        mention.reference = {**mention.reference, "held": True}
        mention.save(update_fields=["reference"])
    elif mention is not None and (payload.get("action") in ("approve", "spam") or payload.get("approve")):
        mention.reference = {**mention.reference, "held": False}
        mention.save(update_fields=["reference"])


def _pay_back(claimed: Claim) -> None:
    """What was set aside for a write that did not happen."""
    price = accounts.closed_connector(claimed.account).write_price(claimed.part.payload or {})
    if price:
        money.take_back(claimed.account, WRITTEN, price)


def _looked_for(claimed: Claim, connector: Connector) -> Sent | None:
    try:
        return connector.find(claimed.part.payload or {}, _known(claimed))
    except PlatformError as error:
        log.info("part %s: could not look for it: %s", claimed.part.pk, error.code)
    except (SoftTimeLimitExceeded, DatabaseError):
        raise
    except Exception:
        log.exception("part %s: could not look for it", claimed.part.pk)
    return None


def _later(claimed: Claim, error: PlatformError) -> dt.datetime:
    """When to try again: as asked, else full jitter over a doubling window."""
    window = min(300.0, 2.0 ** min(claimed.part.attempts, 9))
    least = 15.0 if error.code == "throttled" else 0.5
    wait = error.retry_after if error.retry_after is not None else random.uniform(least, max(window, 2 * least))  # noqa: S311
    return timezone.now() + dt.timedelta(seconds=min(wait, LONGEST_WAIT))


def settle(claimed: Claim, state: str, sent: Sent | None = None, **values: Any) -> str:
    """Write what became of the part, if it is still ours; proof that it was sent counts even from a late worker."""
    if sent is not None:
        values |= {"external_id": sent.external_id, "external": {**sent.external, "url": sent.url}}
    with transaction.atomic():
        locked(claimed.part.delivery.ticket_id)
        Delivery.objects.select_for_update().get(pk=claimed.part.delivery_id)
        part = (
            DeliveryPart.objects.select_for_update(of=("self",))
            .select_related("delivery__message", "delivery__ticket", "delivery__reply_to__mention")
            .get(pk=claimed.part.pk)
        )
        ours = part.lease_token == claimed.token and part.state == PartState.SENDING
        proven = sent is not None and part.state in (PartState.SENDING, PartState.UNKNOWN)
        if not ours and not proven:
            log.warning("part %s is no longer ours: %s not written", part.pk, state)
            return str(part.state)
        settle_part(part, state, **values)
        if state == PartState.UNKNOWN:
            part.lease_until = timezone.now() + dt.timedelta(seconds=LOOKS[0])
            part.save(update_fields=["lease_until"])
        if sent is not None:
            if registry.platform(claimed.account.platform).is_paid:
                money.settle_credit(claimed.account)
            _released(part)
            following.watch(part, claimed.account, timezone.now())
    return str(state)
