"""Pages of campaigns, under `/campaigns/`."""

from __future__ import annotations

from django.urls import path

from episodes.views import campaigns

app_name = "campaigns"
urlpatterns = [
    path("", campaigns.campaigns, name="list"),
    path("<str:id>/", campaigns.campaign, name="one"),
]
