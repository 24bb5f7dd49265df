from django.urls import path

from mentions.hooks import HookView

app_name = "mentions"
urlpatterns = [path("<slug:platform>/<str:token>/", HookView.as_view(), name="hook")]
