"""Two at once with the same episodes on a real PostgreSQL: `python -m tests.episodes.race NAME`, with DATABASE_URL; prints JSON.

The second begins while the first is in the middle of its transaction, and the first goes on once the second has ended or
waits for a lock; so the outcome hangs on locks alone, never on time.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@contextmanager
def amid(target: Any, name: str, other: Callable[[], Any]) -> Iterator[list[Any]]:
    """Where `target.name` is called first, `other` begins in a thread of its own; its answer or refusal is put into the list."""
    from django.db import connection

    from protocol.errors import Refused

    said: list[Any] = []
    threads: list[threading.Thread] = []
    real = getattr(target, name)

    def second() -> None:
        try:
            said.append(other())
        except Refused as refused:
            said.append(refused.code)
        except Exception as error:
            said.append(repr(error))
        finally:
            connection.close()

    def first(*args: Any, **options: Any) -> Any:
        if not threads:
            threads.append(threading.Thread(target=second))
            threads[0].start()
            while threads[0].is_alive() and not _somebody_waits():
                threads[0].join(0.02)
        return real(*args, **options)

    with mock.patch.object(target, name, first):
        yield said
        for thread in threads:
            thread.join()


def _somebody_waits() -> bool:
    import psycopg
    from django.conf import settings

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as watching:
        assert settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
        return watching.execute(WAITING).fetchone() != (0,)


def brought_back_while_purged(folder: Path) -> dict[str, Any]:
    from django.utils import timezone

    from episodes import storage
    from episodes.models import Episode
    from episodes.services import datasets, retention
    from episodes.services import episodes as services
    from tests.episodes.rig import received, recorded, world

    here = world()
    made = received(recorded(folder, here.robot.pk, 12), here.robot, checked=False)
    now = timezone.now()
    Episode.objects.update(removed_at=now, purge_at=now)
    made.refresh_from_db()
    with amid(datasets, "withdraw", lambda: services.restore(made, here.mina)) as said:
        purged = retention.purge(now)
    return {"purged": purged, "brought_back": said, "there": storage.is_there(made.pk)}


def forgotten_while_frozen(folder: Path) -> dict[str, Any]:
    """The manifest is made and its episodes are held when somebody has them deleted."""
    from episodes.models import DatasetVersion, Erasure
    from episodes.services import datasets, forgetting
    from tests.episodes.rig import received, recorded, world
    from tests.episodes.test_retention import frozen

    here = world()
    made = received(recorded(folder, here.robot.pk, 12), here.robot)
    with amid(datasets, "_seconds", lambda: forgetting.run(forgetting.ask("p1", here.site.organisation, "asked", "Ada"))) as said:
        frozen(here, made)
    version, erasure = DatasetVersion.objects.get(), Erasure.objects.get()
    named = [one["sha256"] for one in forgetting.verify(erasure.record, erasure.signature)["dataset_versions"]]
    return {"forgotten": said, "state": version.state, "kept": len(version.manifest), "named": named == [version.digest]}


def frozen_while_purged(folder: Path) -> dict[str, Any]:
    from django.utils import timezone

    from episodes.models import DatasetVersion, Episode
    from episodes.services import datasets, retention
    from tests.episodes.rig import received, recorded, world
    from tests.episodes.test_retention import frozen

    here = world()
    made = received(recorded(folder, here.robot.pk, 12), here.robot)
    now = timezone.now()

    def purge() -> int:
        Episode.objects.update(purge_at=now)
        return retention.purge(now)

    with amid(datasets, "_seconds", purge) as said:
        frozen(here, made)
    made.refresh_from_db()
    return {"purged": said, "state": DatasetVersion.objects.get().state, "gone": made.gone_at is not None}


def logged_while_received(folder: Path) -> dict[str, Any]:
    """Something else of the organisation is written into the audit log while an upload becomes an episode."""
    from episodes.models import Episode
    from episodes.services import campaigns
    from fleet import audit
    from tests.episodes.rig import received, recorded, world

    here = world()
    lab = here.site.organisation_id
    with amid(campaigns, "claim", lambda: audit.append("mina", "drove", "kestrel-1", lab).act) as said:
        received(recorded(folder, here.robot.pk, 12), here.robot, checked=False)
    return {"logged": said, "episodes": Episode.objects.count(), "problems": list(audit.problems())}


RACES = (brought_back_while_purged, forgotten_while_frozen, frozen_while_purged, logged_while_received)

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("flush", verbosity=0, interactive=False)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps({race.__name__: race for race in RACES}[sys.argv[1]](Path(name))))
