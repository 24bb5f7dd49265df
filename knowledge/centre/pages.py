"""Reading: the first page, shelves, articles, search."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from helpdesk.models import Brand
from knowledge import counting, feedback, kept, markdown, search
from knowledge.centre import limits, structured
from knowledge.centre.place import Place, in_place, path_to
from knowledge.models import Category, Edition, HelpCentre, OldAddress, Reading, Topic
from knowledge.reports import promise

SHELF_PAGE, LATEST, POPULAR, ASKED = 50, 6, 6, 3
KEEP_SECONDS = 120  # for which what people read most is kept
RELATED = 4


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """To the only brand's help centre; with several, nobody is told which there are."""
    own = getattr(request, "help_domain", "")
    if own:
        centre = HelpCentre.objects.select_related("brand").filter(domain=own).first()
        if centre is None:
            raise Http404
        return redirect(path_to(centre.brand, centre, _preferred(request, centre), "home", own=True))
    brands = list(Brand.objects.select_related("help_centre").order_by("id")[:2])
    if len(brands) == 1:
        return to_brand(request, brands[0].slug)
    return TemplateResponse(request, "help/nowhere.html", {})


@require_safe
def to_brand(request: HttpRequest, slug: str) -> HttpResponse:
    """To the brand's help centre in the reader's language."""
    brand = Brand.objects.select_related("help_centre").filter(slug=slug).first()
    if brand is None:
        raise Http404
    centre = getattr(brand, "help_centre", None) or HelpCentre(brand=brand)
    return redirect(path_to(brand, centre, _preferred(request, centre), "home"))


def _preferred(request: HttpRequest, centre: HelpCentre) -> str:
    """The first of the reader's languages that the centre speaks; else its first."""
    from django.utils.translation.trans_real import parse_accept_lang_header

    for wanted, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        for spoken in centre.spoken:
            if wanted == spoken or wanted.split("-")[0] == spoken:
                return spoken
    return centre.language


# --- the first page --------------------------------------------------------------------------------------------


@require_safe
@in_place
def home(place: Place) -> HttpResponse:
    shelves = shelves_of(place)
    return place.page(
        "home",
        shelves=shelves,
        popular=popular(place),
        latest=latest(place),
        asked=asked_now(place),
        promise=promise.of(place.brand),
        structured=structured.site(place),
        canonical=place.whole("home"),
        alternates=[(code, place.whole("home", language=code)) for code in place.centre.spoken],
    )


def readable(place: Place) -> Any:
    """Editions this reader may see, in this language."""
    return Edition.objects.for_brand(place.brand).filter(language=place.language).readable(place.reader)


def shelves_of(place: Place) -> list[dict[str, Any]]:
    """Categories that hold something for this reader, with how much."""
    counts = dict(
        readable(place)
        .exclude(article__category=None)
        .order_by()
        .values_list("article__category")
        .annotate(Count("pk"))
    )
    rows = Category.objects.for_brand(place.brand).filter(pk__in=counts)
    return [
        {
            "name": row.named(place.language), "description": row.described(place.language), "count": counts[row.pk],
            "url": place.to("category", row.slug),
        }
        for row in rows
    ]  # fmt: skip


def popular(place: Place) -> list[dict[str, Any]]:
    """What was read most in seven days, with the share of readers it helped; kept for two minutes."""
    key = f"help:popular:{place.brand.pk}:{place.language}:{place.reader}"
    found: list[dict[str, Any]] | None = kept.get(key)
    if found is None:
        found = _popular(place)
        kept.put(key, found, KEEP_SECONDS)
    return [{**one, "url": place.to("article", one["slug"])} for one in found]


