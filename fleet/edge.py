"""The strict edge of the HTTP API: what comes in is checked once, what is refused has a code and a sentence.

Used by every package's router; pages get the same refusals as pages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import unicodedata
from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.parser import Parser
from ninja.security import django_auth
from pydantic import ConfigDict
from redis.exceptions import RedisError

from fleet.sessions import SignedIn, sessions
from protocol.errors import Refused

log = logging.getLogger(__name__)
STATUS = {
    "sign_in_needed": 401, "forbidden": 403, "csrf_missing": 403, "not_found": 404, "method_not_allowed": 405,
    "held": 409, "stale_version": 409, "name_taken": 409, "name_or_key_taken": 409, "code_used": 409, "too_large": 413,
    "unavailable": 503, "content_type": 415, "idempotency_mismatch": 422, "code_expired": 410, "code_unknown": 404,
    "rate_limited": 429, "upgrade_required": 426, "storage_full": 507, "token_invalid": 401, "wrong_offset": 409,
    "incomplete": 409, "other_manifest": 409, "not_receiving": 409, "wrong_hash": 422, "episode_refused": 422,
    "second_look": 409, "no_second_look": 409, "nothing_offered": 409, "robot_held": 409, "repeated": 409,
    "campaign_state": 409, "campaign_closed": 409, "prompt_in_use": 409, "not_in_campaign": 409, "goals_reached": 409,
    "erasure_running": 409, "episode_forgotten": 410,
    "already_undone": 409, "job_ended": 409, "version_withdrawn": 410, "version_damaged": 409, "episode_damaged": 409,
    "run_ended": 409, "run_moves": 409, "run_open": 409, "still_taken": 409, "robot_busy": 409, "robot_offline": 409,
    "robot_not_ready": 409, "stopped": 409, "remote_motion_off": 409, "recording": 409, "policy_embodiment": 409,
    "policy_withdrawn": 409, "policy_retired": 409, "policy_speechless": 409, "task_running": 409, "task_done": 409,
    "help_closed": 409, "help_taken": 409,
    "policy_stage": 409, "base_missing": 422, "recipe_unknown": 422,
    "policy_archive": 422, "policy_damaged": 422, "policy_missing": 422, "policy_pickle": 422, "policy_header": 422,
    "policy_code": 422, "policy_size": 413, "policy_config": 422,
    "empty_draft": 409, "mixed_embodiments": 409, "not_choosable": 409, "draft_changed": 409,
}  # fmt: skip
DEPTH = 32
#: Direction overrides and zero-width characters make two names look alike.
_HIDDEN = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Strict(Schema):
    """A body: a field that is not named here is refused."""

    model_config = ConfigDict(extra="forbid")


def refusal(error: Refused) -> JsonResponse:
    status = getattr(error, "status", None) or STATUS.get(error.code, 400)
    body = {"code": error.code, "sentence": error.sentence, "detail": error.detail}
    response = JsonResponse(body, status=int(cast(int, status)))
    if "retry_after_s" in error.detail:
        response["Retry-After"] = str(error.detail["retry_after_s"])
    return response


class StrictParser(Parser):
    """JSON without duplicate keys, without depth that eats the stack, without characters that hide."""

    def parse_body(self, request: HttpRequest) -> Any:
        kind = (request.content_type or "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused("content_type", f"Send JSON with Content-Type application/json, not {kind or 'nothing'}.")
        try:
            value = json.loads(request.body, object_pairs_hook=_once, parse_constant=_no_constant)
        except RecursionError as error:
            raise Refused("invalid_json", f"The JSON is nested deeper than {DEPTH} levels.") from error
        except (ValueError, UnicodeDecodeError) as error:
            raise Refused("invalid_json", f"The body is not valid JSON: {error}.") from error
        check_text(value)
        return value

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> Any:
        found = super().parse_querydict(data, list_fields, request)
        check_text(found, "query")
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refused("invalid_json", f"The field {name[:40]!r} is there twice.")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise Refused("invalid_json", f"{name} is not a JSON number.")


def check_text(value: Any, name: str = "body", depth: int = 0) -> None:
    """Refuses NUL, lone surrogates, direction overrides, zero-width and control characters anywhere in a JSON value."""
    if depth > DEPTH:
        raise Refused("invalid_json", f"The JSON is nested deeper than {DEPTH} levels.")
    if isinstance(value, str):
        for character in value:
            category = unicodedata.category(character)
            if character in _HIDDEN or category == "Cs" or (category == "Cc" and character not in "\n\t"):
                raise Refused(f"invalid_field:{name}", f"{name} holds a hidden or control character.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_text(key, name, depth + 1)
            check_text(inner, key, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_text(inner, name, depth + 1)


def make_api() -> NinjaAPI:
    api = NinjaAPI(
        title="Reins", version="1", auth=django_auth, parser=StrictParser(), docs_url=None, openapi_url="/openapi.json"
    )
    api.add_exception_handler(Refused, lambda request, error: refusal(cast(Refused, error)))
    api.add_exception_handler(ValidationError, _validation)
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(Http404, lambda request, error: refusal(NOT_FOUND))
    api.add_exception_handler(RequestDataTooBig, lambda request, error: refusal(_too_large()))
    api.add_exception_handler(OperationalError, _away)
    api.add_exception_handler(RedisError, _away)
    api.add_exception_handler(AuthenticationError, lambda request, error: refusal(SIGN_IN))
    return api


NOT_FOUND = Refused("not_found", "There is nothing at this address, or you may not see it.")
SIGN_IN = Refused("sign_in_needed", "Sign in first.")
_BY_STATUS = {400: "invalid_json", 401: "sign_in_needed", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def not_found() -> Refused:
    """To raise: an exception object that is kept would also keep the frames of everybody who raised it."""
    return Refused(NOT_FOUND.code, NOT_FOUND.sentence)


async def signed_in(request: HttpRequest) -> SignedIn | None:
    """Authentication for async endpoints that only read: no query while the session is known."""
    return await sessions.who(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))


def _too_large() -> Refused:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return Refused("too_large", f"A request may carry at most {limit // 2**20} MiB.", limit=limit)


def _away(request: HttpRequest, error: Any) -> HttpResponse:
    log.error("%s %s: %s", request.method, request.path, error)
    return refusal(Refused("unavailable", "The server's database does not answer. Repeat in a moment.", retry_after_s=5))


def _validation(request: HttpRequest, error: Any) -> HttpResponse:
    first = error.errors[0]
    place = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "payload", "data")]
    name = place[-1] if place else "body"
    if first.get("type") == "extra_forbidden":
        return refusal(Refused(f"unknown_field:{name}", f"The field {name} is not known here."))
    return refusal(Refused(f"invalid_field:{name}", f"{name}: {first.get('msg', 'cannot be used')}."))


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error, Throttled):
        return refusal(Refused("rate_limited", "Too many requests. Wait a little.", retry_after_s=int(error.wait or 60)))
    if error.status_code == 403 and "csrf" in str(error.message).lower():
        sentence = "This request did not carry the page's own token. Load the page again and repeat it."
        return refusal(Refused("csrf_missing", sentence))
    if isinstance(error.__cause__, Refused):  # ninja hides what the parser refused behind "cannot parse"
        return refusal(error.__cause__)
    problem = Refused(_BY_STATUS.get(error.status_code, "refused"), str(error.message))
    problem.status = error.status_code  # type: ignore[attr-defined]
    return refusal(problem)


class TypedApiErrors:
    """Under /api/ every error is JSON with a code, also those that Django itself answers."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._later(request)
        return _typed(request, self.get_response(request))

    async def _later(self, request: HttpRequest) -> Any:
        return _typed(request, await self.get_response(request))


