"""Where the files of runs lie: traces, and the pictures that help requests show."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from fleet.models import is_id
from protocol.errors import Refused


def trace(run: str) -> Path:
    return _folder(run) / "trace.jsonl"


def clip(run: str, request: str) -> Path:
    return _folder(run) / f"{_checked(request)}.clip"


def _folder(run: str) -> Path:
    return Path(settings.REINS_MEDIA_DIR) / "runs" / _checked(run)[:2] / run


def _checked(id: str) -> str:
    if not is_id(id):
        raise Refused("not_found", "There is nothing with this name.")
    return id
