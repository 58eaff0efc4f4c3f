"""Pages and files of episodes, under `/episodes/`."""

from __future__ import annotations

from django.urls import path, register_converter

from episodes.views import episodes as views


class EpisodeId:
    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(EpisodeId, "episode")
app_name = "episodes"
urlpatterns = [
    path("", views.episodes, name="list"),
    path("<episode:id>/", views.player, name="player"),
    path("<episode:id>/columns.f32", views.columns, name="columns"),
    path("<episode:id>/poster.jpg", views.poster, name="poster"),
    path("<episode:id>/strip.jpg", views.strip, name="strip"),
    path("<episode:id>/video/<slug:camera>.mp4", views.video, name="video"),
]
