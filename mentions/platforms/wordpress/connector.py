"""WordPress: comments under a blog's posts, held ones too; approved, marked as spam and answered from the desk.

With an application password everything is read in the order of ids, so that a comment is known before it is approved.
Without one only approved comments are told, and one approved late keeps its old date: some days are read again.
Where a security plugin closes the REST API, the comments' feed is read.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from helpdesk.net import Response
from helpdesk.ports import FrozenPart
from mentions.platforms import syndication
from mentions.platforms.base import (
    NOTHING,
    Author,
    Connector,
    Draft,
    Found,
    Identity,
    Limits,
    Malformed,
    Page,
    Platform,
    PlatformError,
    Post,
    Ref,
    Sent,
    Setting,
    Span,
    Stream,
    read_each,
    retry_after,
    said_in,
    text_of,
    time_of,
)
from mentions.platforms.html import text_of_html

COMMENTS = "/wp/v2/comments"
FIRST_LOOK, OVERLAP = dt.timedelta(days=7), dt.timedelta(days=7)
PAGE, MOST_PAGES = 100, 100
MAX_LENGTH = 15_000
MODERATES = ("approve", "spam", "hide")
GONE = ("trash",)
FEEDS = ("/comments/feed/", "/?feed=comments-rss2")


class WordPress(Connector):
    platform = Platform(
        key="wordpress",
        name="WordPress",
        settings=(
            Setting("base_url", "Blog", "The site's address.", is_url=True),
            Setting("username", "User", "Who answers there; needs the right to moderate comments.", required=False),
            Setting(
                "application_password",
                "Application password",
                "Users → Profile → Application Passwords. Without one, approved comments are read and that is all.",
                secret=True,
                required=False,
            ),
        ),
        streams=(Stream("comments", "Comments", rhythm_seconds=120, reads_back=True),),
        public_reply=True,
        lookup=True,
        moderates=True,
        reads_per_hour=1200,
        writes_per_hour=200,
        permissions=(
            ("moderate_comments", "to see held comments, to approve them and to mark spam (an Editor may)"),
            ("application password", "made in that user's profile; never the log-in password"),
        ),
        guide="Make a user with the role Editor, log in as that user once, and under Users → Profile make an application "
        "password. The site must answer by https.",
    )

    # --- the site ----------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        return str(self.settings["base_url"]).rstrip("/")

    @property
    def site(self) -> str:
        parts = urlsplit(self.base_url)
        return syndication.fitting(f"{parts.netloc}{parts.path}".lower(), 255)

    @property
    def is_signed(self) -> bool:
        return bool(self.secrets.get("application_password") and self.settings.get("username"))

    def call(self, method: str, path: str, params: Mapping[str, Any] = NOTHING, body: Any = None) -> Response:
        """An answer with status 200 or 201; PlatformError says what to do about anything else."""
        try:
            response = self._asked(method, path, params, body)
            if response.status in (200, 201):
                return response
            raise self._refusal(response)
        except PlatformError as error:
            error.maybe_done = error.maybe_done and method == "POST"
            raise

    def _asked(self, method: str, path: str, params: Mapping[str, Any], body: Any, style: str = "") -> Response:
        headers = {}
        if self.is_signed:
            pair = f"{self.settings['username']}:{self.secrets['application_password']}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if (style or self.facts.get("rest")) == "query":
            return self.ask(
                method, f"{self.base_url}/index.php", params={"rest_route": path, **params}, body=body, headers=headers
            )
        return self.ask(method, f"{self.base_url}/wp-json{path}", params=dict(params), body=body, headers=headers)

    def _refusal(self, response: Response) -> PlatformError:
        status, code = response.status, said_in(response, "code")
        detail = text_of_html(said_in(response, "message"))[:200] or f"HTTP {status}"
        wait = retry_after(response.headers, dt.datetime.now(dt.UTC))
        if status == 429 or code == "comment_flood":
            return PlatformError("throttled", detail, retry_after=wait or 15)
        if status >= 500:
            return PlatformError("unavailable", f"HTTP {status}", maybe_done=True, retry_after=wait)
        if status == 401 and code in (
            "rest_forbidden",
            "rest_cannot_edit",
            "rest_forbidden_context",
            "rest_forbidden_status",
        ):
            return PlatformError("credentials" if self.is_signed else "forbidden", detail, permanent=True)
        if status == 401:
            return PlatformError("credentials", detail, permanent=True)
        if status == 403:
            return PlatformError("forbidden", detail, permanent=True)
        if status == 404:
            return PlatformError("missing", detail, permanent=True)
        if status in (400, 409):
            return PlatformError("refused", f"{code}: {detail}" if code else detail, permanent=True)
        return PlatformError("undecodable", f"HTTP {status}", maybe_done=True)

    def connect(self) -> Identity:
        rest = self._rest_style()
        name = str(urlsplit(self.base_url).hostname)
        if not rest:
            self._feed_url()
            why = _("This site's REST API is closed to us; its feed can only be read. Open the page to answer there.")
            return Identity(self.site, self.site, name, {"public": why}, {"rest": ""})
        if not self.is_signed:
            why = _("Without an application password comments can only be read.")
            return Identity(self.site, self.site, name, {"public": why}, {"rest": rest})
        self.identity = Identity(self.site, "", "", facts={"rest": rest})
        me = self.decoded(self.call("GET", "/wp/v2/users/me", {"context": "edit"}))
        capabilities = me.get("capabilities")
        may = isinstance(capabilities, dict) and bool(capabilities.get("moderate_comments"))
        if not may:
            raise PlatformError("forbidden", _("the user may not moderate comments"), permanent=True)
        user = me.get("id")
        if not isinstance(user, int):
            raise PlatformError("undecodable", "a user without id")
        handle = str(me.get("name") or me.get("slug") or name)
        return Identity(self.site, f"user:{user}", handle, facts={"rest": rest, "user": user})

    def _rest_style(self) -> str:
        """How this site's REST API is reached: by path, by query, or not at all ("")."""
        for style in ("path", "query"):
            response = self._asked("GET", COMMENTS, {"per_page": 1}, None, style)
            if response.status >= 500:
                raise self._refusal(response)
            if response.status == 401 and self.is_signed:
                raise self._refusal(response)
            if response.status == 200 and response.body.lstrip().startswith(b"["):
                return style
        return ""

    def _feed_url(self) -> str:
        """The comments' feed; PlatformError where there is none either."""
        for path in FEEDS:
            try:
                syndication.ask_for(self, f"{self.base_url}{path}", {})
            except PlatformError as error:
                if error.code in ("unavailable", "throttled") or path == FEEDS[-1]:
                    raise
                continue
            return f"{self.base_url}{path}"
        raise AssertionError("the last one raised")

    # --- hearing -----------------------------------------------------------------------------------------------

    def fetch(self, stream: str, query: str, cursor: Mapping[str, Any]) -> Iterator[Page]:
        if not self.facts.get("rest"):
            return self._by_feed(cursor)
        return self._by_id(cursor) if self.is_signed else self._by_date(cursor)

    def _by_id(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Newest first, whatever their state, back to the newest id known; the position comes with the last page."""
        known, newest = int(cursor.get("id", 0)), 0
        oldest = dt.datetime.now(dt.UTC) - FIRST_LOOK
        params = {
            "context": "edit",
            "status": "all",
            "orderby": "id",
            "order": "desc",
            "per_page": PAGE,
            "type": "comment",
        }
        for number in range(1, MOST_PAGES + 1):
            items = self._items({**params, "page": number})
            ids = [item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), int)]
            newest = max([newest, known, *ids])
            fresh = [item for item in items if not _is_old(item, known, oldest)]
            last = len(fresh) < len(items) or len(items) < PAGE or number == MOST_PAGES
            yield self._page(fresh, {"id": newest} if last else None)
            if last:
                return

    def _by_date(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        """Approved ones since some days before the newest known: what was approved late keeps its old date."""
        seen = time_of(cursor["at"], "cursor") if cursor.get("at") else None
        since = (seen - OVERLAP) if seen else dt.datetime.now(dt.UTC) - FIRST_LOOK
        params = {"orderby": "date_gmt", "order": "desc", "per_page": PAGE, "after": since.isoformat()}
        newest = seen
        for number in range(1, MOST_PAGES + 1):
            items = self._items({**params, "page": number})
            times = [at for at in map(_said_at, items) if at]
            newest = max([at for at in (newest, *times) if at], default=None)
            last = len(items) < PAGE or number == MOST_PAGES
            yield self._page(items, {"at": newest.isoformat()} if last and newest else None)
            if last:
                return

    def _by_feed(self, cursor: Mapping[str, Any]) -> Iterator[Page]:
        url = str(cursor.get("feed") or self._feed_url())
        answer = syndication.ask_for(self, url, cursor)
        self.rest = answer.rest
        posts, malformed = read_each(answer.entries or [], self._entry)
        yield Page(tuple(posts), tuple(malformed), cursor={**answer.position, "feed": url})

    def reads_back(self, stream: str) -> bool:
        return bool(self.facts.get("rest"))

    def past(self, stream: str, query: str, span: Span, position: Mapping[str, Any], most: int) -> Iterator[Page]:
        """Oldest first. Sites compare with their own clock, which may be hours away: a day more is asked for."""
        if not self.facts.get("rest"):
            raise PlatformError("refused", _("a feed holds the newest only"), permanent=True)
        day = dt.timedelta(days=1)
        params: dict[str, Any] = {"after": (span.since - day).isoformat(), "before": (span.until + day).isoformat()}
        params |= {"orderby": "date_gmt", "order": "asc", "per_page": PAGE, "type": "comment"}
        if self.is_signed:
            params |= {"context": "edit", "status": "all"}
        for number in range(int(position.get("page", 1)), MOST_PAGES + 1):
            items = self._items({**params, "page": number})
            yield self._page(
                [item for item in items if span.holds(_said_at(item))], {"page": number + (len(items) == PAGE)}
            )
            if len(items) < PAGE:
                return

    def _items(self, params: Mapping[str, Any]) -> list[Any]:
        try:
            return self.decoded_list(self.call("GET", COMMENTS, params))
        except PlatformError as error:
            if error.code == "refused" and "rest_comment_invalid_page_number" in error.detail:
                return []  # comments went away while we paged
            raise

    def _page(self, items: list[Any], cursor: Mapping[str, Any] | None) -> Page:
        posts, malformed = read_each(items, self._post)
        return Page(tuple(posts), tuple(malformed), cursor=cursor)

    def _post(self, item: Any) -> Post:
        number, under, parent = _number(item, "id"), _number(item, "post"), item.get("parent") or 0
        rendered = item["content"]["rendered"]
        if not isinstance(rendered, str):
            raise TypeError("content.rendered is no text")
        text, status = text_of_html(rendered), str(item.get("status") or "approved")
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
        author = _author(item, number)
        return Post(
            kind="post",
            external_id=f"comment:{number}",
            local_id=str(number),
            version=digest,
            author=author,
            text=text,
            said_at=time_of(item["date_gmt"], "date_gmt"),
            thread_key=f"post:{under}",
            parent_id=f"comment:{parent}" if isinstance(parent, int) and parent > 0 else "",
            url=str(item.get("link") or ""),
            ours=bool(self.facts.get("user")) and author.external_id == f"user:{self.facts['user']}",
            reference={"post": under, "id": number, "held": status == "hold", "status": status},
            raw=item,
        )

    def _entry(self, entry: Any) -> Post:
        """A comment as its feed tells it: its page and number stand in its guid and link."""
        link, name = syndication.link_of(entry), syndication.name_of(entry)
        number = link.rpartition("#comment-")[2] if "#comment-" in link else ""
        author = str(entry.get("author") or "").strip()
        own = f"comment:{number}" if number.isdigit() else name
        return Post(
            kind="post",
            external_id=own,
            local_id=number if number.isdigit() else "",
            author=Author(syndication.fitting(f"name:{author.lower()}") if author else f"guest:{own}", name=author),
            text=syndication.words_of(entry),
            said_at=syndication.said_at(entry, dt.datetime.now(dt.UTC)),
            thread_key=syndication.fitting(link.partition("#")[0] or own),
            url=link,
            raw={
                key: str(entry.get(key) or "")[:4000]
                for key in ("id", "link", "title", "author", "published", "summary")
            },
        )

    def reread(self, stream: str, raw: Any) -> Page:
        posts, malformed = read_each([raw], self._post if isinstance(raw, dict) and "content" in raw else self._entry)
        return Page(tuple(posts), tuple(malformed))

    def lookup(self, items: Sequence[Ref]) -> Found:
        known = {item.local_id: item.external_id for item in items if item.local_id.isdigit()}
        if not known or not self.facts.get("rest"):
            return Found()
        posts, malformed, gone = list[Post](), list[Malformed](), list[str]()
        params = {"include": ",".join(known), "per_page": PAGE}
        signed = {"context": "edit", "status": "all"} if self.is_signed else {}
        shown = self._items({**params, **signed})
        present = {str(item["id"]) for item in shown if isinstance(item, dict) and "id" in item}
        for name in [name for name in known if name not in present]:
            item = self._alone(name)
            if str(item.get("status") or "") in GONE:
                gone.append(known[name])
            elif item.get("id"):  # marked as spam there: lists leave it out, its words are kept
                shown.append(item)
        posts, malformed = read_each(shown, self._post)
        return Found(tuple(posts), tuple(gone), tuple(malformed))

    def _alone(self, name: str) -> dict[str, Any]:
        """A comment that a list left out, by itself: {"status": "trash"} where it is gone; {} where we may not know."""
        try:
            return self.decoded(self.call("GET", f"{COMMENTS}/{name}", {"context": "edit"} if self.is_signed else {}))
        except PlatformError as error:
            if error.code == "missing":
                return {"status": "trash"}
            if error.code in ("forbidden", "credentials") and not self.is_signed:
                return {}
            raise

    # --- answering ---------------------------------------------------------------------------------------------

    def limits(self, action: str, target: Mapping[str, Any] = NOTHING) -> Limits:
        return Limits(MAX_LENGTH)

    def why_not(self, action: str, target: Mapping[str, Any]) -> str:
        if action in ("approve", "spam") and not target.get("held"):
            return _("This comment is not waiting for approval.")
        if action == "hide" and target.get("held"):
            return _("Nobody sees this comment yet.")
        return ""

    def freeze(self, draft: Draft) -> list[FrozenPart]:
        target = {"id": draft.target["id"], "post": draft.target["post"]}
        if draft.action in MODERATES:
            return [FrozenPart({"action": draft.action, **target})]
        held = bool(draft.target.get("held"))  # answering a held comment publishes it, as in WordPress itself
        written = draft.written_at.isoformat()
        return [FrozenPart({"action": "public", "text": draft.text, "approve": held, "written_at": written, **target})]

    def resendable(self, payload: Mapping[str, Any]) -> bool:
        return payload.get("action") in MODERATES

    def send(self, payload: Mapping[str, Any]) -> Sent:
        number = payload["id"]
        if payload["action"] == "hide":
            self._set_status(number, "hold")
            return Sent(f"hide:{number}")
        if payload["action"] in ("approve", "spam"):
            self._release(number, "approved" if payload["action"] == "approve" else "spam")
            return Sent(f"{payload['action']}:{number}")
        if payload.get("approve"):
            self._release(number, "approved")
        # plain text: what looks like a tag is shown, not obeyed
        body = {"post": payload["post"], "parent": number, "content": html.escape(str(payload["text"]), quote=False)}
        try:
            answer = self.decoded(self.call("POST", COMMENTS, body=body))
        except PlatformError as error:
            if error.code == "refused" and "comment_duplicate" in error.detail and (found := self.find(payload)):
                return found
            raise
        return _sent(answer)

    def _release(self, number: int, status: str) -> None:
        """Decide on a comment that is still held: what somebody has thrown away meanwhile is not published again."""
        now = str(self._alone(str(number)).get("status") or "")
        if now == status:
            return
        if now not in ("hold", ""):
            words = {
                "trash": _("it is in the trash"),
                "spam": _("it is marked as spam"),
                "approved": _("it is approved"),
            }
            raise PlatformError("moderated", words.get(now, now), permanent=True)
        self._set_status(number, status)

    def _set_status(self, number: int, status: str) -> None:
        """The same again changes nothing, so that a try after a lost answer is harmless."""
        try:
            self.call("POST", f"{COMMENTS}/{number}", body={"status": status})
        except PlatformError as error:
            error.maybe_done = False
            if error.code == "missing":
                raise PlatformError("gone", permanent=True) from error
            raise

    def find(self, payload: Mapping[str, Any], known: Collection[str] = ()) -> Sent | None:
        if payload["action"] != "public" or not payload.get("text"):
            return None
        since = time_of(payload["written_at"], "written_at") - dt.timedelta(minutes=2)
        params = {"post": payload["post"], "parent": payload["id"], "orderby": "id", "order": "desc", "per_page": PAGE}
        for item in self._items({**params, "context": "edit", "status": "all"}):
            try:
                post = self._post(item)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            is_same = " ".join(post.text.split()) == " ".join(str(payload["text"]).split())
            if post.ours and is_same and post.said_at >= since and post.external_id not in known:
                return _sent(item)
        return None


def _sent(item: Mapping[str, Any]) -> Sent:
    if not isinstance(item.get("id"), int):
        raise PlatformError("undecodable", "a comment without id", maybe_done=True)
    return Sent(f"comment:{item['id']}", str(item.get("link") or ""), {"id": str(item["id"])})


def _number(item: Mapping[str, Any], name: str) -> int:
    value = item[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is no number")
    return value


def _author(item: Mapping[str, Any], number: int) -> Author:
    """A user of the site by number, a guest by address where we may see it, else for this comment only."""
    name, url = str(item.get("author_name") or ""), str(item.get("author_url") or "")
    user, address = item.get("author"), item.get("author_email")
    if isinstance(user, int) and user > 0:
        return Author(f"user:{user}", name=name, url=url)
    if isinstance(address, str) and "@" in address:
        return Author(f"mail:{address.lower()}"[:512], handle=address, name=name, url=url)
    return Author(f"guest:{number}", name=text_of_html(name) or "", url=url)


def _said_at(item: Any) -> dt.datetime | None:
    try:
        return time_of(text_of(item["date_gmt"], "date_gmt"), "date_gmt")
    except (KeyError, TypeError, ValueError):
        return None


def _is_old(item: Any, known: int, oldest: dt.datetime) -> bool:
    number = item.get("id") if isinstance(item, dict) else None
    if known:
        return isinstance(number, int) and number <= known
    at = _said_at(item)
    return at is not None and at < oldest
