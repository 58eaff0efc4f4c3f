"""One recorded and checked episode for all tests of the matrix; nothing remembered from the test before."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.forms.models import model_to_dict

from episodes import jobs, storage
from episodes.models import Episode
from episodes.services import uploads as services
from tests.episodes.rig import manifest, recorded, world
from tests.fleet.conftest import forgetful, hung_up, lab
from tests.matrix.world import THEIRS

__all__ = ["forgetful", "hung_up", "lab"]


@pytest.fixture(scope="session")
def kept(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(media folder, fields of the episode's row) of an episode that went the whole way once; the rows are gone again."""
    media = tmp_path_factory.mktemp("media")
    patch = pytest.MonkeyPatch()
    patch.setattr(settings, "REINS_MEDIA_DIR", media)
    patch.setattr(settings, "REINS_MEDIA_RESERVE_MB", 1)
    with django_db_blocker.unblock(), transaction.atomic():
        robot = world().robot
        folder = recorded(tmp_path_factory.mktemp("robot"), robot.pk, 12, "Stack the secret blocks")
        upload = services.start_upload(robot, folder.name, manifest(folder))
        _bring(upload, folder)
        services.complete(upload)
        jobs.check_episode(folder.name)
        fields = model_to_dict(Episode.objects.get(pk=folder.name), exclude=["organisation", "site", "robot", "removed_by"])
        fields["id"] = folder.name
        for place in (storage.folder, storage.derived):
            shutil.copytree(place(folder.name), place(THEIRS))
        transaction.set_rollback(True)
    patch.undo()
    yield media, fields


def _bring(upload: Any, folder: Path) -> None:
    for path, file in manifest(folder).items():
        raw = (folder / path).read_bytes()
        if file.bytes:
            services.keep_piece(upload, path, 0, hashlib.sha256(raw).hexdigest(), raw)
