"""Answering once for everyone, in a real browser: from sixty tickets to an article that customers find, read and rate, and
whose questions fall; and the help centre for people with screen readers, phones, dark rooms, and other directions.
"""

from __future__ import annotations

import datetime as dt

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from helpdesk.workflow import replies, surveys, tickets
from knowledge import ideas, publishing, tasks
from knowledge.models import Edition, Feedback, HelpCentre, Inquiry, Reading, Search, Topic
from mentions import delivery
from tests.attacks.scene import called, heard
from tests.browser.conftest import Desk
from tests.knowledge.test_mining import KINDS, sentences
from tests.world import World

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
HOME = "/help/northwind/en/"
ANSWERS = (
    "Bikes travel in the last carriage. A bike ticket costs 4 euros in the app.",
    "You need a bike ticket, 4 euros in the app. Folding bikes are free.",
    "On weekdays bikes are not allowed between 7 and 9. Folding bikes are free.",
)


def sixty_tickets(world: World) -> None:
    """Of three kinds, resolved; those about bicycles answered, and some satisfied."""
    number = 0
    for kind in KINDS:
        for text in sentences(kind):
            ticket = heard(world, "x", world.brand, who=called(number), text=text).ticket
            if kind == "bike":
                sent = replies.reply(ticket.pk, world.agent, ANSWERS[number % 3], "public")
                delivery.deliver(sent.pk)
            tickets.resolve(ticket.pk, world.agent)
            if kind == "bike" and number % 5 == 0:
                surveys.answer(surveys.ask(ticket.pk, world.agent).pk, 5, "")
            number += 1


def test_sixty_tickets_become_an_article_that_is_found_and_its_questions_fall(desk: Desk) -> None:
    world = desk.world
    sixty_tickets(world)
    tasks.look()
    tasks.group(world.brand.pk, "en")
    assert sorted(Topic.objects.values_list("size", flat=True)) == [20, 20, 20]

    desk.enter(world.agent)
    page = desk.open("/desk/topics/")
    bikes = Topic.objects.get(inquiries__text__contains="bike", inquiries__ticket__number=40)
    page.get_by_role("link", name=bikes.title).click()
    page.get_by_role("button", name="Draft an article").click()
    page.get_by_text("Check every sentence.").wait_for()
    body = page.locator("#id_body").input_value()
    assert "4 euros" in body
    assert "[gap" not in body
    page.get_by_text("answer 1").first.wait_for()  # each sentence with the ticket it rests on
    page.locator("#id_title").fill("Take your bike on the train")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved as a draft.").wait_for()
    page.get_by_role("button", name="Ask for review").click()
    page.get_by_text("A lead looks at it now.").wait_for()

    desk.enter(world.lead)
    page = desk.open("/desk/articles/?state=review")
    page.get_by_role("link", name="Take your bike on the train").click()
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Published. Customers find it from now on.").wait_for()

    page.context.clear_cookies()
    desk.look(width=360, dark=False)
    page = desk.open(HOME)
    page.get_by_role("searchbox").fill("bringing a bicycle along")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="Take your bike on the train").click()
    page.get_by_role("heading", level=1, name="Take your bike on the train").wait_for()
    page.get_by_role("button", name="Yes").click()
    page.get_by_text("Thank you").first.wait_for()
    assert Feedback.objects.get().is_helpful
    assert Search.objects.get().chosen == Edition.objects.get()

    weeks_go_by(world)
    desk.look(width=1440, dark=False)
    desk.enter(world.lead)
    page = desk.open(f"/desk/articles/{Edition.objects.get().pk}/")
    page.get_by_text("3.3 a week before, 0.4 since.").wait_for()
    bars = page.locator(".hd-weeks span")
    heights = [bars.nth(number).bounding_box()["height"] for number in range(bars.count())]  # type: ignore[index]
    assert max(heights[7:12]) < min(heights[:6]) / 2, "the chart falls"
    page = desk.open("/desk/help-effect/")
    page.get_by_text("3.3 → 0.4").wait_for()
    page.get_by_text("-88 %").wait_for()


