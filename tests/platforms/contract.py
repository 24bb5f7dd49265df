"""What every connector must survive. Subclass `ConnectorContract` and give it a stage on a fake of the platform.

The fake keeps the platform's documented rules (paging, limits, sessions, errors); the contract asks of the connector,
through polling and delivery, only what the rest of the house relies on.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol

import pytest
from django.utils import timezone

from helpdesk.models import Delivery, Message, Ticket
from mentions import accounts, delivery, ingest, polling, reading_back
from mentions.models import Account, Mention, Quarantine, ReadBack, Source
from mentions.platforms import registry
from mentions.platforms.base import Connector, Draft, PlatformError, Ref, Span
from tests.world import World


class PlatformStage(Protocol):
    """What a platform's test gives the contract."""

    source: Source

    def say(self, text: str) -> str:
        """Somebody says something to us; its external id."""
        ...

    def go_on(self, external_id: str, text: str) -> str:
        """The same person goes on beneath what they said; its external id."""
        ...

    def edit(self, external_id: str, text: str) -> None: ...
    def delete(self, external_id: str) -> None: ...
    def malformed(self) -> None:
        """An item no connector can read joins the list."""
        ...

    def throttle(self, seconds: int) -> None: ...
    def break_down(self) -> None:
        """The next read fails with a server error."""
        ...

    def revoke(self) -> None:
        """Our credentials are no longer good."""
        ...

    def sent(self) -> list[str]:
        """Texts of ours on the platform."""
        ...

    def lose_answer(self) -> None:
        """The next write is performed, and its answer lost."""
        ...


def ref(external_id: str) -> Ref:
    """The item by both its names, where it was heard."""
    heard = Mention.objects.filter(external_id=external_id).first()
    return Ref(external_id, heard.local_id if heard else "")


