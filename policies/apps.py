"""The app of policies: trainings, policy versions, and what serves them."""

from __future__ import annotations

from django.apps import AppConfig


class PoliciesApp(AppConfig):
    name = "policies"
    default_auto_field = "django.db.models.BigAutoField"
