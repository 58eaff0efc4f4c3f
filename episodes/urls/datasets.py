"""Pages and archives of datasets, under `/datasets/`."""

from __future__ import annotations

from django.urls import path

from episodes.urls import episodes  # noqa: F401  # which registers the converter of ids
from episodes.views import datasets

app_name = "datasets"
urlpatterns = [
    path("", datasets.datasets, name="list"),
    path("<episode:id>/", datasets.dataset, name="one"),
    path("<episode:id>/exports/<episode:job>.tar", datasets.archive, name="archive"),
]
