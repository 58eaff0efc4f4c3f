"""The JSON API of what serves a policy: who answers, how fast, for how many robots."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import redis.exceptions
from django.http import HttpRequest
from ninja import Router

from fleet.access import roles_with
from fleet.edge import not_found
from fleet.models import Person, is_id
from policies.models import PolicyServer, PolicyVersion
from policies.schemas.serving import ServingOut
from policies.services import serving
from policies.serving.health import Health, alive
from policies.serving.recent import places

router = Router(tags=["policies"])


@router.get("policies/{id}/serving", response=ServingOut)
def look_at_serving(request: HttpRequest, id: str) -> dict[str, Any]:
    person = cast(Person, request.user)
    policy = PolicyVersion.objects.for_person(person, roles_with("see")).filter(pk=id).first() if is_id(id) else None
    if policy is None:
        raise not_found()
    asking, waiting, found, unknown = _in_redis(policy.pk)
    rows = PolicyServer.objects.filter(policy=policy).order_by("place")
    return {
        "policy": policy.pk,
        "asking": asking,
        "waiting": waiting,
        "servers": [_server(row, found.get(row.pk)) for row in rows],
        "unknown": unknown,
    }


def _in_redis(policy: str) -> tuple[int, int, dict[str, Health], str]:
    of = serving.client()
    try:
        fields: Any = of.hgetall(places().health(policy))
        waiting = int(of.llen(places().wake(policy)))
        return serving.asking(of, policy), waiting, {one.server: one for one in alive(fields)}, ""
    except (redis.exceptions.RedisError, OSError):
        return 0, 0, {}, "Redis does not answer, so nobody knows who asks."
    finally:
        of.close()


def _server(row: PolicyServer, health: Health | None) -> dict[str, Any]:
    shown = {"id": row.pk, **{name: getattr(row, name) for name in ("place", "state", "owner", "began_at", "ready_at", "deaths")}}
    return {**shown, "problem": row.problem, "health": None if health is None else _health(health)}


def _health(health: Health) -> dict[str, Any]:
    names = (
        "batches", "answered", "troubles", "dropped", "robots", "batch_mean", "p50_ms", "p99_ms", "thought_p50_ms", "memory_mb"
    )  # fmt: skip
    at_s = health.last_batch_s
    return {
        **{name: getattr(health, name) for name in names},
        "last_batch_at": None if at_s is None else datetime.fromtimestamp(at_s, UTC),
    }
