"""Servers of policies by demand: begun when robots ask, as many as they need, ended when nobody asks.

Rows say who serves what; Redis only says who asks.  Everything here may be done twice at once.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import redis
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from policies.models import PolicyServer, PolicyVersion
from policies.serving.recent import places

_log = logging.getLogger(__name__)
IDLE_S = 60.0  # without a question; then a server ends
WOKEN_AGAIN_S = 5.0  # the reconciler tells again of what still waits, so that words unheard need not pile up


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def places_for(robots: int) -> int:
    """How many servers that many robots need: one for each batch full of them."""
    return max(1, min(settings.REINS_SERVERS_PER_POLICY, math.ceil(robots / settings.REINS_SERVING_BATCH)))


def asking(of: redis.Redis, policy: str, within_s: float = IDLE_S) -> int:
    """Robots that have asked this policy lately."""
    after_s = time.time() - within_s
    return int(of.zcount(places().asks(policy), after_s, "+inf"))


def want(policy: str, servers: int = 1) -> None:
    """At least so many servers of a policy are to run.  Nothing happens for one that may not be used any more."""
    if not PolicyVersion.objects.usable().filter(pk=policy).exists():
        return
    for place in range(servers):
        row, _ = PolicyServer.objects.get_or_create(policy_id=policy, place=place)
        if row.ask():
            wake(row.pk)


def expect(policy: str) -> None:
    """Robots will ask this policy soon: a server is begun before the first question."""
    of = client()
    try:
        of.zadd(places().wanted(), {policy: time.time()})
    except (redis.exceptions.RedisError, OSError) as error:
        _log.warning("policy %s is begun with its first question (%s)", policy, error)
        return
    finally:
        of.close()
    want(policy)


def wake(server: str) -> None:
    """Tells a worker to look.  Without a broker the row waits for the reconciler."""
    from policies import jobs

    try:
        jobs.serve.apply_async((server,), expires=WOKEN_AGAIN_S)
    except OperationalError as error:
        _log.warning("server %s waits: the broker cannot be reached (%s)", server, error)


def reconcile() -> None:
    """Begins what robots ask for and nobody does; lets rest what nobody asks for."""
    of = client()
    try:
        after_s = time.time() - IDLE_S
        asked: list[Any] = of.zrangebyscore(places().wanted(), after_s, "+inf")  # type: ignore[assignment]
        robots = {policy.decode(): asking(of, policy.decode()) for policy in asked}
    finally:
        of.close()
    for policy, count in robots.items():
        want(policy, places_for(count))
    alone = PolicyServer.objects.orphaned().exclude(policy__in=robots)
    alone.update(state="done", ended_at=timezone.now())
