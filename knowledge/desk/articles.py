"""Writing articles: Markdown with a preview beside it, and every step of their life."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages as flash
from django.db import transaction
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from helpdesk.desk.forms import sent_before
from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Brand, Message, User
from helpdesk.permissions import brands_where, may
from helpdesk.workflow.verbs import Conflict, Refused
from knowledge import feedback, markdown, pictures, publishing
from knowledge.centre.place import address_of, language_name
from knowledge.desk import number, page
from knowledge.models import Article, BrokenLink, Category, Draft, Edition, Feedback, HelpCentre, Reading
from knowledge.publishing import Words
from knowledge.reports import effect
from knowledge.states import EditionState, possible

PAGE, MOST_REVISIONS, MOST_BROKEN = 50, 50, 20
NEEDS = {
    "submit": "article.write", "send_back": "article.publish", "publish": "article.publish", "schedule": "article.publish",
    "archive": "article.publish", "reopen": "article.write", "restore": "article.write", "details": "article.write",
    "readdress": "article.publish", "translate": "article.write", "settle": "article.write",
}  # fmt: skip
VERBS = tuple(NEEDS)


class WordsForm(forms.Form):
    """What an edition says."""

    title = forms.CharField(label=gettext_lazy("Title, in the words customers use"), max_length=200)
    summary = forms.CharField(label=gettext_lazy("In one line"), max_length=300, required=False)
    body = forms.CharField(
        label=gettext_lazy("The answer, in Markdown"), required=False, max_length=markdown.LONGEST,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "true"}),
    )  # fmt: skip
    why = forms.CharField(label=gettext_lazy("What did you change?"), max_length=250, required=False)


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What stands around the words, whatever the language."""

    class Meta:
        model = Article
        fields = ["category", "visible", "owner", "review_by"]
        widgets = {"review_by": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brand = self.instance.brand_id
        self.fields["category"].queryset = Category.objects.for_brand(brand)  # type: ignore[attr-defined]
        self.fields["owner"].queryset = User.objects.filter(memberships__brand=brand, is_active=True).order_by("name")  # type: ignore[attr-defined]


def visible(request: HttpRequest, edition_id: int) -> Edition:
    rows = Edition.objects.visible_to(request.user).select_related("brand", "article", "latest__author", "live")
    return get_object_or_404(rows, pk=edition_id)


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All articles, the latest changed first; by state, language and words."""
    rows = Edition.objects.visible_to(request.user).filter(brand__in=chosen_brands(request))
    state, words, language = (request.GET.get(name, "") for name in ("state", "q", "language"))
    if state in EditionState.values:
        rows = rows.filter(state=state)
    if language:
        rows = rows.filter(language=language[:10])
    if words:
        rows = rows.filter(Q(title__icontains=words[:100]) | Q(slug__icontains=words[:100]))
    found = list(
        rows.select_related("article__category", "latest__author", "brand").order_by("-latest", "-id")[: PAGE + 1]
    )
    _tell_more(found[:PAGE])
    doubted = Feedback.objects.visible_to(request.user).filter(is_helpful=False, settled_at=None).exclude(words="")
    context = {
        "rows": found[:PAGE], "has_more": len(found) > PAGE, "states": EditionState.choices, "state": state, "words": words,
        "language": language, "may_write": bool(brands_where(request.user, "article.write")),
        "doubted": doubted.select_related("edition", "author").order_by("-id")[:5], "title": _("Articles"),
        "broken": BrokenLink.objects.visible_to(request.user).select_related("edition").order_by("-seen_at")[:5],
        "overdue": Article.objects.visible_to(request.user).filter(review_by__lt=timezone.localdate(), editions__live__isnull=False)
        .distinct().prefetch_related("editions")[:5],
    }  # fmt: skip
    return page(request, "articles", context)


def _tell_more(rows: list[Edition]) -> None:
    """Of each: views in thirty days, whom it helped, whether it is behind its original."""
    since = timezone.now().date() - dt.timedelta(days=30)
    keys = [row.pk for row in rows]
    views = dict(Reading.objects.filter(edition__in=keys, day__gte=since).values_list("edition").annotate(Sum("views")))
    shares = feedback.shares(keys)
    behind: set[int] = set()
    for brand in {row.brand for row in rows}:
        behind |= publishing.out_of_date(
            [row for row in rows if row.brand_id == brand.pk], HelpCentre.of(brand).language
        )
    for row in rows:
        row.read, row.share, row.is_behind = views.get(row.pk, 0), shares.get(row.pk), row.pk in behind  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """A new article."""
    brands = Brand.objects.filter(pk__in=brands_where(request.user, "article.write")).order_by("name")
    if not brands:
        demand(request, "article.write", next(iter(me(request).roles)))
    form = WordsForm(request.POST or None)
    slug = request.POST.get("brand", "")
    chosen = get_object_or_404(brands, slug=slug) if slug else brands[0]
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                if sent_before(request):
                    return redirect("desk:articles")
                edition = publishing.create(
                    chosen, me(request), Words(**form.cleaned_data), request.POST.get("language", "")
                )
            return redirect("desk:article", edition_id=edition.pk)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
    context = {
        "form": form,
        "brands": brands,
        "chosen": chosen,
        "languages": HelpCentre.of(chosen).spoken,
        "title": _("New article"),
    }
    return page(request, "new_article", context, 400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, edition_id: int) -> HttpResponse:
    """The words, their preview, and what becomes of them."""
    row = visible(request, edition_id)
    if request.method != "POST":
        return _editor(request, row)
    demand(request, "article.write", row.brand_id)
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _editor(request, row, form=form, status=400)
    base = request.POST.get("base", "")
    try:
        publishing.save(
            row.pk, me(request), Words(**form.cleaned_data), base=int(base) if base.isdigit() and len(base) < 19 else None,
            is_up_to_date=request.POST.get("is_up_to_date") == "1",
        )  # fmt: skip
    except Refused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        return _editor(request, row, form=form, status=400)
    except Conflict as conflict:
        form.add_error(None, str(conflict))
        return _editor(request, row, form=form, status=409)
    flash.success(request, _("Saved as a draft."))
    return redirect("desk:article", edition_id=row.pk)


def _editor(request: HttpRequest, row: Edition, *, form: WordsForm | None = None, status: int = 200, said: str = "", about: str = "") -> HttpResponse:  # fmt: skip
    latest = row.latest
    assert latest is not None
    shown = form or WordsForm(initial={"title": latest.title, "summary": latest.summary, "body": latest.body})
    body = form["body"].value() if form is not None else latest.body
    centre = HelpCentre.of(row.brand)
    others = {other.language: other for other in row.article.editions.exclude(pk=row.pk)}
    behind = publishing.out_of_date([row], centre.language)
    draft = Draft.objects.filter(article=row.article).select_related("topic").first()
    context = {
        "row": row, "form": shown, "base": request.POST.get("base") or latest.pk, "preview": markdown.rendered(body or ""),
        "details": DetailsForm(instance=row.article), "verbs": _verbs(request, row), "said": said, "about": about,
        "passages": row.passages.select_related("by", "revision").order_by("-id")[:20],
        "revisions": row.revisions.select_related("author").order_by("-number")[:MOST_REVISIONS],
        "others": [(code, language_name(code), others.get(code)) for code in centre.spoken if code != row.language],
        "is_behind": bool(behind), "is_translation": row.language != centre.language, "language": language_name(row.language),
        "may_write": may(request.user, "article.write", row.brand_id), "draft": draft, "evidence": _evidence(draft),
        "address": address_of(row.brand, centre, row.language, "article", row.slug, request=request) if row.is_live else "",
        "doubts": row.feedback.filter(is_helpful=False, settled_at=None).exclude(words="").select_related("author").order_by("-id")[:20],
        "broken": row.broken_links.order_by("since", "url")[:MOST_BROKEN], "effect": effect.of(row.article) if row.published_at else None,
        "title": row.title, "is_fullwidth": "1",
    }  # fmt: skip
    return page(request, "article", context, status)


def _verbs(request: HttpRequest, row: Edition) -> set[str]:
    """What this user can do with it now."""
    names = {"return": "send_back"}
    able = {names.get(verb, verb) for verb in possible(row.state)}
    return {verb for verb in able if may(request.user, NEEDS[verb], row.brand_id)}


def _evidence(draft: Draft | None) -> list[dict[str, Any]]:
    """The sentences of a draft with the tickets they rest on; of words that are gone nothing is shown."""
    if draft is None:
        return []
    keys = {key for one in draft.evidence for key in one["messages"]}
    alive = dict(Message.objects.filter(pk__in=keys, deleted_at=None).exclude(text="").values_list("pk", "ticket"))
    return [
        {"sentence": one["sentence"], "tickets": sorted({alive[key] for key in one["messages"] if key in alive})[:5]}
        for one in draft.evidence
    ]


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What Markdown will look like. Stores nothing."""
    if not brands_where(request.user, "article.write"):
        demand(request, "article.write", next(iter(me(request).roles)))
    return page(request, "_preview", {"preview": markdown.rendered(request.POST.get("body", "")[: markdown.LONGEST])})


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """An image for an article: the Markdown that shows it, or what is wrong with it."""
    edition = visible(request, number(request.POST.get("edition", "")))
    demand(request, "article.write", edition.brand_id)
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        return JsonResponse({"error": _("Choose a picture.")}, status=400)
    if (file.size or 0) > pictures.MOST_BYTES:
        return JsonResponse({"error": _("A picture has at most 10 MB. Make it smaller first.")}, status=400)
    try:
        row = pictures.store(edition.brand, me(request), file.name or "picture", file.read())
    except Refused as refusal:
        return JsonResponse({"error": refusal.text}, status=400)
    return JsonResponse({"markdown": pictures.markdown_of(row)})


@require_GET
def revision(request: HttpRequest, edition_id: int, number: int) -> HttpResponse:
    """One revision, and what it changed."""
    row = visible(request, edition_id)
    chosen = get_object_or_404(row.revisions.select_related("author"), number=number)
    before = row.revisions.filter(number__lt=number).order_by("-number").first()
    context = {
        "row": row, "chosen": chosen, "before": before, "lines": compared(before.body if before else "", chosen.body),
        "may_write": may(request.user, "article.write", row.brand_id), "title": f"{row.title} · {number}",
    }  # fmt: skip
    return page(request, "revision", context)


def compared(before: str, after: str) -> list[tuple[str, str]]:
    """Lines as (kind, text): same, gone or new; long stretches that stayed the same are left out ("…")."""
    kinds = {"  ": "same", "- ": "gone", "+ ": "new"}
    lines = [
        (kinds[line[:2]], line[2:])
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line[:2] in kinds
    ]
    near = {
        at + step for at, (kind, _text) in enumerate(lines) if kind != "same" for step in range(-2, 3)
    }  # fmt: skip
    shown: list[tuple[str, str]] = []
    for at, line in enumerate(lines):
        if at in near or len(lines) < 40:
            shown.append(line)
        elif not shown or shown[-1][0] != "skip":
            shown.append(("skip", "…"))
    return shown


# --- verbs -----------------------------------------------------------------------------------------------------


def verb(act: Callable[[HttpRequest, Edition], str]) -> Callable[..., HttpResponse]:
    """A POST on an edition that comes back to its page."""

    @require_POST
    def view(request: HttpRequest, edition_id: int) -> HttpResponse:
        row = visible(request, edition_id)
        demand(request, NEEDS[act.__name__], row.brand_id)
        try:
            with transaction.atomic():
                said = _("This was done already.") if sent_before(request) else act(request, row)
        except Refused as refusal:
            return _editor(request, visible(request, edition_id), status=400, said=refusal.text, about=act.__name__)
        except Conflict as conflict:
            return _editor(request, visible(request, edition_id), status=409, said=str(conflict), about=act.__name__)
        flash.success(request, said)
        return redirect("desk:article", edition_id=row.pk)

    view.__name__ = act.__name__
    return view


def _why(request: HttpRequest) -> str:
    return request.POST.get("why", "")


@verb
def submit(request: HttpRequest, row: Edition) -> str:
    publishing.submit(row.pk, me(request), _why(request))
    return _("A lead looks at it now.")


@verb
def send_back(request: HttpRequest, row: Edition) -> str:
    publishing.send_back(row.pk, me(request), _why(request))
    return _("Back to the writer.")


@verb
def publish(request: HttpRequest, row: Edition) -> str:
    publishing.publish(row.pk, me(request), _why(request))
    return _("Published. Customers find it from now on.")


@verb
def schedule(request: HttpRequest, row: Edition) -> str:
    try:
        at = dt.datetime.fromisoformat(request.POST.get("publish_at", ""))
        at = timezone.make_aware(at) if timezone.is_naive(at) else at
    except (ValueError, OverflowError) as error:
        raise Refused("publish_at", "invalid", _("Choose a day and a time.")) from error
    publishing.schedule(row.pk, me(request), at, _why(request))
    return _("It goes out by itself.")


@verb
def archive(request: HttpRequest, row: Edition) -> str:
    publishing.archive(row.pk, me(request), _why(request))
    return _("Put away. Customers no longer find it.")


@verb
def reopen(request: HttpRequest, row: Edition) -> str:
    publishing.reopen(row.pk, me(request), _why(request))
    return _("A draft again.")


@verb
def restore(request: HttpRequest, row: Edition) -> str:
    publishing.restore(row.pk, me(request), number(request.POST.get("number", "")))
    return _("These words are the latest again, as a draft.")


@verb
def details(request: HttpRequest, row: Edition) -> str:
    form = DetailsForm(request.POST, instance=Article.objects.get(pk=row.article_id))
    if not form.is_valid():
        field, found = next(iter(form.errors.items()))
        raise Refused(str(field), "invalid", str(found[0]))
    if form.cleaned_data["visible"] != row.article.visible and publishing.is_out(row.article):
        demand(request, "article.publish", row.brand_id)
    publishing.settle(row.article_id, me(request), **form.cleaned_data)
    return _("Kept.")


@verb
def readdress(request: HttpRequest, row: Edition) -> str:
    publishing.readdress(row.pk, me(request), request.POST.get("slug", ""))
    return _("It has a new address; the old one leads there.")


@verb
def translate(request: HttpRequest, row: Edition) -> str:
    assert row.latest is not None
    words = Words(row.latest.title, row.latest.body, row.latest.summary, _("To be translated"))
    publishing.translate(row.article_id, me(request), words, request.POST.get("language", ""))
    return _("A draft with these words stands ready to be translated.")


@verb
def settle(request: HttpRequest, row: Edition) -> str:
    found = row.feedback.filter(pk=number(request.POST.get("feedback", ""))).first()
    if found is None:
        raise Refused("feedback", "unknown", _("There is no such word of a reader."))
    feedback.settle(found, me(request))
    return _("Seen to.")
