"""Pages and files of trainings, under `/trainings/`, and of policies, under `/policies/`."""

from __future__ import annotations

from django.urls import path

from episodes.urls import episodes  # noqa: F401  # which registers the converter of ids
from policies.views import pages

app_name = "policies"
urlpatterns = [
    path("trainings/", pages.trainings, name="trainings"),
    path("trainings/compare/", pages.compare, name="compare"),
    path("trainings/<episode:id>/", pages.training, name="training"),
    path("trainings/<episode:id>/samples/<int:frame>.<slug:camera>.jpg", pages.sample, name="sample"),
    path("policies/", pages.policies, name="policies"),
    path("policies/<episode:id>/", pages.policy, name="policy"),
    path("policies/<episode:id>/export.tar", pages.archive, name="archive"),
]
