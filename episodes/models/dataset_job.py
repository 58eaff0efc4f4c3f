"""Long work on a frozen dataset version: exporting it, or reading every byte of it again.  The row is the truth."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from episodes.models.dataset import DatasetVersion
from fleet.long_work import LongWork, LongWorkQuerySet
from fleet.models import Person, new_id

KEPT = datetime.timedelta(days=7)  # an archive that nobody needs any more goes


class DatasetJobQuerySet(LongWorkQuerySet["DatasetJob"]):
    def old(self) -> DatasetJobQuerySet:
        return self.filter(kind="export", state="done", ended_at__lt=timezone.now() - KEPT)


class DatasetJob(LongWork):
    """As long work goes; a done export expires with its archive."""

    KINDS = ("export", "verify")
    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {**LongWork.TRANSITIONS, "done": ("expired",), "expired": ()}
    AGAIN: ClassVar[dict[str, Any]] = {"done": 0, "step": ""}

    id = models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=10, choices=[(name, name) for name in KINDS])
    state = models.CharField(max_length=10, default="queued", choices=[(name, name) for name in TRANSITIONS])
    asked_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")
    done = models.PositiveIntegerField(default=0)  # episodes
    total = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=120, blank=True)  # what is being done, in words
    result: models.JSONField[Any, Any] = models.JSONField(default=dict)  # export: bytes, sha256; verify: damages

    objects = DatasetJobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        indexes: ClassVar = [models.Index(fields=["state", "heartbeat"])]

    def __str__(self) -> str:
        return f"{self.kind} of {self.version_id}: {self.state}"

    @property
    def expires_at(self) -> datetime.datetime | None:
        return self.ended_at + KEPT if self.ended_at else None

    def expire(self) -> bool:
        changed = DatasetJob.objects.filter(pk=self.pk, state="done").update(state="expired")
        self.refresh_from_db()
        return bool(changed)
