"""Who and what there is."""

from __future__ import annotations

from django.apps import AppConfig


class FleetApp(AppConfig):
    name = "fleet"
