"""Pages → articles: each in a transaction of its own, each once however often it is brought in.

A page is known by its language and address, an address it once had, or the article its other languages belong to. What says
the same is left alone; what changed becomes a new revision. A page that cannot be taken is named, and all others come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from django.db import DatabaseError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from helpdesk.models import Brand, User
from helpdesk.text.clean import one_line
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import pictures, publishing
from knowledge.centre.place import address_of, path_to
from knowledge.exchange import read, rewrite, table
from knowledge.exchange.folder import Folder, within
from knowledge.exchange.page import Page, Tongues, Unfit
from knowledge.models import Article, Category, Edition, HelpCentre, OldAddress
from knowledge.publishing import Words
from knowledge.states import EditionState

STEP = 100  # pages after which it says how far it is
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to bring in: a folder or a CSV file. `language`: where nothing says another. `is_dry`: nothing is written. `by`: who brings it, where that is a person."""

    brand: Brand
    path: Path
    language: str = ""
    publishes: bool = False
    is_dry: bool = False
    by: User | None = None


@dataclass
class Outcome:
    """Articles by what became of them, each language counted; `pictures`: those that are new."""

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    pictures: int = 0


def bring_in(wanted: Wanted, say: Say, tell: Callable[[int, int], None] = lambda done, total: None) -> Outcome:
    """Bring all of it in. `say` hears sentences, `tell` how far it is. Refused where nothing of it can be used."""
    centre = HelpCentre.of(wanted.brand)
    tongues = Tongues(centre.spoken, "")
    tongues = replace(tongues, default=tongues.meant(wanted.language or centre.language))
    if wanted.path.is_dir():
        folder = Folder(wanted.path)
        found = read.pages(folder, tongues)
    else:
        folder = Folder(wanted.path.parent)
        found = table.pages(wanted.path, tongues)
    run = _Run(wanted, centre, folder, say)
    pages = run.placed(found)
    for number, page in enumerate(pages, 1):
        run.take(page)
        if number % STEP == 0:
            tell(number, len(pages))
    return run.outcome


