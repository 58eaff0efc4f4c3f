"""One row per operator connected to a robot."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fleet.models import Robot


class ControlSession(models.Model):
    """From the offer that reached the robot to the end of the connection.  `waterfall` holds medians in milliseconds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    robot = models.ForeignKey(Robot, on_delete=models.CASCADE, related_name="control_sessions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="control_sessions")
    fingerprint = models.CharField(max_length=100)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=60, blank=True)
    waterfall: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        indexes: ClassVar = [models.Index(fields=["robot", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.person_id} at {self.robot_id} since {self.started_at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def end(cls, id: str, reason: str, waterfall: dict[str, float] | None = None) -> None:
        """Ends a session once; a later end changes nothing but may bring the waterfall."""
        open_rows = cls.objects.filter(pk=id, ended_at=None)
        open_rows.update(ended_at=timezone.now(), end_reason=reason[:60])
        if waterfall:
            cls.objects.filter(pk=id).update(waterfall=waterfall)
