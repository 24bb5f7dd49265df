"""Every address of the house, and the baselines under /bare/."""

from django.urls import path

from helpdesk.conf import urls as house
from tests.bench import bare

handler404 = house.handler404
handler500 = house.handler500
urlpatterns = [
    path("bare/tickets/", bare.BareList.as_view()),
    path("bare/ticket/", bare.BareInsert.as_view()),
    path("bare/echo/", bare.BareEcho.as_view()),
    path("bare/page/<int:brand>/", bare.bare_page),
    path("bare/push/<int:brand>/<int:account>/", bare.bare_push),
    *house.urlpatterns,
]
