"""The app of episodes: what happened, frame by frame."""

from __future__ import annotations

from django.apps import AppConfig


class EpisodesApp(AppConfig):
    name = "episodes"
    default_auto_field = "django.db.models.BigAutoField"
