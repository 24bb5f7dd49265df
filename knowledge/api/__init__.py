"""The help centre in the API; plugged in through helpdesk's ports.

`articles`, `categories`, `topics`, `inquiries`, `ideas` and `search` are for members, as all of the API is. What customers may
read stands below `help/<brand>/<language>/`, needs no token, may be kept by caches, and answers the brand's own sites (CORS).
"""

from __future__ import annotations

from rest_framework.routers import DefaultRouter


def add_routes(router: DefaultRouter) -> None:
    from knowledge.api import articles, board, finding, public, topics

    router.register("articles", articles.ArticleView, "article")
    router.register("categories", articles.CategoryView, "category")
    router.register("topics", topics.TopicView, "topic")
    router.register("inquiries", topics.InquiryView, "inquiry")
    router.register("ideas", board.IdeaView, "idea")
    router.register("search", finding.SearchView, "search")
    place = r"help/(?P<slug>[-a-zA-Z0-9_]{1,50})/(?P<language>[-a-zA-Z0-9]{2,10})"
    router.register(f"{place}/articles", public.ArticleView, "help-article")
    router.register(f"{place}/categories", public.CategoryView, "help-category")
    router.register(f"{place}/ideas", public.IdeaView, "help-idea")
    router.register(f"{place}/search", public.SearchView, "help-search")
