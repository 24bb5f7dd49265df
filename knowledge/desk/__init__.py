"""The desk's pages of the help centre: writing, topics, ideas, and how it looks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from helpdesk.desk.navigation import counted, link
from helpdesk.desk.site import DeskSite
from knowledge.models import Edition, Idea, Topic
from knowledge.states import EditionState, IdeaState


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    from helpdesk.desk.site import site

    return TemplateResponse(
        request, f"knowledge/{template}.html", {**site.each_context(request), **context}, status=status
    )


def named(slug: str) -> str:
    """A short name from an address, such as a database can be asked for; "" is nobody's."""
    return slug if slug.isprintable() else ""


def number(raw: str) -> int:
    """A row's key from a form; 0, which is nobody's, for what is none."""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0


def urls(desk: DeskSite) -> list[Any]:
    from knowledge.desk import articles, beside, board, effect, exchange, set_up, topics  # which use `page`

    guard = desk.admin_view
    return [
        path("articles/", guard(articles.overview), name="articles"),
        path("articles/new/", guard(articles.begin), name="new_article"),
        path("articles/preview/", guard(articles.preview), name="preview_article"),
        path("articles/pictures/", guard(articles.upload), name="upload_picture"),
        path("articles/exchange/", guard(exchange.exchange), name="exchange"),
        path("articles/exchange/<slug:slug>.zip", guard(exchange.download), name="export_articles"),
        path("articles/<int:edition_id>/", guard(articles.edit), name="article"),
        path("articles/<int:edition_id>/revisions/<int:number>/", guard(articles.revision), name="revision"),
        *(
            path(f"articles/<int:edition_id>/{verb}/", guard(getattr(articles, verb)), name=f"article_{verb}")
            for verb in articles.VERBS
        ),
        path("articles/<int:edition_id>/wrong/", guard(beside.wrong), name="article_wrong"),
        path("tickets/<int:ticket_id>/articles/", guard(beside.articles), name="ticket_articles"),
        path("tickets/<int:ticket_id>/articles/find/", guard(beside.find), name="find_article"),
        path("tickets/<int:ticket_id>/articles/write/", guard(beside.write), name="write_article"),
        path("help-effect/", guard(effect.overview), name="help_effect"),
        path("help-effect/week/", guard(effect.week), name="help_week"),
        path("topics/", guard(topics.overview), name="topics"),
        path("topics/<int:topic_id>/", guard(topics.topic), name="topic"),
        *(
            path(f"topics/<int:topic_id>/{verb}/", guard(getattr(topics, verb)), name=f"topic_{verb}")
            for verb in topics.VERBS
        ),
        path("ideas/", guard(board.overview), name="ideas"),
        *(
            path(f"ideas/<int:idea_id>/{verb}/", guard(getattr(board, verb)), name=f"idea_{verb}")
            for verb in board.VERBS
        ),
        path("help-centre/", guard(set_up.centre), name="help_centre"),
        path("help-centre/categories/", guard(set_up.categories), name="categories"),
        path("help-centre/categories/<int:category_id>/remove/", guard(set_up.remove_category), name="remove_category"),
    ]


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    seen = Edition.objects.visible_to(request.user)
    new = Idea.objects.visible_to(request.user).filter(state=IdeaState.NEW, is_hidden=False, merged_into=None)
    open_topics = Topic.objects.visible_to(request.user).current().filter(article=None, asked_30__gte=5)
    review = counted(seen.filter(state=EditionState.REVIEW))
    items = [
        link(request, _("Articles"), "menu_book", reverse("desk:articles"), review),
        link(request, _("Topics"), "topic", reverse("desk:topics"), counted(open_topics)),
        link(request, _("Ideas"), "lightbulb", reverse("desk:ideas"), counted(new)),
        link(request, _("Effect"), "trending_down", reverse("desk:help_effect")),
        link(request, _("Help centre"), "storefront", reverse("desk:help_centre")),
    ]
    return [{"title": _("Help centre"), "items": items}]
