"""The help centre under /help/: of every brand, in each of its languages."""

from django.urls import URLPattern, URLResolver, path

from knowledge.centre import asking, board, feeds, look, pages

app_name = "help"
# below /help/<brand>/<language>/, or /<language>/ at a brand's own domain
PAGES = [
    path("", pages.home, name="home"),
    path("categories/<slug:name>/", pages.category, name="category"),
    path("articles/<str:name>/", pages.article, name="article"),
    path("articles/<str:name>/helped/", asking.vote, name="helped"),
    path("search/", pages.results, name="search"),
    path("suggest/", pages.suggestions, name="suggest"),
    path("ask/", asking.ask, name="ask"),
    path("request/<str:token>/", asking.request, name="request"),
    path("ideas/", board.board, name="ideas"),
    path("ideas/<int:key>/", board.idea, name="idea"),
    path("ideas/<int:key>/vote/", board.vote, name="idea_vote"),
    path("expect/", pages.expect, name="expect"),
    path("feed/", feeds.feed, name="feed"),
]


def below(prefix: str) -> list[URLPattern | URLResolver]:
    """The pages below a prefix that names brand, language, or both."""
    return [path(f"{prefix}{page.pattern}", page.callback, name=page.name) for page in PAGES]


urlpatterns = [
    path("", pages.front, name="front"),
    path("theme/<slug:code>.css", look.theme, name="theme"),
    path("picture/<str:key>", feeds.picture, name="picture"),
    path("<slug:slug>/", pages.to_brand, name="brand"),
    path("<slug:slug>/sitemap.xml", feeds.sitemap, name="sitemap"),
    *below("<slug:slug>/<slug:language>/"),
]
