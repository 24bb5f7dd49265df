"""WordPress keeps the contract on a real site, and what is its own: held comments, approval, the feed as fallback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from helpdesk.models import Delivery, Message, Ticket
from mentions import delivery, polling
from mentions.models import Account, Mention, Source
from tests import blog
from tests.blog import Blog
from tests.conftest import SHARED
from tests.fakes import faults as fault
from tests.platforms.contract import ConnectorContract
from tests.turns import turn
from tests.world import World, connect

pytestmark = [pytest.mark.shared, pytest.mark.django_db]
LIST, POST = "GET /wp/v2/comments", "POST /wp/v2/comments"


@dataclass
class BlogStage:
    site: Blog
    source: Source

    def say(self, words: str) -> str:
        return f"comment:{self.site.comment(words)}"

    def go_on(self, external_id: str, words: str) -> str:
        return f"comment:{self.site.comment(words, parent=_number(external_id))}"

    def edit(self, external_id: str, words: str) -> None:
        self.site.edit(_number(external_id), words)

    def delete(self, external_id: str) -> None:
        self.site.delete(_number(external_id))

    def malformed(self) -> None:
        raise AssertionError("WordPress writes no such thing")

    def throttle(self, seconds: int) -> None:
        self.site.always(LIST, fault.retry_after(seconds))

    def break_down(self) -> None:
        self.site.fault(LIST, fault.Status(503))

    def revoke(self) -> None:
        self.site.revoke()

    def sent(self) -> list[str]:
        return self.site.comments_by_us()

    def lose_answer(self) -> None:
        self.site.fault(POST, fault.ResetAfter())


def _number(external_id: str) -> int:
    return int(external_id.removeprefix("comment:"))


@pytest.fixture(scope="module")
def _wordpress() -> None:
    blog.start(SHARED)


@pytest.fixture
def site(_wordpress: None) -> Iterator[Blog]:
    with turn("wordpress"), Blog() as running:
        running.clear()
        yield running
        running.revoke()
        assert running.crashes == []


@pytest.fixture
def stage(world: World, site: Blog) -> BlogStage:
    settings = {"base_url": site.url, "username": "admin", "application_password": site.password()}
    return BlogStage(site, connect(world, "wordpress", settings))


class TestContract(ConnectorContract):
    page_size = 3  # the real size is 100; each comment is a PHP process

    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mentions.platforms.wordpress.connector.PAGE", self.page_size)

    def test_a_malformed_item_costs_itself_only(self, stage: Any) -> None:
        pytest.skip("WordPress writes no such thing; tests/platforms/test_mutations.py does")


def heard(stage: BlogStage) -> dict[str, Any]:
    found = polling.poll(stage.source.pk, forced=True)
    assert "problem" not in found, found
    return found


def feed() -> str:
    return httpx.get(f"{blog.URL}/?feed=comments-rss2", timeout=30).text


class TestHeldComments:
    def test_an_anonymous_comment_is_held_heard_approved_answered_and_then_in_the_feed(
        self, world: World, stage: BlogStage
    ) -> None:
        form = {
            "comment": "Is the night train back?",
            "author": "Ana",
            "email": "ana@customer.test",
            "comment_post_ID": "1",
        }
        httpx.post(f"{blog.URL}/wp-comments-post.php", data=form, timeout=30)
        assert "night train" not in feed()
        heard(stage)
        ticket, message = Ticket.objects.get(), Message.objects.get()
        assert Mention.objects.get().reference["held"] is True
        page = world.desk(world.agent).get(f"/desk/tickets/{ticket.pk}/").content.decode()
        assert "nobody sees it there until it is approved" in page
        api = world.api(world.agent)
        body = {"message": message.pk, "action": "approve"}
        approved = api.post(f"/api/v1/tickets/{ticket.pk}/moderate/", body, format="json")
        assert approved.status_code == 202, approved.content
        delivery.deliver(approved.json()["id"])
        assert "night train" in feed()
        assert Mention.objects.get(message=message).reference["held"] is False
        assert api.post(f"/api/v1/tickets/{ticket.pk}/moderate/", body, format="json").status_code == 400
        sent = api.post(
            f"/api/v1/tickets/{ticket.pk}/replies/",
            {"text": "It is & runs <daily>", "visibility": "public"},
            format="json",
        )
        delivery.deliver(sent.json()["id"])
        assert Delivery.objects.get(pk=sent.json()["id"]).state == "sent"
        assert "It is &amp; runs &lt;daily&gt;" in feed()
        heard(stage)
        assert Message.objects.count() == 2, "our own comment is the answer we know"

    def test_answering_a_held_comment_approves_it(self, world: World, stage: BlogStage) -> None:
        stage.say("Hello?")
        heard(stage)
        path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
        sent = world.api(world.agent).post(path, {"text": "Hello!", "visibility": "public"}, format="json")
        delivery.deliver(sent.json()["id"])
        assert "Hello?" in feed()
        assert Mention.objects.exclude(message__kind="reply").get().reference["held"] is False

    @pytest.mark.parametrize("thrown", ["trash", "spam"])
    def test_what_a_colleague_threw_away_is_not_published_by_an_answer(
        self, world: World, stage: BlogStage, thrown: str
    ) -> None:
        number = _number(stage.say("Hello?"))
        heard(stage)
        blog.php(f"wp_set_comment_status({number}, '{thrown}');")
        path = f"/api/v1/tickets/{Ticket.objects.get().pk}/replies/"
        sent = world.api(world.agent).post(path, {"text": "Hello!", "visibility": "public"}, format="json")
        delivery.deliver(sent.json()["id"])
        row = Delivery.objects.get(pk=sent.json()["id"])
        assert (row.state, row.parts.get().problem["code"]) == ("failed", "moderated")
        assert blog.php(f"echo get_comment({number})->comment_approved;") == thrown
        assert "Hello!" not in feed()

    def test_spam_is_marked_there_and_closed_here(self, world: World, stage: BlogStage) -> None:
        number = _number(stage.say("Buy pills"))
        heard(stage)
        ticket = Ticket.objects.get()
        body = {"message": Message.objects.get().pk, "action": "spam"}
        marked = world.api(world.agent).post(f"/api/v1/tickets/{ticket.pk}/moderate/", body, format="json")
        delivery.deliver(marked.json()["id"])
        assert blog.php(f"echo get_comment({number})->comment_approved;") == "spam"
        ticket.refresh_from_db()
        assert (ticket.state, ticket.close_reason) == ("closed", "spam")

    def test_one_that_shows_private_data_is_hidden_and_can_be_shown_again(self, world: World, stage: BlogStage) -> None:
        number = _number(stage.say("Call me on +46 70 555 01 42"))
        blog.php(f"wp_set_comment_status({number}, 'approve');")
        heard(stage)
        ticket, api = Ticket.objects.get(), world.api(world.agent)
        body = {"message": Message.objects.get().pk, "action": "hide"}
        for action, status in (("hide", "0"), ("approve", "1")):
            done = api.post(f"/api/v1/tickets/{ticket.pk}/moderate/", {**body, "action": action}, format="json")
            assert done.status_code == 202, done.content
            delivery.deliver(done.json()["id"])
            assert blog.php(f"echo get_comment({number})->comment_approved;") == status
        ticket.refresh_from_db()
        assert ticket.is_open

    def test_a_comment_approved_late_is_the_same_one(self, stage: BlogStage) -> None:
        number = _number(stage.say("Hello?"))
        heard(stage)
        blog.php(f"wp_set_comment_status({number}, 'approve');")
        assert heard(stage)["new"] == 0
        assert Message.objects.count() == 1


class TestWithoutPassword:
    def test_approved_comments_are_read_and_a_late_approval_is_found(self, world: World, site: Blog) -> None:
        held = site.comment("held a while")
        site.comment("seen at once", approved=True)
        stage = BlogStage(site, connect(world, "wordpress", {"base_url": site.url}))
        assert heard(stage)["new"] == 1
        blog.php(f"wp_set_comment_status({held}, 'approve');")
        assert heard(stage)["new"] == 1
        refused = world.api(world.agent).post(
            f"/api/v1/tickets/{Ticket.objects.order_by('id')[0].pk}/replies/",
            {"text": "x", "visibility": "public"},
            format="json",
        )
        assert "application password" in refused.json()["errors"][0]["message"]

    def test_where_the_api_is_closed_the_feed_is_read(self, world: World, site: Blog) -> None:
        site.always("GET /wp/v2/comments", fault.Status(403, {"code": "rest_disabled", "message": "closed"}))
        site.always("GET /wp-json/wp/v2/comments", fault.Status(404))
        number = site.comment("by the feed", approved=True)
        stage = BlogStage(site, connect(world, "wordpress", {"base_url": site.url}))
        assert Account.objects.get().facts == {"rest": ""}
        assert heard(stage)["new"] == 1
        assert Mention.objects.get().external_id == f"comment:{number}"
        assert heard(stage)["new"] == 0


def test_a_wrong_password_is_said_at_its_field(world: World, site: Blog) -> None:
    settings = {"base_url": site.url, "username": "admin", "application_password": "not it"}
    body = {"platform": "wordpress", "name": "Blog", "settings": settings}
    refused = world.api(world.manager).post("/api/v1/sources/", body, format="json")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "settings.application_password"
