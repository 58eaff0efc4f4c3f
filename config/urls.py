"""Which address goes to which package."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.api import api
from episodes.views import lifecycle

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("fleet.urls")),
    path("episodes/", include("episodes.urls.episodes")),
    path("campaigns/", include("episodes.urls.campaigns")),
    path("privacy/", lifecycle.privacy, name="privacy"),
    path("datasets/", include("episodes.urls.datasets")),
    path("", include("policies.urls")),
    path("teleop/", include("teleop.urls")),
    path("", include("dispatch.urls")),
]
handler403 = "fleet.edge.page_403"
handler404 = "fleet.edge.page_404"
handler500 = "fleet.edge.page_500"
