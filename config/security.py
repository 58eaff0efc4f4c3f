"""Headers and refusals that belong to the whole site."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
ADMIN_POLICY = POLICY.replace("default-src 'self'", "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'")


class ContentSecurityPolicy:
    """Adds the policy; the admin's own scripts need a wider one."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return self._add(request, response)
        return self._later(request, response)

    async def _later(self, request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return self._add(request, await response)

    def _add(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        policy = ADMIN_POLICY if request.path.startswith("/admin/") else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


def csrf_missing(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 with a code for programs and a page for people."""
    sentence = "This request did not carry the page's own token. Load the page again and repeat it."
    if request.path.startswith("/api/") or "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"code": "csrf_missing", "sentence": sentence, "detail": {}}, status=403)
    return render(request, "403.html", {"sentence": sentence}, status=403)
