"""What was made from dataset versions, as the packages that make things of them know it."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils.module_loading import import_string

from episodes.models import DatasetVersion


def users_of(versions: Iterable[DatasetVersion]) -> list[dict[str, str]]:
    """[{kind, id, name, version}] of trainings and policies, from the functions named in `REINS_VERSION_USERS`."""
    ids = [version.pk for version in versions]
    return [user for path in settings.REINS_VERSION_USERS for user in import_string(path)(ids)]
