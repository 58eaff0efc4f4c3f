"""An episode on its way from a robot: rows and their state changes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from fleet.models import Robot


class Upload(models.Model):
    """An episode on its way from a robot.  receiving -> kept (whole, confirmed) or refused (will never be taken)."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {"receiving": ("kept", "refused"), "kept": (), "refused": ()}

    id = models.CharField(max_length=32, primary_key=True)  # the episode's id, made by the robot
    robot = models.ForeignKey(Robot, on_delete=models.PROTECT, related_name="uploads")
    state = models.CharField(max_length=12, default="receiving", choices=[(name, name) for name in TRANSITIONS])
    sentence = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.id[:8]} from {self.robot_id}: {self.state}"

    def become(self, state: str, sentence: str = "") -> bool:
        """False when the row was not in a state that leads there: somebody else was first."""
        sources = [source for source, targets in self.TRANSITIONS.items() if state in targets]
        row = Upload.objects.filter(pk=self.pk, state__in=sources)
        changed = row.update(state=state, sentence=sentence[:300], ended_at=timezone.now())
        self.refresh_from_db()
        return bool(changed)

    def offsets(self) -> dict[str, int]:
        return dict(self.files.values_list("path", "offset"))

    def hashes(self) -> dict[str, str]:
        return dict(self.files.values_list("path", "sha256"))


class UploadFile(models.Model):
    """One file of the folder: what it will be, and how much of it has arrived."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=60)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    offset = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["upload", "path"], name="upload_file_once"),
            models.CheckConstraint(condition=Q(offset__gte=0) & Q(offset__lte=F("size")), name="upload_offset_in_file"),
        ]

    def __str__(self) -> str:
        return f"{self.path} {self.offset}/{self.size}"

    def advance(self, start: int, end: int) -> bool:
        """True when this call moved the offset; False when another one had."""
        changed = UploadFile.objects.filter(pk=self.pk, offset=start).update(offset=end)
        return bool(changed)