@dataclass
class _Run:
    """One import, and what it knows so far."""

    wanted: Wanted
    centre: HelpCentre
    folder: Folder
    say: Say
    outcome: Outcome = field(default_factory=Outcome)
    groups: dict[str, dict[str, Page]] = field(default_factory=dict)  # group -> language -> page
    paths: dict[str, Page] = field(default_factory=dict)
    articles: dict[str, int] = field(default_factory=dict)  # group -> the article it is by now
    slugs: dict[str, str] = field(default_factory=dict)  # place -> the address it really has
    seen: dict[str, str] = field(default_factory=dict)  # a picture's path -> its address here

    @property
    def brand(self) -> Brand:
        return self.wanted.brand

    def refuse(self, place: str, why: str) -> None:
        self.outcome.refused += 1
        self.say(f"{place}: {why}")

    # --- which page is which ---------------------------------------------------------------------------------------

    def placed(self, found: Iterable[Page | Unfit]) -> list[Page]:
        """Pages with an address of their own, the first language first: what translates them comes after them."""
        taken: dict[tuple[str, str], Page] = {}
        for page in found:
            if isinstance(page, Unfit):
                self.refuse(page.place, page.why)
            elif twin := self.groups.get(page.group, {}).get(page.language):
                self.refuse(page.place, _("%(other)s is the same article in this language.") % {"other": twin.place})
            elif (fit := _free(page, taken)) is None:
                other = taken[page.language, page.slug].place
                self.refuse(
                    page.place, _("It has the address of %(other)s. Say another with “slug:”.") % {"other": other}
                )
            else:
                taken[fit.language, fit.slug] = fit
                self.groups.setdefault(fit.group, {})[fit.language] = fit
                self._name(fit)
        return sorted(taken.values(), key=lambda page: self.centre.spoken.index(page.language))

    def _name(self, page: Page) -> None:
        """How links call it: by its path, without its ending, or by its folder."""
        if not page.path:
            return
        path = PurePosixPath(page.path)
        self.paths[page.path] = page
        self.paths.setdefault(path.with_suffix("").as_posix(), page)
        if path.stem.lower() in read.INDEX:
            self.paths.setdefault(path.parent.as_posix(), page)

    def _edition(self, page: Page) -> Edition | None:
        """The edition that the page is, if it is there: by its address, an old one, or its article's other languages."""
        rows = Edition.objects.for_brand(self.brand).filter(language=page.language)
        rows = rows.select_related("article__category", "latest")
        if page.slug and (found := rows.filter(slug=page.slug).first()):
            return found
        if page.slug and (found := rows.filter(old_addresses__slug=page.slug).first()):
            return found
        article = self._article(page)
        return rows.filter(article=article).first() if article else None

    def _article(self, page: Page) -> int | None:
        if page.group in self.articles:
            return self.articles[page.group]
        articles = Article.objects.for_brand(self.brand)
        if page.key and (found := articles.filter(public_id=page.key).values_list("pk", flat=True).first()):
            return int(found)
        for other in self.groups.get(page.group, {}).values():
            rows = articles.filter(editions__language=other.language, editions__slug=other.slug)
            if other is not page and (found := rows.values_list("pk", flat=True).first()):
                return int(found)
        return None

    # --- one page --------------------------------------------------------------------------------------------------

    def take(self, page: Page) -> None:
        try:
            became = self._taken(page)
        except Refused as refusal:
            self.refuse(page.place, refusal.text)
        except Conflict as conflict:
            self.refuse(page.place, str(conflict))
        except DatabaseError as error:
            self.refuse(page.place, _("It could not be kept (%(why)s). Run this again.") % {"why": error})
        else:
            setattr(self.outcome, became, getattr(self.outcome, became) + 1)

    def _taken(self, page: Page) -> str:
        """What became of it: new, changed or same."""
        publishing.checked(replace(page.words, body=""))
        words = publishing.checked(replace(page.words, body=self._moved(page), why=_("From %s") % page.place))
        edition = self._edition(page)
        if self.wanted.is_dry:
            return self._would_become(page, words, edition)
        with transaction.atomic():
            edition, became = self._kept(page, words, edition)
            if self._is_to_publish(page, edition) and self._published(page, edition):
                became = "changed" if became == "same" else became
        self.articles[page.group], self.slugs[page.place] = edition.article_id, edition.slug
        return became

    def _would_become(self, page: Page, words: Words, edition: Edition | None) -> str:
        became = "new"
        if edition is not None:
            is_changed = _differs(words, edition) or self._changes(page, edition) or _fresh_addresses(page, edition)
            became = "changed" if is_changed or self._is_to_publish(page, edition) else "same"
        if became != "same":
            self.say(f"{page.place}: {_('would be new') if became == 'new' else _('would be changed')}")
        return became

    def _kept(self, page: Page, words: Words, edition: Edition | None) -> tuple[Edition, str]:
        if edition is None:
            made = self._made(page, words)
            publishing.lead_on(made, page.old_addresses)
            if page.state == EditionState.ARCHIVED:
                made = publishing.archive(made.pk, self.wanted.by, words.why)
            return made, "new"
        changes = self._changes(page, edition)
        is_changed = bool(changes) or _differs(words, edition)
        if _differs(words, edition):
            edition = publishing.save(edition.pk, self.wanted.by, words, is_up_to_date=True)
        if changes:
            self._settle(page, edition.article, changes)
        if _is_moved(page, edition):
            edition, is_changed = publishing.readdress(edition.pk, self.wanted.by, page.slug), True
        is_changed |= publishing.lead_on(edition, page.old_addresses) > 0
        return edition, "changed" if is_changed else "same"

    def _made(self, page: Page, words: Words) -> Edition:
        """A new edition, of its article where that is there."""
        article = self._article(page)
        if article is None:
            values: dict[str, Any] = {"visible": page.visible} if page.visible else {}
            if name := page.category or page.shelf:
                values["category"] = self._shelf(name, page.language) or self._new_shelf(name)
            return publishing.create(
                self.brand, self.wanted.by, words, page.language, slug=page.slug, review_by=page.review_by, **values
            )
        made = publishing.translate(article, self.wanted.by, words, page.language, slug=page.slug)
        if changes := self._changes(page, made):
            self._settle(page, made.article, changes)
        return made

    def _is_to_publish(self, page: Page, edition: Edition) -> bool:
        is_meant = page.state in ("", EditionState.PUBLISHED)
        return self.wanted.publishes and is_meant and edition.state in (EditionState.DRAFT, EditionState.REVIEW)

    def _published(self, page: Page, edition: Edition) -> bool:
        """Whether readers see it now: what is not complete stays a draft."""
        try:
            publishing.publish(edition.pk, self.wanted.by, _("Brought in"))
        except Refused as refusal:
            self.say(_("%(place)s stays a draft. %(why)s") % {"place": page.place, "why": refusal.text})
            return False
        return True

    # --- what stands around the words ------------------------------------------------------------------------------

    def _changes(self, page: Page, edition: Edition) -> dict[str, Any]:
        """What the page says otherwise than its article. A translation only tells what the category is called."""
        article = edition.article
        if not self._leads(edition):
            return {"called": page.category} if self._is_new_name(page, article.category) else {}
        changes: dict[str, Any] = {}
        if page.visible and page.visible != article.visible:
            changes["visible"] = page.visible
        if page.review_by and page.review_by != article.review_by:
            changes["review_by"] = page.review_by
        if page.category:
            shelf = self._shelf(page.category, page.language)
            if shelf is None or shelf.pk != article.category_id:
                changes["category"] = shelf
        return changes

    def _settle(self, page: Page, article: Article, changes: dict[str, Any]) -> None:
        if "called" in changes:
            shelf = article.category
            assert shelf is not None
            texts = {**shelf.texts, page.language: {"name": one_line(page.category, 100)}}
            publishing.save_category(self.brand, self.wanted.by, shelf, texts=texts)
            return
        if "category" in changes and changes["category"] is None:
            changes = {**changes, "category": self._new_shelf(page.category)}
        publishing.settle(article.pk, self.wanted.by, **changes)

    def _leads(self, edition: Edition) -> bool:
        """Whether what stands around the words is this edition's to say: the first language's, where there is one."""
        first = self.centre.language
        others = Edition.objects.filter(article=edition.article_id).exclude(pk=edition.pk)
        return edition.language == first or not others.filter(language=first).exists()

    def _is_new_name(self, page: Page, shelf: Category | None) -> bool:
        if shelf is None or not page.category or (shelf.texts or {}).get(page.language):
            return False
        return self._shelf(page.category, page.language) is None

    def _shelf(self, name: str, language: str) -> Category | None:
        """The category of that name or address."""
        name, slug = one_line(name, 100), slugify(name)
        for shelf in Category.objects.for_brand(self.brand):
            names = {shelf.name.casefold(), shelf.named(language).casefold()}
            if name.casefold() in names or (slug and shelf.slug == slug):
                return shelf
        return None

    def _new_shelf(self, name: str) -> Category:
        return publishing.save_category(self.brand, self.wanted.by, name=name)

    # --- links and pictures ----------------------------------------------------------------------------------------

    def _moved(self, page: Page) -> str:
        """Its body with links that lead to our articles and pictures that are ours."""
        return rewrite.rewritten(rewrite.without_remote(page.words.body), partial(self._lead, page))

    def _lead(self, page: Page, address: str, is_picture: bool) -> str | None:
        if address.startswith(("#", "//", "/help/picture/")) or rewrite.SCHEME.match(address):
            return None
        path, mark, part = address.partition("#")
        target = within(page.folder, unquote(path.partition("?")[0]))
        if target in self.paths and not is_picture:
            return self._address(self.paths[target], page.language) + mark + part
        if not is_picture and not (target and target.lower().endswith(PICTURES) and self.folder.has(target)):
            return None
        try:
            if target is None:
                raise Refused("picture", "outside", _("It leads out of the folder. Put the picture beside the text."))
            return self._picture(target)
        except Refused as refusal:
            named = one_line(address, 200)
            raise Refused("picture", refusal.code, _("Picture %(name)s: %(why)s") % {"name": named, "why": refusal.text}) from refusal  # fmt: skip

    def _address(self, target: Page, language: str) -> str:
        """Where the page is read here. A file that names no language is meant in that of who links to it."""
        if not target.has_own_language:
            target = self.groups[target.group].get(language, target)
        if target.place not in self.slugs:
            edition = self._edition(target)
            stays = edition is not None and not _is_moved(target, edition)
            self.slugs[target.place] = edition.slug if edition and stays else target.slug
        write = address_of if self.centre.domain else path_to
        return write(self.brand, self.centre, target.language, "article", self.slugs[target.place])

    def _picture(self, path: str) -> str:
        if path not in self.seen:
            content = self.folder.content(path, pictures.MOST_BYTES)
            row = pictures.known(self.brand, content)
            if row is None:
                self.outcome.pictures += 1
                row = None if self.wanted.is_dry else pictures.store(self.brand, self.wanted.by, path, content)
            self.seen[path] = f"/help/picture/{row.key if row else '-' * 22}"
        return self.seen[path]


def _free(page: Page, taken: dict[tuple[str, str], Page]) -> Page | None:
    """The page with an address nobody has: one that we made up begins with its folder's name where it must."""
    return next((one for one in _addressed(page) if (one.language, one.slug) not in taken), None)


def _addressed(page: Page) -> Iterator[Page]:
    yield page
    folder = PurePosixPath(page.folder).name if page.path else ""
    if folder and not page.has_own_slug:
        yield replace(page, slug=publishing.slug_of(f"{folder}-{page.slug}"))


def _differs(words: Words, edition: Edition) -> bool:
    latest = edition.latest
    return latest is None or (latest.title, latest.summary, latest.body) != (words.title, words.summary, words.body)


def _is_moved(page: Page, edition: Edition) -> bool:
    """Whether the page names another address than the edition has, and none that it once had."""
    if not page.has_own_slug or page.slug == edition.slug:
        return False
    return not OldAddress.objects.filter(edition=edition, slug=page.slug).exists()


def _fresh_addresses(page: Page, edition: Edition) -> bool:
    known = {edition.slug, *edition.old_addresses.values_list("slug", flat=True)}
    return _is_moved(page, edition) or bool(set(page.old_addresses) - known)