def _popular(place: Place) -> list[dict[str, Any]]:
    since = timezone.now().date() - dt.timedelta(days=7)
    top = dict(
        Reading.objects.filter(brand=place.brand, day__gte=since, views__gt=0, edition__language=place.language)
        .values_list("edition")
        .annotate(read=Sum("views"))
        .order_by("-read")[: POPULAR * 3]
    )
    rows = {row.pk: row for row in readable(place).filter(pk__in=top)}
    shares = feedback.shares(list(rows))
    return [
        {"title": rows[key].title, "slug": rows[key].slug, "read": top[key], "share": shares.get(key)}
        for key in sorted(rows, key=lambda key: (-top[key], key))
    ][:POPULAR]


def latest(place: Place) -> list[dict[str, Any]]:
    rows = readable(place).order_by("-changed_at", "-id")[:LATEST]
    return [{"title": row.title, "at": row.changed_at, "url": place.to("article", row.slug)} for row in rows]


def asked_now(place: Place) -> list[dict[str, str]]:
    """Topics that an editor has looked at and people ask most: to their article, else to a search."""
    rows = (
        Topic.objects.for_brand(place.brand)
        .filter(Q(state=Topic.State.KEPT) | ~Q(covered_at=None), language=place.language, asked_30__gt=0)
        .exclude(state__in=[Topic.State.ASIDE, Topic.State.MERGED])
        .order_by("-asked_30", "-id")[:ASKED]
    )
    topics = list(rows)
    slugs = dict(
        readable(place)
        .filter(article__in=[row.article_id for row in topics if row.article_id])
        .values_list("article", "slug")
    )
    return [
        {
            "title": row.title,
            "url": place.to("article", slugs[row.article_id])
            if row.article_id in slugs
            else f"{place.to('search')}?q={_quoted(row.title)}",
        }
        for row in topics
    ]


def _quoted(words: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(words)


# --- shelves and articles --------------------------------------------------------------------------------------


@require_safe
@in_place
def category(place: Place, name: str) -> HttpResponse:
    """One shelf, fifty articles a page; `after` is the last key seen."""
    row = Category.objects.for_brand(place.brand).filter(slug=name).first()
    if row is None:
        raise Http404
    rows = readable(place).filter(article__category=row).order_by("id")
    after = place.request.GET.get("after", "")
    if after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__gt=int(after))
    found = list(rows[: SHELF_PAGE + 1])
    more = found[SHELF_PAGE - 1].pk if len(found) > SHELF_PAGE else None
    articles = [
        {"title": one.title, "summary": one.summary, "url": place.to("article", one.slug)} for one in found[:SHELF_PAGE]
    ]
    if not articles and not after and not place.is_private:
        raise Http404
    crumbs = [(place.brand.name, place.whole("home")), (row.named(place.language), place.whole("category", row.slug))]
    return place.page(
        "category",
        category={"name": row.named(place.language), "description": row.described(place.language)},
        articles=articles,
        more=more,
        is_first=not after,
        structured=structured.crumbs(crumbs),
        canonical=place.whole("category", row.slug),
        alternates=_shelf_elsewhere(place, row),
    )


def _shelf_elsewhere(place: Place, row: Category) -> list[tuple[str, str]]:
    """The shelf in the languages in which it holds something."""
    found = Edition.objects.for_brand(place.brand).readable(place.reader).filter(article__category=row)
    spoken = set(found.order_by().values_list("language", flat=True).distinct())
    return [(code, place.whole("category", row.slug, language=code)) for code in place.centre.spoken if code in spoken]


@require_safe
@in_place
def article(place: Place, name: str) -> HttpResponse:
    """One article. An address it once had leads on; what a reader may not see is not there."""
    edition = readable(place).filter(slug=name).select_related("live", "article__category").first()
    if edition is None:
        return _led_on(place, name)
    counting.seen(edition, place.request)
    return show_article(place, edition)


