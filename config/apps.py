"""The wiring app: loads Celery when Django is ready and holds the commands that start things."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"
    label = "reins_config"

    def ready(self) -> None:
        from config import celery  # noqa: F401  # the app must exist before the first task is called
