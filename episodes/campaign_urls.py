"""Pages of campaigns, under `/campaigns/`."""

from __future__ import annotations

from django.urls import path

from episodes import campaign_views

app_name = "campaigns"
urlpatterns = [
    path("", campaign_views.campaigns, name="list"),
    path("<str:id>/", campaign_views.campaign, name="one"),
]