@pytest.mark.django_db
class ConnectorContract:
    """The reusable suite. `stage` is the fixture a subclass provides; `page_size` what one page holds."""

    page_size = 100
    visibility = "public"  # of the answers that go out here

    def poll(self, stage: PlatformStage) -> dict[str, Any]:
        return polling.poll(stage.source.pk, forced=True)

    def connector(self, stage: PlatformStage) -> Connector:
        return accounts.open_connector(Account.objects.get(pk=stage.source.account_id))

    def test_paging_reaches_everything_and_the_cursor_spares_it_next_time(self, stage: PlatformStage) -> None:
        for number in range(self.page_size * 2 + 5):
            stage.say(f"number {number}")
        assert self.poll(stage)["new"] == self.page_size * 2 + 5
        cursor = dict(Source.objects.get(pk=stage.source.pk).cursor)
        assert cursor, "a pass that ended leaves a durable position"
        assert self.poll(stage)["new"] == 0
        stage.say("one more")
        assert self.poll(stage)["new"] == 1

    def test_a_pass_broken_off_loses_nothing(self, stage: PlatformStage) -> None:
        stage.say("first")
        self.poll(stage)
        before = dict(Source.objects.get(pk=stage.source.pk).cursor)
        for number in range(self.page_size + 5):
            stage.say(f"number {number}")
        connector, lease = self.connector(stage), polling.claim(stage.source.pk, forced=True)
        assert lease is not None
        first = next(iter(connector.fetch(stage.source.kind, stage.source.query, before)))
        ingest.store(lease, first, connector)  # and then the worker died
        Source.objects.update(lease_until=None)
        self.poll(stage)
        assert Message.objects.count() == self.page_size + 6, "whatever the first page left as a position"

    def test_the_past_is_read_between_two_moments_and_moves_no_position(self, stage: PlatformStage) -> None:
        stream = registry.platform(stage.source.account.platform).stream(stage.source.kind)
        if not stream.reads_back:
            return
        self.poll(stage)
        for number in range(self.page_size + 5):
            stage.say(f"number {number}")
        before, now = Source.objects.get(pk=stage.source.pk), timezone.now()
        connector = self.connector(stage)
        for begin, end, wanted in ((-3600, 3600, self.page_size + 5), (-7200, -3600, 0)):
            span = Span(now + dt.timedelta(seconds=begin), now + dt.timedelta(seconds=end))
            pages = list(connector.past(before.kind, before.query, span, {}, 10_000))
            assert len({post.external_id for page in pages for post in page.posts}) == wanted
            assert all(page.cursor for page in pages), "each page says where to go on"
        row = ReadBack.objects.create(
            brand_id=before.brand_id,
            source=before,
            since=now - dt.timedelta(hours=1),
            until=now + dt.timedelta(hours=1),
            most=10_000,
        )
        reading_back.work_on(row.pk)
        row.refresh_from_db()
        assert (row.outcome, row.new) == ("done", self.page_size + 5)
        assert Source.objects.get(pk=before.pk).cursor == before.cursor
        assert self.poll(stage)["new"] == 0, "what was read back is known"

    def test_duplicates_and_overlap_are_stored_once(self, stage: PlatformStage) -> None:
        stage.say("hello")
        self.poll(stage)
        Source.objects.update(cursor={})
        assert self.poll(stage)["new"] == 0
        assert Mention.objects.count() == Message.objects.count() == 1

    def test_a_malformed_item_costs_itself_only(self, stage: PlatformStage) -> None:
        stage.say("before")
        stage.malformed()
        stage.say("after")
        counts = self.poll(stage)
        assert (counts["new"], counts["quarantined"]) == (2, 1)
        Source.objects.update(cursor={})
        self.poll(stage)
        assert Quarantine.objects.get().tries == 2, "the same item is one row"

    def test_asked_to_slow_down_it_waits_as_long_as_it_was_told(self, stage: PlatformStage) -> None:
        stage.throttle(30)
        assert self.poll(stage)["problem"]["code"] == "throttled"
        source = Source.objects.get(pk=stage.source.pk)
        assert 29 <= (source.next_poll_at - timezone.now()).total_seconds() <= 60
        assert source.failures == 0

    def test_a_breakdown_is_a_failure_that_passes(self, stage: PlatformStage) -> None:
        stage.say("hello")
        stage.break_down()
        assert self.poll(stage)["problem"]["code"] == "unavailable"
        assert Source.objects.get(pk=stage.source.pk).failures == 1
        assert self.poll(stage)["new"] == 1
        assert Source.objects.get(pk=stage.source.pk).failures == 0

    def test_revoked_credentials_are_permanent_and_say_so(self, stage: PlatformStage) -> None:
        stage.revoke()
        with pytest.raises(PlatformError) as refusal:
            self.connector(stage).connect()
        assert (refusal.value.code, refusal.value.permanent) == ("credentials", True)
        assert self.poll(stage)["problem"]["code"] == "credentials"
        assert Account.objects.get(pk=stage.source.account_id).state == "reconnect"

    def test_edited_and_deleted_items_are_found_by_lookup(self, stage: PlatformStage) -> None:
        if not self.connector(stage).platform.lookup:
            pytest.skip("what was said there stays as it is")
        edited, deleted, kept = stage.say("a tpyo"), stage.say("gone soon"), stage.say("stays")
        self.poll(stage)
        stage.edit(edited, "a typo")
        stage.delete(deleted)
        found = self.connector(stage).lookup([ref(name) for name in (edited, deleted, kept)])
        assert {post.external_id: post.text.split()[-1] for post in found.posts} == {edited: "typo", kept: "stays"}
        assert found.gone == (deleted,)

    def test_what_stands_beneath_is_read_where_it_is_counted(self, stage: PlatformStage) -> None:
        said = stage.say("hello")
        self.poll(stage)
        beneath = stage.go_on(said, "and another thing")
        connector = self.connector(stage)
        if not connector.platform.lookup:
            pytest.skip("nothing is counted there")
        counted = connector.lookup([ref(said)]).posts[0].replies
        page = connector.replies(ref(said))
        assert len(page.posts) == (counted or 0)
        if counted is not None:
            assert [(post.external_id, post.parent_id) for post in page.posts] == [(beneath, said)]

    def test_limits_are_counted_as_the_platform_counts(self, world: World, stage: PlatformStage) -> None:
        stage.say("hello")
        self.poll(stage)
        limits = self.connector(stage).limits(self.visibility, Mention.objects.get().reference)
        ticket, api = Ticket.objects.get(), world.api(world.agent)
        path = f"/api/v1/tickets/{ticket.pk}/replies/"
        too_long = api.post(
            path,
            {"text": "x" * (limits.max_length * limits.max_parts + 1), "visibility": self.visibility},
            format="json",
        )
        assert too_long.status_code == 400
        assert too_long.json()["errors"][0]["field"] == "text"
        assert "Take out 1" in too_long.json()["errors"][0]["message"]
        just = api.post(path, {"text": "é" * limits.max_length, "visibility": self.visibility}, format="json")
        assert just.status_code == 202, just.content
        delivery.deliver(just.json()["id"])
        assert stage.sent() == ["é" * limits.max_length]

    def test_frozen_payloads_are_json_and_made_without_a_request(self, stage: PlatformStage) -> None:
        stage.say("hello")
        self.poll(stage)
        mention = Mention.objects.get()
        connector = self.connector(stage)
        draft = Draft(self.visibility, "An answer.", mention.external_id, mention.reference, "", timezone.now())
        parts = connector.freeze(draft)
        assert connector.requests == 0
        assert len(parts) == 1
        first, second = connector.freeze(draft)[0], connector.freeze(draft)[0]
        assert first.expected_id != second.expected_id or not first.expected_id

    def test_what_was_sent_is_found_and_not_sent_twice(self, world: World, stage: PlatformStage) -> None:
        stage.say("hello")
        self.poll(stage)
        stage.lose_answer()
        ticket, api = Ticket.objects.get(), world.api(world.agent)
        answer = api.post(
            f"/api/v1/tickets/{ticket.pk}/replies/", {"text": "Once.", "visibility": self.visibility}, format="json"
        )
        delivery.deliver(answer.json()["id"])
        assert Delivery.objects.get().state == "sent"
        assert stage.sent() == ["Once."]

    def test_the_registry_and_the_settings_agree(self, stage: PlatformStage) -> None:
        platform = registry.platform(stage.source.account.platform)
        assert {setting.name for setting in platform.settings if not setting.secret} >= set(
            stage.source.account.settings
        )
        assert platform.stream(stage.source.kind).rhythm_seconds >= 1
        assert not any(
            setting.secret and setting.name in stage.source.account.settings for setting in platform.settings
        )
