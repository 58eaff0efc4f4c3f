"""What people ask of robots: tasks, runs, traces, help."""

from __future__ import annotations

from django.apps import AppConfig


class DispatchApp(AppConfig):
    name = "dispatch"
    default_auto_field = "django.db.models.BigAutoField"
