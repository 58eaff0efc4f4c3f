"""Celery's part of the fleet: the audit chain's head leaves the database daily, so that a cut tail shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from celery import shared_task
from django.conf import settings

from fleet import audit
from fleet.models import EnrolmentCode


@shared_task
def write_audit_head() -> None:
    folder = Path(settings.REINS_DATA_DIR) / "audit-heads"
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    part = folder / "head.part"
    part.write_text(json.dumps({"at": now.isoformat(), **audit.head()}))
    part.replace(folder / f"{now:%Y-%m-%d}.json")


@shared_task
def forget_old_codes() -> None:
    """Codes that expired long ago and let nobody in."""
    from datetime import timedelta

    EnrolmentCode.objects.filter(used_at=None, expires_at__lt=datetime.now(UTC) - timedelta(days=7)).delete()