def weeks_go_by(world: World) -> None:
    """As if the article had come out six weeks ago, after six weeks of questions: three or four a week before, two since."""
    now, out = timezone.now(), timezone.now() - dt.timedelta(weeks=6)
    edition = Edition.objects.get()
    Edition.objects.filter(pk=edition.pk).update(published_at=out)
    Reading.objects.update(day=now.date())
    Search.objects.update(created_at=now - dt.timedelta(hours=1))
    rows = list(Inquiry.objects.filter(topic__article=edition.article).order_by("id"))
    for number, row in enumerate(rows):
        row.said_at = out - dt.timedelta(weeks=number % 6 + 1)
    Inquiry.objects.bulk_update(rows, ["said_at"])
    Topic.objects.filter(article=edition.article).update(covered_at=out)
    for weeks in (2, 4):
        Inquiry.objects.create(
            brand=world.brand, language="en", text="May I take my bike?", origin="api", topic=rows[0].topic, said_at=now - dt.timedelta(weeks=weeks)
        )  # fmt: skip
    tasks.look()


def test_an_agent_answers_with_an_article_without_leaving_the_keyboard(desk: Desk) -> None:
    world = desk.world
    edition = publishing.create(
        world.brand, world.lead, publishing.Words("Take your bike on the train", "In the last carriage.")
    )
    publishing.publish(edition.pk, world.lead)
    ticket = heard(world, "Ana", world.brand, text="Can I take my bike on the train?").ticket
    desk.enter(world.agent)
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.locator(".hd-suggested summary", has_text="Take your bike on the train").wait_for()
    page.locator("#hd-text").fill("Ana, you can: ")
    page.locator("#hd-text").press("End")
    page.keyboard.type("/bik")
    page.get_by_role("option", name="Take your bike on the train").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('hd-text').value.includes('?r=')")
    assert page.locator("#hd-text").input_value().startswith("Ana, you can: http")
    page.keyboard.press("Control+Enter")
    page.locator(".hd-entry", has_text="Ana, you can: http").wait_for()
    tasks.look()
    page = desk.open(f"/desk/tickets/{ticket.pk}/")
    page.get_by_text("Answered with").wait_for()
    page.get_by_text("not opened yet").wait_for()
    page.get_by_role("button", name="Write an article from this ticket").click()
    page.get_by_text("Make it true for everybody.").wait_for()


# --- everybody's eyes ------------------------------------------------------------------------------------------

PAGES = (
    "", "categories/trains/", "articles/late-trains/", "articles/late-trains/?said=no", "search/?q=late", "search/?q=zebra", "ask/", "ask/?q=late",
    "ideas/", "ideas/{idea}/", "expect/",
)  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (360, False)], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_in_the_help_centre(desk: Desk, width: int, dark: bool) -> None:
    world = desk.world
    HelpCentre.objects.create(
        brand=world.brand, languages=["en", "ar"], colour="#f5d90a"
    )  # a colour no white words stand on
    shelf = publishing.save_category(world.brand, world.lead, name="Trains", description="All of them")
    body = "## When\n\nIt *is* late.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n## Where\n\n> Here\n\n1. one\n2. two\n\n`code` and [a link](https://example.com/)"
    made = publishing.create(
        world.brand, world.lead, publishing.Words("Late trains", body, "When and where"), category=shelf
    )
    publishing.publish(made.pk, world.lead)
    arabic = publishing.translate(
        made.article_id, world.lead, publishing.Words("القطارات المتأخرة", "## متى\n\nانتظر قليلا."), "ar"
    )
    publishing.publish(arabic.pk, world.lead)
    idea = ideas.propose(world.brand, "en", "A quiet carriage", "Please", ("a", "a"))
    desk.look(width=width, dark=dark)
    desk.page.context.clear_cookies()
    found: list[str] = []
    arabic_pages = [f"/help/northwind/ar/{page}" for page in ("", f"articles/{arabic.slug}/", "search/?q=قطار")]
    for path in [*(f"{HOME}{page.format(idea=idea.pk)}" for page in PAGES), *arabic_pages]:
        page = desk.open(path)
        for violation in Axe().run(page).response["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{path}: {violation['id']} ({violation['impact']}): {nodes}")
        over = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        if over > 0:
            found.append(f"{path}: {over} px wider than the window")
    assert found == []
    assert desk.page.locator("html").get_attribute("dir") == "rtl"
