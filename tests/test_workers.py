"""Work that takes hours holds up no other, and what is asked every few seconds does not pile up while nobody listens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from config import celery, demo
from episodes import jobs

ROOT = Path(__file__).resolve().parents[1]


def queue_of(task: str) -> str:
    return str(celery.app.amqp.router.route({}, task)["queue"].name)


def test_exports_have_workers_of_their_own_and_every_queue_is_served() -> None:
    assert queue_of(jobs.do_dataset_job.name) == "datasets"
    assert queue_of(jobs.check_episode.name) == queue_of(jobs.erasures.name) == "default"
    wanted = {queue_of(name) for name in celery.app.tasks}
    in_compose = re.findall(r"--queues ([\w,]+)", (ROOT / "docker-compose.yml").read_text())
    in_demo = [queue for _, queues, _, _ in demo.WORKERS for queue in queues.split(",")]
    assert sorted(in_compose) == sorted(in_demo) == ["datasets", "default", "inference", "train"]
    assert wanted <= set(in_demo)


def test_a_server_of_a_policy_that_lives_for_half_an_hour_has_workers_of_its_own() -> None:
    assert queue_of("policies.serve") == "inference"
    assert queue_of("policies.reconcile_servers") == "default"


@pytest.mark.parametrize("name", [name for name, one in settings.CELERY_BEAT_SCHEDULE.items() if one["schedule"] < 3600])
def test_what_is_repeated_soon_expires_unheard(name: str) -> None:
    planned = settings.CELERY_BEAT_SCHEDULE[name]
    assert planned["options"]["expires"] <= 2 * planned["schedule"]
