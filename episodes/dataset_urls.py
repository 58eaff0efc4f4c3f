"""Pages and archives of datasets, under `/datasets/`."""

from __future__ import annotations

from django.urls import path

from episodes import dataset_views, urls  # noqa: F401  # which registers the converter of ids

app_name = "datasets"
urlpatterns = [
    path("", dataset_views.datasets, name="list"),
    path("<episode:id>/", dataset_views.dataset, name="one"),
    path("<episode:id>/exports/<episode:job>.tar", dataset_views.archive, name="archive"),
]
