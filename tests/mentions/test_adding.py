"""Guided adding: choose, paste, test, see the last five items, start; nothing is stored before, nothing typed twice."""

from __future__ import annotations

import httpx
import pytest

from mentions import polling
from mentions.models import Account, Source
from mentions.platforms.mastodon.connector import Mastodon
from tests.fakes import faults as fault
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.x import FakeX
from tests.world import World

pytestmark = pytest.mark.django_db
TOKEN = "northwind-token"
PATH = "/desk/sources/add/mastodon/"


@pytest.fixture
def server() -> FakeMastodon:
    running = FakeMastodon()
    running.start()
    us, ana = running.add_account("northwind", token=TOKEN), running.add_account("ana")
    for number in range(7):
        running.post(ana, f"number {number}", mention=[us])
    return running


def form(world: World, server: FakeMastodon, **more: str) -> dict[str, str]:
    given = {
        "brand": str(world.brand.pk),
        "name": "Mastodon",
        "stream": "notifications",
        "settings.base_url": server.url,
    }
    return {**given, "settings.access_token": TOKEN, **more}


def test_a_test_shows_the_last_five_items_and_stores_nothing(world: World, server: FakeMastodon) -> None:
    desk = world.desk(world.manager)
    page = desk.get(PATH).content.decode()
    assert "read:notifications" in page
    tested = desk.post(PATH, form(world, server)).content.decode()
    assert "It works: you are northwind@social.test" in tested
    assert "7 items came in the last day" in tested
    assert [f"number {n}" in tested for n in range(7)] == [False, False, True, True, True, True, True]
    assert TOKEN not in tested
    assert not Account.objects.exists()


def test_then_it_starts_without_typing_the_token_again(world: World, server: FakeMastodon) -> None:
    desk = world.desk(world.manager)
    desk.post(PATH, form(world, server))
    started = desk.post(PATH, form(world, server, start="1", **{"settings.access_token": ""}))
    assert started.status_code == 302
    assert Source.objects.get().account.secrets == {"access_token": TOKEN}


def test_what_is_wrong_is_said_at_its_field(world: World, server: FakeMastodon) -> None:
    answer = world.desk(world.manager).post(PATH, form(world, server, **{"settings.access_token": "wrong"}))
    assert answer.status_code == 400
    assert "refused the log-in" in answer.content.decode()
    server.always("GET /api/v1/notifications", fault.Html())
    answer = world.desk(world.manager).post(PATH, form(world, server))
    assert "something else than its API" in answer.content.decode(), "a maintenance page with status 200"


def test_the_api_shows_the_same(world: World, server: FakeMastodon) -> None:
    body = {"platform": "mastodon", "name": "M", "settings": {"base_url": server.url, "access_token": TOKEN}}
    found = world.api(world.manager).post("/api/v1/sources/preview/", body, format="json").json()
    assert (found["handle"], len(found["items"]), found["last_day"], found["is_all"]) == (
        "northwind@social.test",
        5,
        7,
        True,
    )
    assert world.api(world.agent).post("/api/v1/sources/preview/", body, format="json").status_code == 403
    assert not Account.objects.exists()


def test_the_platforms_say_what_to_ask_for(world: World) -> None:
    rows = {row["key"]: row for row in world.api(world.agent).get("/api/v1/platforms/").json()["results"]}
    assert {"x", "mastodon", "email", "wordpress", "feed", "bluesky"} <= set(rows)
    assert {"permission": "write:statuses", "why": "to answer"} in rows["mastodon"]["permissions"]


def link_in(page: str) -> str:
    import html
    import re

    found = re.search(r'href="(http[^"]+authorize[^"]+)"', page)
    assert found
    return html.unescape(found[1])


