from django.urls import path

from knowledge import views

app_name = "help"
urlpatterns = [
    path("", views.front, name="front"),
    path("<slug:slug>/<slug:language>/", views.brand, name="brand"),
]
