"""Where the links of live articles lead: within the help centre by its rows, elsewhere by asking, politely and seldom.

What leads nowhere is a `BrokenLink` until it is mended. A site that turns machines away (401, 403, 429) says nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urldefrag, urljoin, urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk.models import Brand
from helpdesk.net import HttpClient, NetError, Response
from knowledge import markdown
from knowledge.centre.place import address_of
from knowledge.models import READABLE, BrokenLink, Category, Edition, HelpCentre, Idea, OldAddress, Picture

SECONDS, PAUSE_SECONDS = 10.0, 1.0  # one request at most; between two to the same host
HOPS, MOST_BYTES = 6, 2 * 1024 * 1024
LONGEST_URL, LONGEST_PROBLEM, CHUNK = 1000, 200, 200
UNASKED = ("mailto:", "tel:")
ASK_AGAIN = {403, 405, 501}  # answers to HEAD of sites that answer GET
HEADERS = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass
class Outcome:
    """`links`: distinct addresses that were looked at. `next`: where to go on, when the turn was over; else ""."""

    articles: int = 0
    links: int = 0
    broken: int = 0
    mended: int = 0
    next: str = ""


@dataclass(frozen=True)
class Spot:
    """A live edition, as far as links to it and from it need."""

    brand: int
    language: str
    slug: str
    visible: str
    anchors: frozenset[str]


Say = Callable[[str], None]


def check(
    brand: Brand | None = None, *, after: str = "", turn: float | None = None, say: Say = lambda sentence: None
) -> Outcome:
    """Look at every link of the brand's live articles (of all brands'). `say` hears of each that is broken.

    `turn`: seconds after which it stops; with the `next` it answers as `after` it goes on from there.
    """
    run = _Run(brand, say, _House())
    run.read()
    if not after:
        run.forget_gone()
        run.check_local()
    until = None if turn is None else time.monotonic() + turn
    run.check_remote(after, until)
    return run.outcome


@dataclass
class _Run:
    brand: Brand | None
    say: Say
    house: _House
    outcome: Outcome = field(default_factory=Outcome)
    spots: dict[int, Spot] = field(default_factory=dict)
    local: list[tuple[int, str]] = field(default_factory=list)  # (edition, link)
    remote: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # address -> where it stands
    known: set[tuple[int, str]] = field(default_factory=set)  # that were broken when last seen

    # --- what there is ---------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Every live edition with its links, and what is known to be broken."""
        rows = Edition.objects.live().select_related("live", "article")
        broken = BrokenLink.objects.all()
        if self.brand is not None:
            rows, broken = rows.for_brand(self.brand), broken.filter(brand=self.brand)
        self.known = set(broken.values_list("edition", "url"))
        for row in rows.order_by("pk").iterator(CHUNK):
            self.outcome.articles += 1
            assert row.live is not None
            found = markdown.rendered(row.live.body)
            anchors = frozenset(heading.anchor for heading in found.headings)
            self.spots[row.pk] = Spot(row.brand_id, row.language, row.slug, row.article.visible, anchors)
            for link in found.links:
                if not link.lower().startswith(UNASKED):
                    self._sort(row.pk, link)

    def _sort(self, edition: int, link: str) -> None:
        whole = self.house.whole(self.spots[edition], link)
        if whole is None or self.house.is_ours(whole) or whole.scheme not in ("http", "https"):
            self.local.append((edition, link))
        else:
            self.remote.setdefault(urldefrag(whole.geturl()).url, []).append((edition, link))

    def forget_gone(self) -> None:
        """What stands in no live article any more is no trouble any more."""
        there = {(edition, link[:LONGEST_URL]) for edition, link in self._all()}
        for edition, link in self.known - there:
            self._mended(edition, link)

    def _all(self) -> Iterator[tuple[int, str]]:
        yield from self.local
        for places in self.remote.values():
            yield from places

    # --- looking ---------------------------------------------------------------------------------------------------

    def check_local(self) -> None:
        for edition, link in self.local:
            self.outcome.links += 1
            self._note(edition, link, self._local_problem(edition, link))

    def _local_problem(self, edition: int, link: str) -> str:
        whole = self.house.whole(self.spots[edition], link)
        if not link or whole is None or whole.scheme not in ("http", "https"):
            return _("This is no address.")
        if link.startswith("#"):
            return _no_heading(link[1:], self.spots[edition].anchors)
        return self.house.problem(whole, self.spots[edition], self.anchors)

    def anchors(self, edition: int) -> frozenset[str]:
        """The headings of any live edition, of other brands, too."""
        if edition in self.spots:
            return self.spots[edition].anchors
        row = Edition.objects.select_related("live").get(pk=edition)
        assert row.live is not None
        return frozenset(heading.anchor for heading in markdown.rendered(row.live.body).headings)

    def check_remote(self, after: str, until: float | None) -> None:
        """Each address once, in an order that mixes hosts and stays the same, so that it can be gone on with."""
        asking = _Asking()
        with HttpClient(seconds=SECONDS, max_bytes=MOST_BYTES) as http:
            for key, address in sorted((_order(address), address) for address in self.remote):
                if key <= after:
                    continue
                problem = asking.problem(http, address)
                self.outcome.links += 1
                for edition, link in self.remote[address]:
                    self._note(edition, link, problem)
                if until is not None and time.monotonic() > until:
                    self.outcome.next = key
                    return

    # --- writing down ----------------------------------------------------------------------------------------------

    def _note(self, edition: int, link: str, problem: str | None) -> None:
        """`problem`: what is wrong, "" where nothing is, None where nobody can say: then it stays as it was."""
        if problem == "":
            self._mended(edition, link[:LONGEST_URL])
        elif problem is not None:
            self._broken(edition, link[:LONGEST_URL], problem[:LONGEST_PROBLEM], timezone.now())

    def _broken(self, edition: int, link: str, problem: str, now: dt.datetime) -> None:
        spot = self.spots[edition]
        try:
            with transaction.atomic():
                BrokenLink.objects.update_or_create(
                    edition_id=edition, url=link,
                    defaults={"problem": problem, "seen_at": now},
                    create_defaults={"problem": problem, "seen_at": now, "since": now, "brand_id": spot.brand},
                )  # fmt: skip
        except IntegrityError:  # the brand went meanwhile
            return
        self.outcome.broken += 1
        self.say(f"{spot.language}/{spot.slug}: {link}: {problem}")

    def _mended(self, edition: int, link: str) -> None:
        if (edition, link) in self.known:
            BrokenLink.objects.filter(edition=edition, url=link).delete()
            self.outcome.mended += 1


