"""The cockpit's page."""

from __future__ import annotations

from django.urls import path

from teleop import views

urlpatterns = [path("<str:robot>/", views.cockpit, name="cockpit")]
