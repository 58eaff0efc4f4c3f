"""Many at once against a real database: `python -m tests.fleet.race append|enrol|complete`, with DATABASE_URL; prints JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

MANY, EACH = 8, 5


def together(work: Callable[[int], None]) -> None:
    from django.db import connection

    barrier = threading.Barrier(MANY)

    def one(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def append() -> dict[str, Any]:
    from fleet import audit
    from fleet.models import AuditEntry

    together(lambda number: [audit.append(f"thread {number}", "raced", n=n) for n in range(EACH)] and None)
    numbers = list(AuditEntry.objects.order_by("number").values_list("number", flat=True))
    return {"numbers": numbers, "problems": list(audit.problems())}


def enrol() -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from fleet import robots
    from fleet.models import Organisation, Person, Robot, Site
    from protocol.errors import Refused
    from tests.fleet.rig import embodiment, public_key

    site = Site.objects.create(organisation=Organisation.objects.create(name="Lab"), name="West")
    _, code = robots.make_code(Person.objects.create_user("admin"), site, "kestrel-1")
    outcomes: list[str] = []

    def use(number: int) -> None:
        try:
            robots.enrol(code, public_key(Ed25519PrivateKey.generate()), embodiment(), "0.1.0", 1)
            outcomes.append("enrolled")
        except Refused as refusal:
            outcomes.append(refusal.code)

    together(use)
    return {"outcomes": sorted(outcomes), "robots": Robot.objects.count()}


def complete() -> dict[str, Any]:
    """One upload that is said to be complete many times at once."""
    import tempfile
    from pathlib import Path

    from episodes.models import Episode
    from episodes.services import uploads as services
    from tests.episodes.rig import announced, recorded, world

    here = world()
    with tempfile.TemporaryDirectory() as folder:
        episode = recorded(Path(folder), here.robot.pk, 12)
        announced(episode, here.robot)
        outcomes: list[str] = []

        def say(number: int) -> None:
            try:
                outcomes.append(services.complete(services.upload_of(here.robot, episode.name)).state)
            except Exception as error:
                outcomes.append(repr(error))

        together(say)
    return {"outcomes": sorted(outcomes), "episodes": Episode.objects.count()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("flush", verbosity=0, interactive=False)
    print(json.dumps({"append": append, "enrol": enrol, "complete": complete}[sys.argv[1]]()))