# --- within the house ------------------------------------------------------------------------------------------


class _House:
    """Every help centre here, and what stands in it."""

    def __init__(self) -> None:
        self.centres = {brand.pk: HelpCentre.of(brand) for brand in Brand.objects.order_by("pk")}
        self.by_slug = {centre.brand.slug: centre for centre in self.centres.values()}
        self.by_domain = {centre.domain: centre for centre in self.centres.values() if centre.domain}
        live = Edition.objects.live()
        self.editions = {
            (brand, language, slug): (key, visible)
            for key, brand, language, slug, visible in live.values_list(
                "pk", "brand", "language", "slug", "article__visible"
            )
        }
        old = OldAddress.objects.filter(edition__live__isnull=False).values_list(
            "edition", "brand", "language", "slug", "edition__article__visible"
        )
        for key, brand, language, slug, visible in old:
            self.editions.setdefault((brand, language, slug), (key, visible))
        self.shelves = set(Category.objects.values_list("brand", "slug"))

    def whole(self, spot: Spot, link: str) -> SplitResult | None:
        """The link as a reader of that article follows it; None for what is no address."""
        centre = self.centres[spot.brand]
        try:
            found = urlsplit(urljoin(address_of(centre.brand, centre, spot.language, "article", spot.slug), link))
            return found if found.port is None or found.port > 0 else None
        except ValueError:
            return None

    def is_ours(self, whole: SplitResult) -> bool:
        return self._own(whole) is not None or whole.netloc.lower() == _our_place()

    def _own(self, whole: SplitResult) -> HelpCentre | None:
        """The help centre that has this domain."""
        usual = whole.port in (None, 80, 443)
        return self.by_domain.get((whole.hostname or "").lower()) if usual else None

    def problem(self, whole: SplitResult, reader: Spot, anchors: Callable[[int], frozenset[str]]) -> str:
        own = self._own(whole)
        match = _matched(whole.path, "knowledge.own_urls" if own else settings.ROOT_URLCONF)
        if match is None:
            return "" if whole.path.startswith(settings.STATIC_URL) else _("There is no such page here.")
        if "help" not in match.namespaces or match.url_name in ("front", "theme"):
            return ""
        if match.url_name == "picture":
            return "" if Picture.objects.filter(key=match.kwargs["key"]).exists() else _("This picture is gone.")
        centre = own or self.by_slug.get(match.kwargs.get("slug", ""))
        if centre is None:
            return _("There is no such help centre.")
        language = match.kwargs.get("language")
        if language and language not in centre.spoken:
            return _("The help centre does not speak this language.")
        if match.url_name in ("article", "helped"):
            return self._article_problem(centre, match.kwargs, whole.fragment, reader, anchors)
        return self._shelf_problem(centre, match)

    def _article_problem(
        self, centre: HelpCentre, kwargs: dict[str, str], part: str, reader: Spot, anchors: Callable[[int], frozenset[str]]
    ) -> str:  # fmt: skip
        found = self.editions.get((centre.brand.pk, kwargs["language"], kwargs["name"]))
        if found is None:
            return _("There is no such article, or it is not published.")
        edition, visible = found
        if any(reader.visible in seen and visible not in seen for seen in READABLE.values()):
            return _("Not everybody who reads this may read the article it leads to.")
        return _no_heading(part, anchors(edition)) if part else ""

    def _shelf_problem(self, centre: HelpCentre, match: ResolverMatch) -> str:
        if match.url_name == "category" and (centre.brand.pk, match.kwargs["name"]) not in self.shelves:
            return _("There is no such category.")
        if match.url_name == "idea":
            ideas = Idea.objects.filter(brand=centre.brand, pk=match.kwargs["key"], is_hidden=False)
            return "" if ideas.exists() else _("There is no such idea.")
        return ""


