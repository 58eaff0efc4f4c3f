"""Pages of tasks, runs and help."""

from __future__ import annotations

from django.urls import path

from dispatch import views

app_name = "dispatch"
urlpatterns = [
    path("tasks/", views.tasks, name="tasks"),
    path("tasks/new/", views.new_task, name="new-task"),
    path("runs/<str:id>/", views.run, name="run"),
    path("help/", views.help_queue, name="help"),
    path("help/<str:id>/", views.help_one, name="help-one"),
]
