"""The desk as people use it: by keyboard, with a screen reader, on a phone, in the dark, in a hurry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from helpdesk.models import Delivery, EscalationPolicy, Message, Ticket
from helpdesk.workflow import concessions, escalation, incidents, lessons, policies, surveys, tickets
from tests.attacks.scene import heard
from tests.browser.conftest import Desk
from tests.world import World

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/desk/inbox/next/",
    "/desk/inbox/settled/",
    "/desk/inbox/mine/",
    "/desk/tickets/{ticket}/",
    "/desk/notices/",
    "/desk/contact/",
    "/desk/sources/",
    "/desk/sources/add/bluesky/",
    "/desk/sources/add/x/",
    "/desk/terms/",
    "/desk/customers/{customer}/erase/",
    "/desk/quarantine/",
    "/desk/inbox/escalated/",
    "/desk/articles/",
    "/desk/articles/new/",
    "/desk/articles/exchange/",
    "/desk/topics/",
    "/desk/help-effect/",
    "/desk/help-effect/week/",
    "/desk/ideas/",
    "/desk/help-centre/",
    "/desk/help-centre/categories/",
    "/desk/set-up/promises/",
    "/desk/set-up/calendars/",
    "/desk/set-up/ladder/",
    "/desk/set-up/duty/",
    "/desk/set-up/policies/",
    "/desk/set-up/policies/{rule}/",
    "/desk/set-up/policies/{rule}/dry-run/",
    "/desk/set-up/teams/",
    "/desk/guards/",
    "/desk/approvals/",
    "/desk/set-up/areas/",
    "/desk/telling/",
    "/desk/incidents/",
    "/desk/incidents/?like={ticket}",
    "/desk/incidents/{incident}/",
    "/desk/lessons/",
    "/desk/outcomes/",
    "/desk/tickets/{settled}/",
    "/survey/{survey}/",
    "/desk/follow-ups/",
    "/desk/follow-ups/?of=all",
    "/desk/helpdesk/customer/",
    "/desk/helpdesk/customer/{customer}/change/",
    "/desk/helpdesk/brand/",
    "/desk/helpdesk/membership/",
    "/desk/helpdesk/apitoken/",
    "/help/",
)
LOOKS = [(1440, False), (1440, True), (360, False)]


def what_became_of_it(world: World) -> dict[str, Any]:
    """Something on each of the pages that tell what became of tickets."""
    concessions.ask(Ticket.objects.order_by("id")[0].pk, world.agent, "refund", Decimal(70), "We were late")
    rows = [heard(world, "x", world.brand, who=f"person{number}").ticket for number in range(3)]
    for row in rows:
        escalation.escalate(row.pk, world.agent)
        tickets.log_call(row.pk, world.agent, "Told them")
        tickets.resolve(row.pk, world.lead)
    written, owed, asked = rows
    step = written.escalations.get()
    lessons.write(step.pk, world.lead, "The form spins", "App", "Say what went wrong")
    surveys.answer(surveys.ask(written.pk, world.agent).pk, 1, "It still spins")
    survey = surveys.ask(asked.pk, world.agent)
    incident = incidents.begin(world.brand, world.lead, "Payments fail", [written.pk, owed.pk])
    incidents.say(incident.pk, world.lead, "holding", "{name}, we know of it.")
    policies.save_escalation(world.brand, world.manager, name="Told", trigger="words", params={"words": ["zebra"]}, notify=["email"], is_active=True)  # fmt: skip
    return {"incident": incident.pk, "settled": owed.pk, "survey": surveys.token_of(survey)}


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=["light", "dark", "phone"])
def test_axe_finds_nothing_and_nothing_runs_off_the_side(
    desk: Desk, busy_ticket: Ticket, width: int, dark: bool
) -> None:
    desk.look(width=width, dark=dark)
    escalation.escalate(busy_ticket.pk, desk.world.agent, why="She rang twice")
    rule = EscalationPolicy.objects.filter(brand=desk.world.brand, trigger="words").first()
    assert rule is not None
    seen_through = what_became_of_it(desk.world)
    keys = {**seen_through, "ticket": busy_ticket.pk, "customer": busy_ticket.customer_id, "rule": rule.pk}
    found: list[str] = []
    for path in PAGES:
        page = desk.open(path.format(**keys))
        page.wait_for_load_state("networkidle")
        for details in page.query_selector_all("details"):
            details.evaluate("element => element.open = true")
        for violation in Axe().run(page).response["violations"]:
            nodes = [node["html"][:160] + " " + node.get("failureSummary", "")[:200] for node in violation["nodes"][:3]]
            found.append(f"{path}: {violation['id']} ({violation['impact']}): {nodes}")
        over = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        if over > 0:
            found.append(f"{path}: {over} px wider than the window")
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("path", ["/account/login/", "/account/password/reset/"])
def test_the_door_is_open_to_everyone(desk: Desk, path: str) -> None:
    desk.page.context.clear_cookies()
    page = desk.open(path)
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []


def test_a_ticket_is_answered_by_keyboard_alone(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open("/desk/inbox/next/")
    page.keyboard.press("j")
    page.keyboard.press("j")  # the second in the list: Ana's next answer is due after Bo's first
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/tickets/**")
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "hd-text"
    page.keyboard.type("The 8:12 runs again from 9. We pay the taxi, Ana.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("We pay the taxi, Ana.").wait_for()
    assert page.locator(".hd-state-queued").count() == 1
    assert Delivery.objects.filter(message__text__contains="taxi").count() == 1
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("e")
    page.get_by_text("Resolved; it opens again").wait_for()
    assert Ticket.objects.filter(state="resolved").count() == 1
    assert page.locator(".hd-talk-head h2").inner_text().startswith("Bo"), "on to the next"


def test_tab_reaches_everything_and_shows_where_it_is(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    seen: set[str] = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e), n = e.nextElementSibling;"
            " const o = (s.outlineStyle != 'none' || s.boxShadow != 'none') || (n && getComputedStyle(n).outlineStyle != 'none');"
            " return [e.id || e.name || e.textContent.trim().slice(0, 20), e.tagName, o] }"
        )
        if focus[1] == "BODY":
            break
        assert focus[2], f"no focus to be seen on {focus}"
        seen.add(focus[0])
    assert {"hd-assignee", "hd-priority", "mode", "hd-text"} <= seen


def test_the_menu_shows_both_of_its_forms_and_escape_closes_it(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    page.locator(".hd-menu summary[aria-label=More]").click()
    link, merge = (page.locator(f".hd-menu-body form[action*='/{verb}/']") for verb in ("link", "merge"))
    boxes = [form.bounding_box() for form in (link, merge)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"] + 1
    page.keyboard.press("Escape")
    assert not link.is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    heights = [box["y"] for verb in page.locator(".hd-verbs > *").all() if (box := verb.bounding_box())]
    assert max(heights) - min(heights) < 8, "the verbs stand in one line"


def test_a_ticket_goes_up_is_taken_and_handed_back(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    page.locator("summary", has_text="Escalate").click()
    page.fill("#hd-why", "She rang twice")
    page.locator(".hd-raise button", has_text="Level 2").click()
    banner = page.locator(".hd-step")
    banner.wait_for()
    assert "Raised by hand. Asked: Sven Holm" in banner.inner_text()
    assert "If nobody acknowledges: a reminder in" in banner.inner_text()
    assert "She rang twice" in page.locator(".hd-entries").inner_text()
    page.click("text=I have it")
    page.locator(".hd-step.is-taken").wait_for()
    assert "Maya Berg has it" in banner.inner_text()
    page.locator(".hd-menu summary[aria-label=More]").click()
    page.click("text=Level 1, Front line")
    page.get_by_text("Handed back.").wait_for()
    assert page.locator(".hd-step").count() == 0
    assert "handed back" in page.locator(".hd-steps").inner_text()


def test_a_guard_offers_the_fix_and_one_tap_sends(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    page.fill("#hd-text", "Ana, order number 88213456 is on its way.")
    page.click("[data-send]")
    guard = page.locator(".hd-guards")
    guard.wait_for()
    assert "An order number will show: “88213456”." in guard.inner_text()
    assert page.input_value("#hd-text").startswith("Ana, order number 88213456")
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    page.click("text=Hide it")
    page.get_by_text("Ana, order number ••••456 is on its way.").wait_for()
    assert Message.objects.filter(text__contains="88213456").count() == 0


def test_a_policy_shows_only_the_fields_that_its_trigger_needs(desk: Desk) -> None:
    page = desk.open("/desk/set-up/policies/")
    assert not page.locator("#id_words").is_visible()
    page.select_option("#id_trigger", "words")
    page.locator("#id_words").wait_for()
    assert not page.locator("#id_reach").is_visible()
    page.fill("#id_name", "Bridges")
    page.fill("#id_words", "bridge\nviaduct")
    page.click("text=Keep")
    page.get_by_text("Words are used: bridge, viaduct → raise it one level").wait_for()


def test_a_double_click_answers_once(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    page.fill("#hd-text", "Only once, please.")
    page.dblclick("[data-send]")
    page.get_by_text("Only once, please.").wait_for()
    assert Message.objects.filter(text="Only once, please.").count() == 1


def test_the_count_follows_and_too_long_is_said_before_sending(desk: Desk, busy_ticket: Ticket) -> None:
    page = desk.open(f"/desk/tickets/{busy_ticket.pk}/")
    page.fill("#hd-text", "👩‍👩‍👧 hi")
    assert page.inner_text("[data-count]") == "4 of 300"
    page.fill("#hd-text", "word " * 4000)
    assert "hd-late" in (page.get_attribute("[data-count]", "class") or "")
    page.click("[data-send]")
    page.locator("#hd-error").wait_for()
    assert page.input_value("#hd-text").startswith("word word"), "what was written is still there"
    assert not Delivery.objects.filter(message__text__startswith="word").exists()


def test_a_contact_is_logged_and_a_mistake_keeps_what_was_typed(desk: Desk, world: World) -> None:
    page = desk.open("/desk/contact/")
    page.get_by_label("What they said").fill("The machine keeps her coins.")
    page.get_by_role("button", name="Log it").click()
    page.get_by_role("alert").first.wait_for()
    assert page.get_by_label("What they said").input_value() == "The machine keeps her coins."
    page.get_by_label("Their name").fill("Greta Olsen")
    page.get_by_role("button", name="Log it").click()
    page.wait_for_url("**/desk/tickets/**")
    page.get_by_text("The machine keeps her coins.").first.wait_for()
    assert Ticket.objects.get().customer.name == "Greta Olsen"