def _our_place() -> str:
    return urlsplit(str(settings.BASE_URL) or "http://localhost:8000").netloc.lower()


def _matched(path: str, urlconf: str) -> ResolverMatch | None:
    for wanted in (unquote(path) or "/", f"{unquote(path)}/"):
        try:
            return resolve(wanted, urlconf=urlconf)
        except Resolver404:
            continue
    return None


def _no_heading(part: str, anchors: Iterable[str]) -> str:
    wanted = unquote(part)
    if not wanted or wanted == "top" or wanted in anchors:
        return ""
    return _("There is no heading “%(name)s” there.") % {"name": wanted[:100]}


# --- elsewhere -------------------------------------------------------------------------------------------------


def _order(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


class _Asking:
    """Requests with a pause between two to the same host."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    def problem(self, http: HttpClient, address: str) -> str | None:
        """What is wrong with an address elsewhere; "" for nothing, None where its answer does not tell."""
        try:
            status = self._ask(http, "HEAD", address).status
            if status in ASK_AGAIN:
                status = self._ask(http, "GET", address).status
        except NetError as error:
            return _in_words(error, address)
        except ValueError:  # it leads on to what is no address
            return _("It leads on to what is no address.")
        return _told_by(status)

    def _ask(self, http: HttpClient, method: str, address: str) -> Response:
        host = urlsplit(address).netloc.lower()
        time.sleep(max(self._free_at.get(host, 0.0) - time.monotonic(), 0.0))
        try:
            return http.request(method, address, headers=HEADERS, redirects=HOPS)
        finally:
            self._free_at[host] = time.monotonic() + PAUSE_SECONDS


def _told_by(status: int) -> str | None:
    if status < 300:
        return ""
    if status < 400:
        return _("It is led on again and again (%(status)s).") % {"status": status}
    if status == 404:
        return _("There is no such page (404).")
    if status == 410:
        return _("The page is gone for good (410).")
    return _("The site has trouble (%(status)s).") % {"status": status} if status >= 500 else None


def _in_words(error: NetError, address: str) -> str | None:
    if error.code == "too_large":  # it answers, with more than we want
        return ""
    if error.code == "blocked":
        return (
            _("Not looked at: plain http and private networks are not called from here.")
            if address.lower().startswith("http://")
            else _("Not looked at: it leads into a private network, or on without encryption.")
        )
    words = {
        "dns": _("No such site is known (DNS)."),
        "refused": _("The site takes no calls."),
        "tls": _("The site’s certificate cannot be trusted (TLS)."),
        "timeout": _("No answer within %(seconds)s seconds.") % {"seconds": int(SECONDS)},
        "broken": _("The site broke off its answer."),
        "bad_url": _("This is no address that can be called."),
    }
    return words.get(error.code)
