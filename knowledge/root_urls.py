"""What search engines look for at the root of a host."""

from django.urls import path

from knowledge.centre.feeds import robots

urlpatterns = [path("robots.txt", robots, name="robots")]
