"""Work that takes hours holds up no other, and what is asked every few seconds does not pile up while nobody listens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from config import celery
from episodes import jobs

ROOT = Path(__file__).resolve().parents[1]


def queue_of(task: str) -> str:
    return str(celery.app.amqp.router.route({}, task)["queue"].name)


def test_exports_have_workers_of_their_own_and_every_queue_is_served() -> None:
    assert queue_of(jobs.do_dataset_job.name) == "datasets"
    assert queue_of(jobs.check_episode.name) == queue_of(jobs.erasures.name) == "default"
    wanted = {queue_of(name) for name in celery.app.tasks}
    in_compose = re.findall(r"--queues ([\w,]+)", (ROOT / "docker-compose.yml").read_text())
    in_demo = re.findall(r'"--queues",\s*"([\w,]+)"', (ROOT / "config" / "demo.py").read_text())
    assert {queue for one in in_demo for queue in one.split(",")} >= {"default", "datasets"}
    assert sorted(in_compose) == ["datasets", "default"]
    assert wanted == {"datasets", "default"}


@pytest.mark.parametrize("name", [name for name, one in settings.CELERY_BEAT_SCHEDULE.items() if one["schedule"] < 3600])
def test_what_is_repeated_soon_expires_unheard(name: str) -> None:
    planned = settings.CELERY_BEAT_SCHEDULE[name]
    assert planned["options"]["expires"] <= 2 * planned["schedule"]
