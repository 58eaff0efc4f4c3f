"""A human and a robot, now."""

from __future__ import annotations

from django.apps import AppConfig


class TeleopApp(AppConfig):
    name = "teleop"
