"""The help centre as customers and search engines meet it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import html5lib
import pytest
from django.test import Client
from django.utils import timezone

from helpdesk.models import Ticket
from knowledge import publishing
from knowledge.centre import limits, look
from knowledge.models import CameFrom, Feedback, HelpCentre, Reading, Search, Topic
from tests.knowledge.conftest import HOME, Write
from tests.world import World

pytestmark = pytest.mark.django_db
PAGES = [
    "",
    "search/",
    "search/?q=refund",
    "search/?q=zzz",
    "ask/",
    "ideas/",
    "expect/",
    "articles/refunds/",
    "categories/money/",
]


@pytest.fixture
def library(world: World, write: Write) -> None:
    money = publishing.save_category(world.brand, world.lead, name="Money", description="Paying & getting back")
    write(
        "Refunds",
        "# When\n\nIn five days.\n\n# How\n\nTo your card.\n\n# Else\n\nAsk.",
        summary="In five days",
        category=money,
    )
    write("Charged twice", "The second goes back.", category=money)


def page(reader: Client, path: str = "", **options: Any) -> str:
    answer = reader.get(urljoin(HOME, path), **options)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


def data(html: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert found
    value = json.loads(found[1])
    return value if isinstance(value, list) else [value]


# --- pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_sound_small_and_without_cookies(reader: Client, library: None, path: str) -> None:
    answer = reader.get(HOME + path)
    html = answer.content.decode()
    assert (answer.status_code, len(answer.content) < 60_000, list(answer.cookies)) == (200, True, [])
    html5lib.HTMLParser(strict=True).parse(html)
    for link in re.findall(r'(?:src|href)="(https?://[^"]+)"', html):
        assert urlsplit(link).hostname in ("testserver", "localhost"), link
    assert "style=" not in html
    assert "<script>" not in html
    assert len(re.findall(r"<h1", html)) == 1
    assert html.index("help/help.css") < html.index("/help/theme/")  # the brand's colour has the last word


def test_an_article_with_all_around_it(world: World, reader: Client, library: None) -> None:
    html = page(reader, "articles/refunds/")
    for part in (
        "<h1>Refunds</h1>",
        'href="#when"',
        "On this page",
        "Did this help?",
        "Still need help?",
        "Last changed",
    ):
        assert part in html
    assert f"{HOME}categories/money/" in html
    assert "og:title" in html
    assert 'rel="canonical"' in html


def test_an_unchanged_page_is_not_sent_again(reader: Client, library: None) -> None:
    first = reader.get(f"{HOME}articles/refunds/")
    again = reader.get(f"{HOME}articles/refunds/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "public" in first.headers["Cache-Control"]


def test_drafts_other_brands_and_inner_articles_are_not_there(world: World, reader: Client, write: Write) -> None:
    write("Draft words", live=False)
    write("Inner words", visible="internal")
    write("Known words", visible="known")
    write("Rival words", brand=world.rival)
    for slug in ("draft-words", "inner-words", "known-words", "rival-words"):
        assert reader.get(f"{HOME}articles/{slug}/").status_code == 404
    colleague = world.desk(world.agent)
    inner = colleague.get(f"{HOME}articles/inner-words/")
    assert (inner.status_code, inner.headers["Cache-Control"]) == (200, "private, no-cache")
    assert colleague.get("/help/southbay/en/articles/rival-words/").status_code == 200
    assert world.desk(world.rival_owner).get(f"{HOME}articles/inner-words/").status_code == 404


def test_a_closed_help_centre_is_open_to_colleagues_only(world: World, reader: Client) -> None:
    HelpCentre.objects.create(brand=world.brand, is_open=False)
    assert reader.get(HOME).status_code == 404
    assert reader.get("/help/northwind/sitemap.xml").status_code == 404
    assert world.desk(world.agent).get(HOME).status_code == 200


def test_an_old_address_leads_on_with_its_query(world: World, reader: Client, write: Write) -> None:
    edition = write("Refunds")
    publishing.readdress(edition.pk, world.lead, "money-back")
    answer = reader.get(f"{HOME}articles/refunds/?s=abc")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{HOME}articles/money-back/?s=abc")


def test_languages(world: World, reader: Client, write: Write) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "ar"])
    edition = write("Refunds")
    arabic = publishing.translate(edition.article_id, world.lead, publishing.Words("استرداد", "خمسة أيام"), "ar")
    publishing.publish(arabic.pk, world.lead)
    html = page(reader, "articles/refunds/")
    assert 'hreflang="ar"' in html
    theirs = reader.get(f"/help/northwind/ar/articles/{arabic.slug}/").content.decode()
    assert '<html lang="ar" dir="rtl">' in theirs
    assert reader.get("/help/northwind/fr/").status_code == 404
    assert (
        reader.get("/help/northwind/", headers={"Accept-Language": "ar-EG,en;q=0.5"})
        .headers["Location"]
        .endswith("/ar/")
    )
    assert reader.get("/help/northwind/", headers={"Accept-Language": "fi"}).headers["Location"].endswith("/en/")


def test_a_brand_with_a_domain_of_its_own(world: World, reader: Client, write: Write, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    HelpCentre.objects.create(brand=world.brand, domain="help.northwind.example")
    write("Refunds")
    write("Rival words", brand=world.rival)

    def there(path: str) -> Any:
        return reader.get(path, headers={"Host": "help.northwind.example"})

    assert there("/").headers["Location"] == "/en/"
    html = there("/en/").content.decode()
    assert "/en/articles/refunds/" in html
    assert "/help/northwind" not in html
    assert '"http://help.northwind.example/en/"' in html
    for gone in ("/desk/", "/api/v1/tickets/", "/help/southbay/en/", "/account/login/", "/en/articles/rival-words/"):
        assert there(gone).status_code == 404, gone
    assert "Sitemap: http://help.northwind.example/sitemap.xml" in there("/robots.txt").content.decode()
    assert "http://help.northwind.example/en/articles/refunds/" in there("/sitemap.xml").content.decode()
    assert 'href="http://help.northwind.example/en/articles/refunds/"' in page(reader, "articles/refunds/")


@pytest.mark.parametrize("code", ["#000000", "#ffffff", "#4f46e5", "#ffd400", "#00ff88", "#7a7a7a"])
def test_every_colour_can_be_read(reader: Client, code: str) -> None:
    base = look.rgb(code)
    for ground, soft, share in ((look.WHITE, look.SOFT, 0.08), (look.DARK, look.SOFT_DARK, 0.16)):
        grounds = (ground, soft, look.mixed(base, ground, share))
        assert all(look.contrast(look.readable(base, *grounds), one) >= 4.5 for one in grounds)
    answer = reader.get(f"/help/theme/{code[1:]}.css")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


def test_a_long_shelf_has_pages(world: World, reader: Client, write: Write) -> None:
    shelf = publishing.save_category(world.brand, world.lead, name="Money")
    for number in range(53):
        write(f"Article {number:02}", category=shelf)
    first = page(reader, "categories/money/")
    assert first.count("<li><a") == 50
    more = re.search(r'href="(\?after=\d+)"', first)
    assert more
    assert page(reader, f"categories/money/{more[1]}").count("<li><a") == 3
    assert reader.get(f"{HOME}categories/money/?after=x{'9' * 40}").status_code == 200


def test_the_desks_own_host_is_no_brands(world: World, reader: Client, settings: Any) -> None:
    """Else a manager of one brand could take the house away from all."""
    settings.ALLOWED_HOSTS = ["*"]
    settings.BASE_URL = "https://support.northwind.example"
    given = {"brand": "northwind", "spoken": "en", "colour": "#0a7d5c", "minutes_per_answer": "6", "is_open": "on"}
    answer = world.desk(world.manager).post("/desk/help-centre/", {**given, "domain": "support.northwind.example"})
    assert answer.status_code == 400
    assert "The desk itself is there" in answer.content.decode()
    HelpCentre.objects.create(brand=world.brand, domain="support.northwind.example")
    again = Client(headers={"Host": "support.northwind.example"})
    assert again.get("/account/login/").status_code == 200


def test_a_cache_that_is_away_costs_time_and_nothing_else(world: World, library: None, settings: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
    }
    reader = Client()
    for path in ("", "articles/refunds/", "search/?q=refund", "suggest/?q=ref", "expect/", "ideas/"):
        assert reader.get(HOME + path).status_code == 200, path
    assert reader.post(f"{HOME}articles/refunds/helped/", {"helped": "yes"}).status_code == 302
    assert world.desk(world.agent).get("/desk/topics/").status_code == 200


# --- what machines read ----------------------------------------------------------------------------------------


def test_structured_data(reader: Client, write: Write) -> None:
    write("Is </script><b> safe?", "Yes & no.", summary="Both")
    html = page(reader, "articles/is-scriptb-safe/")
    article, faq, crumbs = data(html)
    for name in ("headline", "datePublished", "dateModified", "author", "publisher", "mainEntityOfPage", "description"):
        assert article[name], name
    assert article["headline"] == "Is </script><b> safe?"
    question = faq["mainEntity"][0]
    assert (faq["@type"], question["@type"], question["acceptedAnswer"]["@type"]) == ("FAQPage", "Question", "Answer")
    assert question["acceptedAnswer"]["text"] == "Both\nYes & no." or question["acceptedAnswer"]["text"] == "Yes & no."
    assert [step["position"] for step in crumbs["itemListElement"]] == [1, 2]
    assert all(step["item"].startswith("http") for step in crumbs["itemListElement"])
    assert data(page(reader))[0]["@type"] == "WebSite"


def test_the_sitemap_names_what_everybody_may_read(world: World, reader: Client, library: None, write: Write) -> None:
    write("Inner words", visible="internal")
    answer = reader.get("/help/northwind/sitemap.xml")
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    root = ElementTree.fromstring(answer.content)
    places = [urlsplit(str(one.findtext(f"{space}loc"))).path for one in root]
    assert sorted(places) == sorted(
        [HOME, f"{HOME}categories/money/", f"{HOME}articles/refunds/", f"{HOME}articles/charged-twice/"]
    )
    assert all(reader.get(place).status_code == 200 for place in places)


def test_the_feed_reads_as_a_blog(world: World, reader: Client, library: None) -> None:
    Topic.objects.create(brand=world.brand, language="en", title="Where is my seat?", state="kept", asked_30=9)
    answer = reader.get(f"{HOME}feed/")
    atom = "{http://www.w3.org/2005/Atom}"
    root = ElementTree.fromstring(answer.content)
    titles = [entry.findtext(f"{atom}title") for entry in root.findall(f"{atom}entry")]
    assert titles == ["Charged twice", "Refunds", "What people ask now"]
    assert "Where is my seat?" in answer.content.decode()


def test_a_crawler_meets_no_dead_link_no_draft_and_no_other_brand(
    world: World, reader: Client, library: None, write: Write
) -> None:
    HelpCentre.objects.create(brand=world.brand, languages=["en", "sv"])
    first = write("Linked", "See [refunds](/help/northwind/en/articles/refunds/).")
    other = publishing.translate(first.article_id, world.lead, publishing.Words("Länkad", "Se engelska."), "sv")
    publishing.publish(other.pk, world.lead)
    write("Draft Xylophone", "Xylophone", live=False)
    write("Inner Xylophone", "Xylophone", visible="internal")
    write("Rival Xylophone", "Xylophone", brand=world.rival)
    seen, waiting = {HOME}, [HOME]
    while waiting:
        path = waiting.pop()
        answer = reader.get(path)
        assert answer.status_code == 200, path
        content = answer.content.decode() if not answer.streaming else ""
        assert "Xylophone" not in content
        assert "southbay" not in content
        for link in re.findall(r'(?:href|src|action)="([^"#]+)', content):
            target = urlsplit(urljoin(f"http://testserver{path}", link.replace("&amp;", "&")))
            whole = target.path + (f"?{target.query}" if target.query else "")
            if (
                target.netloc == "testserver"
                and whole not in seen
                and "/helped/" not in whole
                and not whole.startswith("/static/")
            ):
                seen.add(whole)
                waiting.append(whole)
    assert len(seen) > 15


# --- votes, searches, readings ---------------------------------------------------------------------------------


def test_one_vote_a_reader_with_words(world: World, reader: Client, library: None) -> None:
    path = f"{HOME}articles/refunds/helped/"
    assert reader.post(path, {"helped": "no"}).headers["Location"].endswith("?said=no#helped")
    assert "What is missing" in page(reader, "articles/refunds/?said=no")
    reader.post(path, {"helped": "no", "words": "My iban DE89 3704 0044 0532 0130 00 was refused"})
    Client().post(path, {"helped": "yes"})  # the same browser at the same address, without its cookie
    row = Feedback.objects.get()
    assert row.is_helpful
    assert "0440532" not in row.words.replace(" ", "")
    Client(headers={"User-Agent": "Another"}).post(path, {"helped": "yes"})
    assert Feedback.objects.count() == 2
    today = Reading.objects.get(edition=row.edition)
    assert (today.helped, today.not_helped, today.views) == (2, 0, 1)


@pytest.mark.parametrize("given", [{}, {"helped": "maybe"}, {"helped": "yes", "words": "x" * 2001}])
def test_a_bad_vote_is_told(reader: Client, library: None, given: dict[str, str]) -> None:
    answer = reader.post(f"{HOME}articles/refunds/helped/", given)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert not Feedback.objects.exists()


def test_views_are_counted_without_machines(reader: Client, library: None) -> None:
    for agent in ("Mozilla/5.0", "Googlebot/2.1", "SomeCrawler"):
        reader.get(f"{HOME}articles/refunds/", headers={"User-Agent": agent})
    reader.get(f"{HOME}articles/refunds/", headers={"Sec-Purpose": "prefetch"})
    assert Reading.objects.get().views == 1


def test_a_search_knows_what_came_of_it(world: World, reader: Client, library: None) -> None:
    html = page(reader, "search/?q=refund")
    link = re.search(r'href="([^"]+/articles/refunds/\?s=[^"]+)"', html)
    assert link
    reader.get(link[1])
    row = Search.objects.get()
    assert row.chosen is not None
    assert (row.words, row.found, row.chosen.slug) == ("refund", 1, "refunds")
    page(reader, "search/?q=zeppelin+licence")
    assert list(Search.objects.order_by("id").values_list("found", flat=True)) == [1, 0]


def test_a_flood_meets_a_human_sentence(reader: Client, library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.LIMITS, "search", (2, 60))
    answers = [reader.get(f"{HOME}search/?q=refund") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "we read everything" in answers[2].content.decode()
    assert int(answers[2].headers["Retry-After"]) > 0


def test_forms_of_other_sites_are_refused(reader: Client, library: None) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = reader.post(f"{HOME}articles/refunds/helped/", {"helped": "yes"}, headers=headers)
        assert answer.status_code == 403
    assert not Feedback.objects.exists()


# --- asking ----------------------------------------------------------------------------------------------------


def ask(reader: Client, **given: str) -> Any:
    return reader.post(f"{HOME}ask/", given)


def test_asking_shows_what_fits_and_then_sends(world: World, reader: Client, library: None) -> None:
    first = ask(reader, text="When do I get my refund?", name="Ana")
    assert first.status_code == 200
    assert "Is it one of these?" in first.content.decode()
    assert not Ticket.objects.exists()
    search = Search.objects.get(place="form")
    answer = ask(reader, text="When do I get my refund?", name="Ana", seen="1", search=search.public_id)
    assert answer.status_code == 302
    ticket = Ticket.objects.get()
    assert (ticket.platform, ticket.customer.name, ticket.state) == ("web", "Ana", "new")
    search.refresh_from_db()
    assert search.ticket_id == ticket.pk
    html = reader.get(answer.headers["Location"]).content.decode()
    assert "When do I get my refund?" in html
    assert "We have it and will answer here." in html


def test_the_article_a_question_comes_from_goes_along(world: World, reader: Client, write: Write) -> None:
    edition = write("Refunds")
    assert "You were reading" in page(reader, f"ask/?article={edition.article.public_id}")
    ask(reader, text="It never came, and it is the third time", article=edition.article.public_id, seen="1")
    came = CameFrom.objects.get()
    assert (came.edition_id, came.ticket_id) == (edition.pk, Ticket.objects.get().pk)
    assert Reading.objects.get(edition=edition).asked == 1


def test_an_answer_stands_on_the_requests_page(world: World, reader: Client) -> None:
    from helpdesk.workflow import replies, tickets
    from mentions.delivery import deliver

    place = ask(reader, text="Where is my umbrella?", name="Ana").headers["Location"]
    ticket = Ticket.objects.get()
    tickets.note(ticket.pk, world.agent, "she rang twice")
    assert "umbrella" in reader.get(place).content.decode()
    reply = replies.reply(ticket.pk, world.agent, "We found it in Malmö.", "private")
    assert "Malmö" not in reader.get(place).content.decode()
    assert deliver(reply.pk) == {"sent": 1}
    html = reader.get(place).content.decode()
    assert "We found it in Malmö." in html
    assert "Noor" in html
    assert "rang twice" not in html
    assert reader.post(place, {"text": "Thank you! Which office?"}).status_code == 302
    ticket.refresh_from_db()
    assert (Ticket.objects.count(), ticket.inbound_count, ticket.state) == (1, 2, "open")


def test_a_guessed_or_foreign_link_is_not_there(world: World, reader: Client) -> None:
    place = ask(reader, text="Where is my umbrella?").headers["Location"]
    token = place.split("/request/")[1].split("/")[0]
    key = token.split(":")[0]
    for wrong in (key, f"{key}:", f"{token}x", f"x{token}", "1:2"):
        assert reader.get(f"{HOME}request/{wrong}/").status_code == 404
    assert reader.get(f"/help/southbay/en/request/{token}/").status_code == 404
    headers = reader.get(place).headers
    assert (headers["X-Robots-Tag"], headers["Cache-Control"]) == ("noindex, nofollow", "private, no-store")


def test_two_people_with_one_address_see_nothing_of_each_other(world: World, reader: Client) -> None:
    first = ask(reader, text="My booking is private", address="ana@example.com").headers["Location"]
    second = ask(Client(), text="I am not Ana at all", address="ana@example.com").headers["Location"]
    assert Ticket.objects.values("customer").distinct().count() == 2
    assert "private" not in reader.get(second).content.decode().replace("no-store", "")
    assert "not Ana" not in reader.get(first).content.decode()


def test_who_asked_may_read_what_is_for_customers(world: World, reader: Client, write: Write) -> None:
    write("Known words", visible="known")
    assert reader.get(f"{HOME}articles/known-words/").status_code == 404
    place = ask(reader, text="Where is my umbrella?").headers["Location"]
    reader.get(place)
    assert reader.get(f"{HOME}articles/known-words/").status_code == 200
    assert reader.get("/help/southbay/en/").status_code == 200


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text": " "}, "Write what it is about first"),
        ({"text": "x" * 10_001}, "longer than 10,000"),
        ({"text": "hello there you", "address": "nonsense", "seen": "1"}, "no email address"),
        ({"text": "buy this now please", "website": "https://spam.example"}, "looked like a machine"),
    ],
)
def test_a_bad_request_is_told_and_keeps_its_words(
    world: World, reader: Client, given: dict[str, str], says: str
) -> None:
    answer = ask(reader, **given)
    html = answer.content.decode()
    assert answer.status_code == 400
    assert says in html
    assert given["text"].strip()[:50] in html
    assert not Ticket.objects.exists()


def test_a_brand_that_takes_no_requests(world: World, reader: Client) -> None:
    HelpCentre.objects.create(brand=world.brand, takes_requests=False, takes_ideas=False)
    assert reader.get(f"{HOME}ask/").status_code == reader.get(f"{HOME}ideas/").status_code == 404
    assert "/ask/" not in page(reader)


# --- what to expect --------------------------------------------------------------------------------------------


def test_the_service_statement_says_what_was_true(world: World, reader: Client) -> None:
    from helpdesk.workflow import calendars, policies

    assert "around the clock" in page(reader, "expect/")
    week = [[["07:00", "22:00"]]] * 5 + [[["10:00", "16:00"]], []]
    calendar = calendars.save(world.brand, world.manager, name="Desk", week=week)
    policies.save_service(world.brand, world.manager, name="All", calendar=calendar, first_response_minutes=120)
    for number in range(20):
        ticket = world.ticket(who=f"p{number}")
        if number < 15:
            Ticket.objects.filter(pk=ticket.pk).update(answered_at=timezone.now() + dt.timedelta(minutes=9))
    from django.core.cache import cache

    cache.clear()
    html = page(reader, "expect/")
    for words in ("Mon–Fri 07:00–22:00", "Sat 10:00–16:00", "2 hours", "9 min (median)", "75% of 20"):
        assert words in html, words
