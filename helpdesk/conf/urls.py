"""Every address of the house. Sign-up, email and social pages of allauth are left out: owners add members."""

from allauth.account import views as account
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from helpdesk.desk.site import site
from helpdesk.survey_page import survey

urlpatterns = [
    path("", RedirectView.as_view(url="/desk/"), name="home"),
    path("desk/", site.urls),
    path("api/v1/", include("helpdesk.api.urls")),
    path("help/", include("knowledge.urls")),
    path("", include("knowledge.root_urls")),
    path("hooks/", include("mentions.urls")),
    path("survey/<str:token>/", survey, name="survey"),
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/password/change/", account.password_change, name="account_change_password"),
    path("account/password/reset/", account.password_reset, name="account_reset_password"),
    path("account/password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(  # the key holds a dash of its own, so that <str:…>-<str:…> would split it in the wrong place
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/again/", account.reauthenticate, name="account_reauthenticate"),
    path("account/closed/", RedirectView.as_view(pattern_name="account_login"), name="account_signup"),
    path("account/closed/", RedirectView.as_view(pattern_name="account_login"), name="account_inactive"),
]
handler400 = "helpdesk.api.problems.bad_request"
handler404 = "helpdesk.api.problems.not_found"
handler500 = "helpdesk.api.problems.server_error"
