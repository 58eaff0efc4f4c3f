"""Pages of the fleet, signing in and out, health."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from fleet import views

urlpatterns = [
    path("", views.fleet, name="fleet"),
    path("robots/new/", views.new_robot, name="new-robot"),
    path("robots/<str:robot>/masks/", views.masks, name="masks"),
    path("audit/", views.audit_log, name="audit"),
    path(
        "sign-in/",
        auth.LoginView.as_view(
            template_name="registration/sign_in.html", redirect_authenticated_user=True, http_method_names=["get", "head", "post"]
        ),
        name="sign-in",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path("healthz", views.healthz, name="healthz"),
]