def _typed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if not request.path.startswith("/api/") or response.status_code not in (404, 405):
        return response
    if response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    if response.status_code == 404:
        return refusal(NOT_FOUND)
    typed = refusal(Refused("method_not_allowed", f"{request.method} is not possible here."))
    if "Allow" in response:
        typed["Allow"] = response["Allow"]
    return typed


def limit_rate(name: str, who: str, most: int, per_s: int, weight: int = 1) -> None:
    """Counts in the cache; refuses `rate_limited` with Retry-After.  `who` is never taken from a header a client may forge.

    With weight 0 it only looks, so that failures alone can be counted.
    """
    key = f"rate:{name}:{hashlib.sha256(who.encode()).hexdigest()[:24]}"
    cache.add(key, 0, per_s)
    try:
        count = cache.incr(key, weight)
    except ValueError:  # it ran out between the two calls
        return
    if count > most or (weight == 0 and count == most):
        raise Refused("rate_limited", f"At most {most} in {per_s} s. Wait a little.", retry_after_s=per_s)


def once(request: HttpRequest, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Does `act` once for each Idempotency-Key of a person; a repeat is refused, and so is the same key with another body.

    The answer is not kept, because it may hold a secret.  Two requests at once: whoever marks the key first acts.
    """
    given = request.headers.get("Idempotency-Key", "")
    if not given:
        return act()
    key = "once:" + hashlib.sha256(f"{request.user.pk}|{request.path}|{given}".encode()).hexdigest()
    body = hashlib.sha256(request.body).hexdigest()
    if cache.add(key, body, 3600):
        try:
            return act()
        except Exception:
            cache.delete(key)  # nothing was done, so it may be tried again
            raise
    if cache.get(key, body) != body:
        raise Refused("idempotency_mismatch", "This Idempotency-Key was used with another body.")
    raise Refused("repeated", "This was asked and done before; its answer is not kept. Ask with a new Idempotency-Key.")


def page_403(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = str(exception) or "Ask an administrator for the right."
    return render(request, "403.html", {"sentence": sentence}, status=403)


def page_404(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return refusal(NOT_FOUND) if request.path.startswith("/api/") else render(request, "404.html", status=404)


def page_500(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"code": "failed", "sentence": "The server failed; it is in its log.", "detail": {}}, status=500)
    return HttpResponse(render_to_string("500.html"), status=500)  # without the request: nothing here may ask a database
