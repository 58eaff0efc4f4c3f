"""Whoever looks at a policy's page sees who serves it, how fast, and why not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from policies.models import PolicyServer, PolicyVersion
from policies.services import registry, serving
from policies.serving.health import Health
from tests.episodes.rig import World
from tests.policies.serving.rig import PLACES, client, leave, question


@pytest.fixture
def policy(here: World, starter: Path, monkeypatch: pytest.MonkeyPatch) -> PolicyVersion:
    monkeypatch.setattr("policies.services.serving.wake", lambda server: None)
    client().flushall()
    return registry.bring(starter, here.site.organisation, None)


def look(here: World, policy: PolicyVersion) -> dict[str, Any]:
    page = Client()
    page.force_login(here.mina, backend="django.contrib.auth.backends.ModelBackend")
    answer = page.get(f"/api/policies/{policy.pk}/serving")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_policy_that_nobody_has_asked_has_no_servers(here: World, policy: PolicyVersion) -> None:
    assert look(here, policy) == {"policy": policy.pk, "asking": 0, "waiting": 0, "servers": [], "unknown": ""}


def test_a_server_that_answers_says_how_fast_and_for_whom(here: World, policy: PolicyVersion) -> None:
    serving.want(policy.pk)
    row = PolicyServer.objects.get()
    row.claim("here:1")
    leave(question(policy=policy.pk))
    health = Health(
        server=row.pk, worker="here:1", at_s=time.time(), ready_s=0, batches=4, answered=9, robots=3, last_batch_s=1e9,
        batch_mean=2.5, p50_ms=11.0, p99_ms=30.0,
    )  # fmt: skip
    client().hset(PLACES.health(policy.pk), row.pk, msgspec.msgpack.encode(health))
    seen = look(here, policy)
    assert (seen["asking"], seen["waiting"]) == (1, 1)
    [server] = seen["servers"]
    assert (server["state"], server["owner"], server["place"], server["deaths"]) == ("running", "here:1", 0, 0)
    wanted = {"batches": 4, "answered": 9, "robots": 3, "batch_mean": 2.5, "p50_ms": 11.0, "p99_ms": 30.0}
    assert {name: server["health"][name] for name in wanted} == wanted
    assert server["health"]["last_batch_at"] == "2001-09-09T01:46:40Z"


def test_what_went_wrong_is_there_and_silence_is_no_health(here: World, policy: PolicyVersion) -> None:
    row = PolicyServer.objects.create(policy=policy, state="failed", problem_code="server_dies", problem="It died.")
    old = Health(server=row.pk, worker="w", at_s=time.time() - 60, ready_s=0)
    client().hset(PLACES.health(policy.pk), row.pk, msgspec.msgpack.encode(old))
    [server] = look(here, policy)["servers"]
    assert (server["state"], server["problem"], server["health"]) == ("failed", "It died.", None)


def test_without_redis_it_says_what_is_not_known(here: World, policy: PolicyVersion, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis" in look(here, policy)["unknown"]
