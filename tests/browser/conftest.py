"""A real Chromium on the live desk, with one ticket of everything an agent meets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from helpdesk.models import Message, Ticket, User
from helpdesk.workflow import replies, tickets
from mentions import delivery
from tests.browser.screenshots import CHROMIUM, FLAGS
from tests.fakes.bluesky import FakeBluesky
from tests.world import World, listen

HOSTILE = '<script>alert(1)</script> <img src=x onerror="alert(2)"> [x](javascript:alert(3)) \u202egnp.exe'


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # playwright's loop runs in this thread, and Django takes it for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def desk(chromium: Browser, live_server: Any, transactional_db: None, world: World) -> Iterator[Desk]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
    opened = Desk(context.new_page(), world)
    opened.enter(world.owner)
    yield opened
    context.close()
    assert opened.errors == []


class Desk:
    """A page of a logged-in agent; `errors` collects what scripts threw and dialogs that opened."""

    def __init__(self, page: Page, world: World) -> None:
        self.page, self.world = page, world
        self.errors: list[str] = []
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("console", self._hear)

    def _hear(self, entry: ConsoleMessage) -> None:
        """A form that comes back with what is wrong has status 400, which the console calls an error."""
        if entry.type == "error" and "status of 400" not in entry.text:
            self.errors.append(entry.text)

    def _refuse(self, dialog: Any) -> None:
        self.errors.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def enter(self, user: User) -> None:
        cookie = self.world.desk(user).cookies["sessionid"]
        self.page.context.add_cookies(
            [{"name": "sessionid", "value": cookie.value, "domain": "localhost", "path": "/"}]
        )

    def open(self, path: str) -> Page:
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        return self.page

    def look(self, *, width: int, dark: bool) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")


@pytest.fixture
def busy_ticket(world: World, bluesky: FakeBluesky, transactional_db: None) -> Ticket:
    """Heard on the fake network, answered, noted, answered back, refused once, with hostile words in it."""
    source = listen(world, bluesky)
    from mentions import polling

    us, ana = source.account.external_id, bluesky.add_account("ana.test", followers=1240)
    bluesky.post(ana, f"@northwind.test my train never came {HOSTILE}", mention=[us])
    polling.poll(source.pk, forced=True)
    ticket = Ticket.objects.get()
    sent = replies.reply(ticket.pk, world.agent, "Sorry, Ana. Which one?", "public")
    delivery.deliver(sent.pk)
    tickets.note(ticket.pk, world.lead, "Third one today.")
    tickets.log_call(ticket.pk, world.agent, "Called back.")
    ours = bluesky.posts_by(us)[0]
    bluesky.post(ana, "The 8:12, and it happened again", reply_to=ours.uri)
    polling.poll(source.pk, forced=True)
    world.hear("and a question by phone", who="bo")
    assert Message.objects.count() == 6
    return ticket
