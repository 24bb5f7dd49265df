"""`make screenshots`: the desk's pages on the demo brand, in light, dark and at 360 px, under `screenshots/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "inbox": "/desk/inbox/next/",
    "sources": "/desk/sources/",
    "terms": "/desk/terms/",
    "notices": "/desk/notices/",
    "contact": "/desk/contact/",
    "escalated": "/desk/inbox/escalated/",
    "promises": "/desk/set-up/promises/",
    "calendars": "/desk/set-up/calendars/",
    "ladder": "/desk/set-up/ladder/",
    "policies": "/desk/set-up/policies/",
    "approvals": "/desk/approvals/",
    "guards": "/desk/guards/",
    "incidents": "/desk/incidents/",
    "lessons": "/desk/lessons/",
    "outcomes": "/desk/outcomes/",
    "areas": "/desk/set-up/areas/",
    "telling": "/desk/telling/",
    "follow-ups": "/desk/follow-ups/?of=all",
    "customers": "/desk/helpdesk/customer/",
    "articles": "/desk/articles/",
    "topics": "/desk/topics/",
    "ideas": "/desk/ideas/",
    "effect": "/desk/help-effect/",
    "week": "/desk/help-effect/week/",
    "exchange": "/desk/articles/exchange/",
    "help-centre": "/desk/help-centre/",
    "help": "/help/northwind-rail/en/",
    "help-search": "/help/northwind-rail/en/search/?q=refnud",
    "help-article": "/help/northwind-rail/en/articles/get-your-money-back-for-a-delayed-or-cancelled-train/",
    "help-ask": "/help/northwind-rail/en/ask/",
    "help-ideas": "/help/northwind-rail/en/ideas/",
    "help-expect": "/help/northwind-rail/en/expect/",
}
TICKETS = {
    "ticket": "charged twice for the Malmö ticket",
    "letter": "Cannot pay in the app",
    "held": "promised a shelter",
    "list": "Cargo bikes",
    "conceded": "retard cumulé",
}
LOOKS = {
    "light": (1440, 900, "light"),
    "dark": (1440, 900, "dark"),
    "narrow": (360, 780, "light"),
    "wide": (1720, 1000, "light"),
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(port: int = 8931) -> None:
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        env = {**os.environ, "HELPDESK_DATA": folder, "HELPDESK_DEMO": "true"}
        env.pop("DATABASE_URL", None)
        env.pop("REDIS_URL", None)
        command = [sys.executable, "manage.py", "up", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            next(line for line in process.stdout if "Ctrl-C" in line)
            email, password = (Path(folder) / "demo-login.txt").read_text().split()
            take(f"http://127.0.0.1:{port}", email, password)
        finally:
            process.terminate()
            process.wait(20)


def take(base: str, email: str, password: str) -> None:
    target = ROOT / "screenshots"
    target.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        log_in(page, base, email, password)
        page.goto(f"{base}/desk/inbox/next/")
        pages = dict(PAGES)
        for name, words in TICKETS.items():
            pages[name] = str(page.locator(".hd-row a", has_text=words).first.get_attribute("href"))
        page.goto(f"{base}/desk/set-up/policies/")
        pages["dry-run"] = str(page.locator("a", has_text="Try it").last.get_attribute("href"))
        page.goto(f"{base}/desk/incidents/")
        pages["incident"] = str(page.locator(".hd-source a").first.get_attribute("href"))
        page.goto(f"{base}/desk/sources/")
        x = page.locator(".hd-source", has_text="X @northwindrail").first
        pages["source"] = str(x.locator("a", has_text="Settings").get_attribute("href"))
        for look, (width, height, scheme) in LOOKS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for name, path in pages.items():
                page.goto(base + path)
                page.wait_for_timeout(400)
                page.screenshot(path=target / f"{name}-{look}.png", full_page=name in ("sources", "source", "effect"))
        browser.close()
    print(f"{len(LOOKS) * len(pages)} pictures in {target}")


def log_in(page: Page, base: str, email: str, password: str) -> None:
    page.goto(f"{base}/desk/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("button")
    page.wait_for_url("**/desk/**")


if __name__ == "__main__":
    main()
