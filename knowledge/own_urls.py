"""A brand's help centre at a domain of its own (`HelpCentre.domain`): nothing else of the house is there."""

from django.urls import include, path

from knowledge.centre import feeds, look, pages
from knowledge.urls import below

help_patterns = (
    [
        path("", pages.front, name="front"),
        path("help/theme/<slug:code>.css", look.theme, name="theme"),
        path("help/picture/<str:key>", feeds.picture, name="picture"),
        path("sitemap.xml", feeds.sitemap, name="sitemap"),
        *below("<slug:language>/"),
    ],
    "help",
)
urlpatterns = [path("robots.txt", feeds.robots), path("", include(help_patterns))]
handler404 = "helpdesk.api.problems.not_found"
handler500 = "helpdesk.api.problems.server_error"