def test_authorised_in_the_browser_no_token_is_pasted(world: World, server: FakeMastodon) -> None:
    us = server.add_account("other")
    server.who_authorises(us)
    desk = world.desk(world.manager)
    page = desk.post(PATH, form(world, server, authorise="1", **{"settings.access_token": ""})).content.decode()
    sent_back = httpx.get(link_in(page)).headers["location"]
    came = desk.get(sent_back.replace("http://testserver", ""))
    assert (came.status_code, came["location"]) == (302, PATH)
    filled = desk.get(PATH).content.decode()
    assert f'value="{server.url}"' in filled
    started = desk.post(PATH, form(world, server, start="1", **{"settings.access_token": ""}))
    assert started.status_code == 302, started.content
    assert Account.objects.get().handle == "other@social.test"


def test_an_authorisation_that_was_not_begun_here_is_refused(world: World, server: FakeMastodon) -> None:
    desk = world.desk(world.manager)
    assert "Begin again" in desk.get("/desk/sources/authorised/?code=x&state=y", follow=True).content.decode()
    server.who_authorises(None)
    page = desk.post(PATH, form(world, server, authorise="1", **{"settings.access_token": ""})).content.decode()
    sent_back = httpx.get(link_in(page)).headers["location"]
    came = desk.get(sent_back.replace("http://testserver", ""), follow=True)
    assert "not authorised" in came.content.decode()
    assert not Account.objects.exists()


def test_x_is_authorised_with_pkce_and_stays_logged_in(world: World) -> None:
    with FakeX(limits=False) as x:
        us = x.add_account("northwind")
        back = "http://testserver/desk/sources/authorised/"
        client = x.client(redirect_uri=back)
        desk, path = world.desk(world.manager), "/desk/sources/add/x/"
        given = {"brand": str(world.brand.pk), "name": "X", "stream": "mentions", "settings.base_url": x.url}
        given |= {"settings.tier": "self_serve", "settings.own_app": "no", "settings.long_posts": "no"}
        given |= {"settings.client_id": client.client_id, "settings.client_secret": client.client_secret}
        page = desk.post(path, {**given, "authorise": "1"}).content.decode()
        sent_back = x.consent(link_in(page), us)
        desk.get(sent_back.replace("http://testserver", ""))
        started = desk.post(path, {**given, "settings.client_secret": "", "start": "1"})
        assert started.status_code == 302, started.content
        kept = Account.objects.get().secrets
        assert set(kept) >= {"access_token", "refresh_token", "client_secret"}
        x.expire(kept["access_token"])
        assert "problem" not in polling.poll(Source.objects.get().pk, forced=True)


def test_the_end_of_a_log_in_is_kept_when_another_stream_is_added(world: World, server: FakeMastodon) -> None:
    desk, ends = world.desk(world.manager), {"settings.expires_on": "2031-05-04"}
    desk.post(PATH, form(world, server, start="1", **ends))
    desk.post(PATH, form(world, server, start="1", stream="hashtag", query="trains"))
    assert Source.objects.count() == 2
    assert Account.objects.get().settings["expires_on"] == "2031-05-04"
    wrong = desk.post(PATH, form(world, server, start="1", **{"settings.expires_on": "next May"}))
    assert "YYYY-MM-DD" in wrong.content.decode()


def test_the_end_that_an_authorisation_gave_outlives_the_test(
    world: World, server: FakeMastodon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mastodon, "redeem", lambda *given: {"access_token": TOKEN, "expires_on": "2031-05-04"})
    server.who_authorises(server.add_account("other"))
    desk = world.desk(world.manager)
    page = desk.post(PATH, form(world, server, authorise="1", **{"settings.access_token": ""})).content.decode()
    desk.get(httpx.get(link_in(page)).headers["location"].replace("http://testserver", ""))
    assert 'value="2031-05-04"' in desk.get(PATH).content.decode()
    shown = {"settings.access_token": "", "settings.expires_on": "2031-05-04"}
    desk.post(PATH, form(world, server, **shown))
    assert desk.post(PATH, form(world, server, start="1", **shown)).status_code == 302
    assert Account.objects.get().settings["expires_on"] == "2031-05-04"