def show_article(place: Place, edition: Edition, **more: Any) -> HttpResponse:
    assert edition.live is not None
    body = markdown.rendered(edition.live.body, f"{edition.live_id}")
    others = {
        row.language: row
        for row in Edition.objects.filter(article=edition.article_id).readable(place.reader).exclude(pk=edition.pk)
    }
    shelf = edition.article.category
    crumbs = [(place.brand.name, place.whole("home"))]
    if shelf:
        crumbs.append((shelf.named(place.language), place.whole("category", shelf.slug)))
    alternates = [(code, place.whole("article", row.slug, language=code)) for code, row in others.items()]
    canonical = place.whole("article", edition.slug)
    values = {
        "edition": edition, "body": body, "headings": [one for one in body.headings if one.level < 4],
        "shelf": shelf and {"name": shelf.named(place.language), "url": place.to("category", shelf.slug)},
        "related": related(place, edition), "canonical": canonical,
        "alternates": [(edition.language, canonical), *alternates] if alternates else [],
        "other_languages": [(code, row, place.to("article", row.slug, language=code)) for code, row in others.items()],
        "search": place.request.GET.get("s", "")[:32], "said": place.request.GET.get("said", ""),
        "structured": structured.article(place, edition, body, [*crumbs, (edition.title, canonical)]),
        **more,
    }  # fmt: skip
    status = values.pop("status", 200)
    return place.page("article", status=status, **values)


def _led_on(place: Place, name: str) -> HttpResponse:
    old = OldAddress.objects.filter(brand=place.brand, language=place.language, slug=name).first()
    edition = readable(place).filter(pk=old.edition_id).first() if old else None
    if edition is None:
        raise Http404
    query = place.request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(place.to("article", edition.slug) + (f"?{query}" if query else ""), status=301)


def related(place: Place, edition: Edition) -> list[dict[str, str]]:
    """What is about something near, the nearest first; kept until something changes or an hour is over."""
    key = f"help:related:{edition.pk}:{edition.live_id}:{place.reader}"
    keys: list[int] | None = kept.get(key)
    if keys is None:
        keys = search.near(edition, place.reader, RELATED)
        kept.put(key, keys, 3600)
    rows = {row.pk: row for row in readable(place).filter(pk__in=keys)} if keys else {}
    return [{"title": rows[one].title, "url": place.to("article", rows[one].slug)} for one in keys if one in rows]


# --- search ----------------------------------------------------------------------------------------------------


@require_safe
@in_place
def results(place: Place) -> HttpResponse:
    """What was found for `q`. The search is written down without who searched."""
    words = search.asked(place.request.GET.get("q", ""))
    if not words:
        return place.page("search", words="", found=None, canonical=place.whole("search"))
    try:
        limits.count(place.request, "search")
    except limits.TooMany as error:
        response = place.page("search", words=words, found=None, said=str(error), status=429)
        response["Retry-After"] = str(error.seconds)
        return response
    found = search.find(place.brand, place.language, words, place.reader)
    row = None
    if counting.is_person(place.request):
        row = search.remember(place.brand, place.language, words, len(found.hits))
    key = f"?s={row.public_id}" if row else ""
    hits = [{"hit": hit, "url": place.to("article", hit.slug) + key} for hit in found.hits]
    response = place.page(
        "search",
        words=words,
        found=found,
        hits=hits,
        search=row.public_id if row else "",
        canonical=place.whole("search"),
    )
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
@in_place
def suggestions(place: Place) -> HttpResponse:
    """Titles for what is being typed, as JSON: {"results": [{"title", "url"}]}. Written down nowhere."""
    words = search.asked(place.request.GET.get("q", ""))
    try:
        limits.count(place.request, "suggest")
    except limits.TooMany as error:
        return JsonResponse({"detail": str(error), "results": []}, status=429)
    hits = search.suggest(place.brand, place.language, words, place.reader) if len(words) > 1 else []
    return JsonResponse({"results": [{"title": hit.title, "url": place.to("article", hit.slug)} for hit in hits]})


@require_safe
@in_place
def expect(place: Place) -> HttpResponse:
    """What customers can expect of us, and how we really did lately."""
    return place.page("expect", promise=promise.of(place.brand), canonical=place.whole("expect"))


def not_found(request: HttpRequest, message: str = "") -> HttpResponse:
    return TemplateResponse(
        request, "help/nowhere.html", {"message": message or _("There is no such page.")}, status=404
    )
