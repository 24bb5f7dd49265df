"""Asking, voting on articles, and one's own request."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from helpdesk.ports import ReplyRefused
from helpdesk.workflow.verbs import Refused
from knowledge import feedback, requests, search
from knowledge.centre import limits
from knowledge.centre.pages import readable, show_article
from knowledge.centre.place import Place, in_place, make_known
from knowledge.models import Edition, Search

MOST_SHOWN = 5


@limits.from_here
@require_http_methods(["GET", "HEAD", "POST"])
@in_place
def ask(place: Place) -> HttpResponse:
    """The ask form. What fits is shown before anything is sent: the first press of the button looks, the second sends."""
    if not place.centre.takes_requests:
        raise Http404
    sent = place.request.POST
    given = {name: sent.get(name, "") for name in ("text", "subject", "name", "address", "article", "search", "seen")}
    if place.request.method != "POST":
        came = place.request.GET
        given.update(article=came.get("article", "")[:32], search=came.get("s", "")[:32], text=came.get("q", "")[:500])
        return _form(place, given)
    if sent.get("website"):  # people do not see this field
        return _form(place, given, said=_("This looked like a machine. Write again, please."), status=400)
    try:
        limits.count(place.request, "ask")
        hits = [] if given["seen"] else _fitting(place, given)
        if hits:
            return _form(place, given, hits=hits)
        return _ask(place, given)
    except (Refused, ReplyRefused) as refusal:
        return _form(place, given, errors={refusal.field: refusal.text}, status=400)
    except limits.TooMany as error:
        return _form(place, given, said=str(error), status=429)


def _ask(place: Place, given: dict[str, str]) -> HttpResponse:
    thread = requests.new_thread()
    link = place.whole("request", requests.token_of(thread))
    asked = requests.Asked(
        given["text"], given["subject"], given["name"], given["address"], _article(place, given), _search(place, given)
    )
    requests.ask(place.brand, asked, thread, link)
    response = HttpResponseRedirect(place.to("request", requests.token_of(thread)) + "?new=1")
    make_known(response, place.brand)
    return response


def _fitting(place: Place, given: dict[str, str]) -> list[dict[str, object]]:
    """Articles that may answer it, with a search written down for it."""
    words = search.asked(f"{given['subject']} {given['text']}")
    found = search.find(place.brand, place.language, words, place.reader, limit=MOST_SHOWN, is_question=True)
    row = _search(place, given)
    if row is None:
        row = search.remember(place.brand, place.language, words, len(found.hits), Search.Place.FORM)
        given["search"] = row.public_id
    return [{"hit": hit, "url": f"{place.to('article', hit.slug)}?s={given['search']}"} for hit in found.hits]


def _article(place: Place, given: dict[str, str]) -> Edition | None:
    found: Edition | None = (
        readable(place).filter(article__public_id=given["article"]).first() if given["article"] else None
    )
    return found


def _search(place: Place, given: dict[str, str]) -> Search | None:
    return Search.objects.filter(brand=place.brand, public_id=given["search"]).first() if given["search"] else None


def _form(place: Place, given: dict[str, str], *, status: int = 200, **more: object) -> HttpResponse:
    response = place.page(
        "ask", status=status, given=given, article=_article(place, given), canonical=place.whole("ask"), **more
    )
    response["Cache-Control"] = "private, no-cache"
    return response


@limits.from_here
@require_http_methods(["GET", "HEAD", "POST"])
@in_place
def request(place: Place, token: str) -> HttpResponse:
    """One's own request: what was said, how it stands, and a place to go on. The address is the key."""
    thread = requests.find(place.brand, token)
    if thread is None:
        raise Http404
    errors: dict[str, str] = {}
    status, text, said = 200, "", ""
    if place.request.method == "POST":
        text = place.request.POST.get("text", "")
        try:
            limits.count(place.request, "ask")
            requests.go_on(place.brand, thread, text, place.whole("request", token))
            return HttpResponseRedirect(place.to("request", token) + "#last")
        except (Refused, ReplyRefused) as refusal:
            errors, status = {refusal.field: refusal.text}, 400
        except limits.TooMany as error:
            said, status = str(error), 429
    ticket, words = requests.state_of(thread)
    response = place.page(
        "request", status=status, entries=requests.entries(thread), ticket=ticket, state=words, errors=errors, text=text,
        said=said, is_new="new" in place.request.GET, link=place.whole("request", token),
    )  # fmt: skip
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    make_known(response, place.brand)
    return response


@limits.from_here
@require_POST
@in_place
def vote(place: Place, name: str) -> HttpResponse:
    """Whether an article helped, and words with it."""
    edition = readable(place).filter(slug=name).select_related("live", "article__category").first()
    if edition is None:
        raise Http404
    answer, words = place.request.POST.get("helped", ""), place.request.POST.get("words", "")
    if answer not in ("yes", "no"):
        return show_article(place, edition, vote_error=_("Say yes or no first."), status=400)
    reader, cookie = limits.reader_of(place.request)
    try:
        limits.count(place.request, "feedback")
        feedback.vote(edition, reader, limits.trace_of(place.request), is_helpful=answer == "yes", words=words)
    except Refused as refusal:
        return show_article(place, edition, vote_error=refusal.text, status=400)
    except limits.TooMany as error:
        return show_article(place, edition, vote_error=str(error), status=429)
    said = "thanks" if words.strip() or answer == "yes" else "no"
    response = HttpResponseRedirect(f"{place.to('article', edition.slug)}?said={said}#helped")
    limits.remember(response, cookie)
    return response
