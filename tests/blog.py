"""A real WordPress, and the small things a visitor and an owner do there."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.fakes.faults import Answer
from tests.fakes.server import FakeServer, Incoming
from tests.turns import turn

PORT = 8090
URL = f"http://127.0.0.1:{PORT}"
HOME = Path(os.environ.get("REALSERVERS_HOME") or Path(tempfile.gettempdir()) / "realservers") / "wordpress"
COMMENTS = "/wp/v2/comments"


def start(shared: Path) -> None:
    """WordPress, unless it runs already; the first time it is installed."""
    with turn("start"):  # the scripts install what is missing, and two installers are in each other's way
        if _runs():
            return
        script = shared / "realservers" / "wordpress" / "start.sh"
        subprocess.run(["bash", str(script)], check=True, capture_output=True, timeout=400)
        until = time.monotonic() + 30
        while not _runs() and time.monotonic() < until:
            time.sleep(0.2)


def _runs() -> bool:
    try:
        return httpx.get(URL, params={"rest_route": "/"}, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def php(code: str) -> str:
    """What this code prints inside WordPress."""
    script = f"$_SERVER['HTTP_HOST']='127.0.0.1:{PORT}'; require 'wp-load.php'; {code}"
    done = subprocess.run(
        ["php", "-r", script], cwd=HOME / "site", capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


class Blog(FakeServer):
    """The site behind a door that can fail: what comes is passed on, and so is what is answered."""

    def named(self, incoming: Incoming) -> str | None:
        route = incoming.query.get("rest_route", [incoming.path])[0]
        return f"{incoming.verb} {route}"

    def answer(self, incoming: Incoming) -> Answer:
        headers = {"host": f"127.0.0.1:{PORT}"}
        headers |= {
            name: incoming.headers[name] for name in ("authorization", "content-type") if name in incoming.headers
        }
        pairs: list[tuple[str, str | int | float | bool | None]] = [
            (name, value) for name, values in incoming.query.items() for value in values
        ]
        answer = httpx.request(
            incoming.verb, f"{URL}{incoming.path}", params=pairs, content=incoming.body, headers=headers, timeout=30
        )
        kind = answer.headers.get("content-type", "text/html")
        return Answer(answer.status_code, answer.content, {"Content-Type": kind})

    # --- the owner ---------------------------------------------------------------------------------------------

    def password(self) -> str:
        """A new application password of the administrator."""
        made = 'WP_Application_Passwords::create_new_application_password(1, ["name" => uniqid("desk")])[0]'
        return php(f"echo {made};")

    def revoke(self) -> None:
        php("WP_Application_Passwords::delete_all_application_passwords(1);")

    def clear(self) -> None:
        super().clear()
        php('foreach (get_comments(["status" => "any"]) as $c) wp_delete_comment($c->comment_ID, true);')

    def write_post(self) -> int:
        return int(php('echo wp_insert_post(["post_title" => "Trains", "post_status" => "publish"]);'))

    # --- the visitor -------------------------------------------------------------------------------------------

    def comment(self, text: str, *, parent: int = 0, name: str = "Ana", approved: bool = False, post: int = 1) -> int:
        fields = {
            "comment_post_ID": post,
            "comment_author": name,
            "comment_author_email": f"{name.lower()}@customer.test",
            "comment_content": text,
            "comment_parent": parent,
            "comment_approved": int(approved),
        }
        arguments = ", ".join(f"'{key}' => {_php(value)}" for key, value in fields.items())
        return int(php(f"echo wp_insert_comment(wp_slash([{arguments}]));"))

    def edit(self, number: int, text: str) -> None:
        php(f"wp_update_comment(['comment_ID' => {number}, 'comment_content' => {_php(text)}]);")

    def delete(self, number: int) -> None:
        php(f"wp_delete_comment({number}, true);")

    def comments_by_us(self) -> list[str]:
        """Our comments' texts as stored, oldest first."""
        listed = php(
            'foreach (get_comments(["user_id" => 1, "order" => "ASC", "status" => "all"]) as $c)'
            ' echo base64_encode($c->comment_content), "\\n";'
        )
        import base64

        return [base64.b64decode(line).decode() for line in listed.split()]


def _php(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
